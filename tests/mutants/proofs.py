"""Mutants whose every step is proved to be allowed, whatever a search finds of them.

All that a mutant does is allowed if its steps are some of the specification's steps, and no others: it drops a row or a
way to answer, or limits the states in which one may be taken. For a guard that was changed it is shown that no state
lets the row be taken which did not before: each state that does breaks one of the specification's invariants. Whether
such a mutant stands still for want of what it leaves out is no part of the proof: for that there is the search.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from tests.mutants.mutant import Mutant, Place, contract_at
from tests.mutants.operators import ROW_OF
from tests.mutants.requests import recorded_requests

from migspec.spec.conditions import ALWAYS, Condition
from migspec.spec.contracts import Case, is_choosy
from migspec.spec.invariants import INVARIANTS
from migspec.spec.rows import Row
from migspec.spec.state import ANYTHING, VARIABLES


def refines(mutant: Mutant) -> bool:
    """Whether each step of a mutant is proved to be one that the specification has."""
    if mutant.rows:
        return all(_row_refines(ROW_OF[identity], row) for identity, row in mutant.rows.items())
    if mutant.place is not None:
        return _case_refines(mutant.place, mutant.case, mutant.operator)
    return False


def _row_refines(old: Row, new: Row | None) -> bool:
    if new is None:
        return True
    if (new.emits, new.leaves) != (old.emits, old.leaves):
        return False
    if new.then != old.then:
        return _changes_nothing_else(old, new)
    return is_impossible(new.when & ~old.when)


def _changes_nothing_else(old: Row, new: Row) -> bool:
    """Whether a change that was dropped would have changed nothing: wherever the row may be taken it is so already."""
    left = dict(old.then).items() - dict(new.then).items()
    for name, values in left:
        wanted = (values,) if isinstance(values, str) else values
        for state in old.when.assume(ANYTHING):
            for known in narrowed([state]):
                if not _is_among(known, name, wanted):
                    return False
    return True


def _is_among(state: int, name: str, values: Iterable[str]) -> bool:
    variable = VARIABLES[name]
    return state & variable.field & ~variable.bits(values) == 0


def _case_refines(place: Place, new: Case | None, operator: str) -> bool:
    cases = contract_at(place.command).cases
    old = cases[place.index]
    if old.final:
        return False  # where it does not refuse, something else happens that is not allowed there
    if new is None:
        return True
    reaches = _reaching(cases[: place.index])
    if operator == "change.dropped" and new.emits == old.emits:
        return _case_changes_nothing_else(place, old, new, reaches)
    if operator != "guard.negated" or not isinstance(old.when, Condition) or not isinstance(new.when, Condition):
        return False
    return is_impossible(new.when & ~old.when & reaches)


def _reaching(before: Iterable[Case]) -> Condition:
    """What is so of a state in which no refusal that comes before has applied, whatever is asked."""
    reaches = ALWAYS
    for case in before:
        if case.final and not is_choosy(case) and isinstance(case.when, Condition):
            reaches &= ~case.when
    return reaches


def _case_changes_nothing_else(place: Place, old: Case, new: Case, reaches: Condition) -> bool:
    """As of a row, for every request of the corpus."""
    asked = [request for request in recorded_requests().get(place.command, ()) if old.asks(request)]
    for request in asked:
        effect = old.effect(request)
        for name in effect.keys() - new.effect(request).keys():
            values = effect[name]
            wanted = (values,) if isinstance(values, str) else values
            states = narrowed((old.condition(request) & reaches).assume(ANYTHING))
            if not all(_is_among(state, name, wanted) for state in states):
                return False
    return bool(asked)


# ---- what no state can be ----


def is_impossible(condition: Condition) -> bool:
    """Whether no state that keeps the invariants satisfies a condition, as far as that can be shown."""
    return not narrowed(condition.assume(ANYTHING))


def narrowed(states: Iterable[int]) -> list[int]:
    """What is left of half-known states when the invariants hold in them."""
    left = dict.fromkeys(states)
    while True:
        stricter = dict.fromkeys(after for state in left for after in _held(state))
        if stricter.keys() == left.keys() or len(stricter) > 64:
            return list(left)
        left = stricter


@lru_cache(maxsize=4096)
def _held(state: int) -> tuple[int, ...]:
    """A half-known state, with the conclusion of every invariant whose premise is certain in it."""
    states = [state]
    for invariant in INVARIANTS:
        certain = [s for s in states if not (~invariant.when).assume(s)]
        states = [s for s in states if s not in certain]
        states += [after for s in certain for after in invariant.then.assume(s)]
    return tuple(dict.fromkeys(states))
