"""What can be left out of a trace without leaving out a line: members of messages, and of what wraps them.

A cut is a set of members that go together: an id goes from a request and its reply, the name of a monitor from all its
lines.  What remains of a line keeps its spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from migspec.traces.framing import decoded, members_of
from migspec.traces.shrink import pieces
from migspec.traces.shrink.log import Entries, Entry

Path = tuple[str | int, ...]
"""Where a member or an element is in a line: the names and indices on the way to it."""

Cut = tuple[tuple[int, Path], ...]
"""Members that are left out together, each with the place of its entry."""

_MESSAGE: Final = "msg"
_ESSENTIAL: Final = frozenset({"vm", "dir", _MESSAGE, "raw", "end", "gap"})
"""Members without which a line would be another one, or none."""
_TIME: Final[Path] = ("t",)
_MONITOR: Final[Path] = ("mon",)
_ID: Final[Path] = (_MESSAGE, "id")

_DEEPEST: Final = 16
"""Levels at which something is left out; no message of the schema has as many."""

_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def cuts(entries: Sequence[Entry], stays: int) -> list[Cut]:
    """Everything that can be left out, what goes together last; nothing of the message at the place `stays`."""
    there = {
        (entry.place, path)
        for entry in entries
        for path in _paths(entry.text)
        if path[0] not in _ESSENTIAL or (len(path) > 1 and entry.place != stays)
    }
    together = [
        *(tuple((place, _ID) for place in piece) for piece in pieces.exchanges(entries) if stays not in piece),
        *(tuple((place, _MONITOR) for place in piece) for piece in pieces.vms(entries)),
        tuple((entry.place, _TIME) for entry in entries),
    ]
    alone = [(each,) for each in sorted(there, key=lambda each: (each[0], len(each[1]), str(each[1])))]
    whole = [tuple(each for each in cut if each in there) for cut in together]
    return list(dict.fromkeys((*alone, *(cut for cut in whole if len(cut) > 1))))


def without(entries: Sequence[Entry], made: Iterable[Cut]) -> Entries:
    """The entries with these cuts made."""
    dropped: dict[int, set[Path]] = {}
    for cut in made:
        for place, path in cut:
            dropped.setdefault(place, set()).add(path)
    return tuple(
        replace(entry, text=_less(entry.text, dropped[entry.place])) if entry.place in dropped else entry
        for entry in entries
    )


def _paths(text: bytes, on_the_way: Path = ()) -> Iterator[Path]:
    """Every member and element of a JSON text."""
    if len(on_the_way) == _DEEPEST:
        return
    for name, value in _parts(text):
        path = (*on_the_way, name)
        yield path
        yield from _paths(bytes(value), path)


def _less(text: bytes, dropped: Iterable[Path]) -> bytes:
    """A JSON text without some of its parts."""
    heads = {path[0] for path in dropped if len(path) == 1}
    inner: dict[str | int, set[Path]] = {}
    for path in dropped:
        if len(path) > 1:
            inner.setdefault(path[0], set()).add(path[1:])
    kept = {
        name: msgspec.Raw(_less(bytes(value), inner[name])) if name in inner else value
        for name, value in _parts(text)
        if name not in heads
    }
    return msgspec.json.encode(list(kept.values()) if text.lstrip().startswith(b"[") else kept)


def _parts(text: bytes) -> Iterator[tuple[str | int, msgspec.Raw]]:
    """The members of an object or the elements of an array; nothing else has any, nor has what is nested too deeply."""
    if text.lstrip().startswith(b"["):
        elements = decoded(text, _ARRAY)
        yield from enumerate(elements or ())
    else:
        yield from (members_of(text) or {}).items()
