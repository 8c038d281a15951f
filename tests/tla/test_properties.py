"""Of every property TLC says what the explorer says, those included that QEMU does not keep to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from tests.tla import properties, tlc
from tests.tla.modules import SPEC
from tests.tla.names import action_of

from migspec.properties.catalogue import PROPERTIES, Property
from migspec.properties.catalogue.liveness import UNFAIR
from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition, Explored
from migspec.properties.explorer.verdicts import Examiner
from migspec.properties.temporal import Always, AlwaysStep, Formula, LeadsTo, Sometimes, SometimesStep
from migspec.spec.lifecycle.crashes import ASKED_TOO_LATE

SMALL = ("loans",)
"""The environments in which everything is asked in every run of the tests."""

FIRST = ("failover", "loans", "postcopy-quit", "unsound", "postcopy-stopped", "colo-quit", "disks-quit", "process")
"""The environments that are searched for a fault first, for they are quick."""

LARGE = 60_000
"""In an environment of more states TLC would look for hours for a run that never ends."""

_SURROUNDINGS = {
    "": "DeferredChange",
    "asked": "Ask",
    "event": "Deliver",
    "reply": "Deliver",
    "kill-source": "Kill",
    "kill-destination": "Kill",
}

STATED: Mapping[str, Property] = {
    prop.id: prop for prop in PROPERTIES.values() if not isinstance(prop.strict, Sometimes | SometimesStep)
}
"""The properties that have a formula of their own in the module."""


@cache
def _explored(name: str) -> tuple[Composition, Explored, Examiner]:
    composition = Composition(ENVIRONMENTS[name])
    found = composition.explore()
    return composition, found, Examiner(composition, found, UNFAIR)


def _holds(name: str, formula: Formula) -> bool:
    """What the explorer says."""
    return _explored(name)[2].verdict(formula).holds


def _asked_in(prop: Property, name: str) -> bool:
    return not prop.environments or name in prop.environments


def _steps(name: str) -> frozenset[str]:
    """The actions of the steps that the explorer takes."""
    composition, found, _ = _explored(name)
    taken = {edge.name for state in found.found for edge in composition.edges(state)} - {ASKED_TOO_LATE.id}
    return frozenset(_SURROUNDINGS.get(step.partition(":")[0]) or action_of(step) for step in taken)


def _safety(name: str) -> Iterator[Property]:
    for prop in STATED.values():
        if _asked_in(prop, name) and not isinstance(prop.strict, LeadsTo):
            yield prop


def _statuses() -> Iterator[Property]:
    return (prop for prop in PROPERTIES.values() if isinstance(prop.strict, Sometimes))


def _agree_on_what_never_happens(name: str) -> None:
    """TLC finds everything to hold that the explorer finds to hold, and takes the same steps."""
    holding = [prop for prop in _safety(name) if _holds(name, prop.formula)]
    unreached = [prop for prop in _statuses() if not _holds(name, prop.strict)]
    outcome = properties.check(ENVIRONMENTS[name], (*holding, *unreached), covers=True)
    assert outcome.finished, (outcome.violated, outcome.errors)
    assert outcome.distinct == _explored(name)[1].distinct
    assert properties.taken(outcome) == _steps(name)


def _in_the_end(name: str) -> Iterator[tuple[Property, bool, bool]]:
    """The properties of what must happen in the end, without exceptions or with them, and what the explorer says."""
    for prop in STATED.values():
        if isinstance(prop.strict, LeadsTo) and _asked_in(prop, name):
            yield prop, False, _holds(name, prop.formula)
            if prop.exempt:
                yield prop, True, _holds(name, prop.strict)


def _agree_on_what_happens_in_the_end(name: str) -> None:
    asked = tuple(_in_the_end(name))
    for strict in (False, True):
        holding = tuple(prop for prop, without, holds in asked if holds and without is strict)
        if holding:
            outcome = properties.check(ENVIRONMENTS[name], holding, strict=strict)
            assert outcome.finished, (strict, [prop.id for prop in holding], outcome.violated, outcome.errors)
    for prop, strict, holds in asked:
        if not holds:
            outcome = properties.check(ENVIRONMENTS[name], (prop,), strict=strict)
            assert outcome.violated == (tlc.TEMPORAL,), (prop.id, strict, outcome.errors)


def test_every_property_has_its_formula() -> None:
    missing = [
        properties.written(prop, strict=strict)
        for prop in STATED.values()
        for strict in (False, True)
        if properties.written(prop, strict=strict) not in properties.TEXT
    ]
    assert not missing


def test_an_invariant_is_a_predicate_of_states_and_a_property_of_steps_is_none() -> None:
    """TLC refuses to check one as the other."""
    for prop in STATED.values():
        for strict in (False, True):
            body = properties.TEXT.partition(properties.written(prop, strict=strict))[2].lstrip()
            if not isinstance(prop.strict, LeadsTo):
                assert isinstance(prop.strict, Always) is not body.startswith("[]"), prop.id


def test_fairness_is_asked_of_the_same_steps() -> None:
    """What repeats, and what is a known defect, is in groups of its own."""
    text = (SPEC / "Migration.tla").read_text()
    groups = (text.partition(f"\n{name}(s) ==\n")[2].partition("\n\n")[0] for name in ("Repeats", "Defects"))
    named = {action for group in groups for action in re.findall(r"\w+(?=\(s\))", group)}
    assert {action for action in map(action_of, UNFAIR) if f"\n{action}(s) ==" in text} == named


@pytest.mark.parametrize("name", SMALL)
def test_what_never_happens(name: str) -> None:
    _agree_on_what_never_happens(name)


@pytest.mark.soak
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_never_happens_in_every_environment(name: str) -> None:
    _agree_on_what_never_happens(name)


def test_what_happens_in_the_end() -> None:
    outcome = properties.check(ENVIRONMENTS["failover"], (STATED["cancelling.ends"],))
    assert outcome.finished, (outcome.violated, outcome.errors)


def test_what_needs_fairness_does_not_happen_without() -> None:
    outcome = properties.check(ENVIRONMENTS["failover"], (STATED["cancelling.ends"],), specification="Safety")
    assert outcome.violated == (tlc.TEMPORAL,)


@pytest.mark.soak
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_happens_in_the_end_in_every_environment(name: str) -> None:
    if _explored(name)[1].distinct > LARGE:
        pytest.skip(f"TLC looks for cycles in no more than {LARGE:,} states; the explorer has looked in all")
    _agree_on_what_happens_in_the_end(name)


def _nearest(prop: Property, formula: Formula, *, holds: bool) -> str | None:
    """The first environment in which a formula holds, or does not."""
    order = dict.fromkeys((*FIRST, *ENVIRONMENTS))
    return next((name for name in order if _asked_in(prop, name) and _holds(name, formula) is holds), None)


def _is_violated(environment: Environment, prop: Property) -> None:
    outcome = properties.check(environment, (prop,), strict=True)
    assert not outcome.errors
    assert outcome.violated == (properties.formula(prop, strict=True),)


EXCEPTED = tuple(prop.id for prop in STATED.values() if prop.exempt and isinstance(prop.strict, Always | AlwaysStep))
"""The properties of states and steps that QEMU does not keep to without exception."""


@pytest.mark.soak
@pytest.mark.parametrize("name", EXCEPTED)
def test_what_is_not_kept_without_exception(name: str) -> None:
    prop = STATED[name]
    where = _nearest(prop, prop.strict, holds=False)
    assert where is not None
    _is_violated(ENVIRONMENTS[where], prop)


@pytest.mark.parametrize("name", ["command.refused.inert"])
def test_what_is_not_kept_shows_soon(name: str) -> None:
    _is_violated(ENVIRONMENTS["loans"], STATED[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", [prop.id for prop in _statuses()])
def test_what_may_be_reached(name: str) -> None:
    prop = PROPERTIES[name]
    where = _nearest(prop, prop.strict, holds=True)
    assert where is not None
    _is_violated(ENVIRONMENTS[where], prop)


def test_a_status_is_reached() -> None:
    _is_violated(ENVIRONMENTS["failover"], PROPERTIES["reached.outgoing.wait-unplug"])


def test_a_formula_that_is_wrong_is_found_violated() -> None:
    outcome = properties.check(ENVIRONMENTS["failover"], (PROPERTIES["reached.outgoing.active"],))
    assert outcome.violated == ("ReachedOutgoingActive",)
    assert tlc.TEMPORAL not in outcome.violated
    assert outcome.way
