"""What is to be shrunk: a log as it was read, and its entries.

A log of any format that can be read is a sequence of entries, which are lines of the native format.  An entry keeps
its identity, whatever becomes of its text and of those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from migspec.spec.wire.greeting import release_of
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header, TraceError, VmInfo, open_trace, read_header
from migspec.traces.framing import ANYTHING, decoded
from migspec.traces.importers.table import opened
from migspec.traces.judge import Options, TraceJudge

FIRST_LINE: Final = 2
"""The number of the line that follows the header of a trace."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a trace.

    `place` says which entry of its log it is, from 0, and `number` which line of the log it comes from, from 1.
    """

    place: int
    number: int
    text: bytes


Entries = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it was read, with what its entries come to; `error` says why it ends too early, if it does."""

    path: str
    header: Header
    entries: Entries
    report: Report
    error: str = ""

    @property
    def violations(self) -> list[Finding]:
        """The violations, in order."""
        return violations(self.report)

    def number_of(self, finding: Finding) -> int:
        """The line of the log that a finding is about."""
        return self.entries[place_of(finding)].number


def violations(report: Report) -> list[Finding]:
    """The violations of a report, in order."""
    return [finding for finding in report.findings if finding.grade is Grade.VIOLATION]


def place_of(finding: Finding) -> int:
    """Which of the entries that were judged a finding is about, from 0."""
    return finding.line - FIRST_LINE


class Shape(msgspec.Struct, gc=False):
    """A line of a trace, its message left as text."""

    vm: str
    dir: str | None = None
    mon: str = ""
    msg: msgspec.Raw = msgspec.Raw()


_SHAPE: Final = msgspec.json.Decoder(Shape)


def shape_of(text: bytes) -> Shape:
    """The shape of an entry's text, without a VM if it is nested so deeply that it could just be judged."""
    return decoded(text, _SHAPE) or Shape("")


def read(path: str, options: Options, tick: Callable[[int], None] = lambda read: None) -> Log:
    """Read a log and judge it; `tick` is told the number of bytes read since it was told last.

    Raises `TraceError` where it does not even begin as a log.
    """
    entries: list[Entry] = []
    report = Report(path)
    error = ""
    with open_trace(path) as lines:
        source = opened(lines, options.importer).entries
        header = read_header(next(source, (1, b""))[1], path)
        judge = TraceJudge(report, header, options)
        try:
            for number, text in source:
                if text:
                    _feed(judge, number, len(entries) + FIRST_LINE, text)
                    entries.append(Entry(len(entries), number, text))
                tick(len(text))
        except TraceError as cut:
            error = str(cut)
    judge.finish()
    return Log(path, with_releases(header, entries, report.profiles), tuple(entries), report, error)


def _feed(judge: TraceJudge, number: int, line: int, text: bytes) -> None:
    """Judge a line; what is wrong with it is said of the line of the log."""
    try:
        judge.feed(line, text)
    except TraceError as wrong:
        raise TraceError(wrong.path, number, wrong.problem, wrong.expected) from None


def with_releases(header: Header, entries: Iterable[Entry], vms: Iterable[str]) -> Header:
    """The header with the release of each VM whose first message is a greeting, which may then be left out."""
    unseen = set(vms)
    told = dict(header.vms)
    for entry in entries:
        if not unseen:
            break
        line = shape_of(entry.text)
        if line.vm in unseen:
            unseen.remove(line.vm)
            release = release_of(decoded(bytes(line.msg), ANYTHING))
            if release is not None:
                told[line.vm] = replace(told.get(line.vm, VmInfo()), release=release)
    return replace(header, vms=told)
