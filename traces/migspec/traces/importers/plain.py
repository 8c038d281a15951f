"""Importers of streams of QMP without a mark of who speaks: terminals, log files of character devices, files of
requests or of replies, and what tests print.

Who has sent a message shows in its members. Whose message it is does not: where more than one VM may have spoken,
nothing follows from the order. Then every event and every greeting is judged by itself, and the rest is left out, for
no reply can be judged without its request. That is so wherever nothing marks a stream as that of one connection, and
from the place on where something speaks against it.

Source: recorded logs of QEMU 5.2 and 7.2; published output of QEMU's tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from migspec.traces.format import Direction
from migspec.traces.framing import decoded
from migspec.traces.importers.harness import OF_QTEST, OF_TESTS, PLACEHOLDER, TIME_PLACEHOLDER
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry
from migspec.traces.importers.values import Found, Message, Objects, message_in, plain

_MOST_OPEN: Final = 10_000
_VM: Final = "vm"
_GREETING: Final = "greeting"
"""The VM of a greeting that is judged by itself."""
_ANY: Final = "unknown"
"""The VM of events that may be any one's."""


class _Envelope(msgspec.Struct):
    """What is looked at of a message."""

    execute: str | None = None
    id: msgspec.Raw = msgspec.Raw()
    event: str | None = None
    greeting: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="QMP")


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


class _Said(NamedTuple):
    """What a line holds: a message, one that cannot be read, or in `sign` what shows that several VMs may speak."""

    line: int
    message: Message | None = None
    envelope: _Envelope = _Envelope()
    sign: str = ""

    @property
    def is_request(self) -> bool:
        """Whether a client has sent it."""
        return self.message is not None and self.message.direction is Direction.TO_SERVER

    def entry(self, vm: str, remarks: Remarks) -> Numbered:
        """Its line in the native format."""
        if self.message is None:
            return remarks.unreadable(self.line, vm)
        return self.line, entry(vm, self.message.direction, self.message.text)


@dataclass(slots=True)
class _Signs:
    """Looks for signs that several VMs speak in one stream."""

    connections: int = 0
    """How many have begun."""
    _is_greeted: bool = False
    _open: set[bytes] = field(default_factory=set)

    def of(self, said: _Said) -> str:
        """What speaks against one VM, in half a sentence; empty if nothing."""
        if said.message is None:
            return said.sign
        if PLACEHOLDER.search(said.message.text):
            return "a test has put words of its own into what QEMU said"
        if said.envelope.greeting:
            self.connections += 1
            self._is_greeted = True
        elif said.envelope.execute == "qmp_capabilities":
            self.connections += not self._is_greeted
            self._is_greeted = False
        if self.connections > 1:
            return "a second connection begins, which may be one to another VM"
        return "two requests that are open have one id" if self._repeats(said) else ""

    def _repeats(self, said: _Said) -> bool:
        identity = bytes(said.envelope.id)
        if not identity:
            return False
        if not said.is_request:
            self._open.discard(identity)
            return False
        repeats = identity in self._open
        if len(self._open) < _MOST_OPEN:
            self._open.add(identity)
        return repeats


def _said(lines: Iterable[Numbered]) -> Iterator[_Said]:
    """The messages in lines, and what shows that they come from a test."""
    objects = Objects()
    for number, raw in lines:
        line = plain(raw)
        if OF_TESTS.match(line):
            yield _Said(number, sign="this is the output of a test, which may run several VMs")
        for found in objects.feed(number, line):
            yield from _message(found)
    for found in objects.finish():
        yield from _message(found)


def _message(found: Found) -> Iterator[_Said]:
    message = message_in(found.text) if found.is_whole else None
    if message is None:
        if found.looks_like_message:
            yield _Said(found.line)
        return
    yield _Said(found.line, message, decoded(message.text, _ENVELOPE) or _Envelope())


def _read_one(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    """The entries of a stream of one connection, as long as nothing speaks against that."""
    signs = _Signs()
    stream = _said(lines)
    for said in stream:
        if sign := signs.of(said):
            yield from _each(chain((said,), stream), said.line, sign, remarks)
            return
        yield said.entry(_VM, remarks)


def _read_server(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    """The entries of what a server has sent on one connection after the other."""
    vms, greetings, greeting, is_connected = 1, 0, b"", False
    answered: set[bytes] = set()
    stream = _said(lines)
    for said in stream:
        identity = bytes(said.envelope.id)
        if sign := said.sign or _sign_of_two(said, identity in answered and greetings > 1):
            yield from _each(chain((said,), stream), said.line, sign, remarks)
            return
        if identity and len(answered) < _MOST_OPEN:
            answered.add(identity)
        if said.message is not None and said.envelope.greeting:
            if is_connected:
                yield said.line, entry(_numbered(_VM, vms), end="eof")
            vms += greeting not in (b"", said.message.text)
            greeting, is_connected = said.message.text, True
            greetings += 1
            answered.clear()
            yield said.entry(_numbered(_VM, vms), remarks)
        elif is_connected or (said.message is not None and said.envelope.event is None):
            is_connected = True
            yield said.entry(_numbered(_VM, vms), remarks)
        else:
            told = "What comes before a connection reaches nobody, and is left out."
            remarks.note_once(said.line, _VM, "unconnected", told)


def _sign_of_two(said: _Said, repeats: bool) -> str:
    """What speaks against one server, in half a sentence; empty if nothing."""
    if said.is_request:
        return "requests are shown too"
    return "after a second greeting two replies have one id" if repeats else ""


def _numbered(name: str, count: int) -> str:
    return name if count == 1 else f"{name}-{count}"


def _read_requests(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    """The entries of what a client has sent."""
    for said in _said(lines):
        if said.is_request or (said.message is None and not said.sign):
            yield said.entry(_VM, remarks)


def _read_each(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    """The entries of what several VMs may have said."""
    stream = _said(lines)
    signs = _Signs()
    first = next(stream, None)
    if first is not None:
        sign = signs.of(first) or "nothing tells that one VM has said all this; --from plain takes it for granted"
        yield from _each(chain((first,), stream), first.line, sign, remarks)


def _each(stream: Iterable[_Said], line: int, sign: str, remarks: Remarks) -> Iterator[Numbered]:
    """The entries of messages of which each is judged by itself."""
    told = (
        f"Nothing follows from the order of messages, and only events and greetings are judged, each by itself: {sign}."
    )
    remarks.doubt(line, "", "mixed", told)
    greetings = 0
    for said in stream:
        if said.message is None:
            continue
        if said.envelope.greeting:
            greetings += 1
            yield said.entry(_numbered(_GREETING, greetings), remarks)
        elif said.envelope.event is not None:
            text, replaced = TIME_PLACEHOLDER.subn(b"0", said.message.text)
            if replaced:
                told = "The times of events are words that a test has put there; zeros stand for them here."
                remarks.note_once(said.line, _ANY, "time", told)
            # what a gap hides is looked for in what was before it: before the second, that is nothing
            yield said.line, entry(_ANY, gap="this may be another VM")
            yield said.line, entry(_ANY, gap="this may be another VM")
            yield said.line, entry(_ANY, said.message.direction, text)


def _read_qtest(lines: Iterable[Numbered], remarks: Remarks) -> Iterator[Numbered]:
    """No entries, but a remark."""
    for number, _ in lines:
        told = "These are the commands by which a test drives the machine, and their outcomes: they are no QMP."
        remarks.note(number, "", "qtest", told)
        break
    yield from ()


@dataclass(slots=True)
class _Head:
    """What the first lines of a stream hold."""

    requests: int = 0
    replies: int = 0
    greetings: int = 0
    sign: str = ""
    is_marked: bool = False
    """Whether the first message is one with which a connection begins."""

    @classmethod
    def of(cls, lines: Sequence[bytes]) -> _Head | None:
        """What these lines hold; None where no message begins with a line."""
        head, signs, begins = cls(), _Signs(), False
        for said in _said(enumerate(lines, 1)):
            head.sign = head.sign or signs.of(said)
            if said.message is None:
                continue
            begins |= plain(lines[said.line - 1]).lstrip().startswith(b"{")
            if not head.requests + head.replies:
                head.is_marked = signs.connections > 0
            head.requests += said.is_request
            head.replies += not said.is_request
            head.greetings += bool(said.envelope.greeting)
        return head if begins else None


def _is_of_one(lines: Sequence[bytes]) -> bool:
    head = _Head.of(lines)
    return head is not None and head.requests > 0 and head.replies > 0 and head.is_marked and not head.sign


def _is_of_server(lines: Sequence[bytes]) -> bool:
    head = _Head.of(lines)
    # where one connection follows another, it may well be one to the same VM
    return head is not None and head.requests == 0 and head.greetings > 0 and not _has_sign_of_test(lines)


def _is_of_client(lines: Sequence[bytes]) -> bool:
    head = _Head.of(lines)
    return head is not None and head.replies == 0 and not head.sign


def _is_of_several(lines: Sequence[bytes]) -> bool:
    return _Head.of(lines) is not None


def _is_of_qtest(lines: Sequence[bytes]) -> bool:
    return any(OF_QTEST.match(line) for line in lines)


def _has_sign_of_test(lines: Sequence[bytes]) -> bool:
    return any(OF_TESTS.match(line) or PLACEHOLDER.search(line) for line in map(plain, lines))


_WHO: Final = "which VM has sent a message"
_WHEN: Final = "when a message was sent"

IMPORTERS: Final = (
    Importer(
        "plain",
        "a plain stream of requests and replies",
        _is_of_one,
        _read_one,
        lacks=(_WHEN, "that all messages are of one VM"),
    ),
    Importer(
        "plain-server",
        "a plain stream of what a server has sent",
        _is_of_server,
        _read_server,
        unseen=frozenset({"requests"}),
        lacks=("requests", "where a connection ends", "that all messages are of one VM", _WHEN),
    ),
    Importer(
        "plain-requests",
        "a plain stream of requests",
        _is_of_client,
        _read_requests,
        unseen=frozenset({"replies", "events"}),
        lacks=("replies and events", _WHEN),
    ),
    Importer(
        "plain-mixed",
        "a plain stream of messages of which nothing tells whose they are",
        _is_of_several,
        _read_each,
        unseen=frozenset({"requests", "replies", "events"}),
        lacks=(_WHO, _WHEN, "the order in which a VM has sent its messages"),
    ),
    Importer(
        "qtest-log",
        "a log of -qtest-log",
        _is_of_qtest,
        _read_qtest,
        unseen=frozenset({"requests", "replies", "events"}),
        lacks=("anything of QMP",),
    ),
)
"""Streams of one connection, of one side only, of whoever, and of what is no QMP."""
