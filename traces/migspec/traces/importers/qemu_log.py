"""Importers of QEMU's own trace logs: what `-trace` writes with the backend `log`, to a file with `-D` or to standard
error.

Which messages such a log shows depends on the trace points that are switched on, and on the release: 5.2 has none for
replies and events. There is an importer for each case, told by the first lines. What those lines do not show is taken
for unseen in the whole log, and left aside where it comes later, for it may not be complete.

A log without replies may tell of each change of a status. An event follows it at once, which is what it is read as,
unless a client may have switched these events off.

Source: recorded logs of QEMU 5.2 and 7.2; described ones of 11.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, Literal

import msgspec

from migspec.spec.vocabulary import MigrationStatus
from migspec.spec.wire.stream import is_about_json
from migspec.traces.format import Direction, Unseen
from migspec.traces.framing import decoded, is_json
from migspec.traces.importers.harness import OF_TESTS
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry

Kind = Literal["request", "answer", "status", "process"]
"""What a line is about: the trace points that matter here, and the start of another process."""

_POINTS: Final[dict[bytes, Kind]] = {
    b"handle_qmp_command": "request",
    b"monitor_qmp_respond": "answer",
    b"migrate_set_state": "status",
}
_HEAD: Final = (
    rb"(?:\d{1,10}@(?P<seconds>\d{1,11})\.(?P<micros>\d{6}):"
    rb"|(?P<date>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(?P<fraction>\d{6})Z )"
)
_POINT: Final = re.compile(
    _HEAD + rb"?(?:(?P<point>handle_qmp_command|monitor_qmp_respond)\b"
    rb"(?: mon (?P<mon>(?:0x)?[0-9a-fA-F]{1,16}) (?:req|resp): ?(?P<text>.*))?"
    rb"|(?P<state>migrate_set_state) new state ?(?P<status>[^ ]*)\s*$)",
    re.DOTALL,
)
_ANY_POINT: Final = re.compile(rb"\d{1,10}@\d{1,11}\.\d{6}:[a-z]\w+(?: |$)")
_NEW_PROCESS: Final = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000: starting up ")
_INDENTED: Final = (b" ", b"}", b"]")
_LONGEST_INDENTED: Final = 1 << 24
_STATUSES: Final = frozenset(status.value.encode() for status in MigrationStatus)
_SWITCHES: Final = (b"trace-event", b"capabilit", b"qmp_capabilities")


class _Setting(msgspec.Struct):
    """A capability, as a request sets it."""

    capability: str = ""
    state: bool = True


class _Arguments(msgspec.Struct, rename="kebab"):
    """The arguments of a request, as far as they matter here."""

    name: str = ""
    enable: Any = True
    capabilities: list[_Setting] = []
    command_line: str = ""


class _Request(msgspec.Struct, rename="kebab"):
    """A request, as far as it matters here."""

    execute: str = ""
    exec_oob: str = ""
    arguments: _Arguments = msgspec.field(default_factory=_Arguments)

    @property
    def command(self) -> str:
        """The command, and behind it what a human monitor is asked for."""
        return f"{self.execute or self.exec_oob} {self.arguments.command_line}"


class _Error(msgspec.Struct):
    """The error of a reply."""

    desc: str = ""


class _Answer(msgspec.Struct):
    """A message of the server, as far as it matters here."""

    event: Any = None
    greeting: Any = msgspec.field(default=None, name="QMP")
    error: _Error | None = None
    id: Any = msgspec.UNSET


_REQUEST: Final = msgspec.json.Decoder(_Request)
_ANSWER: Final = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class _Point:
    """One trace point that was passed: `text` is a message, or the word for a status."""

    number: int
    kind: Kind
    moment: tuple[int, int] | None = None
    """Seconds since the epoch and microseconds, where the line tells them."""
    mon: bytes = b""
    text: bytes = b""
    is_cut: bool = False
    """Whether it ends before its text, so that it does not tell of which monitor it is."""

    @property
    def t(self) -> float | None:
        """When it was passed, in seconds since the epoch."""
        return None if self.moment is None else self.moment[0] + self.moment[1] / 1_000_000


def _points(lines: Iterable[Numbered]) -> Iterator[_Point]:
    """The trace points in lines; the text of one may go on over lines that are indented."""
    begun: _Point | None = None
    parts: list[bytes] = []
    size = 0
    for number, line in lines:
        if begun is not None and line.startswith(_INDENTED) and size < _LONGEST_INDENTED:
            parts.append(line.strip())
            size += len(line)
            continue
        if begun is not None:
            yield _joined(begun, parts)
            begun = None
        point = _point(number, line)
        if point is None:
            continue
        if not point.is_cut and (point.text.endswith((b"{", b",")) or point.text in (b"", b"[")):
            begun, parts, size = point, [point.text], len(point.text)
        else:
            yield point
    if begun is not None:
        yield _joined(begun, parts)


def _joined(begun: _Point, parts: Sequence[bytes]) -> _Point:
    return _Point(begun.number, begun.kind, begun.moment, begun.mon, b" ".join(parts))


def _point(number: int, line: bytes) -> _Point | None:
    """The trace point that a line shows, or that a process starts in it; None for any other."""
    found = _POINT.match(line)
    if found is None:
        return _Point(number, "process") if _NEW_PROCESS.match(line) else None
    kind = _POINTS[found["point"] or found["state"]]
    text = found["status"] if kind == "status" else found["text"]
    return _Point(number, kind, _moment(found), found["mon"] or b"", (text or b"").strip(), is_cut=text is None)


def _moment(found: re.Match[bytes]) -> tuple[int, int] | None:
    if found["seconds"] is not None:
        return int(found["seconds"]), int(found["micros"])
    if found["date"] is None:
        return None
    try:
        date = datetime.strptime(found["date"].decode(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(date.timestamp()), int(found["fraction"])


@dataclass(slots=True)
class _Monitor:
    """A monitor: its name, whether a client is known that gets the events, and, if the log shows from when on, how many
    of its requests are open."""

    name: str | None
    """None where no replies are shown: then nothing is in the order of one monitor but what is executed."""
    is_open: bool = False
    is_greeted: bool = False
    asked: int = 0


@dataclass(slots=True)
class _Reading:
    """The reading of one log, of which some kinds of trace points are read."""

    shows: frozenset[Kind]
    remarks: Remarks
    vm: str = "vm"
    is_over: bool = False
    """Whether a request has switched off what the log shows."""
    may_lack_events: bool = False
    """Whether a request may have switched off the events of migration."""
    _monitors: dict[bytes, _Monitor] = field(default_factory=dict)
    _named: int = 0
    _processes: int = 1
    _is_shown: bool = False

    def point(self, point: _Point) -> Iterator[Numbered]:
        """The entries that a trace point leads to."""
        if point.kind == "process":
            self._next_process()
        elif point.is_cut:
            yield from self._cut(point)
        elif point.kind in self.shows and not self.is_over:
            for shown in _READ[point.kind](self, point):
                self._is_shown = True
                yield shown

    def _cut(self, point: _Point) -> Iterator[Numbered]:
        """What a line leads to that ends too early: any monitor will do, for a gap is one in all that is known."""
        monitor = next((known for known in self._monitors.values() if known.is_open), None)
        if monitor is not None and point.kind in self.shows and not self.is_over:
            yield self._unreadable(point, monitor)

    def _next_process(self) -> None:
        """Another QEMU goes on with the same log; the first one only begins it."""
        if self._is_shown:
            self._processes += 1
            self.vm = f"vm{self._processes}"
        self._monitors.clear()
        self._named = 0
        self._is_shown = self.is_over = self.may_lack_events = False

    def _monitor(self, pointer: bytes) -> _Monitor:
        """The monitor at an address."""
        return self._monitors.get(pointer) or self._new_monitor(pointer)

    def _new_monitor(self, pointer: bytes) -> _Monitor:
        """A monitor with a name of its own, now at an address."""
        self._named += 1
        self._monitors[pointer] = monitor = _Monitor(f"mon{self._named}" if "answer" in self.shows else None)
        return monitor

    def _request(self, point: _Point) -> Iterator[Numbered]:
        request = _switching(point.text)
        monitor = self._monitor(point.mon)
        if "answer" not in self.shows and request.command == "qmp_capabilities " and monitor.is_open:
            # no greeting shows it, but a client negotiates once; what the one before it asked for may be lost
            yield self._gap(point, monitor, "another client may have come")
        monitor.is_open = True
        if not is_json(point.text):
            yield self._unreadable(point, monitor)
            return
        monitor.asked += 1
        yield self._message(point, monitor, Direction.TO_SERVER)
        yield from self._switched(point, monitor, request)

    def _switched(self, point: _Point, monitor: _Monitor, request: _Request) -> Iterator[Numbered]:
        """What follows from a request that switches trace points or events."""
        if _may_switch_off_events(request) and not self.may_lack_events:
            self.may_lack_events = True
            if "status" in self.shows:
                told = "From here on events may be switched off, so that a change of a status is no longer read as one."
                self._note(point, "events-off", told)
        switched = _switched_points(request)
        if switched is None:
            return
        pattern, is_on = switched
        if not any(fnmatchcase(name.decode(), pattern) for name, kind in _POINTS.items() if kind in self.shows):
            return
        yield self._gap(point, monitor, "this request chooses what the log shows")
        if not is_on:
            self.is_over = True
            self._note(point, "switched-off", "This request switches the log off; what comes then is left out.")

    def _answer(self, point: _Point) -> Iterator[Numbered]:
        monitor = self._monitor(point.mon)
        answer = _answer_in(point.text)
        if answer is None:
            if monitor.is_open:
                yield self._unreadable(point, monitor)
        elif answer.event is not None:
            # the trace point is passed for every monitor, whether somebody is there or not
            if monitor.is_open:
                yield self._message(point, monitor, Direction.TO_CLIENT)
        elif answer.greeting is not None:
            yield from self._greeting(point, monitor)
        elif answer.error is not None and answer.id is msgspec.UNSET and is_about_json(answer.error.desc):
            told = "Answers to input that is no JSON are left out, for such input is not shown."
            self._note(point, "refused-input", told)
        elif "request" in self.shows and monitor.is_greeted and not monitor.asked:
            told = "This answers a request that the log does not show, so that it may lack others."
            self.remarks.doubt(point.number, self.vm, "lacks-request", told)
            yield self._gap(point, monitor, "the log lacks a request")
        else:
            monitor.is_open = True
            monitor.asked -= monitor.asked > 0
            yield self._message(point, monitor, Direction.TO_CLIENT)

    def _greeting(self, point: _Point, monitor: _Monitor) -> Iterator[Numbered]:
        has_requests = "request" in self.shows
        if monitor.is_open:
            yield point.number, entry(self.vm, t=point.t, mon=monitor.name, end="eof", by="client")
            if not has_requests:
                monitor = self._new_monitor(point.mon)
        monitor.is_open = monitor.is_greeted = True
        monitor.asked = 0
        # a greeting is followed by a negotiation, which is not shown without requests
        if has_requests:
            yield self._message(point, monitor, Direction.TO_CLIENT)

    def _status(self, point: _Point) -> Iterator[Numbered]:
        has_requests = "request" in self.shows
        monitor = next((monitor for monitor in self._monitors.values() if monitor.is_open), None)
        if self.may_lack_events or (has_requests and monitor is None):
            return
        if point.text not in _STATUSES:
            self._note(point, "status", "A status that is not known is left out.")
            return
        seconds, microseconds = point.moment or (0, 0)
        event = {
            "event": "MIGRATION",
            "data": {"status": point.text.decode()},
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
        }
        name = monitor.name if monitor else None
        yield point.number, entry(self.vm, Direction.TO_CLIENT, msgspec.json.encode(event), t=point.t, mon=name)

    def _message(self, point: _Point, monitor: _Monitor, direction: Direction) -> Numbered:
        return point.number, entry(self.vm, direction, point.text, t=point.t, mon=monitor.name)

    def _unreadable(self, point: _Point, monitor: _Monitor) -> Numbered:
        self._lose_count()
        return self.remarks.unreadable(point.number, self.vm, t=point.t, mon=monitor.name)

    def _gap(self, point: _Point, monitor: _Monitor, why: str) -> Numbered:
        self._lose_count()
        return point.number, entry(self.vm, t=point.t, mon=monitor.name, gap=why)

    def _lose_count(self) -> None:
        """No longer take for known how many requests of a monitor are open."""
        for known in self._monitors.values():
            known.is_greeted = False

    def _note(self, point: _Point, rule: str, told: str) -> None:
        self.remarks.note_once(point.number, self.vm, rule, told)


_READ: Final[dict[Kind, Callable[[_Reading, _Point], Iterator[Numbered]]]] = {
    "request": _Reading._request,
    "answer": _Reading._answer,
    "status": _Reading._status,
}


def _switching(text: bytes) -> _Request:
    """A request, where it may be one that switches something; an empty one for any other."""
    if not any(word in text for word in _SWITCHES):
        return _Request()
    return decoded(text, _REQUEST) or _Request()


def _may_switch_off_events(request: _Request) -> bool:
    """Whether a request may switch off the events of migration, by the human monitor too."""
    if any(setting.capability == "events" and not setting.state for setting in request.arguments.capabilities):
        return True
    return "migrate_set_capability" in request.command and "events" in request.command


def _switched_points(request: _Request) -> tuple[str, bool] | None:
    """The pattern of trace points that a request switches, and whether on."""
    if request.command == "trace-event-set-state ":
        return request.arguments.name, request.arguments.enable is True
    words = request.command.split()
    if len(words) >= 4 and words[1] == "trace-event":
        return words[2], words[3] == "on"
    return None


def _answer_in(text: bytes) -> _Answer | None:
    """A message of the server; None for what was cut."""
    answer = decoded(text, _ANSWER)
    return _Answer() if answer is None and is_json(text) else answer


def _read(shows: frozenset[Kind], lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    reading = _Reading(shows, remarks)
    for point in _points(lines):
        yield from reading.point(point)


def _recognises(wanted: frozenset[Kind], lines: Sequence[bytes]) -> bool:
    """Whether of requests and answers these lines show exactly those that are wanted."""
    if any(line.startswith(b"{") or OF_TESTS.match(line) for line in lines):
        # a stream of messages, or a test with several QEMUs, in which such lines are beside the point
        return False
    found = {point.kind for point in map(_point, range(len(lines)), lines) if point is not None and not point.is_cut}
    if found & {"request", "answer"}:
        return found & {"request", "answer"} == wanted
    return not wanted and ("status" in found or any(map(_ANY_POINT.match, lines)))


def _importer(
    name: str, title: str, shows: frozenset[Kind], unseen: frozenset[Unseen], lacks: tuple[str, ...]
) -> Importer:
    lacks = (*lacks, "that all of it is from one QEMU", "where a connection ends")
    recognises = partial(_recognises, shows - {"status"})
    return Importer(name, title, recognises, partial(_read, shows), unseen, lacks)


_NO_RELEASE: Final = "the release of QEMU"

IMPORTERS: Final = (
    _importer(
        "qemu-log",
        "a trace log of QEMU with requests and replies",
        frozenset({"request", "answer"}),
        frozenset(),
        ("input that is no JSON",),
    ),
    _importer(
        "qemu-log-replies",
        "a trace log of QEMU without requests",
        frozenset({"answer"}),
        frozenset({"requests"}),
        ("requests, and with them the negotiation that a greeting asks for", _NO_RELEASE),
    ),
    _importer(
        "qemu-log-requests",
        "a trace log of QEMU without replies",
        frozenset({"request", "status"}),
        frozenset({"replies", "events"}),
        ("replies, and events but for changes of a status", _NO_RELEASE),
    ),
    _importer(
        "qemu-log-states",
        "a trace log of QEMU with changes of a status only",
        frozenset({"status"}),
        frozenset({"requests", "replies", "events"}),
        ("requests, replies, and events but for changes of a status", _NO_RELEASE),
    ),
)
"""QEMU's trace log, by what it shows: requests and replies, one of them, or changes of a status at most."""
