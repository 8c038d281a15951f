"""The automaton of a profile: sets of hypotheses as nodes, observations as edges, built as traces need them.

A node is every hypothesis that is consistent with all that was seen.  Following an edge closes the set over hidden
steps, keeps what can show the observation, and remembers the result, so that the second time is one look-up in a
dictionary.  Traces of a profile share one automaton.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from migspec.spec.commands import contract_of
from migspec.spec.rows import SEED
from migspec.spec.rules import RULES
from migspec.spec.state import ENDINGS, VARIABLES, Life
from migspec.spec.steps import LIFE, NEGOTIATED, NEGOTIATING, Due, Monitor, Owed, Step, deliver_event
from migspec.traces.beginnings import beginnings, consistency
from migspec.traces.hypotheses import ONE_UNSEEN, Hypothesis, Relation, deliver_reply
from migspec.traces.needed import (
    EVERY,
    bit,
    held_of_event,
    held_of_greeting,
    held_of_reply,
    names,
    shown_by_event,
    shown_by_reply,
)
from migspec.traces.observations import Emitted, Ended, Greeted, Observation, Replied, Sent

MOST_HYPOTHESES = 60_000
"""A larger closure is cut short: a message that it does not explain is then no violation but a doubt."""

MOST_NODES = 50_000
"""Nodes kept before the automaton starts anew; it bounds the memory of endless and of hostile traces."""

PLACE: int = sum(VARIABLES[name].field for name in ("outgoing", "incoming", "stage", "load", "run", "life"))
"""The variables by which the states of a large set differ most."""

_OTHERS = tuple(~variable.field for variable in VARIABLES.values())
"""For each variable, all the others."""


class TooManyHypothesesError(Exception):
    """A search that has found more than it was allowed to."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most
        """What it was allowed to find."""

    def __str__(self) -> str:
        return f"There are more than {self.most} possibilities."


@dataclass(frozen=True, slots=True)
class Limit:
    """How many hypotheses a search may find; `check_time` is called now and then, and raises when the time is up."""

    most: int = sys.maxsize
    check_time: Callable[[], None] = lambda: None

    def keep(self, found: int) -> None:
        """Raise `TooManyHypothesesError` where so many are too many, or what `check_time` raises."""
        if found > self.most:
            raise TooManyHypothesesError(self.most)
        self.check_time()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector from looking for cycles in what a search finds, again and again: there are none."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Reached:
    """A hypothesis reached in a closure, with the rules of the shortest way to it.

    `needed` are the rules that every way to it takes, as bits; `others` the further ways, while that is found out.
    """

    __slots__ = ("before", "hypothesis", "needed", "others", "rule")

    def __init__(self, hypothesis: Hypothesis, before: Reached | None, rule: str) -> None:
        self.hypothesis = hypothesis
        self.before = before
        self.rule = rule
        self.needed = EVERY
        self.others: tuple[tuple[Reached | None, str], ...] = ()

    def rules(self) -> Iterator[str]:
        """The rules of the way here, the last one first."""
        reached: Reached | None = self
        while reached is not None:
            if reached.rule:
                yield reached.rule
            reached = reached.before


class Edge:
    """What an observation leads to: the next node, the rules that it exercises, the defects that it proves.

    `owner` is the cursor that took it last and `count` how often that one did.
    """

    __slots__ = ("count", "node", "notes", "owner", "rules")

    def __init__(self, node: Node | None, rules: frozenset[str], notes: tuple[str, ...]) -> None:
        self.node = node
        self.rules = rules
        self.notes = notes
        self.owner: object = None
        self.count = 0


@dataclass(eq=False, slots=True)
class Node:
    """A set of hypotheses, its closure once that was needed, and the edges followed so far.

    `lacks_some` marks a set from which a search that was cut short may have left out some.
    """

    hypotheses: tuple[Hypothesis, ...]
    lacks_some: bool = False
    edges: dict[Observation, Edge] = field(default_factory=dict)
    closure: tuple[Reached, ...] | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether hypotheses are missing: a search was cut short on the way here, or in its own closure."""
        return self.lacks_some or (self.closure is not None and len(self.closure) >= MOST_HYPOTHESES)


class _Search:
    """A breadth-first search over hidden steps that passes over what a state already found covers."""

    def __init__(self, relation: Relation, narrowed: Callable[[int], int], limit: Limit) -> None:
        self.found: list[Reached] = []
        self._relation = relation
        self._limit = limit
        self._narrowed = narrowed
        # by what is under way and where the VM is, what was found there
        self._known: dict[tuple[object, ...], list[Reached]] = {}
        self._exactly: dict[Hypothesis, Reached] = {}

    def from_(self, start: Hypothesis, *, ends_there: bool = True) -> bool:
        """Search on from a further hypothesis; false if it was found already, which `ends_there` then makes a start."""
        first = Reached(start.moved(self._narrowed(start.state)), None, "")
        known = self._known_as(first)
        if known is not first:
            if ends_there:
                known.others += ((None, ""),)
            return False
        frontier = [first]
        while frontier and len(self.found) < MOST_HYPOTHESES:
            self.found += frontier
            self._limit.keep(len(self.found))
            reached = []
            for origin in frontier:
                for rule, after in self._relation.hidden(origin.hypothesis):
                    step = Reached(after.moved(self._narrowed(after.state)), origin, rule)
                    known = self._known_as(step)
                    if known is step:
                        reached.append(step)
                    else:
                        known.others += ((origin, rule),)
            frontier = reached
        return True

    def finish(self) -> tuple[Reached, ...]:
        """All that was found, with the rules that are needed to get there."""
        changed = True
        while changed:
            changed = False
            for reached in self.found:
                needed = _needed_by(reached.before, reached.rule)
                for before, rule in reached.others:
                    needed &= _needed_by(before, rule)
                changed |= needed != reached.needed
                reached.needed = needed
        for reached in self.found:
            reached.others = ()
        return tuple(self.found)

    def _known_as(self, reached: Reached) -> Reached:
        """What was found already and leaves open all that the hypothesis says; itself if it is new."""
        h = reached.hypothesis
        known = self._exactly.get(h)
        if known is not None:
            return known
        # a state seldom covers one that is elsewhere, and to miss it costs time and nothing else
        place = h.state & PLACE
        alike = self._known.setdefault((h.owed, h.monitors, place), [])
        known = _covering(h, alike)
        if known is None:
            # where a request may still be executed unseen, all is possible that is possible where it was
            waiting = _waiting(h.monitors)
            if waiting != h.monitors:
                known = _covering(h, self._known.get((h.owed, waiting, place), ()))
        if known is None:
            known = reached
            alike.append(reached)
        self._exactly[h] = known
        return known


@lru_cache(maxsize=4096)
def _waiting(monitors: tuple[Monitor, ...]) -> tuple[Monitor, ...]:
    """The same monitors with a request that may still be executed unseen."""
    return tuple(monitor._replace(late=ONE_UNSEEN) for monitor in monitors)


def _needed_by(before: Reached | None, rule: str) -> int:
    """The rules that a way takes which comes by `before` and goes on with `rule`; none at the start."""
    return before.needed | bit(rule) if before is not None else 0


def _covering(h: Hypothesis, found: Iterable[Reached]) -> Reached | None:
    """The first of these that leaves open all that `h` says, with no more notes."""
    for reached in found:
        other = reached.hypothesis
        if h.state & ~other.state == 0 and other.notes <= h.notes:
            return reached
    return None


class Automaton:
    """All nodes and edges of one relation."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self._nodes: dict[tuple[frozenset[Hypothesis], bool], Node] = {}
        self._narrowed = consistency(relation).narrowed
        self._replaced: dict[tuple[Node, int], Node] = {}
        self._limit = Limit()

    @contextmanager
    def within(self, limit: Limit) -> Iterator[None]:
        """For a while every search is ended by an exception where it goes beyond a limit.

        What was asked cannot be answered then, and nothing is known that was not known before.
        """
        before, self._limit = self._limit, limit
        try:
            yield
        finally:
            self._limit = before

    def node(self, hypotheses: Iterable[Hypothesis], *, lacks_some: bool = False) -> Node:
        """The node of exactly these hypotheses, less those that another one covers."""
        narrowed = (h.moved(self._narrowed(h.state)) for h in hypotheses)
        # always in the same order: of two that lead to the same, a closure knows the first
        ordered = tuple(sorted(condensed(narrowed), key=_rank))
        kept = frozenset(ordered)
        found = self._nodes.get((kept, lacks_some))
        if found is None:
            if len(self._nodes) >= MOST_NODES:
                self._nodes.clear()
                self._replaced.clear()
            found = self._nodes[kept, lacks_some] = Node(ordered, lacks_some)
        return found

    def follow(self, node: Node, observation: Observation) -> Edge:
        """The edge from `node` for `observation`; its node is None if no hypothesis allows it."""
        edge = node.edges.get(observation)
        if edge is None:
            edge = node.edges[observation] = self._edge(node, observation)
        return edge

    def replaced(self, node: Node, monitors: int) -> Node:
        """The node in which the process may as well be another one, whose so many monitors are all closed so far."""
        found = self._replaced.get((node, monitors))
        if found is None:
            closed = (Monitor(connected=False),) * monitors
            fresh = (h._replace(monitors=closed) for h in beginnings(self.relation)[0])
            found = self.node((*node.hypotheses, *fresh), lacks_some=node.lacks_some)
            self._replaced[node, monitors] = found
        return found

    def closure(self, node: Node) -> tuple[Reached, ...]:
        """Every hypothesis that the node's may become without showing anything, themselves included."""
        if node.closure is None:
            search = _Search(self.relation, self._narrowed, self._limit)
            with _undisturbed():
                for h in node.hypotheses:
                    search.from_(h)
                node.closure = search.finish()
        else:
            self._limit.keep(len(node.closure))
        return node.closure

    def _generated(self, hypotheses: Iterable[Hypothesis], *, lacks_some: bool) -> Node:
        """The node of these hypotheses, less those that others become by hidden steps: they add nothing."""
        search = _Search(self.relation, self._narrowed, self._limit)
        with _undisturbed():
            generators = [h for h in hypotheses if search.from_(h, ends_there=False)]
        node = self.node(generators, lacks_some=lacks_some)
        if node.closure is None and len(node.hypotheses) == len(generators):
            node.closure = search.finish()
        return node

    def _edge(self, node: Node, observation: Observation) -> Edge:
        survivors: dict[Hypothesis, None] = {}
        needed = EVERY
        for h, rules in self._show(node, observation):
            survivors[h] = None
            needed &= rules
        if not survivors:
            return Edge(None, frozenset(), ())
        # where explanations were left out, any rule may be one that they do without
        certain = frozenset() if node.is_doubtful else names(needed)
        notes = frozenset.intersection(*(h.notes for h in survivors))
        told = notes
        if not notes and all(h.notes for h in survivors):
            # some defect is certain: it is put down to the nearest one
            told = next(iter(survivors)).notes
            notes = frozenset().union(*(h.notes for h in survivors))
        else:
            certain |= notes
        if notes:
            survivors = dict.fromkeys(h._replace(notes=h.notes - notes) for h in survivors)
        # a request, a greeting or a farewell takes no step, so it makes no hypothesis superfluous
        searched = isinstance(observation, Replied | Emitted) and len(survivors) > 1
        lacks_some = node.is_doubtful
        found = self._generated if searched else self.node
        reached = found(survivors, lacks_some=lacks_some)
        held = (rule for rule in _held(observation) if self.relation.profile in RULES[rule].profiles)
        return Edge(reached, certain.union(held), tuple(sorted(told)))

    def _show(self, node: Node, observation: Observation) -> Iterator[tuple[Hypothesis, int]]:
        """What may be after `observation`, each with the rules that are needed for that, as bits."""
        match observation:
            case Sent(monitor):
                for h in node.hypotheses:
                    yield h.with_monitor(monitor, h.monitors[monitor].asked(observation.request)), 0
            case Greeted(monitor, again):
                session = NEGOTIATING | NEGOTIATED if self.relation.hides_requests else NEGOTIATING
                for h in node.hypotheses:
                    yield _greet(h, monitor, session, again=again), 0
            case Ended():
                yield from self._end(node, observation)
            case Replied() if self._is_neutral(node, observation):
                for h in node.hypotheses:
                    yield from self._answer_at_once(h, observation)
            case Replied(monitor, _, reply, oob):
                for reached in self.closure(node):
                    for due, after in deliver_reply(reached.hypothesis, monitor, reply, oob=oob is not None):
                        yield after, shown_by_reply(reached.needed, due.expect)
            case Emitted(monitor, event):
                for reached in self.closure(node):
                    for after in deliver_event(reached.hypothesis, monitor, event):
                        yield after, shown_by_event(reached.needed)
                    for rule, shown in self.relation.take_instant(reached.hypothesis, event):
                        for after in deliver_event(shown, monitor, event):
                            yield after, shown_by_event(reached.needed) | bit(rule)

    def _is_neutral(self, node: Node, observation: Replied) -> bool:
        """Whether a reply says nothing about the state, so that every hidden step may as well come after it."""
        contract = contract_of(observation.command, self.relation.profile)
        says_nothing = contract.aside or contract.command in ("", "qmp_capabilities")
        if observation.oob is not None or not says_nothing:
            return False
        for h in node.hypotheses:
            monitor = h.monitors[observation.monitor]
            if any(h.owed) or monitor.backlog or not monitor.queue or monitor.queue[0].monitor_command:
                return False
            if monitor.again:
                return False  # what happens before events are delivered is not seen
        return True

    def _answer_at_once(self, h: Hypothesis, observation: Replied) -> Iterator[tuple[Hypothesis, int]]:
        index = observation.monitor
        for _, after in self.relation.execute(h, index, h.monitors[index].queue[0], oob=False):
            for due, shown in deliver_reply(after, index, observation.reply, oob=False):
                yield shown, shown_by_reply(0, due.expect)

    def _end(self, node: Node, end: Ended) -> Iterator[tuple[Hypothesis, int]]:
        if end.by_client or end.exit is None:
            for h in node.hypotheses:
                yield _disconnect(h, end.monitor, left=end.by_client), 0
        if end.by_client:
            return
        allowed = LIFE.bits(_lives_of(end.exit)) if end.exit is not None else 0
        for reached in self.closure(node):
            h = reached.hypothesis
            state = h.state & (~LIFE.field | allowed)
            if self.relation.profile == SEED:
                state = h.state  # the schema says nothing of how a process ends
            elif end.exit == 0 and not any(_is_watching(monitor) for monitor in h.monitors):
                state = h.state & ~LIFE.field | allowed  # what ended it was not told
            if state & LIFE.field:
                yield _disconnect(h._replace(state=state), end.monitor), reached.needed


def _held(observation: Observation) -> frozenset[str]:
    """The rules that a message is held against whatever explains it."""
    match observation:
        case Replied(_, command, reply):
            return held_of_reply(command, reply.types, success=not reply.is_error)
        case Emitted(_, event):
            return held_of_event(event.partition(":")[0])
        case Greeted():
            return held_of_greeting()
    return frozenset()


def _lives_of(code: int) -> tuple[str, ...]:
    """The ways of life that may end with an exit code; one that a signal from outside caused may end any."""
    return ENDINGS.get(code, tuple(Life))


def _is_watching(monitor: Monitor) -> bool:
    """Whether what ends the process would have been told to it, as far as it got."""
    return not (monitor.left or (monitor.connected and monitor.session & NEGOTIATING))


def _greet(h: Hypothesis, index: int, session: int, *, again: bool) -> Hypothesis:
    orphans = h.monitors[index].orphans
    return h.with_monitor(index, Monitor(session=session, again=again, orphans=orphans))


def _disconnect(h: Hypothesis, index: int, *, left: bool | None = None) -> Hypothesis:
    monitor = h.monitors[index]
    owed = tuple(
        tuple(item for item in items if not (isinstance(item, Due) and item.monitor == index)) for items in h.owed
    )
    was_left = monitor.left if left is None else left
    gone = Monitor(connected=False, orphans=monitor.orphans + monitor.queue + monitor.oob, left=was_left)
    return h._replace(owed=owed).with_monitor(index, gone)


def condensed(hypotheses: Iterable[Hypothesis]) -> Iterator[Hypothesis]:
    """The same possibilities in fewer hypotheses.

    Two that differ in one variable only are one that leaves it open, and one of which another says the same with
    less knowledge and no more notes adds nothing.
    """
    groups: dict[tuple[tuple[tuple[Owed, ...], ...], tuple[Monitor, ...], frozenset[str]], set[int]] = {}
    for h in hypotheses:
        groups.setdefault((h.owed, h.monitors, h.notes), set()).add(h.state)
    joined: dict[tuple[object, ...], list[Hypothesis]] = {}
    for (owed, monitors, notes), states in groups.items():
        for state in _united(states):
            joined.setdefault((owed, monitors), []).append(Hypothesis(state, owed, monitors, notes))
    for group in joined.values():
        kept: list[Hypothesis] = []
        for h in sorted(group, key=lambda h: (len(h.notes), -h.state.bit_count(), h.state)):
            if not any(h.state & ~k.state == 0 and k.notes <= h.notes for k in kept):
                kept.append(h)
        yield from kept


def _rank(h: Hypothesis) -> tuple[object, ...]:
    """Where a hypothesis stands in an order that is the same in every process."""
    owed = tuple(item if isinstance(item, str) else item.expect.rule for items in h.owed for item in items)
    asked = tuple(r.command for m in h.monitors for r in (*m.queue, *m.oob, *m.orphans))
    waiting = tuple((m.connected, m.session, m.late, m.again, m.left, len(m.backlog)) for m in h.monitors)
    return h.state, len(h.notes), owed, asked, waiting, sorted(h.notes)


def _united(states: set[int]) -> Iterable[int]:
    """Fewer states that allow the same: a state is a choice for each variable, so one variable at a time may grow."""
    before = 0
    while len(states) > 1 and len(states) != before:
        before = len(states)
        for rest in _OTHERS:
            grown: dict[int, int] = {}
            for state in states:
                key = state & rest
                grown[key] = grown.get(key, 0) | state
            states = set(grown.values())
    return states


__all__ = ["MOST_HYPOTHESES", "Automaton", "Edge", "Limit", "Node", "Reached", "Step", "TooManyHypothesesError"]
