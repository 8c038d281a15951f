"""The times of measurements: what must be shown after which orders, and that what a VM can do is not objected to."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import request

from migspec.spec.requests import Request
from migspec.spec.rules import RULES
from migspec.traces.dirty_rates import DirtyRates

QUERY = request("query-dirty-rate")


def calc(seconds: int) -> Request:
    return request("calc-dirty-rate", {"calc-time": seconds})


def told(rates: DirtyRates, status: str, start: int, length: int) -> list[str]:
    """The rules that an answer breaks."""
    return [rule for rule, _ in rates.answered(QUERY, {"status": status, "start-time": start, "calc-time": length})]


def ordered(rates: DirtyRates, seconds: int, monitor: int = 0) -> None:
    rates.asked(monitor, calc(seconds))
    assert not list(rates.answered(calc(seconds), {}))


@pytest.fixture
def measured() -> DirtyRates:
    """A VM that has been asked and has measured two seconds from second 10 on."""
    rates = DirtyRates()
    rates.asked(0, QUERY)
    assert told(rates, "unstarted", 0, 0) == []
    ordered(rates, 2)
    assert told(rates, "measuring", 10, 2) == []
    assert told(rates, "measured", 10, 2) == []
    return rates


def test_nothing_changes_by_itself(measured: DirtyRates) -> None:
    assert told(measured, "measured", 10, 2) == []
    assert told(measured, "measured", 11, 2) == ["query-dirty-rate.start-time"]


def test_the_earlier_times_are_shown_until_the_next_measurement_has_begun(measured: DirtyRates) -> None:
    ordered(measured, 5)
    assert told(measured, "unstarted", 10, 2) == []
    assert told(measured, "measuring", 10, 2) == []  # begun, and its times not yet noted
    assert told(measured, "measuring", 13, 5) == []
    assert told(measured, "measured", 13, 6) == []  # the samples took longer


@pytest.mark.parametrize(("start", "length", "rule"), [(13, 4, "calc-time"), (9, 5, "start-time")])
def test_what_was_not_asked_for(measured: DirtyRates, start: int, length: int, rule: str) -> None:
    ordered(measured, 5)
    assert told(measured, "measuring", start, length) == [f"query-dirty-rate.{rule}"]


def test_an_order_that_is_refused_counts_for_nothing(measured: DirtyRates) -> None:
    measured.asked(0, calc(5))
    assert not list(measured.answered(calc(5), None))
    assert told(measured, "measuring", 13, 5) == ["query-dirty-rate.start-time"]


def test_either_of_two_orders_may_be_the_one(measured: DirtyRates) -> None:
    for seconds in (7, 3):
        ordered(measured, seconds)
    assert told(measured, "measuring", 13, 3) == []
    assert told(measured, "measured", 13, 7) == []


def test_nothing_is_said_of_what_was_not_seen(measured: DirtyRates) -> None:
    measured.forget()
    assert told(measured, "measured", 3, 60) == []
    assert told(measured, "measured", 3, 61) == ["query-dirty-rate.calc-time"]


def test_nothing_is_said_where_two_monitors_ask(measured: DirtyRates) -> None:
    measured.asked(1, QUERY)
    assert told(measured, "measuring", 1, 60) == []


def test_the_rules_exist() -> None:
    shown = {rule for status in ("unstarted", "measuring", "measured") for rule in DirtyRates.rules({"status": status})}
    assert shown == {"dirty-rate.begins", "dirty-rate.ends"} <= set(RULES)


@given(st.integers(0, 10**6))
def test_a_simulated_vm_is_not_objected_to(seed: int) -> None:
    chance = random.Random(seed)
    rates = DirtyRates()
    rates.asked(0, QUERY)
    clock, status, begun, waiting, shown = 100, "unstarted", 0, 0, (0, 0)
    for _ in range(60):
        clock += chance.randrange(2)
        match chance.choice(("calc", "query", "query", "step")):
            case "calc":
                seconds = chance.randint(1, 60)
                rates.asked(0, calc(seconds))
                refused = status == "measuring"
                assert not list(rates.answered(calc(seconds), None if refused else {}))
                if not refused:
                    status, waiting = "unstarted", seconds
            case "step" if status == "unstarted" and waiting:
                status, begun = "measuring", waiting
            case "step" if status == "measuring" and shown[0] < clock and chance.random() < 0.5:
                shown = (clock, begun)
            case "step" if status == "measuring" and shown[1] >= begun and chance.random() < 0.5:
                shown = (max(shown[0], clock - begun), begun + chance.randrange(2))
                status, waiting = "measured", 0
            case _:
                assert told(rates, status, *shown) == []
