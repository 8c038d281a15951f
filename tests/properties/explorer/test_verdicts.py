"""The verdicts: what the examiner says quickly is what asking every state and every step says."""

from __future__ import annotations

from functools import cache

import pytest

from migspec.properties.catalogue import PROPERTIES, UNFAIR, Property
from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition, Explored
from migspec.properties.explorer.verdicts import Examiner, Verdict
from migspec.properties.temporal import (
    Always,
    AlwaysStep,
    Behaviour,
    Formula,
    LeadsTo,
    Outcome,
    Sometimes,
    SometimesStep,
    Taken,
    on_trace,
    source,
)
from migspec.spec.conditions import where

SMALL = "loans"
"""A few hundred states."""
PLAINLY = [prop for prop in PROPERTIES.values() if not isinstance(prop.strict, LeadsTo)]


@cache
def explored(name: str) -> tuple[Composition, Explored, Examiner]:
    composition = Composition(ENVIRONMENTS[name])
    found = composition.explore()
    return composition, found, Examiner(composition, found, UNFAIR)


def plainly(composition: Composition, found: Explored, formula: Formula) -> bool:
    """Whether a formula holds, asked of each state and each step."""
    moments = {state: composition.moment(state) for state in found.found}
    match formula:
        case Always(predicate):
            return all(predicate.truth(moment) for moment in moments.values())
        case Sometimes(predicate):
            return any(predicate.truth(moment) for moment in moments.values())
        case AlwaysStep(action):
            return all(
                action.truth(moment, Taken(edge.side, edge.name), moments[edge.after]) is not False
                for state, moment in moments.items()
                for edge in composition.edges(state)
            )
        case SometimesStep(names):
            return any(edge.name in names for state in moments for edge in composition.edges(state))
    raise TypeError(formula)


def behaviour(composition: Composition, verdict: Verdict) -> Behaviour:
    edges = composition.steps_along(verdict.way)
    return Behaviour(
        [composition.moment(state) for state in verdict.way], [Taken(edge.side, edge.name) for edge in edges]
    )


STEPS = [prop for prop in PLAINLY if isinstance(prop.strict, AlwaysStep)]
OTHERS = [prop for prop in PLAINLY if not isinstance(prop.strict, AlwaysStep)]


@pytest.mark.parametrize("prop", [*STEPS, *OTHERS[::7]], ids=lambda prop: prop.id)
def test_the_examiner_says_what_a_plain_search_says(prop: Property) -> None:
    composition, found, examiner = explored(SMALL)
    for formula in (prop.strict, prop.formula):
        assert examiner.verdict(formula).holds is plainly(composition, found, formula)


def test_a_way_to_a_fault_shows_it_on_a_trace_as_well() -> None:
    composition, _, examiner = explored(SMALL)
    for prop in PLAINLY:
        verdict = examiner.verdict(prop.strict)
        found = on_trace(prop.strict, behaviour(composition, verdict)) if verdict.way else None
        if found is None:
            continue
        if verdict.holds:
            assert found.outcome is Outcome.HOLDS, prop.id  # an example of what must be possible
        else:
            assert found.outcome is Outcome.VIOLATED, prop.id
            assert found.at == len(verdict.way) - 1, prop.id


def test_a_way_to_a_trap_leaves_the_obligation_open() -> None:
    composition, _, examiner = explored(SMALL)
    never = LeadsTo(source(where({"outgoing": "setup"})), source(where({"outgoing": "colo"})))
    verdict = examiner.verdict(never)
    assert not verdict.holds
    assert verdict.trap is not None
    assert on_trace(never, behaviour(composition, verdict)).outcome is Outcome.PENDING


def test_what_must_happen_without_a_cause_must_happen_from_the_beginning() -> None:
    _, _, examiner = explored(SMALL)
    assert not examiner.verdict(LeadsTo(None, source(where({"outgoing": "setup"})))).holds
    assert examiner.verdict(LeadsTo(None, source(where({"outgoing": "none"})))).holds


def test_a_step_is_taken_or_it_is_not() -> None:
    lone = Environment("lone", "Nobody does anything.", asks={})
    composition = Composition(lone)
    examiner = Examiner(composition, composition.explore(), UNFAIR)
    assert not examiner.verdict(SometimesStep(frozenset({"outgoing.connected"}))).holds
