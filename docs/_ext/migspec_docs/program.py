"""The pages of the command line, and the manual page: what `--help` prints is the only source of both."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Final

from migspec.cli.entry import COMMANDS, parser_of
from migspec_docs.document import Block, Cell, Code, Document, Link, Listing, Option, Para, Section, Table
from migspec_docs.homes import PROGRAM
from migspec_docs.telling import para

MANUAL: Final = f"{PROGRAM}/manual"
"""The page that the manual page is made of."""

_WIDTH: Final = 88
_USAGE: Final = "usage: "


@cache
def parser_of_command(name: str) -> argparse.ArgumentParser:
    """The parser of a command; of migspec itself where the name is empty."""
    whole = parser_of((name,))
    parser = _choices(whole)[name] if name else whole
    formatter: type[argparse.HelpFormatter] = argparse.HelpFormatter
    if name:
        formatter = import_module(f"migspec.cli.{name}").COMMAND.formatter
    parser.formatter_class = lambda prog: formatter(prog, width=_WIDTH)
    return parser


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    # argparse has no other way to its parts than the names that begin with an underscore
    found = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def program() -> Iterator[Document]:
    """A page for each command, one for the program as a whole, and the manual page."""
    for name in COMMANDS:
        parser = parser_of_command(name)
        body = [*_about(parser), *_groups(parser, f"migspec {name}"), *_end(parser)]
        yield Document(f"{PROGRAM}/{name}", [Code(f"migspec {name}")], body, [f"migspec {name}"])
    whole = parser_of_command("")
    rows = [[Cell([Para([Link(f"migspec {name}")])]), Cell([para(does)])] for name, does in COMMANDS.items()]
    content: list[Block] = [*_about(whole), Table(("Command", "What it does"), rows), *_groups(whole, "migspec")]
    children = [*(f"{PROGRAM}/{name}" for name in COMMANDS), MANUAL]
    yield Document(f"{PROGRAM}/index", ["The command line"], content, children=children)
    yield Document(MANUAL, ["Manual page"], [*_manual(whole)])


def _about(parser: argparse.ArgumentParser) -> Iterator[Block]:
    if parser.description:
        yield para(parser.description, "lead")
    yield Listing(_usage(parser))


def _usage(parser: argparse.ArgumentParser) -> str:
    # the lines below the first are indented by its first word, too
    return parser.format_usage().removeprefix(_USAGE).replace(f"\n{' ' * len(_USAGE)}", "\n").rstrip()


def _groups(parser: argparse.ArgumentParser, registered: str) -> Iterator[Block]:
    for group in parser._action_groups:
        options = [*_options(parser, group, registered)]
        if options:
            title = (group.title or "").capitalize()
            yield Section([title], [*([para(group.description)] if group.description else []), *options])


def _options(parser: argparse.ArgumentParser, group: argparse._ArgumentGroup, registered: str) -> Iterator[Option]:
    formatter = parser._get_formatter()
    for action in group._group_actions:
        if action.help is argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):
            continue
        words = formatter._expand_help(action) if action.help else ""
        yield Option(registered, formatter._format_action_invocation(action), [para(words)] if words else [])


def _end(parser: argparse.ArgumentParser) -> Iterator[Block]:
    if parser.epilog:
        keeps_lines = "\n" in parser.epilog.strip()
        yield Listing(parser.epilog.rstrip()) if keeps_lines else para(parser.epilog)


def _manual(whole: argparse.ArgumentParser) -> Iterator[Block]:
    usages = "\n".join(_usage(parser_of_command(name)) for name in COMMANDS)
    yield Section(["Synopsis"], [Listing(usages)])
    yield Section(["Description"], [para(whole.description or ""), *_inner(whole)])
    for name, does in COMMANDS.items():
        parser = parser_of_command(name)
        yield Section([f"migspec {name}: {does}"], [para(parser.description or ""), *_inner(parser), *_end(parser)])


def _inner(parser: argparse.ArgumentParser) -> Sequence[Block]:
    return [option for group in parser._action_groups for option in _options(parser, group, "")]
