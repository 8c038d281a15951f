"""Which traces a command line means: files as they are named, and the traces in folders.

Nothing is opened here but folders.  A folder without traces is an input that carries its error, so that the
other inputs are judged all the same and the order stays that of the command line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migspec.traces.format import TraceError

PLAIN_SUFFIX = ".jsonl"
"""How the name of a plain trace ends."""

PACKED_SUFFIXES = (".jsonl.gz", ".jsonl.zst")
"""How the name of a compressed trace ends."""

STANDARD_INPUT = "-"
"""The name of standard input."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input: where it is and its size in bytes, 0 if not known; or why there is nothing to read."""

    path: str
    size: int = 0
    error: str = ""

    @property
    def packed(self) -> bool:
        """Whether the name says that the file is compressed, and its size therefore not that of the text."""
        return not self.path.endswith(PLAIN_SUFFIX)


def sources(paths: Iterable[str]) -> list[Source]:
    """The inputs that the paths mean, in their order; those of a folder, at any depth, ordered by name.

    What is named twice is one input.  A folder without a trace, or that cannot be read, is an input with an
    error.
    """
    found: dict[str, Source] = {}
    for path in paths:
        for source in _in_folder(path) if _is_folder(path) else (Source(path, _size(path)),):
            found.setdefault(source.path, source)
    return list(found.values())


def _in_folder(folder: str) -> Iterator[Source]:
    empty = True
    closed: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=closed.append):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if name.endswith((PLAIN_SUFFIX, *PACKED_SUFFIXES)) and _may_be_file(path):
                empty = False
                yield Source(path, _size(path))
    for error in closed:
        empty = False
        yield _without_trace(str(error.filename), f"this folder cannot be read ({error.strerror})", "a readable folder")
    if empty:
        endings = ", ".join(f"*{suffix}" for suffix in (PLAIN_SUFFIX, *PACKED_SUFFIXES))
        yield _without_trace(folder, "there is no trace in this folder", f"files named {endings}")


def _without_trace(path: str, problem: str, expected: str) -> Source:
    return Source(path, error=str(TraceError(path, None, problem, expected)))


def _is_folder(path: str) -> bool:
    return path != STANDARD_INPUT and stat.S_ISDIR(_mode(path))


def _may_be_file(path: str) -> bool:
    """Whether to open it: a dangling link is reported when it is read, a pipe or socket would only wait."""
    mode = _mode(path)
    return not mode or stat.S_ISREG(mode)


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return 0


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0
