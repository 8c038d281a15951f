"""The smaller answers: each fits the state of which it is made, and is as a real QEMU prints it."""

import json
from itertools import product

import pytest
from tests.reference_impl.answers.recorded import answers, text_of

from migspec.reference_impl.answers.status import (
    Measured,
    UntoldError,
    colo_told,
    dirty_rate_told,
    replication_told,
    status_told,
)
from migspec.spec.commands import colo, dirty_rate
from migspec.spec.commands.queries import contradictions
from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.schema.validate import validate_reply
from migspec.spec.state import FRESH, VARIABLES, Measurement, assign
from migspec.spec.vocabulary import RunState


def fits_schema(command: str, answer: object) -> bool:
    return not list(validate_reply(answer, QEMU_5_2_0.commands[command], QEMU_5_2_0))


@pytest.mark.parametrize("run", RunState)
def test_the_run_state(run: RunState) -> None:
    told = status_told(run)
    assert fits_schema("query-status", told)
    assert list(contradictions("query-status", told)) == []
    assert told["status"] == run


def test_every_recorded_run_state_can_be_told_again() -> None:
    assert len(answers()["query-status"]) > 5
    for text in answers()["query-status"]:
        if text != "{}":  # the reply to another request with the same id
            assert text_of(status_told(json.loads(text)["status"])) == text


COLO_VARIABLES = ("outgoing", "incoming", "colo-failover", "colo-last")


def test_colo_in_every_state() -> None:
    for values in product(("none", "colo"), ("none", "colo"), *(VARIABLES[name].values for name in COLO_VARIABLES[2:])):
        state = assign(FRESH, dict(zip(COLO_VARIABLES, values, strict=True)))
        told = {name: str(value) for name, value in colo_told(state).items()}
        assert fits_schema(colo.QUERY, told)
        (condition,) = colo.fits(colo.ColoAnswer(told["mode"], told["last-mode"], told["reason"]))
        assert condition.holds(state)


def test_every_recorded_answer_of_colo_can_be_told_again() -> None:
    told = set()
    for values in product(("none", "colo"), ("none", "colo"), *(VARIABLES[name].values for name in COLO_VARIABLES[2:])):
        told.add(text_of(colo_told(assign(FRESH, dict(zip(COLO_VARIABLES, values, strict=True))))))
    assert set(answers()[colo.QUERY]) <= told


@pytest.mark.parametrize("measurement", Measurement)
def test_the_dirty_rate_in_every_state(measurement: Measurement) -> None:
    state = assign(FRESH, {"dirty-rate": measurement})
    told = dirty_rate_told(state, Measured(7, 1234, 2))
    assert fits_schema(dirty_rate.QUERY, told)
    assert list(contradictions(dirty_rate.QUERY, told)) == []
    shown = dirty_rate.DirtyRateAnswer(str(told["status"]), "dirty-rate" in told)
    assert any(condition.holds(state) for condition in dirty_rate.fits(shown))
    assert (told["start-time"], told["calc-time"]) == (1234, 2)


def test_every_recorded_rate_can_be_told_again() -> None:
    for text in answers()[dirty_rate.QUERY]:
        answer = json.loads(text)
        state = assign(FRESH, {"dirty-rate": answer["status"]})
        measured = Measured(answer.get("dirty-rate", 0), answer["start-time"], answer["calc-time"])
        assert text_of(dirty_rate_told(state, measured)) == text


def test_replication() -> None:
    assert text_of(replication_told()) in answers()["query-xen-replication-status"]
    assert replication_told("lost") == {"error": True, "desc": "lost"}
    assert fits_schema("query-xen-replication-status", replication_told("lost"))


def test_a_state_that_is_none() -> None:
    with pytest.raises(UntoldError) as caught:
        colo_told(0)
    assert (caught.value.query, caught.value.state) == (colo.QUERY, 0)
    with pytest.raises(UntoldError):
        dirty_rate_told(0, Measured())
