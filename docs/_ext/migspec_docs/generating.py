"""Writes the generated pages below the folder of the documentation, where Sphinx finds them.

A page that has not changed is not written again, so that Sphinx need not read it again; one that is made no more is
removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from migspec_docs.commands import commands
from migspec_docs.differences import differences
from migspec_docs.document import SUFFIX, Document
from migspec_docs.entities import answers, events, types
from migspec_docs.homes import ROOT
from migspec_docs.overview import overview
from migspec_docs.program import program
from migspec_docs.settings import capabilities, parameters
from migspec_docs.statuses import statuses
from migspec_docs.transitions import others, transitions


@cache
def documents() -> tuple[Document, ...]:
    """All generated pages."""
    return tuple(_documents())


def _documents() -> Iterator[Document]:
    for made in (
        overview,
        commands,
        statuses,
        capabilities,
        parameters,
        events,
        answers,
        types,
        transitions,
        others,
        differences,
        program,
    ):
        yield from made()


def generate(folder: Path) -> None:
    """Write them below the folder of the documentation."""
    write(folder, documents())


def write(folder: Path, pages: Iterable[Document]) -> None:
    """Write these pages below a folder, so that it has no others of their kind."""
    wanted = {folder / f"{made.place}{SUFFIX}": made for made in pages}
    for path, made in wanted.items():
        text = made.written()
        if not path.is_file() or path.read_bytes() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
    for path in (folder / ROOT).rglob(f"*{SUFFIX}"):
        if path not in wanted:
            path.unlink()
