"""The mutants of the relations between numbers: an implementation that keeps each of them but for one unit.

The model tells its numbers, and one member of the answer is then moved until a relation does not hold any more: up or
down, by the least that does it. Which relation that is and which member is the mutant; where no change of that member
breaks the relation, the answer stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakKeyDictionary

from tests.mutants.mutant import Mutant, Told

from migspec.reference_impl.calls import Call
from migspec.spec.numbers import RELATIONS
from migspec.spec.numbers.formula import ANSWER, Holds, compiled
from migspec.spec.numbers.relation import OPTIONAL, Relation
from migspec.spec.rows import QEMU_5_2_0

FURTHEST: Final = 1 << 62
"""By how much a number is moved at most."""

Answer = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """What a formula reads beside answers."""

    passes_asked: int
    passes_seen: int
    parameters: Mapping[str, int]


@dataclass
class OffByOne:
    """Moves a member of the answers of query-migrate, the way `path` leads to it, until a relation breaks."""

    relation: Relation
    path: str
    sign: int
    moves: int = 0
    """How many answers were moved."""
    _before: WeakKeyDictionary[object, Answer] = field(default_factory=WeakKeyDictionary)
    _formulas: dict[frozenset[str], Holds] = field(default_factory=dict)

    def __call__(self, told: Told) -> Told:
        """The same answer, or a wrong one."""

        def wrong(machine: Any, call: Call) -> object:
            answer = told(machine, call)
            if isinstance(answer, dict):
                answer = self.moved(answer, self._before.get(machine), machine)
                self._before[machine] = answer
            return answer

        return wrong

    def moved(self, answer: Answer, before: Answer | None, machine: Any) -> Answer:
        """The answer with the least change of the member that breaks the relation; itself if none does."""
        if not self._applies(answer, before, machine):
            return answer
        members = frozenset(answer) & frozenset(OPTIONAL)
        if members not in self._formulas:
            self._formulas[members] = compiled([self.relation.formula], members)
        holds = self._formulas[members]
        seen = Seen(machine.passes, machine.passes, _numbers(machine.values))
        old = _struct(before or {})

        def breaks(distance: int) -> bool:
            return not holds(_struct(self._with(answer, distance)), old, seen)

        try:
            distance = least(breaks)
        except (AttributeError, KeyError, TypeError):
            return answer  # it lacks something that the relation speaks of
        if distance is None:
            return answer
        self.moves += 1
        return self._with(answer, distance)

    def _applies(self, answer: Answer, before: Answer | None, machine: Any) -> bool:
        relation = self.relation
        status = answer.get("status")
        if relation.statuses is not None and status not in relation.statuses:
            return False
        if any(machine.capability(name) is not on for name, on in relation.capabilities):
            return False
        if not relation.compares:
            return True
        statuses = relation.before if relation.before is not None else relation.statuses
        return before is not None and (statuses is None or before.get("status") in statuses)

    def _with(self, answer: Answer, distance: int) -> Answer:
        changed = copy.deepcopy(answer)
        *way, last = self.path.split(".")
        holder = changed
        for step in way:
            holder = holder[step]
        value, move = holder[last], self.sign * distance
        holder[last] = [each + move for each in value] if isinstance(value, list) else value + move
        return changed


def least(breaks: Callable[[int], bool]) -> int | None:
    """The least distance at which a relation is broken, if it stays so; None if it is nowhere on the way."""
    furthest = 1
    while not breaks(furthest):
        furthest *= 2
        if furthest > FURTHEST:
            return None
    nearest = furthest // 2
    while furthest - nearest > 1:
        middle = (nearest + furthest) // 2
        nearest, furthest = (nearest, middle) if breaks(middle) else (middle, furthest)
    return furthest


def _struct(value: object) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{name.replace("-", "_"): _struct(inner) for name, inner in value.items()})
    return value


def _numbers(values: Mapping[str, Any]) -> Mapping[str, int]:
    return {str(name): value for name, value in values.items() if isinstance(value, int)}


def of_relations() -> Iterator[Mutant]:
    """Every mutant: of each relation each member, more and less."""
    for relation in RELATIONS:
        if QEMU_5_2_0 not in relation.profiles:
            continue
        for mention in sorted(relation.formula.of(ANSWER)):
            for sign, word in ((1, "more"), (-1, "less")):
                told = OffByOne(relation, mention.path, sign)
                yield Mutant("number.off", relation.id, f"{mention.path}:{word}", told=told)
