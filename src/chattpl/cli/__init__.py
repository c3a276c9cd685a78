"""The command line: finds the command, runs it, and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module

from chattpl.cli import console
from chattpl.errors import ChatTemplateError, LimitError, RenderError

COMMANDS = {
    "render": "print a conversation in a model's format, and where each piece of it came from",
    "encode": "turn conversations into token ids with masks and origins",
    "compile": "write a format with its vocabulary to one file",
    "lint": "find faults of templates",
    "lock": "record what templates do, and tell whether a change changes what a model sees",
    "rule": "show the manual of a lint rule",
    "lsp": "serve findings and fixes to editors",
    "models": "list the known formats",
    "inspect": "show a template's syntax tree or bytecode",
}

_EPILOG = """\
exit codes: 0 clean; 1 findings, or the template refused a conversation; 2 wrong usage or unreadable input
environment: NO_COLOR=1 turns colours off, FORCE_COLOR=1 turns them on
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The words after `chattpl`; those of this process by default.

    Returns:
        The exit code: 0 clean, 1 the template refused a conversation, 2 wrong usage or unreadable input.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            with console.warnings_talked():
                return _dispatch(words)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except SystemExit as stop:  # argparse, after it has printed help or a usage error
        return stop.code if isinstance(stop.code, int) else 2
    except ChatTemplateError as error:
        console.complain(error)
        return exit_code(error)
    except BrokenPipeError:
        # The reader has had enough, as in `chattpl models | head`. Nothing may be written on the way out either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        console.talk(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        return 2
    except KeyboardInterrupt:
        return 130


def exit_code(error: ChatTemplateError) -> int:
    """Chooses the exit code for an error: 1 if a template refused its input, 2 if something could not be read."""
    return 1 if isinstance(error, (RenderError, LimitError)) else 2


def _dispatch(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        command = import_module(f"chattpl.cli.{words[0]}")
        parser = ArgumentParser(
            prog=f"chattpl {words[0]}",
            description=command.__doc__,
            epilog=_EPILOG,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(parser)
        code: int = command.run(parser.parse_intermixed_args(words[1:]))
        return code
    parser = ArgumentParser(
        prog="chattpl",
        description="Renders and inspects chat templates.",
        epilog="\n".join(f"  {name:<9}{summary}" for name, summary in COMMANDS.items()) + f"\n\n{_EPILOG}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of those below; `chattpl COMMAND --help`")
    options, _ = parser.parse_known_args(words)
    if options.version:
        from chattpl import __version__

        print(f"chattpl {__version__}")
        return 0
    if options.command is None and not words:
        parser.print_help()
        return 0
    from difflib import get_close_matches

    near = get_close_matches(options.command or "", COMMANDS, n=1)
    console.talk(f"error: no command is called `{options.command or words[0]}`")
    console.talk(f"  = help: {f'did you mean `{near[0]}`? ' if near else ''}the commands are {', '.join(COMMANDS)}")
    return 2
