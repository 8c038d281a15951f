"""The cursor accepts whatever the relation can do.

A behaviour is made by walking the relation: one hypothesis, fully known, takes hidden steps and shows what it owes, in
any order that it allows.  What it showed must be explained, wherever the cursor began to look.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.spec.commands.queries import EXTRAS, REQUIRED, MigrateAnswer
from migspec.spec.contracts import Words
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.state import FRESH, VARIABLES, assign
from migspec.spec.vocabulary import MigrationCapability
from migspec.traces.cursor import Cursor
from migspec.traces.hypotheses import (
    INSTANT_EVENTS,
    NEGOTIATING,
    Due,
    Hypothesis,
    Monitor,
    Owed,
    Relation,
    Step,
    deliver_event,
    deliver_reply,
)
from migspec.traces.judge import bench_of
from migspec.traces.observations import Emitted, Ended, Greeted, Observation, Replied, Reply, Sent

SESSION = VARIABLES["session"].field
READY = VARIABLES["session"].bits(("ready",))


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
    asked("no-such-command"),
    asked("query-version"),
    *(switch(name, on=on) for name in ("events", "postcopy-ram", "pause-before-switchover") for on in (True, False)),
)
OUT_OF_BAND = (asked("migrate-pause", oob=True), asked("migrate-recover", {"uri": "unix:/d"}, oob=True))
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
    watched: bool = False
    seen: list[Observation] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=lambda: [[], [], []])

    def take(self, after: Hypothesis, *seen: Observation) -> None:
        """Go on as `after`, with all that was open decided."""
        state = pinned(after.state, self.random)
        monitors = tuple(m._replace(session=one_of_bits(m.session, self.random)) for m in after.monitors)
        self.h = after._replace(state=state, monitors=monitors, notes=frozenset())
        self.seen += seen

    def greet(self, index: int) -> None:
        greeted = Monitor(session=NEGOTIATING, again=self.watched)
        self.take(self.h.with_monitor(index, greeted), Greeted(index, again=self.watched))
        self.watched = True
        self.commands[index].clear()
        self.ask(index, WITH_OOB if self.random.random() < 0.3 else PLAIN)

    def ask(self, index: int, request: Request) -> None:
        self.take(self.h.with_monitor(index, self.h.monitors[index].asked(request)), Sent(index, request))

    def close(self, index: int) -> None:
        """The client goes, and what is due to it is never shown."""
        left = self.h.with_monitor(index, Monitor(connected=False))
        owed = tuple(tuple(i for i in items if not is_due_to(i, index)) for items in left.owed)
        self.take(left._replace(owed=owed), Ended(index, by_client=True))

    def go(self) -> None:
        """Do one thing, whatever is possible; what shows something is preferred."""
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

    @property
    def is_quiet(self) -> bool:
        return not any(self.h.owed) and not any(m.queue or m.oob or m.backlog for m in self.h.monitors)

    def _client(self) -> None:
        index = self.random.randrange(len(self.h.monitors))
        monitor = self.h.monitors[index]
        if not monitor.connected:
            self.greet(index)
        elif monitor.session == NEGOTIATING and not monitor.queue:
            self.ask(index, PLAIN)
        elif self.random.random() < 0.03:
            self.close(index)
        elif len(monitor.queue) + len(monitor.oob) < self.most_pending:
            self.ask(index, self.random.choice((*self.asks, *OUT_OF_BAND)))

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
                        for after in deliver_reply(h, index, reply, oob=item.oob):
                            told = Replied(index, item.request.sent_as, reply, 0 if item.oob else None)
                            yield after, (told,)
            for event in sorted(INSTANT_EVENTS) if self.random.random() < 0.01 else ():
                for _, shown in self.relation.take_instant(h, event):
                    for after in deliver_event(shown, index, event):
                        yield after, (Emitted(index, event),)


def is_due_to(item: Owed, index: int) -> bool:
    """Whether this is a reply to a monitor."""
    return isinstance(item, Due) and item.monitor == index


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
    else:
        yield Reply(answer=answer_of(state & ~fields(expect.seen) | expect.seen, chance))


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


def started(seed: int, relation: Relation) -> Walk:
    """A walk from a process that has just started, watched from its first greeting."""
    chance = random.Random(seed)
    start = pinned(chance.choice(STARTS[:4]) | SESSION, chance)
    walk = Walk(relation, chance, Hypothesis(start, monitors=(Monitor(connected=False),)))
    walk.greet(0)
    walk.settle()
    return walk


@pytest.mark.parametrize("profile", ["qemu-5.2.0", "seed"])
@settings(max_examples=12)
@given(seed=st.integers(0, 99), steps=st.integers(0, 25))
def test_whatever_the_relation_does_is_accepted(profile: str, seed: int, steps: int) -> None:
    automaton = bench_of(profile).automaton
    walk = started(seed, automaton.relation)
    for _ in range(steps):
        walk.go()
    seen = walk.seen[: next((i for i, said in enumerate(walk.seen) if isinstance(said, Ended)), len(walk.seen))]
    cursor = Cursor(automaton, late=False)
    cursor.add_monitor(Monitor(connected=False))
    for place, observation in enumerate(seen):
        assert cursor.follow(observation) is not None, [str(said) for said in seen[: place + 1]]
