"""What never has to end: runs that avoid something for ever although every process goes on as it must.

Two kinds of steps are fair.  A thread delivers what it owes (weak fairness), and a VM takes a step with which it gets
on wherever it could over and over (strong fairness): every step of its own but the unfair, which only repeat, or are
defects.  What a client asks for and what befalls the processes is nobody's duty.  A run that avoids something is then a
way to a *trap*: a state in which nothing fair is left to happen, or a cycle that misses no fair step which it could
take again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from migspec.properties.explorer.local import Kind, Move

_NEITHER = (False, False)


class Walkable(Protocol):
    """A graph whose steps can be looked at."""

    def successors(self, state: int) -> Iterator[tuple[Move | None, int]]:
        """Each step from a state, None for what befalls it, and where it leads."""


Graph = Mapping[int, tuple[tuple[int, bool, bool], ...]]
"""Of each state its steps that go on avoiding: where to, whether it is a delivery, whether it gets on."""


@dataclass(frozen=True, slots=True)
class Trap:
    """A run that never ends: a way, and the cycle at its end, empty where it just stops."""

    way: tuple[int, ...]
    cycle: tuple[int, ...] = ()


@dataclass(slots=True)
class _Region:
    """The states that avoid something, and which fair steps each could take, leaving the region included."""

    graph: dict[int, tuple[tuple[int, bool, bool], ...]]
    delivers: set[int]
    advances: set[int]
    origin: dict[int, int | None]


def is_delivery(move: Move) -> bool:
    """Whether a thread delivers something that it owes."""
    if move.counter:
        return False
    return move.kind in (Kind.EVENT, Kind.REPLY) or (move.kind is Kind.HIDDEN and not move.name)


def gets_on(move: Move, unfair: frozenset[str]) -> bool:
    """Whether a VM takes a step of its own with which it gets on."""
    if move.counter or not move.name:
        return False
    return move.kind in (Kind.HIDDEN, Kind.ENDED) and move.name not in unfair


def unfulfilled(
    graph: Walkable, starts: Iterable[int], avoids: Callable[[int], bool], unfair: frozenset[str]
) -> Trap | None:
    """A run from one of these states that goes on as it must and never leaves those that avoid something."""
    region = _region(graph, starts, avoids, unfair)
    for state in region.graph:
        if state not in region.delivers and state not in region.advances:
            return Trap(_from_start(region, state))
    for component in _components(region.graph, set(region.graph)):
        cycle = _fair_cycle(region, component)
        if cycle:
            return Trap(_from_start(region, cycle[0]), tuple(cycle))
    return None


def _region(graph: Walkable, starts: Iterable[int], avoids: Callable[[int], bool], unfair: frozenset[str]) -> _Region:
    origin: dict[int, int | None] = dict.fromkeys(starts)
    region = _Region({}, set(), set(), origin)
    kinds: dict[int, tuple[bool, bool]] = {}
    frontier = list(origin)
    while frontier:
        reached = []
        for state in frontier:
            steps = []
            for move, after in graph.successors(state):
                if after == state:
                    continue  # a step that changes nothing is none
                delivers, advances = _NEITHER
                if move is not None:
                    # a step is made once, and lives as long as the composition
                    kind = kinds.get(id(move))
                    if kind is None:
                        kind = kinds[id(move)] = is_delivery(move), gets_on(move, unfair)
                    delivers, advances = kind
                if delivers:
                    region.delivers.add(state)
                if advances:
                    region.advances.add(state)
                if avoids(after):
                    steps.append((after, delivers, advances))
                    if after not in origin:
                        origin[after] = state
                        reached.append(after)
            region.graph[state] = tuple(steps)
        frontier = reached
    return region


def _from_start(region: _Region, state: int) -> tuple[int, ...]:
    way = [state]
    while (before := region.origin[way[-1]]) is not None:
        way.append(before)
    return tuple(reversed(way))


def _fair_cycle(region: _Region, component: set[int]) -> list[int]:
    """A fair cycle through all of a strongly connected component, or of a part of it; empty if there is none."""
    inside = [(state, step) for state in component for step in region.graph[state] if step[0] in component]
    if not inside:
        return []
    if not any(advances for _, (_, _, advances) in inside) and not component.isdisjoint(region.advances):
        # it must not pass again and again where it could get on: that leaves what is left without these states
        rest = component - region.advances
        for part in _components(region.graph, rest):
            cycle = _fair_cycle(region, part)
            if cycle:
                return cycle
        return []
    if not any(delivers for _, (_, delivers, _) in inside) and component <= region.delivers:
        return []
    return _round_trip(region, component)


def _round_trip(region: _Region, component: set[int]) -> list[int]:
    """A short cycle in a component, from its first state back to it; it stands for one that goes everywhere."""
    start = min(component)
    before: dict[int, int] = {}
    frontier = [start]
    while frontier:
        reached = []
        for state in frontier:
            for after, _, _ in region.graph[state]:
                if after == start:
                    cycle = [state]
                    while cycle[-1] != start:
                        cycle.append(before[cycle[-1]])
                    return [*reversed(cycle), start]
                if after in component and after not in before:
                    before[after] = state
                    reached.append(after)
        frontier = reached
    return []


def _components(graph: Graph, states: set[int]) -> Iterable[set[int]]:
    """The strongly connected components of some of the states that have a step inside (Tarjan, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[int] = []
    for root in states:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            state, steps = work[-1]
            for after, _, _ in steps:
                if after not in states:
                    continue
                if after not in index:
                    index[after] = low[after] = len(index)
                    stack.append(after)
                    on_stack.add(after)
                    work.append((after, iter(graph[after])))
                    break
                if after in on_stack:
                    low[state] = min(low[state], index[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    component = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.add(member)
                        if member == state:
                            break
                    if len(component) > 1:
                        yield component
