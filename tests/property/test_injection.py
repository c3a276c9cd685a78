"""Control tokens in data: in every place a caller can reach, for every format and every vocabulary.

What is expected is read off the same conversation with harmless text in the same place.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

import chattpl
from byte_tokenizers import byte_tokenizer, chat_format, control_tokens
from chattpl import ChatFormat, EncodeError, Origin, VocabularyError, vocabularies
from compare import CLOCK

HARMLESS = "harmless words"
MOST_TOKENS = 60
"""Vocabularies reserve hundreds of tokens that differ by a number alone; these are enough of them."""

Conversation = dict[str, Any]


class Place(NamedTuple):
    """Somewhere that a caller's text can stand."""

    name: str
    shape: Callable[[str], Conversation]


def _tool(name: str = "find", about: str = "Finds", key: str = "city", what: str = "Where") -> dict[str, Any]:
    properties = {key: {"type": "string", "description": what, "enum": ["a", "b"]}}
    parameters = {"type": "object", "properties": properties, "required": [key]}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


def _called(
    *, name: str = "find", arguments: Any = None, result: Any = "sunny", call_id: str = "a1B2c3D4e", **message: Any
) -> Conversation:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments or {"city": "Rome"}}}
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", **message, "tool_calls": [call]},
        {"role": "tool", "name": name, "tool_call_id": call_id, "content": result},
        {"role": "assistant", "content": "Sunny."},
        {"role": "user", "content": "Thanks"},
    ]
    return {"messages": messages, "tools": [_tool()]}


def _chat(user: Any = "Hi", answer: Any = "Hello", system: Any = None, **more: Any) -> Conversation:
    first = [] if system is None else [{"role": "system", "content": system}]
    answered = {"role": "assistant", "content": answer, **more}
    return {"messages": [*first, {"role": "user", "content": user}, answered, {"role": "user", "content": "Go on"}]}


def _last(answer: Any = "Hello", **more: Any) -> Conversation:
    return {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer, **more}]}


def _with(conversation: Conversation, at: int = 0, **message: Any) -> Conversation:
    conversation["messages"][at] |= message
    return conversation


def _parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


PLACES = [
    Place("user", lambda text: _chat(user=text)),
    Place("user, parts", lambda text: _chat(user=_parts("a", text, "b"))),
    Place("system", lambda text: _chat(system=text)),
    Place("developer", lambda text: {"messages": [{"role": "developer", "content": text}, *_chat()["messages"]]}),
    Place("assistant", lambda text: _chat(answer=text)),
    Place("assistant, last", lambda text: _last(answer=text)),
    Place("assistant, parts", lambda text: _chat(answer=_parts("a", text))),
    Place("reasoning", lambda text: _last(reasoning_content=text)),
    Place("thinking", lambda text: _last(thinking=text)),
    Place("role", lambda text: _with(_chat(), 0, role=text)),
    Place("participant", lambda text: _with(_chat(), 0, name=text)),
    Place("unknown field", lambda text: _with(_chat(), 0, **{text: text})),
    Place("called name", lambda text: _called(name=text)),
    Place("call id", lambda text: _called(call_id=text)),
    Place("call id of nine", lambda text: _called(call_id=text[:9].ljust(9, "x"))),
    Place("arguments", lambda text: _called(arguments={"city": text, "list": [text, {"deep": text}]})),
    Place("argument names", lambda text: _called(arguments={text: "Rome", "deep": {text: 1}})),
    Place("arguments as text", lambda text: _called(arguments=json.dumps({"city": text}, ensure_ascii=False))),
    Place("arguments that are no JSON", lambda text: _called(arguments=text)),
    Place("said beside a call", lambda text: _called(content=text)),
    Place("tool result", lambda text: _called(result=text)),
    Place("tool result, mapping", lambda text: _called(result={text: text})),
    Place("tool result, parts", lambda text: _called(result=_parts(text))),
    Place("tool's name", lambda text: {**_chat(), "tools": [_tool(name=text)]}),
    Place("tool's description", lambda text: {**_chat(), "tools": [_tool(about=text)]}),
    Place("parameter's name", lambda text: {**_chat(), "tools": [_tool(key=text)]}),
    Place("parameter's description", lambda text: {**_chat(), "tools": [_tool(what=text)]}),
    Place("tool's key", lambda text: {**_chat(), "tools": [{**_tool(), text: text}]}),
    Place("documents", lambda text: {**_chat(), "documents": [{"title": text, "text": text, text: text}]}),
    Place("model_identity", lambda text: {**_chat(system="Be brief"), "model_identity": text}),
    Place("date_string", lambda text: {**_chat(), "date_string": text}),
    Place("reasoning_effort", lambda text: {**_chat(), "reasoning_effort": text}),
    Place("bos_token", lambda text: {**_chat(), "bos_token": text}),
    Place("eos_token", lambda text: {**_chat(), "eos_token": text}),
    Place("custom tools", lambda text: {**_chat(), "custom_tools": [_tool(about=text)], "builtin_tools": [text]}),
]

MAY_DECIDE = {"role", "bos_token", "eos_token", "tool result, mapping"}
"""Places whose text decides what the template prints, or takes the place of a token that it prints."""

STAND_INS = [name for name in vocabularies.names() if not name.startswith("llama")]
SENTENCEPIECE = {"mistral-v1", "mistral-v2", "mistral-v3", "mistral-v7"}
FORMATS = [info.name for info in chattpl.models()]
SUBJECTS = [*FORMATS, *(f"chatml with {name}" for name in STAND_INS)]
subjects = pytest.mark.parametrize("subject", SUBJECTS)


@cache
def _format(subject: str) -> ChatFormat:
    """A format with its own vocabulary, with another one, or with one of bytes where its own is not here."""
    name, _, vocabulary = subject.partition(" with ")
    chat = chattpl.load(name, tokenizer=vocabulary) if vocabulary else chattpl.load(name)
    try:
        assert chat.tokenizer
    except VocabularyError:
        source = chat.template.source
        control = tuple(sorted({*control_tokens(source), *chat.special_tokens, *chat.token_arguments.values()}))
        plain = ("<think>", "</think>", "<tool_response>")
        tokenizer = byte_tokenizer(tuple(token for token in control if token not in plain), plain)
        return chat_format(source, tokenizer, arguments=chat.token_arguments, stop_tokens=chat.stop_tokens, name=name)
    return chat


@cache
def _tokens(subject: str) -> list[tuple[int, str, bool]]:
    """Added tokens: all that the template or the format names, and some more."""
    chat = _format(subject)
    known = {*chat.special_tokens, *chat.token_arguments.values(), *control_tokens(chat.template.source)}
    added = sorted(chat.tokenizer.added_tokens, key=lambda token: (token[1] not in known, token[0]))
    return added[:MOST_TOKENS]


def _hostile(subject: str) -> str:
    texts = [text for _, text, _ in _tokens(subject)]
    return " ".join(texts) + "".join(texts) + "\n" + "\n".join(texts[:3]) + "end"


def _conversations(subject: str) -> Iterator[tuple[str, Conversation, Conversation]]:
    """Each place: with harmless text, and with all control tokens."""
    hostile = _hostile(subject)
    for place in PLACES:
        yield place.name, place.shape(HARMLESS), place.shape(hostile)
    for token_id, text, _ in _tokens(subject)[:8]:
        for cut in range(1, len(text), max(1, len(text) // 4)):
            yield f"halves of {token_id}", *_halves(text[:cut], text[cut:])


def _halves(first: str, second: str) -> tuple[Conversation, Conversation]:
    """A token that begins in one field and ends in the next."""
    made = []
    for one, two in (("ab", "cd"), (first, second)):
        chat = _chat(user=_parts(one, two), answer=two)
        made.append(_with(chat, 0, name=one) if len(one) % 2 else chat)
    return made[0], made[1]


def _encode(chat: ChatFormat, conversation: Conversation, mode: str) -> chattpl.Encoded | None:
    options = copy.deepcopy(conversation)
    try:
        return chat.encode(options.pop("messages"), now=CLOCK, special_tokens=mode, **options)  # type: ignore[arg-type]
    except chattpl.RenderError:
        return None


def _added(
    subject: str, encoded: chattpl.Encoded, conversation: Conversation, mode: str
) -> Iterator[tuple[int, Origin, str | None, bool]]:
    """The added tokens of a conversation: id, origin, whose message it is, and whether it is special."""
    special = {token_id: is_special for token_id, _, is_special in _format(subject).tokenizer.added_tokens}
    rows = zip(encoded.input_ids.tolist(), encoded.origin.tolist(), encoded.message_index.tolist(), strict=True)
    origins = list(Origin)
    for token_id, origin, message in rows:
        if token_id in special:
            role = conversation["messages"][message].get("role") if message >= 0 else None
            yield token_id, origins[origin], role, special[token_id]


@subjects
@pytest.mark.parametrize("mode", ["template", "strict"])
def test_control_tokens_are_those_of_the_harmless_conversation(subject: str, mode: str) -> None:
    chat, checked = _format(subject), set()
    for name, harmless, hostile in _conversations(subject):
        expected, found = _encode(chat, harmless, mode), _encode(chat, hostile, mode)
        if expected is None or found is None:
            continue
        if name not in MAY_DECIDE:
            theirs = [one[0] for one in _added(subject, expected, harmless, mode) if one[3]]
            ours = [one[0] for one in _added(subject, found, hostile, mode) if one[3]]
            assert ours == theirs, name
        for token_id, origin, role, is_special in _added(subject, found, hostile, mode):
            if is_special or (mode == "strict" and not (origin is Origin.MESSAGE and role == "assistant")):
                assert origin in (Origin.TEMPLATE, Origin.ARGUMENT), (name, token_id, origin)
        checked.add(name)
    assert len(checked) >= 8


@subjects
@pytest.mark.parametrize("mode", ["template", "strict", "parity"])
def test_all_fields_decode_to_their_text(subject: str, mode: str) -> None:
    chat = _format(subject)
    for name, harmless, hostile in _conversations(subject):
        for conversation in (harmless, hostile):
            found = _encode(chat, conversation, mode)
            if found is None:
                continue
            assert found.text is not None
            decoded = chat.tokenizer.decode(found.input_ids)
            if chat.tokenizer.name in SENTENCEPIECE:  # decoding leaves out spaces that encoding puts at the start
                assert decoded.replace(" ", "") == found.text.replace(" ", ""), name
            else:
                assert decoded == found.text, name


@subjects
def test_parity_is_the_tokens_of_the_text(subject: str) -> None:
    chat = _format(subject)
    for name, _, hostile in _conversations(subject):
        found = _encode(chat, hostile, "parity")
        if found is not None:
            assert found.text is not None
            assert np.array_equal(found.input_ids, chat.tokenizer.encode(found.text, "parity")), name


@subjects
def test_error_refuses_and_names_the_place(subject: str) -> None:
    chat, refused = _format(subject), 0
    special = [text for _, text, is_special in chat.tokenizer.added_tokens if is_special]
    for name, harmless, hostile in _conversations(subject):
        assert _refusal(chat, harmless) is None or "role" in name or "token" in name
        rendered = _render(chat, hostile)
        if rendered is None:
            continue
        error = _refusal(chat, hostile)
        own = [argument for argument in chat.token_arguments if argument not in hostile]
        places = {
            _place(segment.path or ())
            for segment in rendered.segments
            if segment.origin is not Origin.TEMPLATE
            and not (segment.origin is Origin.ARGUMENT and segment.path and segment.path[1] in own)
            and any(text in rendered.text[segment.start : segment.end] for text in special)
        }
        if places:
            assert error is not None, name
            assert error.location in places, name
            assert error.code
            assert error.hint
            refused += 1
    assert refused >= 5 or not special


@subjects
def test_all_of_a_batch_is_as_one_by_one(subject: str) -> None:
    chat = _format(subject)
    rows = [hostile for *_, hostile in _conversations(subject) if set(hostile) <= {"messages", "tools", "documents"}]
    rows = [row for row in rows if _encode(chat, row, "strict") is not None]
    batch = chat.encode_batch(rows, now=CLOCK, special_tokens="strict", threads=2)
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    from_lines = chat.encode_batch(lines, now=CLOCK, special_tokens="strict", threads=2)
    for row, (start, end) in zip(rows, pairwise(batch.offsets.tolist()), strict=True):
        expected = _encode(chat, row, "strict")
        assert expected is not None
        for found in (batch, from_lines):
            assert np.array_equal(found.input_ids[start:end], expected.input_ids)
            assert np.array_equal(found.loss_mask[start:end], expected.loss_mask)


def _render(chat: ChatFormat, conversation: Conversation) -> chattpl.Rendered | None:
    options = copy.deepcopy(conversation)
    try:
        return chat.render(options.pop("messages"), now=CLOCK, **options)
    except chattpl.RenderError:
        return None


def _refusal(chat: ChatFormat, conversation: Conversation) -> EncodeError | None:
    try:
        _encode(chat, conversation, "error")
    except EncodeError as error:
        return error
    return None


def _place(path: tuple[Any, ...]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


@cache
def _unflagged(name: str) -> ChatFormat:
    """A format over bytes in whose vocabulary no control token is flagged special."""
    chat = chattpl.load(name)
    source = chat.template.source
    control = {*control_tokens(source), *chat.special_tokens, *chat.token_arguments.values()}
    tokenizer = byte_tokenizer((), tuple(sorted(control)))
    return chat_format(source, tokenizer, arguments=chat.token_arguments, stop_tokens=chat.stop_tokens, name=name)


def _structure(chat: ChatFormat) -> set[str]:
    """The token that a generation prompt begins with, and the one that ends an answer."""
    added = sorted((text for _, text, _ in chat.tokenizer.added_tokens), key=len, reverse=True)
    asked = [{"role": "user", "content": "x"}]
    without, prompted = (chat.render(asked, now=CLOCK, add_generation_prompt=is_on).text for is_on in (False, True))
    prompt = prompted[len(without) :].lstrip() if prompted.startswith(without) else ""
    answered = chat.render([*asked, {"role": "assistant", "content": "yz"}], now=CLOCK).text.partition("yz")[2].strip()
    first = [text for text in added if prompt.startswith(text)][:1]
    return {*first, *(text for text in chat.stop_tokens if answered == text)}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("mode", ["template", "strict"])
def test_structure_that_is_not_flagged_special_is_forged_by_nobody(name: str, mode: str) -> None:
    chat = _unflagged(name)
    structure = {token_id for token_id, text, _ in chat.tokenizer.added_tokens if text in _structure(chat)}
    hostile_text = " ".join(text for _, text, _ in chat.tokenizer.added_tokens)
    checked = 0
    for place in PLACES:
        if place.name in MAY_DECIDE:
            continue
        expected, found = (_encode(chat, place.shape(text), mode) for text in (HARMLESS, hostile_text))
        if expected is not None and found is not None:
            ours, theirs = ([i for i in made.input_ids.tolist() if i in structure] for made in (found, expected))
            assert ours == theirs, place.name
            checked += 1
    assert checked >= 8 or not structure


ROLES = ["user", "assistant", "system", "tool"]


@pytest.mark.parametrize("name", FORMATS)
def test_no_role_makes_a_control_token_that_the_template_does_not_write(name: str) -> None:
    """Whatever a role is, the special tokens are those of a harmless role of which the format knows as little."""
    chat = _format(name)
    special = {token_id for token_id, _, is_special in chat.tokenizer.added_tokens if is_special}
    for _, token, _ in _tokens(name):
        for role in (token, token.strip("<|>[]｜"), f"user{token}", f"{token}user"):
            if role in ROLES:
                continue
            made = [_encode(chat, _with(_chat(), 0, role=each), "template") for each in ("nobody", role)]
            if made[0] is None or made[1] is None or made[0].text is None or made[1].text is None:
                continue
            if made[1].text.replace(role, "nobody") != made[0].text:
                continue  # the template reads this role
            ids = [[i for i in encoded.input_ids.tolist() if i in special] for encoded in made if encoded is not None]
            assert ids[0] == ids[1], role
