"""The states of a composition, breadth first: two VMs, their link, and what may still befall them.

A state of the whole is one integer: the numbers of both VMs' configurations, that of the link, and a counter for each
thing that an environment bounds. A step that has nothing to do with the link adds a constant to it; only the few others
have to look at the link and at the peer, and those looks are remembered. So a state costs microseconds, however
much there is to say about it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from migspec.properties.explorer.environment import BEFALLS, MOST, Environment
from migspec.properties.explorer.local import Move, Vm, check_bounds
from migspec.properties.temporal import Moment
from migspec.spec.composition import LINK, UNUSED, Side
from migspec.spec.composition.tie import Tie
from migspec.spec.state import Load, assign
from migspec.spec.steps import Configuration, Relation

_BITS = 20
"""Bits of the number of a configuration; the link has as many."""
_MASK = (1 << _BITS) - 1
_SOURCE, _DESTINATION, _COUNTERS = 2 * _BITS, _BITS, 3 * _BITS
_AT: Mapping[Side, int] = {Side.SOURCE: _SOURCE, Side.DESTINATION: _DESTINATION}
_COUNTER_BITS = 2
_DEAF: Mapping[str, str] = {"load": Load.NONE}


class Edge(NamedTuple):
    """A step of the whole: who takes it, None for the surroundings, what it is, and where it leads."""

    side: Side | None
    move: Move | None
    name: str
    after: int


class Place(NamedTuple):
    """A state of the whole, taken apart."""

    source: Configuration
    destination: Configuration
    link: int
    left: Mapping[str, int]


@dataclass(slots=True)
class _Compiled:
    """The steps of one configuration of a VM, made fit for the loop: each a constant to be added.

    `free` have nothing to do with anything, `counted` use up a counter (its mask comes with them), `tied` look at
    the link and the peer.
    """

    free: tuple[int, ...]
    counted: tuple[tuple[int, int], ...]
    tied: tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class Explored:
    """What an exploration has found.

    `found` leads from each state to the one from which it was first reached, itself for a beginning.  `generated`
    counts the steps that were taken, `depth` is the longest of the shortest ways, and `layers` has the number of states
    at each distance. `is_complete` is false where the exploration was stopped.
    """

    found: dict[int, int]
    generated: int = 0
    depth: int = 0
    is_complete: bool = True
    layers: list[int] = field(default_factory=list)

    @property
    def distinct(self) -> int:
        """How many states there are."""
        return len(self.found)


class Composition:
    """Two VMs over a link in an environment, ready to be explored."""

    def __init__(self, environment: Environment) -> None:
        check_bounds(environment)
        self.environment = environment
        relation = Relation(environment.profile)
        self.vms: Mapping[Side, Vm] = {side: Vm(side, environment, relation) for side in Side}
        self.links: list[int] = []
        self._link_numbers: dict[int, int] = {}
        self._counters = {name: _COUNTERS + _COUNTER_BITS * place for place, name in enumerate(environment.counters())}
        self._of_link = tuple((name, self._counters[name]) for name in BEFALLS if name in environment.befalls)
        self._named: Mapping[Side, dict[int, tuple[tuple[Move, int, int, int], ...]]] = {side: {} for side in Side}
        self._compiled: Mapping[Side, dict[int, _Compiled]] = {side: {} for side in Side}
        self._ties: list[Tie] = []
        self._tie_numbers: dict[int, int] = {}
        self._crossed: dict[int, int] = {}
        self._peers: dict[tuple[int, int], bool] = {}

    # --- states

    def beginnings(self) -> tuple[int, ...]:
        """The states in which it may begin."""
        counters = self.environment.counters()
        full = sum(times << self._counters[name] for name, times in counters.items())
        link = self._link_number(UNUSED)
        return tuple(
            full
            + (self.vms[Side.SOURCE].beginning(source) << _SOURCE)
            + (self.vms[Side.DESTINATION].beginning(destination) << _DESTINATION)
            + link
            for source, destination in self.environment.beginnings()
        )

    def place(self, state: int) -> Place:
        """A state, taken apart."""
        return Place(
            self.configuration(state, Side.SOURCE),
            self.configuration(state, Side.DESTINATION),
            self.links[state & _MASK],
            {name: state >> at & MOST for name, at in self._counters.items()},
        )

    def configuration(self, state: int, side: Side) -> Configuration:
        """What one VM is in a state."""
        return self.vms[side].configurations[state >> _AT[side] & _MASK]

    def moment(self, state: int) -> Moment:
        """The same as properties see it."""
        return Moment(self.configuration(state, Side.SOURCE).state, self.configuration(state, Side.DESTINATION).state)

    def numbers(self, state: int) -> tuple[int, int]:
        """The numbers of the configurations of both VMs."""
        return state >> _SOURCE & _MASK, state >> _DESTINATION & _MASK

    def _link_number(self, link: int) -> int:
        found = self._link_numbers.get(link)
        if found is None:
            found = self._link_numbers[link] = len(self.links)
            self.links.append(link)
        return found

    # --- steps

    def edges(self, state: int) -> Iterator[Edge]:
        """Every step from a state, with what it is."""
        for side, move, after in self._taken(state):
            yield Edge(side, move, move.name, after)
        yield from (Edge(None, None, name, after) for name, after in self._befallen(state))

    def successors(self, state: int) -> Iterator[tuple[Move | None, int]]:
        """The same in fewer words: each step, None for what befalls the link, and where it leads."""
        for _, move, after in self._taken(state):
            yield move, after
        for _, after in self._befallen(state):
            yield None, after

    def taken_among(self, state: int, side: Side, moves: tuple[Move, ...]) -> Iterator[int]:
        """Where those of some steps of a side lead that may be taken in a state."""
        if moves:
            yield from (after for taker, move, after in self._taken(state) if taker is side and move in moves)

    def _taken(self, state: int) -> Iterator[tuple[Side, Move, int]]:
        """The steps of both VMs that may be taken in a state."""
        for side, at in _AT.items():
            number = state >> at & _MASK
            named = self._named[side].get(number) or self._name(side, number)
            for move, mask, tie, delta in named:
                if mask and not state & mask:
                    continue
                if tie >= 0:
                    change = self._change(side, tie, state)
                    if change is None:
                        continue
                    yield side, move, state + delta + change
                else:
                    yield side, move, state + delta

    def _name(self, side: Side, number: int) -> tuple[tuple[Move, int, int, int], ...]:
        """The steps of a configuration: each with the mask of its counter, its tie or -1, and what it adds."""
        at = _AT[side]
        steps = []
        for move in self.vms[side].moves(number):
            delta, mask = move.after - number << at, 0
            if move.counter:
                counter = self._counters[move.counter]
                delta, mask = delta - (1 << counter), MOST << counter
            steps.append((move, mask, -1 if move.tie is None else self._tie_number(move.tie), delta))
        found = self._named[side][number] = tuple(steps)
        return found

    def _change(self, side: Side, tie: int, state: int) -> int | None:
        """What a tie adds to the number of the link; None where it forbids the step."""
        number = state & _MASK
        key = tie << _BITS | number
        change = self._crossed.get(key)
        if change is None:
            bound, link = self._ties[tie], self.links[number]
            change = self._link_number(bound.after(link)) - number if bound.link.holds(link) else _MASK
            self._crossed[key] = change
        if change == _MASK:
            return None
        peer = side.peer
        at = state >> _AT[peer] & _MASK
        allowed = self._peers.get((tie, at))
        if allowed is None:
            configuration = self.vms[peer].configurations[at]
            condition = self._ties[tie].peer
            there = configuration.monitors[0].connected
            # whose process has ended is not there to listen
            allowed = condition.holds(configuration.state if there else assign(configuration.state, _DEAF))
            self._peers[tie, at] = allowed
        return change if allowed else None

    def _befallen(self, state: int) -> Iterator[tuple[str, int]]:
        """What may befall the link, each with the state after it."""
        for name, counter in self._of_link:
            if state >> counter & MOST:
                number = state & _MASK
                link = self.links[number]
                befallen = BEFALLS[name]
                if befallen.when.holds(link):
                    after = self._link_number(assign(link, befallen.then, LINK))
                    yield name, state + after - number - (1 << counter)

    def _tie_number(self, tie: Tie) -> int:
        found = self._tie_numbers.get(id(tie))
        if found is None:
            found = self._tie_numbers[id(tie)] = len(self._ties)
            self._ties.append(tie)
        return found

    def _compile(self, side: Side, number: int) -> _Compiled:
        steps = self._named[side].get(number) or self._name(side, number)
        found = self._compiled[side][number] = _Compiled(
            tuple(dict.fromkeys(delta for _, mask, tie, delta in steps if tie < 0 and not mask)),
            tuple((mask, delta) for _, mask, tie, delta in steps if tie < 0 and mask),
            tuple((tie, mask, delta) for _, mask, tie, delta in steps if tie >= 0),
        )
        return found

    # --- exploration

    def explore(self, *, at_most: int | None = None) -> Explored:
        """Every state that can be reached, breadth first; it stops after the layer in which `at_most` are passed."""
        beginnings = self.beginnings()
        found = {state: state for state in beginnings}
        explored = Explored(found, generated=len(beginnings), layers=[len(found)])
        frontier = list(found)
        while frontier:
            frontier, generated = self._layer(found, frontier)
            explored.generated += generated
            if frontier:
                explored.depth += 1
                explored.layers.append(len(frontier))
            if at_most is not None and len(found) > at_most:
                explored.is_complete = not frontier
                break
        return explored

    def _layer(self, found: dict[int, int], frontier: list[int]) -> tuple[list[int], int]:
        """The states that are first reached from those of a layer, and how many steps were taken."""
        reached: list[int] = []
        reach = reached.append
        generated = 0
        sides = tuple((side, _AT[side], self._compiled[side]) for side in Side)
        change_of, crossed, peers = self._change, self._crossed, self._peers
        for state in frontier:
            for side, at, compiled in sides:
                number = state >> at & _MASK
                steps = compiled.get(number) or self._compile(side, number)
                generated += len(steps.free)
                for delta in steps.free:
                    after = state + delta
                    if after not in found:
                        found[after] = state
                        reach(after)
                for mask, delta in steps.counted:
                    if state & mask:
                        generated += 1
                        after = state + delta
                        if after not in found:
                            found[after] = state
                            reach(after)
                for tie, mask, delta in steps.tied:
                    if mask and not state & mask:
                        continue
                    change = crossed.get(tie << _BITS | state & _MASK)
                    if change == _MASK:
                        continue
                    if change is None or not peers.get((tie, state >> _AT[side.peer] & _MASK)):
                        change = change_of(side, tie, state)
                        if change is None:
                            continue
                    generated += 1
                    after = state + delta + change
                    if after not in found:
                        found[after] = state
                        reach(after)
            for _, after in self._befallen(state):
                generated += 1
                if after not in found:
                    found[after] = state
                    reach(after)
        return reached, generated

    def degree(self, state: int) -> int:
        """How many steps there are from a state; such as are free of the link and lead to the same count once."""
        count = sum(1 for _ in self._befallen(state))
        for side, at in _AT.items():
            number = state >> at & _MASK
            steps = self._compiled[side].get(number) or self._compile(side, number)
            count += len(steps.free) + sum(1 for mask, _ in steps.counted if state & mask)
            for tie, mask, _ in steps.tied:
                if (not mask or state & mask) and self._change(side, tie, state) is not None:
                    count += 1
        return count

    # --- ways

    def states_to(self, explored: Explored, state: int) -> list[int]:
        """The states on a shortest way to one, from a beginning on."""
        states = [state]
        while explored.found[states[-1]] != states[-1]:
            states.append(explored.found[states[-1]])
        return states[::-1]

    def steps_along(self, states: Iterable[int]) -> list[Edge]:
        """The steps of a way that goes through these states."""
        return [self.edge(before, after) for before, after in pairwise(states)]

    def edge(self, before: int, after: int) -> Edge:
        """A step between two states.

        Raises `StopIteration` where there is none.
        """
        return next(edge for edge in self.edges(before) if edge.after == after)
