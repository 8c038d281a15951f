"""Importer of what qmp-shell shows: a session on a terminal, and the file that its option `-l` writes.

A command is typed in words of its own; what is sent is shown with `-v` only. Else it is what the shell makes of the
line (`importers.typed`), where all generations of the shell that may have been at work make the same of it. Events are
shown when somebody asks for them, some time after they came, so they are left out. The greeting and the negotiation
are not shown, nor is the command by which the shell learns what it can complete.

In the file of `-l`, an object is a request and its reply in one.

Source: recorded sessions of qmp-shell of qemu.qmp 0.0.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

import msgspec

from migspec.traces.format import Direction
from migspec.traces.framing import members_of
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry, line_by_line
from migspec.traces.importers.typed import Shell, first_shell, later_shells
from migspec.traces.importers.values import Found, Objects, message_in, message_in_python, plain

_BANNER: Final = re.compile(rb"Welcome to the (?P<kind>QMP low-level|HMP) shell!")
_RELEASE: Final = re.compile(rb"Connected to QEMU (?P<release>\d+\.\d+\.\d+)")
_REFUSED: Final = b"Error while parsing command line"
_CLOSED: Final = b"Disconnected"
_MARK: Final = re.compile(rb"\(QEMU\)|TRANS>")
_PROMPT: Final = re.compile(rb"\s*(?:%b)(?: (?P<typed>.*))?$" % _MARK.pattern)
_OUTPUT: Final = re.compile(rb"\{|%b|%b|%b" % (_MARK.pattern, _REFUSED, _CLOSED))
_EDITED: Final = re.compile(rb"[\x00-\x08\x0b-\x1a]|\x1b\[[0-?]*[^0-?mhl]")
_ELIDED: Final = re.compile(r"\.\.\.|…")
_ASKED: Final = frozenset({"execute", "exec-oob", "arguments"})
_ANSWERS: Final = frozenset({"return", "error"})
_UNREADABLE_REPLY: Final = "The reply to this command"


class _Kind(Enum):
    """What an object is that was shown after a command was typed."""

    REQUEST = auto()
    REPLY = auto()
    EVENT = auto()
    UNREADABLE = auto()


class _Shown(NamedTuple):
    """An object that was shown, as JSON, and whether it was Python that wrote it."""

    line: int
    kind: _Kind
    text: bytes = b""
    is_python: bool = False


@dataclass(slots=True)
class _Turn:
    """What was typed at one prompt, and what was shown then."""

    line: int
    typed: str | None
    """None where it cannot be told: it was edited, or is not there."""
    shown: list[_Shown] = field(default_factory=list)
    is_refused: bool = False
    """The shell has not understood it."""
    is_closed: bool = False
    """The connection ended then."""

    def of(self, kind: _Kind) -> list[_Shown]:
        """What was shown of a kind."""
        return [one for one in self.shown if one.kind is kind]


class _Reading:
    """The reading of one log: its sessions, each with a VM of its own."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._count = 1
        self._objects = Objects()
        self._turn: _Turn | None = None
        self._is_human = False
        self._is_shown = False
        self._first: Shell = first_shell()
        self._later: Sequence[Shell] = later_shells()

    @property
    def _vm(self) -> str:
        return f"vm{self._count}"

    def line(self, number: int, raw: bytes) -> Iterator[Numbered]:
        """The entries that one line leads to."""
        line = plain(raw)
        if (banner := _BANNER.search(line)) is not None:
            yield from self.finish()
            self._begin(number, is_human=banner["kind"] == b"HMP")
        elif (release := _RELEASE.search(line)) is not None:
            told = f"This is QEMU {release['release'].decode()}, as the shell says."
            self._remarks.note(number, self._vm, "release", told)
        elif self._is_human:
            return
        elif (prompt := _PROMPT.match(line)) is not None:
            yield from self._complete(is_last=False)
            yield from self._prompt(number, raw, prompt["typed"] or b"")
        else:
            yield from self._output(number, line)

    def finish(self) -> Iterator[Numbered]:
        """What was under way when the session or the log ended."""
        yield from self._complete(is_last=True)

    def _begin(self, number: int, *, is_human: bool) -> None:
        """Begin a session, on a VM of its own; what comes before the first may be the rest of another."""
        self._count += self._is_shown
        self._is_shown = False
        self._first, self._later = first_shell(), later_shells()
        self._is_human = is_human
        if is_human:
            told = "A session with the human monitor is no QMP, and left out."
            self._remarks.note(number, self._vm, "hmp", told)

    def _prompt(self, number: int, raw: bytes, typed: bytes) -> Iterator[Numbered]:
        if _OUTPUT.match(typed):
            # commands from a file are not shown: what follows the prompt is the output
            self._turn = _Turn(number, None)
            yield from self._output(number, typed)
            return
        self._turn = _Turn(number, _as_typed(raw, typed))

    def _output(self, number: int, line: bytes) -> Iterator[Numbered]:
        found = self._objects.feed(number, line)
        turn = self._turn
        if turn is None:
            yield from self._logged(found)
            return
        turn.shown += _told_by(found)
        turn.is_refused |= _REFUSED in line
        turn.is_closed |= line.strip() == _CLOSED

    def _logged(self, objects: Iterable[Found]) -> Iterator[Numbered]:
        """The entries of objects in the file of `-l`."""
        for found in objects:
            both = _in_one(found.text) if found.is_whole else None
            if both is not None:
                yield self._entry(found.line, Direction.TO_SERVER, both[0])
                yield self._entry(found.line, Direction.TO_CLIENT, both[1])
            elif found.looks_like_message:
                yield self._gap(found.line, "A message")

    def _complete(self, *, is_last: bool) -> Iterator[Numbered]:
        """The entries of the turn, which is complete."""
        rest = self._objects.finish()
        turn, self._turn = self._turn, None
        if turn is None:
            yield from self._logged(rest)
            return
        turn.shown += _told_by(rest)
        self._note_events(turn)
        yield from self._request_and_reply(turn, self._request(turn), is_last=is_last or turn.is_closed)
        if turn.is_closed and self._is_shown:
            yield turn.line, entry(self._vm, end="eof")

    def _request(self, turn: _Turn) -> _Shown | None:
        """The request that was sent in a turn, as far as that can be told."""
        typed = turn.typed
        if typed is None:
            sent: set[bytes | None] = set()
        else:
            # every generation is told of every line: it may be one of several that make a transaction
            first, later = self._first.request(typed), {shell.request(typed) for shell in self._later}
            sent = {first} if any(one.is_python for one in turn.of(_Kind.REPLY)) else later
        if echoed := turn.of(_Kind.REQUEST):
            return echoed[0]
        requests = [text for text in sent if text is not None]
        if typed is None or len(requests) != 1 or _ELIDED.search(typed):
            return None
        return _Shown(turn.line, _Kind.REQUEST, requests[0])

    def _request_and_reply(self, turn: _Turn, request: _Shown | None, *, is_last: bool) -> Iterator[Numbered]:
        replies, unreadable = turn.of(_Kind.REPLY), turn.of(_Kind.UNREADABLE)
        if turn.is_refused and not replies and not unreadable:
            return
        if request is None:
            is_sent = bool(replies or unreadable) or turn.typed is None or _ELIDED.search(turn.typed) is not None
            if is_sent:
                yield self._gap(turn.line, "This command")
            return
        yield self._entry(request.line, Direction.TO_SERVER, request.text)
        if replies:
            yield self._entry(replies[0].line, Direction.TO_CLIENT, replies[0].text)
        if unreadable or len(replies) > 1 or not (replies or is_last):
            yield self._gap(turn.line, _UNREADABLE_REPLY)

    def _note_events(self, turn: _Turn) -> None:
        if turn.of(_Kind.EVENT):
            told = "The shell shows events some time after they came, so they are left out."
            self._remarks.note_once(turn.line, self._vm, "events", told)

    def _entry(self, number: int, direction: Direction, text: bytes) -> Numbered:
        self._is_shown = True
        return number, entry(self._vm, direction, text)

    def _gap(self, number: int, what: str) -> Numbered:
        self._is_shown = True
        return self._remarks.unreadable(number, self._vm, what)


def _as_typed(raw: bytes, typed: bytes) -> str | None:
    """What was typed at a prompt; None where the terminal shows that it was edited."""
    mark = _MARK.search(raw)
    if mark is None or _EDITED.search(raw[mark.end() :].rstrip(b"\r\n")):
        return None
    try:
        return typed.decode()
    except UnicodeDecodeError:
        return None


def _told_by(objects: Iterable[Found]) -> Iterator[_Shown]:
    """What objects are; nothing of those that are no message."""
    for found in objects:
        message = message_in(found.text) if found.is_whole else None
        python = message_in_python(found.text) if found.is_whole and message is None else None
        told = message or python
        if told is None or told.is_elided:
            if told is not None or found.looks_like_message:
                yield _Shown(found.line, _Kind.UNREADABLE)
        elif told.direction is Direction.TO_SERVER:
            yield _Shown(found.line, _Kind.REQUEST, told.text)
        else:
            kind = _Kind.REPLY if (members_of(told.text) or {}).keys() & _ANSWERS else _Kind.EVENT
            yield _Shown(found.line, kind, told.text, is_python=python is not None)


def _in_one(text: bytes) -> tuple[bytes, bytes] | None:
    """The request and the reply that one object is made of; None where it is no such object."""
    members = members_of(text) or {}
    if not (members.keys() & _ASKED - {"arguments"} and members.keys() & _ANSWERS):
        return None
    request = {name: value for name, value in members.items() if name in _ASKED}
    reply = {name: value for name, value in members.items() if name not in _ASKED}
    return msgspec.json.encode(request), msgspec.json.encode(reply)


def _recognises(lines: Sequence[bytes]) -> bool:
    objects = Objects()
    for number, raw in enumerate(lines, 1):
        line = plain(raw)
        if _BANNER.search(line) or _PROMPT.match(line):
            return True
        if any(_in_one(found.text) is not None for found in objects.feed(number, line)):
            return True
    return False


IMPORTER: Final = Importer(
    "qmp-shell",
    "a session of qmp-shell",
    _recognises,
    line_by_line(_Reading),
    unseen=frozenset({"events"}),
    lacks=(
        "what the greeting offers, and which release it is but for a sentence that the shell says",
        "the events, which are shown late or not at all",
        "what exactly was sent, where the shell was run without -v",
    ),
)
"""qmp-shell of any age."""
