"""The judge of traces as one that the search can be handed."""

from __future__ import annotations

from collections.abc import Mapping

from migspec.properties.stateful import Grade, Judgement, Objection
from migspec.traces import findings
from migspec.traces.findings import Finding, Report
from migspec.traces.format import TraceError, read_header
from migspec.traces.judge import Options, TraceJudge

_GRADES: Mapping[findings.Grade, Grade] = {
    findings.Grade.VIOLATION: Grade.VIOLATION,
    findings.Grade.DEFECT: Grade.DEFECT,
    findings.Grade.NOTE: Grade.NOTE,
    findings.Grade.DOUBT: Grade.NOTE,
}


class LineJudge:
    """Judges a trace by its release's profile, or by `profile`."""

    def __init__(self, profile: str | None = None) -> None:
        self._report = Report("trace.jsonl")
        self._options = Options(profile)
        self._judge: TraceJudge | None = None
        self._number = 0
        self._unreadable = ""

    def feed(self, line: bytes) -> None:
        """Read one line, the header first."""
        self._number += 1
        try:
            if self._judge is None:
                self._judge = TraceJudge(self._report, read_header(line, self._report.trace), self._options)
            else:
                self._judge.feed(self._number, line)
        except TraceError as error:
            self._unreadable = self._unreadable or str(error)

    @property
    def objects(self) -> bool:
        """Whether the lines so far cannot be explained, or read."""
        return bool(self._unreadable) or (self._judge is not None and self._judge.has_violation)

    def finish(self) -> Judgement:
        """Say what the lines come to."""
        if self._judge is not None:
            self._judge.finish()
        objections = [_objection(finding) for finding in self._report.findings]
        if self._unreadable:
            objections.append(Objection("trace.unreadable", Grade.VIOLATION, self._unreadable, self._number))
        return Judgement(tuple(objections), dict(self._report.exercised), self._report.messages)


def _objection(finding: Finding) -> Objection:
    grade = _GRADES[finding.grade]
    return Objection(finding.rule, grade, finding.message, finding.line, finding.vm, finding.explanation)
