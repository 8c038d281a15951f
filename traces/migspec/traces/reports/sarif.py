"""SARIF 2.1.0, the interchange format of static analysis: what code scanners' dashboards and editors read.

All traces are one run.  A finding is a result, a trace an artifact with its verdict, and a trace that cannot be read a
notification of the tool.  A result has a fingerprint that stays the same when other lines come before it, so that a
dashboard knows it again.

In a message of SARIF braces are placeholders and are doubled where they are meant, `[...](...)` is a link, and there
is no layout but lines.  https://docs.oasis-open.org/sarif/sarif/v2.1.0 is the standard.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from migspec.spec.rules import Rule
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.printable import printable
from migspec.traces.report import Line, Tally, collapsed, repeated, sentence
from migspec.traces.reports.reporter import unadorned

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

FINGERPRINT: Final = "migspecFinding/v1"
"""What the fingerprint of a result is called; the number goes up when it is made of something else."""

_LEVELS: Mapping[Grade, str] = {
    Grade.VIOLATION: "error",
    Grade.DOUBT: "warning",
    Grade.DEFECT: "warning",
    Grade.NOTE: "note",
}

_LINE_NUMBER: Final = re.compile(r"\bline \d+")

Object = dict[str, Any]
"""An object of the document."""


class Sarif:
    """Writes one document at the end; `version` is that of migspec, empty if it is not known."""

    def __init__(self, version: str, rules: Mapping[str, Rule] = CATALOGUE) -> None:
        self._version = version
        self._catalogue = rules
        self._rules: dict[str, int] = {}
        self._places: dict[str, Object] = {}
        self._artifacts: list[Object] = []
        self._results: list[Object] = []
        self._notifications: list[Object] = []

    def add(self, report: Report) -> tuple[Line, ...]:
        """Nothing yet: the results come together in one list."""
        analysed = dict.fromkeys(report.files.values()) or (report.trace,)
        for path in analysed:
            self._artifact(report, path)
        seen: Counter[tuple[str, ...]] = Counter()
        for finding, lines in collapsed(report.findings):
            place = self._artifact(report, report.file_of(finding))
            identity = _identity(place["uri"], finding)
            seen[identity] += 1
            self._results.append(self._result(finding, lines, place, _fingerprint(identity, seen[identity])))
        if report.error:
            self._notifications.append(
                {
                    "level": "error",
                    "message": _message(report.error),
                    "locations": [_location(self._artifact(report, path)) for path in analysed],
                }
            )
        return ()

    def finish(self, _tally: Tally) -> Iterator[Line]:
        """The document."""
        return map(unadorned, json.dumps(self.document(), ensure_ascii=False, indent=2).split("\n"))

    def document(self) -> Object:
        """The document so far."""
        driver: Object = {"name": "migspec", "version": self._version, "rules": [*map(self._rule, self._rules)]}
        if not self._version:
            del driver["version"]
        run = {
            "tool": {"driver": driver},
            "invocations": [
                {
                    "executionSuccessful": not self._notifications,
                    "toolExecutionNotifications": self._notifications,
                }
            ],
            "artifacts": self._artifacts,
            "results": self._results,
        }
        return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}

    def _artifact(self, report: Report, path: str) -> Object:
        """How results say which file they are in, which is listed from now on."""
        uri = uri_of(path)
        if uri in self._places:
            return self._places[uri]
        properties = {
            "verdict": report.verdict.value,
            "profile": report.profile,
            "messages": report.messages,
            **({"importer": report.importer} if report.importer else {}),
        }
        place = self._places[uri] = {"uri": uri, "index": len(self._artifacts)}
        self._artifacts.append({"location": {"uri": uri}, "roles": ["analysisTarget"], "properties": properties})
        return place

    def _result(self, finding: Finding, lines: Sequence[int], place: Object, fingerprint: str) -> Object:
        who = f"{finding.vm}: " if finding.vm else ""
        rule = printable(finding.rule)
        return {
            "ruleId": rule,
            "ruleIndex": self._rules.setdefault(rule, len(self._rules)),
            "level": _LEVELS[finding.grade],
            "message": _message(f"{who}{sentence(finding)}{repeated(lines)}", finding.explanation),
            "locations": [_location(place, finding.line, finding.vm)],
            "partialFingerprints": {FINGERPRINT: fingerprint},
            "occurrenceCount": len(lines),
            "properties": {"grade": finding.grade.value},
        }

    def _rule(self, name: str) -> Object:
        rule = self._catalogue.get(name)
        if rule is None:
            return {"id": name}
        founded = {"clause": rule.clause, "standing": rule.standing.value}
        properties = {name: value for name, value in founded.items() if value}
        return {"id": name, "shortDescription": _message(rule.sentence), "properties": properties}


def uri_of(path: str) -> str:
    """The URI of a file: relative for a relative path; bytes that are no text are escaped as they are."""
    tidy = str(PurePosixPath(path))
    try:
        name = tidy.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        name = tidy.encode("utf-8", "backslashreplace")
    return ("file://" if tidy.startswith("/") else "") + quote(name)


def _location(place: Object, line: int = 0, vm: str = "") -> Object:
    """A trace, or a line of it; a line below 1 is none."""
    physical: Object = {"artifactLocation": place}
    if line > 0:
        physical["region"] = {"startLine": line}
    location: Object = {"physicalLocation": physical}
    if vm:
        location["logicalLocations"] = [{"name": printable(vm)}]
    return location


def _message(*paragraphs: str) -> Object:
    """Text that means itself, without layout."""
    text = "\n\n".join(
        "\n".join(" ".join(printable(line).split()) for line in paragraph.strip("\n").split("\n"))
        for paragraph in paragraphs
        if paragraph
    )
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _identity(uri: str, finding: Finding) -> tuple[str, ...]:
    """What a finding is, wherever it is in the trace."""
    return (uri, finding.vm, finding.rule, finding.grade.value, _LINE_NUMBER.sub("line", finding.message))


def _fingerprint(identity: tuple[str, ...], nth: int) -> str:
    """The fingerprint of the nth finding of this kind."""
    return hashlib.sha256(json.dumps([*identity, nth]).encode()).hexdigest()
