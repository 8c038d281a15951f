"""How outcomes are shown: a report as lines of text or as one JSON object, and many reports as a summary.

A line of text is made of pieces, each with the tone that it is said in; which tone has which colour, if any,
is not decided here.  What comes from a trace is shown so that it cannot act on a terminal.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from migspec.spec.rules import Rule
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.printable import printable


class Tone(StrEnum):
    """The manner in which a piece of text is said."""

    PLAIN = "plain"
    """Text like any other."""
    PLACE = "place"
    """Where something is: a file, or a line of it."""
    GOOD = "good"
    """All is as it should be."""
    BAD = "bad"
    """A violation."""
    UNSURE = "unsure"
    """Something that could not be judged, or a known defect."""
    FAINT = "faint"
    """What is looked at last: explanations, rule ids."""


class Piece(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Piece, ...]
"""A line of text, without its end."""


class Manner(NamedTuple):
    """How verdicts or findings of one kind are counted and shown."""

    one: str
    many: str
    tone: Tone
    sign: str
    """What marks one where there is little room."""


VERDICTS: Mapping[Verdict, Manner] = {
    Verdict.VIOLATES: Manner("violates", "violate", Tone.BAD, "✕"),
    Verdict.UNREADABLE: Manner("is unreadable", "are unreadable", Tone.BAD, "✕"),
    Verdict.INCONCLUSIVE: Manner("is inconclusive", "are inconclusive", Tone.UNSURE, "?"),
    Verdict.CONFORMS: Manner("conforms", "conform", Tone.GOOD, "✓"),
}
"""The manner of each verdict."""

GRADES: Mapping[Grade, Manner] = {
    Grade.VIOLATION: Manner("violation", "violations", Tone.BAD, "✕"),
    Grade.DOUBT: Manner("doubt", "doubts", Tone.UNSURE, "?"),
    Grade.DEFECT: Manner("known defect", "known defects", Tone.UNSURE, "!"),
    Grade.NOTE: Manner("note", "notes", Tone.PLAIN, "i"),
}
"""The manner of the findings of each grade, the weightiest first."""

_EXPORTED: Mapping[Grade, str] = {
    Grade.VIOLATION: "violation",
    Grade.DEFECT: "defect",
    Grade.NOTE: "note",
    Grade.DOUBT: "note",
}
"""Grades in JSON.  A doubt is a note there: it blames nobody, and the verdict says the rest."""


def as_json(report: Report, rules: Mapping[str, Rule] = CATALOGUE) -> str:
    """The report as one JSON object on one line.

    Its members are those of the documentation; `error` is there only where the trace is unreadable, and `file` only
    where several logs were joined.  What is not UTF-8 in a path is written as an escape.
    """
    fields: dict[str, object] = {
        "trace": _text(report.trace),
        "verdict": report.verdict.value,
        "profile": report.profile,
        "messages": report.messages,
        "findings": [
            {
                **({"file": _text(report.file_of(finding))} if report.files else {}),
                "line": finding.line,
                "vm": finding.vm,
                "rule": finding.rule,
                "grade": _EXPORTED[finding.grade],
                "message": finding.message,
            }
            for finding in report.findings
        ],
        "exercised": sorted(report.exercised.keys() & rules.keys()),
    }
    if report.error:
        fields["error"] = _text(report.error)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()


def as_text(report: Report) -> Iterator[Line]:
    """The report as lines of text: the verdict, then each finding with what explains it."""
    path = printable(report.trace)
    tone = VERDICTS[report.verdict].tone
    counts = [counted(report.messages, "message", "messages")]
    counts += [
        counted(report.count(grade), manner.one, manner.many) for grade, manner in GRADES.items() if report.count(grade)
    ]
    if report.profile:
        counts.insert(0, report.profile)
    yield (
        Piece(path, Tone.PLACE),
        Piece(": "),
        Piece(report.verdict, tone),
        Piece(f" ({', '.join(counts)})", Tone.FAINT),
    )
    for finding, lines in collapsed(report.findings):
        head, *rest = told(finding, lines)
        yield (Piece(f"{printable(report.file_of(finding))}:{finding.line}: ", Tone.PLACE), *head)
        yield from rest
    if report.error:
        yield (Piece(printable(report.error), tone),)


def collapsed(findings: Iterable[Finding]) -> Iterator[tuple[Finding, list[int]]]:
    """Each finding with the lines that have it; only a violation is a finding of its own every time."""
    kept: dict[tuple[object, ...], tuple[Finding, list[int]]] = {}
    for index, finding in enumerate(findings):
        same: tuple[object, ...] = (finding.grade, finding.vm, finding.rule, finding.message)
        key = (*same, index) if finding.grade is Grade.VIOLATION else same
        kept.setdefault(key, (finding, []))[1].append(finding.line)
    yield from kept.values()


def told(finding: Finding, lines: Sequence[int]) -> Iterator[Line]:
    """A finding that these lines have, with what explains it; where it is comes before that."""
    yield (
        Piece(f"{printable(finding.vm)}: " if finding.vm else ""),
        Piece(sentence(finding), GRADES[finding.grade].tone),
        Piece(f"{repeated(lines)} [{printable(finding.rule)}]", Tone.FAINT),
    )
    if finding.explanation:
        for text in finding.explanation.rstrip("\n").split("\n"):
            yield (Piece(f"    {printable(text)}".rstrip(), Tone.FAINT),)


def sentence(finding: Finding) -> str:
    """What is found, which begins with how much it weighs if that is less than a violation."""
    kind = "" if finding.grade is Grade.VIOLATION else f"{GRADES[finding.grade].one}: "
    return kind + printable(finding.message)


def marked(grade: Grade) -> str:
    """A grade with its sign."""
    return f"{GRADES[grade].sign} {GRADES[grade].one}"


def repeated(lines: Sequence[int]) -> str:
    """How often a finding is there, with a space before it; nothing for one that is there once."""
    return f" ({len(lines)} times, first in line {lines[0]})" if len(lines) > 1 else ""


def plain(line: Line) -> str:
    """The text of a line, whatever its tones."""
    return "".join(piece.text for piece in line)


class Tally:
    """What many reports come to; it keeps their numbers and not the reports."""

    def __init__(self, rules: Mapping[str, Rule] = CATALOGUE) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.messages = 0
        self._rules = rules
        self._exercised: dict[str, set[str]] = {}

    def add(self, report: Report) -> None:
        """Count a report."""
        self.verdicts[report.verdict] += 1
        self.messages += report.messages
        for profile in report.profiles.values():
            self._exercised.setdefault(profile, set()).update(report.exercised)

    def never_exercised(self, profile: str) -> list[Rule]:
        """The rules of a profile that no report has exercised, in the order of the catalogue."""
        exercised = self._exercised.get(profile, set())
        return [rule for rule in self._rules_of(profile) if rule.id not in exercised]

    def as_text(self, *, verbose: bool = False) -> Iterator[Line]:
        """The summary; `verbose` adds the rules that were never exercised."""
        yield ()
        yield self.counts()
        for profile in self._exercised:
            yield from self._coverage(profile, verbose=verbose)

    def counts(self) -> Line:
        """How many traces and messages there are, and how many traces have which verdict."""
        verdicts: list[Piece] = []
        for verdict, (one, many, tone, _) in VERDICTS.items():
            if count := self.verdicts[verdict]:
                verdicts += [
                    Piece(", " if verdicts else ""),
                    Piece(f"{count} {one if count == 1 else many}", tone),
                ]
        return (
            Piece(f"{counted(self.verdicts.total(), 'trace', 'traces')} with "),
            Piece(f"{counted(self.messages, 'message', 'messages')}: "),
            *verdicts,
        )

    def _rules_of(self, profile: str) -> list[Rule]:
        return [rule for rule in self._rules.values() if profile in rule.profiles]

    def _coverage(self, profile: str, *, verbose: bool) -> Iterator[Line]:
        every = len(self._rules_of(profile))
        never = self.never_exercised(profile)
        rest = f"; nothing is said about the other {len(never)}" if never else ""
        yield (Piece(f"{profile}: {every - len(never)} of {every} rules exercised{rest}"),)
        if verbose:
            for rule in never:
                yield (Piece(f"    never exercised: {rule.id}"), Piece(f"  {rule.sentence}", Tone.FAINT))


def counted(count: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else many}"
