"""Judging one VM: its monitors' requests and replies are paired, and everything is held against the automaton."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import msgspec

from migspec.spec.state import VARIABLES
from migspec.traces.automaton import Automaton
from migspec.traces.cursor import Cursor
from migspec.traces.hypotheses import NEGOTIATING, Monitor
from migspec.traces.explain import Explainer, Explanation
from migspec.traces.findings import Finding, Grade
from migspec.traces.journeys import BEGINNERS, Journeys
from migspec.traces.messages import Line, Message, decode_any
from migspec.traces.observations import Emitted, Ended, Greeted, Observation, Replied, Reply, Sent
from migspec.traces.reading import Reader, envelope_faults, uri_of
from migspec.traces.recovery import forget, recover


class Pending(NamedTuple):
    """A request without its reply yet."""

    id: bytes
    sent: Sent
    line: int


class Track:
    """One monitor of a VM, as the trace shows it."""

    __slots__ = (
        "answers",
        "connected",
        "greeted",
        "index",
        "last_pass",
        "malformed",
        "matched",
        "name",
        "pending",
        "plain",
        "wild",
    )

    def __init__(self, index: int, name: str) -> None:
        self.index = index
        self.name = name
        self.pending: deque[Pending] = deque()
        self.connected = True
        self.greeted = False
        self.matched = False
        self.wild = 0
        self.malformed: list[bytes] = []
        self.last_pass: int | None = None
        self.plain: dict[str, Sent] = {}
        self.answers: dict[tuple[object, ...], Replied] = {}

    @property
    def late(self) -> bool:
        """Whether requests from before the trace may still be answered."""
        return not self.greeted and not self.matched


class VmJudge:
    """The judge of one VM.

    `report` receives findings as they are made; `exercised` counts the rules that messages needed.
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
    ) -> None:
        self.name = name
        self.automaton = automaton
        self.reader = reader
        self.explainer = explainer
        self.exercised: Counter[str] = Counter()
        self._report = report
        self._journeys = journeys
        self._leader: int | None = None
        self._cursor = Cursor(automaton, late=late)
        self._tracks: dict[str, Track] = {}
        self._ended_by_server = False
        self._watched = False
        self._unexplained: list[Explanation] = []

    # ---- lines ----

    def line(self, number: int, line: Line) -> None:
        """Judge one line of the trace."""
        message = line.msg
        track = self._tracks.get(line.mon)
        if track is None:
            track = self._new_track(line)
        if message is None:
            self._no_message(number, track, line)
        elif line.dir == "->":
            if message.execute is not None and not message.arguments and message.exec_oob is None:
                sent = track.plain.get(message.execute)
                if sent is None:
                    request = self.reader.request(message.execute, b"", oob=False)
                    sent = track.plain[message.execute] = Sent(track.index, request)
                self._enqueue(number, track, sent, bytes(message.id))
            else:
                self._request(number, track, message)
        elif message.returned or message.error is not None:
            self._reply(number, track, message)
        elif message.event is not None:
            self._event(number, track, message)
        elif message.greeting:
            self._greeting(number, track)
        else:
            self.misfit(number, line.mon, line.dir, {})

    def misfit(self, number: int, monitor: str, direction: str | None, value: object) -> None:
        """Judge a message that does not have the form of one; `value` is the decoded JSON."""
        track = self._tracks.get(monitor) or self._new_track(Line(self.name, mon=monitor))
        if direction == "->":
            identity = msgspec.json.encode(value["id"]) if isinstance(value, dict) and "id" in value else b""
            self._not_a_request(track, identity)
            return
        for fault in envelope_faults(value):
            self._find(number, "envelope.message", Grade.VIOLATION, f"The message is malformed: {fault}.")
        if not isinstance(value, dict):
            return
        salvaged = _salvaged(value)
        if salvaged is not None:
            self.line(number, Line(self.name, "<-", mon=monitor, msg=salvaged))

    def gap(self) -> None:
        """Messages may be missing here: nothing that was known is known any more."""
        self._cursor.begin(late=True)
        for track in self._tracks.values():
            track.last_pass = None
            track.pending.clear()
            track.greeted = track.matched = False
            self._extend(track.index)

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
        for explanation in self._unexplained:
            self._report(self.explainer.close(explanation))
        self._unexplained.clear()
        for edge, count in self._cursor.taken.items():
            for rule in edge.rules:
                self.exercised[rule] += count

    # ---- kinds of lines ----

    def _no_message(self, number: int, track: Track, line: Line) -> None:
        if line.gap is not None:
            self.gap()
        elif line.end is not None:
            self._follow(number, Ended(track.index, line.by == "client", line.exit))
            track.pending.clear()
            track.connected = False
            if line.by != "client":
                self._ended_by_server = True
        elif line.raw is not None and line.dir == "->":
            # one bad input may be answered by several errors
            track.wild += max(2, len(line.raw))

    def _greeting(self, number: int, track: Track) -> None:
        if self._ended_by_server and not any(t.connected for t in self._tracks.values()):
            # another process may answer at the same address
            self._cursor.allow_another_process()
        track.connected = track.greeted = True
        track.last_pass = None
        track.pending.clear()
        self._ended_by_server = False
        self.exercised["envelope.greeting"] += 1
        self._follow(number, Greeted(track.index, again=self._watched))
        self._watched = True

    def _request(self, number: int, track: Track, message: Message) -> None:
        command = message.execute if message.exec_oob is None else message.exec_oob
        if command is None or (message.execute is not None and message.exec_oob is not None):
            self._not_a_request(track, bytes(message.id))
            return
        request = self.reader.request(command, bytes(message.arguments), oob=message.exec_oob is not None)
        if command in BEGINNERS:
            uri = uri_of(bytes(message.arguments))
            self._journeys.asked(self.name, number, request, uri, self._cursor.node.hypotheses)
        self._enqueue(number, track, Sent(track.index, request), bytes(message.id))

    def _not_a_request(self, track: Track, identity: bytes) -> None:
        """JSON that is no request is answered by one error, with its id if it has one."""
        if identity:
            track.malformed.append(identity)
        else:
            track.wild += 1

    def _enqueue(self, number: int, track: Track, sent: Sent, identity: bytes) -> None:
        track.pending.append(Pending(identity, sent, number))
        edge = self._cursor.node.edges.get(sent)
        if edge is None or edge.node is None:
            self._follow(number, sent)
        else:
            self._cursor.advance(edge, sent)
            if self._unexplained:
                self._look_on(sent)

    def _event(self, number: int, track: Track, message: Message) -> None:
        name = message.event or ""
        event, faults = self.reader.event(name, bytes(message.data))
        for fault in faults:
            self._find(
                number,
                f"schema.{name}",
                Grade.VIOLATION,
                f"Event {name}: {fault.path} should be {fault.expected}, and is {fault.found}.",
            )
        if message.timestamp is None:
            self._find(number, "envelope.timestamp", Grade.VIOLATION, f"Event {name} has no timestamp.")
        self.exercised[f"schema.{name}"] += 1
        if event is None:
            return
        if name == "MIGRATION_PASS" and not faults:
            self._count_pass(number, track, message)
        if self._leader is None:
            self._leader = track.index
        if self._leader == track.index:
            # the other monitors show the same events once more
            self._journeys.emitted(self.name, number, event)
        self._follow(number, Emitted(track.index, event))

    def _count_pass(self, number: int, track: Track, message: Message) -> None:
        """Passes count up by one; which one is the first is the automaton's business."""
        passed: int = msgspec.json.decode(message.data)["pass"]
        last, track.last_pass = track.last_pass, passed
        if last is not None and passed != 1:
            self.exercised["migration-pass.count"] += 1
            if passed != last + 1:
                self._find(
                    number,
                    "migration-pass.count",
                    Grade.VIOLATION,
                    f"Pass {passed} follows pass {last}; passes count up by one.",
                )

    def _reply(self, number: int, track: Track, message: Message) -> None:
        pending = track.pending
        identity = bytes(message.id)
        if message.error is not None and message.error.desc.startswith(_BAD_INPUT):
            if self._answers_bad_input(track, message.error.desc, identity):
                return
        if pending and pending[0].id == identity and not pending[0].sent.request.oob:
            asked = pending.popleft()
        else:
            found = self._paired(number, track, identity)
            if found is None:
                return
            asked = found
        track.matched = True
        request = asked.sent.request
        command = request.sent_as
        if command == "query-migrate" and message.error is None:
            try:
                _, key = self.reader.migrate_answer(message.returned)
            except msgspec.ValidationError:
                pass
            else:
                replied = track.answers.get(key)
                if replied is None:
                    reply, _ = self.reader.reply(command, message)
                    replied = track.answers[key] = Replied(track.index, command, reply)
                edge = self._cursor.node.edges.get(replied)
                if edge is None or edge.node is None:
                    self._follow(number, replied)
                else:
                    self._cursor.advance(edge, replied)
                    if self._unexplained:
                        self._look_on(replied)
                return
        if command in BEGINNERS:
            self._journeys.answered(self.name, asked.line, success=message.error is None)
        reply, faults = self.reader.reply(command, message)
        for fault in faults:
            self._find(
                number,
                f"schema.{command}",
                Grade.VIOLATION,
                f"Reply to {command}: {fault.path} should be {fault.expected}, and is {fault.found}.",
            )
        oob = 0 if request.oob else None
        self._follow(number, Replied(track.index, command, reply, oob))

    def _answers_bad_input(self, track: Track, text: str, identity: bytes) -> bool:
        """Whether an error answers input that was no request; it then counts as answered."""
        oldest = self._oldest(track)
        if oldest is not None and text in track.pending[oldest].sent.request.argument_errors:
            return False
        if identity:
            asked = next((known for known in track.malformed if _same_id(known, identity)), None)
            if asked is not None:
                track.malformed.remove(asked)
            return asked is not None
        if oldest is not None and text.endswith("duplicate key"):
            # JSON allows what QEMU does not: the request was never one
            lost = track.pending[oldest]
            del track.pending[oldest]
            self._cursor.jump(forget(self.automaton, self._cursor.node, lost.sent))
            return True
        answered = track.wild > 0
        track.wild -= answered
        return answered

    # ---- pairing ----

    def _paired(self, number: int, track: Track, identity: bytes) -> Pending | None:
        """The request that a reply belongs to, where it is not simply the oldest; None if there is none."""
        pending = track.pending
        for position, asked in enumerate(pending):
            if _same_id(asked.id, identity) and (asked.sent.request.oob or position == self._oldest(track)):
                del pending[position]
                return asked
        later = next((p for p, asked in enumerate(pending) if _same_id(asked.id, identity)), None)
        if later is not None:
            return self._skip_to(number, track, later)
        if track.late:
            return None
        oldest = self._oldest(track)
        if oldest is None:
            self._find(number, "envelope.reply.unrequested", Grade.VIOLATION, "This reply answers no request.")
            return None
        asked = pending[oldest]
        if not self._looks_like_answer(track, identity):
            self._find(
                number,
                "envelope.reply.unrequested",
                Grade.VIOLATION,
                f"This reply has the id {_shown(identity)}, which no open request has; "
                f"the oldest one, {asked.sent.request.command} in line {asked.line}, has {_shown(asked.id)}.",
            )
            return None
        self._find(
            number,
            "envelope.id",
            Grade.VIOLATION,
            f"The reply to {asked.sent.request.command} has {_shown(identity, 'the id ')} "
            f"instead of {_shown(asked.id)}.",
        )
        del pending[oldest]
        return asked

    def _oldest(self, track: Track) -> int | None:
        return next((i for i, asked in enumerate(track.pending) if not asked.sent.request.oob), None)

    def _looks_like_answer(self, track: Track, identity: bytes) -> bool:
        """Whether a reply with a wrong id is rather the answer to the oldest request than one to nothing."""
        return len(track.pending) == 1 or not identity

    def _skip_to(self, number: int, track: Track, position: int) -> Pending:
        """Take the request at `position`, the earlier ones having lost their replies."""
        for _ in range(position):
            lost = track.pending.popleft()
            self._find(
                number,
                "envelope.reply.order",
                Grade.VIOLATION,
                f"The reply to {lost.sent.request.command} (line {lost.line}) is missing: a later request is answered.",
            )
            self._recover(Replied(track.index, lost.sent.request.command, Reply()))
        return track.pending.popleft()

    # ---- the automaton ----

    def _follow(self, number: int, observation: Observation) -> None:
        edge = self._cursor.follow(observation)
        if edge is None:
            explanation = self.explainer.open(self._cursor.node, observation, number, self.name)
            self._look_on(observation)
            self._unexplained.append(explanation)
            self._recover(observation)
            return
        if self._unexplained:
            self._look_on(observation)
        for note in edge.notes:
            self._find(number, note, Grade.DEFECT, self.explainer.sentence(note))

    def _look_on(self, observation: Observation) -> None:
        """Let open explanations see one more message, and report those that have seen enough."""
        for explanation in self._unexplained:
            explanation.look(self.automaton, observation)
        for explanation in [e for e in self._unexplained if e.is_complete]:
            self._unexplained.remove(explanation)
            self._report(self.explainer.close(explanation))

    def _recover(self, observation: Observation) -> None:
        self._cursor.jump(recover(self.automaton, self._cursor.node, observation))

    def _new_track(self, line: Line) -> Track:
        track = self._tracks[line.mon] = Track(self._cursor.add_monitor(_as_found(line)), line.mon)
        return track

    def _find(self, number: int, rule: str, grade: Grade, message: str) -> None:
        self._report(Finding(number, self.name, rule, grade, message))


def _as_found(line: Line) -> Monitor:
    """What a monitor is when a trace shows it for the first time, with this line."""
    message = line.msg
    if message is None:
        return Monitor(late=True)
    if message.greeting:
        return Monitor(connected=False)
    # the log of a client may lack the greeting, and begin with the answer to it
    negotiating = "qmp_capabilities" in (message.execute, message.exec_oob)
    return Monitor(session=NEGOTIATING) if negotiating else Monitor(late=True)


def _salvaged(value: dict[str, object]) -> Message | None:
    """What a malformed server message still says, as a well-formed one."""
    kept = {name: value[name] for name in ("return", "id", "event", "data", "QMP") if name in value}
    error = value.get("error")
    if isinstance(error, dict):
        kept["error"] = {"class": str(error.get("class", "")), "desc": str(error.get("desc", ""))}
    if "event" in kept:
        kept["timestamp"] = {"seconds": -1, "microseconds": -1}
    try:
        return msgspec.json.decode(msgspec.json.encode(kept), type=Message)
    except (msgspec.MsgspecError, RecursionError):
        return None


_BAD_INPUT = ("JSON ", "QMP input ")


def _same_id(asked: bytes, given: bytes) -> bool:
    """Whether two ids are the same value; QEMU prints numbers and strings in its own way."""
    if asked == given:
        return True
    if not asked or not given:
        return False
    try:
        return _close(decode_any(asked), decode_any(given))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False


def _close(a: object, b: object) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        # floats are printed with six decimals
        both = isinstance(a, int | float) and isinstance(b, int | float) and not isinstance(a, bool)
        return both and abs(float(a) - float(b)) <= 5e-7  # type: ignore[arg-type]
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def _shown(identity: bytes, prefix: str = "") -> str:
    return prefix + identity.decode("utf-8", "replace") if identity else "no id"
