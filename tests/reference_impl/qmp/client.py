"""A tiny machine: it refuses every call with what it was asked, and complaints with their own words."""

from __future__ import annotations

from collections.abc import Iterable

from migspec.reference_impl.calls import Call, Failure, Item
from migspec.reference_impl.qmp import Connection


def reply(item: Item) -> Failure:
    """What the tiny machine says."""
    return Failure(f"{item.command} {item.arguments!r}") if isinstance(item, Call) else item.failure


def served(connection: Connection, pieces: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
    """What is answered to input that comes in these pieces: in band, and out of band."""
    sent: tuple[list[bytes], list[bytes]] = ([], [])
    for piece in pieces:
        items = list(connection.receive(piece))
        while items:
            item = items.pop(0)
            sent[item.oob].append(connection.answer(item, reply(item)))
            items += connection.resume()
    return sent


def texts(connection: Connection, data: bytes) -> list[str]:
    """The texts of what is wrong with some input."""
    return [item.failure.text for item in connection.receive(data) if not isinstance(item, Call)]
