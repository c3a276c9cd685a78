"""Shows what the compiler makes of a template: its syntax tree, or the instructions that a render executes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from chattpl.cli import console
from chattpl.format import load


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl inspect`."""
    parser.add_argument("--emit", choices=("tree", "bytecode"), default="tree", help="what to show (default: tree)")
    parser.add_argument("ref", metavar="REF", help="a template file, a format's name, or anything `--model` takes")


def run(options: Namespace) -> int:
    """Prints the tree or the bytecode."""
    text = load(options.ref).template.emit(options.emit)
    console.write_data(text if text.endswith("\n") else text + "\n")
    return 0
