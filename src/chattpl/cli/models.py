"""Lists the formats that `--model` knows by name."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from chattpl.cli import console
from chattpl.registry import ModelInfo, models


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl models`."""
    parser.add_argument("--timeline", action="store_true", help="by date, each with the format it grew out of")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")


def run(options: Namespace) -> int:
    """Prints the table or the timeline."""
    found = models()
    if options.timeline:
        found.sort(key=lambda info: (info.released or "", info.name))
    if options.format == "json":
        console.write_data(json.dumps([_record(info) for info in found], ensure_ascii=False, indent=2) + "\n")
    elif options.format == "markdown":
        console.write_data(markdown_table(found))
    elif options.timeline:
        rows = [[info.released or "?", info.name, info.follows or "-", info.summary or ""] for info in found]
        console.print_table(["released", "name", "grew out of", "what is new"], rows)
    else:
        console.print_table(["name", "vendor", "released", "aliases", "tokenizer", "text"], map(_row, found))
    return 0


def markdown_table(found: list[ModelInfo]) -> str:
    """Writes the table of formats for the README."""
    lines = ["| format | vendor | released | aliases | template text |", "|---|---|---|---|---|"]
    for info in found:
        aliases = ", ".join(f"`{alias}`" for alias in info.aliases)
        lines.append(f"| `{info.name}` | {info.vendor or ''} | {info.released or ''} | {aliases} | {_checked(info)} |")
    return "".join(f"{line}\n" for line in lines)


def _row(info: ModelInfo) -> list[str]:
    return [
        info.name,
        info.vendor or "",
        info.released or "",
        ", ".join(info.aliases),
        info.tokenizer or "-",
        _checked(info),
    ]


def _checked(info: ModelInfo) -> str:
    return "verified" if info.verified else "unverified"


def _record(info: ModelInfo) -> dict[str, object]:
    return {name: getattr(info, name) for name in ModelInfo.__dataclass_fields__ if name != "notes"}
