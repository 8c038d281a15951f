"""Annotations of GitHub Actions, read back as the runner reads them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.reports.samples import GRADES, lines_of, runs, texts

from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.printable import printable
from migspec.traces.report import plain
from migspec.traces.reports.github import UNREADABLE, GitHub, annotation

LINES = st.integers(-1, 9)
ESCAPES = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}


def unescaped(text: str) -> str:
    return re.sub("%25|%0D|%0A|%3A|%2C", lambda match: ESCAPES[match[0]], text)


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command, its properties and its message, as the runner takes a line apart."""
    assert line.startswith("::")
    head, found, message = line[2:].partition("::")
    assert found
    command, _, written = head.partition(" ")
    properties = dict(one.split("=", 1) for one in written.split(",")) if written else {}
    return command, {name: unescaped(value) for name, value in properties.items()}, unescaped(message)


@given(st.sampled_from(["error", "warning", "notice"]), texts, LINES, texts, texts)
def test_what_is_written_is_read_back(command: str, file: str, line: int, title: str, message: str) -> None:
    told = {"file": printable(file), "line": str(line) if line > 0 else "", "title": printable(title)}
    written = plain(annotation(command, file, line, title, message))
    assert not set("\r\n") & set(written)
    assert read(written) == (command, {name: value for name, value in told.items() if value}, message)


@given(runs)
def test_a_line_for_each_finding_and_one_for_the_counts(shown: list[Report]) -> None:
    *annotations, counts = lines_of(GitHub(), shown)
    told = [read(line) for line in annotations]
    violations = [finding for report in shown for finding in report.findings if finding.grade is Grade.VIOLATION]
    unreadable = sum(bool(report.error) for report in shown)
    assert sum(command == "error" for command, _, _ in told) == len(violations) + unreadable
    for report in shown:
        for finding in report.findings:
            assert any(printable(finding.message) in message for _, _, message in told)
    assert counts.startswith(f"{len(shown)} trace")


@pytest.mark.parametrize(
    ("grade", "command"),
    [
        (Grade.VIOLATION, "error"),
        (Grade.DOUBT, "warning"),
        (Grade.DEFECT, "warning"),
        (Grade.NOTE, "notice"),
    ],
)
def test_the_grade_decides_the_command(grade: Grade, command: str) -> None:
    line, _ = lines_of(GitHub(), [Report("t", findings=[Finding(3, "src", "trace.gap", grade, "So.", "Why.")])])
    found, properties, message = read(line)
    assert (found, properties) == (command, {"file": "t", "line": "3", "title": "trace.gap"})
    assert re.fullmatch(r"src: (known defect: |doubt: |note: )?So\. \[trace\.gap\]\n    Why\.", message)


def test_what_cannot_be_read_is_an_error() -> None:
    line, _ = lines_of(GitHub(), GRADES[3:])
    assert read(line) == ("error", {"file": "bad.log", "title": UNREADABLE}, GRADES[3].error)


def test_the_file_is_named_as_in_the_repository() -> None:
    line, _ = lines_of(GitHub(), [Report("./a//b.jsonl", error="So.")])
    assert read(line)[1]["file"] == "a/b.jsonl"
