"""Lines for the human monitor that are no command: what is wrong with them, in QEMU's words.

A line is looked at word by word.  A command that is not known here is not known at all: the modelled monitor has those
of the specification, and some that show something.  Source: observed on QEMU 5.2.0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from migspec.spec.vocabulary import MigrationCapability, MigrationParameter, MigrationStatus

NEWLINE: Final = "\r\n"
"""How the human monitor ends a line."""

_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"?|(\S+)')
_SWITCH: Final = ("on", "off")


@dataclass(frozen=True, slots=True)
class Syntax:
    """What a command takes: the letters of its flags, its words that must be there, and how many may be.

    `title` is what the command is called in a complaint.
    """

    title: str
    flags: str = ""
    least: int = 0
    most: int = 0


def _takes(name: str, number: int = 0, *, flags: str = "", optional: int = 0) -> tuple[str, Syntax]:
    return name, Syntax(name, flags, number, number + optional)


COMMANDS: Final[Mapping[str, Syntax]] = dict(
    (
        _takes("stop"),
        ("cont", Syntax("c|cont")),
        ("c", Syntax("c|cont")),
        ("quit", Syntax("q|quit")),
        ("q", Syntax("q|quit")),
        _takes("migrate", 1, flags="dbir"),
        _takes("migrate_cancel"),
        _takes("migrate_continue", 1),
        _takes("migrate_incoming", 1),
        _takes("migrate_pause"),
        _takes("migrate_recover", 1),
        _takes("migrate_set_capability", 2),
        _takes("migrate_set_parameter", 2),
        _takes("migrate_start_postcopy"),
        _takes("savevm", optional=1),
        _takes("loadvm", 1),
    )
)
"""The commands that the modelled monitor has, by each of their names."""


class Question(StrEnum):
    """What `info` shows."""

    STATUS = "status"
    MIGRATE = "migrate"
    CAPABILITIES = "migrate_capabilities"
    PARAMETERS = "migrate_parameters"
    CACHE_SIZE = "migrate_cache_size"
    NAME = "name"
    UUID = "uuid"
    VERSION = "version"
    KVM = "kvm"


_VOCABULARIES: Final[Mapping[str, tuple[str, ...]]] = {
    "migrate_continue": tuple(MigrationStatus),
    "migrate_set_capability": tuple(MigrationCapability),
    "migrate_set_parameter": tuple(MigrationParameter),
}
"""The commands whose first word must be one of these."""


def words_of(line: str) -> tuple[str, ...]:
    """The words of a line; one in double quotes may have blanks in it, and is lost if the quotes are not closed."""
    found = []
    for match in _WORD.finditer(line):
        quoted, plain = match.groups()
        if plain is not None:
            found.append(plain)
        elif match.group().endswith('"') and len(match.group()) > 1:
            found.append(re.sub(r"\\(.)", r"\1", quoted))
    return tuple(found)


def complaint(line: str) -> str | None:
    """What QEMU says to a line that asks for nothing; None if it is a command, or a question that `info` answers."""
    name, *words = words_of(line) or ("",)
    if not name:
        return ""
    if name == "info":
        return _of_question(words)
    syntax = COMMANDS.get(name)
    if syntax is None:
        return unknown(name)
    return _of_words(name, syntax, words)


def unknown(name: str) -> str:
    """What QEMU says to a command that it does not know."""
    return f"unknown command: '{name}'{NEWLINE}"


def error(text: str) -> str:
    """What a refused command leaves on the screen."""
    return f"Error: {text}{NEWLINE}"


def question(line: str) -> Question | None:
    """What a line asks for, which nobody complains of; None if it asks for nothing."""
    name, *words = words_of(line) or ("",)
    return Question(words[0]) if name == "info" and words and complaint(line) is None else None


def _of_question(words: list[str]) -> str | None:
    if not words or words[0] not in tuple(Question):
        return unknown(" ".join(("info", *words[:1])))
    return _bad(words[0], "extraneous characters at the end of line", f"info {words[0]}") if words[1:] else None


def _of_words(name: str, syntax: Syntax, words: list[str]) -> str | None:
    while words and words[0].startswith("-"):
        flag, *words = words
        if flag[1:2] not in tuple(syntax.flags):
            return _bad(syntax.title, f"unsupported option {flag[:2]}", name)
    if name == "migrate_set_capability" and words and words[1:2] != [] and words[1] not in _SWITCH:
        return _not_a_switch(name)
    if name == "migrate_set_capability" and len(words) == 1:
        return _not_a_switch(name)
    if len(words) < syntax.least:
        return _bad(syntax.title, "string expected", name)
    if len(words) > syntax.most:
        return _bad(syntax.title, "extraneous characters at the end of line", name)
    known = _VOCABULARIES.get(name)
    return error(f"invalid parameter value: {words[0]}") if known is not None and words[0] not in known else None


def _not_a_switch(name: str) -> str:
    return f"Expected 'on' or 'off'{NEWLINE}{_help(name)}"


def _bad(title: str, what: str, name: str) -> str:
    return f"{title}: {what}{NEWLINE}{_help(name)}"


def _help(name: str) -> str:
    return f'Try "help {name}" for more information{NEWLINE}'
