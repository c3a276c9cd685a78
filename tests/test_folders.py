"""Folders of models without `transformers`: stop tokens, clear errors, odd files, and tokens of `--tokenizer`."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chattpl
import tiny_tokenizers as tiny
from byte_tokenizers import control_tokens, tokenizer_json
from chattpl import compiled
from chattpl.cli import main
from chattpl.errors import ChatTemplateError, SourceError, VocabularyError
from chattpl.tokenizer import Tokenizer
from folder_dialects import TEMPLATE, added, folder, random_files, typed, write

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9085657\n"
ASK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "ok"}]


def saved_by_v5(folder: Path, control: list[str], **config: Any) -> Path:
    """A folder as `transformers` 5 saves it: no `added_tokens_decoder`."""
    return write(folder, {"tokenizer.json": tokenizer_json(control), "tokenizer_config.json": config})


def trained(chat: chattpl.ChatFormat, messages: list[dict[str, Any]], **options: Any) -> str:
    """The text of a conversation with `[[` and `]]` round what is trained."""
    encoded = chat.encode(messages, **options)
    pieces = [chat.tokenizer.decode([token_id]) for token_id in encoded.input_ids.tolist()]
    marked, inside = "", False
    for piece, is_trained in zip(pieces, encoded.loss_mask.tolist(), strict=True):
        marked += ("[[" if is_trained else "]]") * (bool(is_trained) != inside) + piece
        inside = bool(is_trained)
    return marked + "]]" * inside


# ---- stop tokens -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("file", ["generation_config.json", "config.json", "text_config", "thinker_config"])
def test_stop_ids_are_looked_up_in_the_vocabulary(file: str, as_list: bool, tmp_path: Path) -> None:
    home = saved_by_v5(tmp_path, ["<eos>", "<|im_start|>", "<|im_end|>"], eos_token="<eos>")
    config: dict[str, Any] = {"eos_token_id": [256, 258, 9999] if as_list else 258}
    if file == "text_config":
        config = {"model_type": "own", "text_config": config}
    elif file == "thinker_config":
        config = {"thinker_config": {"text_config": config}, "vision_config": {"eos_token_id": 257}}
    name = file if file.endswith(".json") else "config.json"
    (home / name).write_text(json.dumps(config))
    chat = chattpl.load(home)
    assert chat.stop_tokens == ("<eos>", "<|im_end|>")
    assert chat.stop_token_ids == (256, 258)
    assert trained(chat, ASK).endswith("<|im_start|>assistant\n[[ok<|im_end|>]]\n<eos>")


def test_stop_tokens_are_in_order_and_once(tmp_path: Path) -> None:
    home = saved_by_v5(tmp_path, ["<a>", "<b>", "<c>"], eos_token="<c>")
    (home / "generation_config.json").write_text('{"eos_token_id": [257, 258, 256, 257, true, "x", -1, 4294967296]}')
    (home / "config.json").write_text('{"eos_token_id": 65}')
    chat = chattpl.load(home)
    assert chat.stop_tokens == ("<c>", "<b>", "<a>", chat.tokenizer.decode([65]))


def test_a_folder_that_v5_saved_has_the_masks_of_one_that_v4_saved(tmp_path: Path) -> None:
    control = ["<eos>", "<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>"]
    template = (
        "{% for m in messages %}{{ '<|user|>' if m.role == 'user' else '<|assistant|>' }}\n{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    )
    decoder = {str(256 + i): added(token) for i, token in enumerate(control)}
    homes = []
    for name, config in [("v5", {}), ("v4", {"added_tokens_decoder": decoder})]:
        home = saved_by_v5(tmp_path / name, control, eos_token="<eos>", **config)
        (home / "chat_template.jinja").write_text(template)
        (home / "generation_config.json").write_text('{"eos_token_id": [256, 259]}')
        homes.append(chattpl.load(home))
    messages = [*ASK, {"role": "user", "content": "q"}]
    assert homes[0].stop_tokens == homes[1].stop_tokens == ("<eos>", "<|user|>")
    assert [trained(chat, messages) for chat in homes] == ["<|user|>\nq<|assistant|>\n[[ok<|user|>]]\nq"] * 2


CALL = {"type": "function", "function": {"name": "w", "arguments": {"city": "X"}}}
TOOLS = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "name": "w", "content": "RES"},
    {"role": "assistant", "content": "ok"},
]
TURNS = [*ASK, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]
F1: dict[str, tuple[str, list[str], Any, list[str]]] = {
    "trl__gemma4_v5.jinja": (
        "<eos>",
        ["<eos>", "<turn|>", "<|tool_response>"],
        TOOLS,
        ["[[<|tool_call>call:w", "<tool_call|><|tool_response>]]response:w{value:", "[[ok<turn|>]]\n"],
    ),
    "lcpp__GLM-4.6.jinja": (
        "<|endoftext|>",
        ["<|endoftext|>", "<|user|>", "<|observation|>"],
        TURNS,
        ["[[\n<think></think>\nok<|user|>]]\nr<|assistant|>[[\n<think></think>\nb]]"],
    ),
    "trl__phi3.jinja": (
        "<|endoftext|>",
        ["<|endoftext|>", "<|end|>"],
        TURNS,
        ["[[ok<|end|>]]\n<|user|>\nr<|end|>\n<|assistant|>\n[[b<|end|>]]\n<|endoftext|>"],
    ),
}


@pytest.mark.parametrize("name", F1)
def test_models_learn_to_stop_though_v5_saved_them(name: str, conformance: Path, tmp_path: Path) -> None:
    eos, stops, messages, expected = F1[name]
    template = (conformance / "templates" / name).read_text()
    others = control_tokens(template, "<|user|><|assistant|><|system|><|end|><bos>")
    control = list(dict.fromkeys([*stops, *others]))
    home = saved_by_v5(tmp_path, control, eos_token=eos)
    (home / "chat_template.jinja").write_text(template)
    ids = [256 + control.index(stop) for stop in stops]
    (home / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    chat = chattpl.load(home)
    assert chat.stop_token_ids == tuple(ids)
    text = trained(chat, messages, special_tokens="parity")
    assert all(part in text for part in expected), text


# ---- folders without a tokenizer.json --------------------------------------------------------------------------------


def sentencepiece_model(**settings: Any) -> bytes:
    """A small SentencePiece model of the kind BPE."""
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    lines = [line for text in tiny.CORPUS for line in text.splitlines() if line.strip()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 3),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
        num_threads=1,
        **settings,
    )
    return model.getvalue()


def test_a_folder_with_a_sentencepiece_model_alone_is_read(tmp_path: Path) -> None:
    config = {"bos_token": "<s>", "eos_token": "<|im_end|>", "added_tokens_decoder": {"0": added("<unk>")}}
    home = write(tmp_path, {"tokenizer_config.json": config})
    (home / "tokenizer.model").write_bytes(sentencepiece_model(user_defined_symbols=["<|im_start|>"]))
    (home / "generation_config.json").write_text('{"eos_token_id": [2]}')
    plain = Tokenizer.from_file(home / "tokenizer.model")
    chat = chattpl.load(home)
    new = plain.vocab_size
    assert chat.special_tokens.items() >= {"<s>": 1, "</s>": 2, "<|im_end|>": new}.items()
    assert chat.stop_tokens == ("<|im_end|>", "</s>")
    assert chat.stop_token_ids == (new, 2)
    assert chat.tokenizer.vocab_size == new + 1
    assert chat.tokenizer.decode([new]) == "<|im_end|>"
    assert trained(chat, ASK).endswith("ok<|im_end|>]]\n<|im_end|>")
    assert Tokenizer.from_file(home).encode("a<|im_end|>b").tolist() == [
        *plain.encode("a").tolist(),
        new,
        *plain.encode("</s>b").tolist()[1:],
    ]


def test_a_folder_with_a_tekken_file_alone_is_read(tmp_path: Path) -> None:
    data = pytest.importorskip("mistral_common").__path__[0]
    home = write(tmp_path, {"tokenizer_config.json": {"bos_token": "<s>", "eos_token": "</s>"}})
    (home / "tekken.json").write_bytes((Path(data) / "data" / "tekken_240718.json").read_bytes())
    chat = chattpl.load(home)
    assert chat.stop_token_ids == (2,)
    assert chat.encode(ASK).input_ids[0] == 1
    (home / "tokenizer_config.json").write_text('{"bos_token": "<s>", "eos_token": "<none of it>"}')
    with pytest.raises(VocabularyError, match="<none of it>") as caught:
        chattpl.load(home).tokenizer  # noqa: B018
    assert "tekken.json" in (caught.value.location or "")


# ---- tokens of a folder for another template -------------------------------------------------------------------------


def test_tokens_of_the_tokenizer_folder_apply_to_a_template(tmp_path: Path) -> None:
    home = saved_by_v5(
        tmp_path / "model", ["<s>", "<|im_start|>", "<|im_end|>"], bos_token="<s>", eos_token="<|im_end|>"
    )
    file = tmp_path / "own.jinja"
    file.write_text(TEMPLATE.replace("{{ eos_token }}", ""))
    chat = chattpl.load(file, tokenizer=home)
    assert chat.token_arguments == {"bos_token": "<s>", "eos_token": "<|im_end|>"}
    assert chat.special_tokens == {"<s>": 256, "<|im_start|>": 257, "<|im_end|>": 258}
    assert chat.encode(ASK).input_ids[0] == 256
    assert trained(chat, ASK).endswith("[[ok<|im_end|>]]\n")
    given = chattpl.load(file, tokenizer=Tokenizer.from_file(home))
    assert given.encode(ASK).input_ids.tolist() == chat.encode(ASK).input_ids.tolist()


def test_a_format_of_the_registry_keeps_its_own_tokens(tmp_path: Path) -> None:
    home = saved_by_v5(tmp_path, ["<s>", "<|im_start|>", "<|im_end|>"], bos_token="<s>", eos_token="<s>")
    chat = chattpl.load("chatml", tokenizer=home)
    assert chat.stop_tokens == chattpl.load("chatml").stop_tokens
    assert chat.special_tokens["<|im_end|>"] == 258


def test_stop_tokens_replace_what_is_known(tmp_path: Path) -> None:
    home = saved_by_v5(tmp_path, ["<s>", "<|im_start|>", "<|im_end|>"], eos_token="<s>")
    assert chattpl.load(home, stop_tokens=["<|im_end|>"]).stop_token_ids == (258,)
    assert trained(chattpl.load(home, stop_tokens=["<|im_end|>"]), ASK).endswith("[[ok<|im_end|>]]\n<s>")
    with pytest.raises(VocabularyError, match="no stop token `<nope>`"):
        chattpl.load(home, stop_tokens=["<|im_end|>", "<nope>"])
    with pytest.raises(ChatTemplateError, match="stop_tokens"):
        chattpl.load(home, stop_tokens="<|im_end|>")


def test_command_line_takes_folder_and_stop_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = saved_by_v5(tmp_path / "model", ["<s>", "<|im_start|>", "<|im_end|>"], bos_token="<s>", eos_token="<s>")
    file, rows = tmp_path / "own.jinja", tmp_path / "rows.jsonl"
    file.write_text(TEMPLATE.replace("{{ eos_token }}", ""))
    rows.write_text(json.dumps({"messages": ASK}) + "\n")
    output = tmp_path / "out.jsonl"
    command = ["encode", "-t", str(file), "--tokenizer", str(home), str(rows), "-o", str(output)]
    assert main([*command, "--stop-token", "<|im_end|>"]) == 0
    row = json.loads(output.read_text())
    assert row["input_ids"][0] == 256
    assert row["loss_mask"][-4:] == [1, 1, 1, 0]
    assert main([*command, "--stop-token", "<nope>"]) == 2
    assert "no stop token `<nope>`" in capsys.readouterr().err


# ---- unclear files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tokenizer.json", LFS, "Git LFS pointer"),
        ("tokenizer.model", LFS, "Git LFS pointer"),
        ("tekken.json", LFS, "Git LFS pointer"),
        ("tiktoken.model", LFS, "Git LFS pointer"),
        ("tokenizer.json", "", "is empty"),
        ("tokenizer.model", "", "is empty"),
        ("tokenizer.json", " \n", "white space"),
        ("tokenizer.json", "<!DOCTYPE html><html>", "web page"),
        ("tokenizer.json", "[1]", "not a JSON object"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vo', "EOF"),
        ("tokenizer.json", '{"model_type": "llama"}', "missing field"),
        ("tokenizer.model", "IQ== 0\nIg== 1\n", "ranks of tiktoken"),
        ("tiktoken.model", "IQ== 0\nIg== 1\n", "ranks of tiktoken"),
        ("vocab.json", "{}", "no tokenizer"),
        ("vocab.txt", "[PAD]\n", "no tokenizer"),
    ],
)
def test_errors_name_the_file_and_what_it_is(name: str, text: str, message: str, tmp_path: Path) -> None:
    home = write(tmp_path, {name: text})
    chat = chattpl.load(home)
    assert chat.render(ASK).text
    with pytest.raises(VocabularyError, match=message) as caught:
        chat.encode(ASK)
    assert str(home) in (caught.value.location or "")
    if text == LFS:
        assert "git lfs pull" in (caught.value.hint or "")
    with pytest.raises(VocabularyError, match=message):
        Tokenizer.from_file(home)


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json", "generation_config.json"])
def test_a_pointer_in_place_of_a_configuration_is_named(name: str, tmp_path: Path) -> None:
    home = write(tmp_path, {**folder("qwen", {}), name: LFS})
    with pytest.raises(SourceError, match="Git LFS pointer") as caught:
        chattpl.load(home)
    assert caught.value.location == str(home / name)


def test_classes_that_are_not_followed_name_the_way_out(tmp_path: Path) -> None:
    home = write(tmp_path, folder("unigram", {"tokenizer_class": "T5Tokenizer"}))
    with pytest.raises(VocabularyError, match="`T5Tokenizer`") as caught:
        chattpl.load(home).tokenizer  # noqa: B018
    file = home / "tokenizer.json"
    assert str(file) in (caught.value.hint or "")
    assert chattpl.load(home, tokenizer=file).tokenizer.vocab_size > 200


# ---- odd configurations ----------------------------------------------------------------------------------------------

ODD: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", "\ud800", [], [None], [[]], {}, {"content": 1}, {"": {}}]


def mutated(value: Any, choose: random.Random) -> Any:
    """The same JSON value with one part replaced by something odd."""
    if isinstance(value, dict) and value and choose.random() < 0.85:
        key = choose.choice(sorted(value))
        changed = {**value, key: mutated(value[key], choose)}
        if choose.random() < 0.1:
            changed[choose.choice(["messages", "eos_token", "now", "x_token", "model_specific_special_tokens"])] = (
                choose.choice(ODD)
            )
        return changed
    if isinstance(value, list) and value and choose.random() < 0.85:
        at = choose.randrange(len(value))
        return [*value[:at], mutated(value[at], choose), *value[at + 1 :]]
    return choose.choice(ODD)


def odd_folders(seeds: range) -> Iterator[tuple[int, dict[str, Any]]]:
    for seed in seeds:
        choose = random.Random(seed)
        files = random_files(seed)
        files.setdefault("tokenizer_config.json", {"eos_token": typed("</s>"), "chat_template": "x"})
        files.setdefault("generation_config.json", {"eos_token_id": [1, 2]})
        files.setdefault("special_tokens_map.json", {"bos_token": added("<s>")})
        name = choose.choice(sorted(files))
        if name == "tokenizer.json":
            whole = json.loads(files[name])
            vocab = whole["model"].pop("vocab")
            whole = mutated(whole, choose)
            if isinstance(whole, dict) and isinstance(whole.get("model"), dict):
                whole["model"]["vocab"] = vocab
            files[name] = whole
        else:
            files[name] = mutated(files[name], choose)
        yield seed, {key: value if isinstance(value, str) else json.dumps(value) for key, value in files.items()}


def test_odd_files_end_in_an_error_of_ours(tmp_path: Path) -> None:
    refused = 0
    for seed, files in odd_folders(range(600)):
        home = write(tmp_path / str(seed), files)
        try:
            chat = chattpl.load(home)
            chat.render(ASK)
            chat.encode(ASK)
        except ChatTemplateError as error:
            assert error.location or "cannot encode this text" in error.message, (seed, error)
            refused += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed} raises {error!r}") from error
    assert 100 < refused < 560


def test_made_up_descriptions_end_in_an_error_of_ours(tmp_path: Path) -> None:
    home = saved_by_v5(tmp_path / "model", ["<s>", "<|im_start|>", "<|im_end|>"], eos_token="<|im_end|>")
    file = tmp_path / "made.chattpl"
    chattpl.load(home).save(file)
    data = file.read_bytes()
    start, _ = compiled._places(data, len(data), "")
    said = json.loads(data[compiled._HEADER_BYTES : start])
    pack = data[start:]
    refused = 0
    for seed in range(400):
        write_description(file, mutated(said, random.Random(seed)), pack)
        try:
            chat = chattpl.load(file)
            repr(chat.info)
            chat.render(ASK)
            chat.encode(ASK)
        except ChatTemplateError:
            refused += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed} raises {error!r}") from error
    assert 100 < refused < 400


def write_description(path: Path, said: Any, pack: bytes) -> None:
    """Writes a compiled format that says what it likes, with a right checksum."""
    import hashlib

    description = json.dumps(said).encode()
    numbers = compiled._NUMBERS.pack(compiled.VERSION, len(description), len(pack))
    checksum = hashlib.sha256(numbers + description).digest()
    path.write_bytes(compiled.MAGIC + numbers + checksum + description + pack)
