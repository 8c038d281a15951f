"""Workflow commands of GitHub Actions: each finding becomes an annotation of the line of the trace that has it.

A command is a line of its own, `::error file=...,line=...,title=...::message`; what would end it, or one of its
properties, is written with a percent sign and a hexadecimal number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from migspec.traces.findings import Grade, Report
from migspec.traces.printable import printable
from migspec.traces.report import Line, Tally, collapsed, plain, told
from migspec.traces.reports.reporter import unadorned

UNREADABLE = "unreadable"
"""The title of the annotation of a trace that cannot be read."""

_COMMANDS: Mapping[Grade, str] = {
    Grade.VIOLATION: "error",
    Grade.DOUBT: "warning",
    Grade.DEFECT: "warning",
    Grade.NOTE: "notice",
}

_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


class GitHub:
    """Writes annotations, and one line that counts the verdicts."""

    def add(self, report: Report) -> Iterator[Line]:
        """The annotations of the trace."""
        for finding, lines in collapsed(report.findings):
            message = "\n".join(plain(line) for line in told(finding, lines))
            file = _in_repository(report.file_of(finding))
            yield annotation(_COMMANDS[finding.grade], file, finding.line, finding.rule, message)
        if report.error:
            yield annotation("error", _in_repository(report.trace), 0, UNREADABLE, printable(report.error))

    def finish(self, tally: Tally) -> Iterator[Line]:
        """The counts."""
        yield tally.counts()


def _in_repository(path: str) -> str:
    """A path as GitHub knows it: without ./ before it."""
    return str(PurePosixPath(path))


def annotation(command: str, file: str, line: int, title: str, message: str) -> Line:
    """A workflow command; `message` may have several lines, and a line of the file below 1 is none."""
    properties = {"file": printable(file), "line": str(line) if line > 0 else "", "title": printable(title)}
    written = ",".join(f"{name}={value.translate(_IN_PROPERTIES)}" for name, value in properties.items() if value)
    return unadorned(f"::{command}{' ' * bool(written)}{written}::{message.translate(_IN_MESSAGES)}")
