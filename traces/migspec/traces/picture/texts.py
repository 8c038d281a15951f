"""The texts of messages, kept once where they differ in nothing but numbers and ids.

A long trace repeats a few hundred messages with other numbers in them. A text is cut where its numbers and its id are:
what is around them is its template, shared by all that are alike, and what is left is short. Putting both together
gives the text again, character by character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

LONGEST: Final = 8_000
"""Characters of a text that are kept; of a longer one, the beginning and a note."""

MOST: Final = 1_200_000
"""Bytes that all texts take together, as JSON for HTML; those that come later are not kept."""

_HOLE: Final = re.compile(
    r"""
    (?:(?<="id":)|(?<="id":\ )) "[^"\\\s\x00-\x1f]*"             # the id of a request
    | (?<![\w.+-]) -?\d+ (?:\.\d+)? (?:[eE][+-]?\d+)? (?![\w.])  # a number
    | \d+                                                       # digits in a word
    """,
    re.VERBOSE,
)


class Text(NamedTuple):
    """A text: the index of its template, and what goes into the holes of that, with spaces between."""

    template: int
    values: str


class Texts:
    """The texts of one page."""

    def __init__(self, most: int = MOST) -> None:
        self.templates: list[tuple[str, ...]] = []
        self.omitted = 0
        self._left = most
        self._known: dict[tuple[str, ...], int] = {}

    def add(self, text: str, line: int) -> Text | None:
        """Keep a text that stands in a line of the log; None if there is no more room."""
        pieces, values = split(kept_of(text, line))
        template = self._known.get(pieces)
        size = size_of(values) + (sum(map(size_of, pieces)) if template is None else 0)
        if size > self._left:
            self.omitted += 1
            return None
        self._left -= size
        if template is None:
            template = self._known[pieces] = len(self.templates)
            self.templates.append(pieces)
        return Text(template, values)


def size_of(text: str) -> int:
    """How long a text is as ASCII JSON without the characters that HTML gives a meaning to."""
    return len(json.dumps(text)) + 1 + 5 * sum(map(text.count, "<>&"))


def kept_of(text: str, line: int) -> str:
    """The text, or its beginning with a note where it is too long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… [{len(text) - LONGEST} more characters are in line {line} of the log]"


def split(text: str) -> tuple[tuple[str, ...], str]:
    """The pieces of a text around its numbers and its id, and these, with spaces between."""
    pieces: list[str] = []
    values: list[str] = []
    done = 0
    for found in _HOLE.finditer(text):
        pieces.append(text[done : found.start()])
        values.append(found[0])
        done = found.end()
    pieces.append(text[done:])
    return tuple(pieces), " ".join(values)


def likeness(text: str) -> str:
    """What is the same of all texts that differ in nothing but numbers and ids."""
    return _HOLE.sub("#", text)


def joined(pieces: Sequence[str], values: str) -> str:
    """The text that was split into these."""
    if len(pieces) == 1:
        return pieces[0]
    given = values.split(" ")
    return pieces[0] + "".join(value + piece for value, piece in zip(given, pieces[1:], strict=True))
