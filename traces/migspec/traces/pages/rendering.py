"""The form of a page: a tree of values, as text for people or as JSON for programs; the documentation has a third.

Text is generic: a value stands beside its name, a list below it, and of an entry in a list the first member is its
heading.  So a page may say more one day without anything here being changed.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

from migspec.traces.printable import printable
from migspec.traces.report import Line, Piece, Tone

Value: TypeAlias = str | int | bool | float | Sequence[Any] | Mapping[str, Any] | None
Page = dict[str, Value]
"""What is told of one thing, by the names of what is told.  Its first member is its title."""


class Named(str):
    """A text that begins with the name of something that has a page, and says something of it.

    It is its text wherever only that counts; whoever can make links finds in `name` where one leads.
    """

    __slots__ = ("name",)

    name: str

    def __new__(cls, name: str, rest: str = "") -> Self:
        """Make the text of `name` and what follows it."""
        text = super().__new__(cls, f"{name}{rest}")
        text.name = name
        return text

    @property
    def rest(self) -> str:
        """What is said after the name."""
        return self[len(self.name) :]


WIDTH = 118
"""Columns after which text is folded, messages excepted: they are meant to be copied."""

RAW = "messages"
"""The member whose texts are never folded."""


def as_json(page: Page) -> str:
    """The page as one JSON object."""
    return json.dumps(page, ensure_ascii=False, indent=2)


def as_text(page: Page) -> Iterator[Line]:
    """The page as lines of text."""
    (kind, title), *members = page.items()
    yield (Piece(printable(str(title)), Tone.PLACE), Piece(f"  {kind}", Tone.FAINT))
    yield from _members(dict(members), "  ")


def _members(members: Mapping[str, Value], indent: str) -> Iterator[Line]:
    told = {name: value for name, value in members.items() if not is_empty(value)}
    width = max((len(name) for name, value in told.items() if not _has_parts(value)), default=0) + 2
    for name, value in told.items():
        if _has_parts(value):
            yield (Piece(indent), Piece(f"{name}:", Tone.FAINT))
            yield from _parts(value, indent + "  ")
        else:
            yield from _beside(name, value, indent, width)


def _parts(value: Value, indent: str) -> Iterator[Line]:
    if isinstance(value, Mapping):
        yield from _members(value, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:
            if isinstance(entry, Mapping):
                (_, heading), *rest = entry.items()
                yield (Piece(indent), Piece(printable(plain(heading)), Tone.PLACE))
                yield from _members(dict(rest), indent + "  ")
            else:
                yield from _folded(plain(entry), indent)


def _beside(name: str, value: Value, indent: str, width: int) -> Iterator[Line]:
    texts = [value] if isinstance(value, str) or not isinstance(value, Sequence) else list(value)
    label = name
    for text in texts:
        lines = [plain(text)] if name == RAW else _wrapped(plain(text), WIDTH - len(indent) - width)
        for line in lines:
            yield (Piece(indent), Piece(label.ljust(width), Tone.FAINT), Piece(printable(line)))
            label = ""


def _folded(text: str, indent: str) -> Iterator[Line]:
    for line in _wrapped(text, WIDTH - len(indent)):
        yield (Piece(indent), Piece(printable(line)))


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _has_parts(value: Value) -> bool:
    """Whether a value is told below its name and not beside it."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value)


def is_empty(value: Value) -> bool:
    """Whether a value says nothing, so that it is left out."""
    return value is None or value is False or (isinstance(value, str | Sequence | Mapping) and not value)


def plain(value: Value) -> str:
    """A value that has no parts, as text; one that is text already stays what it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else str(value)
