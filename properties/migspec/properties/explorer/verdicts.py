"""The verdict on each property over the states and steps that an exploration has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migspec.properties.explorer.fair import Trap, unfulfilled
from migspec.properties.explorer.graph import Composition, Explored
from migspec.properties.explorer.local import Move
from migspec.properties.temporal import (
    Action,
    Always,
    AlwaysStep,
    Atom,
    Formula,
    LeadsTo,
    Moment,
    Predicate,
    Sometimes,
    SometimesStep,
    Taken,
    Truth,
)
from migspec.spec.composition import Side
from migspec.spec.state import ANYTHING


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an exploration says of a formula.

    `way` are the states from a beginning to the fault, or to an example of what must be possible; after the `trap` of a
    formula about the end nothing, or only its cycle, can follow.
    """

    holds: bool
    way: tuple[int, ...] = ()
    trap: Trap | None = None


class Examiner:
    """Asks formulas of what was explored."""

    def __init__(self, composition: Composition, explored: Explored, unfair: frozenset[str]) -> None:
        self._composition = composition
        self._explored = explored
        self._unfair = unfair
        self._names: dict[str, tuple[int, int]] | None = None

    def verdict(self, formula: Formula) -> Verdict:
        """Whether a formula holds of everything that was explored."""
        match formula:
            case Always(predicate):
                fault = self._first(~predicate)
                return Verdict(fault is None, self._way(fault))
            case Sometimes(predicate):
                example = self._first(predicate)
                return Verdict(example is not None, self._way(example))
            case AlwaysStep(action):
                return self._every_step(action)
            case SometimesStep(names):
                found = next((self._taken()[name] for name in sorted(names) if name in self._taken()), None)
                return Verdict(False) if found is None else Verdict(True, (*self._way(found[0]), found[1]))
            case LeadsTo(first, then):
                return self._in_the_end(first, then)

    def where(self, predicate: Predicate) -> Iterator[int]:
        """The states in which a predicate holds, nearest first."""
        test = Test(self._composition, predicate)
        if test.never():
            return iter(())
        return (state for state in self._explored.found if test.holds(state))

    def _first(self, predicate: Predicate) -> int | None:
        return next(self.where(predicate), None)

    def _way(self, state: int | None) -> tuple[int, ...]:
        return () if state is None else tuple(self._composition.states_to(self._explored, state))

    def _every_step(self, action: Action) -> Verdict:
        composition = self._composition
        suspects = {side: self._suspects(side, action) for side in Side}
        # whether a step is as it must be depends on both configurations; whether it may be taken, on the link too
        faults: dict[tuple[Side, int, int], tuple[Move, ...]] = {}
        for state in self._explored.found:
            source, destination = composition.numbers(state)
            for side, number, peer in (
                (Side.SOURCE, source, destination),
                (Side.DESTINATION, destination, source),
            ):
                moves = suspects[side].get(number)
                if not moves:
                    continue
                key = side, number, peer
                faulty = faults.get(key)
                if faulty is None:
                    faulty = faults[key] = tuple(
                        move for move in moves if self._truth(action, side, number, move, peer) is False
                    )
                for after in composition.taken_among(state, side, faulty):
                    return Verdict(False, (*self._way(state), after))
        return Verdict(True)

    def _suspects(self, side: Side, action: Action) -> dict[int, tuple[Move, ...]]:
        """The steps of each configuration of a side that may not be as they must, for all that it knows alone."""
        vm = self._composition.vms[side]
        found = {}
        for number in range(len(vm.configurations)):
            moves = tuple(
                move for move in vm.moves(number) if self._truth(action, side, number, move, None) is not True
            )
            if moves:
                found[number] = moves
        return found

    def _truth(self, action: Action, side: Side, number: int, move: Move, peer: int | None) -> Truth:
        """Whether a step is as it must be, with the peer in a configuration, or whatever that is."""
        vms = self._composition.vms
        other = ANYTHING if peer is None else vms[side.peer].configurations[peer].state
        before, after = vms[side].configurations[number].state, vms[side].configurations[move.after].state
        taken = Taken(side, move.name)
        return action.truth(_moment(side, before, other), taken, _moment(side, after, other))

    def _taken(self) -> dict[str, tuple[int, int]]:
        """For each step that is taken somewhere, the nearest state in which it is, and where it leads."""
        if self._names is None:
            self._names = {}
            composition = self._composition
            # a step is known by the configuration of its side, so each of these is looked at once in vain at most
            for state in self._explored.found:
                source, destination = composition.numbers(state)
                if self._is_exhausted(Side.SOURCE, source) and self._is_exhausted(Side.DESTINATION, destination):
                    continue
                for edge in composition.edges(state):
                    self._names.setdefault(edge.name, (state, edge.after))
        return self._names

    def _is_exhausted(self, side: Side, number: int) -> bool:
        """Whether every step of a configuration is known to be taken somewhere."""
        names = self._names or {}
        return all(move.name in names for move in self._composition.vms[side].moves(number))

    def _in_the_end(self, first: Predicate | None, then: Predicate) -> Verdict:
        composition, explored = self._composition, self._explored
        open_ = Test(composition, ~then)
        starts = (
            (state for state in composition.beginnings() if open_.holds(state))
            if first is None
            else self.where(first & ~then)
        )
        trap = unfulfilled(composition, starts, open_.holds, self._unfair)
        if trap is None:
            return Verdict(True)
        way = (*composition.states_to(explored, trap.way[0]), *trap.way[1:])
        return Verdict(False, way, trap)


class Test:
    """A predicate made fit to be asked of very many states: what it says of each configuration is remembered."""

    def __init__(self, composition: Composition, predicate: Predicate) -> None:
        self._composition = composition
        self._predicate = predicate
        self._atoms: Mapping[Side, tuple[Atom, ...]] = {
            side: tuple(dict.fromkeys(atom for atom in predicate.atoms() if atom.side is side)) for side in Side
        }
        self._patterns: Mapping[Side, dict[int, int]] = {side: {} for side in Side}
        self._known: dict[tuple[int, int], bool] = {}

    def holds(self, state: int) -> bool:
        """Whether it holds in a state."""
        source, destination = self._composition.numbers(state)
        key = self._pattern(Side.SOURCE, source), self._pattern(Side.DESTINATION, destination)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._predicate.truth(self._composition.moment(state)) is True
        return known

    def never(self) -> bool:
        """Whether it speaks of one side, and holds of none of its configurations: then no state need be asked."""
        sides = [side for side in Side if self._atoms[side]]
        if len(sides) != 1:
            return False
        (side,) = sides
        states = {configuration.state for configuration in self._composition.vms[side].configurations}
        return not any(self._predicate.truth(_moment(side, state, ANYTHING)) for state in states)

    def _pattern(self, side: Side, number: int) -> int:
        """Which of the conditions on a side hold of a configuration, as bits."""
        found = self._patterns[side].get(number)
        if found is None:
            state = self._composition.vms[side].configurations[number].state
            found = sum(1 << i for i, atom in enumerate(self._atoms[side]) if atom.condition.holds(state))
            self._patterns[side][number] = found
        return found


def _moment(side: Side, state: int, peer: int) -> Moment:
    """The moment in which one side and its peer are in these states."""
    return Moment(state, peer) if side is Side.SOURCE else Moment(peer, state)
