"""Traces with what the judge says of them: recorded ones, and the same with one fault each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migspec.traces.findings import Finding, Report
from migspec.traces.format import TraceError
from migspec.traces.judge import Options, judge_lines

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A trace: its name, what it shows, and its lines, the header first.

    `fault` says what was done to it, empty where nothing was; `base` is then the trace to which it was done.
    """

    name: str
    sentence: str
    lines: tuple[bytes, ...]
    base: str = ""
    fault: str = ""

    @property
    def path(self) -> str:
        """Its file, as the others name it."""
        return f"traces/{self.name}.jsonl"


def report_on(trace: Recorded, profile: str) -> Report:
    """What the judge says of a trace if all its VMs are held to a profile."""
    report = Report(trace.path)
    try:
        judge_lines(report, enumerate(trace.lines, 1), Options(profile))
    except TraceError as error:
        report.error = str(error)
    return report


def as_object(trace: Recorded, profiles: Sequence[str]) -> Object:
    """A trace with its verdicts, as a member of a file."""
    shown: Object = {"file": trace.path, "about": trace.sentence}
    if trace.base:
        shown |= {"base": trace.base, "fault": trace.fault}
    shown["verdicts"] = [_verdict(report_on(trace, profile), profile) for profile in profiles]
    return shown


def _verdict(report: Report, profile: str) -> Object:
    shown: Object = {"profile": profile, "verdict": report.verdict.value, "messages": report.messages}
    if report.error:
        shown["error"] = report.error
    shown["findings"] = [_finding(finding) for finding in report.findings]
    return shown


def _finding(finding: Finding) -> Object:
    return {
        "line": finding.line,
        "vm": finding.vm,
        "rule": finding.rule,
        "grade": finding.grade.value,
        "message": finding.message,
    }
