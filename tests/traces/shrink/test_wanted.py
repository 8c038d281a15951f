"""What counts as the same violation, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.traces.shrink.samples import PLAIN, WRONG, exchange, line, log_of, wrong_answer

from migspec.traces.judge import TraceJudge
from migspec.traces.shrink.log import Entries, Log
from migspec.traces.shrink.wanted import Wanted


def at(log: Log, *places: int) -> Entries:
    return tuple(log.entries[place] for place in places)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Six lines of three answers; the third is wrong, and after it come three more."""
    return log_of(tmp_path, wrong_answer(before=2, behind=1))


def wanted(log: Log) -> Wanted:
    return Wanted.of(log, log.violations[0])


def test_the_same_message_in_another_line_does(log: Log) -> None:
    shown = wanted(log).shown_by(log.header, at(log, 4, 5), PLAIN)
    assert shown is not None
    report, finding = shown
    assert (finding.line, finding.rule) == (3, "schema.query-status")
    assert report.messages == 2


@pytest.mark.parametrize("places", [(0, 1), (2, 3, 6, 7), (4,), ()])
def test_a_trace_without_the_violation_does_not(places: tuple[int, ...], log: Log) -> None:
    assert wanted(log).shown_by(log.header, at(log, *places), PLAIN) is None


def test_the_same_violation_of_another_message_does_not(tmp_path: Path) -> None:
    log = log_of(tmp_path, exchange("src", "query-status", WRONG, 1) + exchange("src", "query-status", WRONG, 2))
    first, second = (Wanted.of(log, finding) for finding in log.violations)
    assert first.shown_by(log.header, at(log, 0, 1), PLAIN)
    assert second.shown_by(log.header, at(log, 2, 3), PLAIN)
    assert first.shown_by(log.header, at(log, 2, 3), PLAIN) is None
    assert second.shown_by(log.header, at(log, 0, 1), PLAIN) is None


def test_what_is_wrong_in_the_log_too_may_stay(tmp_path: Path) -> None:
    log = log_of(tmp_path, exchange("src", "query-status", WRONG, 1) + exchange("src", "query-status", WRONG, 2))
    second = Wanted.of(log, log.violations[1])
    assert second.shown_by(log.header, log.entries, PLAIN)


def test_nothing_may_be_wrong_that_is_not_wrong_in_the_log(log: Log) -> None:
    other = replace(log.entries[3], text=line("src", "<-", {"return": {}, "id": 1}))
    assert wanted(log).shown_by(log.header, at(log, 2, 3, 4, 5), PLAIN)
    assert wanted(log).shown_by(log.header, (log.entries[2], other, *at(log, 4, 5)), PLAIN) is None
    late = replace(log.entries[7], text=other.text.replace(b'"id": 1', b'"id": 3'))
    assert wanted(log).shown_by(log.header, (*at(log, 4, 5, 6), late), PLAIN) is None


def test_a_rule_may_be_broken_no_more_often_than_in_the_log(tmp_path: Path) -> None:
    once = log_of(tmp_path, exchange("src", "query-status", WRONG, 1))
    twice = log_of(tmp_path, exchange("src", "query-status", WRONG | {"running": "no"}, 1))
    assert [len(each.violations) for each in (once, twice)] == [1, 2]
    assert wanted(once).shown_by(once.header, twice.entries, PLAIN) is None
    assert wanted(twice).shown_by(twice.header, once.entries, PLAIN)


def test_it_must_be_judged_by_the_same_profile(log: Log) -> None:
    assert wanted(log).profile == "seed"
    other = replace(wanted(log), profile="qemu-5.2.0")
    assert other.shown_by(log.header, log.entries, PLAIN) is None


def test_where_a_step_is_named_it_must_be_the_same(log: Log) -> None:
    named = replace(log.violations[0], nearest="guest.restarted: was-running is no, and must be yes")
    assert replace(wanted(log), finding=named).shown_by(log.header, log.entries, PLAIN) is None


def test_a_search_is_given_up_at_the_first_thing_wrong(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[int] = []
    feed = TraceJudge.feed

    def counted(judge: TraceJudge, number: int, text: bytes) -> None:
        fed.append(number)
        feed(judge, number, text)

    monkeypatch.setattr(TraceJudge, "feed", counted)
    other = replace(log.entries[1], text=line("dst", "<-", {"return": {}, "id": 0}))
    assert wanted(log).shown_by(log.header, (log.entries[0], other, *log.entries[2:]), PLAIN) is None
    assert fed == [2, 3]
