"""Writes a format to one file: its templates, its tokens and its vocabulary.

It stands alone: `--model`, `--tokenizer` and `chattpl.load` take it, and need no package, cache or network then.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chattpl.cli import console
from chattpl.format import load


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl compile`."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", "-m", metavar="M", help="a format's name, a Hub id, a model's folder")
    which.add_argument("--template", "-t", metavar="FILE", help="a template file; needs --tokenizer")
    parser.add_argument(
        "--tokenizer", metavar="T", help="a tokenizer file or folder, or the name of a shipped vocabulary"
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write, NAME.chattpl")


def run(options: Namespace) -> int:
    """Loads a format and writes it."""
    chat = load(Path(options.template) if options.template is not None else options.model, tokenizer=options.tokenizer)
    size = chat.save(options.output)
    templates = ", ".join(f"`{name}`" for name in chat.template_names)
    console.talk(
        f"chattpl: {options.output} holds `{chat.name}` (templates: {templates}) with the vocabulary "
        f"`{chat.tokenizer.name}` of {chat.tokenizer.vocab_size:,} ids, {size / 1e6:.1f} MB"
    )
    return 0
