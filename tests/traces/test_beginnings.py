"""Where a trace may begin: everything that the rows and contracts reach, and nothing else."""

import pytest

from migspec.spec.state import FRESH, VARIABLES
from migspec.traces.beginnings import IN_COLO, INCOMING, OUTGOING, beginnings, consistency, situations
from migspec.traces.hypotheses import Relation

RELATION = Relation("qemu-5.2.0")


@pytest.mark.parametrize("names", [OUTGOING, INCOMING])
def test_every_situation_survives_the_narrowing(names: tuple[str, ...]) -> None:
    failed = VARIABLES["incoming"].bits(("failed",))
    rest = FRESH & ~sum(VARIABLES[name].field for name in names)
    for situation in situations(RELATION, names):
        if not situation & failed:
            assert consistency(RELATION).narrowed(rest | situation) == rest | situation


def test_no_trace_begins_with_a_failed_destination() -> None:
    for tier in beginnings(RELATION):
        for start in tier:
            assert "failed" not in VARIABLES["incoming"].of(start.state)


def test_every_status_of_the_outgoing_side_has_a_situation() -> None:
    found = {VARIABLES["outgoing"].known(situation) for situation in situations(RELATION, OUTGOING)}
    assert found == set(VARIABLES["outgoing"].values)


def test_nothing_is_under_way_in_what_begins_at_rest() -> None:
    known = beginnings(RELATION, at_rest=True)
    assert all(known)
    for start in (start for tier in known for start in tier):
        assert VARIABLES["stage"].known(start.state) == "idle"
        assert set(VARIABLES["load"].of(start.state)) <= {"none", "deferred", "listening", "done"}


def test_whatever_rests_may_begin_at_rest() -> None:
    """Nothing is lost but what is under way: settings, earlier migrations and listeners may be anything."""
    *_, anything = beginnings(RELATION, at_rest=True)
    moving = [start for start in beginnings(RELATION)[IN_COLO] if start not in anything]
    assert len(moving) + len(anything) == len(beginnings(RELATION)[IN_COLO])
    for start in moving:
        resting = {"none", "deferred", "listening", "done"} & set(VARIABLES["load"].of(start.state))
        assert not ("idle" in VARIABLES["stage"].of(start.state) and resting)
