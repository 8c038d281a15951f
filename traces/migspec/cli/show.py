"""`migspec show`: all that is known about a rule or an entity of the schema, or which rules there are."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from migspec.cli.command import Command, Exit, add_color, add_format
from migspec.cli.console import speaker
from migspec.cli.output import write
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces import pages
from migspec.traces.report import Piece, Tone

_SHOWN = QEMU_5_2_0
"""The profile that is told of unless another is asked for."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", nargs="?", default="", metavar="NAME", help="what to show; with --list the beginning of rule ids")
    add("--list", action="store_true", help="list the ids of rules with their sentences")
    add("--profile", choices=PROFILES, help=f"whose rules (default: {_SHOWN}; with --list: all)")
    add_format(parser, {"json": "one object"})
    add_color(parser)


def _run(chosen: argparse.Namespace) -> Exit:
    complain: Callable[[str], NoReturn] = chosen.usage_error
    as_object = chosen.format == "json"
    say = speaker(chosen.color, as_objects=as_object)
    if chosen.list:
        found = pages.listing(chosen.name, chosen.profile)
        if not found:
            complain(f"no rule begins with {chosen.name}")
        if as_object:
            write(pages.as_json(dict(found)))
        for rule, sentence in found if not as_object else ():
            say((Piece(rule, Tone.PLACE), Piece(f"  {sentence}")))
        return Exit.CONFORMS
    if not chosen.name:
        complain("the following arguments are required: NAME")
    try:
        page = pages.page_of(chosen.name, chosen.profile or _SHOWN)
    except pages.UnknownNameError as error:
        complain(str(error))
    if as_object:
        write(pages.as_json(page))
    else:
        for line in pages.as_text(page):
            say(line)
    return Exit.CONFORMS


COMMAND = Command(
    "show",
    description="Print all that is known about a rule, a command, an event, a type, a member or word of one "
    "(Type.member), a capability or a parameter; or, with --list, which rules there are.",
    add_arguments=_add_arguments,
    run=_run,
    epilog="An unknown name ends with exit code 2, after the names that are near.",
)
"""Explains rules and the entities of the schema."""
