"""JUnit XML: what test dashboards and continuous integrations read.

A trace is a suite, and a rule that it says something of is a case of it: failed if the trace breaks the rule, skipped
if that cannot be judged, and passed otherwise.  The case `readable` is whether the trace could be read at all.  Names
are the path and the ids of rules, so that the same case is found in the next run.  A suite is written as soon as its
trace is judged, so any number of traces needs no more memory than one.

What XML cannot hold is not in here: all text is made printable first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from junitparser import Error, Failure, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from migspec.spec.rules import Rule
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.printable import printable
from migspec.traces.report import Line, Tally, collapsed, plain, repeated, told
from migspec.traces.reports.reporter import unadorned

READABLE = "readable"
"""The case that every suite has."""

_OPEN = ('<?xml version="1.0" encoding="utf-8"?>', '<testsuites name="migspec">')
_CLOSE = "</testsuites>"

_RESULTS: Mapping[Grade, type[FinalResult]] = {Grade.VIOLATION: Failure, Grade.DOUBT: Skipped}
"""What a finding makes of its case, the worst first; the others are printed and change nothing."""


class JUnit:
    """Writes one document with a suite for each trace."""

    def __init__(self, rules: Mapping[str, Rule] = CATALOGUE) -> None:
        self._rules = rules
        self._opened = False

    def add(self, report: Report) -> Iterator[Line]:
        """The suite of the trace, in one line."""
        yield from self._open()
        yield unadorned(suite(report, self._rules).tostring().decode())

    def finish(self, _tally: Tally) -> Iterator[Line]:
        """The end of the document."""
        yield from self._open()
        yield unadorned(_CLOSE)

    def _open(self) -> Iterator[Line]:
        if not self._opened:
            self._opened = True
            yield from map(unadorned, _OPEN)


def suite(report: Report, rules: Mapping[str, Rule] = CATALOGUE) -> TestSuite:
    """The suite of a trace: its verdict as properties, and the cases by name."""
    made = TestSuite(printable(report.trace))
    properties = {
        "verdict": report.verdict.value,
        "profile": report.profile,
        "messages": str(report.messages),
        "importer": report.importer,
    }
    for name, value in properties.items():
        if value:
            made.add_property(name, printable(value))
    findings: dict[str, list[_Told]] = {rule: [] for rule in report.exercised.keys() & rules.keys()}
    for finding, lines in collapsed(report.findings):
        findings.setdefault(finding.rule, []).append((finding, lines))
    made.add_testcases([_readable(report), *(_case(report, rule, findings[rule]) for rule in sorted(findings))])
    return made


_Told = tuple[Finding, list[int]]
"""A finding with the lines that have it."""


def _readable(report: Report) -> TestCase:
    case = _named(report, READABLE)
    if report.error:
        case.result = [Error(printable(report.error), report.verdict.value)]
    return case


def _case(report: Report, rule: str, findings: list[_Told]) -> TestCase:
    """The case of a rule: one result, as readers of the format expect, that tells of all findings of its grade."""
    case = _named(report, rule)
    decisive = next((grade for grade in _RESULTS if any(finding.grade is grade for finding, _ in findings)), None)
    if decisive is not None:
        of_grade = [(finding, lines) for finding, lines in findings if finding.grade is decisive]
        (first, lines), *more = of_grade
        message = printable(first.message) + repeated(lines) + (f" (and {len(more)} more)" if more else "")
        result = _RESULTS[decisive](message, decisive.value)
        result.text = _text(report, of_grade)
        case.result = [result]
    others = [(finding, lines) for finding, lines in findings if finding.grade is not decisive]
    if others:
        case.system_out = _text(report, others)
    return case


def _named(report: Report, name: str) -> TestCase:
    return TestCase(printable(name), printable(report.trace))


def _text(report: Report, findings: Iterable[_Told]) -> str:
    return "".join(
        f"{printable(report.file_of(finding))}:{finding.line}: "
        + "".join(f"{plain(line)}\n" for line in told(finding, lines))
        for finding, lines in findings
    )
