"""Behaviours made by walking the relation.

One hypothesis, fully known, takes hidden steps and shows what it owes, in any order that the relation allows.  Whatever
a walk has shown must be explained, wherever the checker began to look.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from migspec.spec.commands.colo import ColoAnswer
from migspec.spec.commands.dirty_rate import DirtyRateAnswer
from migspec.spec.commands.queries import EXTRAS, REQUIRED, MigrateAnswer
from migspec.spec.contracts import Words
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.state import FRESH, VARIABLES, assign
from migspec.spec.steps import INSTANT_EVENTS, NEGOTIATING, Due, Monitor, Owed, Step, deliver_event
from migspec.spec.vocabulary import MigrationCapability
from migspec.traces.automaton import Automaton
from migspec.traces.beginnings import INCOMING, OUTGOING, beginnings, situations
from migspec.traces.cursor import Cursor
from migspec.traces.hypotheses import ONE_UNSEEN, Hypothesis, Relation, deliver_reply
from migspec.traces.observations import Emitted, Ended, Greeted, Observation, Replied, Reply, Sent

SESSION = VARIABLES["session"].field
READY = VARIABLES["session"].bits(("ready",))
OOB = VARIABLES["session"].bits(("oob",))
EXITS = {"down": 0, "gone": 0, "dying": 1, "aborted": -6, "crashed": -11}
"""What a process exits with, by its way of life."""


def asked(command: str, arguments: object = ABSENT, *, oob: bool = False) -> Request:
    return understand(command, arguments, QEMU_5_2_0, oob=oob)


def switch(name: str, *, on: bool) -> Request:
    return asked("migrate-set-capabilities", {"capabilities": [{"capability": name, "state": on}]})


QUERIES = (asked("query-migrate"), asked("query-status"), asked("query-migrate-capabilities"))
REQUESTS = (
    *QUERIES,
    asked("migrate", {"uri": "unix:/s"}),
    asked("migrate", {"uri": "unix:/s"}),
    asked("migrate", {"uri": "exec:cat"}),
    asked("migrate", {"uri": "bad"}),
    asked("migrate", {"uri": "unix:"}),
    asked("migrate", {"uri": "unix:/s", "resume": True}),
    asked("migrate", {"uri": "unix:/s", "blk": True, "inc": True}),
    asked("migrate", {"uri": 5}),
    asked("migrate_cancel"),
    asked("migrate-continue", {"state": "pre-switchover"}),
    asked("migrate-start-postcopy"),
    asked("migrate-pause"),
    asked("migrate-incoming", {"uri": "unix:/d"}),
    asked("migrate-incoming", {"uri": "bad"}),
    asked("migrate-recover", {"uri": "unix:/d"}),
    asked("x-colo-lost-heartbeat"),
    asked("human-monitor-command", {"command-line": "savevm s"}),
    asked("human-monitor-command", {"command-line": "migrate -d unix:/s"}),
    asked("human-monitor-command", {"command-line": "info migrate"}),
    asked("stop"),
    asked("cont"),
    asked("quit"),
    asked("no-such-command"),
    asked("query-version"),
    asked("query-colo-status"),
    asked("calc-dirty-rate", {"calc-time": 1}),
    asked("query-dirty-rate"),
    asked("xen-save-devices-state", {"filename": "/f"}),
    *(switch(name, on=on) for name in ("events", "postcopy-ram", "pause-before-switchover") for on in (True, False)),
)
OUT_OF_BAND = (
    asked("migrate-pause", oob=True),
    asked("migrate-recover", {"uri": "unix:/d"}, oob=True),
    asked("query-status", oob=True),
)
BEGINNINGS = (asked("migrate", {"uri": "unix:/s"}), asked("migrate-incoming", {"uri": "unix:/d"}))
PLAIN = asked("qmp_capabilities")
WITH_OOB = asked("qmp_capabilities", {"enable": ["oob"]})

STARTS = (
    FRESH,
    FRESH,
    assign(FRESH, {"run": "inmigrate", "defer": "yes", "load": "deferred"}),
    assign(FRESH, {"run": "inmigrate", "load": "listening"}),
    assign(FRESH, {"run": "inmigrate", "load": "listening", "stream": "bitmaps"}),
)
SETTINGS = ("events", "events", "postcopy-ram", "pause-before-switchover", "multifd", "dirty-bitmaps", "xbzrle")


@dataclass
class Walk:
    """A behaviour under way: what the VM is, and what it has shown."""

    relation: Relation
    random: random.Random
    h: Hypothesis
    asks: tuple[Request, ...] = REQUESTS
    most_pending: int = 2
    closes: float = 0.03
    """How often a client leaves when it is its turn."""
    watched: bool = False
    seen: list[Observation] = field(default_factory=list)
    in_step: list[bool] = field(default_factory=lambda: [True])
    """Before each observation and after the last one, whether all monitors had shown the same."""

    def take(self, after: Hypothesis, *seen: Observation) -> None:
        """Go on as `after`, with all that was open decided."""
        state = pinned(after.state, self.random)
        monitors = tuple(m._replace(session=one_of_bits(m.session, self.random)) for m in after.monitors)
        self.h = after._replace(state=state, monitors=monitors, notes=frozenset())
        self.seen += seen
        self.in_step += [not any(m.backlog for m in self.h.monitors)] * len(seen)

    def greet(self, index: int) -> None:
        orphans = self.h.monitors[index].orphans
        greeted = Monitor(session=NEGOTIATING, again=self.watched, orphans=orphans)
        self.take(self.h.with_monitor(index, greeted), Greeted(index, again=self.watched))
        self.watched = True
        self.ask(index, WITH_OOB if self.random.random() < 0.3 else PLAIN)

    def ask(self, index: int, request: Request) -> None:
        self.take(self.h.with_monitor(index, self.h.monitors[index].asked(request)), Sent(index, request))

    def close(self, index: int) -> None:
        """The client goes: what is due to it is never shown, and of what it asked the last may never be read."""
        monitor = self.h.monitors[index]
        open_ = monitor.queue + monitor.oob
        read = open_[: self.random.randint(0, len(open_))]
        gone = Monitor(connected=False, orphans=monitor.orphans + read, left=True)
        self.take(without_replies_to(self.h, index).with_monitor(index, gone), Ended(index, by_client=True))

    @property
    def exit(self) -> int | None:
        """The exit code of the process, None while there is none."""
        return EXITS.get(value(self.h.state, "life"))

    def end(self) -> None:
        """The process ends, and with it every connection."""
        for index, monitor in enumerate(self.h.monitors):
            if monitor.connected:
                gone = Monitor(connected=False)
                self.take(without_replies_to(self.h, index).with_monitor(index, gone), Ended(index, exit=self.exit))

    def go(self) -> None:
        """Do one thing, whatever is possible; what shows something is preferred."""
        if self.exit is not None and self.random.random() < 0.3:
            self.end()
            return
        moves = [*self._shown(), *self._shown(), *((step.after, ()) for step in self._hidden())]
        if self.random.random() < 0.3 or not moves:
            self._client()
            return
        after, seen = self.random.choice(moves)
        self.take(after, *seen)

    def settle(self) -> None:
        """Show all that is owed or asked for."""
        for _ in range(60):
            moves = [*self._shown(), *((step.after, ()) for step in self._executed())]
            if not moves:
                return
            after, seen = self.random.choice(moves)
            self.take(after, *seen)

    def _client(self) -> None:
        index = self.random.randrange(len(self.h.monitors))
        monitor = self.h.monitors[index]
        if not monitor.connected:
            self.greet(index)
        elif monitor.session == NEGOTIATING and not monitor.queue:
            self.ask(index, PLAIN)
        elif self.random.random() < self.closes:
            self.close(index)
        elif len(monitor.queue) + len(monitor.oob) < self.most_pending:
            oob = self.random.random() < (0.25 if monitor.session == OOB else 0.03)
            self.ask(index, self.random.choice(OUT_OF_BAND if oob else self.asks))

    def _hidden(self) -> Iterator[Step]:
        """The hidden steps, with most refusals left out: they would be nearly all that is ever seen."""
        for step in self.relation.hidden(self.h):
            dues = [item for items in step.after.owed for item in items if isinstance(item, Due)]
            if not any(due.expect.is_error for due in dues) or self.random.random() < 0.4:
                yield step

    def _executed(self) -> Iterator[Step]:
        """The hidden steps that execute a request or deliver something."""
        known = [m.queue[:1] + m.oob[:1] for m in self.h.monitors]
        for step in self.relation.hidden(self.h):
            if not step.rule or known != [m.queue[:1] + m.oob[:1] for m in step.after.monitors]:
                yield step

    def _shown(self) -> Iterator[tuple[Hypothesis, tuple[Observation, ...]]]:
        h = self.h
        for index, monitor in enumerate(h.monitors):
            if not monitor.connected:
                continue
            items = list(monitor.backlog[:1]) or [items[0] for items in h.owed if items]
            for item in items:
                if isinstance(item, str) and item[0] != "=":
                    for after in deliver_event(h, index, item):
                        yield after, (Emitted(index, item),)
                elif is_due_to(item, index):
                    assert isinstance(item, Due)
                    for reply in replies(item, h.state, self.random):
                        for _, after in deliver_reply(h, index, reply, oob=item.oob):
                            told = Replied(index, item.request.sent_as, reply, 0 if item.oob else None)
                            yield after, (told,)
            for event in sorted(INSTANT_EVENTS) if self.random.random() < 0.01 else ():
                for _, shown in self.relation.take_instant(h, event):
                    for after in deliver_event(shown, index, event):
                        yield after, (Emitted(index, event),)


def is_due_to(item: Owed, index: int) -> bool:
    """Whether this is a reply to a monitor."""
    return isinstance(item, Due) and item.monitor == index


def without_replies_to(h: Hypothesis, index: int) -> Hypothesis:
    """The same without what is due to a monitor."""
    return h._replace(owed=tuple(tuple(item for item in items if not is_due_to(item, index)) for items in h.owed))


def one_of_bits(bits: int, chance: random.Random) -> int:
    """One of the bits that are set."""
    choices = [1 << place for place in range(bits.bit_length()) if bits >> place & 1]
    return chance.choice(choices) if choices else 0


def pinned(state: int, chance: random.Random) -> int:
    """A state with everything decided but the session, which is each monitor's own."""
    result = SESSION
    for variable in VARIABLES.values():
        if variable.field & ~SESSION:
            result |= one_of_bits(state & variable.field, chance)
    return result


def value(state: int, name: str) -> str:
    known = VARIABLES[name].known(state)
    assert known is not None
    return known


def replies(due: Due, state: int, chance: random.Random) -> Iterator[Reply]:
    """A reply that a VM in this state may give when this one is due."""
    expect = due.expect
    if due.request.monitor_command:
        yield Reply(empty=False)
    elif expect.words is not None:
        assert expect.error_class is not None
        yield Reply(expect.error_class, text_of(expect.words, chance))
    elif not expect.query:
        yield Reply(empty=True)
    elif expect.query == "query-status":
        yield Reply(run=value(expect.seen, "run"))
    elif expect.query == "query-migrate-capabilities":
        known = [(name.value, value(state, f"cap.{name.value}") == "yes") for name in MigrationCapability]
        yield Reply(settings=tuple(known))
    elif expect.query == "query-colo-status":
        yield Reply(shown=colo_answer_of(state & ~fields(expect.seen) | expect.seen))
    elif expect.query == "query-dirty-rate":
        status = value(expect.seen, "dirty-rate").replace("ordered", "unstarted")
        yield Reply(shown=DirtyRateAnswer(status, has_rate=status == "measured"))
    else:
        yield Reply(answer=answer_of(state & ~fields(expect.seen) | expect.seen, chance))


def colo_answer_of(state: int) -> ColoAnswer:
    """What query-colo-status shows of a state."""
    primary = value(state, "outgoing") == "colo"
    mode = "primary" if primary else "secondary" if value(state, "incoming") == "colo" else "none"
    under_way = "processing" if primary else "error"
    reason = {"none": "none", "completed": "request"}.get(value(state, "colo-failover"), under_way)
    return ColoAnswer(mode, value(state, "colo-last"), reason)


def fields(seen: int) -> int:
    """The fields of all variables of which `seen` tells something."""
    return sum(variable.field for variable in VARIABLES.values() if variable.field & seen)


def text_of(words: Words, chance: random.Random) -> str:
    if words.exact:
        return chance.choice(sorted(words.exact))
    if words.beginnings:
        return chance.choice(words.beginnings) + "x"
    return f"a {words.containing} b" if words.containing else "anything"


def answer_of(state: int, chance: random.Random) -> MigrateAnswer:
    """What query-migrate shows of a state: the incoming part, and over it the outgoing one."""
    members: set[str] = set()
    outgoing, incoming = value(state, "outgoing"), value(state, "incoming")
    if value(state, "load") not in ("none", "deferred", "done") and chance.random() < 0.8:
        members.add("socket-address")
    if outgoing == "none":
        return MigrateAnswer(None if incoming == "none" else incoming, frozenset(members))
    members |= REQUIRED.get(outgoing, frozenset())
    for extra in EXTRAS:
        if (
            outgoing in extra.statuses
            and extra.present.holds(state)
            and (not extra.absent.holds(state) or chance.random() < 0.5)
        ):
            members.add(extra.member)
    return MigrateAnswer(outgoing, frozenset(members))


def started(seed: int, relation: Relation, *, monitors: int = 1) -> Walk:
    """A walk from a process that has just started, watched from its first greeting; most of them migrate at once."""
    chance = random.Random(seed)
    start = pinned(chance.choice(STARTS) | SESSION, chance)
    walk = Walk(relation, chance, Hypothesis(start, monitors=(Monitor(connected=False),) * monitors))
    for index in range(monitors if chance.random() < 0.7 else 1):
        walk.greet(index)
        walk.settle()
    if chance.random() < 0.7:
        for request in (switch("events", on=True), chance.choice(BEGINNINGS)):
            if walk.h.monitors[0].session != NEGOTIATING:
                walk.ask(0, request)
                walk.settle()
    return walk


def found_late(seed: int, relation: Relation, tier: int) -> Walk:
    """A walk from anything that a VM may be at one of the later beginnings, its monitor past negotiation."""
    chance = random.Random(seed)
    pairs = {names: frozenset(situations(relation, names)) for names in (OUTGOING, INCOMING)}
    starts = beginnings(relation)[tier]
    while True:
        state = pinned(chance.choice(starts).state, chance)
        if all(state & sum(VARIABLES[name].field for name in names) in known for names, known in pairs.items()):
            return Walk(relation, chance, Hypothesis(state, monitors=(Monitor(session=READY),)), watched=True)


class Foreign(NamedTuple):
    """A reply to a request from before the trace."""

    monitor: int

    def __str__(self) -> str:
        return "reply to a request from before the trace"


class Found(NamedTuple):
    """What a trace shows of a walk: its observations, each with the monitors that appear with it."""

    steps: tuple[tuple[tuple[Monitor, ...], Observation | Foreign], ...]
    late: bool

    def __str__(self) -> str:
        return " / ".join(f"{said.monitor}: {said}" for _, said in self.steps)


def found(walk: Walk, first: int = 0) -> Found:
    """What a trace shows that begins before the observation number `first` of a walk, or as soon as one may.

    A reply to a request from before the trace is told as such.  Monitors are numbered as they appear, those that were
    connected before at once.
    """
    first = next(place for place in range(first, len(walk.seen) + 1) if may_begin(walk, place))
    before, after = walk.seen[:first], walk.seen[first:]
    unanswered: Counter[tuple[int, bool]] = Counter()
    connected: set[int] = set()
    for said in before:
        match said:
            case Sent(monitor, request):
                unanswered[monitor, request.oob] += 1
            case Replied(monitor, oob=oob):
                unanswered[monitor, oob is not None] -= 1
            case Ended(monitor):
                connected.discard(monitor)
            case Greeted(monitor):
                connected.add(monitor)
                unanswered[monitor, False] = unanswered[monitor, True] = 0
    numbers: dict[int, int] = {}
    steps: list[tuple[tuple[Monitor, ...], Observation | Foreign]] = []
    for place, said in enumerate(after):
        new = dict.fromkeys([said.monitor, *(sorted(connected) if not place else ())])
        appear = tuple(first_seen(other, after) for other in new if other not in numbers)
        for other in new:
            numbers.setdefault(other, len(numbers))
        number = numbers[said.monitor]
        match said:
            case Replied(monitor, oob=oob) if unanswered[monitor, oob is not None]:
                unanswered[monitor, oob is not None] -= 1
                steps.append((appear, Foreign(number)))
                continue
            case Ended(monitor) | Greeted(monitor):
                unanswered[monitor, False] = unanswered[monitor, True] = 0
        steps.append((appear, msgspec.structs.replace(said, monitor=number)))
    return Found(tuple(steps), late=not after or not isinstance(after[0], Greeted))


def may_begin(walk: Walk, first: int) -> bool:
    """Whether a trace that begins there is judged fairly.

    Two things are not looked for: a client that was refused in its negotiation before the trace, and goes on with it;
    and, of several monitors, one that lags behind another when the trace begins.
    """
    negotiating: set[int] = set()
    for said in walk.seen[:first]:
        if isinstance(said, Greeted):
            negotiating.add(said.monitor)
        elif isinstance(said, Ended) or (isinstance(said, Replied) and not said.reply.is_error):
            negotiating.discard(said.monitor)
    for said in walk.seen[first:]:
        if said.monitor in negotiating:
            negotiating.discard(said.monitor)
            if isinstance(said, Replied) and said.reply.is_error:
                return False
    return walk.in_step[first]


def first_seen(monitor: int, after: Sequence[Observation]) -> Monitor:
    """What a monitor is that shows itself in these observations."""
    said = next((said for said in after if said.monitor == monitor), None)
    if isinstance(said, Greeted):
        return Monitor(connected=False)
    negotiates = isinstance(said, Sent) and said.request.command == "qmp_capabilities"
    return Monitor(session=NEGOTIATING) if negotiates else Monitor(late=ONE_UNSEEN)


def rejected(automaton: Automaton, shown: Found) -> int | None:
    """The number of the first observation that a cursor rejects; None if it accepts all, or cannot tell."""
    cursor = Cursor(automaton, late=shown.late)
    for place, (appear, said) in enumerate(shown.steps):
        for monitor in appear:
            cursor.add_monitor(monitor)
        if isinstance(said, Foreign):
            cursor.begin_once_more(said.monitor)
        elif cursor.follow(said) is None:
            return None if cursor.is_uncertain else place
    return None
