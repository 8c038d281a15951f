"""Judging one VM: replies meet their requests, and everything meets the schema and the automaton."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import msgspec
from msgspec import UNSET

from migspec.spec.commands.queries import contradictions
from migspec.spec.numbers.disturbances import DISTURBING_EVENTS, DISTURBING_STATUSES, Influence, influence_of
from migspec.spec.rules import RULES
from migspec.spec.state import VARIABLES
from migspec.traces.automaton import Automaton
from migspec.traces.cursor import Cursor
from migspec.traces.explain import Explainer, Explanation
from migspec.traces.findings import Finding, Grade
from migspec.traces.gaps import Shadow
from migspec.traces.hypotheses import NEGOTIATING, ONE_UNSEEN, Monitor
from migspec.traces.journeys import BEGINNERS, Journeys
from migspec.traces.messages import Line, LooseLine, Message, decode_any
from migspec.traces.numbers import Numbers
from migspec.traces.observations import Emitted, Ended, Greeted, Observation, Replied, Reply, Sent
from migspec.traces.pairing import Kind, Pending, Track
from migspec.traces.reading import Reader, envelope_faults, is_mixed, salvaged, uri_of
from migspec.traces.recovery import another_client, forget, recover

_MIXED = "The message is malformed: a server message is a greeting, a reply, an error or an event, and no two of them."


class VmJudge:
    """The judge of one VM.

    `report` receives findings as they are made, `journeys` what the properties of pairs need; `exercised` counts the
    rules that messages needed.
    """

    def __init__(
        self,
        name: str,
        automaton: Automaton,
        reader: Reader,
        explainer: Explainer,
        report: Callable[[Finding], None],
        journeys: Journeys,
        *,
        late: bool = False,
        other_clients: bool = False,
    ) -> None:
        self.name = name
        self.automaton = automaton
        self.reader = reader
        self.explainer = explainer
        self.exercised: Counter[str] = Counter()
        self._report = report
        self._journeys = journeys
        self._cursor = Cursor(automaton, late=late)
        self._tracks: dict[str, Track] = {}
        self._unexplained: list[Explanation] = []
        self._other_clients = other_clients
        self._shadow: Shadow | None = None
        self._leader: int | None = None
        self._watched = False
        self._ended_by_server = False
        self._numbers = Numbers(automaton.relation.profile, self._wrong_number, other_clients=other_clients)

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
            if sent is None or message.arguments or message.exec_oob is not None:
                self._request(number, track, message)
            else:
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
            self._greeting(number, track)
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
            series.before = info
        else:
            self._numbers.judge(number, series, kind, info, asked.line)
        if self._unexplained or self._shadow or not self._cursor.repeats(kind.replied):
            self._find_way(number, kind.replied)
        return True

    def misfit(self, number: int, monitor: str, direction: str | None, value: object) -> None:
        """Judge a message that does not have the form of one; `value` is the decoded JSON."""
        track = self._tracks.get(monitor) or self._new_track(number, monitor, Monitor(late=ONE_UNSEEN))
        if direction == "->":
            track.not_a_request(value.get("id", UNSET) if isinstance(value, dict) else UNSET)
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
        self.exercised.update(self._numbers.exercised())

    def no_message(self, number: int, line: LooseLine) -> None:
        """Judge a line that shows no message: a gap, the end of a connection, or bytes that are no JSON."""
        track = self._tracks.get(line.mon) or self._new_track(number, line.mon, Monitor(late=ONE_UNSEEN))
        if line.gap is not None or line.end is not None:
            self._numbers.forget(number)
        if line.gap is not None:
            # nothing that was known is known any more
            self._close_explanations()
            self.exercised.update(self._cursor.exercised())
            self._shadow = Shadow(number, self._cursor, self._tracks.values())
            self._cursor = self._cursor.after_gap()
            self._journeys.unwatched(self.name)
            for other in self._tracks.values():
                other.begin(greeted=False)
        elif line.end is not None:
            self._move(number, Ended(track.index, line.by == "client", line.exit))
            track.pending.clear()
            track.connected = False
            if line.by == "client":
                self._journeys.unwatched(self.name)
            self._ended_by_server |= line.by != "client"
        elif line.raw is not None and line.dir == "->":
            # one bad input may be answered by several errors
            track.wild += max(2, len(line.raw))

    # ---- what a message may be ----

    def _mixed(self, number: int, track: Track, message: Message) -> None:
        """Judge a message that is of two kinds at once: a reply, where it may be one."""
        self._find(number, "envelope.message", Grade.VIOLATION, _MIXED)
        if message.event is None:
            self._reply(number, track, message)

    def _greeting(self, number: int, track: Track) -> None:
        if self._ended_by_server and not any(t.connected for t in self._tracks.values()):
            # another process may answer at the same address
            self._cursor.allow_another_process()
            self._journeys.restarted(self.name)
            self._numbers.forget(number, restarted=True)
        else:
            self._numbers.forget(number)
        track.begin(greeted=True)
        self._ended_by_server = False
        self.exercised["envelope.greeting"] += 1
        self._move(number, Greeted(track.index, again=self._watched))
        self._watched = True

    def _request(self, number: int, track: Track, message: Message) -> None:
        command = message.execute if message.exec_oob is None else message.exec_oob
        identity = message.id
        if command is None or (message.execute is not None and message.exec_oob is not None):
            track.not_a_request(identity)
            return
        arguments = bytes(message.arguments)
        request = self.reader.request(command, arguments, oob=message.exec_oob is not None)
        sent = Sent(track.index, request)
        self._numbers.asked(number, request)
        if not arguments and not request.oob and influence_of(request) is Influence.NONE:
            track.plain[command] = sent
            if command == "query-migrate":
                track.poll = sent
        if command in BEGINNERS:
            known = self._cursor.node.hypotheses
            self._journeys.asked(self.name, number, request, uri_of(arguments), known)
        track.pending.append(Pending(identity, sent, number))
        self._move(number, sent)

    def _event(self, number: int, track: Track, message: Message) -> None:
        name = message.event or ""
        event, faults = self.reader.event(name, bytes(message.data))
        for fault in faults:
            told = f"Event {name}: {fault.path} should be {fault.expected}, and is {fault.found}."
            self._find(number, f"schema.{name}", Grade.VIOLATION, told)
        if message.timestamp is None:
            self._find(number, "envelope.timestamp", Grade.VIOLATION, f"Event {name} has no timestamp.")
        self.exercised[f"schema.{name}"] += 1
        if event is None:
            return
        if name == "MIGRATION_PASS" and not faults:
            self._count_pass(number, track, message)
        elif name in DISTURBING_EVENTS or event.removeprefix("MIGRATION:") in DISTURBING_STATUSES:
            self._numbers.disturbed(number)
        if self._leader is None:
            self._leader = track.index
        if self._leader == track.index:
            # the other monitors show the same events once more
            self._journeys.emitted(self.name, number, event)
        emitted = track.events.get(event)
        if emitted is None:
            emitted = track.events[event] = Emitted(track.index, event)
        self._move(number, emitted)

    def _count_pass(self, number: int, track: Track, message: Message) -> None:
        """Passes count up by one; which one is the first is the automaton's business."""
        passed: int = msgspec.json.decode(message.data)["pass"]
        track.series.passed(passed, number, asking=bool(track.pending))
        last, track.last_pass = track.last_pass, passed
        if last is not None and passed != 1:
            self.exercised["migration-pass.count"] += 1
            if passed != last + 1:
                told = f"Pass {passed} follows pass {last}; passes count up by one."
                self._find(number, "migration-pass.count", Grade.VIOLATION, told)

    def _read_poll(self, number: int, line: Line, track: Track) -> None:
        """Judge an answer to query-migrate of any kind, or after something else than its request."""
        message, kind = line.msg, track.usual
        info: Any = None
        if kind is not None:
            try:
                info = kind.decode(message.returned)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                kind = None
        if kind is None:
            kind = track.usual = self._kind_of(line, track)
            if kind is None:
                self._reply(number, track, message)
                return
            info = kind.decode(message.returned)
        asked = track.pending.popleft()
        track.matched = True
        self._numbers.judge(number, track.series, kind, info, asked.line)
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
                alike = self.reader.alike(message.returned, line.vm, line.mon)
                kind = track.kinds[key] = Kind(track, replied, alike, self.expected)
            kind.decode(message.returned)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return kind

    def _wrong_number(self, number: int, rule: str, told: str) -> None:
        self._find(number, rule, Grade.VIOLATION, told)

    def _reply(self, number: int, track: Track, message: Message) -> None:
        asked = self._paired(number, track, message)
        if asked is None:
            return
        # one out of band may overtake the reply to a request from before the trace
        track.matched |= not asked.sent.request.oob
        self._numbers.answered(number, asked.sent.request, success=message.error is None)
        if asked.sent.request.command in BEGINNERS:
            self._journeys.answered(self.name, asked.line, success=message.error is None)
        self._answered(number, track, message, asked)

    def _answered(self, number: int, track: Track, message: Message, asked: Pending) -> None:
        request = asked.sent.request
        command = request.sent_as
        reply, faults = self.reader.reply(command, message)
        for fault in faults:
            told = f"Reply to {command}: {fault.path} should be {fault.expected}, and is {fault.found}."
            self._find(number, f"schema.{command}", Grade.VIOLATION, told)
        oob = 0 if request.oob else None
        if reply is None:
            self._recover(Replied(track.index, command, Reply(), oob))
            return
        if not faults and reply.settings is not None:
            self._numbers.listed(asked.line, reply.settings)
        if not faults and (reply.settings is not None or reply.run is not None):
            self._contradictions(number, command, message)
        self._move(number, Replied(track.index, command, reply, oob))

    def _contradictions(self, number: int, command: str, message: Message) -> None:
        """Find what an answer contradicts in itself."""
        for rule, told in contradictions(command, decode_any(message.returned)):
            if self.automaton.relation.profile in RULES[rule].profiles:
                self._find(number, rule, Grade.VIOLATION, f"The reply to {command} is wrong: {told}.")

    def _paired(self, number: int, track: Track, message: Message) -> Pending | None:
        """The request that a reply belongs to; None if it belongs to none."""
        identity = message.id
        if message.error is not None:
            text = message.error.desc
            refused = track.refused_by_parser(text, identity)
            if refused is not None:
                sent = refused.sent
                self._numbers.answered(number, sent.request, success=False)
                self._cursor.change(lambda node: forget(self.automaton, node, sent))
                return None
            if track.answers_bad_input(text, identity):
                return None
        pairing = track.pair(identity)
        if pairing.rule:
            self._find(number, pairing.rule, Grade.VIOLATION, pairing.fault)
        for lost in pairing.lost:
            self._numbers.answered(number, lost.sent.request, success=False)
            self._recover(Replied(track.index, lost.sent.request.sent_as, Reply()))
        if pairing.asked is None and not pairing.rule:
            self._foreign(number, track, message)
        return pairing.asked

    def _foreign(self, number: int, track: Track, message: Message) -> None:
        """Judge a reply to a request from before the trace, or from before a gap."""
        self._numbers.forget(number)
        shadow, self._shadow = self._shadow, None
        self._cursor.begin_once_more(track.index)
        if shadow is None:
            return
        asked = shadow.asked(track, message.id)
        reply = self.reader.reply(asked.sent.request.sent_as, message)[0] if asked else None
        if asked is None or reply is None:
            self._doubt_gap(number, shadow)
            return
        oob = 0 if asked.sent.request.oob else None
        self._shadow = shadow
        self._look_behind_gap(number, Replied(track.index, asked.sent.request.sent_as, reply, oob))

    # ---- the automaton ----

    def _move(self, number: int, observation: Observation) -> None:
        if self._unexplained or self._shadow or not self._cursor.repeats(observation):
            self._find_way(number, observation)

    def _find_way(self, number: int, observation: Observation) -> None:
        """Follow an observation that is new here, is rejected, or shows a defect."""
        if self._shadow is not None:
            self._look_behind_gap(number, observation)
        edge = self._cursor.follow(observation)
        node = self._cursor.node
        if self._unexplained:
            self._look_on(observation)
        if edge is None and self._other_clients:
            elsewhere = another_client(self.automaton, node, observation)
            if elsewhere is not None:
                self._cursor.jump(elsewhere)
                told = "This is explained by a client that the trace does not show."
                self._find(number, "trace.other-client", Grade.NOTE, told)
                return
        if edge is None and self._cursor.is_uncertain:
            told = "There are too many possibilities to tell whether this message is allowed."
            self._find(number, "trace.too-uncertain", Grade.DOUBT, told)
            self._recover(observation)
            return
        if edge is None:
            self._unexplained.append(self.explainer.open(node, observation, number, self.name))
            self._recover(observation)
            return
        for note in edge.notes:
            self._find(number, note, Grade.DEFECT, self.explainer.sentence(note))

    def _look_behind_gap(self, number: int, observation: Observation) -> None:
        """Follow the VM as it was before the gap, for as long as that tells something."""
        shadow = self._shadow
        if shadow is None:
            return
        if not shadow.explains(observation):
            self._doubt_gap(number, shadow)
            self._shadow = None
        elif shadow.is_over:
            self._shadow = None

    def _doubt_gap(self, number: int, shadow: Shadow) -> None:
        told = (
            f"This does not follow from what came before the gap in line {shadow.line}, so the gap hides what happened."
        )
        self._find(number, "trace.gap", Grade.DOUBT, told)

    def _look_on(self, observation: Observation) -> None:
        """Let open explanations see one more message, and report those that have seen enough."""
        for explanation in self._unexplained:
            explanation.look(self.automaton, observation)
        for explanation in [e for e in self._unexplained if e.is_complete]:
            self._unexplained.remove(explanation)
            self._report(self.explainer.close(explanation))

    def _close_explanations(self) -> None:
        for explanation in self._unexplained:
            self._report(self.explainer.close(explanation))
        self._unexplained.clear()

    def _recover(self, observation: Observation) -> None:
        self._cursor.jump(recover(self.automaton, self._cursor.everywhere, observation))

    def _new_track(self, number: int, monitor: str, found: Monitor) -> Track:
        # what was open is explained without the new monitor, which it knows nothing of
        self._close_explanations()
        self._shadow = None
        self._numbers.forget(number)
        track = self._tracks[monitor] = Track(self._cursor.add_monitor(found), self._numbers.series())
        return track

    def _find(self, number: int, rule: str, grade: Grade, message: str) -> None:
        self._report(Finding(number, self.name, rule, grade, message))


def _as_found(message: Message) -> Monitor:
    """What a monitor is when a trace shows it for the first time, with this message."""
    if message.greeting:
        return Monitor(connected=False)
    # the log of a client may lack the greeting, and begin with the answer to it
    negotiating = "qmp_capabilities" in (message.execute, message.exec_oob)
    return Monitor(session=NEGOTIATING) if negotiating else Monitor(late=ONE_UNSEEN)
