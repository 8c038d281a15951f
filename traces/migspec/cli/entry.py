"""Where the command line begins: the table of the commands, the parser made of it, and `main`.

A further command is a module with a `COMMAND`, and its line in `COMMANDS`.  Only the module of the command that is
asked for is loaded: a process that serves for days need not carry the judge, nor the judge the model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from migspec.cli import output
from migspec.cli.command import Command, Exit
from migspec.traces.format import TraceError
from migspec.traces.printable import printable
from migspec.traces.version import installed_version

COMMANDS: Mapping[str, str] = {
    "check": "judge traces",
    "convert": "write a log as a trace",
    "shrink": "cut a trace down to a violation",
    "record": "record QMP monitors",
    "serve": "serve a modelled VM over QMP",
    "fuzz": "search an implementation for what breaks the specification",
    "explore": "search the states of a migration",
    "show": "explain a rule or an entity of the schema",
    "schema": "compare the schema of a VM",
    "vectors": "write test vectors for projects in other languages",
}
"""Every command with what it does, in the order in which the help lists them; each is a module with a `COMMAND`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    chosen = parser_of(words).parse_args(words)
    command: Command = chosen.command
    # a TraceError may come from any command: it is what standard output raises, too
    unreadable: tuple[type[Exception], ...] = (TraceError, *command.errors)
    try:
        code = command.run(chosen)
        output.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        output.silence()
        return Exit.UNHEARD
    except unreadable as error:
        output.complain(str(error))
        return Exit.UNREADABLE
    return code


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {printable(message)}; see {self.prog} --help.\n")


def parser_of(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for a command line, which knows the arguments of no command but the one that is asked for."""
    parser = _Parser(prog="migspec", description="Judge recordings of QEMU's live migration over QMP.")
    parser.add_argument("--version", action="version", version=f"migspec {installed_version() or '(not installed)'}")
    choices = parser.add_subparsers(metavar="COMMAND", required=True)
    # a command is the first word that is no option, for migspec's own options take no values
    asked = next((word for word in words if not word.startswith("-")), "")
    for name, does in COMMANDS.items():
        if name != asked:
            choices.add_parser(name, help=does)
            continue
        command: Command = import_module(f"migspec.cli.{name}").COMMAND
        choice = choices.add_parser(name, help=does, **command.help)
        choice.set_defaults(command=command, usage_error=choice.error)
        command.add_arguments(choice)
    return parser
