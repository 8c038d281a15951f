"""What can be left out of a trace together: a VM, a monitor, a request with its reply, a line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from migspec.traces.framing import members_of
from migspec.traces.shrink.log import Entry, Shape, shape_of

Piece = tuple[int, ...]
"""The places of the entries that are left out together."""

_REQUESTS = ("execute", "exec-oob")
_REPLIES = ("return", "error")


def vms(entries: Sequence[Entry]) -> list[Piece]:
    """Everything of each VM."""
    return _grouped((shape_of(entry.text).vm, entry.place) for entry in entries)


def monitors(entries: Sequence[Entry]) -> list[Piece]:
    """Everything of each monitor."""
    return _grouped((_monitor(shape_of(entry.text)), entry.place) for entry in entries)


def exchanges(entries: Sequence[Entry]) -> list[Piece]:
    """Each request with its reply, and everything else by itself."""
    pieces: list[list[int]] = []
    waiting: dict[tuple[str, str], deque[tuple[bytes, list[int]]]] = {}
    for entry in entries:
        line = shape_of(entry.text)
        open_requests = waiting.setdefault(_monitor(line), deque())
        members = members_of(bytes(line.msg)) or {}
        identity = bytes(members.get("id", b""))
        if line.dir == "->" and not members.keys().isdisjoint(_REQUESTS):
            pieces.append([entry.place])
            open_requests.append((identity, pieces[-1]))
        elif line.dir == "<-" and open_requests and not members.keys().isdisjoint(_REPLIES):
            _taken(open_requests, identity).append(entry.place)
        else:
            pieces.append([entry.place])
    return [tuple(piece) for piece in pieces]


def lines(entries: Sequence[Entry]) -> list[Piece]:
    """Each line by itself."""
    return [(entry.place,) for entry in entries]


def _grouped(keyed: Iterable[tuple[object, int]]) -> list[Piece]:
    groups: dict[object, list[int]] = {}
    for key, place in keyed:
        groups.setdefault(key, []).append(place)
    return [tuple(places) for places in groups.values()]


def _monitor(line: Shape) -> tuple[str, str]:
    return line.vm, line.mon


def _taken(waiting: deque[tuple[bytes, list[int]]], identity: bytes) -> list[int]:
    """The request with this id, which waits no longer; without one, that which waits longest."""
    index = next((index for index, (asked, _) in enumerate(waiting) if asked == identity), 0)
    piece = waiting[index][1]
    del waiting[index]
    return piece
