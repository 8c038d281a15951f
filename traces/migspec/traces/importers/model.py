"""What an importer is, what it can make of a line of a log, and how it says what the log does not show.

An importer reads lines and yields *entries*: lines of the native format, each with the line of the log that it comes
from. A log that does not show everything says so in its header (`Header.unseen`), and the judge takes what is unseen
for what may have been there. What cannot be read is never guessed at: it becomes a gap, and a remark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from migspec.traces.findings import Finding, Grade
from migspec.traces.format import Direction, Header, Unseen, header_fields

Numbered = tuple[int, bytes]
"""A line with its number in the log, from 1."""


@dataclass(slots=True)
class Remarks:
    """What an importer has to say of a log, besides what is in it."""

    findings: list[Finding] = field(default_factory=list)

    def unreadable(self, line: int, vm: str, what: str) -> None:
        """Note a message that cannot be read; the importer yields a gap for it."""
        told = f"{what} cannot be read, so that it is not known what it was."
        self.findings.append(Finding(line, vm, "import.unreadable", Grade.DOUBT, told))

    def note(self, line: int, vm: str, rule: str, told: str) -> None:
        """Note anything else, in a sentence."""
        self.findings.append(Finding(line, vm, f"import.{rule}", Grade.NOTE, told))


@dataclass(frozen=True, slots=True)
class Importer:
    """One kind of log.

    `unseen` is what such a log never shows, `lacks` everything that it cannot tell, each in a sentence.
    """

    name: str
    """One word, for `--from` and for what is said of a file."""
    title: str
    """What it is, as a noun: `a debug log of libvirt`."""
    recognises: Callable[[Sequence[bytes]], bool]
    """Whether these are the first lines of such a log."""
    read: Callable[[Iterable[Numbered], Remarks], Iterator[Numbered]]
    """The entries of the log."""
    unseen: frozenset[Unseen] = frozenset()
    lacks: tuple[str, ...] = ()

    def header(self) -> bytes:
        """The header of such a log as a trace."""
        header = Header(note=f"imported from {self.title}", unseen=tuple(sorted(self.unseen)))
        return msgspec.json.encode(header_fields(header))


def entry(
    vm: str,
    direction: Direction | None = None,
    text: bytes = b"",
    *,
    t: float | None = None,
    mon: str | None = None,
    **others: Any,
) -> bytes:
    """A line of the native format: a message given as JSON text, or with `gap` or `end` what is none."""
    fields: dict[str, Any] = {}
    if t is not None:
        fields["t"] = t
    fields["vm"] = vm
    if mon is not None:
        fields["mon"] = mon
    if direction is not None:
        fields["dir"] = direction
        fields["msg"] = msgspec.Raw(text)
    return msgspec.json.encode(fields | others)


_SHAPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REQUEST_MEMBERS = frozenset({"execute", "exec-oob"})
_SERVER_MEMBERS = frozenset({"QMP", "return", "error", "event"})


def direction_of(text: bytes) -> Direction | None:
    """Who has sent a message, told by its members; None for what is no QMP.

    An object with `execute` or `exec-oob` is a client's; one with `QMP`, `return`, `error` or `event` a server's.
    """
    try:
        members = _SHAPE.decode(text).keys()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if members & _REQUEST_MEMBERS:
        return Direction.TO_SERVER
    return Direction.TO_CLIENT if members & _SERVER_MEMBERS else None


def is_json(text: bytes) -> bool:
    """Whether text is one JSON value."""
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
