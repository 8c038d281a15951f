"""What TLC prints of a state, read into Python.

Records and functions become dicts, sequences tuples, and sets frozensets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+)|(?P<word>[A-Za-z_]\w*)'
    r"|(?P<sign><<|>>|\|->|:>|@@|[\[\](){},]))"
)


class UnreadableError(ValueError):
    """A text that is no value of TLA+ as TLC prints it."""

    def __init__(self, text: str, place: int) -> None:
        self.text, self.place = text, place
        super().__init__(f"no value: {text[place : place + 40]!r} at {place}")


def value(text: str) -> Any:
    """The value that a text is.

    Raises `UnreadableError` for anything else.
    """
    read, place = _value(text, 0)
    if text[place:].strip():
        raise UnreadableError(text, place)
    return read


def _value(text: str, place: int) -> tuple[Any, int]:
    kind, word, place = _token(text, place)
    if kind == "string":
        return word[1:-1], place
    if kind == "number":
        return int(word), place
    if word in ("TRUE", "FALSE"):
        return word == "TRUE", place
    if word == "<<":
        members, place = _members(text, place, ">>")
        return tuple(members), place
    if word == "{":
        members, place = _members(text, place, "}")
        return frozenset(members), place
    if word == "[":
        return _pairs(text, place, "|->", ",", "]")
    if word == "(":
        return _pairs(text, place, ":>", "@@", ")")
    raise UnreadableError(text, place)


def _members(text: str, place: int, end: str) -> tuple[list[Any], int]:
    members: list[Any] = []
    _, word, after = _token(text, place)
    if word == end:
        return members, after
    while True:
        member, place = _value(text, place)
        members.append(member)
        _, word, place = _token(text, place)
        if word == end:
            return members, place
        if word != ",":
            raise UnreadableError(text, place)


def _pairs(text: str, place: int, arrow: str, separator: str, end: str) -> tuple[dict[str, Any], int]:
    pairs: dict[str, Any] = {}
    while True:
        _, name, place = _token(text, place)
        _, word, place = _token(text, place)
        if word != arrow:
            raise UnreadableError(text, place)
        pairs[name.strip('"')], place = _value(text, place)
        _, word, place = _token(text, place)
        if word == end:
            return pairs, place
        if word != separator:
            raise UnreadableError(text, place)


def _token(text: str, place: int) -> tuple[str, str, int]:
    found = _TOKEN.match(text, place)
    if found is None or found.lastgroup is None:
        raise UnreadableError(text, place)
    return found.lastgroup, found[found.lastgroup], found.end()


_CHUNK = 1 << 20


def states(text: TextIO) -> Iterator[Mapping[str, str]]:
    """The states of a dump: of each the text of every variable's value, by name."""
    rest = ""
    while chunk := text.read(_CHUNK):
        *whole, rest = (rest + chunk).split("\n\n")
        yield from (variables for block in whole if (variables := _variables(block)))
    if variables := _variables(rest):
        yield variables


def _variables(block: str) -> Mapping[str, str]:
    _, *parts = block.split("/\\ ")
    return {name: shown for name, _, shown in (part.partition(" = ") for part in parts)}


def halves(text: str) -> tuple[str, str]:
    """Of a function of the two sides what it is of the source, and of the destination."""
    before, _, after = text.partition("destination |->")
    if "source |->" in before:
        source, destination = before, after
        source = source.partition("source |->")[2].rstrip()
        return source.removesuffix(","), destination.rstrip()[:-1]
    destination, _, source = after.partition("source |->")
    return source.rstrip()[:-1], destination.rstrip().removesuffix(",")
