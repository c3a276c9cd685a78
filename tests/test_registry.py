"""What a reference can be: each kind of source, with a real file of its kind."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import chattpl
from gguf_files import STRING, chat_model

TEMPLATE = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}"
MESSAGES = [{"role": "user", "content": "Hi"}]
CONFIG = {
    "bos_token": {"__type": "AddedToken", "content": "<s>", "special": True},
    "eos_token": "</s>",
    "added_tokens_decoder": {
        "2": {"content": "</s>", "special": True},
        "1": {"content": "<s>", "special": True},
        "7": {"content": "<tool>", "special": False},
        "9": {"content": "<|end|>", "special": True},
    },
}


def _write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8", newline="")
    return path


def _model(folder: Path, **config: Any) -> Path:
    _write(folder / "tokenizer_config.json", {**CONFIG, **config})
    return folder


def test_template_file(tmp_path: Path) -> None:
    chat = chattpl.load(_write(tmp_path / "mine.jinja", TEMPLATE))
    assert (chat.name, chat.template_names, chat.token_arguments) == ("mine", ("default",), {})
    assert chat.render(MESSAGES, bos_token="<b>").text == "<b>[user]Hi"
    assert chat.info.source == str(tmp_path / "mine.jinja")


def test_template_file_of_a_model_takes_the_tokens_beside_it(tmp_path: Path) -> None:
    _write(_model(tmp_path) / "chat_template.jinja", TEMPLATE)
    chat = chattpl.load(tmp_path / "chat_template.jinja")
    assert chat.render(MESSAGES).text == "<s>[user]Hi</s>"
    assert "tokenizer_config.json" in chat.info.source


def test_model_folder(tmp_path: Path) -> None:
    _write(_model(tmp_path / "tiny") / "chat_template.jinja", TEMPLATE)
    _write(tmp_path / "tiny" / "generation_config.json", {"eos_token_id": [2, 9, 1000]})
    chat = chattpl.load(str(tmp_path / "tiny"))
    assert chat.name == "tiny"
    assert chat.token_arguments == {"bos_token": "<s>", "eos_token": "</s>"}
    assert chat.special_tokens == {"</s>": 2, "<s>": 1, "<|end|>": 9}
    assert chat.stop_tokens == ("</s>", "<|end|>")
    assert chat.render(MESSAGES).text == "<s>[user]Hi</s>"
    assert chat.render(MESSAGES, eos_token="<e>").text == "<s>[user]Hi<e>"


def test_tokenizer_config_file(tmp_path: Path) -> None:
    _model(tmp_path, chat_template=TEMPLATE)
    assert chattpl.load(tmp_path / "tokenizer_config.json").render(MESSAGES).text == "<s>[user]Hi</s>"


def test_template_file_comes_before_the_configuration(tmp_path: Path) -> None:
    _write(_model(tmp_path, chat_template="from the configuration") / "chat_template.jinja", "from the file")
    assert chattpl.load(tmp_path).render(MESSAGES).text == "from the file"


def test_legacy_processor_file(tmp_path: Path) -> None:
    _write(_model(tmp_path) / "chat_template.json", {"chat_template": TEMPLATE})
    assert chattpl.load(tmp_path).render(MESSAGES).text == "<s>[user]Hi</s>"
    assert chattpl.load(tmp_path / "chat_template.json").render(MESSAGES).text == "<s>[user]Hi</s>"


def test_special_tokens_map(tmp_path: Path) -> None:
    _write(tmp_path / "special_tokens_map.json", {"bos_token": {"content": "<m>"}, "eos_token": "</m>"})
    _write(tmp_path / "chat_template.jinja", TEMPLATE)
    assert chattpl.load(tmp_path).render(MESSAGES).text == "<m>[user]Hi</m>"


def test_named_templates_of_a_configuration(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]
    _model(tmp_path, chat_template=[*named, {"name": "rag", "template": "documents"}])
    _check_named(str(tmp_path))


def test_additional_templates_of_a_folder(tmp_path: Path) -> None:
    _write(_model(tmp_path) / "chat_template.jinja", "plain")
    _write(tmp_path / "additional_chat_templates" / "tool_use.jinja", "tools")
    _write(tmp_path / "additional_chat_templates" / "rag.jinja", "documents")
    _check_named(str(tmp_path))


def _check_named(ref: str) -> None:
    chat = chattpl.load(ref)
    assert set(chat.template_names) == {"default", "tool_use", "rag"}
    assert chat.render(MESSAGES).text == "plain"
    assert chat.render(MESSAGES, tools=[]).text == "tools"
    assert chattpl.load(f"{ref}@rag").render(MESSAGES, tools=[]).text == "documents"
    assert chattpl.load(ref, template="rag").render(MESSAGES).text == "documents"
    assert chattpl.load(ref, template="default").render(MESSAGES, tools=[]).text == "plain"
    with pytest.raises(chattpl.FormatNotFoundError, match="`default`, `rag`, `tool_use`"):
        chattpl.load(f"{ref}@nothing")


def test_folder_with_templates_for_tools_only(tmp_path: Path) -> None:
    _write(_model(tmp_path) / "additional_chat_templates" / "tool_use.jinja", "tools")
    chat = chattpl.load(tmp_path)
    assert chat.render(MESSAGES, tools=[]).text == "tools"
    with pytest.raises(chattpl.FormatNotFoundError, match="no template called `default`"):
        chat.render(MESSAGES)


def test_gguf_file(tmp_path: Path) -> None:
    named = {"tokenizer.chat_template.rag": (STRING, "documents")}
    (tmp_path / "tiny.gguf").write_bytes(chat_model(TEMPLATE, **named))
    chat = chattpl.load(tmp_path / "tiny.gguf")
    assert chat.name == "Tiny Chat"
    assert chat.render(MESSAGES).text == "<s>[user]Hi</s>"
    assert chattpl.load(f"{tmp_path / 'tiny.gguf'}@rag").render(MESSAGES).text == "documents"


def test_gguf_file_without_a_template(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(chat_model(None))
    with pytest.raises(chattpl.SourceError, match="no chat template here"):
        chattpl.load(tmp_path / "tiny.gguf")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with `acme/tiny` in two revisions, laid out as the Hub's client does."""
    home = tmp_path / "hub" / "models--acme--tiny"
    for revision, template in (("old", "old"), ("new", TEMPLATE)):
        _write(_model(home / "snapshots" / revision) / "chat_template.jinja", template)
    _write(home / "refs" / "main", "new")
    _write(tmp_path / "hub" / "models--acme--weights" / "snapshots" / "x" / "config.json", {})
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def test_hub_id_in_the_local_cache(hub_cache: Path) -> None:
    chat = chattpl.load("acme/tiny")
    assert chat.name == "acme/tiny"
    assert chat.render(MESSAGES).text == "<s>[user]Hi</s>"
    assert chat.info.source.endswith("new")


@pytest.mark.parametrize("variable", ["HF_HOME", "XDG_CACHE_HOME"])
def test_hub_cache_moves_with_the_environment(hub_cache: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_HOME", raising=False)
    home = hub_cache.parent if variable == "HF_HOME" else hub_cache.parent / "huggingface"
    monkeypatch.setenv(variable, str(hub_cache.parent))
    if home != hub_cache.parent:
        home.mkdir()
        hub_cache.rename(home / "hub")
    assert chattpl.load("acme/tiny").render(MESSAGES).text == "<s>[user]Hi</s>"


@pytest.mark.parametrize("ref", ["acme/absent", "acme/weights", "../acme/tiny", "acme/tiny/more"])
def test_hub_id_that_is_not_there(hub_cache: Path, ref: str) -> None:
    with pytest.raises((chattpl.FormatNotFoundError, chattpl.SourceError)):
        chattpl.load(ref)


@pytest.mark.parametrize("info", chattpl.models(), ids=lambda info: info.name)
def test_registry_name_alias_and_hub_id(info: chattpl.ModelInfo, hub_cache: Path) -> None:
    for name in (info.name, *info.aliases, info.name.upper(), info.name.replace("-", "_").replace(".", "-")):
        assert chattpl.load(name).name == info.name
    for glob in info.hub:
        chat = chattpl.load(glob.replace("*", ""))
        assert chat.info.source.startswith("registry, since")
        assert chattpl.load(glob.replace("*", "")).template.source == chattpl.load(chat.name).template.source


@pytest.mark.parametrize(
    ("alias", "name"), [("qwen", "qwen3"), ("llama", "llama3.3"), ("openai", "gpt-oss"), ("mistral", "mistral-v13")]
)
def test_vendor_names_mean_their_newest_format(alias: str, name: str) -> None:
    assert chattpl.load(alias).name.startswith(name)


def test_existing_path_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _write(_model(tmp_path / "chatml") / "chat_template.jinja", "mine")
    assert chattpl.load("chatml").render(MESSAGES).text == "mine"


def test_unknown_name_lists_the_closest() -> None:
    with pytest.raises(chattpl.FormatNotFoundError) as raised:
        chattpl.load("chatlm")
    assert raised.value.code == "CE040"
    assert "`chatml`" in (raised.value.hint or "")


@pytest.mark.parametrize("ref", ["", " ", "\0", "a" * 5000, "@", "x@y", "no/such/file.jinja", "./absent", "~nobody/x"])
def test_strange_reference_is_refused(ref: str) -> None:
    with pytest.raises((chattpl.FormatNotFoundError, chattpl.SourceError)):
        chattpl.load(ref)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("tokenizer_config.json", b"{", "not JSON"),
        ("tokenizer_config.json", b"[]", "not a JSON object"),
        ("tokenizer_config.json", b"{}", "no chat template here"),
        ("tokenizer_config.json", b'{"chat_template": 5}', "neither text nor a list"),
        ("tokenizer_config.json", b'{"chat_template": [{"name": "x"}]}', "neither text nor a list"),
        ("tokenizer_config.json", b"[" * 100_000, "not JSON"),
        ("a.jinja", b"\xff\xfe", "not UTF-8"),
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(chattpl.SourceError, match=words) as raised:
        chattpl.load(tmp_path / name)
    assert raised.value.code == "CE041"
    assert str(tmp_path) in (raised.value.location or "")


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(chattpl.SourceError, match="no chat template here"):
        chattpl.load(tmp_path)


def test_syntax_error_names_the_template(tmp_path: Path) -> None:
    path = _write(tmp_path / "broken.jinja", "line one\n{% if %}")
    with pytest.raises(chattpl.TemplateSyntaxError) as raised:
        chattpl.load(path)
    assert raised.value.location == f"{path}:2:7"


def test_format_survives_pickling() -> None:
    chat = pickle.loads(pickle.dumps(chattpl.load("chatml")))
    assert chat.render(MESSAGES).text == chattpl.load("chatml").render(MESSAGES).text
    assert chat.info == chattpl.load("chatml").info


def test_models_are_sorted_by_vendor_date_and_name() -> None:
    keys = [(info.vendor, info.released, info.name) for info in chattpl.models()]
    assert keys == sorted(keys)
