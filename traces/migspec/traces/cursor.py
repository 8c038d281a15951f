"""Where a VM is in the automaton, and the way it came.

A trace conforms if any beginning explains it, and the likeliest explains nearly all.  The cursor therefore starts with
the likeliest and keeps the observations; if one is rejected, it tries the same way from the next beginnings before it
admits that nothing explains it.
"""

from __future__ import annotations

from collections.abc import Iterable

from migspec.traces.automaton import Automaton, Edge, Node
from migspec.traces.beginnings import LATE, beginnings
from migspec.traces.hypotheses import Hypothesis, Monitor
from migspec.traces.observations import Observation

LONGEST_WAY = 20_000
"""Observations that are kept to be tried again.  A VM that was explained for so long was not misjudged at the start."""


class Cursor:
    """The position of one VM in an automaton."""

    __slots__ = ("_tier", "automaton", "monitors", "node", "taken", "way")

    def __init__(self, automaton: Automaton, *, late: bool) -> None:
        self.automaton = automaton
        self.monitors = 0
        self.taken: dict[Edge, int] = {}
        self._tier = 0
        self.node: Node
        self.way: list[Observation | int] | None
        self.begin(late=late)

    def begin(self, *, late: bool) -> None:
        """Forget everything about the VM; a trace that begins `late` may find a migration under way."""
        choices = beginnings(self.automaton.relation)
        self._tier = min(LATE, len(choices) - 1) if late else 0
        self.node = self._beginning((self._tier,), self.monitors)
        self.way = []

    def follow(self, observation: Observation) -> Edge | None:
        """Move along `observation`; None, without moving, if nothing explains it."""
        edge = self.automaton.follow(self.node, observation)
        if edge.node is None:
            if not self._begin_otherwise(observation):
                return None
            edge = self.automaton.follow(self.node, observation)
        self.advance(edge, observation)
        return edge

    def advance(self, edge: Edge, observation: Observation) -> None:
        """Move along an edge of the current node that leads somewhere."""
        taken = self.taken
        taken[edge] = taken.get(edge, 0) + 1
        assert edge.node is not None
        self.node = edge.node
        if self.way is not None:
            self.way.append(observation)
            if len(self.way) > LONGEST_WAY:
                self.way = None

    def jump(self, node: Node) -> None:
        """Go on at `node`, for reasons that are no observation."""
        self.node = node
        self.way = None

    def add_monitor(self) -> int:
        """Give every hypothesis one more monitor, of which nothing is known, and return its index."""
        index = self.monitors
        self.monitors += 1
        self.node = self._with_monitors(self.node.hypotheses, self.monitors)
        if self.way is not None:
            self.way.append(self.monitors)
        return index

    def allow_another_process(self) -> None:
        """The process may have been replaced by another one, with all its monitors closed so far."""
        monitors = (Monitor(connected=False),) * self.monitors
        fresh = [h._replace(monitors=monitors) for h in beginnings(self.automaton.relation)[0]]
        self.jump(self.automaton.node((*self.node.hypotheses, *fresh)))

    def _begin_otherwise(self, rejected: Observation) -> bool:
        """Try the way so far from the next beginnings; true if one of them explains it and `rejected` too."""
        if self.way is None:
            return False
        for tier in range(self._tier + 1, len(beginnings(self.automaton.relation))):
            node: Node | None = self._beginning((tier,), 0)
            for step in self.way:
                if node is None:
                    break
                if isinstance(step, int):
                    node = self._with_monitors(node.hypotheses, step)
                else:
                    node = self.automaton.follow(node, step).node
            if node is not None and self.automaton.follow(node, rejected).node is not None:
                self._tier, self.node = tier, node
                return True
        return False

    def _beginning(self, tiers: Iterable[int], monitors: int) -> Node:
        choices = beginnings(self.automaton.relation)
        return self._with_monitors((h for tier in tiers for h in choices[tier]), monitors)

    def _with_monitors(self, hypotheses: Iterable[Hypothesis], count: int) -> Node:
        return self.automaton.node(
            h._replace(monitors=h.monitors + (Monitor(),) * (count - len(h.monitors))) for h in hypotheses
        )
