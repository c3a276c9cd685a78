"""Folders of models in the dialects that are met: every file that `AutoTokenizer` reads, and every flag."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import tiny_tokenizers as tiny

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{{ image_token }}{{ unk_token }}{{ pad_token }}{{ eos_token }}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Files = dict[str, Any]


def added(content: str, **flags: bool) -> dict[str, Any]:
    """The fields of an added token."""
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    return {"content": content, **plain, **flags}


def typed(content: str, **flags: bool) -> dict[str, Any]:
    """The fields of an added token as `tokenizer_config.json` writes those with a name."""
    return {"__type": "AddedToken", **added(content, **flags)}


@cache
def tokenizer_json(kind: str) -> str:
    """The text of a small tokenizer.json."""
    if kind in ("unigram", "wordpiece"):
        return _trained(kind)
    return tiny.named()[kind].json()


def _trained(kind: str) -> str:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "<s>", "</s>"]
    if kind == "unigram":
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer: Any = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="[UNK]", show_progress=False
        )
    else:
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    made.train_from_iterator(tiny.CORPUS, trainer)
    text: str = made.to_str()
    return text


def changed(kind: str, **parts: Any) -> str:
    """The text of a small tokenizer.json with other parts."""
    return json.dumps({**json.loads(tokenizer_json(kind)), **parts}, ensure_ascii=False)


def write(folder: Path, files: Files) -> Path:
    """Writes a folder with the template; values that are no text as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in {"chat_template.jinja": TEMPLATE, **files}.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return folder


def folder(kind: str, config: dict[str, Any] | None = None, /, **files: Any) -> Files:
    """The files of a folder; a name is written without `.json`."""
    made: Files = {"tokenizer.json": tokenizer_json(kind)}
    if config is not None:
        made["tokenizer_config.json"] = config
    return {**made, **{f"{name}.json": value for name, value in files.items()}}


GENERIC = "PreTrainedTokenizerFast"
_CHATML = ["<|im_start|>", "<|im_end|>"]
_NEW = {"700": added("<|im_start|>"), "701": added("<|im_end|>"), "702": added("<think>", special=False)}


def dialects() -> dict[str, Files]:
    """The folders by name."""
    found: dict[str, Files] = {}
    for kind in ("qwen", "llama3", "gpt2 as shipped", "llama2", "mistral v3", "gemma", "unigram", "wordpiece"):
        found[f"{kind}: no config"] = folder(kind)
        found[f"{kind}: v4"] = folder(
            kind,
            {"tokenizer_class": GENERIC, "bos_token": "<s>", "eos_token": "</s>", "added_tokens_decoder": _NEW},
        )
        found[f"{kind}: list of extra tokens"] = folder(
            kind, {"tokenizer_class": GENERIC, "eos_token": "<|im_end|>", "additional_special_tokens": _CHATML}
        )
        found[f"{kind}: added_tokens.json"] = folder(
            kind,
            {"tokenizer_class": GENERIC, "eos_token": "<|im_end|>"},
            added_tokens={"<|im_end|>": 701, "<|im_start|>": 700, "<think>": 702},
        )
    generic: dict[str, Any] = {"tokenizer_class": GENERIC}
    more: dict[str, Files] = {
        "extra list": folder("qwen", {**generic, "extra_special_tokens": [*_CHATML, typed("<x>", rstrip=True)]}),
        "extra mapping": folder(
            "qwen", {**generic, "extra_special_tokens": {"image_token": "<image>", "audio_token": typed("<audio>")}}
        ),
        "extra mapping of another name": folder("qwen", {**generic, "extra_special_tokens": {"boi": "<boi>"}}),
        "extra mapping renames eos": folder(
            "qwen", {**generic, "eos_token": "</s>", "extra_special_tokens": {"eos_token": "<|im_end|>"}}
        ),
        "both lists": folder(
            "qwen", {**generic, "additional_special_tokens": ["<a>"], "extra_special_tokens": ["<b>"]}
        ),
        "empty extra": folder("qwen", {**generic, "additional_special_tokens": ["<a>"], "extra_special_tokens": []}),
        "model specific": folder("qwen", {**generic, "model_specific_special_tokens": {"image_token": "<image>"}}),
        "model specific beside a named one": folder(
            "qwen", {**generic, "image_token": "<i>", "model_specific_special_tokens": {"video_token": "<v>"}}
        ),
        "top-level tokens": folder(
            "qwen", {**generic, "image_token": "<image>", "boi_token": typed("<boi>"), "eoi_token": {"content": "<e>"}}
        ),
        "typed tokens": folder(
            "llama2", {**generic, "bos_token": typed("<s>"), "eos_token": typed("</s>", lstrip=True)}
        ),
        "typed tokens, normalized": folder(
            "llama2",
            {**generic, "bos_token": typed("<s>", normalized=True), "eos_token": typed("<e>", normalized=True)},
        ),
        "null tokens": folder("qwen", {**generic, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": None}),
        "think is special": folder(
            "qwen", {**generic, "added_tokens_decoder": {"603": added("<think>", special=True)}}
        ),
        "im_end is not special": folder(
            "qwen", {**generic, "added_tokens_decoder": {"601": added("<|im_end|>", special=False)}}
        ),
        "special by its name": folder(
            "qwen",
            {
                **generic,
                "eos_token": "<think>",
                "added_tokens_decoder": {"603": added("<think>", special=False, normalized=True)},
            },
        ),
        "strips": folder(
            "qwen",
            {
                **generic,
                "added_tokens_decoder": {
                    "600": added("<|im_start|>", rstrip=True),
                    "601": added("<|im_end|>", lstrip=True),
                    "603": added("<think>", special=False, lstrip=True, rstrip=True),
                },
            },
        ),
        "single word": folder(
            "qwen", {**generic, "added_tokens_decoder": {"603": added("<think>", single_word=True, special=False)}}
        ),
        "normalized": folder(
            "llama2",
            {**generic, "added_tokens_decoder": {"900": added("the dog", normalized=True, special=False)}},
        ),
        "other ids than the file": folder("qwen", {**generic, "added_tokens_decoder": {"257": added("<x>")}}),
        "token of the model": folder("qwen", {**generic, "eos_token": "dog", "pad_token": "the"}),
        "decoder without flags": folder(
            "qwen", {**generic, "added_tokens_decoder": {"900": {"content": "<x>"}, "901": {"content": "<y>"}}}
        ),
        "map file": folder(
            "llama2",
            generic,
            special_tokens_map={
                "bos_token": {"content": "<s>", "lstrip": False, "normalized": False, "rstrip": False},
                "eos_token": "<|im_end|>",
                "additional_special_tokens": _CHATML,
                "image_token": "<image>",
            },
        ),
        "map file beside a decoder": folder(
            "llama2",
            {**generic, "added_tokens_decoder": {"1": added("<s>")}, "eos_token": "</s>"},
            special_tokens_map={"eos_token": "<|im_end|>", "bos_token": "<s>"},
        ),
        "map file with a list": folder(
            "llama2",
            {**generic, "extra_special_tokens": ["<a>"]},
            special_tokens_map={"extra_special_tokens": ["<a>", {"content": "<b>", "lstrip": True}]},
        ),
        "map file with a flagged list": folder(
            "llama2", generic, special_tokens_map={"extra_special_tokens": [added("<b>")]}
        ),
        "map file with a mapping": folder(
            "llama2", generic, special_tokens_map={"extra_special_tokens": {"image_token": "<image>"}}
        ),
        "map file with objects in a list": folder(
            "llama2", generic, special_tokens_map={"additional_special_tokens": [added("<a>")]}
        ),
        "only the map file": folder("llama2", None, special_tokens_map={"bos_token": "<s>", "eos_token": "</s>"}),
        "added beside a decoder": folder(
            "llama2", {**generic, "added_tokens_decoder": {}}, added_tokens={"<|im_end|>": 813}
        ),
        "added and special": folder(
            "llama2",
            {**generic, "eos_token": "<|im_end|>", "extra_special_tokens": ["<x>"]},
            added_tokens={"<|im_end|>": 814, "<x>": 813, "plain words": 815},
        ),
        "added and typed": folder(
            "llama2", {**generic, "eos_token": typed("<|im_end|>")}, added_tokens={"<|im_end|>": 813}
        ),
        "padding in the file": {
            "tokenizer.json": changed(
                "qwen",
                padding={
                    "strategy": "BatchLongest",
                    "direction": "Right",
                    "pad_to_multiple_of": None,
                    "pad_id": 0,
                    "pad_type_id": 0,
                    "pad_token": "[PAD]",
                },
            ),
            "tokenizer_config.json": generic,
        },
        "object without a type": folder("llama2", {**generic, "bos_token": {"content": "<s>"}}),
        "null decoder": folder("llama2", {**generic, "added_tokens_decoder": None}),
        "class of another type": folder("llama2", {"tokenizer_class": 5}),
        "padding on no side": folder("llama2", {**generic, "padding_side": "top"}),
        "added_tokens.json of another shape beside a decoder": {
            **folder("llama2", {**generic, "added_tokens_decoder": {}}),
            "added_tokens.json": "[]",
        },
        "custom code": folder("llama2", {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["a.Own", None]}}),
        "custom code and a class": folder(
            "llama2", {"tokenizer_class": GENERIC, "auto_map": {"AutoTokenizer": ["a.Own", None]}}
        ),
        "unknown class": folder("llama2", {"tokenizer_class": "OwnTokenizer"}),
        "split special tokens": folder("qwen", {**generic, "split_special_tokens": True}),
        "class of the model": folder("llama2", {}, config={"model_type": "gemma", "tokenizer_class": "Own"}),
    }
    found.update(more)
    classes = {
        "LlamaTokenizer": "llama2",
        "LlamaTokenizerFast": "mistral v3",
        "CodeLlamaTokenizer": "llama2",
        "GemmaTokenizer": "gemma",
        "GemmaTokenizerFast": "llama2",
        "Qwen2Tokenizer": "qwen",
        "Qwen2TokenizerFast": "llama3",
        "Qwen3_5Tokenizer": "qwen3.5",
        "CohereTokenizerFast": "qwen",
        "GPT2Tokenizer": "gpt2 as shipped",
        "GPTNeoXTokenizerFast": "gpt2 as shipped",
        "BertTokenizer": "wordpiece",
        "T5Tokenizer": "unigram",
        "RobertaTokenizer": "gpt2 as shipped",
    }
    for name, kind in classes.items():
        found[f"{name}: {kind}"] = folder(kind, {"tokenizer_class": name})
        found[f"{name}: {kind}, legacy"] = folder(
            kind,
            {
                "tokenizer_class": name,
                "legacy": True,
                "add_prefix_space": True,
                "add_bos_token": True,
                "eos_token": "<|im_end|>",
                "additional_special_tokens": _CHATML,
            },
        )
        found[f"{name}: {kind}, no prefix, decoder"] = folder(
            kind,
            {
                "tokenizer_class": name,
                "legacy": False,
                "add_prefix_space": False,
                "bos_token": "<s>",
                "pad_token": None,
                "image_token": "<image>",
                "added_tokens_decoder": {**_NEW, "0": added("<unk>")},
            },
        )
    for model_type, name, kind in [
        ("llama", "LlamaTokenizerFast", "llama3"),
        ("mistral", "LlamaTokenizerFast", "llama2"),
        ("mistral", "LlamaTokenizerFast", "qwen"),
        ("qwen2", "LlamaTokenizerFast", "qwen"),
        ("qwen3", "PreTrainedTokenizerFast", "qwen"),
        ("phi3", "LlamaTokenizer", "llama2"),
        ("gemma3", "GemmaTokenizer", "gemma"),
        ("gemma2", "PreTrainedTokenizerFast", "gemma"),
        ("glm4", "PreTrainedTokenizerFast", "qwen"),
        ("cohere", "CohereTokenizer", "qwen"),
        ("code_llama", "LlamaTokenizer", "llama2"),
        ("phi", "CodeGenTokenizer", "gpt2 as shipped"),
        ("arctic", "LlamaTokenizer", "llama2"),
        ("unheard", "LlamaTokenizer", "llama2"),
    ]:
        found[f"{model_type} with {name}: {kind}"] = folder(
            kind, {"tokenizer_class": name}, config={"model_type": model_type}
        )
        found[f"{model_type} without a class: {kind}"] = folder(kind, {}, config={"model_type": model_type})
    return found


def random_files(seed: int) -> Files:
    """A folder of any mixture of files and fields."""
    choose = random.Random(seed)
    kind = choose.choice(["qwen", "llama3", "gpt2 as shipped", "llama2", "mistral v3", "gemma", "unigram", "wordpiece"])
    contents = ["<s>", "</s>", "<unk>", "[INST]", *_CHATML, "<think>", "<x>", "the", " ", "\n\n", "dog", "é", "<image>"]

    def token() -> Any:
        content = choose.choice(contents)
        flags = {name: choose.random() < 0.3 for name in ("lstrip", "rstrip", "single_word", "normalized", "special")}
        return choose.choice([content, content, typed(content, **flags)])

    def flagged() -> dict[str, Any]:
        flags = {name: choose.random() < 0.3 for name in ("lstrip", "rstrip", "single_word", "normalized", "special")}
        fields = added(choose.choice(contents), **flags)
        if choose.random() < 0.2:
            del fields["normalized"]
        return fields

    config: dict[str, Any] = {}
    for name in ("bos_token", "eos_token", "unk_token", "pad_token", "image_token", "mask_token"):
        if choose.random() < 0.35:
            config[name] = choose.choice([token(), token(), None])
    if choose.random() < 0.4:
        count = choose.randrange(5)
        config["added_tokens_decoder"] = {str(choose.randrange(1200)): flagged() for _ in range(count)}
    for name in ("additional_special_tokens", "extra_special_tokens"):
        if choose.random() < 0.3:
            config[name] = choose.choice([[token() for _ in range(choose.randrange(4))], None])
    if choose.random() < 0.2:
        config["extra_special_tokens"] = {"image_token": token(), "boi": token()}
    if choose.random() < 0.1:
        config["model_specific_special_tokens"] = {"video_token": token()}
    classes = [GENERIC, GENERIC, "LlamaTokenizer", "GemmaTokenizer", "Qwen2Tokenizer", "GPT2Tokenizer"]
    classes += ["CohereTokenizer", "GPTNeoXTokenizer", "CodeLlamaTokenizer", "BertTokenizer", "Qwen3_5Tokenizer"]
    if choose.random() < 0.8:
        config["tokenizer_class"] = choose.choice(classes)
    for name in ("legacy", "add_prefix_space", "add_bos_token"):
        if choose.random() < 0.3:
            config[name] = choose.choice([True, False])
    files = folder(kind, config if choose.random() < 0.9 else None)
    if choose.random() < 0.3:
        made = {
            name: choose.choice([choose.choice(contents), added(choose.choice(contents))]) for name in ("bos_token",)
        }
        files["special_tokens_map.json"] = {**made, "additional_special_tokens": [choose.choice(contents)]}
    if choose.random() < 0.3:
        ids = {choose.choice(contents): choose.randrange(1200) for _ in range(choose.randrange(1, 4))}
        files["added_tokens.json"] = ids
    if choose.random() < 0.3:
        files["config.json"] = {"model_type": choose.choice(["llama", "qwen2", "gemma3", "mistral", "phi3", "cohere2"])}
    return files
