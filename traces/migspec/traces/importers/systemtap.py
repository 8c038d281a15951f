"""Importer of what libvirt's SystemTap script `qemu-monitor.stp` prints: the messages on every monitor of a libvirt.

A line has the seconds since the script was started, a mark, the address of the monitor, and the message. Another QEMU
may get an address that was used before, and nothing tells that a monitor was closed; but libvirt negotiates first of
all on each, and numbers its requests from there. So a monitor is an address since then, and gets a VM of its own,
`vm1`, `vm2` and so on. When the script was started, the first event tells, which has the time of day.

libvirt hands a request over, and the script prints it, before the greeting is read, which it does not print.

Source: the formats of the script in libvirt's examples, and the listing in its head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from migspec.traces.format import Direction
from migspec.traces.framing import is_json
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry, event_of

_LINE: Final = re.compile(
    rb"(?:# ?)? {0,2}(?P<seconds>\d{1,12}\.\d{3}) (?P<mark>[<>!]) (?P<mon>0x[0-9a-f]{1,16}) (?P<text>.*)", re.DOTALL
)
_MARKS: Final = {b">": Direction.TO_SERVER, b"<": Direction.TO_CLIENT, b"!": Direction.TO_CLIENT}
_DESCRIPTOR: Final = re.compile(rb" \(fd=\d{1,10}\)$")
_NEGOTIATES: Final = re.compile(rb'\{\s*"execute"\s*:\s*"qmp_capabilities"[^}]*"id"\s*:\s*"libvirt-1"\s*\}')
_BEGINS: Final = re.compile(rb"(?:# ?)? {0,2}\d{1,12}\.\d{3} begin\s*$")


class _Reading:
    """The reading of one listing."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._vms: dict[bytes, str] = {}
        self._count = 0
        self._started: float | None = None

    def line(self, number: int, line: bytes) -> Iterator[Numbered]:
        """The entries that one line leads to."""
        if _BEGINS.match(line) is not None:
            # the script was started again, and what was said in the meantime is not known
            self._vms.clear()
            self._started = None
        found = _LINE.match(line)
        if found is None:
            return
        address, mark, seconds = found["mon"], found["mark"], float(found["seconds"])
        text = found["text"].strip()
        if mark == b"!" and self._started is None:
            made = _time_of(text)
            self._started = None if made is None else made - seconds
        t = None if self._started is None else self._started + seconds
        if mark == b">":
            text = _DESCRIPTOR.sub(b"", text, count=1)
        vm = self._vms.get(address)
        if vm is not None and mark == b">" and _NEGOTIATES.match(text) is not None:
            yield number, entry(vm, t=t, end="eof")
            vm = None
        if vm is None:
            self._count += 1
            vm = self._vms[address] = f"vm{self._count}"
        if is_json(text):
            yield number, entry(vm, _MARKS[mark], text, t=t)
        else:
            yield self._remarks.unreadable(number, vm, t=t)


def _time_of(event: bytes) -> float | None:
    """When an event was made, in seconds since the epoch; None where it does not tell."""
    made = event_of(event)
    return None if made is None else made.timestamp.seconds + made.timestamp.microseconds / 1_000_000


def _read(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    reading = _Reading(remarks)
    for number, line in lines:
        yield from reading.line(number, line)


def _recognises(lines: Sequence[bytes]) -> bool:
    return any(_LINE.match(line) is not None for line in lines)


IMPORTER: Final = Importer(
    "systemtap",
    "a listing of libvirt's qemu-monitor.stp",
    _recognises,
    _read,
    lacks=(
        "the greeting, and with it the release of QEMU",
        "which domain a monitor belongs to",
        "where a monitor was closed",
        "the time of day before the first event",
        "messages longer than SystemTap's strings, which are 512 bytes unless it was given others",
    ),
)
"""The script as libvirt has shipped it since 2011."""
