"""Where a VM is in the automaton, and the way it came.

A trace conforms if any beginning explains it, and the likeliest explains nearly all.  The cursor therefore starts with
the likeliest and keeps the observations; if one is rejected, it tries the same way from the next beginnings before it
admits that nothing explains it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from migspec.spec.state import VARIABLES
from migspec.traces.automaton import Automaton, Edge, Node
from migspec.traces.beginnings import FAR_FETCHED, LATE, UNUSUAL_SOURCE, beginnings
from migspec.traces.hypotheses import Hypothesis, Monitor
from migspec.traces.observations import Emitted, Observation

LONGEST_WAY = 20_000
"""Observations that are kept to be tried again.  A VM that was explained for so long was not misjudged at the start."""


def _is_suggested(tier: int, way: list[Observation | tuple[Monitor, ...]], rejected: Observation) -> bool:
    """Whether a trace gives reason to think of an uncommon beginning.

    That a source has sent COLO or dirty bitmaps shows in the message that names them.  COLO, or postcopy on both
    sides, from before the trace began is thought of if the trace names COLO, or if its very first event is the one
    that nothing likelier explains.
    """
    if tier == UNUSUAL_SOURCE:
        return any(word in str(rejected).lower() for word in ("colo", "postcopy"))
    if tier <= FAR_FETCHED:
        return True
    seen = [step for step in (*way, rejected) if not isinstance(step, tuple)]
    is_first_event = not any(isinstance(step, Emitted) for step in seen[:-1])
    return is_first_event or any("colo" in str(step).lower() for step in seen)


class _Try(NamedTuple):
    """One way to begin: which beginnings, and whether requests from before the trace may still be executed."""

    tier: int
    unseen: bool


class Cursor:
    """The position of one VM in an automaton."""

    __slots__ = ("_late", "_owned", "_taken", "_tries", "_unseen", "automaton", "monitors", "node", "way")

    def __init__(self, automaton: Automaton, *, late: bool) -> None:
        self.automaton = automaton
        self.monitors: tuple[Monitor, ...] = ()
        self._taken: Counter[frozenset[str]] = Counter()
        self._owned: list[Edge] = []
        self._tries: list[_Try]
        self._unseen: bool
        self._late: bool
        self.node: Node
        self.way: list[Observation | tuple[Monitor, ...]] | None
        self.begin(late=late)

    def begin(self, *, late: bool) -> None:
        """Forget everything about the VM; a trace that begins `late` may find a migration under way."""
        self._late = late
        tiers = range(len(beginnings(self.automaton.relation)))
        first = min(LATE, len(tiers) - 1) if late else 0
        # most late traces begin between two requests, not in the middle of one
        self._tries = [_Try(first, unseen=False)] * late + [_Try(tier, unseen=True) for tier in tiers[first:]]
        first_try = self._tries.pop(0)
        self._unseen = first_try.unseen
        self.node = self._beginning(first_try, self.monitors)
        self.way = [self.monitors] if self.monitors else []

    def follow(self, observation: Observation) -> Edge | None:
        """Move along `observation`; None, without moving, if nothing explains it."""
        edge = self.automaton.follow(self.node, observation)
        if edge.node is None and self._begin_otherwise(observation):
            edge = self.automaton.follow(self.node, observation)
        if edge.node is None:
            return None
        self.advance(edge, observation)
        return edge

    def follow_another_client(self, observation: Observation) -> Edge | None:
        """Move along `observation` from wherever an unseen client may have brought the VM; None if nowhere."""
        tiers = beginnings(self.automaton.relation)
        states = [start.state for start in tiers[min(LATE, len(tiers) - 1)]]
        anywhere = self.automaton.node(
            # a request of that client may also be under way, as one from before a late trace may be
            h._replace(state=state, monitors=tuple(monitor._replace(late=True) for monitor in h.monitors))
            for h in self.node.hypotheses
            for state in states
        )
        edge = self.automaton.follow(anywhere, observation)
        if edge.node is None:
            return None
        self.jump(edge.node)
        return edge

    def advance(self, edge: Edge, observation: Observation) -> None:
        """Move along an edge of the current node that leads somewhere, and own it unless it has something to say."""
        if not edge.notes and edge.owner is not self:
            self._own(edge)
        self.repeat(edge, observation)

    def repeat(self, edge: Edge, observation: Observation) -> None:
        """Move along an edge that this cursor was the last to take: the hot path of a long trace."""
        edge.count += 1
        node = edge.node
        if node is not None:
            self.node = node
        way = self.way
        if way is not None:
            way.append(observation)
            if len(way) > LONGEST_WAY:
                self.way = None

    def exercised(self) -> Counter[str]:
        """How often each rule was needed for certain on the way."""
        counts = Counter(self._taken)
        for edge in self._owned:
            if edge.owner is self:
                counts[edge.rules] += edge.count
                edge.owner, edge.count = None, 0
        self._owned.clear()
        self._taken = counts
        rules: Counter[str] = Counter()
        for needed, count in counts.items():
            for rule in needed:
                rules[rule] += count
        return rules

    def _own(self, edge: Edge) -> None:
        """Begin to count an edge; what another cursor has counted on it is credited to that one."""
        if isinstance(edge.owner, Cursor):
            edge.owner._taken[edge.rules] += edge.count
        edge.owner, edge.count = self, 0
        self._owned.append(edge)

    def lose(self) -> None:
        """Messages are missing: begin as late, with monitors of which nothing is known either."""
        self.monitors = (Monitor(session=VARIABLES["session"].field, late=True),) * len(self.monitors)
        self.begin(late=True)

    def jump(self, node: Node) -> None:
        """Go on at `node`, for reasons that are no observation."""
        self.node = node
        self.way = None

    def add_monitor(self, monitor: Monitor) -> int:
        """Give every hypothesis one more monitor and return its index."""
        self.monitors = (*self.monitors, monitor)
        self.node = self._with_monitors(self.node.hypotheses, self.monitors, unseen=self._unseen)
        if self.way is not None:
            self.way.append(self.monitors)
        return len(self.monitors) - 1

    def allow_another_process(self) -> None:
        """The process may have been replaced by another one, with all its monitors closed so far."""
        monitors = (Monitor(connected=False),) * len(self.monitors)
        fresh = [h._replace(monitors=monitors) for h in beginnings(self.automaton.relation)[0]]
        self.jump(self.automaton.node((*self.node.hypotheses, *fresh)))

    def _begin_otherwise(self, rejected: Observation) -> bool:
        """Try the way so far from the next beginnings; true if one of them explains it and `rejected` too."""
        while self.way is not None and self._tries:
            attempt = self._tries.pop(0)
            if not _is_suggested(attempt.tier, self.way, rejected):
                continue
            node = self._retrace(attempt, self.way)
            if node is not None and self.automaton.follow(node, rejected).node is not None:
                self.node, self._unseen = node, attempt.unseen
                return True
        return False

    def _retrace(self, attempt: _Try, way: list[Observation | tuple[Monitor, ...]]) -> Node | None:
        node: Node | None = self._beginning(attempt, ())
        for step in way:
            if node is None:
                return None
            if isinstance(step, tuple):
                node = self._with_monitors(node.hypotheses, step, unseen=attempt.unseen)
            else:
                node = self.automaton.follow(node, step).node
        return node

    def _beginning(self, attempt: _Try, monitors: tuple[Monitor, ...]) -> Node:
        start = beginnings(self.automaton.relation)[attempt.tier]
        if self._late:
            # a process that was found late may be about to end
            start = tuple(h._replace(state=h.state | VARIABLES["life"].field) for h in start)
        return self._with_monitors(start, monitors, unseen=attempt.unseen)

    def _with_monitors(self, hypotheses: Iterable[Hypothesis], monitors: tuple[Monitor, ...], *, unseen: bool) -> Node:
        given = tuple(monitor._replace(late=monitor.late and unseen) for monitor in monitors)
        return self.automaton.node(h._replace(monitors=h.monitors + given[len(h.monitors) :]) for h in hypotheses)
