"""Pairing the replies of one monitor with its requests.

In-band requests are answered in their order, those sent out of band whenever they are done, and each reply carries
the id of its request.  Input that is no request is answered too, by errors of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from migspec.traces.messages import AnswerDecoders
from migspec.traces.numbers import Answers, Series
from migspec.traces.observations import Emitted, Replied, Sent

_BAD_INPUT = ("JSON ", "QMP input ")
_DUPLICATE_KEY = "JSON parse error, duplicate key"
_FLOAT_PRECISION = 5e-7
"""QEMU 5.2 prints the floats of an id with six decimals."""


class Pending(msgspec.Struct, gc=False):
    """A request without its reply yet; `id` is any JSON value, UNSET where there is none."""

    id: Any
    sent: Sent
    line: int


class Pairing(NamedTuple):
    """What a reply was paired with: its request, those before it whose replies are missing, and what is wrong.

    `asked` is None where the reply answers no request; `rule` is then empty if that is no fault.
    """

    asked: Pending | None
    lost: tuple[Pending, ...] = ()
    rule: str = ""
    fault: str = ""


class Kind(Answers):
    """The answers to query-migrate on one monitor that say the same of the state, and what was observed with them.

    `decode` reads just these, `decode_line` a line with one of them, and `judge` judges the message of such a line,
    unless it answers another request than the one that the answer was expected for; then it returns false.
    """

    __slots__ = ("decode", "decode_line", "judge", "replied", "track")

    def __init__(
        self, track: Track, replied: Replied, made: AnswerDecoders, judge: Callable[[int, Kind, Any], bool]
    ) -> None:
        super().__init__(made.status, made.members)
        self.track = track
        self.replied = replied
        self.decode = made.decode
        self.decode_line = made.decode_line
        self.judge = judge


class Track:
    """One monitor of a VM, as the trace shows it."""

    __slots__ = (
        "connected",
        "events",
        "greeted",
        "index",
        "kinds",
        "last_pass",
        "malformed",
        "matched",
        "pending",
        "plain",
        "poll",
        "series",
        "usual",
        "wild",
    )

    def __init__(self, index: int, series: Series) -> None:
        self.index = index
        self.series = series
        self.pending: deque[Pending] = deque()
        self.connected = True
        self.greeted = False
        self.matched = False
        self.last_pass: int | None = None
        self.malformed: list[object] = []
        """The ids of messages that were no requests and are not answered yet."""
        self.wild = 0
        """How many errors without an id bad input may still cause."""
        self.plain: dict[str | None, Sent] = {}
        """The requests without arguments met so far, by command."""
        self.events: dict[str, Emitted] = {}
        """The events met so far."""
        self.poll: Sent | None = None
        """The one for query-migrate."""
        self.kinds: dict[Hashable, Kind] = {}
        """The kinds of answers to query-migrate met so far."""
        self.usual: Kind | None = None
        """The kind of the last one."""

    def begin(self, *, greeted: bool) -> None:
        """Begin a connection, or begin anew after a gap."""
        self.connected = True
        self.greeted = greeted
        self.matched = False
        self.usual = None
        self.last_pass = None
        self.pending.clear()
        self.malformed.clear()
        self.wild = 0

    def not_a_request(self, identity: object) -> None:
        """Note JSON that is no request: it is answered by one error, with its id if it has one."""
        if identity is not UNSET:
            self.malformed.append(identity)
        else:
            self.wild += 1

    def answers_bad_input(self, text: str, identity: object) -> bool:
        """Whether an error answers input that was no request; it then counts as answered."""
        if not text.startswith(_BAD_INPUT):
            return False
        oldest = self._oldest()
        if oldest is not None and text in self.pending[oldest].sent.request.argument_errors:
            return False
        if identity is not UNSET:
            asked = next((i for i, known in enumerate(self.malformed) if same_id(known, identity)), None)
            if asked is not None:
                del self.malformed[asked]
            return asked is not None
        answered = self.wild > 0
        self.wild -= answered
        return answered

    def refused_by_parser(self, text: str, identity: object) -> Pending | None:
        """The oldest request, taken out, if this error says that it was no JSON by QEMU's stricter rules."""
        oldest = self._oldest()
        if identity is not UNSET or text != _DUPLICATE_KEY or oldest is None:
            return None
        refused = self.pending[oldest]
        del self.pending[oldest]
        return refused

    def pair(self, identity: object) -> Pairing:
        """Take out the request that a reply with this id belongs to."""
        pending = self.pending
        oldest = self._oldest()
        for position, asked in enumerate(pending):
            if same_id(asked.id, identity) and (asked.sent.request.oob or position == oldest):
                del pending[position]
                return Pairing(asked)
        later = next((p for p, asked in enumerate(pending) if same_id(asked.id, identity)), None)
        if later is not None:
            return self._pair_out_of_order(later)
        if not self.greeted and not self.matched:
            return Pairing(None)  # it answers a request from before the trace
        if oldest is None:
            return Pairing(None, rule="envelope.reply.unrequested", fault="This reply answers no request.")
        asked = pending[oldest]
        if identity is not UNSET and len(pending) > 1:
            fault = (
                f"This reply has the id {_shown(identity)}, which no open request has; "
                f"the oldest one, {asked.sent.request.sent_as} in line {asked.line}, has {_shown(asked.id)}."
            )
            return Pairing(None, rule="envelope.reply.unrequested", fault=fault)
        del pending[oldest]
        fault = (
            f"The reply to {asked.sent.request.sent_as} has {'the id ' * (identity is not UNSET)}{_shown(identity)} "
            f"instead of {_shown(asked.id)}."
        )
        return Pairing(asked, rule="envelope.id", fault=fault)

    def _pair_out_of_order(self, position: int) -> Pairing:
        asked = self.pending[position]
        before = list(self.pending)[:position]
        lost = tuple(pending for pending in before if not pending.sent.request.oob)
        if not lost:
            del self.pending[position]
            return Pairing(asked)
        for pending in (*lost, asked):
            self.pending.remove(pending)
        first = lost[0]
        fault = (
            f"The reply to {first.sent.request.sent_as} (line {first.line}) is missing: a later request is answered."
        )
        return Pairing(asked, lost, "envelope.reply.order", fault)

    def _oldest(self) -> int | None:
        """The place of the oldest request that is answered in order."""
        return next((i for i, asked in enumerate(self.pending) if not asked.sent.request.oob), None)


def same_id(asked: object, given: object) -> bool:
    """Whether two ids are the same value, as QEMU prints it; an absent one is equal to none but an absent one."""
    return asked is given or _equal(asked, given)


def _equal(a: object, b: object) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b) <= _FLOAT_PRECISION
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return a == b


def _shown(identity: object) -> str:
    return "no id" if identity is UNSET else msgspec.json.encode(identity).decode()
