"""Everything that a page shows of a log, gathered in one pass over it and of bounded size.

The judge has been over the log before, and its findings are given. It goes over it once more for what it passed over
in silence: the states and the steps. The log is read by the same importers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from migspec.spec.rows import SEED
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header, TraceError, open_trace, read_header
from migspec.traces.importers.table import opened
from migspec.traces.judge import Options
from migspec.traces.picture.bundling import Bundler, Kept, Polling
from migspec.traces.picture.marks import Kind, Reader
from migspec.traces.picture.statistics import Series
from migspec.traces.picture.story import Side, Story, story_of
from migspec.traces.picture.told import Told
from migspec.traces.picture.watching import WatchingJudge
from migspec.traces.report import GRADES, collapsed

MOST_MARKS: Final = 22_000
"""Marks that are kept; of what comes later only what has a finding that is listed, and no note."""

MOST_VMS: Final = 40
"""VMs that have a lane: the first ones."""

MOST_FINDINGS: Final = 300
"""Findings that are listed, and have a place in the lanes."""

Found = tuple[Finding, list[int]]
"""A finding with all lines that have it."""


@dataclass(slots=True)
class Lane:
    """One VM: its part if the log tells it, its statistics, and how many messages it has."""

    name: str
    role: str = ""
    messages: int = 0
    series: Series = field(default_factory=Series)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a page is made of: marks in the order of their lines, and findings, the weightiest first.

    `omitted` counts marks for which there was no room, `unlisted` findings.
    """

    header: Header
    lanes: tuple[Lane, ...]
    marks: tuple[Kept, ...]
    findings: tuple[Found, ...]
    story: Story
    lacks: tuple[str, ...] = ()
    source: str = "a trace"
    omitted: int = 0
    unlisted: int = 0


class Gatherer:
    """Gathers what the lines of one log show."""

    def __init__(self, header: Header, report: Report, options: Options, findings: Sequence[Found] = ()) -> None:
        self.header = header
        self.lanes: dict[str, Lane] = {}
        self.omitted = 0
        self._marks: list[Kept] = []
        self._told = 0
        self._apart = frozenset(finding.line for finding, _ in findings if finding.grade is not Grade.NOTE)
        self._profiles = report.profiles
        self._told_by: dict[str, Told] = {}
        self._judge = WatchingJudge(Report(report.trace), header, options)
        self._reader = Reader()
        self._bundlers: dict[str, Bundler] = {}
        self._sides: dict[str, tuple[Side, Side]] = {}

    def feed(self, number: int, line: bytes) -> None:
        """Take one line.

        Raises `TraceError` where it is no line of a trace.
        """
        self._judge.feed(number, line)
        mark = self._reader.mark(number, line)
        lane = self._lane(mark.vm) if mark else None
        if mark is None or lane is None:
            return
        mark.seen = self._judge.seen
        if self._profiles.get(mark.vm) == SEED:
            mark.told = self._told_by[mark.vm].add(mark)
        lane.messages += mark.kind not in (Kind.END, Kind.GAP)
        lane.series.add(mark)
        self._keep(self._bundlers[mark.vm].add(mark))

    def finish(self) -> tuple[Kept, ...]:
        """All marks, once all lines were taken."""
        for bundler in self._bundlers.values():
            self._keep(bundler.finish())
        self._tell_kept()
        return tuple(sorted(self._marks, key=_line))

    def story(self) -> Story:
        """What happened, once all is finished."""
        return story_of(self._sides)

    def _lane(self, vm: str) -> Lane | None:
        lane = self.lanes.get(vm)
        if lane is None and len(self.lanes) < MOST_VMS:
            stated = self.header.vms.get(vm)
            lane = self.lanes[vm] = Lane(vm, (stated.role or "") if stated else "")
            self._bundlers[vm] = Bundler(self._apart)
            self._told_by[vm] = Told()
            self._sides[vm] = Side(vm, "migrate", "outgoing"), Side(vm, "migrate-incoming", "incoming")
        return lane

    def _keep(self, marks: Iterable[Kept]) -> None:
        for mark in marks:
            if len(self._marks) < MOST_MARKS or _line(mark) in self._apart:
                self._marks.append(mark)
            else:
                self.omitted += 1
                self._tell_kept()
                self._tell(mark)

    def _tell_kept(self) -> None:
        """Let the story know what is kept, as late as can be: what was inferred of it may be mended meanwhile."""
        for mark in self._marks[self._told :]:
            self._tell(mark)
        self._told = len(self._marks)

    def _tell(self, kept: Kept) -> None:
        marks = [q.last.answered for q in kept.questions.values()] if isinstance(kept, Polling) else [kept]
        for mark in marks:
            for side in self._sides[mark.vm]:
                side.add(mark)


def gather(path: str, report: Report, options: Options) -> Gathered:
    """Gather what the log at `path` shows, as far as it can be read."""
    weights = list(GRADES)
    found = sorted(collapsed(report.findings), key=lambda found: weights.index(found[0].grade))
    findings = tuple(found[:MOST_FINDINGS])
    gatherer = Gatherer(Header(), report, options)
    lacks: tuple[str, ...] = ()
    source = "a trace"
    try:
        with open_trace(path) as lines:
            log = opened(lines, options.importer)
            if log.importer is not None:
                lacks, source = log.importer.lacks, log.importer.title
            _, first = next(log.entries, (1, b""))
            gatherer = Gatherer(read_header(first, path), report, options, findings)
            for number, line in log.entries:
                if line:
                    gatherer.feed(number, line)
    except TraceError:
        pass  # the report says where, and why
    marks = gatherer.finish()
    lanes = tuple(gatherer.lanes.values())
    return Gathered(
        gatherer.header,
        lanes,
        marks,
        findings,
        gatherer.story(),
        lacks,
        source,
        omitted=gatherer.omitted,
        unlisted=len(found) - len(findings),
    )


def _line(mark: Kept) -> int:
    return mark.first.line if isinstance(mark, Polling) else mark.line
