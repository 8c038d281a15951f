"""The temporal layer: what is known decides, what is not known breaks nothing, and finite traces leave things open."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.catalogue.property import Exempt, Property, excused
from migspec.properties.temporal import (
    Action,
    Always,
    AlwaysStep,
    Behaviour,
    Found,
    LeadsTo,
    Moment,
    Outcome,
    Predicate,
    Sometimes,
    SometimesStep,
    Taken,
    Truth,
    destination,
    on_trace,
    source,
)
from migspec.spec.composition import Side
from migspec.spec.conditions import where
from migspec.spec.state import ANYTHING, FRESH, VARIABLES, assign

RUNS = where({"run": "running"})
ACTIVE = where({"outgoing": "active"})
ENDED = where({"outgoing": ("completed", "failed", "cancelled")})

LEAVES = [source(RUNS), destination(RUNS), source(ACTIVE), source(ENDED), destination(where({"incoming": "active"}))]
PREDICATES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        inner.map(lambda one: ~one),
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
    ),
    max_leaves=6,
)
VARIED = ("run", "outgoing", "incoming")


@st.composite
def states(draw: st.DrawFn) -> int:
    """States of which some variables are known."""
    state = FRESH
    for name in VARIED:
        values = draw(st.sets(st.sampled_from(VARIABLES[name].values), min_size=1, max_size=3))
        state = assign(state, {name: tuple(values)})
    return state


MOMENTS = st.builds(Moment, states(), states())


def known(state: int) -> list[int]:
    """Every way in which the varied variables of a state may be known."""
    found = [state]
    for name in VARIED:
        found = [assign(one, {name: value}) for one in found for value in VARIABLES[name].of(state)]
    return found


@given(PREDICATES, MOMENTS)
def test_what_is_certain_holds_however_the_rest_turns_out(predicate: Predicate, moment: Moment) -> None:
    truth = predicate.truth(moment)
    if truth is not None:
        for one in known(moment.source)[:8]:
            for other in known(moment.destination)[:8]:
                assert predicate.truth(Moment(one, other)) is truth


@given(PREDICATES, MOMENTS)
def test_of_a_known_moment_everything_is_decided_and_a_negation_is_the_opposite(
    predicate: Predicate, moment: Moment
) -> None:
    decided = Moment(known(moment.source)[0], known(moment.destination)[0])
    truth = predicate.truth(decided)
    assert truth is not None
    assert (~predicate).truth(decided) is (not truth)


@given(PREDICATES, PREDICATES, MOMENTS)
def test_and_and_or_are_those_of_three_values(one: Predicate, other: Predicate, moment: Moment) -> None:
    rank: dict[Truth, int] = {False: 0, None: 1, True: 2}
    ranks = rank[one.truth(moment)], rank[other.truth(moment)]
    assert rank[(one & other).truth(moment)] == min(ranks)
    assert rank[(one | other).truth(moment)] == max(ranks)


def test_an_unknown_moment_breaks_nothing() -> None:
    behaviour = Behaviour([Moment(), Moment()], [Taken(Side.SOURCE, "migrate.accepted")])
    for formula in (
        Always(~source(RUNS)),
        AlwaysStep(Action(lambda _: True, after=~source(RUNS), keeps=("run",))),
    ):
        assert on_trace(formula, behaviour) == Found(Outcome.HOLDS)


def outgoing(*statuses: str) -> Sequence[Moment]:
    return [Moment(assign(FRESH, {"outgoing": status}), FRESH) for status in statuses]


def behaviour(*statuses: str, names: Sequence[str] = ()) -> Behaviour:
    moments = outgoing(*statuses)
    given_names = names or [f"step-{number}" for number in range(len(moments) - 1)]
    return Behaviour(moments, [Taken(Side.SOURCE, name) for name in given_names])


@pytest.mark.parametrize(
    ("formula", "statuses", "found"),
    [
        (Always(~source(ACTIVE)), ("setup", "active", "failed"), Found(Outcome.VIOLATED, 1)),
        (Always(~source(ACTIVE)), ("setup", "failed"), Found(Outcome.HOLDS)),
        (Sometimes(source(ACTIVE)), ("setup", "active"), Found(Outcome.HOLDS)),
        (Sometimes(source(ACTIVE)), ("setup",), Found(Outcome.PENDING)),
        (SometimesStep(frozenset({"step-0"})), ("setup", "active"), Found(Outcome.HOLDS)),
        (SometimesStep(frozenset({"never"})), ("setup", "active"), Found(Outcome.PENDING)),
        (LeadsTo(source(ACTIVE), source(ENDED)), ("setup", "active", "failed"), Found(Outcome.HOLDS)),
        (LeadsTo(source(ACTIVE), source(ENDED)), ("failed", "active"), Found(Outcome.PENDING, 1)),
        (LeadsTo(source(ACTIVE), source(ENDED)), ("failed",), Found(Outcome.HOLDS)),
        (LeadsTo(None, source(ENDED)), ("setup", "active"), Found(Outcome.PENDING, 0)),
        (LeadsTo(None, source(ENDED)), ("setup", "failed", "setup"), Found(Outcome.HOLDS)),
    ],
)
def test_on_a_trace(
    formula: Always | Sometimes | SometimesStep | LeadsTo, statuses: Sequence[str], found: Found
) -> None:
    assert on_trace(formula, behaviour(*statuses)) == found


def test_a_step_is_held_to_what_it_must_lead_to() -> None:
    lasts = AlwaysStep(Action(lambda taken: taken.name != "migrate", source(ENDED), source(ENDED)))
    assert on_trace(lasts, behaviour("failed", "setup", names=["cancel"])) == Found(Outcome.VIOLATED, 1)
    assert on_trace(lasts, behaviour("failed", "setup", names=["migrate"])) == Found(Outcome.HOLDS)
    assert on_trace(lasts, behaviour("active", "setup", names=["cancel"])) == Found(Outcome.HOLDS)


def test_a_step_is_held_to_what_it_must_keep() -> None:
    keeps = AlwaysStep(Action(lambda _: True, keeps=("outgoing",)))
    assert on_trace(keeps, behaviour("failed", "setup")) == Found(Outcome.VIOLATED, 1)
    assert on_trace(keeps, behaviour("failed", "failed")) == Found(Outcome.HOLDS)


def test_an_exemption_excuses_what_it_names_and_nothing_else() -> None:
    prop = Property(
        "x",
        "X.",
        Always(~source(ACTIVE)),
        exempt=(Exempt("x.y", "Y.", destination(RUNS)),),
    )
    stopped = assign(FRESH, {"run": "paused"})
    active = assign(FRESH, {"outgoing": "active"})
    assert on_trace(prop.strict, Behaviour([Moment(active, FRESH)], [])).outcome is Outcome.VIOLATED
    assert on_trace(prop.formula, Behaviour([Moment(active, FRESH)], [])).outcome is Outcome.HOLDS
    assert on_trace(prop.formula, Behaviour([Moment(active, stopped)], [])).outcome is Outcome.VIOLATED
    assert prop.without(prop.exempt[0]).formula == prop.strict


def test_what_must_be_possible_cannot_be_excused() -> None:
    with pytest.raises(TypeError, match=r"x\.y"):
        excused(Sometimes(source(ACTIVE)), Exempt("x.y", "Y.", source(RUNS)))


def test_an_exemption_of_steps_is_by_their_names_or_by_the_moment_before() -> None:
    lasts = AlwaysStep(Action(lambda _: True, source(ENDED), source(ENDED)))
    by_name = excused(lasts, Exempt("a", "A.", steps=frozenset({"cancel"})))
    by_moment = excused(lasts, Exempt("b", "B.", source(where({"outgoing": "failed"}))))
    assert on_trace(by_name, behaviour("failed", "setup", names=["cancel"])).outcome is Outcome.HOLDS
    assert on_trace(by_name, behaviour("failed", "setup", names=["other"])).outcome is Outcome.VIOLATED
    assert on_trace(by_moment, behaviour("failed", "setup")).outcome is Outcome.HOLDS
    assert on_trace(by_moment, behaviour("cancelled", "setup")).outcome is Outcome.VIOLATED


def test_a_moment_of_which_nothing_is_said_may_be_anything() -> None:
    assert Moment() == (ANYTHING, ANYTHING)
    assert Moment(FRESH).of(Side.SOURCE) == FRESH
    assert Moment(FRESH).of(Side.DESTINATION) == ANYTHING
