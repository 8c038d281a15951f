"""The search: what is left shows the same violation, no line of it can be left out, and a deadline is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.traces.shrink.samples import PLAIN, RIGHT, WRONG, exchange, line, log_of, wrong_answer

from migspec.traces.automaton import Node, TooManyHypothesesError
from migspec.traces.findings import Finding
from migspec.traces.judge import bench_of
from migspec.traces.shrink.deadline import Deadline
from migspec.traces.shrink.log import Entries, Log
from migspec.traces.shrink.search import Search, Shrunk
from migspec.traces.shrink.wanted import Wanted

FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


def shrunk(log: Log, which: int = 0) -> Shrunk:
    return Search(log, log.violations[which], PLAIN).run()


def is_one_minimal(log: Log, finding: Finding, left: Entries) -> bool:
    """Whether no single line but that of the message can be left out."""
    wanted = Wanted.of(log, finding)
    return not any(
        wanted.shown_by(log.header, left[:index] + left[index + 1 :], PLAIN)
        for index, entry in enumerate(left)
        if entry.place != wanted.place
    )


@st.composite
def talks(draw: st.DrawFn) -> list[bytes]:
    """Questions on several monitors, some of them open for a while, events, and some answers that are wrong."""
    lines: list[bytes] = []
    waiting: list[bytes] = []
    for number in range(draw(st.integers(1, 5))):
        origin = draw(st.sampled_from([{"vm": "src"}, {"vm": "dst"}, {"vm": "src", "mon": "m"}]))
        vm, others = origin["vm"], {"t": number} | {name: value for name, value in origin.items() if name != "vm"}
        asked, told = exchange(vm, "query-status", draw(st.sampled_from([RIGHT, WRONG])), number, **others)
        lines.append(asked)
        waiting.append(told)
        replied = draw(st.integers(0, len(waiting)))
        lines += waiting[:replied]
        del waiting[:replied]
        if draw(st.booleans()):
            stamp = {"seconds": number, "microseconds": 0}
            lines.append(line(vm, "<-", {"event": "STOP", "timestamp": stamp}, **others))
    return [*lines, *waiting, *exchange("src", "query-status", WRONG, 99)]


@FEW
@given(talks(), st.data())
def test_what_is_left_shows_the_same_and_is_one_minimal(
    tmp_path: Path, lines: list[bytes], data: st.DataObject
) -> None:
    log = log_of(tmp_path, lines)
    which = data.draw(st.integers(0, len(log.violations) - 1))
    finding = log.violations[which]
    left = shrunk(log, which)
    assert left.is_minimal
    assert (left.finding.vm, left.finding.rule, left.finding.message) == (finding.vm, finding.rule, finding.message)
    assert Wanted.of(log, finding).shown_by(log.header, left.entries, PLAIN) == (left.report, left.finding)
    assert [entry.place for entry in left.entries] == sorted({entry.place for entry in left.entries})
    assert is_one_minimal(log, finding, left.entries)


@FEW
@given(talks())
def test_the_same_is_left_every_time(tmp_path: Path, lines: list[bytes]) -> None:
    log = log_of(tmp_path, lines)
    assert shrunk(log) == shrunk(log)


def test_what_has_nothing_to_do_with_it_is_left_out(tmp_path: Path) -> None:
    log = log_of(tmp_path, wrong_answer(before=5, behind=5))
    left = shrunk(log)
    assert [json.loads(entry.text) for entry in left.entries] == [
        {"vm": "src", "dir": "->", "msg": {"execute": "query-status", "id": 5}},
        {"vm": "src", "dir": "<-", "msg": {"return": WRONG, "id": 5}},
    ]
    assert (left.finding.line, left.report.messages) == (3, 2)
    assert left.tries < 40


def test_what_explains_it_behind_the_message_may_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, wrong_answer(before=2, behind=3))
    shown_by = Wanted.shown_by

    def needs_the_last_but_one(self: Wanted, header: object, entries: Entries, options: object) -> object:
        if len(log.entries) - 2 not in [entry.place for entry in entries]:
            return None
        return shown_by(self, log.header, entries, PLAIN)

    monkeypatch.setattr(Wanted, "shown_by", needs_the_last_but_one)
    left = shrunk(log)
    assert [entry.place for entry in left.entries] == [4, 5, 10]


def test_what_takes_long_to_judge_is_tried_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, wrong_answer(before=3, behind=0))
    sizes: list[int] = []
    limited: list[bool] = []
    shown_by = Wanted.shown_by

    def is_slow_for_few(self: Wanted, header: object, entries: Entries, options: object) -> object:
        sizes.append(len(entries))
        if len(entries) <= 4 and limited:
            raise TooManyHypothesesError(1)
        return shown_by(self, log.header, entries, PLAIN)

    monkeypatch.setattr(Wanted, "shown_by", is_slow_for_few)
    limited.append(True)
    search = Search(log, log.violations[0], PLAIN)
    assert len(search.run(thoroughly=False).entries) == 5
    limited.clear()
    assert len(search.run().entries) == 2


def test_nothing_is_tried_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, wrong_answer())
    tried: list[Entries] = []
    shown_by = Wanted.shown_by

    def noted(self: Wanted, header: object, entries: Entries, options: object) -> object:
        tried.append(entries)
        return shown_by(self, log.header, entries, PLAIN)

    monkeypatch.setattr(Wanted, "shown_by", noted)
    left = shrunk(log)
    assert len(set(tried)) == len(tried)
    assert left.tries + 1 == len(tried)


def test_which_of_several_alike_is_wrong_makes_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, [line for _ in range(4) for line in exchange("src", "query-status", WRONG, 1)])
    shown_by = Wanted.shown_by

    def needs_the_last(self: Wanted, header: object, entries: Entries, options: object) -> object:
        return shown_by(self, log.header, entries, PLAIN) if log.entries[-1] in entries else None

    monkeypatch.setattr(Wanted, "shown_by", needs_the_last)
    assert [entry.place for entry in shrunk(log, 1).entries] == [2, 3, 6, 7]


def test_after_the_deadline_what_was_found_so_far_is_left(tmp_path: Path) -> None:
    log = log_of(tmp_path, wrong_answer())
    left = Search(log, log.violations[0], PLAIN, Deadline(0.0)).run()
    assert not left.is_minimal
    assert (left.entries, left.finding, left.tries) == (log.entries, log.violations[0], 0)


def test_a_try_is_interrupted_by_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, wrong_answer())
    automaton = bench_of(log.report.profiles["src"], frozenset(log.header.unseen)).automaton
    shown_by = Wanted.shown_by
    tries: list[int] = []

    def hangs(self: Wanted, header: object, entries: Entries, options: object) -> object:
        tries.append(len(entries))
        while len(tries) == 3:
            automaton.closure(Node((), closure=()))
        return shown_by(self, log.header, entries, PLAIN)

    monkeypatch.setattr(Wanted, "shown_by", hangs)
    left = Search(log, log.violations[0], PLAIN, Deadline(0.5)).run()
    assert not left.is_minimal
    assert len(left.entries) < len(log.entries)


def test_every_try_is_told(tmp_path: Path) -> None:
    log = log_of(tmp_path, wrong_answer())
    told: list[int] = []
    left = Search(log, log.violations[0], PLAIN, tell=lambda entries: told.append(len(entries))).run()
    assert len(told) == left.tries
    assert told == sorted(told, reverse=True)
    assert told[-1] == len(left.entries)
