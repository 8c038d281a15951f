"""Pairing the replies of one monitor with its requests.

In-band requests are answered in their order, those sent out of band whenever they are done, and each reply carries
the id of its request.  Input that is no request is answered too, by errors that take their turn among the replies:
which, `client_input` tells.  Where a profile is silent about that, as the written one is, a budget of errors stands for
them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from migspec.spec.requests import Request
from migspec.spec.schema import ABSENT
from migspec.spec.wire import shape
from migspec.spec.wire.numbers import same_id
from migspec.spec.wire.stream import Fault, is_about_json, may_refuse_json
from migspec.traces.client_input import ClientInput, Refused, refused_text, refused_value
from migspec.traces.messages import SERVER_MEMBERS, AnswerDecoders
from migspec.traces.numbers import Answers, Series
from migspec.traces.observations import Emitted, Replied, Sent

_BAD_INPUT = ("JSON ", "QMP input ")

_QUEUE_RULE = "envelope.oob.queue"

_NO_REQUEST = {oob: Request("", known=False, oob=oob) for oob in (False, True)}
"""What stands for input that is no request, which is answered in its turn or, out of band, at once."""

_NOT_OF_REQUESTS = frozenset(map(shape.unexpected, SERVER_MEMBERS))


class Pending(msgspec.Struct, gc=False):
    """A request without its reply yet; `id` is any JSON value, UNSET where there is none.

    `refused` tells how input is refused that is no request.
    """

    id: Any
    sent: Sent
    line: int
    refused: Refused | None = None

    @property
    def name(self) -> str:
        """What it is, for people."""
        return self.sent.request.sent_as if self.refused is None else "the bad input"

    @property
    def is_certain(self) -> bool:
        """Whether there must be a reply."""
        return self.refused is None or self.refused.certain


class Pairing(NamedTuple):
    """What a reply was paired with: its request, those before it whose replies are missing, and what is wrong.

    `asked` is None where the reply answers no request; `rule` is then empty if that is no fault. `held` is the rule
    about the order that the reply was held to, whether it keeps it or not, where only some replies are.
    """

    asked: Pending | None
    lost: tuple[Pending, ...] = ()
    rule: str = ""
    fault: str = ""
    held: str = ""


class Kind(Answers):
    """The answers to query-migrate on one monitor that say the same of the state, and what was observed with them.

    `decode` reads just these, `decode_line` a line with one of them, whose VM and monitor are to be compared with
    `monitor`. `judge` judges the message of such a line, unless it answers another request than the one that the answer
    was expected for; then it returns false.
    """

    __slots__ = ("decode", "decode_line", "judge", "monitor", "replied", "track")

    def __init__(
        self,
        track: Track,
        monitor: tuple[str, str],
        replied: Replied,
        made: AnswerDecoders,
        judge: Callable[[int, Kind, Any], bool],
    ) -> None:
        super().__init__(made.status, made.members)
        self.track = track
        self.monitor = monitor
        self.replied = replied
        self.decode = made.decode
        self.decode_line = made.decode_line
        self.judge = judge


class Track:
    """One monitor of a VM, as the trace shows it."""

    __slots__ = (
        "connected",
        "ended",
        "events",
        "exact",
        "garbled",
        "greeted",
        "index",
        "input",
        "kinds",
        "last_pass",
        "malformed",
        "matched",
        "offers",
        "oob",
        "pending",
        "plain",
        "poll",
        "series",
        "usual",
        "wild",
    )

    def __init__(self, index: int, series: Series, *, exact: bool = True) -> None:
        self.index = index
        self.series = series
        self.exact = exact
        """Whether the profile says how input is answered that is no request."""
        self.pending: deque[Pending] = deque()
        self.connected = True
        self.ended = 0
        """The line in which its last connection ended."""
        self.greeted = False
        self.matched = False
        self.last_pass: int | None = None
        """The number of the last pass; 0 where a migration has begun since, None where nothing was seen."""
        self.oob: bool | None = None
        """Whether out-of-band execution was negotiated; None if the trace does not tell."""
        self.offers: frozenset[str] | None = None
        """What the greeting has offered, where it was seen."""
        self.input: ClientInput | None = None
        """The client's bytes, while something of them is open that is no JSON."""
        self.garbled = 0
        """How many lines of the server were no JSON, each of which may have been a reply."""
        self.malformed: list[object] = []
        """The ids of messages that were no requests and are not answered yet."""
        self.wild = 0
        """How many errors without an id bad input may still cause."""
        self.plain: dict[object, Sent] = {}
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
        self.oob = False if greeted else None
        self.offers = None
        self.input = None
        self.garbled = 0
        self.pending.clear()
        self.malformed.clear()
        self.wild = 0

    def read(self, line: int, data: bytes, *, whole: bool) -> list[object]:
        """Take bytes of the client that are no JSON, or follow such bytes; return the requests among what they hold.

        Of those that are not `whole` the next ones are the continuation.
        """
        if not self.exact:
            # one bad input may be answered by several errors
            self.wild += max(2, len(data))
            return []
        reading = self.input or ClientInput()
        # whoever comes late may have come in the middle of something
        in_step = self.greeted or self.matched
        requests: list[object] = []
        for outcome, certain in reading.feed(data, whole=whole):
            if isinstance(outcome, Fault):
                self._refuse(line, UNSET, refused_text(outcome, certain=certain and in_step))
            elif not self.no_request(line, outcome.value, certain=certain and in_step):
                requests.append(outcome.value)
        self.input = None if reading.is_at_rest else reading
        if self.input is not None:
            # the way of a poller is for those whose every message is read by itself
            self.plain.clear()
        return requests

    def no_request(self, line: int, value: object, *, certain: bool = True) -> bool:
        """Whether JSON from the client is no request; how it will be answered is noted if so."""
        identity = shape.echoed(value)
        refused = refused_value(value, certain=certain)
        if refused is None:
            return False
        if self.exact:
            self._refuse(line, identity, refused, at_once=shape.jumps_the_queue(value))
        else:
            self.not_a_request(UNSET if identity is ABSENT else identity)
        return True

    def _refuse(self, line: int, identity: object, refused: Refused, *, at_once: bool = False) -> None:
        identity = UNSET if identity is ABSENT else identity
        self.pending.append(Pending(identity, Sent(self.index, _NO_REQUEST[at_once]), line, refused))

    def not_a_request(self, identity: object) -> None:
        """Note JSON that is no request: it is answered by one error, with its id if it has one."""
        if identity is not UNSET:
            self.malformed.append(identity)
        else:
            self.wild += 1

    def answers_bad_input(self, text: str, identity: object) -> bool:
        """Whether an error answers input that was no request; it then counts as answered.

        Any words will do, unless they could as well be those about a request with the same id, or with none.
        """
        if not text.startswith(_BAD_INPUT) and any(same_id(asked.id, identity) for asked in self.pending):
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

    def refused_unread(self, text: str, identity: object) -> Pending | None:
        """The request, taken out, that QEMU refused for something in it that is not looked for here.

        That is what other parsers let pass, and members in a request without arguments that only servers use.
        """
        oldest = self._oldest()
        if oldest is None:
            return None
        asked = self.pending[oldest]
        unread = identity is UNSET and may_refuse_json(text)
        strange = asked.refused is None and text in _NOT_OF_REQUESTS and same_id(asked.id, identity)
        if (asked.refused is not None and asked.refused.is_text) or not (unread or strange):
            return None
        del self.pending[oldest]
        return asked

    def pair(self, identity: object, text: str = "") -> Pairing:
        """Take out the request that a reply with this id belongs to; `text` is that of an error."""
        pending = self.pending
        if pending and not text and type(identity) is type(pending[0].id) and identity == pending[0].id:
            # nearly always it is the turn of the oldest one
            asked = pending[0]
            if asked.refused is None and not asked.sent.request.oob and not isinstance(identity, float | list | dict):
                pending.popleft()
                return Pairing(asked)
        self._skip_doubtful(identity, text)
        oldest = self._oldest()
        meant = self._meant(text, identity)
        if meant is not None and meant != oldest:
            return self._pair_out_of_order(meant)
        for position, asked in enumerate(pending):
            if same_id(asked.id, identity) and (asked.sent.request.oob or position == oldest):
                return self._pair_in_turn(position, oldest)
        later = next((p for p, asked in enumerate(pending) if same_id(asked.id, identity)), None)
        if later is not None:
            return self._pair_out_of_order(later)
        if not self.greeted and not self.matched:
            return Pairing(None)  # it answers a request from before the trace
        return self._pair_with_another(identity, text, oldest)

    def _pair_with_another(self, identity: object, text: str, oldest: int | None) -> Pairing:
        """Take out the request that a reply seems to belong to although no request has its id."""
        about_json = self.exact and identity is UNSET and is_about_json(text)
        surplus = "envelope.json" if about_json else "envelope.reply.unrequested"
        asked = None if oldest is None else self.pending[oldest]
        if oldest is None or asked is None:
            return Pairing(None, rule=surplus, fault="This reply answers no request.")
        if about_json and asked.refused is None:
            fault = f"All input is JSON; the oldest open request is {asked.name} in line {asked.line}."
            return Pairing(None, rule=surplus, fault=fault)
        meant = asked.refused is not None and text in asked.refused.on(oob=self.oob)
        if identity is not UNSET and len(self.pending) > 1 and not meant:
            fault = (
                f"This reply has the id {_shown(identity)}, which no open request has; "
                f"the oldest one, {asked.name} in line {asked.line}, has {_shown(asked.id)}."
            )
            return Pairing(None, rule="envelope.reply.unrequested", fault=fault)
        del self.pending[oldest]
        fault = (
            f"The reply to {asked.name} has {'the id ' * (identity is not UNSET)}{_shown(identity)} "
            f"instead of {_shown(asked.id)}."
        )
        rule = "envelope.json.id" if asked.refused is not None and asked.refused.is_text else "envelope.id"
        return Pairing(asked, rule=rule, fault=fault)

    def _pair_in_turn(self, position: int, oldest: int | None) -> Pairing:
        """Take out a request whose turn it is, or that is out of band and may overtake some others."""
        asked = self.pending[position]
        if not asked.sent.request.oob or not self.exact or oldest is None or oldest > position:
            del self.pending[position]
            return Pairing(asked)
        before = list(self.pending)[:position]
        del self.pending[position]
        waiting = sum(not other.sent.request.oob and other.is_certain for other in before) - self.garbled
        if self.oob is False and waiting > 0:
            fault = f"The reply to {asked.name} overtakes others on a monitor without out-of-band execution."
            return Pairing(asked, rule="envelope.reply.order", fault=fault)
        held = _QUEUE_RULE if self.oob and waiting > 0 else ""
        if held and waiting > shape.QUEUE:
            fault = f"The reply to {asked.name} overtakes {waiting} requests, which is more than the server reads."
            return Pairing(asked, rule=held, fault=fault, held=held)
        return Pairing(asked, held=held)

    def _pair_out_of_order(self, position: int) -> Pairing:
        asked = self.pending[position]
        before = list(self.pending)[:position]
        lost = tuple(pending for pending in before if not pending.sent.request.oob and pending.is_certain)
        if not lost:
            del self.pending[position]
            return Pairing(asked)
        for pending in (*lost, asked):
            self.pending.remove(pending)
        if self.garbled >= len(lost):
            self.garbled -= len(lost)
            return Pairing(asked, lost)
        first = next((pending for pending in lost if pending.refused is None), lost[0])
        rule = "envelope.reply.order" if first.refused is None else first.refused.rule
        fault = f"The reply to {first.name} (line {first.line}) is missing: a later request is answered."
        return Pairing(asked, lost, rule, fault)

    def _meant(self, text: str, identity: object) -> int | None:
        """The place of the oldest bad input that these words are about, where they have no id that tells."""
        if identity is not UNSET or not text:
            return None
        for position, asked in enumerate(self.pending):
            if asked.id is UNSET and not asked.sent.request.oob:
                if asked.refused is None:
                    return None
                if text in asked.refused.on(oob=self.oob):
                    return position
        return None

    def _skip_doubtful(self, identity: object, text: str) -> None:
        """Drop what need not be answered and is not, now that something after it is."""
        while (oldest := self._oldest()) is not None and not self.pending[oldest].is_certain:
            asked = self.pending[oldest]
            out_of_band = any(p.sent.request.oob and same_id(p.id, identity) for p in self.pending)
            answered = asked.refused is not None and text in asked.refused.on(oob=self.oob)
            if out_of_band:
                return
            if answered and same_id(asked.id, identity):
                self._doubt_likeness(oldest, text)
                return
            del self.pending[oldest]

    def _doubt_likeness(self, position: int, text: str) -> None:
        """The words that answer doubtful input may be meant for the next that is certain: then that one is answered."""
        later = list(self.pending)[position + 1 :]
        following = next((p for p in later if p.is_certain and not p.sent.request.oob), None)
        if following is not None and following.refused is not None and text in following.refused.on(oob=self.oob):
            following.refused = following.refused._replace(certain=False)

    def _oldest(self) -> int | None:
        """The place of the oldest request that is answered in order."""
        return next((i for i, asked in enumerate(self.pending) if not asked.sent.request.oob), None)


def _shown(identity: object) -> str:
    return "no id" if identity is UNSET else msgspec.json.encode(identity).decode()
