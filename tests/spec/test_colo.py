"""COLO: what its status shows, who may order a failover, and which end its threads report."""

from itertools import product

import pytest
from tests.spec.states import READY, request, value

from migspec.spec.commands import answers
from migspec.spec.commands.colo import ColoAnswer, fits, parts
from migspec.spec.lifecycle import colo
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.state import assign
from migspec.spec.vocabulary import COLOExitReason, COLOMode, FailoverStatus

SIDES: tuple[dict[str, str], ...] = (
    {},
    {"outgoing": "colo"},
    {"incoming": "colo"},
    {"outgoing": "colo", "incoming": "colo"},
)
ANSWERS = [ColoAnswer(*words) for words in product(COLOMode, COLOMode, COLOExitReason)]


def expected(state: int) -> ColoAnswer:
    """What QEMU computes, written out once more on purpose."""
    outgoing, incoming, failover = (value(state, name) for name in ("outgoing", "incoming", "colo-failover"))
    mode = "primary" if outgoing == "colo" else "secondary" if incoming == "colo" else "none"
    if failover in ("none", "completed"):
        reason = "none" if failover == "none" else "request"
    else:
        reason = "processing" if outgoing == "colo" else "error"
    return ColoAnswer(mode, value(state, "colo-last"), reason)


@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("last", COLOMode)
@pytest.mark.parametrize("failover", FailoverStatus)
def test_the_state_decides_the_status_of_colo(side: dict[str, str], last: COLOMode, failover: FailoverStatus) -> None:
    state = assign(READY, {**side, "colo-last": last, "colo-failover": failover})
    shown = [answer for answer in ANSWERS if any(condition.holds(state) for condition in fits(answer))]
    assert shown == [expected(state)]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_is_its_parts(answer: ColoAnswer) -> None:
    assert [name for name, _ in parts(answer)] == ["mode", "last-mode", "reason"]


@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("failover", FailoverStatus)
def test_a_failover_is_ordered_once_and_only_in_colo(side: dict[str, str], failover: FailoverStatus) -> None:
    state = assign(READY, {**side, "colo-failover": failover})
    (answer,) = answers(request("x-colo-lost-heartbeat"), state, QEMU_5_2_0)
    if not side:
        assert answer.expect.words
        assert answer.expect.words.exact == {"The feature 'colo' is not enabled"}
    elif failover != "none":
        assert answer.expect.words
        assert answer.expect.words.exact == {"COLO failover is already activated"}
    else:
        assert not answer.expect.is_error
        assert value(answer.state, "colo-failover") == "require"


def test_the_threads_report_a_request_only_after_the_failover() -> None:
    told = {event for row in colo.ROWS for event in row.emits if event.startswith("COLO_EXIT")}
    assert told == {f"COLO_EXIT:{mode}-{why}" for mode in ("primary", "secondary") for why in ("request", "error")}
    for row in colo.ROWS:
        if any(event.endswith("-request") for event in row.emits):
            for side in ("outgoing", "incoming"):
                state = assign(READY, {side: "colo", "stage": "colo-running", "load": "colo-running"})
                assert not row.when.holds(state)


def test_colo_begins_before_its_status_is_told_anew() -> None:
    entering = [row for row in colo.ROWS if "MIGRATION:colo" in row.emits]
    assert [row.emits for row in entering] == [
        ("MIGRATION:colo", f"=colo-last:{mode}", "=colo-failover:none") for mode in ("primary", "secondary")
    ]
    for row in entering:
        assert not {name for name, _ in row.then} & {"colo-last", "colo-failover"}
