"""A gap excuses what is missing, and says so only where something is missing for certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from tests.traces.talk import Talk, Wire, found

from migspec.traces.findings import Grade, Report, Verdict
from migspec.traces.gaps import LONGEST

Judge = Callable[[Talk], Report]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Judges in another process, which has none of the tests' type checks to slow it: after a gap much is possible."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda talk: pool.submit(Talk.judge, talk).result()


def migrating() -> tuple[Talk, Wire]:
    """A source whose migration is active."""
    talk = Talk()
    src = talk.wire().fresh()
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active")
    return talk, src


def doubted(report: Report) -> list[tuple[int, str]]:
    """The doubts about a trace that is inconclusive, and has no violation."""
    assert report.verdict is Verdict.INCONCLUSIVE, report.findings
    assert not found(report, Grade.VIOLATION)
    return found(report, Grade.DOUBT)


def test_a_gap_in_which_nothing_was_lost_hides_nothing(judge: Judge) -> None:
    talk, src = migrating()
    src.gap().status("2", "STOP", "3", "completed").shows("completed").runs("postmigrate")
    assert not judge(talk).findings


def test_a_reply_after_a_gap_belongs_to_its_request_before(judge: Judge) -> None:
    talk, src = migrating()
    src.request("migrate_cancel", identity="b").gap().status("cancelling").reply(identity="b").status("cancelled")
    assert not judge(talk).findings


def test_a_reply_after_a_gap_without_its_request_leaves_a_doubt(judge: Judge) -> None:
    talk, src = migrating()
    src.gap().status("cancelling").reply(identity="b").status("cancelled")
    assert [rule for _, rule in doubted(judge(talk))] == ["trace.gap"]


@pytest.mark.parametrize("lost", ["STOP", "2", "completed"])
def test_an_event_lost_in_a_gap_leaves_a_doubt(judge: Judge, lost: str) -> None:
    talk, src = migrating()
    src.runs("running")
    for status in ("STOP", "2", "completed"):
        if status == lost:
            src.gap()
        else:
            src.status(status)
    src.shows("completed").runs("postmigrate")
    assert [rule for _, rule in doubted(judge(talk))] == ["trace.gap"]


def test_a_whole_migration_lost_in_a_gap_leaves_one_doubt(judge: Judge) -> None:
    talk, src = migrating()
    src.status("2").gap().shows("completed").runs("postmigrate").shows("completed")
    assert len(doubted(judge(talk))) == 1


def test_a_request_without_its_reply_leaves_a_doubt(judge: Judge) -> None:
    talk, src = migrating()
    src.request("query-status").gap().status("STOP", "17", "completed").shows("completed")
    assert doubted(judge(talk)) == [(talk.line, "trace.gap")]


def test_what_is_wrong_in_itself_is_wrong_after_a_gap(judge: Judge) -> None:
    talk, src = migrating()
    src.gap().shows("active").request("query-block").reply([], identity="another")
    assert found(judge(talk), Grade.VIOLATION) == [(talk.line, "envelope.id")]


def test_a_gap_is_forgotten_after_a_while(judge: Judge) -> None:
    talk, src = migrating()
    src.runs("running").gap()
    for _ in range(LONGEST):
        src.shows("active")
    # lost, but too late to be put down to that gap: it may be a guest that does not run
    src.status("2", "completed").shows("completed")
    assert not judge(talk).findings


def test_gaps_follow_each_other(judge: Judge) -> None:
    talk, src = migrating()
    src.gap().status("STOP").gap().gap().status("2", "completed").shows("completed")
    assert not judge(talk).findings
