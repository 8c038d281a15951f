"""What judging a trace produces: findings, a verdict, and what was exercised on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Grade(StrEnum):
    """How much a finding weighs."""

    VIOLATION = "violation"
    """No behaviour that the profile allows explains the trace."""
    DEFECT = "defect"
    """The trace shows a known defect of the release."""
    NOTE = "note"
    """Worth knowing, and no fault of the implementation as far as can be told."""
    DOUBT = "doubt"
    """Something cannot be judged because messages are missing."""


class Verdict(StrEnum):
    """What a trace comes to."""

    CONFORMS = "conforms"
    """Everything seen is allowed; findings, if any, are notes and known defects."""
    INCONCLUSIVE = "inconclusive"
    """No violation is certain, but gaps hide whether there is one."""
    VIOLATES = "violates"
    """At least one violation is certain."""
    UNREADABLE = "unreadable"
    """The input is no trace, or ends in the middle of something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a trace.

    `line` counts from 1; `rule` is the id of the rule; `message` is one sentence, `explanation` what supports
    it, ready for a terminal.  `nearest` is the rule of the step that comes nearest, and what stands in its way, where
    the explanation names one such step.
    """

    line: int
    vm: str
    rule: str
    grade: Grade
    message: str
    explanation: str = ""
    nearest: str = ""


@dataclass(slots=True)
class Use:
    """How many messages exercised a rule, and the line of the first, counted from 1."""

    count: int = 0
    line: int = 0

    def add(self, count: int, line: int) -> None:
        """Count further messages, of which `line` has the first."""
        self.line = min(self.line or line, line or self.line)
        self.count += count


@dataclass(slots=True)
class Report:
    """The outcome for one trace.

    `exercised` counts, for each rule, the messages that exercised it, `uses` the same for each profile with a line.
    `importer` is what has read it, empty for a trace.  Where several logs were joined, `files` has the one of each VM.
    """

    trace: str
    profiles: dict[str, str] = field(default_factory=dict)
    messages: int = 0
    findings: list[Finding] = field(default_factory=list)
    exercised: Counter[str] = field(default_factory=Counter)
    uses: dict[str, dict[str, Use]] = field(default_factory=dict)
    error: str = ""
    importer: str = ""
    files: dict[str, str] = field(default_factory=dict)

    def file_of(self, finding: Finding) -> str:
        """Where a finding is, of which the line counts there."""
        return self.files.get(finding.vm, self.trace)

    def exercise(self, profile: str, counts: Mapping[str, int], examples: Mapping[str, int]) -> None:
        """Count what messages exercised of a profile's rules; `examples` has the first line of each."""
        uses = self.uses.setdefault(profile, {})
        for rule, count in counts.items():
            uses.setdefault(rule, Use()).add(count, examples.get(rule, 0))

    @property
    def profile(self) -> str:
        """The profile that the VMs were judged by; several, joined by commas, if they differ."""
        return ",".join(dict.fromkeys(self.profiles.values()))

    @property
    def verdict(self) -> Verdict:
        """The verdict that the findings come to."""
        if self.error:
            return Verdict.UNREADABLE
        grades = {finding.grade for finding in self.findings}
        if Grade.VIOLATION in grades:
            return Verdict.VIOLATES
        return Verdict.INCONCLUSIVE if Grade.DOUBT in grades else Verdict.CONFORMS

    def count(self, grade: Grade) -> int:
        """How many findings have a grade."""
        return sum(finding.grade is grade for finding in self.findings)
