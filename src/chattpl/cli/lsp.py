"""Runs the language server on standard input and output, for editors."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec

from chattpl.cli import console


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl lsp`."""
    parser.add_argument("--stdio", action="store_true", help="as editors say it; there is no other way")


def run(_: Namespace) -> int:
    """Serves one editor until it says that it is done."""
    if find_spec("pygls") is None:
        console.talk("error: `chattpl lsp` needs the library pygls")
        console.talk('  = help: pip install "chattpl[lsp]"')
        return 2
    from chattpl.lsp.server import make_server

    # The library closes what it writes to, and standard output is not ours to close.
    with open(os.dup(sys.stdout.fileno()), "wb") as output:
        make_server().start_io(stdout=output)
    return 0
