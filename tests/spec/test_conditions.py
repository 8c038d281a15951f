"""Conditions: the one form means the same for known states, half-known states, diagnoses and repairs."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.spec.states import Predicate, completions, conditions, known_states, partial_states, value

from migspec.spec.conditions import ALWAYS, NEVER, Condition, where
from migspec.spec.state import ANYTHING, FRESH, VARIABLES, assign

NAMES = ("life", "session", "continued")
MEANT = conditions(NAMES)
HALF_KNOWN = partial_states(NAMES)
KNOWN = known_states(NAMES)


def satisfying(condition: Condition, state: int) -> set[int]:
    return {known for assumed in condition.assume(state) for known in completions(assumed)}


@given(MEANT, KNOWN)
def test_holds_is_what_is_meant(meant: tuple[Condition, Predicate], state: int) -> None:
    condition, predicate = meant
    assert condition.holds(state) == predicate(state)


@given(MEANT, HALF_KNOWN)
def test_assume_keeps_exactly_the_known_states_that_satisfy(meant: tuple[Condition, Predicate], state: int) -> None:
    condition, predicate = meant
    assert satisfying(condition, state) == {known for known in completions(state) if predicate(known)}


@given(MEANT, HALF_KNOWN)
def test_a_condition_and_its_negation_divide_every_state(meant: tuple[Condition, Predicate], state: int) -> None:
    condition = meant[0]
    assert satisfying(condition, state) | satisfying(~condition, state) == completions(state)
    assert satisfying(condition, state) & satisfying(~condition, state) == set()
    assert satisfying(~~condition, state) == satisfying(condition, state)


@given(MEANT, MEANT, HALF_KNOWN)
def test_and_or_not_are_those_of_sets(
    left: tuple[Condition, Predicate], right: tuple[Condition, Predicate], state: int
) -> None:
    a, b = left[0], right[0]
    assert satisfying(a & b, state) == satisfying(a, state) & satisfying(b, state)
    assert satisfying(a | b, state) == satisfying(a, state) | satisfying(b, state)
    assert satisfying(~(a & b), state) == satisfying(~a | ~b, state)
    assert satisfying(~(a | b), state) == satisfying(~a & ~b, state)


@given(MEANT, HALF_KNOWN)
def test_blockers_are_there_exactly_if_nothing_can_be_assumed(meant: tuple[Condition, Predicate], state: int) -> None:
    condition = meant[0]
    assume(condition.cases)
    assert bool(condition.blockers(state)) == (not condition.assume(state))


@given(MEANT, HALF_KNOWN)
def test_a_blocker_is_a_literal_that_the_state_contradicts(meant: tuple[Condition, Predicate], state: int) -> None:
    for literal in meant[0].blockers(state):
        assert set(literal.variable.of(state)).isdisjoint(literal.values)


@given(MEANT, HALF_KNOWN)
def test_a_forced_state_satisfies_and_changes_no_more_than_it_must(
    meant: tuple[Condition, Predicate], state: int
) -> None:
    condition, predicate = meant
    for case in condition.cases:
        forced = case.forced(state)
        assert all(predicate(known) for known in completions(forced))
        assumed = case.assume(state)
        if assumed is not None:
            assert forced == assumed
        limited = {literal.variable.name for literal in case.literals}
        for name in set(VARIABLES) - limited:
            assert VARIABLES[name].of(forced) == VARIABLES[name].of(state)


@given(MEANT)
def test_each_case_limits_a_variable_once_and_leaves_it_a_choice(meant: tuple[Condition, Predicate]) -> None:
    for case in meant[0].cases:
        limited = [literal.variable.name for literal in case.literals]
        assert len(set(limited)) == len(limited)
        assert all(literal.values for literal in case.literals)


@given(MEANT)
def test_the_negation_is_made_once(meant: tuple[Condition, Predicate]) -> None:
    assert ~meant[0] is ~meant[0]


@given(MEANT, st.text(max_size=8))
def test_a_name_changes_nothing_else(meant: tuple[Condition, Predicate], name: str) -> None:
    renamed = meant[0].named(name)
    assert renamed.name == name
    assert renamed.cases == meant[0].cases


@given(MEANT)
def test_every_condition_has_a_text(meant: tuple[Condition, Predicate]) -> None:
    text = str(meant[0])
    assert text
    assert all(literal.variable.name in text for case in meant[0].cases for literal in case.literals)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (where({"outgoing": "active"}), "outgoing = active"),
        (~where({"outgoing": "active"}), "outgoing ≠ active"),
        (where({"outgoing": ("active", "device")}), "outgoing ∈ {active, device}"),
        (~where({"outgoing": ("active", "device")}), "outgoing ∉ {active, device}"),
        (where({"outgoing": "active", "run": "running"}), "outgoing = active and run = running"),
        (~where({"outgoing": "active", "run": "running"}), "outgoing ≠ active or run ≠ running"),
        (where({"run": ("paused", "running")}) & ~where({"run": "paused"}), "run = running"),
        (where({"session": VARIABLES["session"].values}), "always"),
        (where({"run": "running"}) & where({"run": "paused"}), "never"),
        (ALWAYS, "always"),
        (NEVER, "never"),
        (~ALWAYS, "never"),
        (~NEVER, "always"),
    ],
)
def test_texts(condition: Condition, text: str) -> None:
    assert str(condition) == text


def test_a_condition_without_a_name_is_called_by_its_text() -> None:
    assert where({"run": "running"}).name == "run = running"
    assert where({"run": "running"}, "the guest runs").name == "the guest runs"
    assert (~where({"run": "running"}, "the guest runs")).name == "not (the guest runs)"


def test_nothing_stands_in_the_way_where_there_is_no_way() -> None:
    assert NEVER.blockers(ANYTHING) == ()
    assert NEVER.assume(ANYTHING) == []


def test_assuming_learns() -> None:
    learned = where({"outgoing": ("active", "setup"), "run": "running"}).assume(
        assign(ANYTHING, {"outgoing": ("setup", "failed")})
    )
    assert [(value(state, "outgoing"), value(state, "run")) for state in learned] == [("setup", "running")]


def test_unknown_names_and_values_are_refused() -> None:
    with pytest.raises(KeyError, match="weather"):
        where({"weather": "fine"})
    with pytest.raises(ValueError, match="not in tuple"):
        where({"run": "walking"})
    assert where({"run": "running"}).holds(FRESH)
