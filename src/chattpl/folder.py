"""The tokens of a model's folder, gathered from all its files as `AutoTokenizer` of `transformers` 5.24 does.

Three things follow from the same files, so that they agree: the vocabulary (what `tokenizer.json` lacks is handed to
the core as an overlay), the tokens that templates read as arguments, and the tokens that end a turn.
`docs/folders.md` lists the files and their precedence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from chattpl import _core, tokenizer_classes
from chattpl.errors import SourceError, VocabularyError
from chattpl.source import NOT_ARGUMENTS, read_json
from chattpl.tokenizer_files import FILES, kind_of, map_file, placed

CONFIG_FILE = "tokenizer_config.json"
TOKENIZER_FILE = "tokenizer.json"
_MAP_FILE = "special_tokens_map.json"
_ADDED_FILE = "added_tokens.json"

NAMED_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
_TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "language_model_config", "thinker_config")
"""Keys of `config.json` under which a model of several parts keeps the configuration of its language model."""


class Token(NamedTuple):
    """An added token as the files write it."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None
    """None: as the flag `special` says, not for special tokens."""
    special: bool = False

    def resolved(self) -> Token:
        """The same with `normalized` decided."""
        return self._replace(normalized=not self.special if self.normalized is None else self.normalized)


class Gathered(NamedTuple):
    """What the files of a folder say about its tokens."""

    arguments: dict[str, str]
    """Tokens that templates read as arguments, by name."""
    special_tokens: dict[str, int | None]
    """Text to id of each control token; None where the vocabulary is not here."""
    stop_tokens: tuple[str, ...]
    """The tokens that end a turn, the end-of-sequence token first."""
    overlay: str | None = None
    """What replaces parts of `tokenizer.json`, as JSON text; None where nothing does."""
    refusal: VocabularyError | None = None
    """Why the folder's tokenizer is not read; its templates are, with what the configuration says."""


def gather(folder: Path, config_file: Path | None = None) -> Gathered:
    """Gathers the tokens of a folder.

    Args:
        folder: The folder.
        config_file: What to read in place of its `tokenizer_config.json`.

    Raises:
        SourceError: One of the files is damaged, or holds something of a wrong type.
    """
    config_file = config_file or folder / CONFIG_FILE
    config = _json_of(config_file)
    model = _json_of(folder / "config.json")
    _check_fields(config, config_file)
    _check_fields(model, folder / "config.json")
    special_map = {} if "added_tokens_decoder" in config else _json_of(folder / _MAP_FILE)
    stop_ids = _stop_ids(folder, model)
    outline, refusal = _outline(folder, config, special_map, stop_ids)
    name = tokenizer_classes.class_for(
        config,
        model,
        hub_id=_hub_id(folder),
        byte_level=lambda: outline is not None and _holds_byte_level(folder / TOKENIZER_FILE),
    )
    try:
        tokens = _Tokens(folder, config_file, config, special_map, outline, name)
    except VocabularyError as error:
        refusal = refusal or error
        tokens = _Tokens(folder, config_file, config, special_map, None, tokenizer_classes.BACKEND, strict=False)
    refusal = refusal or _refused_class(folder, name, config, model, outline)
    vocabulary = tokens.vocabulary
    special: dict[str, int | None] = {
        token.content: i for i, token in sorted(vocabulary.added.items()) if token.special
    }
    for text in [*tokens.arguments.values(), *map(_content, tokens.extra)]:
        if text not in special:
            special[text] = vocabulary.id_of(text)
    stops = [tokens.arguments["eos_token"]] if "eos_token" in tokens.arguments else []
    stops += [token for token in map(vocabulary.token_of, stop_ids) if token is not None]
    return Gathered(
        tokens.arguments,
        special,
        tuple(dict.fromkeys(stops)),
        tokens.overlay() if outline is not None and refusal is None else None,
        refusal,
    )


# ---- the vocabulary --------------------------------------------------------------------------------------------------


class _Vocabulary:
    """The ids of a vocabulary while tokens are added to it, as the crate `tokenizers` gives them."""

    def __init__(self, outline: dict[str, Any] | None) -> None:
        self.size: int = outline["vocab_size"] if outline else 0
        self.model_ids: dict[str, int] = outline["id_of"] if outline else {}
        self.model_tokens: dict[str, str] = outline["token_of"] if outline else {}
        self.known = outline is not None
        self.ids: dict[str, int] = {}
        self.added: dict[int, Token] = {}

    def id_of(self, text: str) -> int | None:
        found = self.ids.get(text)
        return self.model_ids.get(text) if found is None else found

    def token_of(self, token_id: int) -> str | None:
        if token_id in self.added:
            return self.added[token_id].content
        return self.model_tokens.get(str(token_id))

    def add(self, tokens: Iterable[Token]) -> None:
        """Adds tokens by one call: those that are new get ids behind all others."""
        highest = max(self.added, default=-1)
        following = highest + 1 if highest >= self.size else self.size
        for token in map(Token.resolved, tokens):
            if not token.content:
                continue
            token_id = self.id_of(token.content)
            if token_id is None:
                token_id, following = following, following + 1
            self.ids[token.content] = token_id
            self.added[token_id] = token

    def as_file(self) -> list[dict[str, Any]]:
        """The added tokens as a `tokenizer.json` writes them."""
        return [{"id": token_id, **token._asdict()} for token_id, token in sorted(self.added.items())]


def _outline(
    folder: Path, config: dict[str, Any], special_map: dict[str, Any], ids: list[int]
) -> tuple[dict[str, Any] | None, VocabularyError | None]:
    """What the tokenizer says beside its tokens and merges; None where there is none, or where it is damaged."""
    settings = {key: value for key, value in config.items() if key != "chat_template"}
    added = {} if "added_tokens_decoder" in config else _json_of(folder / _ADDED_FILE)
    texts = {text for part in (settings, special_map, added) for text in _texts(part)}
    for rebuild in tokenizer_classes.REBUILDS.values():
        texts.update(token for token in rebuild.tokens.values() if token is not None)
    file = _vocabulary_file(folder)
    if file is None:
        return None, None
    try:
        data = map_file(file)
        if kind_of(file, data) == "sentencepiece":
            return _outline_of_pieces(file, texts, ids), None
        if file.name != TOKENIZER_FILE:
            return None, None
        known = [token_id for token_id in ids if token_id < 2**32]
        outline: dict[str, Any] = json.loads(_core.tokenizer_outline(data, sorted(texts), known))
        _added_of_file(file, outline)
    except VocabularyError as error:
        return None, error if str(file) in (error.location or "") else placed(error, file)
    return outline, None


def _vocabulary_file(folder: Path) -> Path | None:
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def _outline_of_pieces(file: Path, texts: set[str], ids: list[int]) -> dict[str, Any]:
    """The same of a SentencePiece model, whose control tokens and user-defined symbols are the added tokens."""
    tokenizer = _core.Tokenizer(map_file(file), "sentencepiece", file.stem)
    added = {text: token_id for token_id, text, _ in tokenizer.added_tokens}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    id_of = {text: token_id for text in texts if (token_id := tokenizer.token_to_id(text)) is not None}
    known = [token_id for token_id in ids if token_id < tokenizer.vocab_size]
    return {
        "added_tokens": [
            {"id": token_id, "content": text, "special": special, **flags}
            for token_id, text, special in tokenizer.added_tokens
        ],
        "padding": None,
        "model": {"type": None, "has_merges": False},
        "vocab_size": tokenizer.vocab_size,
        "id_of": {**id_of, **added},
        "token_of": {str(i): tokenizer.id_to_bytes(i).decode("utf-8", "replace") for i in known},
    }


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value, keys included, that UTF-8 can hold."""
    if isinstance(value, str):
        if value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value):
            yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _added_of_file(file: Path, outline: dict[str, Any]) -> dict[int, Token]:
    """The added tokens of a `tokenizer.json` by the ids that it gives them."""
    added = outline["added_tokens"]
    if added is None:
        return {}
    if not isinstance(added, list):
        raise VocabularyError("`added_tokens` is not a list", location=str(file))
    return {_id(token, file, i): _token(token, f"{file}: added_tokens[{i}]") for i, token in enumerate(added)}


def _id(token: object, file: Path, index: int) -> int:
    token_id = token.get("id") if isinstance(token, dict) else None
    if not isinstance(token_id, int) or isinstance(token_id, bool) or token_id < 0:
        raise VocabularyError("an added token without an id", location=f"{file}: added_tokens[{index}]")
    return token_id


def _holds_byte_level(file: Path) -> bool:
    return file.is_file() and map_file(file).find(b'"ByteLevel"') >= 0


# ---- what the files say ----------------------------------------------------------------------------------------------


class _Tokens:
    """The special and added tokens of a folder, and what its class makes of them.

    The steps are those of `PreTrainedTokenizerBase._from_pretrained` and `TokenizersBackend.__init__`, in their order.
    """

    def __init__(
        self,
        folder: Path,
        config_file: Path,
        config: dict[str, Any],
        special_map: dict[str, Any],
        outline: dict[str, Any] | None,
        class_name: str | None,
        *,
        strict: bool = True,
    ) -> None:
        self.place = str(config_file)
        self.strict = strict
        self.is_json = (folder / TOKENIZER_FILE).is_file()
        self.rebuild = tokenizer_classes.REBUILDS.get(class_name or "")
        self.outline = outline
        fields = dict(config)
        if "additional_special_tokens" in fields and not fields.get("extra_special_tokens"):
            fields["extra_special_tokens"] = fields.pop("additional_special_tokens")
        specific: dict[str, Any] = {
            key: fields.pop(key)
            for key in list(fields)
            if key.endswith("_token") and key not in NAMED_TOKENS and isinstance(fields[key], str)
        }
        if isinstance(fields.get("extra_special_tokens"), dict):
            specific.update(fields.pop("extra_special_tokens"))
        if specific:
            fields["model_specific_special_tokens"] = specific
        if "added_tokens_decoder" in fields:
            found = self._decoder(fields["added_tokens_decoder"])
        else:
            found = self._legacy(folder, fields, special_map)
        decoder = dict(found)
        by_text = {token.content: token for _, token in found}
        for key in NAMED_TOKENS:
            if key in fields and fields[key] is not None:
                value = self._value(key, fields[key])
                fields[key] = by_text.get(value.content if isinstance(value, Token) else value, value)
        defaults = self.rebuild.tokens if self.rebuild else {}
        if self.rebuild and self.rebuild.extra and "extra_special_tokens" not in fields:
            others = fields.get("additional_special_tokens") or []
            fields["additional_special_tokens"] = [*(others if isinstance(others, list) else []), *self.rebuild.extra]
        fields = {**defaults, **fields}
        padding = outline["padding"] if outline else None
        if isinstance(padding, dict) and isinstance(padding.get("pad_token"), str):
            fields.setdefault("pad_token", padding["pad_token"])
        self.fields = fields
        self.named, self.extra = self._named(fields)
        self.arguments = {name: _content(token) for name, token in self.named.items()}
        for name in self.arguments:
            if name in NOT_ARGUMENTS:
                raise self._bad("templates get something else by that name", name)
        self.changed = False
        self.vocabulary = self._vocabulary(folder, decoder)

    def _bad(self, message: str, where: str) -> SourceError:
        return SourceError(message, location=f"{self.place}: {where}", hint="compare the file with that of the model")

    def _decoder(self, value: object) -> list[tuple[int, Token]]:
        """The tokens of `added_tokens_decoder` with their ids."""
        if not isinstance(value, dict):
            raise self._bad(f"expected an object, found {_kind(value)}", "added_tokens_decoder")
        tokens = []
        for key, token in value.items():
            where = f"added_tokens_decoder.{key}"
            if not key.strip().isdecimal():
                raise self._bad(f"{key!r} is not an id", where)
            if not isinstance(token, dict):
                raise self._bad(f"expected an object, found {_kind(token)}", where)
            tokens.append((int(key), _token(token, f"{self.place}: {where}")))
        return tokens

    def _legacy(self, folder: Path, fields: dict[str, Any], special_map: dict[str, Any]) -> list[tuple[int, Token]]:
        """Reads the other files: without `added_tokens_decoder` they count. Changes `fields`."""
        place = str(folder / _MAP_FILE)
        for key, value in special_map.items():
            if isinstance(value, dict) and key != "extra_special_tokens":
                value = _token(value, f"{place}: {key}")._replace(special=True)
            elif isinstance(value, list) and key == "extra_special_tokens":
                existing = fields.get(key) or []
                if not isinstance(existing, list):
                    raise self._bad(f"expected a list, found {_kind(existing)}", key)
                existing = list(existing)
                for item in value:
                    if self.strict and isinstance(item, dict) and "special" in item:
                        raise VocabularyError(
                            f"a token of `{key}` says that it is special, which `transformers` refuses",
                            location=place,
                            hint="leave `special` out: all tokens of this list are",
                        )
                    token = _token(item, f"{place}: {key}")._replace(special=True) if isinstance(item, dict) else item
                    if token not in existing:
                        existing.append(token)
                value = existing
            fields[key] = value
        if isinstance(extra := fields.get("extra_special_tokens"), dict):
            specific = fields.setdefault("model_specific_special_tokens", {})
            if not isinstance(specific, dict):
                raise self._bad(f"expected an object, found {_kind(specific)}", "model_specific_special_tokens")
            specific.update(extra)
            del fields["extra_special_tokens"]
        tokens: list[tuple[int, Token]] = []
        if added := _json_of(folder / _ADDED_FILE):
            named = [fields.get(key) for key in NAMED_TOKENS]
            others = fields.get("extra_special_tokens")
            named += others if isinstance(others, list) else []
            special = {_content(token) for token in named if isinstance(token, str | Token)}
            for text, token_id in added.items():
                if not isinstance(token_id, int) or isinstance(token_id, bool):
                    where = f"{folder / _ADDED_FILE}: {text}"
                    raise SourceError(f"expected an id, found {_kind(token_id)}", location=where)
                is_special = text in special
                tokens.append((token_id, Token(text, normalized=not is_special, special=is_special)))
        if self.outline is not None:
            tokens += _added_of_file(folder / TOKENIZER_FILE, self.outline).items()
        return tokens

    def _value(self, key: str, value: object) -> str | Token:
        """A token as the configuration writes it: a text, or the fields of an `AddedToken`."""
        if isinstance(value, str | Token):
            _check_text(_content(value), f"{self.place}: {key}")
            return value
        if isinstance(value, dict) and isinstance(value.get("content"), str):
            token = _token(value, f"{self.place}: {key}")
            if value.get("__type") == "AddedToken" or not self.strict:
                return token
            raise VocabularyError(
                f"`{key}` is an object without `__type`, which `transformers` refuses",
                location=self.place,
                hint='write the token as text, or add `"__type": "AddedToken"` to it',
            )
        raise self._bad(f"expected a token, found {_kind(value)}", key)

    def _named(self, fields: dict[str, Any]) -> tuple[dict[str, str | Token], list[str | Token]]:
        """The tokens with a name, in the order in which templates get them, and those without."""
        found: dict[str, str | Token | None] = dict.fromkeys(NAMED_TOKENS)
        specific: dict[str, Any] = {}
        for key, value in fields.items():
            if value is None:
                continue
            if key in NAMED_TOKENS:
                found[key] = self._value(key, value)
            elif key.endswith("_token") and _is_token(value):
                specific[key] = value
        explicit = fields.get("model_specific_special_tokens")
        if explicit is not None and not isinstance(explicit, dict):
            raise self._bad(f"expected an object, found {_kind(explicit)}", "model_specific_special_tokens")
        key = "extra_special_tokens" if "extra_special_tokens" in fields else "additional_special_tokens"
        extra = fields.get(key)
        if isinstance(extra, dict):
            found.update({name: self._value(name, value) for name, value in extra.items()})
            extra = None
        if extra is not None and not isinstance(extra, list):
            raise self._bad(f"expected a list or an object, found {_kind(extra)}", key)
        for name, value in {**specific, **(explicit or {})}.items():
            found[name] = self._value(name, value)
        named = {name: token for name, token in found.items() if token is not None}
        return named, [self._value(f"{key}[{i}]", token) for i, token in enumerate(extra or [])]

    def _vocabulary(self, folder: Path, decoder: dict[int, Token]) -> _Vocabulary:
        """Adds the tokens in the order in which the class does."""
        vocabulary = _Vocabulary(self.outline)
        if self.outline is None:
            for token_id, token in sorted(decoder.items()):
                vocabulary.ids[token.content] = token_id
                vocabulary.added[token_id] = token.resolved()
            return vocabulary
        file = _added_of_file(folder / TOKENIZER_FILE, self.outline)
        own = list(self.outline["added_tokens"] or [])
        if self.rebuild is None or not self.is_json:
            vocabulary.add(_token(token, str(folder / TOKENIZER_FILE)) for token in own)
        before = {token_id: token.resolved() for token_id, token in file.items()}
        vocabulary.add(self._to_add(vocabulary, decoder))
        tokens = [*self.named.values(), *self.extra]
        then = self.rebuild.then if self.rebuild is not None and self.is_json else ""
        if then == "tokens":
            vocabulary.add(Token(text, special=True) for text in dict.fromkeys(map(_content, tokens)))
        elif then == "special":
            vocabulary.add(
                token._replace(special=True) if isinstance(token, Token) else Token(token, special=True)
                for token in tokens
            )
        self.changed = vocabulary.added != before
        return vocabulary

    def _to_add(self, vocabulary: _Vocabulary, decoder: dict[int, Token]) -> list[Token]:
        tokens: list[str | Token] = [token for _, token in sorted(decoder.items())]
        present = set(vocabulary.ids) | {_content(token) for token in tokens}
        for token in [*self.named.values(), *self.extra]:
            if _content(token) not in present and token not in tokens:
                tokens.append(token)
        named = {_content(token) for token in self.named.values()}
        return [
            Token(token, special=True)
            if isinstance(token, str)
            else token._replace(special=token.special or token.content in named)
            for token in tokens
        ]

    def overlay(self) -> str | None:
        """What replaces parts of `tokenizer.json`."""
        parts: dict[str, Any] = {}
        if self.rebuild is not None and self.is_json:
            plain = {key: _content(value) if isinstance(value, Token) else value for key, value in self.fields.items()}
            parts = self.rebuild.parts(plain)
            if isinstance(way := parts.get("post_processor"), str):
                parts["post_processor"] = self._around(way)
        elif not self.changed:
            return None
        return json.dumps({"added_tokens": self.vocabulary.as_file(), **parts}, ensure_ascii=False)

    def _around(self, way: str) -> dict[str, Any] | None:
        """The post-processor that a class puts in place of the file's."""
        first, last = ("bos_token", None) if way == "bos" else ("cls_token", "sep_token")
        texts = [self.arguments.get(name) if name else None for name in (first, last)]
        ids = {text: self.vocabulary.id_of(text) for text in texts if text is not None}
        if not ids:
            return None
        ends = [[{"SpecialToken": {"id": text, "type_id": 0}}] if text is not None else [] for text in texts]
        single = [*ends[0], {"Sequence": {"id": "A", "type_id": 0}}, *ends[1]]
        known = {text: {"id": text, "ids": [token_id], "tokens": [text]} for text, token_id in ids.items()}
        pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
        return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known}


def _refused_class(
    folder: Path, name: str | None, config: dict[str, Any], model: dict[str, Any], outline: dict[str, Any] | None
) -> VocabularyError | None:
    """Why the tokenizer that `AutoTokenizer` would make is not made here; None where it is."""
    file = folder / TOKENIZER_FILE
    way_out = f"give the file itself: `tokenizer={file}` takes it as it is" if file.is_file() else None
    why = None
    if name is None:
        why = "its tokenizer is code of its own (`auto_map`), which is never run here"
    elif name in tokenizer_classes.REFUSED and file.is_file():
        why = f"`{name}` of `transformers` builds a tokenizer of its own, which is not followed"
    elif config.get("split_special_tokens"):
        why = "`split_special_tokens` makes text of its control tokens"
    elif config.get("fix_mistral_regex") and _has_mistral_regex(model, outline):
        why = "`fix_mistral_regex` has `transformers` put another pattern in place of the file's"
    elif config.get("init_inputs"):
        why = "`init_inputs` gives its class arguments without names"
    elif isinstance(files := config.get("fast_tokenizer_files"), list) and set(map(str, files)) - {TOKENIZER_FILE}:
        why = "`fast_tokenizer_files` names tokenizers for several versions of `transformers`"
    elif outline is not None and file.is_file() and (rebuild := tokenizer_classes.REBUILDS.get(name)) is not None:
        kind = outline["model"]["type"]
        kind = kind or ("BPE" if outline["model"]["has_merges"] else "a model without a kind")
        if kind != rebuild.model:
            why = f"`{name}` of `transformers` builds a `{rebuild.model}` model, and the file holds `{kind}`"
    if why is None:
        return None
    return VocabularyError(f"this tokenizer is not read: {why}", location=str(folder), hint=way_out)


def _has_mistral_regex(model: dict[str, Any], outline: dict[str, Any] | None) -> bool:
    """Whether `transformers` takes the pattern of a folder for the wrong one of early Mistral models."""
    version, model_type = model.get("transformers_version"), model.get("model_type")
    is_old = not version or str(version).partition(".")[0] in ("0", "1", "2", "3", "4")
    is_mistral = model_type in (None, "mistral", "mistral3", "voxtral", "ministral", "pixtral")
    return bool(model) and is_old and is_mistral and outline is not None and outline["vocab_size"] > 90_000


# ---- stop tokens -----------------------------------------------------------------------------------------------------


def _stop_ids(folder: Path, model: dict[str, Any]) -> list[int]:
    """The ids that end a text by `generation_config.json` and `config.json`, in their order."""
    found = [*_ids_in(_json_of(folder / "generation_config.json")), *_ids_in(model)]
    return list(dict.fromkeys(found))


def _ids_in(config: dict[str, Any]) -> Iterator[int]:
    value = config.get("eos_token_id")
    for token_id in value if isinstance(value, list) else [value]:
        if isinstance(token_id, int) and not isinstance(token_id, bool) and token_id >= 0:
            yield token_id
    for key in _TEXT_CONFIGS:
        if isinstance(part := config.get(key), dict):
            yield from _ids_in(part)


# ---- files and values ------------------------------------------------------------------------------------------------


def _token(value: object, where: str) -> Token:
    """An added token of its fields; those that `tokenizers` does not know are ignored, as there."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), str):
        raise SourceError("a token without a text under `content`", location=where)
    _check_text(value["content"], where)
    flags = {name: value[name] for name in _FLAGS if name in value}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise SourceError(f"`{name}` is {_kind(flag)}, not true or false", location=where)
    return Token(value["content"], **flags)


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"the token {text[:40]!r} holds a lone surrogate", location=where) from error


def _is_token(value: object) -> bool:
    return isinstance(value, str | Token) or (isinstance(value, dict) and value.get("__type") == "AddedToken")


def _content(token: str | Token) -> str:
    return token.content if isinstance(token, Token) else token


def _kind(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: f"the text {str(value)[:40]!r}", bool: "a truth value"}
    return "null" if value is None else names.get(type(value), f"the number {str(value)[:40]}")


def _check_fields(config: dict[str, Any], path: Path) -> None:
    """Refuses what `AutoTokenizer` fails on, whatever the class."""
    for key, kinds in {
        "tokenizer_class": str,
        "model_type": str,
        "auto_map": dict | list,
        "chat_control_tokens": list,
    }.items():
        value = config.get(key)
        if value is not None and not isinstance(value, kinds):
            raise SourceError(f"`{key}` is {_kind(value)}", location=str(path))
    for key in ("padding_side", "truncation_side"):
        if config.get(key, "right") not in ("right", "left"):
            raise SourceError(f"`{key}` is {_kind(config[key])}: it is `left` or `right`", location=str(path))


def _json_of(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _hub_id(folder: Path) -> str:
    """The id of a model whose folder is a snapshot of the Hub cache."""
    home = folder.parent.parent
    is_snapshot = folder.parent.name == "snapshots" and home.name.startswith("models--")
    return home.name.removeprefix("models--").replace("--", "/") if is_snapshot else ""
