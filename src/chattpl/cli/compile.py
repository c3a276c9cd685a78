"""Writes a format to one file: its templates, its tokens and its vocabulary.

It stands alone: `--model`, `--tokenizer` and `chattpl.load` take it, and need no package, cache or network then.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from chattpl.cli import console
from chattpl.cli.formats import add_format_arguments, load_format


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl compile`."""
    add_format_arguments(parser)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write, NAME.chattpl")


def run(options: Namespace) -> int:
    """Loads a format and writes it."""
    chat = load_format(options)
    size = chat.save(options.output)
    templates = ", ".join(f"`{name}`" for name in chat.template_names)
    console.talk(
        f"chattpl: {options.output} holds `{chat.name}` (templates: {templates}) with the vocabulary "
        f"`{chat.tokenizer.name}` of {chat.tokenizer.vocab_size:,} ids, {size / 1e6:.1f} MB"
    )
    return 0
