"""The dirty rate: which orders are refused in which words, and which answers a measurement may give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import READY, request, value

from migspec.spec.commands import answers, dirty_rate
from migspec.spec.commands.dirty_rate import DirtyRateAnswer, contradictions, fits
from migspec.spec.lifecycle import dirty_rate as lifecycle
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.state import VARIABLES, Measurement, assign
from migspec.spec.vocabulary import DirtyRateStatus

BUSY = "the dirty rate is already being measured."
RANGE = "calc-time is out of range[1, 60]."
RACE = "init dirty rate calculation state failed."
FIELD = VARIABLES["dirty-rate"].field


def texts(seconds: int, measurement: Measurement) -> set[str | None]:
    """The texts with which an order may be refused, None among them if it may be accepted."""
    found: set[str | None] = set()
    state = assign(READY, {"dirty-rate": measurement})
    for answer in answers(request("calc-dirty-rate", {"calc-time": seconds}), state, QEMU_5_2_0):
        words = answer.expect.words
        found |= words.exact if words else {None}
        expected = Measurement.ORDERED if words is None else measurement
        assert value(answer.state, "dirty-rate") == expected
        assert answer.emits == ()
    return found


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 62), st.sampled_from(Measurement))
def test_an_order_is_refused_for_the_measurement_first_and_its_length_then(seconds: int, now: Measurement) -> None:
    if now is Measurement.MEASURING:
        assert texts(seconds, now) == {BUSY}
    elif not 1 <= seconds <= 60:
        assert texts(seconds, now) == {RANGE}
    else:
        assert texts(seconds, now) == {None} | ({RACE} if now is Measurement.ORDERED else set())


@pytest.mark.parametrize("measurement", Measurement)
@pytest.mark.parametrize("status", DirtyRateStatus)
@pytest.mark.parametrize("has_rate", [False, True])
def test_what_an_answer_tells(measurement: Measurement, status: DirtyRateStatus, has_rate: bool) -> None:
    state = assign(READY, {"dirty-rate": measurement})
    shown = any(condition.holds(state) for condition in fits(DirtyRateAnswer(status, has_rate)))
    told = "unstarted" if measurement is Measurement.ORDERED else measurement
    whole = told == status and has_rate == (status == "measured")
    ended_meanwhile = (measurement, status, has_rate) == ("measuring", "measured", False)
    assert shown == (whole or ended_meanwhile)


def test_a_measurement_goes_through_its_states_by_itself() -> None:
    steps = {
        (before, value(row.after(assign(READY, {"dirty-rate": before})), "dirty-rate"))
        for row in lifecycle.ROWS
        for before in Measurement
        if row.when.holds(assign(READY, {"dirty-rate": before}))
    }
    assert steps == {("ordered", "measuring"), ("measuring", "measured")}


def test_a_measurement_has_to_do_with_nothing_else() -> None:
    for row in lifecycle.ROWS:
        assert not row.emits
        assert {name for name, _ in row.then} == {"dirty-rate"}
    for contract in dirty_rate.CONTRACTS:
        assert contract.aside
        for answer in contract.answers(request(contract.command, {"calc-time": 1}), READY, QEMU_5_2_0):
            assert answer.state & ~FIELD == READY & ~FIELD


def test_the_schema_knows_no_measured_rate_of_minus_one() -> None:
    (found,) = contradictions({"status": "measured", "dirty-rate": -1})
    assert found[0] == "query-dirty-rate.unmeasured"
    for sound in ({"status": "measured", "dirty-rate": 0}, {"status": "unstarted", "dirty-rate": -1}):
        assert not list(contradictions(sound))
