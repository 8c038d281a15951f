"""What is gathered is bounded, whatever the log is like."""

import json
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header
from migspec.traces.judge import Options
from migspec.traces.picture import gathering
from migspec.traces.picture.bundling import Kept, Polling
from migspec.traces.picture.gathering import Gatherer, gather
from migspec.traces.report import collapsed


def gathered(lines: Iterable[object], report: Report) -> tuple[Gatherer, tuple[Kept, ...]]:
    gatherer = Gatherer(Header(), report, Options(), list(collapsed(report.findings)))
    for number, line in enumerate(lines, 2):
        gatherer.feed(number, json.dumps(line).encode())
    return gatherer, gatherer.finish()


def event(vm: str = "a", status: str = "active") -> object:
    return {"vm": vm, "dir": "<-", "msg": {"event": "MIGRATION", "data": {"status": status}}}


def numbers(marks: Iterable[Kept]) -> list[int]:
    return [mark.first.line if isinstance(mark, Polling) else mark.line for mark in marks]


def test_marks_are_bounded_but_for_what_the_judge_found_fault_with() -> None:
    report = Report("t", findings=[Finding(8, "a", "r", Grade.VIOLATION, "m"), Finding(9, "a", "r", Grade.NOTE, "n")])
    with patch.object(gathering, "MOST_MARKS", 3):
        gatherer, marks = gathered([event()] * 9, report)
    assert numbers(marks) == [2, 3, 4, 8]
    assert gatherer.omitted == 5


def test_what_there_is_no_room_for_is_part_of_the_story() -> None:
    report = Report("t", {"a": "seed"})
    with patch.object(gathering, "MOST_MARKS", 1):
        gatherer, _ = gathered([event(), event(status="completed")], report)
    (journey,) = gatherer.story().departures
    assert journey.outcome == "completed"


def test_lanes_are_bounded() -> None:
    with patch.object(gathering, "MOST_VMS", 2):
        gatherer, marks = gathered([event("a"), event("b"), event("c"), event("a")], Report("t"))
    assert list(gatherer.lanes) == ["a", "b"]
    assert numbers(marks) == [2, 3, 5]


def test_marks_are_in_the_order_of_the_log() -> None:
    def exchange(vm: str) -> list[object]:
        asks = {"vm": vm, "dir": "->", "msg": {"execute": "query-name"}}
        return [asks, {"vm": vm, "dir": "<-", "msg": {"return": {}}}]

    _, marks = gathered([*exchange("a"), *exchange("b"), *exchange("a"), event("b")], Report("t"))
    assert numbers(marks) == sorted(numbers(marks))


def test_of_too_many_findings_the_weightiest_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text('{"format":"qmp-trace","version":1}\n')
    grades = [Grade.NOTE, Grade.DOUBT, Grade.VIOLATION, Grade.DEFECT]
    report = Report("t", findings=[Finding(i, "a", "r", grade, f"m{i}") for i, grade in enumerate(grades, 1)])
    with patch.object(gathering, "MOST_FINDINGS", 2):
        made = gather(str(path), report, Options())
    assert [finding.grade for finding, _ in made.findings] == [Grade.VIOLATION, Grade.DOUBT]
    assert made.unlisted == 2
