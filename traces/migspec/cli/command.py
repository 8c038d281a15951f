"""What a command of the command line is, what it ends with, and the options that several have.

A command is an entry in the table of `migspec.cli.entry`, and a module of its own.  What all of them need to
agree on is here, below both, so that the commands need not know each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

_LONGEST: Final = 1e9


class Exit(IntEnum):
    """What the process ends with."""

    CONFORMS = 0
    """All traces conform, perhaps with notes and known defects; the recording is complete; the schemas are the same.

    `migspec serve` ends with what the modelled process would end with instead.
    """
    VIOLATES = 1
    """At least one trace violates its profile; or the schemas differ."""
    USAGE = 2
    """The command line is wrong."""
    UNREADABLE = 3
    """An input cannot be read, or an output not be written."""
    INCONCLUSIVE = 4
    """With `--strict`: at least one trace is inconclusive."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
    UNHEARD = 141
    """Whoever read standard output has gone, as shells count it."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: how it is asked for, and what is done then."""

    name: str
    """The word after `migspec`."""
    description: str
    """What it does, in a sentence: for its own help, where `epilog` comes last."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    """Declares its arguments."""
    run: Callable[[argparse.Namespace], Exit]
    """Does it.  The parsed arguments have one more member, `usage_error`: the parser's `error`, which complains of
    arguments that are wrong in a way that a parser cannot see, and ends the process with `Exit.USAGE`."""
    epilog: str = ""
    formatter: type[argparse.HelpFormatter] = argparse.HelpFormatter
    """How its help is laid out; `argparse.RawDescriptionHelpFormatter` keeps the lines of the epilog."""
    errors: tuple[type[Exception], ...] = ()
    """What it raises where an input cannot be read or an output not be written, in a sentence for the user."""

    @property
    def help(self) -> dict[str, Any]:
        """What argparse is told of its help."""
        return {"description": self.description, "epilog": self.epilog, "formatter_class": self.formatter}


def whole(text: str) -> int:
    """A number from 1 on, as an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def seconds(text: str) -> float:
    """A time in seconds, as an argument."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def add_format(parser: argparse.ArgumentParser, contents: Mapping[str, str]) -> None:
    """Declare `--format`; `contents` says what is written in each format but `text`, which needs no words."""
    described = "; ".join(f"{name}: {written}" for name, written in contents.items())
    parser.add_argument("--format", choices=("text", *contents), default="text", help=described)


def add_color(parser: argparse.ArgumentParser) -> None:
    """Declare `--color`, which `migspec.cli.console.speaker` understands."""
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal only")
