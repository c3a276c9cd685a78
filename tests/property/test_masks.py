"""Laws of loss masks: who is never trained, what always is, and how policies add up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chattpl
from byte_tokenizers import (
    STOP_TOKENS,
    STOP_TOKENS_OF_GLM,
    byte_format,
    byte_tokenizer,
    chat_format,
    control_tokens,
    mask_of_characters,
    unmarked,
)
from chattpl import ChatFormat, Origin, Train
from chattpl.train import PARTS
from compare import CLOCK, TOKENS
from paths import CONFORMANCE, NO_CONFORMANCE, TEMPLATES
from strategies import Probe, conversations, probes

FORMATS = [info.name for info in chattpl.models()]
PUBLISHED = sorted(path.stem for path in (CONFORMANCE / "templates").glob("*.jinja"))
LEARNT = "assistant"

by_format = pytest.mark.parametrize("name", FORMATS)
by_published = pytest.mark.skipif(not PUBLISHED, reason=NO_CONFORMANCE)
HEADER_AFTER_NO_PROMPT = {
    "hfjs__custom_maywell_Synatra-Mixtral-8x7B",
    "hfjs__custom_upstage_SOLAR-10.7B-Instruct-v1.0",
    "trl__diffusion_gemma",
    "trl__diffusion_gemma_training",
}
"""Templates that prompt with nothing after a tool's message but print a header in history; it is not trained."""

PROMPTS_UNASKED = {"hfjs__custom_codellama_CodeLlama-70b-Instruct-hf"}
"""Templates that prompt whether they are asked to or not, with another header than that of their history."""

some = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@cache
def _own(name: str, marks: bool = True) -> ChatFormat:
    """A format of the registry over a tokenizer of bytes; without marks its masks are derived."""
    chat = chattpl.load(name)
    source = chat.template.source
    control = tuple(sorted({*control_tokens(source), *chat.special_tokens, *chat.token_arguments.values()}))
    return chat_format(
        source if marks else unmarked(source),
        byte_tokenizer(control),
        arguments=chat.token_arguments,
        stop_tokens=chat.stop_tokens,
        name=name,
    )


@cache
def _published(name: str) -> ChatFormat:
    source = (CONFORMANCE / "templates" / f"{name}.jinja").read_bytes().decode()
    return byte_format(unmarked(source), arguments=TOKENS)


def _cases(name: str) -> list[Probe]:
    """The probes, and the cases of a format of the registry."""
    found = [*probes()]
    for path in sorted(TEMPLATES.glob(f"*/{name}/cases/*.json")):
        options = json.loads(path.read_text("utf-8"))
        if "now" in options:
            options["now"] = datetime.fromisoformat(options["now"])
        found.append(Probe(path.stem, options.pop("messages"), options))
    return found


def _encode(chat: ChatFormat, probe: Probe, **more: Any) -> chattpl.Encoded | None:
    try:
        return chat.encode(probe.messages, **{"now": CLOCK, **probe.options, **more})
    except chattpl.ChatTemplateError:
        return None


def _role(messages: Sequence[Any], path: tuple[Any, ...] | None) -> Any:
    assert path is not None
    return messages[path[1]].get("role") if len(path) > 1 else None


def _untrained(chat: ChatFormat, probe: Probe) -> Iterator[str]:
    """Trained text that is somebody else's."""
    encoded = _encode(chat, probe)
    if encoded is None:
        return
    mask = mask_of_characters(chat, encoded)
    stops = (*STOP_TOKENS, *STOP_TOKENS_OF_GLM, *chat.stop_tokens)
    rendered = chat.render(probe.messages, **{"now": CLOCK, **probe.options})
    assert rendered.text == encoded.text
    for segment in rendered.segments:
        trained = [at for at in range(segment.start, segment.end) if mask[at]]
        if not trained:
            continue
        text = rendered.text[trained[0] : trained[-1] + 1]
        if segment.origin is Origin.MESSAGE:
            is_theirs = _role(probe.messages, segment.path) == LEARNT
        elif segment.origin in (Origin.TOOLS, Origin.DOCUMENTS):
            is_theirs = False
        else:
            speaker = LEARNT if segment.message is None else probe.messages[segment.message].get("role")
            is_theirs = speaker == LEARNT or text.strip().endswith(stops) or not text.strip()
        if not is_theirs:
            yield f"{probe.name}: {segment.path or 'template'} {text!r}"


def _without_stop(chat: ChatFormat, probe: Probe) -> Iterator[str]:
    """Trained stretches after which a stop token stands that is not trained."""
    encoded = _encode(chat, probe)
    if encoded is None or encoded.text is None:
        return
    mask = [*mask_of_characters(chat, encoded), False]
    written = [True] * len(mask)
    for segment in chat.render(probe.messages, **{"now": CLOCK, **probe.options}).segments:
        if segment.origin is Origin.MESSAGE:
            written[segment.start : segment.end] = [False] * (segment.end - segment.start)
    for at in range(1, len(mask)):
        if mask[at - 1] and not mask[at] and not encoded.text[:at].endswith(chat.stop_tokens):
            next_ = at
            while next_ < len(encoded.text) and encoded.text[next_].isspace() and written[next_]:
                next_ += 1
            if encoded.text.startswith(chat.stop_tokens, next_) and written[next_]:
                yield f"{probe.name}: {encoded.text[max(0, at - 30) : at + 30]!r}"


@by_format
def test_derived_mask_equals_the_marks_of_our_template(name: str) -> None:
    marked, derived = _own(name), _own(name, marks=False)
    different = []
    for case in _cases(name):
        expected, found = _encode(marked, case), _encode(derived, case)
        assert (expected is None) == (found is None)
        if expected is None or found is None:
            continue
        assert expected.text is not None
        if expected.loss_mask.tolist() != found.loss_mask.tolist():
            theirs, ours = mask_of_characters(marked, expected), mask_of_characters(derived, found)
            for kind, these, those in (("marked only", theirs, ours), ("derived only", ours, theirs)):
                text = "".join(c if a and not b else "·" for c, a, b in zip(expected.text, these, those, strict=True))
                if name == "gpt-oss" and set(text.split("·")) <= {"", "<|end|>", "<|start|>assistant"}:
                    # In history <|end|> stands in for <|return|>, and after each of several calls the prompt supplies
                    # the next header: the marks know that, the text does not show it.
                    continue
                if text.strip("·"):
                    different.append(f"{case.name}: {kind}: {text.strip('·')!r}")
    assert not different


@by_format
def test_nobody_elses_text_is_trained_in_our_formats(name: str) -> None:
    for marks in (True, False):
        assert not [found for case in _cases(name) for found in _untrained(_own(name, marks), case)]


@by_format
@some
@given(messages=conversations)
def test_nobody_elses_text_is_trained_in_any_conversation(name: str, messages: list[Any]) -> None:
    for marks in (True, False):
        assert not list(_untrained(_own(name, marks), Probe("", messages, {})))


@by_published
@pytest.mark.parametrize("name", PUBLISHED)
def test_nobody_elses_text_is_trained_in_published_templates(name: str) -> None:
    assert not [found for probe in probes() for found in _untrained(_published(name), probe)]


@by_format
def test_stop_token_is_trained_in_our_formats(name: str) -> None:
    for marks in (True, False):
        assert not [found for case in _cases(name) for found in _without_stop(_own(name, marks), case)]


@by_published
@pytest.mark.parametrize("name", PUBLISHED)
def test_stop_token_is_trained_in_published_templates(name: str) -> None:
    assert not [found for probe in probes() for found in _without_stop(_published(name), probe)]


@by_published
@pytest.mark.parametrize("name", PUBLISHED)
def test_what_a_prompt_supplies_is_not_trained_and_all_behind_it_is(name: str) -> None:
    """Where a conversation begins with the prompt for one of its turns, that turn is trained from there on."""
    wrong = [found for probe in probes() for found in _prompts(_published(name), probe)]
    assert not wrong or name in HEADER_AFTER_NO_PROMPT


def _prompts(chat: ChatFormat, probe: Probe) -> Iterator[str]:
    encoded = _encode(chat, probe)
    if encoded is None or encoded.text is None:
        return
    mask = mask_of_characters(chat, encoded)
    rendered = chat.render(probe.messages, **{"now": CLOCK, **probe.options})
    options = {key: value for key, value in probe.options.items() if "final" not in key and "prompt" not in key}
    for at, message in enumerate(probe.messages):
        answers = at > 0 and message.get("role") == LEARNT and probe.messages[at - 1].get("role") != LEARNT
        if not answers:
            continue
        try:
            prompt = chat.render(probe.messages[:at], now=CLOCK, add_generation_prompt=True, **options).text
        except chattpl.ChatTemplateError:
            continue
        end = len(prompt)
        if not encoded.text.startswith(prompt) or not any(mask[end:]) or end == len(encoded.text):
            continue
        says = any(segment.message == at for segment in rendered.segments)
        begins = encoded.text[max(0, end - 30) : end] + "⟦" + encoded.text[end : end + 30]
        if says and (mask[end - 1] or not mask[end]):
            yield f"{probe.name}: {begins!r}"


@by_format
def test_parts_add_up_to_the_mask(name: str) -> None:
    for marks in (True, False):
        chat = _own(name, marks)
        for case in _cases(name):
            whole = _encode(chat, case)
            if whole is None:
                continue
            parts = [_mask(chat, case, Train(parts=[part])) for part in PARTS]
            assert np.array_equal(sum(parts), whole.loss_mask), case.name


@by_format
def test_weights_are_those_of_the_parts(name: str) -> None:
    weights = dict(zip(PARTS, (1.0, 0.5, 0.25, 2.0), strict=True))
    chat = _own(name)
    for case in _cases(name):
        found = _encode(chat, case, train=Train(parts=weights))
        if found is None:
            continue
        expected = np.zeros(len(found), "float32")
        for part, weight in weights.items():
            expected += weight * _mask(chat, case, Train(parts=[part]))
        assert np.array_equal(found.loss_mask, expected > 0)
        assert (found.loss_weight is None) == (set(expected.tolist()) <= {0.0, 1.0})
        assert found.loss_weight is None or np.array_equal(found.loss_weight, expected)


@by_format
def test_turns_choose_among_those_of_the_mask(name: str) -> None:
    chat = _own(name)
    for case in _cases(name):
        whole = _encode(chat, case)
        if whole is None:
            continue
        last, chain = (_mask(chat, case, Train(turns=turns)) for turns in ("last", "last_chain"))
        assert np.all(last <= whole.loss_mask)
        assert np.all(chain <= whole.loss_mask)
        each = [_mask(chat, case, Train(turns=[at])) for at in range(len(case.messages))]
        assert np.array_equal(sum(each, np.zeros_like(whole.loss_mask)), whole.loss_mask), case.name
        assert not _mask(chat, case, Train.nothing()).any()


@by_format
@some
@given(messages=conversations, first=st.text("ab", min_size=1), second=st.text("cd", min_size=1))
def test_mask_of_the_rest_does_not_depend_on_what_users_say(
    name: str, messages: list[Any], first: str, second: str
) -> None:
    chat = _own(name, marks=False)
    masks = []
    for said in (first, second):
        changed = [{**m, "content": said} if m["role"] == "user" else m for m in messages]
        encoded = _encode(chat, Probe("", changed, {}))
        masks.append(None if encoded is None else encoded.input_ids[encoded.loss_mask == 1].tolist())
    assert masks[0] == masks[1]


def _mask(chat: ChatFormat, case: Probe, train: Train) -> np.ndarray[Any, Any]:
    encoded = _encode(chat, case, train=train)
    assert encoded is not None
    return encoded.loss_mask


def _trained(chat: ChatFormat, case: Probe) -> list[str] | None:
    """The trained stretches of a conversation."""
    encoded = _encode(chat, case)
    if encoded is None or encoded.text is None:
        return None
    mask = mask_of_characters(chat, encoded)
    marked = "".join(c if is_trained else "\0" for c, is_trained in zip(encoded.text, mask, strict=True))
    return [part for part in marked.split("\0") if part]


PLAIN_ANSWERS = [
    Probe("two", [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "say"}] * 2, {}),
    Probe("one", [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "say"}], {}),
]
IF_PROMPT = re.compile(r"\{%-?\s*if\s+add_generation_prompt[^%]*?-?%\}")
AROUND = [
    ("    ", ""),
    ("\n\n", ""),
    (" \t ", ""),
    ("\u3000", ""),
    ("", "  "),
    ("", "\n\n"),
    (" ", " \n"),
    ("\r\n", ""),
]


def _spaced(source: str, before: str, after: str) -> str:
    """A template with white space around its prompt."""
    spaced = IF_PROMPT.sub(lambda found: f"{found[0]}{{{{- {before!r} -}}}}", source)
    return spaced + f"{{%- if add_generation_prompt -%}}{{{{- {after!r} -}}}}{{%- endif -%}}"


def _header_moves(source: str, build: Callable[[str], ChatFormat]) -> list[str]:
    expected, wrong = [_trained(build(source), case) for case in PLAIN_ANSWERS], []
    for before, after in AROUND:
        chat = build(_spaced(source, before, after))
        for case, wanted in zip(PLAIN_ANSWERS, expected, strict=True):
            found = _trained(chat, case)
            # White space that the prompt supplies, too, may be left out at the start.
            if (found and [text.lstrip() for text in found]) != (wanted and [text.lstrip() for text in wanted]):
                wrong.append(f"{before!r} {after!r} {case.name}: {found} {wanted}")
    return wrong


@by_format
def test_white_space_around_the_prompt_moves_no_header_in_our_formats(name: str) -> None:
    chat = chattpl.load(name)
    control = tuple(
        sorted({*control_tokens(chat.template.source), *chat.special_tokens, *chat.token_arguments.values()})
    )

    def build(source: str) -> ChatFormat:
        tokenizer = byte_tokenizer(control)
        return chat_format(source, tokenizer, arguments=chat.token_arguments, stop_tokens=chat.stop_tokens)

    assert not _header_moves(unmarked(chat.template.source), build)


@by_published
@pytest.mark.parametrize("name", PUBLISHED)
def test_white_space_around_the_prompt_moves_no_header_in_published_templates(name: str) -> None:
    source = (CONFORMANCE / "templates" / f"{name}.jinja").read_bytes().decode()
    wrong = _header_moves(unmarked(source), lambda text: byte_format(text, arguments=TOKENS))
    assert not wrong or name in PROMPTS_UNASKED


def _hostile(chat: ChatFormat) -> list[str]:
    """What a template writes around turns, as text for others to say."""
    texts: set[str] = set()
    for at, prompt in ((1, True), (2, False), (1, False)):
        try:
            rendered = chat.render(PLAIN_ANSWERS[0].messages[:at], now=CLOCK, add_generation_prompt=prompt)
        except chattpl.ChatTemplateError:
            continue
        written = "".join(
            "\0" if segment.origin is Origin.MESSAGE else rendered.text[segment.start : segment.end]
            for segment in rendered.segments
        )
        texts.update(part for part in written.split("\0") if part.strip())
        texts.add(written.replace("\0", "x"))
    return sorted({text.strip() for text in texts} | texts)


def _others(said: str) -> Iterator[Probe]:
    """Conversations in which others than the assistant say a text."""
    user, answer = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "say"}
    yield Probe("system", [{"role": "system", "content": said}, user, answer], {})
    yield Probe("system, assistant", [{"role": "system", "content": said}, answer, user, answer], {})
    yield Probe("user", [{**user, "content": said}, answer, user, answer], {})
    yield Probe("last user", [user, answer, {**user, "content": said}, answer], {})
    yield Probe("name", [{**user, "name": said}, answer], {})
    call = {"id": "aaaaaaaaa", "type": "function", "function": {"name": "f", "arguments": {}}}
    result = {"role": "tool", "name": "f", "tool_call_id": "aaaaaaaaa", "content": said}
    yield Probe("tool", [user, {**answer, "tool_calls": [call]}, result, answer], {})
    tool = {"type": "function", "function": {"name": "f", "description": said, "parameters": {}}}
    yield Probe("tools", [user, answer], {"tools": [tool]})


def _moved(chat: ChatFormat, others: Sequence[str]) -> list[str]:
    wrong = []
    harmless = [_trained(chat, case) for case in _others("harmless")]
    for said in others:
        for case, wanted in zip(_others(said), harmless, strict=True):
            found = _trained(chat, case)
            if found is not None and wanted is not None and found != wanted:
                wrong.append(f"{case.name}: {said!r}: {found} {wanted}")
            wrong += list(_untrained(chat, case))
    return wrong


@by_format
def test_no_text_of_others_moves_what_is_trained_in_our_formats(name: str) -> None:
    for marks in (True, False):
        assert not _moved(_own(name, marks), _hostile(_own(name, marks)))


@by_published
@pytest.mark.parametrize("name", PUBLISHED)
def test_no_text_of_others_moves_what_is_trained_in_published_templates(name: str) -> None:
    assert not _moved(_published(name), _hostile(_published(name)))


@by_published
@pytest.mark.parametrize("name", PUBLISHED)
def test_stop_tokens_are_found_in_published_templates(name: str) -> None:
    """Where the format names no stop token, the template shows it: the masks are as with all known ones."""
    source = (CONFORMANCE / "templates" / f"{name}.jinja").read_bytes().decode()
    unknown = byte_format(unmarked(source), arguments=TOKENS, stop_tokens=("<nowhere>",))
    for probe in probes():
        for train in (Train(), Train(parts=["content"])):
            expected, found = (_encode(chat, probe, train=train) for chat in (_published(name), unknown))
            if expected is not None and found is not None:
                assert expected.loss_mask.tolist() == found.loss_mask.tolist(), probe.name
