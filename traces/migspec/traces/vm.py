"""Judging one VM: replies meet their requests, and everything meets the schema and the automaton."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import msgspec
from msgspec import UNSET

from migspec.spec.numbers.disturbances import DISTURBING_EVENTS, DISTURBING_STATUSES, Influence, influence_of
from migspec.spec.requests import LISTENERS, Request, understand
from migspec.spec.rows import SEED
from migspec.spec.rules import ANSWERED_BY, RULES
from migspec.spec.schema import ABSENT
from migspec.spec.schema.validate import Mismatch
from migspec.spec.state import VARIABLES
from migspec.spec.steps import NEGOTIATING, Monitor
from migspec.spec.wire import shape
from migspec.traces.beside import Beside
from migspec.traces.client_input import raw_bytes
from migspec.traces.cursor import Cursor
from migspec.traces.explain import Explainer
from migspec.traces.findings import Finding, Grade
from migspec.traces.following import Following
from migspec.traces.format import RAW_PIECE, Unseen
from migspec.traces.gaps import Shadow
from migspec.traces.greetings import judge_class, judge_greeting, judge_negotiation
from migspec.traces.hypotheses import ONE_UNSEEN
from migspec.traces.journeys import BEGINNERS, Journeys
from migspec.traces.messages import Line, LooseLine, Message, decode_any, is_request, spelled
from migspec.traces.needed import held_of_event
from migspec.traces.observations import Emitted, Ended, Greeted, Replied, Reply, Sent
from migspec.traces.pairing import Kind, Pending, Track
from migspec.traces.reading import Reader, carried_out, envelope_faults, is_mixed, salvaged, uri_of
from migspec.traces.recovery import forget
from migspec.traces.settings import Span

_MIXED = "The message is malformed: a server message is a greeting, a reply, an error or an event, and no two of them."


class VmJudge(Following):
    """The judge of one VM; `journeys` receives what the properties of pairs need."""

    def __init__(
        self,
        name: str,
        cursor: Cursor,
        reader: Reader,
        explainer: Explainer,
        report: Callable[[Finding], None],
        journeys: Journeys,
        *,
        other_clients: bool = False,
        unseen: frozenset[Unseen] = frozenset(),
    ) -> None:
        others_act = other_clients or "requests" in unseen
        super().__init__(name, cursor, explainer, report, other_clients=others_act)
        self.reader = reader
        self._journeys = journeys
        self._tracks: dict[str, Track] = {}
        profile = cursor.automaton.relation.profile
        self._beside = Beside(
            profile, self._tracks, self._find, self._exercise, other_clients=others_act or bool(unseen)
        )
        self._shows_requests = "requests" not in unseen
        self._shows_replies = "replies" not in unseen
        self._shows_events = "events" not in unseen
        self._leader: int | None = None
        self._watched = False
        self._exact = profile != SEED
        self._ended_by_server = False

    # ---- lines ----

    def line(self, number: int, line: Line) -> Kind | None:
        """Judge a line with a message; the kind of answer that is likely to be the next line, if any is.

        The first ways through it are those of a poller, which nearly all of a long trace takes.
        """
        message = line.msg
        track = self._tracks.get(line.mon)
        if track is None:
            track = self._new_track(number, line.mon, _as_found(message))
        if line.dir == "->":
            # nothing in it but a command and an id
            sent = track.plain.get(message.execute)
            if sent is None or message.arguments or message.exec_oob is not UNSET:
                self._request(number, track, message)
            else:
                if self._shows_replies:
                    track.pending.append(Pending(message.id, sent, number))
                if self._unexplained or self._shadow or not self._cursor.repeats(sent):
                    self._find_way(number, sent)
                if sent is track.poll:
                    return track.usual
        elif message.returned:
            pending = track.pending
            if message.error is not None or message.event is not None or message.timestamp is not None:
                self._mixed(number, track, message)
            elif pending and pending[0].sent is track.poll and pending[0].id == message.id:
                self._read_poll(number, line, track)
            elif is_mixed(message):
                self._mixed(number, track, message)
            else:
                self._reply(number, track, message)
        elif is_mixed(message):
            self._mixed(number, track, message)
        elif message.event is not None:
            self._event(number, track, message)
        elif message.error is not None:
            self._reply(number, track, message)
        elif message.greeting:
            self._greeting(number, track, message)
        else:
            self.misfit(number, line.mon, line.dir, {})
        return None

    def expected(self, number: int, kind: Kind, message: Any) -> bool:
        """Judge the answer that was expected after a request; false, without judging it, if it answers another one.

        This is most of what a long trace consists of.
        """
        track = kind.track
        pending = track.pending
        asked = pending[0]
        if asked.id != message.id or asked.sent is not track.poll:
            return False
        pending.popleft()
        info = message.returned
        check, series = kind.check, track.series
        if check is not None and check.holds(info, series.before, series):
            check.count += 1
            check.line = check.line or number
            series.before = info
        else:
            self._beside.numbers.judge(number, series, kind, info, asked.line)
        if self._unexplained or self._shadow or not self._cursor.repeats(kind.replied):
            self._find_way(number, kind.replied)
        return True

    def misfit(self, number: int, monitor: str, direction: str | None, value: object) -> None:
        """Judge a message that does not have the form of one; `value` is the decoded JSON."""
        track = self._tracks.get(monitor) or self._new_track(number, monitor, Monitor(late=ONE_UNSEEN))
        if direction == "->":
            if track.input is not None:
                self._bytes(number, track, msgspec.json.encode(value))
            else:
                self._value(number, track, value)
            return
        for fault in envelope_faults(value):
            self._find(number, "envelope.message", Grade.VIOLATION, f"The message is malformed: {fault}.")
        kept = salvaged(value)
        if kept is not None:
            self.line(number, Line(self.name, "<-", kept, mon=monitor))

    def statuses(self) -> frozenset[tuple[str, str]]:
        """The pairs of outgoing and incoming status that the VM may have now."""
        outgoing, incoming = VARIABLES["outgoing"], VARIABLES["incoming"]
        return frozenset(
            pair
            for reached in self.automaton.closure(self._cursor.node)
            for pair in product(outgoing.of(reached.hypothesis.state), incoming.of(reached.hypothesis.state))
        )

    def finish(self) -> None:
        """Report what is still open and count what was exercised."""
        self._close_explanations()
        self.exercised.update(self._cursor.exercised())
        counts, examples = self._beside.exercised()
        self.exercised.update(counts)
        for rule, number in examples.items():
            self.examples.setdefault(rule, number)

    def no_message(self, number: int, line: LooseLine) -> None:
        """Judge a line that shows no message: a gap, the end of a connection, or bytes that are no JSON."""
        track = self._tracks.get(line.mon) or self._new_track(number, line.mon, Monitor(late=ONE_UNSEEN))
        if line.gap is not None:
            # nothing that was known is known any more
            self._close_explanations()
            self.exercised.update(self._cursor.exercised())
            self._beside.gap(number)
            self._shadow = Shadow(number, self._cursor, self._tracks.values())
            self._cursor = self._cursor.after_gap()
            self._journeys.unwatched(self.name)
            for other in self._tracks.values():
                other.begin(greeted=False)
        elif line.end is not None:
            self._beside.ended(number)
            self._move(number, Ended(track.index, line.by == "client", line.exit))
            track.pending.clear()
            track.connected = False
            track.ended = number
            if line.by == "client":
                self._journeys.unwatched(self.name)
            self._ended_by_server |= line.by != "client"
        elif line.raw is not None and line.dir == "->":
            self._bytes(number, track, raw_bytes(line.raw), whole=len(line.raw) < RAW_PIECE)
        elif line.raw is not None:
            track.garbled += 1

    # ---- what a message may be ----

    def _mixed(self, number: int, track: Track, message: Message) -> None:
        """Judge a message that is of two kinds at once: a reply, where it may be one."""
        self._find(number, "envelope.message", Grade.VIOLATION, _MIXED)
        if message.event is None:
            self._reply(number, track, message)

    def _greeting(self, number: int, track: Track, message: Message) -> None:
        restarted = self._ended_by_server and not any(t.connected for t in self._tracks.values())
        if restarted:
            # another process may answer at the same address
            self._cursor.allow_another_process()
            self._journeys.restarted(self.name)
        self._beside.greeted(
            number, restarted=restarted, unwatched_since=track.ended if self._watched and not restarted else None
        )
        track.begin(greeted=True)
        self._ended_by_server = False
        track.offers, faults = judge_greeting(bytes(message.greeting), self.reader.schema, exact=self._exact)
        self._exercise(number, "envelope.greeting.members")
        for fault in faults:
            self._find(number, "envelope.greeting.members", Grade.VIOLATION, fault)
        self._move(number, Greeted(track.index, again=self._watched))
        self._watched = True

    def _request(self, number: int, track: Track, message: Message) -> None:
        if track.input is not None:
            self._bytes(number, track, spelled(message))
            return
        command = message.execute if message.exec_oob is UNSET else message.exec_oob
        arguments = bytes(message.arguments)
        if command is UNSET or not is_request(message, exact=self._exact):
            track.no_request(number, decode_any(spelled(message)))
            return
        request = self.reader.request(command, arguments, oob=message.exec_oob is not UNSET)
        sent = Sent(track.index, request)
        if not arguments and not request.oob and influence_of(request) is Influence.NONE:
            track.plain[command] = sent
            if command == "query-migrate":
                track.poll = sent
        self._asked(number, track, sent, message.id, arguments)

    def _asked(self, number: int, track: Track, sent: Sent, identity: object, arguments: bytes) -> None:
        if sent.request.command in BEGINNERS:
            known = self._cursor.node.hypotheses
            self._journeys.asked(self.name, number, sent.request, uri_of(arguments), known)
        self._beside.asked(number, track.index, sent.request, arguments)
        if arguments and not sent.request.argument_errors:
            self._exercise_types(number, self.reader.types_of_request(sent.request.sent_as, arguments))
        if self._shows_replies:
            track.pending.append(Pending(identity, sent, number))
        self._move(number, sent)

    def _bytes(self, number: int, track: Track, data: bytes, *, whole: bool = True) -> None:
        """Read bytes of a client that are no JSON, or that follow such bytes."""
        for value in track.read(number, data, whole=whole):
            self._value(number, track, value)

    def _value(self, number: int, track: Track, value: object) -> None:
        """Judge what a client sent as QEMU reads it: a request, or a value that is none."""
        if track.no_request(number, value) or not isinstance(value, dict):
            return
        oob = shape.jumps_the_queue(value)
        arguments = value.get("arguments", ABSENT)
        request = understand(value[shape.EXEC_OOB if oob else shape.EXECUTE], arguments, self.reader.schema, oob=oob)
        text = b"" if arguments is ABSENT else msgspec.json.encode(arguments)
        self._asked(number, track, Sent(track.index, request), value.get("id", UNSET), text)

    def _event(self, number: int, track: Track, message: Message) -> None:
        name = message.event or ""
        event, faults = self.reader.event(name, bytes(message.data))
        self._misfits(number, name, f"Event {name}", faults)
        if message.timestamp is None:
            self._find(number, "envelope.timestamp", Grade.VIOLATION, f"Event {name} has no timestamp.")
        if event is None:
            for rule in filter(self._judges_by, held_of_event(name)):
                self._exercise(number, rule)
            return
        if event == "MIGRATION:setup" and not self._is_told_to_listen:
            track.last_pass = 0
        is_first = name == "MIGRATION_PASS" and not faults and track.last_pass == 0
        if name == "MIGRATION_PASS" and not faults:
            self._count_pass(number, track, message)
        elif name in DISTURBING_EVENTS or event.removeprefix("MIGRATION:") in DISTURBING_STATUSES:
            self._beside.numbers.disturbed(number)
        if self._leader is None:
            self._leader = track.index
        if not self._shows_events:
            self._journeys.unwatched(self.name)
        if self._leader == track.index:
            # the other monitors show the same events once more
            self._journeys.emitted(self.name, number, event)
        emitted = track.events.get(event)
        if emitted is None:
            emitted = track.events[event] = Emitted(track.index, event)
        rejected = len(self._unexplained)
        self._move(number, emitted)
        if self._shows_events and is_first and track.last_pass != 1 and len(self._unexplained) <= rejected:
            told = f"Pass {track.last_pass} is the first of this migration; passes count up from one."
            self._find(number, "migration-pass.count", Grade.VIOLATION, told)

    @property
    def _is_told_to_listen(self) -> bool:
        """Whether a request is open that announces a set-up without a migration of its own."""
        return any(asked.sent.request.command in LISTENERS for t in self._tracks.values() for asked in t.pending)

    def _count_pass(self, number: int, track: Track, message: Message) -> None:
        """Passes count up by one; where a first one is due is the automaton's business."""
        passed: int = msgspec.json.decode(message.data)["pass"]
        track.series.passed(passed, number, asking=bool(track.pending))
        last, track.last_pass = track.last_pass, passed
        if last and passed != 1 and self._shows_events:
            self._exercise(number, "migration-pass.count")
            if passed != last + 1:
                told = f"Pass {passed} follows pass {last}; passes count up by one."
                self._find(number, "migration-pass.count", Grade.VIOLATION, told)

    def _read_poll(self, number: int, line: Line, track: Track) -> None:
        """Judge an answer to query-migrate of any kind, or after something else than its request."""
        message = line.msg
        kind = track.usual = self._kind_of(line, track)
        info: Any = None
        if kind is not None:
            try:
                info = kind.decode(message.returned)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                kind = track.usual = None
        if kind is None:
            self._reply(number, track, message)
            return
        asked = track.pending.popleft()
        track.matched = True
        self._beside.numbers.judge(number, track.series, kind, info, asked.line)
        self._move(number, kind.replied)

    def _kind_of(self, line: Line, track: Track) -> Kind | None:
        """The kind of an answer to query-migrate; None if there is something wrong with it, or may be."""
        message = line.msg
        try:
            key = self.reader.migrate_answer(message.returned)
            kind = track.kinds.get(key)
            if kind is None:
                reply, _ = self.reader.reply("query-migrate", message)
                replied = Replied(track.index, "query-migrate", reply or Reply())
                alike = self.reader.alike(message.returned)
                kind = track.kinds[key] = Kind(track, (line.vm, line.mon), replied, alike, self.expected)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return kind

    def _reply(self, number: int, track: Track, message: Message) -> None:
        if not self._shows_requests and not track.pending:
            return  # what it answers was not seen
        asked = self._paired(number, track, message)
        if asked is None:
            return
        if asked.refused is not None:
            track.matched |= not asked.sent.request.oob
            self._exercise(number, asked.refused.rule)
            if asked.refused.is_text:
                self._exercise(number, "envelope.json.id")
            fault = asked.refused.wrong(message.error, oob=track.oob)
            if fault:
                told = f"The input in line {asked.line} is answered by {fault}."
                self._find(number, asked.refused.rule, Grade.VIOLATION, told)
            return
        # one out of band may overtake the reply to a request from before the trace
        track.matched |= not asked.sent.request.oob
        self._beside.answered(number, asked.sent.request, success=message.error is None)
        if asked.sent.request.command in BEGINNERS:
            self._journeys.answered(self.name, asked.line, success=carried_out(asked.sent.request, message))
        self._answered(number, track, message, asked)

    def _answered(self, number: int, track: Track, message: Message, asked: Pending) -> None:
        request = asked.sent.request
        command = request.sent_as
        reply, faults = self.reader.reply(command, message)
        self._misfits(number, command, f"Reply to {command}", faults)
        oob = 0 if request.oob else None
        if command == "qmp_capabilities":
            self._negotiated(number, track, message, request)
        if reply is None:
            self._recover(Replied(track.index, command, Reply(), oob))
            return
        if not faults:
            if command in ANSWERED_BY and not reply.is_error:
                self._contradictions(number, command, message)
            self._beside.replied(Span(track.index, asked.line, number), request, message, reply)
        rejected = len(self._unexplained)
        self._move(number, Replied(track.index, command, reply, oob))
        if self._exact and reply.error_class is not None and len(self._unexplained) <= rejected:
            self._exercise(number, "envelope.error-class")
            told = judge_class(reply.error_class)
            if told:
                self._find(number, "envelope.error-class", Grade.VIOLATION, told)

    def _misfits(self, number: int, entity: str, what: str, faults: Iterable[Mismatch]) -> None:
        """Report what the schema finds wrong."""
        for grade, told in map(self.reader.misfit, faults):
            self._find(number, f"schema.{entity}", grade, f"{what}: {told}.")

    def _negotiated(self, number: int, track: Track, message: Message, request: Request) -> None:
        """What a monitor has become, and whether that is what its greeting has offered."""
        error = message.error
        if error is None:
            track.oob = request.enables_oob
        if self._exact and track.offers is not None and request.enables_oob:
            self._exercise(number, "envelope.negotiation.offered")
            fault = judge_negotiation(track.offers, None if error is None else error.desc)
            if fault:
                self._find(number, "envelope.negotiation.offered", Grade.VIOLATION, fault)

    def _contradictions(self, number: int, command: str, message: Message) -> None:
        """Find what an answer contradicts in itself."""
        for rule, told in self.reader.contradictions(command, bytes(message.returned)):
            if self._judges_by(rule):
                self._find(number, rule, Grade.VIOLATION, f"The reply to {command} is wrong: {told}.")

    def _judges_by(self, rule: str) -> bool:
        return self.automaton.relation.profile in RULES[rule].profiles

    def _paired(self, number: int, track: Track, message: Message) -> Pending | None:
        """The request that a reply belongs to; None if it belongs to none."""
        identity, text = message.id, ""
        if message.error is not None:
            text = message.error.desc
            refused = track.refused_unread(text, identity)
            if refused is not None:
                if refused.refused is None:
                    sent = refused.sent
                    self._beside.answered(number, sent.request, success=False)
                    self._cursor.change(lambda node: forget(self.automaton, node, sent))
                return None
            if not self._exact and track.answers_bad_input(text, identity):
                return None
        pairing = track.pair(identity, text)
        if pairing.held:
            self._exercise(number, pairing.held)
        if pairing.rule:
            self._find(number, pairing.rule, Grade.VIOLATION, pairing.fault)
        for lost in (lost for lost in pairing.lost if lost.refused is None):
            self._beside.answered(number, lost.sent.request, success=False)
            self._recover(Replied(track.index, lost.sent.request.sent_as, Reply()))
        if pairing.asked is None and not pairing.rule:
            self._foreign(number, track, message)
        return pairing.asked

    def _foreign(self, number: int, track: Track, message: Message) -> None:
        """Judge a reply to a request from before the trace, or from before a gap."""
        self._beside.numbers.forget(number)
        shadow, self._shadow = self._shadow, None
        self._cursor.begin_once_more(track.index)
        if shadow is None:
            return
        asked = shadow.asked(track, message.id)
        if asked is not None and asked.refused is not None:
            self._shadow = shadow
            return
        reply = self.reader.reply(asked.sent.request.sent_as, message)[0] if asked else None
        if asked is None or reply is None:
            self._doubt_gap(number, shadow)
            return
        oob = 0 if asked.sent.request.oob else None
        self._shadow = shadow
        self._look_behind_gap(number, Replied(track.index, asked.sent.request.sent_as, reply, oob))

    def _new_track(self, number: int, monitor: str, found: Monitor) -> Track:
        # what was open is explained without the new monitor, which it knows nothing of
        self._close_explanations()
        self._shadow = None
        index = self._cursor.add_monitor(found)
        series = self._beside.monitor(number, index, late=bool(found.late))
        track = self._tracks[monitor] = Track(index, series, exact=self._exact)
        return track

    def _exercise_types(self, number: int, types: Iterable[str]) -> None:
        """Count the rules of the entities and types that were seen in an event or a request."""
        for name in types:
            rule = _RULE_OF_TYPE.get(name)
            if rule is not None:
                self._exercise(number, rule)


_RULE_OF_TYPE: Mapping[str, str] = {rule.removeprefix("schema."): rule for rule in RULES if rule.startswith("schema.")}
"""The rules of the schema, by the entity that each is about."""


def _as_found(message: Message) -> Monitor:
    """What a monitor is when a trace shows it for the first time, with this message."""
    if message.greeting:
        return Monitor(connected=False)
    # the log of a client may lack the greeting, and begin with the answer to it
    negotiating = "qmp_capabilities" in (message.execute, message.exec_oob)
    return Monitor(session=NEGOTIATING) if negotiating else Monitor(late=ONE_UNSEEN)
