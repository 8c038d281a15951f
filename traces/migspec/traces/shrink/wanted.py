"""The violation that a shorter trace has to show, and whether it does.

It has to be that of the same message: its VM, direction and content, in whatever line it then is.  The same rule must
be broken, by the same profile.  Where the judge names the step that comes nearest, it must be the same one, with the
same in its way: a rule that is broken for another reason is no substitute.  And nothing may be wrong that is not wrong
in the log: a reply without its request, say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from migspec.traces.automaton import Automaton, Node
from migspec.traces.cursor import Cursor
from migspec.traces.findings import Finding, Report
from migspec.traces.format import Header
from migspec.traces.judge import Options, TraceJudge
from migspec.traces.observations import Replied
from migspec.traces.shrink.log import FIRST_LINE, Entry, Log, place_of, violations


@dataclass(frozen=True, slots=True)
class Wanted:
    """A violation of a log: the place of its message, and how often each rule is violated at each place of the log."""

    place: int
    finding: Finding
    profile: str
    known: Mapping[tuple[int, str], int]

    @classmethod
    def of(cls, log: Log, finding: Finding) -> Self:
        """What is wanted where a finding of a log is to stay."""
        known = Counter((place_of(each), each.rule) for each in log.violations)
        return cls(place_of(finding), finding, log.report.profiles[finding.vm], known)

    def shown_by(self, header: Header, entries: Sequence[Entry], options: Options) -> tuple[Report, Finding] | None:
        """What the judge says of these entries as a trace, and the violation in it; None if they do not do."""
        first = min(place for place, _ in self.known)
        judge = _HastyJudge(Report("trace.jsonl"), header, options)
        try:
            for line, entry in enumerate(entries, FIRST_LINE):
                judge.is_in_haste = entry.place < first
                judge.feed(line, entry.text)
                if judge.is_over:
                    return None
        except _OverError:
            return None
        report = judge.finish()
        finding = self._found_in(report, entries)
        return None if finding is None else (report, finding)

    def _found_in(self, report: Report, entries: Sequence[Entry]) -> Finding | None:
        found = [(entries[place_of(each)].place, each) for each in violations(report)]
        if report.profiles.get(self.finding.vm) != self.profile:
            return None
        wrong = Counter((place, each.rule) for place, each in found)
        if any(times > self.known.get(where, 0) for where, times in wrong.items()):
            return None
        same = (each for place, each in found if (place, each.rule) == (self.place, self.finding.rule))
        return next((each for each in same if self.finding.nearest in ("", each.nearest)), None)


class _OverError(Exception):
    """Something is wrong already, so that nothing else matters."""


class _HastyJudge(TraceJudge):
    """A judge that, as long as it `is_in_haste`, does not go on where something is wrong."""

    is_in_haste = False

    @property
    def is_over(self) -> bool:
        """Whether it does not go on."""
        return self.is_in_haste and self.has_violation

    def cursor(self, automaton: Automaton, *, late: bool) -> Cursor:
        """A cursor that goes on no longer than this judge does."""
        return _HastyCursor(self, automaton, late=late, at_rest=self._options.at_rest)


class _HastyCursor(Cursor):
    """A cursor that does not look for a way on behind a message that nothing explains, if its judge does not go on.

    Raises `_OverError` instead.  To find a way on takes longer than all else.
    """

    __slots__ = ("_judge",)

    def __init__(self, judge: _HastyJudge, automaton: Automaton, *, late: bool, at_rest: bool) -> None:
        self._judge = judge
        super().__init__(automaton, late=late, at_rest=at_rest)

    @property
    def everywhere(self) -> Node:
        """Where the VM may be."""
        self._stop()
        return super().everywhere

    def pass_over(self, replied: Replied) -> bool:
        """Go on after a reply."""
        self._stop()
        return super().pass_over(replied)

    def _stop(self) -> None:
        if self._judge.is_over:
            raise _OverError
