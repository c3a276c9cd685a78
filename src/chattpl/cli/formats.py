"""The arguments that name a format with its vocabulary, and how they are loaded."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chattpl.format import ChatFormat, load


def add_format_arguments(parser: ArgumentParser) -> None:
    """Declares `--model` or `--template`, and `--tokenizer`."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--model",
        "-m",
        metavar="M",
        help="a format's name, a Hub id, a model's folder or a .gguf file; M@NAME: its template NAME",
    )
    which.add_argument("--template", "-t", metavar="FILE", help="a template file; tokens need --tokenizer")
    parser.add_argument(
        "--tokenizer",
        metavar="T",
        help="a tokenizer file or a model's folder, whose tokens then apply, or the name of a shipped vocabulary",
    )
    parser.add_argument(
        "--stop-token",
        metavar="TOKEN",
        action="append",
        help="a token that ends a turn, in place of those that are known; can be given several times",
    )


def load_format(options: Namespace) -> ChatFormat:
    """Loads what these arguments name."""
    ref = Path(options.template) if options.template is not None else options.model
    return load(ref, tokenizer=options.tokenizer, stop_tokens=getattr(options, "stop_token", None))
