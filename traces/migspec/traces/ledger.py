"""The ledger: how many messages exercised each rule, with the place of one that did.

A message *exercises* a rule if nothing that is possible explains the message without it: a row that has been taken by
then and not before, the case of a command that its reply, or the end of the process, shows; or if the rule says
something of every message of its kind, such as that a reply fits the schema.  A message that several rules explain
equally well exercises none of them, so the ledger claims too little rather than too much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from migspec.spec.rules import Rule
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Report, Use

FORMAT = "migspec-ledger"
VERSION = 1

OF_TRACES = "no profile"
"""In the place of a profile: the rules that say something of a trace itself, exercised by findings that name them."""


@dataclass(slots=True)
class Entry:
    """How many messages exercised a rule, and the place of one: a trace, and a line of it counted from 1."""

    exercised: int = 0
    trace: str = ""
    line: int = 0
    _length: int = 0

    def add(self, report: Report, use: Use) -> None:
        """Count what a report has; the example is in the shortest trace, the first of several."""
        self.exercised += use.count
        if use.line and (not self.line or report.messages < self._length):
            self.trace, self.line, self._length = report.trace, use.line, report.messages

    def as_fields(self) -> dict[str, object]:
        """The entry as members of a JSON object; without a place where nothing has one."""
        place = {"trace": self.trace, "line": self.line} if self.line else {}
        return {"exercised": self.exercised, **place}


class Ledger:
    """Counts the rules that reports have exercised, profile by profile; it keeps the counts and not the reports."""

    def __init__(self, rules: Mapping[str, Rule] = CATALOGUE) -> None:
        self.traces = 0
        self.messages = 0
        self._rules = rules
        self._entries: dict[str, dict[str, Entry]] = {}

    def add(self, report: Report) -> None:
        """Count a report."""
        self.traces += 1
        self.messages += report.messages
        for profile, uses in report.uses.items():
            entries = self.of(profile)
            for rule, use in uses.items():
                if rule in entries:
                    entries[rule].add(report, use)
        entries = self.of(OF_TRACES)
        for finding in report.findings:
            if finding.rule in entries:
                entries[finding.rule].add(report, Use(1, finding.line))

    def of(self, profile: str) -> Mapping[str, Entry]:
        """The entries of a profile, one for each of its rules, by id."""
        found = self._entries.get(profile)
        if found is None:
            found = self._entries[profile] = {
                rule.id: Entry() for rule in self._rules.values() if profile in (rule.profiles or (OF_TRACES,))
            }
        return found

    @property
    def profiles(self) -> list[str]:
        """The profiles that something was judged by, and `OF_TRACES`, in alphabetical order."""
        return sorted(self._entries)

    def as_json(self) -> str:
        """The ledger as JSON: members in a stable order, one line a rule."""
        sections = {
            profile: {rule: entry.as_fields() for rule, entry in self.of(profile).items()} for profile in self.profiles
        }
        return written({"traces": self.traces, "messages": self.messages}, sections)


def written(head: Mapping[str, object], sections: Mapping[str, Mapping[str, Mapping[str, object]]]) -> str:
    """The text of a ledger: what is said of it as a whole, then section by section one entry a line."""
    fields: dict[str, object] = {"format": FORMAT, "version": VERSION, **head}
    lines = [f"  {_json(name)}: {_json(value)}" for name, value in fields.items()]
    lines += [f"  {_json(name)}: {_object(_entries(entries))}" for name, entries in sections.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entries(entries: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    return (f"    {_json(name)}: {_json(entries[name])}" for name in sorted(entries))


def _object(lines: Iterable[str]) -> str:
    inside = ",\n".join(lines)
    return f"{{\n{inside}\n  }}" if inside else "{}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
