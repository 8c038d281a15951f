"""The form of a generated page: what stands on it, and which names have their home there.

The generators make documents of the tables; `nodes` turns them into what Sphinx builds from.  In between they are JSON
files, so that Sphinx sees by itself which pages have changed.  There is no markup to escape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

SUFFIX = ".page"
"""The suffix of the files."""


class Code(msgspec.Struct, tag="code", frozen=True):
    """A text as it crosses the wire, or as it is typed."""

    text: str


class Link(msgspec.Struct, tag="link", frozen=True):
    """A link to the home of a name; `text` is shown, the name itself if it is empty, as code unless `plain`."""

    to: str
    text: str = ""
    plain: bool = False


class Chip(msgspec.Struct, tag="chip", frozen=True):
    """A word that says at a glance of what kind something is; the kind decides its colour."""

    text: str
    kind: str


Inline: TypeAlias = str | Code | Link | Chip
Text: TypeAlias = Sequence[Inline]


class Para(msgspec.Struct, tag="para", frozen=True):
    """A paragraph; `kind` says how it looks, if it is not like any other."""

    content: Text
    kind: str = ""


class Items(msgspec.Struct, tag="items", frozen=True):
    """A list, each entry of which is made of blocks."""

    entries: Sequence[Sequence[Block]]


class Facts(msgspec.Struct, tag="facts", frozen=True):
    """Names with what there is to say of each."""

    entries: Sequence[tuple[str, Sequence[Block]]]


class Cell(msgspec.Struct, tag="cell", frozen=True):
    """A cell of a table: how many rows it spans, and the names that have their home in it."""

    content: Sequence[Block]
    rows: int = 1
    names: Sequence[str] = ()
    kind: str = ""


class Table(msgspec.Struct, tag="table", frozen=True):
    """A table; a row leaves out the cells that one above it spans."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    kind: str = ""


class Listing(msgspec.Struct, tag="listing", frozen=True):
    """Text that keeps its lines."""

    text: str
    language: str = "text"


class Fold(msgspec.Struct, tag="fold", frozen=True):
    """What is shown when its summary is clicked on."""

    summary: str
    content: Sequence[Block]


class Picture(msgspec.Struct, tag="picture", frozen=True):
    """A drawing in SVG, whose links are written `spec:NAME`; `words` say the same to whoever cannot see it."""

    svg: str
    words: str


class Option(msgspec.Struct, tag="option", frozen=True):
    """An option or argument of a command of the command line, as its help spells it."""

    program: str
    spelling: str
    content: Sequence[Block]


class Section(msgspec.Struct, tag="section", frozen=True):
    """A part of a page with a heading; the first of its names, if any, is its anchor."""

    title: Text
    content: Sequence[Block]
    names: Sequence[str] = ()
    kind: str = ""


Block: TypeAlias = Para | Items | Facts | Table | Listing | Fold | Picture | Option | Section


class Document(msgspec.Struct, frozen=True):
    """A page: where it is, its title, the names that have their home on it as a whole, and the pages below it."""

    place: str
    title: Text
    content: Sequence[Block]
    names: Sequence[str] = ()
    children: Sequence[str] = ()

    def written(self) -> bytes:
        """The page as a file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    @property
    def homes(self) -> Iterator[str]:
        """The names that have their home here, those of its parts included."""
        yield from self.names
        yield from names_in(self.content)

    @property
    def links(self) -> Iterator[str]:
        """The names that it leads to."""
        yield from links_in(self.content)


def read(data: bytes) -> Document:
    """The page of a file.

    Raises `msgspec.MsgspecError` for what is no page.
    """
    return msgspec.json.decode(data, type=Document)


def anchor(name: str) -> str:
    """The identifier of the home of a name within its page."""
    return f"spec-{name.replace(' ', '-')}"


def blocks_in(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks with all that they are made of."""
    for block in blocks:
        yield block
        for part in parts_of(block):
            yield from blocks_in(part)


def names_in(blocks: Iterable[Block]) -> Iterator[str]:
    """The names that have their home in these blocks."""
    for block in blocks_in(blocks):
        match block:
            case Section(names=names):
                yield from names
            case Table(rows=rows):
                yield from (name for row in rows for cell in row for name in cell.names)


def links_in(blocks: Iterable[Block]) -> Iterator[str]:
    """The names that these blocks lead to."""
    for block in blocks_in(blocks):
        match block:
            case Para(content=text) | Section(title=text):
                yield from (part.to for part in text if isinstance(part, Link))
            case Picture(svg=svg):
                yield from targets_in(svg)


def parts_of(block: Block) -> Iterator[Sequence[Block]]:
    """The blocks that a block is made of, group by group."""
    match block:
        case Items(entries=entries):
            yield from entries
        case Facts(entries=facts):
            yield from (content for _, content in facts)
        case Table(rows=rows):
            yield from (cell.content for row in rows for cell in row)
        case Fold(content=content) | Option(content=content) | Section(content=content):
            yield content


def targets_in(svg: str) -> Iterator[str]:
    """The names that a drawing leads to."""
    for piece in svg.split(f'"{LINK}')[1:]:
        yield piece.partition('"')[0]


LINK = "spec:"
"""What a link in a drawing begins with."""
