"""What an importer is, what it can make of a line of a log, and how it says what the log does not show.

An importer reads lines and yields *entries*: lines of the native format, each with the line of the log that it comes
from. A log that does not show everything says so in its header (`Header.unseen`), and the judge takes what is unseen
for what may have been there. What cannot be read is never guessed at: it becomes a gap, and a remark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from msgspec import Meta

from migspec.traces.findings import Finding, Grade
from migspec.traces.format import Direction, Header, Unseen, header_line
from migspec.traces.framing import decoded, members_of

Numbered = tuple[int, bytes]
"""A line with its number in the log, from 1."""

_Any = TypeVar("_Any")


@dataclass(slots=True)
class Remarks:
    """What an importer has to say of a log, besides what is in it."""

    findings: list[Finding] = field(default_factory=list)
    _noted: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False)

    def unreadable(
        self, line: int, vm: str, what: str = "A message", *, t: float | None = None, mon: str | None = None
    ) -> Numbered:
        """The gap for a message that cannot be read, which is noted."""
        self.doubt(line, vm, "unreadable", f"{what} cannot be read, so that it is not known what it was.")
        return line, entry(vm, t=t, mon=mon, gap="a message cannot be read")

    def doubt(self, line: int, vm: str, rule: str, told: str) -> None:
        """Note why something cannot be judged, in a sentence."""
        self.findings.append(Finding(line, vm, f"import.{rule}", Grade.DOUBT, told))

    def note(self, line: int, vm: str, rule: str, told: str) -> None:
        """Note anything else, in a sentence."""
        self.findings.append(Finding(line, vm, f"import.{rule}", Grade.NOTE, told))

    def note_once(self, line: int, vm: str, rule: str, told: str) -> None:
        """Note what holds of a VM from here on, which is said the first time only."""
        if (vm, rule) not in self._noted:
            self._noted.add((vm, rule))
            self.note(line, vm, rule, told)


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
        return header_line(Header(note=f"imported from {self.title}", unseen=tuple(sorted(self.unseen))))


class Reading(Protocol):
    """The reading of one log, line by line."""

    def line(self, number: int, line: bytes, /) -> Iterator[Numbered]:
        """The entries that one line leads to."""

    def finish(self) -> Iterator[Numbered]:
        """Those that the end of the log leads to."""


def line_by_line(begun: Callable[[Remarks], Reading]) -> Callable[[Iterable[Numbered], Remarks], Iterator[Numbered]]:
    """What reads a log from its first line to its end."""

    def read(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
        reading = begun(remarks)
        for number, line in lines:
            yield from reading.line(number, line)
        yield from reading.finish()

    return read


def beginning(items: Iterable[_Any], count: int, size: int, size_of: Callable[[_Any], int]) -> Iterator[_Any]:
    """The first items: not more than `count`, and no further one where those before are larger than `size` in all."""
    seen = 0
    for item in islice(items, count):
        yield item
        seen += size_of(item)
        if seen > size:
            return


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


class Moment(msgspec.Struct, frozen=True):
    """When an event was made, as QEMU tells it."""

    seconds: Annotated[int, Meta(gt=0, lt=10**11)]
    """Since the epoch, at which no QEMU has run: zero is what a log has put in the place of a time."""
    microseconds: Annotated[int, Meta(ge=0, lt=1_000_000)]


class Event(msgspec.Struct, frozen=True):
    """What tells an event from all others."""

    event: str
    timestamp: Moment


_EVENT: Final = msgspec.json.Decoder(Event)
_REQUEST_MEMBERS: Final = frozenset({"execute", "exec-oob"})
_SERVER_MEMBERS: Final = frozenset({"QMP", "return", "error", "event"})


def event_of(text: bytes) -> Event | None:
    """The event that a text is; None for any other, and for one that does not tell when it was made."""
    return decoded(text, _EVENT)


def direction_of(text: bytes) -> Direction | None:
    """Who has sent a message, told by its members; None for what is no QMP.

    An object with `execute` or `exec-oob` is a client's; one with `QMP`, `return`, `error` or `event` a server's.
    """
    names = (members_of(text) or {}).keys()
    if names & _REQUEST_MEMBERS:
        return Direction.TO_SERVER
    return Direction.TO_CLIENT if names & _SERVER_MEMBERS else None
