"""Importer of what `virsh qemu-monitor-event --loop` prints: the events of every domain of a libvirt, and nothing else.

With `--timestamp` a line begins with the time at which virsh heard of the event; without, it tells the time at which
QEMU made it. With `--pretty` the data goes on over several lines. Where QEMU's time is lost, that of virsh stands in
its place.

A domain has one QEMU after another, and nothing tells where the next one begins. So another one is assumed, and judged
by itself, after an event that a QEMU ends with, and at one that begins what is under way already.

`virsh event` prints the events of libvirt, which are no QMP.

Source: recorded output of virsh 7.0 and 9.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.format import Direction
from migspec.traces.framing import is_json
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry, line_by_line
from migspec.traces.importers.values import Found, Objects, plain

_EVENT: Final = re.compile(
    rb"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6}[+-]\d{4}): )?event (?P<name>[A-Z][A-Z0-9_]*)"
    rb"(?: at (?P<seconds>\d{1,15})\.(?P<microseconds>\d{6}))? for domain (?P<quote>')?(?P<domain>.+?)(?(quote)'): "
    rb"(?P<data>.*)$"
)
_OF_LIBVIRT: Final = re.compile(rb"(?:\S+ \S+: )?event '[a-z0-9-]+' for (?:domain|network|pool|nodedev|secret)\b")
_NO_DATA: Final = b"<null>"
_BEGIN: Final = re.compile(rb"\s*\{")
_STATUS: Final = re.compile(rb'"status"\s*:\s*"([a-z-]+)"')
_UNDER_WAY: Final = frozenset(MigrationStatus) - {MigrationStatus.NONE, MigrationStatus.SETUP, *ENDED_STATUSES}
"""The statuses from which a QEMU does not begin a migration."""


@dataclass(slots=True)
class _Domain:
    """The QEMU that a domain has: how many there were, and what of it shows that an event comes from another one."""

    name: str
    count: int = 1
    is_over: bool = False
    is_running: bool = False
    is_migrating: bool = False

    @property
    def vm(self) -> str:
        """The name of the VM."""
        return self.name if self.count == 1 else f"{self.name}-{self.count}"

    def show(self, event: str, data: bytes) -> None:
        """Take note of an event."""
        status = _STATUS.search(data) if event == "MIGRATION" else None
        begins = (event == "RESUME" and self.is_running) or (
            status is not None and status[1] == b"setup" and self.is_migrating
        )
        if self.is_over or begins:
            self.count += 1
            self.is_running = self.is_migrating = False
        self.is_over = event == "SHUTDOWN"
        if event in ("RESUME", "STOP"):
            self.is_running = event == "RESUME"
        if status is not None:
            self.is_migrating = status[1].decode() in _UNDER_WAY


class _Head(NamedTuple):
    """The beginning of an event, up to its data."""

    line: int
    domain: bytes
    event: str
    time: tuple[int, int] | None
    """Seconds since the epoch and microseconds."""
    is_of_virsh: bool
    """The time is that at which virsh heard of the event."""


class _Reading:
    """The reading of one log: its domains, and the event whose data is being read."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._domains: dict[bytes, _Domain] = {}
        self._objects = Objects()
        self._head: _Head | None = None

    def line(self, number: int, raw: bytes) -> Iterator[Numbered]:
        """The entries that one line leads to."""
        line = plain(raw)
        found = _EVENT.match(line)
        if found is not None:
            yield from self.finish()
            head = _Head(number, found["domain"], found["name"].decode(), _time(found), found["seconds"] is None)
            yield from self._data(head, number, found["data"])
        elif _OF_LIBVIRT.match(line) is not None:
            yield from self.finish()
            told = "These are events of libvirt, which are no QMP, and left out."
            self._remarks.note_once(number, "", "libvirt", told)
        elif self._head is not None:
            yield from self._data(self._head, number, line)

    def finish(self) -> Iterator[Numbered]:
        """The event whose data has no end."""
        if self._head is not None:
            yield self._event(self._head, next(self._objects.finish(), None))

    def _data(self, head: _Head, number: int, text: bytes) -> Iterator[Numbered]:
        if not self._objects.is_open and _BEGIN.match(text) is None:
            yield self._event(head, Found(number, b"") if text.strip() == _NO_DATA else None)
            return
        self._head = head
        for found in self._objects.feed(number, text):
            yield self._event(head, found)
            # whatever else is in the line is no event
            break

    def _event(self, head: _Head, data: Found | None) -> Numbered:
        """The entry of an event; without data, it cannot be read."""
        self._head = None
        domain = self._domains.setdefault(head.domain, _Domain(head.domain.decode("utf-8", "replace")))
        domain.show(head.event, b"" if data is None else data.text)
        if data is None or not data.is_whole or head.time is None or not (data.text == b"" or is_json(data.text)):
            return self._remarks.unreadable(head.line, domain.vm, "An event")
        if head.is_of_virsh:
            told = "The time of an event is that at which virsh heard of it: the one of QEMU is not there."
            self._remarks.note_once(head.line, "", "time", told)
        seconds, microseconds = head.time
        event: dict[str, object] = {
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
            "event": head.event,
        }
        if data.text:
            event["data"] = msgspec.Raw(data.text)
        text = msgspec.json.encode(event)
        return head.line, entry(domain.vm, Direction.TO_CLIENT, text, t=seconds + microseconds / 1_000_000)


def _time(found: re.Match[bytes]) -> tuple[int, int] | None:
    """Seconds since the epoch and microseconds, of QEMU or else of virsh; None where there is no time."""
    if found["seconds"] is not None:
        return int(found["seconds"]), int(found["microseconds"])
    if found["time"] is None:
        return None
    try:
        time = datetime.strptime(found["time"].decode(), "%Y-%m-%d %H:%M:%S.%f%z")
        return int(time.replace(microsecond=0).timestamp()), time.microsecond
    except (ValueError, OverflowError):
        return None


def _recognises(lines: Sequence[bytes]) -> bool:
    return any(_EVENT.match(line) or _OF_LIBVIRT.match(line) for line in map(plain, lines))


IMPORTER: Final = Importer(
    "virsh-events",
    "the events that virsh qemu-monitor-event prints",
    _recognises,
    line_by_line(_Reading),
    unseen=frozenset({"requests", "replies"}),
    lacks=(
        "requests and replies",
        "the release of QEMU",
        "where a domain has got another QEMU, but for events that show it",
        "the time at which QEMU has made an event, where virsh was run with --timestamp",
    ),
)
"""virsh qemu-monitor-event, and a word on virsh event."""
