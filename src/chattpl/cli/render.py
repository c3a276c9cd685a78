"""Prints conversations in a model's format, exactly as the model reads them.

On a terminal the colours show where text came from: control tokens in bold magenta, the template's other words dim,
content by the role of its message (system yellow, user green, assistant cyan, tool blue).

A conversation is a list of messages, or a row of any dialect: `messages`, ShareGPT's `conversations`, Alpaca's
`instruction` and `output`, `prompt` and `response`, ... A file holds one in JSON, or many as JSON Lines, a JSON array,
Parquet or Arrow, compressed or not. Without one, a built-in sample is shown.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any

from chattpl import Rendered, Segment
from chattpl.cli import console, exit_code
from chattpl.cli.conversations import read_conversations, read_json_file
from chattpl.cli.formats import add_format_arguments, load_format
from chattpl.errors import ChatTemplateError, InputError, RenderError
from chattpl.format import ChatFormat
from chattpl.location import Location
from chattpl.messages import oddities
from chattpl.origin import BY_CODE, Origin
from chattpl.rows import LocatedRow, Row

_MOST_WARNINGS = 20
_RESERVED = {
    "messages": "CONVERSATION",
    "tools": "--tools",
    "documents": "--documents",
    "add_generation_prompt": "--generation-prompt",
    "continue_final_message": "--continue-final-message",
    "now": "--now",
    "normalize": "--normalize",
    "null_fields": "--null-fields",
}

_CONTROL, _LITERAL, _OTHER = "\x1b[1;35m", "\x1b[2m", "\x1b[34m"
_ROLE_COLOURS = {"system": "\x1b[33m", "developer": "\x1b[33m", "user": "\x1b[32m", "assistant": "\x1b[36m"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl render`."""
    add_format_arguments(parser)
    parser.add_argument(
        "conversation",
        nargs="?",
        metavar="CONVERSATION",
        help="a file with one conversation or many rows; - for standard input",
    )
    add_conversation_arguments(parser)
    parser.add_argument("--ids", action="store_true", help="print the tokens: id, text, origin, message")
    parser.add_argument("--mask", action="store_true", help="as --ids, and which tokens are trained on")
    parser.add_argument("--segments", action="store_true", help="print where each piece came from")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one object a line")
    parser.add_argument("--row", type=int, metavar="N", help="only the Nth row of a file with several, from 1")


def add_conversation_arguments(parser: ArgumentParser) -> None:
    """Declares what a conversation is rendered with."""
    parser.add_argument("--tools", metavar="FILE", help="a JSON file of tools; replaces those of the conversation")
    parser.add_argument("--documents", metavar="FILE", help="a JSON file of documents")
    parser.add_argument(
        "--set",
        dest="arguments",
        metavar="K=V",
        type=_argument,
        action="append",
        default=[],
        help="an argument of the template, such as enable_thinking=false: JSON if it parses, else text; repeatable",
    )
    parser.add_argument(
        "--generation-prompt",
        action=BooleanOptionalAction,
        default=False,
        help="end with the header of the assistant's next turn (default: no)",
    )
    parser.add_argument(
        "--continue-final-message",
        nargs="?",
        const=True,
        default=False,
        metavar="FIELD",
        help="leave the last message open, or one field of it",
    )
    parser.add_argument("--now", metavar="ISO", type=_time, help="the time that `strftime_now` prints")
    parser.add_argument(
        "--normalize",
        nargs="?",
        const="auto",
        choices=("off", "auto"),
        default="off",
        help="auto: bring messages into the form that the template takes (default: off)",
    )
    parser.add_argument(
        "--null-fields",
        choices=("drop", "keep"),
        default="drop",
        help="what becomes of null fields of messages (default: drop, as transformers)",
    )


def conversation_keywords(options: Namespace) -> dict[str, Any]:
    """What `add_conversation_arguments` declared, as keywords of `ChatFormat.render`."""
    keywords: dict[str, Any] = dict(options.arguments)
    keywords["add_generation_prompt"] = options.generation_prompt
    keywords["continue_final_message"] = options.continue_final_message
    keywords["now"] = options.now
    keywords["normalize"] = options.normalize
    keywords["null_fields"] = options.null_fields
    for key in ("tools", "documents"):
        if (path := getattr(options, key)) is not None:
            keywords[key] = read_json_file(path, key)
    return keywords


def run(options: Namespace) -> int:
    """Renders each conversation; goes on past those that fail."""
    chat = load_format(options)
    keywords = conversation_keywords(options)
    rows = read_conversations(options.conversation)
    if rows is None:
        console.talk(f"chattpl: no conversation given, so this is a built-in sample in the format `{chat.name}`")
        row = _fitting_sample(chat, keywords)
        sample = {"messages": row.messages, "tools": row.tools}
        rows = iter([LocatedRow(location=Location(source="<sample>"), value=sample)])
    if options.row is not None:
        rows = _only(rows, options.row, options.conversation or "-")
    first = list(islice(rows, 2))
    several = len(first) > 1
    return max((_render_row(chat, row, keywords, options, several) for row in chain(first, rows)), default=0)


def _render_row(
    chat: ChatFormat, located: LocatedRow, keywords: dict[str, Any], options: Namespace, several: bool
) -> int:
    """Renders and prints one row.

    Returns:
        The exit code for it.
    """
    place = located.location
    try:
        row = located.read()
        _warn(row, chat, str(place) if several else None)
        if options.ids or options.mask:
            return _print_tokens(chat, located, keywords, options, several)
        rendered = chat.render(located.value, **keywords)
    except ChatTemplateError as error:
        if several and not isinstance(error.location, Location):
            located.located(error)
        console.complain(error)
        return exit_code(error)
    if options.format == "json":
        _print_json(chat, rendered, _numbered(place, several), options.segments)
        return 0
    if several:
        console.talk(f"--- {place}")
    roles = [message.get("role") if isinstance(message, dict) else None for message in row.messages]
    text = _segment_lines(rendered) if options.segments else _shown(chat, rendered, roles)
    # A pipe gets the text and nothing else; a terminal, or a list of texts, needs its line ends.
    if (several or console.is_terminal(sys.stdout)) and not rendered.text.endswith("\n"):
        text += "\n"
    console.write_data(text + "\n" if several else text)
    return 0


def _numbered(place: Location, several: bool) -> dict[str, Any]:
    """The beginning of a JSON record: the number of the row, where there are several."""
    return {"row": place.row} if several else {}


def _print_tokens(
    chat: ChatFormat, located: LocatedRow, keywords: dict[str, Any], options: Namespace, several: bool
) -> int:
    """Prints the tokens of one row: a line each, or one JSON object."""
    encoded = chat.encode(located.value, **keywords)
    ids, mask = encoded.input_ids.tolist(), encoded.loss_mask.tolist()
    messages, origins = encoded.message_index.tolist(), [BY_CODE[code] for code in encoded.origin.tolist()]
    if options.format == "json":
        record = _numbered(located.location, several)
        record |= {"format": chat.name, "text": encoded.text, "input_ids": ids}
        record |= {"loss_mask": mask, "message_index": messages, "origin": origins}
        if encoded.loss_weight is not None:
            record["loss_weight"] = encoded.loss_weight.tolist()
        console.write_data(json.dumps(record, ensure_ascii=False) + "\n")
        return 0
    if several:
        console.talk(f"--- {located.location}")
    colours = console.wants_colour(sys.stdout)
    special = {token_id for token_id, _, is_special in chat.tokenizer.added_tokens if is_special}
    lines = []
    for token_id, trained, message, origin in zip(ids, mask, messages, origins, strict=True):
        text = _token_text(chat.tokenizer.id_to_bytes(token_id))
        if colours and (trained if options.mask else token_id in special):
            text = f"{_CONTROL if token_id in special else _ROLE_COLOURS['assistant']}{text}{console.RESET}"
        flag = f"{'x' if trained else '.'} " if options.mask else ""
        lines.append(f"{flag}{token_id:>7}  {origin:<9} {'-' if message < 0 else message:>3}  {text}\n")
    if options.mask:
        lines.append(f"{sum(mask)} of {len(ids)} tokens are trained on\n")
    console.write_data("".join(lines))
    return 0


def _token_text(token: bytes) -> str:
    """A token as a JSON string; bytes that are no text by their numbers."""
    try:
        return json.dumps(token.decode(), ensure_ascii=False)
    except UnicodeDecodeError:
        return f"<{token.hex(' ')}>"


def _fitting_sample(chat: ChatFormat, keywords: dict[str, Any]) -> Row:
    """Finds the first built-in conversation that the template does not refuse."""
    from chattpl.cli.sample import samples

    candidates = samples(chat.info)
    for row in candidates[:-1]:
        try:
            chat.render(row.messages, **{**row.keywords(), **keywords})
        except RenderError:
            continue
        return row
    return candidates[-1]


def _only(rows: Iterator[LocatedRow], number: int, name: str) -> Iterator[LocatedRow]:
    found = next(islice(rows, number - 1, None), None) if number >= 1 else None
    if found is None:
        raise InputError(f"there is no row {number}", location=name, hint="rows are counted from 1")
    return iter([found])


_warned = 0


def _warn(row: Row, chat: ChatFormat, place: str | None) -> None:
    """Says what looks wrong in a conversation, up to a number of warnings a run."""
    global _warned
    for where, what in oddities(row.messages, chat.info.roles):
        _warned += 1
        if _warned <= _MOST_WARNINGS:
            console.talk(f"warning: {what}\n  --> {f'{place}: ' if place else ''}{where}")
        elif _warned == _MOST_WARNINGS + 1:
            console.talk("warning: more rows look odd; the rest is not listed")


def _print_json(chat: ChatFormat, rendered: Rendered, record: dict[str, Any], with_segments: bool) -> None:
    record |= {"format": chat.name, "text": rendered.text}
    if with_segments:
        record["segments"] = [
            {
                "start": segment.start,
                "end": segment.end,
                "origin": segment.origin,
                "path": segment.path,
                "message": segment.message,
                "template_span": segment.template_span,
            }
            for segment in rendered.segments
        ]
        record["generation_spans"] = rendered.generation_spans
    console.write_data(json.dumps(record, ensure_ascii=False) + "\n")


def _segment_lines(rendered: Rendered) -> str:
    """Writes a line for each segment: start, end, origin, message, path, text."""
    lines = []
    for segment in rendered.segments:
        message = "-" if segment.message is None else str(segment.message)
        text = json.dumps(rendered.text[segment.start : segment.end], ensure_ascii=False)
        lines.append(
            f"{segment.start:>6} {segment.end:>6}  {segment.origin:<9} {message:>3}  {_path_text(segment):<28} {text}"
        )
    return "".join(f"{line}\n" for line in lines)


def _path_text(segment: Segment) -> str:
    """Writes a path as Python would: `messages[0].content`."""
    if segment.path is None:
        return "-"
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in segment.path)
    return "".join(steps).removeprefix(".")


def _shown(chat: ChatFormat, rendered: Rendered, roles: list[object]) -> str:
    """Returns the text, coloured by origin if colours are wanted, and harmless if it goes to a terminal."""
    clean = console.harmless if console.is_terminal(sys.stdout) else str
    if not console.wants_colour(sys.stdout):
        return clean(rendered.text)
    tokens = sorted(chat.special_tokens, key=len, reverse=True)
    control = re.compile("|".join([*map(re.escape, filter(None, tokens)), r"<\|[^|<>\s]+\|>"]))
    pieces = []
    for segment in rendered.segments:
        text = clean(rendered.text[segment.start : segment.end])
        if segment.origin in (Origin.TEMPLATE, Origin.ARGUMENT):
            at = 0
            for match in control.finditer(text):
                pieces += [(_LITERAL, text[at : match.start()]), (_CONTROL, match[0])]
                at = match.end()
            pieces.append((_LITERAL, text[at:]))
        else:
            pieces.append((_colour_of(segment, roles), text))
    return "".join(f"{colour}{text}{console.RESET}" for colour, text in pieces if text)


def _colour_of(segment: Segment, roles: list[object]) -> str:
    if segment.origin is not Origin.MESSAGE or segment.message is None:
        return _OTHER
    role = roles[segment.message] if segment.message < len(roles) else None
    return _ROLE_COLOURS.get(role, _OTHER) if isinstance(role, str) else _OTHER


def _argument(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ArgumentTypeError(f"{text!r} is not of the form key=value")
    if key in _RESERVED:
        raise ArgumentTypeError(f"{key!r} is given with {_RESERVED[key]}")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a time such as 2026-01-31T12:00") from error
