"""Where the command line begins: the table of the commands, the parser made of it, and `main`.

A further command is a module with a `COMMAND`, and its name in `COMMANDS`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

from migspec.cli import check, console, record, schema, serve, show
from migspec.cli.command import Command, Exit
from migspec.traces.format import TraceError
from migspec.traces.report import printable

COMMANDS: tuple[Command, ...] = (
    check.COMMAND,
    record.COMMAND,
    serve.COMMAND,
    show.COMMAND,
    schema.COMMAND,
)
"""Every command, in the order in which the help lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return the exit code."""
    chosen = _parser().parse_args(arguments)
    command: Command = chosen.command
    # a TraceError may come from any command: it is what the console raises, too
    unreadable: tuple[type[Exception], ...] = (TraceError, *command.errors)
    try:
        code = command.run(chosen)
        console.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        console.silence()
        return Exit.UNHEARD
    except unreadable as error:
        console.complain(str(error))
        return Exit.UNREADABLE
    return code


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {printable(message)}; see {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="migspec", description="Judge recordings of QEMU's live migration over QMP.")
    parser.add_argument("--version", action="version", version=f"migspec {_version()}")
    choices = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        choice = choices.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            epilog=command.epilog,
            formatter_class=command.formatter,
        )
        choice.set_defaults(command=command, usage_error=choice.error)
        command.add_arguments(choice)
    return parser


def _version() -> str:
    try:
        return metadata.version("migspec")
    except metadata.PackageNotFoundError:
        return "(not installed)"
