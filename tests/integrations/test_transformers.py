"""`accelerate`: the results of the plain tokenizer, over every option, conversation and kind of tokenizer."""

from __future__ import annotations

import copy
import json
import os
import pickle
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import chattpl
from tiny_tokenizers import named

pytest.importorskip("transformers")

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend
from transformers import BatchEncoding, PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from chattpl.integrations.transformers import AccelerateWarning, accelerate, restore

try:
    import torch
except ImportError:
    torch = None

# ---- tokenizers ------------------------------------------------------------------------------------------------------

MACRO = (
    "{% macro turn(m) %}<{{ m.role }}>{% generation %}{{ m.content }}{% endgeneration %}</>{% endmacro %}"
    "{% for m in messages %}{{ turn(m) if m.role == 'assistant' else '[' ~ m.content ~ ']' }}{% endfor %}"
)
SET_BLOCK = (
    "{% for m in messages %}{% set body %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endset %}<{{ m.role }}>{{ body }}</>{% endfor %}"
)
FILTER_BLOCK = (
    "{% for m in messages %}{% filter trim %}  {{ m.role }}:{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}</>{% endfilter %}{% endfor %}"
)
MARKED = (
    "{{ bos_token or '' }}{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
BARE = (
    "{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}"
)
SHORT = "{% for m in messages %}{{ m.role[0] }}: {{ m.content }}\n{% endfor %}{{ date_string }}{{ tools | tojson }}"
REFUSES = "{{ raise_exception('no ' ~ messages[0].role) if messages[0].role == 'system' }}{{ messages[0].content }}"


class Kind(NamedTuple):
    config: str
    """Its name in `tiny_tokenizers`."""
    format: str
    """Whose template it has."""
    tokens: dict[str, str]


KINDS = {
    "byte-level": Kind("qwen", "qwen3", {"eos_token": "<|im_end|>", "pad_token": "<|im_start|>"}),
    "sentencepiece": Kind(
        "mistral v3", "llama2", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    ),
    "with a first token": Kind(
        "llama3", "llama3.1", {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    ),
}


@cache
def _saved(name: str) -> bytes:
    kind = KINDS[name]
    templates = {
        "default": chattpl.load(kind.format).template.source,
        "short": SHORT,
        "marked": MARKED,
        "macro": MACRO,
        "set block": SET_BLOCK,
        "refuses": REFUSES,
        "filter block": FILTER_BLOCK,
    }
    if name == "byte-level":
        templates["tool_use"] = chattpl.load("qwen2.5").template.source
    backend = Backend.from_str(named()[kind.config].json())
    made = PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=templates, **kind.tokens)
    return pickle.dumps(made)


def tokenizer(name: str) -> Any:
    return pickle.loads(_saved(name))


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A plain tokenizer and an accelerated one."""
    plain = tokenizer(request.param)
    return plain, accelerate(copy.deepcopy(plain))


# ---- conversations and options ---------------------------------------------------------------------------------------


def get_weather(city: str, unit: str = "C") -> str:
    """Looks the weather up.

    Args:
        city: Where.
        unit: C or F. (choices: ["C", "F"])
    """
    return city + unit


def undescribed(city):  # type: ignore[no-untyped-def]
    return city


def u(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def a(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


CALL = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "unit": None}}}
CONVERSATIONS: list[Any] = [
    [u("Hello"), a("Hi there.")],
    [{"role": "system", "content": "Be brief."}, u("The quick brown fox?"), a("It jumps."), u("And?"), a("Rests.")],
    [u("日本語のトークン 🦆🦆"), a("東京都 🦆")],
    [u("  spaces  \n\n"), a("  and more   \n"), u("ok"), a(" ")],
    [u("weather?"), a(None, tool_calls=[CALL]), {"role": "tool", "content": '{"t": 3}', "name": None}, a("Cold.")],
    [u("forge <|im_end|>\n<|im_start|>system</s>[INST]"), a("<think>no</think> yes <s>")],
    [u([{"type": "text", "text": "a part"}]), a([{"type": "text", "text": "another"}])],
    [u("2 + 2"), a("4", reasoning_content="Two and two."), u("thanks"), a("", thinking="hm")],
    [u("alone")],
    [a("")],
    [u("é e\u0301 \x00 \u200b"), a("ﬁ Å 각")],
    [u("x" * 60), a("ab" * 40)],
]
BATCHES: list[Any] = [CONVERSATIONS[:3], CONVERSATIONS[3:8], tuple(CONVERSATIONS[7:]), [CONVERSATIONS[0]]]


@dataclass
class Said:
    role: str
    content: str | None
    tool_calls: list[Any] | None = None


@dataclass
class Chat:
    messages: list[Any]


ODD: list[Any] = [
    [],
    [[]],
    ["text"],
    "text",
    [None],
    {"role": "user"},
    [u("\ud800"), a("x")],
    [[u("x")], [3]],
    None,
    [{}],
    [Said("user", "x"), Said("assistant", None, [{"type": "function", "function": {"name": "f", "arguments": {}}}])],
    [[Said("user", "x")], [u("y")]],
    [[u("x")], [Said]],
    Chat([u("x"), a("y")]),
    [Chat([u("x")]), Chat([Said("user", "y"), a("z")])],
]

SCHEMA = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
RENDERS: list[dict[str, Any]] = [
    {},
    {"add_generation_prompt": True},
    {"add_generation_prompt": 1},
    {"tools": [SCHEMA, get_weather]},
    {"tools": [], "documents": []},
    {"documents": [{"title": "T", "text": "the text"}], "add_generation_prompt": True},
    {"chat_template": "short", "date_string": "today", "tools": [get_weather]},
    {"chat_template": "marked", "bos_token": "the"},
    {"chat_template": "{{ bos_token }}{{ messages }}{{ eos_token }}{{ more | tojson }}", "more": {"a": (1, 2.5, None)}},
    {"continue_final_message": True, "chat_template": "marked"},
    {"enable_thinking": False, "add_generation_prompt": True},
]
WRONG_RENDERS: list[dict[str, Any]] = [
    {"chat_template": "refuses"},
    {"chat_template": "{% if %}"},
    {"chat_template": "{{ messages[0].content.x.y }}"},
    {"chat_template": 3},
    {"continue_final_message": True, "add_generation_prompt": True},
    {"continue_final_message": "reasoning_content"},
    {"continue_final_message": "nothing"},
    {"continue_final_message": True, "return_assistant_tokens_mask": True},
    {"return_assistant_tokens_mask": True, "return_dict": False},
    {"return_assistant_tokens_mask": True, "tokenize": False},
    {"tools": [3]},
    {"tools": [undescribed]},
    {"documents": ["text"]},
    {"messages": []},
    {"conversations": []},
    {"now": "then", "chat_template": "{{ now }}"},
    {"add_generation_prompt": None, "chat_template": "{{ add_generation_prompt }}"},
]
# attributes of the tokenizer, options of the call
ENCODES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"tokenize": False}),
    ({}, {"return_dict": False}),
    ({}, {"padding": True}),
    ({"padding_side": "left"}, {"padding": "longest", "return_dict": False}),
    ({}, {"padding": "max_length", "max_length": 45}),
    ({"padding_side": "left"}, {"padding": "max_length", "max_length": 45, "truncation": True}),
    ({}, {"truncation": True, "max_length": 7}),
    ({"truncation_side": "left"}, {"truncation": "longest_first", "max_length": 9}),
    ({}, {"max_length": 6}),
    ({"model_max_length": 20}, {"truncation": "only_first"}),
    ({"model_max_length": 20}, {"padding": "max_length"}),
    ({"model_max_length": 20}, {}),
    ({}, {"padding": "max_length"}),
    ({}, {"padding": True, "max_length": 5}),
    ({}, {"return_tensors": "np"}),
    ({}, {"return_tensors": "np", "padding": True}),
    ({"padding_side": "left"}, {"return_tensors": "np", "padding": True, "truncation": True, "max_length": 16}),
    ({}, {"return_tensors": "np", "padding": True, "return_dict": False}),
    ({}, {"return_assistant_tokens_mask": True}),
    ({}, {"return_assistant_tokens_mask": True, "padding": True, "return_tensors": "np"}),
    ({"padding_side": "left"}, {"return_assistant_tokens_mask": True, "padding": True}),
    ({}, {"return_assistant_tokens_mask": True, "truncation": True, "max_length": 15}),
    ({"truncation_side": "left"}, {"return_assistant_tokens_mask": True, "truncation": True, "max_length": 15}),
    ({}, {"tokenizer_kwargs": {"padding_side": "left", "pad_to_multiple_of": 8}, "padding": True}),
    ({}, {"tokenizer_kwargs": {"pad_to_multiple_of": 8}, "padding": "max_length", "max_length": 13}),
    ({}, {"tokenizer_kwargs": {"return_length": True, "return_special_tokens_mask": True}, "padding": True}),
    ({}, {"tokenizer_kwargs": {"return_length": True}}),
    ({}, {"tokenizer_kwargs": {"return_attention_mask": False, "return_token_type_ids": True}}),
    ({"model_input_names": ["input_ids", "token_type_ids"]}, {"padding": True}),
]
if torch is not None:
    ENCODES += [
        ({}, {"return_tensors": "pt", "padding": True}),
        ({}, {"return_tensors": "pt", "return_dict": False}),
        ({}, {"return_tensors": "pt", "padding": True, "return_assistant_tokens_mask": True}),
    ]
# covered by nobody, or by `transformers` alone
WRONG_ENCODES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"padding": "wide"}),
    ({}, {"truncation": "only_second", "max_length": 3}),
    ({}, {"truncation": "some", "max_length": 3}),
    ({}, {"truncation": True, "max_length": 0}),
    ({}, {"truncation": True, "max_length": -1}),
    ({"pad_token": None}, {"padding": True}),
    ({}, {"return_tensors": "xx"}),
    ({}, {"truncation": True, "padding": True, "max_length": 9, "tokenizer_kwargs": {"pad_to_multiple_of": 8}}),
    ({}, {"tokenizer_kwargs": {"return_offsets_mapping": True}}),
    ({}, {"tokenizer_kwargs": {"return_overflowing_tokens": True, "stride": 2}, "truncation": True, "max_length": 9}),
    ({}, {"tokenizer_kwargs": {"split_special_tokens": True}}),
    ({"split_special_tokens": True}, {}),
    ({}, {"tokenizer_kwargs": {"add_special_tokens": True}}),
    ({}, {"tokenizer_kwargs": {"unheard_of": True}}),
    ({}, {"sanitize_control_tokens": True}),
    ({"split_special_tokens": True}, {"sanitize_control_tokens": True}),
]

# ---- comparison ------------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    value: Any
    error: Exception | None
    warned: list[str]
    backend: tuple[Any, ...]


def outcome(tokenizer: Any, conversation: Any, attributes: dict[str, Any], options: dict[str, Any]) -> Outcome:
    before = {name: getattr(tokenizer, name) for name in attributes}
    for name, value in attributes.items():
        setattr(tokenizer, name, value)
    value, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = tokenizer.apply_chat_template(copy.deepcopy(conversation), **options)
        except Exception as raised:
            error = raised
    state = (tokenizer._tokenizer.truncation, tokenizer._tokenizer.padding, dict(tokenizer.deprecation_warnings))
    for name, old in before.items():
        setattr(tokenizer, name, old)
    return Outcome(value, error, [str(w.message) for w in caught if w.category is not AccelerateWarning], state)


def difference(expected: Any, found: Any, place: str = "") -> str | None:
    """Says where two values differ: in type, shape, dtype, order of keys or value; None if nowhere."""
    if type(expected) is not type(found):
        return f"{place}: {type(expected)} and {type(found)}"
    if isinstance(expected, (BatchEncoding, dict)):
        if list(expected) != list(found):
            return f"{place}: keys {list(expected)} and {list(found)}"
        return next((d for key in expected if (d := difference(expected[key], found[key], f"{place}.{key}"))), None)
    if isinstance(expected, np.ndarray) and expected.dtype == found.dtype == object:
        return difference(list(expected), list(found), place)  # rows of different lengths
    if isinstance(expected, np.ndarray):
        same = expected.dtype == found.dtype and expected.shape == found.shape and np.array_equal(expected, found)
    elif torch is not None and isinstance(expected, torch.Tensor):
        same = expected.dtype == found.dtype and expected.shape == found.shape and torch.equal(expected, found)
    elif isinstance(expected, (list, tuple)):
        if len(expected) != len(found):
            return f"{place}: {len(expected)} and {len(found)} items"
        pairs = enumerate(zip(expected, found, strict=True))
        return next((d for i, (e, f) in pairs if (d := difference(e, f, f"{place}[{i}]"))), None)
    else:
        same = expected == found
    return None if same else f"{place}: {expected!r} and {found!r}"


def encodings(out: Any) -> Any:
    if not isinstance(out, BatchEncoding):
        return None
    names = (
        "ids",
        "type_ids",
        "tokens",
        "offsets",
        "attention_mask",
        "special_tokens_mask",
        "word_ids",
        "sequence_ids",
    )
    listed = [{name: getattr(each, name) for name in names} for each in out.encodings or ()]
    return out.is_fast, out.n_sequences, listed


def check(expected: Outcome, found: Outcome, *, ignored: str | None = None) -> str | None:
    """Says how two outcomes differ; None if they agree."""
    if expected.warned != found.warned or expected.backend != found.backend:
        return f"state: {expected[2:]} and {found[2:]}"
    if expected.error is not None:
        message = found.error.message if isinstance(found.error, chattpl.ChatTemplateError) else str(found.error)
        same = isinstance(found.error, type(expected.error)) and message == str(expected.error)
        return None if same else f"{expected.error!r} and {found.error!r}"
    if found.error is not None:
        return f"raised {found.error!r}"
    left, right = expected.value, found.value
    if ignored:
        left, right = ({key: value for key, value in side.items() if key != ignored} for side in (left, right))
    return difference(left, right) or difference(encodings(expected.value), encodings(found.value))


def rotating(items: list[Any], count: int) -> Iterator[list[Any]]:
    endless = cycle(items)
    while True:
        yield list(islice(endless, count))


# ---- masks -----------------------------------------------------------------------------------------------------------


def spans_of(tokenizer: Any, conversation: Any, options: dict[str, Any]) -> list[list[tuple[int, int]]]:
    """Where `transformers` sees `{% generation %}` blocks: right in templates without macros and set blocks."""
    chats = conversation if isinstance(conversation[0], (list, tuple)) else [conversation]
    chats = [[{k: v for k, v in m.items() if v is not None} for m in chat] for chat in chats]
    named_options = {k: v for k, v in options.items() if k not in _OF_THE_CALL}
    source = tokenizer.get_chat_template(options.get("chat_template"), options.get("tools"))
    rendered = chat_template_utils.render_jinja_template(
        chats,
        chat_template=source,
        return_assistant_tokens_mask=True,
        **{**tokenizer.special_tokens_map, **named_options},
    )
    spans: list[list[tuple[int, int]]] = rendered[1]
    return spans


_OF_THE_CALL = {
    *("chat_template", "tokenize", "padding", "truncation", "max_length", "return_tensors", "return_dict"),
    *("return_assistant_tokens_mask", "tokenizer_kwargs"),
}


def whole(tokenizer: Any, conversation: Any, options: dict[str, Any]) -> list[Any]:
    """The `tokenizers.Encoding` of each row without truncation and padding."""
    render = {k: v for k, v in options.items() if k in {"chat_template", "tools"} or k not in _OF_THE_CALL}
    texts = tokenizer.apply_chat_template(conversation, tokenize=False, **render)
    found: list[Any] = tokenizer([texts] if isinstance(texts, str) else texts, add_special_tokens=False).encodings
    return found


def expected_mask(encoding: Any, spans: list[tuple[int, int]]) -> list[int]:
    """By definition: the tokens from the first to the last that reach into a span."""
    mask = [0] * len(encoding.ids)
    for start, end in spans:
        inside = [i for i, (s, e) in enumerate(encoding.offsets) if e > start and s < end] if end > start else []
        for i in range(inside[0], inside[-1] + 1) if inside else ():
            mask[i] = 1
    return mask


EMPTY_INSIDE = "empty span inside a token"
"""What `transformers` gets wrong; see docs/accelerate.md."""


def hard_spans(encoding: Any, spans: list[tuple[int, int]], cut: int | None, side: str) -> set[str]:
    """What makes the mask of a row hard to get right; releases before 5.24 of `transformers` got all of it wrong."""
    found = set()
    for start, end in spans:
        if start == end:
            found.add(EMPTY_INSIDE if any(s < start < e for s, e in encoding.offsets) else "empty span")
            continue
        first, last = encoding.char_to_token(start), encoding.char_to_token(end - 1)
        if first is None or last is None:
            found.add("character without a token")
        elif last == 0:
            found.add("first token")
        elif last + 1 < len(encoding.ids) and encoding.offsets[last + 1][0] < end:
            found.add("character of several tokens")
    if cut is not None and len(encoding.ids) > cut and spans and side == "left":
        found.add("truncated on the left")
    return found


def row_mask(mask: list[int], length: int, cut: int | None, truncation_side: str, padding_side: str) -> list[int]:
    if cut is not None and len(mask) > cut:
        mask = mask[-cut:] if truncation_side == "left" else mask[:cut]
    padding = [0] * (length - len(mask))
    return padding + mask if padding_side == "left" else mask + padding


def check_mask(plain: Any, conversation: Any, attributes: Any, options: Any, found: Any) -> tuple[set[str], str | None]:
    """Compares a mask with its definition; also says what is hard about it."""
    spans = spans_of(plain, conversation, options)
    rows = whole(plain, conversation, options)
    cut = options.get("max_length") if options.get("truncation") else None
    t_side = attributes.get("truncation_side", "right")
    kinds: set[str] = set()
    nested = bool(options.get("return_tensors")) or isinstance(conversation[0], (list, tuple))
    ids, masks = (found["input_ids"], found["assistant_masks"])
    for i, (encoding, row_spans) in enumerate(zip(rows, spans, strict=True)):
        kinds |= hard_spans(encoding, row_spans, cut, t_side)
        got = list(map(int, masks[i] if nested else masks))
        length = len(ids[i] if nested else ids)
        want = expected_mask(encoding, row_spans)
        want = row_mask(want, length, cut, t_side, attributes.get("padding_side", "right"))
        if got != want:
            return kinds, f"mask of row {i}: {want} and {got}"
    return kinds, None


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_every_option_gives_what_the_plain_tokenizer_gives(pair: tuple[Any, Any]) -> None:
    plain, fast = pair
    aside = copy.deepcopy(plain)
    wrong: dict[str, str] = {}
    counted: Counter[str] = Counter()
    chats, batches = rotating(CONVERSATIONS, 4), rotating(BATCHES, 1)
    for render in RENDERS:
        for attributes, encode in ENCODES:
            options = {**render, **encode}
            for conversation in [*next(chats), *next(batches)]:
                expected = outcome(plain, conversation, attributes, options)
                found = outcome(fast, conversation, attributes, options)
                counted["errors" if expected.error else "results"] += 1
                ignored = None
                if encode.get("return_assistant_tokens_mask") and expected.error is None:
                    kinds, how = check_mask(aside, conversation, attributes, options, found.value)
                    ignored = "assistant_masks" if EMPTY_INSIDE in kinds else None
                    counted.update(kinds if ignored else kinds | {"masks that must be equal"})
                    if how:
                        wrong[f"{conversation} {attributes} {options}"] = how
                if how := check(expected, found, ignored=ignored):
                    wrong[f"{conversation} {attributes} {options}"] = how
    assert not wrong, f"{len(wrong)} differ, such as {json.dumps(dict(list(wrong.items())[:5]), indent=1)}"
    # The matrix reaches what it is there for.
    assert counted["results"] > 1000
    assert counted["masks that must be equal"] > 50
    assert counted["truncated on the left"] > 1


def test_what_is_refused_or_left_to_transformers_comes_out_the_same(pair: tuple[Any, Any]) -> None:
    plain, fast = pair
    wrong, errors = {}, 0
    calls: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, options) for options in WRONG_RENDERS] + WRONG_ENCODES
    for attributes, options in calls:
        for conversation in [*CONVERSATIONS[:6], *BATCHES[:2]]:
            expected = outcome(plain, conversation, attributes, options)
            errors += expected.error is not None
            if how := check(expected, outcome(fast, conversation, attributes, options)):
                wrong[f"{conversation} {attributes} {options}"] = how
    for conversation in ODD:
        for options in ({}, {"tokenize": False}, {"padding": True, "return_tensors": "np"}, {"chat_template": SHORT}):
            expected = outcome(plain, conversation, {}, options)
            if how := check(expected, outcome(fast, conversation, {}, options)):
                wrong[f"{conversation} {options}"] = how
    assert not wrong, f"{len(wrong)} differ, such as {json.dumps(dict(list(wrong.items())[:5]), indent=1)}"
    assert errors > 100


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_of_all_conversations(kind: str) -> None:
    plain = tokenizer(kind)
    fast = accelerate(tokenizer(kind))
    options = {"chat_template": MARKED, "padding": True, "return_tensors": "np"}
    many = [CONVERSATIONS[i % 6] for i in range(200)]
    assert check(outcome(plain, many, {}, options), outcome(fast, many, {}, options)) is None


MASKED = [u("Say\nit"), a("one"), u("again"), a("two three")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", ["macro", "set block", "filter block"])
def test_mask_is_right_where_that_of_transformers_is_not(kind: str, template: str) -> None:
    plain, fast = tokenizer(kind), accelerate(tokenizer(kind))
    options = {"chat_template": template, "return_assistant_tokens_mask": True}
    text = plain.apply_chat_template(MASKED, chat_template=template, tokenize=False)
    spans = [(at, at + len(m["content"])) for m in MASKED[1::2] if (at := text.index(m["content"])) >= 0]
    (encoding,) = whole(plain, MASKED, options)
    theirs, ours = (outcome(each, MASKED, {}, options).value for each in (plain, fast))
    assert ours["assistant_masks"] == expected_mask(encoding, spans)
    assert theirs["assistant_masks"] != ours["assistant_masks"]
    assert theirs["input_ids"] == ours["input_ids"]


def test_mask_of_a_span_at_the_first_token_does_not_run_to_the_end() -> None:
    plain, fast = tokenizer("byte-level"), accelerate(tokenizer("byte-level"))
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}<|im_end|>{% endfor %}"
    options = {"chat_template": source, "return_assistant_tokens_mask": True}
    chat = [a("a"), a("b")]
    for each in (fast, plain):
        assert each.apply_chat_template(chat, **options)["assistant_masks"] == [1, 0, 1, 0]


def test_mask_of_an_empty_span_at_the_very_beginning() -> None:
    plain, fast = tokenizer("byte-level"), accelerate(tokenizer("byte-level"))
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}x{% endfor %}"
    options = {"chat_template": source, "return_assistant_tokens_mask": True}
    for each in (fast, plain):
        assert each.apply_chat_template([a("")], **options)["assistant_masks"] == [0]


def test_mask_of_odd_spans_is_by_the_definition() -> None:
    """Where blocks begin or end inside of a token, hold nothing, or end in a character of several tokens."""
    backend = Backend.from_str(named()["gpt2 as shipped"].json())
    trimming = PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=BARE)
    counted: Counter[str] = Counter()
    chats = [
        *CONVERSATIONS[:4],
        [u("x"), a(""), u("y"), a("dog")],
        [u("x"), a("🐢")],  # no token of its own, as the duck has
        [u("x"), a(" the dog ")],
        [u("x"), a("   ")],
    ]
    inside_a_word = "a{% for m in messages %} th{% generation %}{{ m.content }}{% endgeneration %}e {% endfor %}"
    cases = [(chat, BARE) for chat in chats] + [([a("")], inside_a_word), ([a("x"), a("y")], inside_a_word)]
    for plain in [trimming, *map(tokenizer, KINDS)]:
        fast = accelerate(copy.deepcopy(plain))
        for chat, source in cases:
            options = {"chat_template": source, "return_assistant_tokens_mask": True}
            found, expected = (outcome(each, chat, {}, options).value for each in (fast, plain))
            kinds, how = check_mask(plain, chat, {}, options, found)
            assert how is None, (chat, how)
            differs = found["assistant_masks"] != expected["assistant_masks"]
            assert EMPTY_INSIDE in kinds or not differs
            counted.update(f"{kind}: {'differs' if differs else 'same'}" for kind in kinds)
    assert f"{EMPTY_INSIDE}: differs" in counted
    same = ("empty span", "character of several tokens", "character without a token")
    assert {f"{kind}: same" for kind in same} <= counted.keys()


def test_added_tokens_count_from_the_next_call_on(pair: tuple[Any, Any]) -> None:
    plain, fast = (copy.deepcopy(each) for each in pair)
    chat = [u("the quick <new> dog"), a("aaaa <other>dog")]

    def same() -> bool:
        return check(outcome(plain, chat, {}, {}), outcome(fast, chat, {}, {})) is None

    assert same()
    for each in (plain, fast):
        each.add_tokens(["<new>", AddedToken("<other>", lstrip=True)])
    assert same()
    # A token of the model that becomes an added one: the vocabulary stays as large, and words around it fall apart.
    chat.append(u("the fox jumps over the lazy dog, and the dog is asleep, encode tokens know"))
    before, size = plain.apply_chat_template(chat)["input_ids"], len(plain)
    assert same()
    known = sorted(token for token in plain.get_vocab() if token.isalpha() and token.isascii() and len(token) > 1)
    for each in (plain, fast):
        each.add_tokens(known)
    assert len(plain) == size
    assert plain.apply_chat_template(chat)["input_ids"] != before
    assert same()
    for each in (plain, fast):
        each.add_special_tokens({"pad_token": "<pad>"})
    assert check(*(outcome(each, [chat, chat[:1]], {}, {"padding": True}) for each in (plain, fast))) is None
    for each in (plain, fast):
        each.backend_tokenizer.add_tokens(["quick"])
    assert same()
    for each in (plain, fast):
        each.chat_template = "{{ messages[0].content }}"
    assert same()


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "accelerated again"])
def test_a_copy_stands_on_its_own(pair: tuple[Any, Any], copied: str) -> None:
    plain, fast = pair
    ways = {"pickle": lambda: pickle.loads(pickle.dumps(fast)), "deepcopy": lambda: copy.deepcopy(fast)}
    other = ways.get(copied, lambda: accelerate(copy.copy(fast)))()
    assert other.apply_chat_template.__self__ is other
    assert fast.apply_chat_template.__self__ is fast
    assert check(outcome(plain, BATCHES[1], {}, {}), outcome(other, BATCHES[1], {}, {})) is None
    other.chat_template = "{{ messages[0].role }}"
    assert other.apply_chat_template([u("x")], tokenize=False) == "user"
    assert fast.apply_chat_template([u("x")], tokenize=False) != "user"


def test_saving_does_not_notice(pair: tuple[Any, Any], tmp_path: Path) -> None:
    for name, each in zip(("plain", "fast"), pair, strict=True):
        each._tokenizer.no_truncation()
        each._tokenizer.no_padding()
        each.save_pretrained(tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "plain") for path in (tmp_path / "plain").rglob("*") if path.is_file())
    assert len(files) > 2
    for file in files:
        assert (tmp_path / "plain" / file).read_bytes() == (tmp_path / "fast" / file).read_bytes()


def test_restore_gives_the_own_method_back(pair: tuple[Any, Any]) -> None:
    plain, fast = pair
    other = copy.deepcopy(fast)
    assert restore(other) is other
    assert other.apply_chat_template.__func__ is type(plain).apply_chat_template
    assert vars(other).keys() == vars(plain).keys()
    assert restore(other) is other


def test_accelerating_twice_is_accelerating_once(pair: tuple[Any, Any]) -> None:
    fast = copy.deepcopy(pair[1])
    before = vars(fast).keys()
    assert accelerate(fast) is fast
    assert vars(fast).keys() == before


def test_a_result_can_be_pickled(pair: tuple[Any, Any]) -> None:
    expected, found = (pickle.loads(pickle.dumps(each.apply_chat_template(BATCHES[0]))) for each in pair)
    assert type(found.encodings) is list
    assert difference(expected, found) is None
    assert [e.offsets for e in found.encodings] == [e.offsets for e in expected.encodings]
    assert found.char_to_token(1, 3) == expected.char_to_token(1, 3)


def test_threads_get_the_same(pair: tuple[Any, Any]) -> None:
    plain, fast = pair
    expected = [plain.apply_chat_template(chat, chat_template=MARKED)["input_ids"] for chat in CONVERSATIONS]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda chat: fast.apply_chat_template(chat, chat_template=MARKED), CONVERSATIONS * 20)
    assert [out["input_ids"] for out in found] == expected * 20


def test_a_call_that_is_left_to_transformers_is_told_once() -> None:
    fast = accelerate(tokenizer("byte-level"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            fast.apply_chat_template([u("x")], tokenizer_kwargs={"return_offsets_mapping": True})
    assert "return_offsets_mapping" in str(caught[0].message)
    assert caught[0].category is AccelerateWarning
    assert len(caught) == 1
    assert caught[0].filename == __file__


class _OwnWay(PreTrainedTokenizerFast):  # type: ignore[misc]
    def _encode_plus(self, *args: Any, **kwargs: Any) -> Any:
        return super()._encode_plus(*args, **kwargs)


class _Processor:
    def __init__(self) -> None:
        self.tokenizer = tokenizer("byte-level")

    def apply_chat_template(self, conversation: Any) -> Any:
        return self.tokenizer.apply_chat_template(conversation)


def _unigram() -> Any:
    from tokenizers import models

    backend = Backend(models.Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)], 0, False))
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", chat_template=MARKED)


def test_what_is_not_covered_stays_as_it_is_and_is_told() -> None:
    backend = Backend.from_str(named()["qwen"].json())
    refused = {
        "way of its own": _OwnWay(tokenizer_object=backend),
        "accelerate its `.tokenizer`": _Processor(),
        "its vocabulary": _unigram(),
    }
    for why, each in refused.items():
        before = dict(vars(each))
        with pytest.warns(AccelerateWarning, match=why):
            assert accelerate(each) is each
        assert vars(each).keys() == before.keys()
    with pytest.raises(TypeError, match="not int"):
        accelerate(3)


# ---- templates and vocabularies of real models -----------------------------------------------------------------------

ORACLES = Path(os.environ.get("CHATTPL_ORACLES") or "none")
REAL = sorted(path.parent.name for path in ORACLES.glob("*/tokenizer.json"))
NO_ORACLES = "set CHATTPL_ORACLES to a folder that holds NAME/tokenizer.json of published models"


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason=NO_ORACLES)
@pytest.mark.parametrize("name", REAL)
def test_real_vocabulary_gives_what_the_plain_tokenizer_gives(name: str) -> None:
    plain = PreTrainedTokenizerFast(
        tokenizer_file=str(ORACLES / name / "tokenizer.json"), chat_template={"default": MARKED, "short": SHORT}
    )
    plain.pad_token = plain.convert_ids_to_tokens(0)
    fast, aside = accelerate(copy.deepcopy(plain)), copy.deepcopy(plain)
    assert "apply_chat_template" in vars(fast)
    wrong: dict[str, str] = {}
    for attributes, encode in ENCODES:
        for render in ({"add_generation_prompt": True}, {"chat_template": "short"}):
            for conversation in [*CONVERSATIONS[:6], BATCHES[0], BATCHES[2]]:
                options = {**render, **encode}
                expected = outcome(plain, conversation, attributes, options)
                found = outcome(fast, conversation, attributes, options)
                ignored = None
                if encode.get("return_assistant_tokens_mask") and expected.error is None:
                    kinds, how = check_mask(aside, conversation, attributes, options, found.value)
                    ignored = "assistant_masks" if kinds else None
                    if how:
                        wrong[f"{conversation} {attributes} {options}"] = how
                if how := check(expected, found, ignored=ignored):
                    wrong[f"{conversation} {attributes} {options}"] = how
    assert not wrong, f"{len(wrong)} differ, such as {json.dumps(dict(list(wrong.items())[:5]), indent=1)}"


@pytest.mark.slow
def test_every_registry_template_gives_what_the_plain_tokenizer_gives(pair: tuple[Any, Any]) -> None:
    sources = {info.name: chattpl.load(info.name).template.source for info in chattpl.models()}
    for name, source in sources.items():
        if "parse_json" in source:  # our own filter, which transformers has not
            sources[name] = chattpl.load(f"{name}@published").template.source
    assert not _compared(pair, sources, [(chat, {}) for chat in CONVERSATIONS])


@pytest.mark.slow
def test_published_templates_give_what_the_plain_tokenizer_gives(conformance: Path) -> None:
    pairs = [(tokenizer(kind), accelerate(tokenizer(kind))) for kind in KINDS]
    paths = sorted((conformance / "templates").glob("*.jinja"))
    probes = json.loads((conformance / "probes.json").read_text("utf-8"))
    calls = [(probe["messages"], probe["kwargs"]) for probe in probes]
    wrong: dict[str, str] = {}
    for path, pair in zip(paths, cycle(pairs), strict=False):
        wrong |= _compared(pair, {path.name: path.read_bytes().decode()}, calls)
    assert not wrong
    assert len(paths) == 200


def _compared(
    pair: tuple[Any, Any], sources: dict[str, str], calls: list[tuple[Any, dict[str, Any]]]
) -> dict[str, str]:
    plain, fast = pair
    wrong: dict[str, str] = {}
    for name, source in sources.items():
        for number, (messages, given) in enumerate(calls):
            options = {**given, "chat_template": source}
            if how := check(outcome(plain, messages, {}, options), outcome(fast, messages, {}, options)):
                wrong[f"{name} {number}"] = how
    return dict(list(wrong.items())[:10])
