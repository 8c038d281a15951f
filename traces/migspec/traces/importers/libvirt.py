"""Importer of libvirt's debug logs: those of virtqemud and libvirtd, at the levels debug and info, and of KubeVirt's
launcher, which wraps the same records in JSON.

A record with QMP in it names a monitor by the address of libvirt's object. Addresses are used again, so a monitor is
one address since it was opened; each gets a name of its own, `vm1`, `vm2` and so on, in the order in which they are
met. Three records may tell of one request: that it was queued, that it was written, and the text from the socket. It
is taken to be sent when it was written, or, where nothing says when, at the latest before its reply.

Source: recorded logs of libvirt 7.0 to 11.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from migspec.traces.format import Direction
from migspec.traces.framing import decoded, is_json
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry

_MARK: Final = b"QEMU_MONITOR_"
_GREETING: Final = b'Line [{"QMP"'
_RECORD: Final = re.compile(
    rb"QEMU_MONITOR_(?P<kind>SEND_MSG|IO_WRITE|RECV_REPLY|RECV_EVENT|NEW|CLOSE): mon=(?P<mon>0x[0-9a-f]+)"
    rb"(?: (?:msg|buf|reply|event)=(?P<text>.*))?",
    re.DOTALL,
)
_HEAD: Final = re.compile(
    rb"^(?P<day>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d)\.(?P<ms>\d{3})\+0000: (?P<thread>\d+): "
    rb"(?:debug|info|warning|error) : "
)
_LINE: Final = re.compile(rb"Line \[(?P<text>.*)\]", re.DOTALL)
_SENT_TAIL: Final = re.compile(rb"(?:\r|\^M)*(?:\s+(?:fd=-?\d+|len=\d+ ret=-?\d+ errno=\d+))?\s*$")
_LONGEST_TAIL: Final = 80
_DOMAIN: Final = re.compile(rb"mon=(?P<mon>0x[0-9a-f]+) vm=0x[0-9a-f]+ name=(?P<name>[^ ,)]+)")
_PROBE: Final = b"Try to probe capabilities of "


class _Wrapped(msgspec.Struct):
    """A record of KubeVirt's launcher, as far as it matters here."""

    msg: str
    timestamp: str = ""
    thread: str = ""


_WRAPPED: Final = msgspec.json.Decoder(_Wrapped)


@dataclass(slots=True)
class _Monitor:
    """One monitor: the name of its VM, and a request that was queued and not written yet."""

    vm: str
    queued: tuple[int, float | None, bytes] | None = None
    is_shown: bool = False
    domain: str = ""


class _Clock:
    """The times of records, which share a day and mostly a second."""

    def __init__(self) -> None:
        self._second = b""
        self._since = 0.0

    def of(self, head: re.Match[bytes] | None) -> float | None:
        """Seconds since the epoch; None without a head, or where it is no time."""
        if head is None:
            return None
        second = head["day"] + b" " + head["time"]
        if second != self._second:
            try:
                told = datetime.strptime(second.decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            except ValueError:
                return None
            self._second, self._since = second, told.timestamp()
        return self._since + int(head["ms"]) / 1000


class _Reading:
    """The reading of one log."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._monitors: dict[bytes, _Monitor] = {}
        self._count = 0
        self._greetings: dict[bytes, tuple[int, float | None, bytes]] = {}
        self._clock = _Clock()

    def record(self, number: int, line: bytes) -> Iterator[Numbered]:
        """The entries that one line leads to."""
        head = _HEAD.match(line)
        t = self._clock.of(head)
        thread = head["thread"] if head else b""
        if (found := _RECORD.search(line)) is not None:
            yield from self._of_monitor(number, t, thread, found)
        elif (greeting := _LINE.search(line)) is not None:
            # which monitor it is of, only the thread tells, by the next record that names one
            self._greetings[thread] = (number, t, greeting["text"])
        elif (domain := _DOMAIN.search(line)) is not None:
            self._named(number, domain)

    def finish(self) -> Iterator[Numbered]:
        """What was queued and never written."""
        for monitor in self._monitors.values():
            yield from self._flush(monitor)

    def _of_monitor(self, number: int, t: float | None, thread: bytes, found: re.Match[bytes]) -> Iterator[Numbered]:
        kind, address = found["kind"], found["mon"]
        if kind == b"NEW":
            self._monitors[address] = self._new()
            return
        monitor = self._monitors.get(address)
        if monitor is None:
            monitor = self._monitors[address] = self._new()
        if kind != b"SEND_MSG" and thread in self._greetings:
            where, when, text = self._greetings.pop(thread)
            yield from self._message(monitor, where, when, Direction.TO_CLIENT, text)
        text = found["text"] or b""
        match kind:
            case b"SEND_MSG":
                yield from self._flush(monitor)
                monitor.queued = (number, t, _request(text))
            case b"IO_WRITE":
                request = _request(text)
                if monitor.queued is not None and monitor.queued[2] != request:
                    yield from self._flush(monitor)
                monitor.queued = None
                yield from self._message(monitor, number, t, Direction.TO_SERVER, request)
            case b"RECV_REPLY":
                yield from self._flush(monitor)
                yield from self._message(monitor, number, t, Direction.TO_CLIENT, text)
            case b"RECV_EVENT":
                yield from self._message(monitor, number, t, Direction.TO_CLIENT, text)
            case b"CLOSE":
                yield from self._flush(monitor)
                if monitor.is_shown:
                    yield number, entry(monitor.vm, t=t, end="eof")
                del self._monitors[address]

    def _new(self) -> _Monitor:
        self._count += 1
        return _Monitor(f"vm{self._count}")

    def _named(self, number: int, found: re.Match[bytes]) -> None:
        monitor = self._monitors.get(found["mon"])
        name = found["name"].decode("utf-8", "replace")
        if monitor is not None and monitor.domain != name:
            monitor.domain = name
            self._remarks.note(number, monitor.vm, "domain", f"This is the domain {name}.")

    def _flush(self, monitor: _Monitor) -> Iterator[Numbered]:
        queued, monitor.queued = monitor.queued, None
        if queued is not None:
            number, t, text = queued
            yield from self._message(monitor, number, t, Direction.TO_SERVER, text)

    def _message(
        self, monitor: _Monitor, number: int, t: float | None, direction: Direction, text: bytes
    ) -> Iterator[Numbered]:
        text = text.rstrip(b"\r\n ")
        monitor.is_shown = True
        if is_json(text):
            yield number, entry(monitor.vm, direction, text, t=t)
            return
        yield self._remarks.unreadable(number, monitor.vm, t=t)


def _request(text: bytes) -> bytes:
    """A request without what libvirt's record has behind it."""
    text = text.rstrip(b"\r")
    if text.endswith(b"}"):
        return text
    kept, tail = text[:-_LONGEST_TAIL], text[-_LONGEST_TAIL:]
    return kept + _SENT_TAIL.sub(b"", tail, count=1)


def _unwrapped(number: int, line: bytes) -> tuple[int, bytes]:
    """A line of KubeVirt's launcher as libvirt has written it; others as they are."""
    wrapped = decoded(line, _WRAPPED) if line.startswith(b"{") else None
    if wrapped is None:
        return number, line
    stamp = wrapped.timestamp.removesuffix("Z").replace("T", " ")[:23]
    head = f"{stamp}+0000: {wrapped.thread or 0}: debug : " if len(stamp) == 23 else ""
    return number, (head + wrapped.msg).encode()


def _read(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    reading = _Reading(remarks)
    for number, line in lines:
        # nearly all of a log is something else, or too long to be looked at twice
        if _MARK in line or _GREETING in line or (b" name=" in line and b"mon=0x" in line):
            yield from reading.record(*_unwrapped(number, line))
    yield from reading.finish()


def _recognises(lines: Sequence[bytes]) -> bool:
    return any(_RECORD.search(line) is not None or _HEAD.match(line) is not None for line in lines)


IMPORTER: Final = Importer(
    "libvirt",
    "a debug log of libvirt",
    _recognises,
    _read,
    lacks=(
        "which QEMU a monitor belongs to, but for the name of its domain where a record has it",
        "the greeting, where the log has the level info",
    ),
)
"""libvirtd, virtqemud, virt-launcher."""
