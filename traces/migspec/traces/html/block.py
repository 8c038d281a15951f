"""The data of a page as one block of JSON, which the scripts of the page read.

What is said often is said once: words, states, lists of rules and the templates of texts are tables, and marks are
rows of indices into them, without the members at their end that say nothing. `lanes.js` names the columns.

The block is ASCII and has no character that HTML gives a meaning to, whatever is in the log.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Report
from migspec.traces.picture.bundling import Kept, Polling, Question
from migspec.traces.picture.gathering import Gathered, Lane
from migspec.traces.picture.marks import Kind, Mark, shortened
from migspec.traces.picture.statistics import STATISTICS
from migspec.traces.picture.story import Journey
from migspec.traces.picture.texts import Texts, size_of
from migspec.traces.picture.watching import State

LONGEST_FINDING: Final = 800
"""Characters of what a finding says."""

MOST_WORDS: Final = 400_000
"""Bytes that the words of all marks take together; those that come later have none."""

MOST_CHARTED: Final = 4
"""VMs whose statistics are drawn: those whose lanes are open, and before all the busiest."""

LONGEST_SPAN: Final = 366 * 86_400
"""Seconds between the first and the last message beyond which the times cannot be those of one log."""

SET_BACK: Final = 1.0
"""Seconds by which a message may be earlier than the one before it; more, and the clock was set."""

_KINDS: Final = tuple(Kind)
_ESCAPES: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}

_Item = TypeVar("_Item", bound=Hashable)


class _Table(Generic[_Item]):
    """Things by their place."""

    def __init__(self, first: _Item) -> None:
        self.items: list[_Item] = [first]
        self._known = {first: 0}

    def place(self, item: _Item) -> int:
        """The place of a thing, which has one from now on; the first place where there is no room."""
        place = self._known.get(item)
        if place is None:
            if not self._has_room(item):
                return 0
            place = self._known[item] = len(self.items)
            self.items.append(item)
        return place

    def _has_room(self, _: _Item) -> bool:
        return True


class _Words(_Table[str]):
    """Words by their place, as many as there is room for."""

    def __init__(self) -> None:
        super().__init__("")
        self._left = MOST_WORDS

    def _has_room(self, item: str) -> bool:
        self._left -= size_of(item)
        return self._left >= 0


class _Block:
    """The tables of one page while they are filled."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._texts = Texts()
        self._words = _Words()
        self._states = _Table[State | None](None)
        self._rules = _Table[tuple[str, ...]](())
        self._lanes = {lane.name: place for place, lane in enumerate(gathered.lanes)}
        self._start = min((t for mark in gathered.marks for t in _times_of(mark) if t is not None), default=0.0)
        self._is_timed = _is_timed(gathered.marks)
        self._latest: dict[str, int] = {}

    def fields(self, report: Report) -> dict[str, Any]:
        """Everything, once."""
        shown = shown_lanes(self._gathered, report)
        busiest = sorted(self._gathered.lanes, key=lambda lane: (lane.name in shown, lane.messages), reverse=True)
        charted = {lane.name for lane in busiest[:MOST_CHARTED]}
        marks = [self._mark(mark) for mark in self._gathered.marks]
        findings = [self._finding(finding, lines) for finding, lines in self._gathered.findings]
        named = {rule for rules in self._rules.items for rule in rules} | {finding["rule"] for finding in findings}
        return {
            "timed": self._is_timed,
            "start": self._start,
            "focus": self._focus(),
            "lanes": [
                self._lane(lane, is_shown=lane.name in shown, is_charted=lane.name in charted)
                for lane in self._gathered.lanes
            ],
            "marks": marks,
            "findings": findings,
            "kinds": [kind.value for kind in _KINDS],
            "words": self._words.items,
            "states": self._states.items,
            "rules": self._rules.items,
            "templates": self._texts.templates,
            "catalogue": {name: _rule(name) for name in sorted(named) if name in CATALOGUE},
            "omitted": {"marks": self._gathered.omitted, "texts": self._texts.omitted},
        }

    def _lane(self, lane: Lane, *, is_shown: bool, is_charted: bool) -> dict[str, Any]:
        notes = [f.message for f, _ in self._gathered.findings if f.vm == lane.name and f.rule == "import.domain"]
        series = lane.series
        charts = [
            {
                "name": STATISTICS[i].name,
                "unit": STATISTICS[i].unit,
                "area": STATISTICS[i].is_area,
                "points": [[line, self._time(t), numbers[i]] for line, t, numbers in series.samples],
            }
            for i in (series.drawn() if is_charted else ())
        ]
        return {
            "name": lane.name,
            "role": lane.role,
            "notes": notes[:3],
            "messages": lane.messages,
            "shown": is_shown,
            "charts": charts,
            "stride": series.stride,
        }

    def _mark(self, kept: Kept) -> list[Any]:
        if isinstance(kept, Polling):
            return self._polling(kept)
        row = self._row(kept.kind, kept, kept.title, kept.words)
        row += [
            self._text(kept),
            self._states.place(kept.state),
            self._rules.place(kept.steps),
            self._rules.place(kept.rules),
            kept.asked,
            self._words.place(kept.mon),
        ]
        while row[-1] in (0, None):
            row.pop()
        return row

    def _polling(self, polling: Polling) -> list[Any]:
        names = [question.first.asked.title for question in polling.questions.values()]
        row = self._row(Kind.POLLING, polling.first, ", ".join(names), "")
        return [
            *row,
            None,
            self._states.place(polling.last.state),
            0,
            self._rules.place(polling.last.rules),
            0,
            self._words.place(polling.first.mon),
            polling.last.line,
            self._held(polling.last),
            [self._question(question) for question in polling.questions.values()],
        ]

    def _question(self, question: Question) -> list[Any]:
        ends = (*question.first, *question.last)
        answer = question.last.answered
        told = [self._words.place(question.first.asked.title), self._words.place(answer.words), question.count]
        return [*told, *([mark.line, self._text(mark)] for mark in ends)]

    def _row(self, kind: Kind, mark: Mark, title: str, words: str) -> list[Any]:
        place = self._lanes[mark.vm]
        named = (self._words.place(title), self._words.place(words))
        return [_KINDS.index(kind), place, mark.line, self._held(mark), *named]

    def _text(self, mark: Mark) -> list[Any] | None:
        text = self._texts.add(mark.text, mark.line) if mark.text else None
        return list(text) if text else None

    def _time(self, t: float | None) -> int | None:
        """Microseconds since the first message."""
        return round((t - self._start) * 1e6) if t is not None and self._is_timed else None

    def _held(self, mark: Mark) -> int | None:
        """The time of a mark, no earlier than that of the one before it."""
        time = self._time(mark.t)
        if time is not None:
            time = self._latest[mark.vm] = max(time, self._latest.get(mark.vm, time))
        return time

    def _finding(self, finding: Finding, lines: list[int]) -> dict[str, Any]:
        return {
            "grade": finding.grade.value,
            "lane": self._lanes.get(finding.vm, -1),
            "line": finding.line,
            "rule": finding.rule,
            "message": shortened(finding.message, LONGEST_FINDING),
            "times": len(lines),
        }

    def _focus(self) -> list[int]:
        """The lines between which there is a migration; none where there is none."""
        journeys = (*self._gathered.story.departures, *(j for j in self._gathered.story.arrivals if j.moved))
        lines = [line for journey in journeys for line in _lines_of(journey)]
        last = self._gathered.marks[-1] if self._gathered.marks else None
        if any(journey.last is None for journey in journeys) and last is not None:
            lines.append(last.last.line if isinstance(last, Polling) else last.line)
        return [min(lines), max(lines)] if lines else []


def shown_lanes(gathered: Gathered, report: Report) -> frozenset[str]:
    """The VMs whose lanes are open: those that took part in a migration or broke a rule, or else the busiest one."""
    names = {lane.name for lane in gathered.lanes}
    shown = (gathered.story.vms | {finding.vm for finding in report.findings if finding.grade == "violation"}) & names
    if not shown and gathered.lanes:
        return frozenset({max(gathered.lanes, key=lambda lane: lane.messages).name})
    return frozenset(shown)


def block(gathered: Gathered, report: Report) -> str:
    """The JSON, safe to stand between the tags of a script."""
    text = json.dumps(_Block(gathered).fields(report), ensure_ascii=True, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _rule(name: str) -> list[str]:
    rule = CATALOGUE[name]
    return [rule.sentence, rule.clause, rule.standing.value, rule.needs, rule.evidence.replace("`", "")]


def _is_timed(marks: Sequence[Kept]) -> bool:
    """Whether the marks may stand where their times say: all have one, and the clock of no VM was set back."""
    latest: dict[str, float] = {}
    earliest = None
    for mark in marks:
        vm = mark.first.vm if isinstance(mark, Polling) else mark.vm
        for t in _times_of(mark):
            if t is None or t < latest.get(vm, t) - SET_BACK:
                return False
            latest[vm] = max(t, latest.get(vm, t))
            earliest = t if earliest is None else min(t, earliest)
    return earliest is not None and 0 < max(latest.values()) - earliest < LONGEST_SPAN


def _times_of(mark: Kept) -> Iterable[float | None]:
    return (mark.first.t, mark.last.t) if isinstance(mark, Polling) else (mark.t,)


def _lines_of(journey: Journey) -> Iterator[int]:
    yield journey.first.line
    if journey.last is not None:
        yield journey.last.line
