"""Importer of the debug logs of Python programs that talk to QEMU with the library `qemu.qmp`, or with its forerunner.

The library hands its messages to a logger whose name ends with that of the client, which is taken for the VM's. How a
record begins is up to the program. Of a message the record has the arrow and the JSON, indented over many lines; the
older library, with loggers called `QMP`, writes a dictionary of Python on one line, and no greeting. The clock of a
record is a local one of an unknown zone, and not read.

Two clients may be monitors of one VM. They are if they show the same event, of the same microsecond; that is looked for
among the first messages, before anything is said of any of them.

Source: recorded logs of qemu.qmp 0.0.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

from migspec.traces.format import Closer, Direction
from migspec.traces.importers.model import Event, Importer, Numbered, Remarks, beginning, entry, event_of
from migspec.traces.importers.values import Found, Message, Objects, message_in, message_in_python, plain

_ARROWS: Final = {
    b"-->": Direction.TO_SERVER,
    b">>>": Direction.TO_SERVER,
    b"<--": Direction.TO_CLIENT,
    b"<<<": Direction.TO_CLIENT,
}
_CLOSERS: Final[Mapping[bytes, Closer]] = {b"disconnect() called": "client", b"end-of-file": "server"}
_CLOSED: Final = b"Disconnected."
_RECORD: Final = re.compile(
    rb"(?:^|(?<=[\s:\[(|]))(?:qemu\.a?qmp(?:\.protocol|\.qmp_client)?|QMP)(?:\.(?P<name>[^\s:\[\](),|]+))?(?=[\s:\])|,])"
    rb"[^{}]*?(?P<told>%b)" % b"|".join(map(re.escape, (*_ARROWS, *_CLOSERS, _CLOSED)))
)
_NEGOTIATE: Final = re.compile(rb'\{\s*"execute"\s*:\s*"qmp_capabilities"')
_NAMELESS: Final = "vm"
_FIRST: Final = 2000
"""Messages among which monitors of one VM are looked for."""
_FIRST_BYTES: Final = 4 << 20
"""Bytes that these messages have at most, but for the last of them."""


@dataclass(slots=True)
class _Client:
    """One client: its name, whether it is connected, whether it was greeted just now, which side has begun to close the
    connection, and whether it turned out to be several, that have no names."""

    name: str
    is_connected: bool = False
    is_greeted: bool = False
    closer: Closer | None = None
    is_several: bool = False


class _End(NamedTuple):
    """The end of a connection, and which side has closed it."""

    by: Closer | None


class _Another(NamedTuple):
    """The beginning of another client that has no name, either."""


class _Shown(NamedTuple):
    """What a client shows in a line."""

    line: int
    client: str
    what: Message | _End | _Another | None
    """None for a message that cannot be read."""


class _Reading:
    """The reading of one log: its clients, and the message whose lines are being read."""

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}
        self._objects = Objects()
        self._client = _Client(_NAMELESS)
        self._direction = Direction.TO_CLIENT

    def all(self, lines: Iterable[Numbered]) -> Iterator[_Shown]:
        """What the lines show, in their order."""
        for number, line in lines:
            yield from self._line(number, plain(line))
        yield from self._rest()

    def _line(self, number: int, line: bytes) -> Iterator[_Shown]:
        if self._objects.is_open:
            if line[:1] in (b" ", b"}"):
                yield from self._messages(self._objects.feed(number, line))
                return
            yield from self._rest()
        found = _RECORD.search(line)
        if found is None:
            return
        name = (found["name"] or b"").decode("utf-8", "replace") or _NAMELESS
        client = self._clients.setdefault(name, _Client(name))
        told = found["told"]
        if told in _ARROWS:
            self._client, self._direction = client, _ARROWS[told]
            yield from self._messages(self._objects.feed(number, line[found.end() :]))
            if not client.is_several and not line[found.end() :].strip().startswith(b"{"):
                yield _Shown(number, client.name, None)
        elif told in _CLOSERS:
            client.closer = client.closer or _CLOSERS[told]
        else:
            yield from self._ended(number, client)

    def _rest(self) -> Iterator[_Shown]:
        """What is left of a message that has no end."""
        yield from self._messages(self._objects.finish())

    def _messages(self, objects: Iterator[Found]) -> Iterator[_Shown]:
        for found in objects:
            yield from self._message(found, self._client)

    def _message(self, found: Found, client: _Client) -> Iterator[_Shown]:
        if client.is_several:
            return
        message = message_in(found.text) or message_in_python(found.text) if found.is_whole else None
        if message is None or message.direction is not self._direction:
            yield _Shown(found.line, client.name, None)
            return
        begins = message.is_greeting or (_NEGOTIATE.match(message.text) and not client.is_greeted)
        client.is_greeted = message.is_greeting
        if client.is_connected and begins:
            if client.name == _NAMELESS:
                client.is_several = True
                yield _Shown(found.line, client.name, _Another())
                return
            yield from self._ended(found.line, client)
        client.is_connected = True
        yield _Shown(found.line, client.name, message)

    def _ended(self, number: int, client: _Client) -> Iterator[_Shown]:
        if client.is_connected and not client.is_several:
            yield _Shown(number, client.name, _End(client.closer))
        client.is_connected, client.closer = False, None


def _vms(shown: Iterable[_Shown]) -> Mapping[str, str]:
    """The clients that show events of another one's VM, each with the client that was there first."""
    first: dict[Event, str] = {}
    same: dict[str, str] = {}
    order: dict[str, int] = {}
    for one in shown:
        order.setdefault(one.client, len(order))
        event = event_of(one.what.text) if isinstance(one.what, Message) else None
        if event is None:
            continue
        other = _root(same, first.setdefault(event, one.client))
        here = _root(same, one.client)
        if here != other:
            earlier, later = sorted((here, other), key=order.__getitem__)
            same[later] = earlier
    return {client: _root(same, client) for client in same}


def _root(same: Mapping[str, str], client: str) -> str:
    while client in same:
        client = same[client]
    return client


def _entry(shown: _Shown, vm: str, mon: str | None, remarks: Remarks) -> Numbered:
    match shown.what:
        case Message(direction=direction, text=text):
            return shown.line, entry(vm, direction, text, mon=mon)
        case _End(by=by):
            return shown.line, entry(vm, mon=mon, end="eof") if by is None else entry(vm, mon=mon, end="eof", by=by)
        case _Another():
            told = "Another client without a name begins here; what they say is not told apart, and left out."
            remarks.doubt(shown.line, vm, "mixed", told)
            return shown.line, entry(vm, mon=mon, gap="two clients without names are not told apart")
        case None:
            return remarks.unreadable(shown.line, vm, mon=mon)


def _size(shown: _Shown) -> int:
    return len(shown.what.text) if isinstance(shown.what, Message) else 0


def _read(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    every = _Reading().all(lines)
    first = list(beginning(every, _FIRST, _FIRST_BYTES, _size))
    same = _vms(first)
    for client, vm in same.items():
        begins = next(shown.line for shown in first if shown.client == client)
        told = f"The client {client} is another monitor of {vm}: it shows the same events."
        remarks.note(begins, vm, "monitor", told)
    for shown in chain(first, every):
        vm = same.get(shown.client, shown.client)
        yield _entry(shown, vm, shown.client if vm != shown.client else None, remarks)


def _recognises(lines: Sequence[bytes]) -> bool:
    records = (_RECORD.search(plain(line)) for line in lines)
    return any(found is not None and found["told"] in _ARROWS for found in records)


IMPORTER: Final = Importer(
    "qemu.qmp",
    "a debug log of Python's qemu.qmp",
    _recognises,
    _read,
    lacks=(
        "when a message was sent, for the clock of such a log has no zone",
        "which clients are monitors of one VM, but for those that soon show the same event",
    ),
)
"""Programs that use qemu.qmp, QEMU's own tests among them."""
