"""The pages of the command line, and the manual page: what `--help` prints is the only source of both.

The help is read as text, laid out so that each option has a line of its own: that is all that argparse tells of its
options under names that it keeps.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Final

from migspec.cli.command import Command
from migspec.cli.entry import COMMANDS, parser_of
from migspec_docs.document import Block, Cell, Code, Document, Link, Listing, Option, Para, Section, Table
from migspec_docs.homes import PROGRAM
from migspec_docs.telling import para

MANUAL: Final = f"{PROGRAM}/manual"
"""The page that the manual page is made of."""

WIDTH: Final = 88
"""Columns of a usage."""
_WHOLE: Final = 10_000
"""Columns of a help in which nothing is folded."""
_USAGE: Final = "usage: "
_HEADING: Final = re.compile(r"(?P<title>\S.*):")
_ENTRY: Final = re.compile(r"  (?P<spelling>\S+(?: \S+)*)(?: {2,}(?P<words>.*))?")
"""A line about an option: a step in from the heading, with its words further to the right."""


def parser_of_command(name: str) -> argparse.ArgumentParser:
    """A parser of a command; of migspec itself where the name is empty."""
    if not name:
        return parser_of(())
    command: Command = import_module(f"migspec.cli.{name}").COMMAND
    parser = argparse.ArgumentParser(f"migspec {name}", **command.help)
    command.add_arguments(parser)
    return parser


def usage_of(name: str) -> str:
    """The usage of a command, without the word; the lines below the first are indented by it, too."""
    parser = parser_of_command(name)
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=WIDTH)
    return parser.format_usage().removeprefix(_USAGE).replace(f"\n{' ' * len(_USAGE)}", "\n").rstrip()


@cache
def options_of(name: str) -> Mapping[str, Sequence[tuple[str, str]]]:
    """The options and arguments of a command under their headings, each as it is spelt and with what is said of it."""
    parser = parser_of_command(name)
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, max_help_position=_WHOLE, width=_WHOLE)
    parser.epilog = None
    found: dict[str, list[tuple[str, str]]] = {}
    here: list[tuple[str, str]] = []
    for line in parser.format_help().splitlines():
        if heading := _HEADING.fullmatch(line):
            here = found.setdefault(heading["title"], [])
        elif entry := _ENTRY.fullmatch(line):
            here.append((entry["spelling"], entry["words"] or ""))
    return found


def program() -> Iterator[Document]:
    """A page for each command, one for the program as a whole, and the manual page."""
    for name in COMMANDS:
        body = [*_about(name), *_groups(name), *_end(name)]
        yield Document(f"{PROGRAM}/{name}", [Code(f"migspec {name}")], body, [f"migspec {name}"])
    rows = [[Cell([Para([Link(f"migspec {name}")])]), Cell([para(does)])] for name, does in COMMANDS.items()]
    content: list[Block] = [*_about(""), Table(("Command", "What it does"), rows), *_groups("")]
    children = [*(f"{PROGRAM}/{name}" for name in COMMANDS), MANUAL]
    yield Document(f"{PROGRAM}/index", ["The command line"], content, children=children)
    yield Document(MANUAL, ["Manual page"], [*_manual()])


def _about(name: str) -> Iterator[Block]:
    if description := parser_of_command(name).description:
        yield para(description, "lead")
    yield Listing(usage_of(name))


def _groups(name: str) -> Iterator[Block]:
    for title, options in options_of(name).items():
        told = [*_told(options, f"migspec {name}".rstrip())]
        if told:
            yield Section([title.capitalize()], told)


def _told(options: Sequence[tuple[str, str]], registered: str) -> Iterator[Option]:
    for spelling, words in options:
        if spelling != _COMMAND:
            yield Option(registered, spelling, [para(words)] if words else [])


_COMMAND: Final = "COMMAND"
"""The argument that is a command: each has a page, or a part of the manual page."""


def _end(name: str) -> Iterator[Block]:
    if epilog := parser_of_command(name).epilog:
        keeps_lines = "\n" in epilog.strip()
        yield Listing(epilog.rstrip()) if keeps_lines else para(epilog)


def _manual() -> Iterator[Block]:
    yield Section(["Synopsis"], [Listing("\n".join(map(usage_of, COMMANDS)))])
    yield Section(["Description"], [*_inner("")])
    for name, does in COMMANDS.items():
        yield Section([f"migspec {name}: {does}"], [*_inner(name), *_end(name)])


def _inner(name: str) -> Iterator[Block]:
    yield para(parser_of_command(name).description or "")
    for options in options_of(name).values():
        yield from _told(options, "")
