"""An exhaustive search for mutants: every word that two VMs over a link can show in an environment, held against the
checker.

A mutant changes the relation that the explorer walks. A word that it shows and the checker does not accept gives it
away, and the shortest is found. The words are those of a client that asks how the VM is at any moment. If there is no
such word, and every property about the end holds, then nothing that it does in that environment can be told from what
is right.

Where a changed row is taken in a state in which the specification's own is not, nothing binds it to the link: the
mutant takes it of its own accord.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from unittest.mock import patch

from tests.mutants.made import environments, is_known_to_reach, is_named
from tests.mutants.mutant import ENVELOPE, OPEN, Mutant, in_force
from tests.mutants.operators import ROW_OF
from tests.mutants.proofs import refines
from tests.properties.agreement import Checker, Letter, Projection, Shown, contained

from migspec.properties.catalogue import LIVENESS, UNFAIR, Property
from migspec.properties.explorer import graph
from migspec.properties.explorer.environment import ASKS, Environment
from migspec.properties.explorer.graph import Composition, Explored
from migspec.properties.explorer.local import Kind, Move, Vm
from migspec.properties.explorer.summary import applicable
from migspec.properties.explorer.verdicts import Examiner
from migspec.properties.explorer.written import text_of
from migspec.properties.temporal import SometimesStep
from migspec.reference_impl.calls import Failure
from migspec.spec.composition import Side
from migspec.spec.conditions import ALWAYS
from migspec.spec.steps import LIFE, LOOPING, MAIN, Configuration, Relation
from migspec.spec.vocabulary import ErrorClass
from migspec.traces.observations import Observation, Replied, Reply

MOST_STATES: Final = 400_000
"""States at which the exploration of an environment is stopped."""
SECONDS: Final = 30.0
"""Seconds of a processor for the words of one environment and side."""
HASTE: Final = 5.0
"""The same where there are too many states."""
ENOUGH: Final = 7
"""Environments that a mutant is searched in at most, those with the fewest states in which its rule is taken."""

LOST: Final = ("row.dropped", "case.skipped", "refusal.skipped", "guard.negated")
"""The kinds of mutants that may lack what the specification does by their rule."""
ANSWERED: Final = "every request is executed"
"""What a mutant breaks that has no answer to a request."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of a search: the word that gives the mutant away, or the property about the end that it breaks, and
    where; or else the environments in which all words were tried, and those in which there were too many.
    """

    word: tuple[Shown, ...] = ()
    broken: str = ""
    where: str = ""
    exhausted: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether the mutant was told apart."""
        return bool(self.word or self.broken)


class Reworded(Projection):
    """What the client of one VM sees whose refusals have the words of a mutant."""

    def __init__(self, environment: Environment, side: Side, composition: Composition, mutant: Mutant) -> None:
        super().__init__(environment, side, composition, probed=True)
        self._rule, self._wording = mutant.rule, mutant.wording

    def observations(self, letter: Shown) -> tuple[Observation, ...]:
        """A letter that was met as the checker sees it."""
        due = self.dues[letter] if isinstance(letter, Letter) and letter.kind is Kind.REPLY else None
        if due is None or self._wording is None or due.expect.rule != self._rule or due.request.monitor_command:
            return super().observations(letter)
        said = self._wording(Failure(text_of(due.expect), due.expect.error_class or ErrorClass.GENERIC_ERROR))
        reply = Reply(error_class=said.error_class, text=said.text)
        return (Replied(0, due.request.command, reply, 0 if due.oob else None),)


class Wayward(Vm):
    """A VM that takes the row of a mutant wherever the mutant does, bound to nothing where that is wrong."""

    def __init__(self, mutant: Mutant, side: Side, environment: Environment, relation: Relation) -> None:
        super().__init__(side, environment, relation)
        self._rule = mutant.rule
        self._guard = ROW_OF[mutant.rule].when if mutant.rule in ROW_OF else ALWAYS

    def _bound(self, c: Configuration, rule: str, after: Configuration, case: str) -> Iterator[Move]:
        bound = tuple(super()._bound(c, rule, after, case))
        yield from bound
        if self._rule in (rule, case) and not (bound and self._guard.holds(c.state)):
            yield from self._free(rule, after)


def composed(mutant: Mutant, environment: Environment) -> tuple[Composition, Explored]:
    """Two VMs that go by a mutant, with every step looked up that there is."""
    relation = mutant.relation
    with (
        in_force(mutant),
        patch.object(graph, "Relation", lambda _profile: relation),
        patch.object(graph, "Vm", partial(Wayward, mutant)),
    ):
        composition = Composition(environment)
        explored = composition.explore(at_most=MOST_STATES)
    return composition, explored


def is_unchanged(composition: Composition) -> bool:
    """Whether two VMs that go by a mutant are, and do, what two others do in the same environment."""
    unchanged = Composition(composition.environment)
    unchanged.explore(at_most=MOST_STATES)
    return all(_steps_of(composition.vms[side]) == _steps_of(unchanged.vms[side]) for side in Side)


def _steps_of(vm: Vm) -> Mapping[Configuration, frozenset[tuple[str, Configuration]]]:
    """By what a VM is met as: the steps that it may take, and where they lead."""
    return {
        c: frozenset((move.name, vm.configurations[move.after]) for move in moves)
        for c, moves in vm.configurations_met()
    }


def sides_that_take(composition: Composition, explored: Explored, rule: str) -> list[Side]:
    """The sides on which a row is taken, or a case happens."""
    sides = [side for side in Side if _may_take(composition.vms[side], rule)]
    if not sides:
        return []
    taken = Examiner(composition, explored, UNFAIR).verdict(SometimesStep(frozenset({rule})))
    return sides if taken.holds else []


def _may_take(vm: Vm, rule: str) -> bool:
    return any(move.name == rule for _, moves in vm.configurations_met() for move in moves)


def search(mutant: Mutant) -> Searched:
    """Look for a word that gives a mutant away, and for an end that never comes.

    Of one whose every step is proved to be the specification's there is no such word, so that none is tried.
    """
    tries = not refines(mutant)
    exhausted: list[str] = []
    stopped: list[str] = []
    for environment, asks in environments(mutant, MOST_STATES):
        if len(exhausted) + len(stopped) >= ENOUGH:
            break
        with patch.dict(ASKS, asks):
            found = search_in(mutant, environment, tries=tries)
        if found.found:
            return found
        exhausted += found.exhausted
        stopped += found.stopped
    return Searched(exhausted=tuple(exhausted), stopped=tuple(stopped))


def search_in(mutant: Mutant, environment: Environment, *, tries: bool) -> Searched:
    """The same in one environment; with `tries` false no word is tried."""
    composition, explored = composed(mutant, environment)
    sides = sides_that_take(composition, explored, mutant.rule)
    where = environment.name
    if not sides and not _is_missed(mutant, environment):
        return Searched()
    if explored.is_complete and mutant.wording is None and is_unchanged(composition):
        return Searched()  # nothing there is sensitive to the change
    if not explored.is_complete and not mutant.rows:
        return Searched(stopped=(where,))  # further steps would be the specification's
    seconds = SECONDS if explored.is_complete else HASTE
    if mutant.place is not None:
        sides = list(_asked(mutant.place.command, environment))  # where one case does not apply another does
    for side in sides if tries else ():
        projection = Reworded(environment, side, composition, mutant)
        word, complete = contained(projection, Checker(environment, side), seconds=seconds)
        if word and _is_sound(environment, side):
            return Searched(word, where=f"{where}, {side}")
        if not complete:
            return Searched(stopped=(where,))
    if not explored.is_complete:
        return Searched(stopped=(where,))
    if any(leaves_unanswered(composition.vms[side]) for side in Side):
        return Searched(broken=ANSWERED, where=where)
    examiner = Examiner(composition, explored, UNFAIR)
    for prop in at_the_end(environment):
        if not examiner.verdict(prop.formula).holds:
            return Searched(broken=prop.id, where=where)
    return Searched(exhausted=(where,))


def leaves_unanswered(vm: Vm) -> bool:
    """Whether a VM that has nothing else to do may have a request for which it has no answer."""
    for c, moves in vm.configurations_met():
        monitor = c.monitors[0]
        if monitor.queue and not c.owed[MAIN] and c.state & LIFE.field & ~LOOPING == 0:
            later = (vm.configurations[move.after].monitors[0] for move in moves)
            if all(len(after.queue) >= len(monitor.queue) for after in later):
                return True
    return False


def _asked(command: str, environment: Environment) -> Iterator[Side]:
    """The sides that are asked for something to which a contract is the answer."""
    for side, asks in environment.asks.items():
        if command in (ENVELOPE, OPEN) or command in {ASKS[name].request.command for name in asks}:
            yield side


def at_the_end(environment: Environment) -> Iterator[Property]:
    """What must happen in the end in an environment."""
    return (prop for prop in applicable(environment) if prop in LIVENESS)


def _is_sound(environment: Environment, side: Side) -> bool:
    """Whether the specification itself shows no word there that the checker does not accept."""
    if is_named(environment):
        return True  # which the tests of agreement see to
    return contained(Projection(environment, side, probed=True), Checker(environment, side)) == ((), True)


def _is_missed(mutant: Mutant, environment: Environment) -> bool:
    """Whether the specification takes what the mutant has lost."""
    if mutant.operator not in LOST or is_known_to_reach(environment, mutant.rule):
        return is_known_to_reach(environment, mutant.rule)
    unchanged = Composition(environment)
    return bool(sides_that_take(unchanged, unchanged.explore(at_most=MOST_STATES), mutant.rule))
