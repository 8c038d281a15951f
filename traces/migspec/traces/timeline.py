"""The log of a migration as lanes of text, one for each VM: who said what, when, and where the judge objects.

It is the page of HTML for a terminal: the same is gathered, put together and said. A row is a line of the log, or many
lines of polling; a finding stands below the line that it is about. Where so many lanes do not fit, all share one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from migspec.traces.findings import Finding, Report
from migspec.traces.judge import Options
from migspec.traces.picture.bundling import Kept, Polling
from migspec.traces.picture.gathering import Gathered, Lane, gather
from migspec.traces.picture.marks import Kind, Mark, shortened
from migspec.traces.picture.story import what_happened, whether_it_kept_to_it
from migspec.traces.picture.watching import State
from migspec.traces.printable import printable
from migspec.traces.report import GRADES, VERDICTS, Line, Piece, Tone, counted, marked

NARROWEST: Final = 30
"""Characters of a lane below which all VMs share one."""

USUAL_WIDTH: Final = 120
"""Characters of a line where no terminal says how many it has."""

LONGEST_NAME: Final = 12
"""Characters of the name of a VM in a lane that is shared."""

_BETWEEN: Final = " │ "

_SIGNS: Final[Mapping[Kind, str]] = {
    Kind.REQUEST: "→",
    Kind.REPLY: "←",
    Kind.ERROR: "✕",
    Kind.EVENT: "●",
    Kind.GREETING: "◇",
    Kind.END: "■",
    Kind.BYTES: "?",
    Kind.GAP: "…",
    Kind.POLLING: "⟳",
}

_TONES: Final[Mapping[Kind, Tone]] = {
    Kind.REPLY: Tone.FAINT,
    Kind.ERROR: Tone.UNSURE,
    Kind.GAP: Tone.UNSURE,
    Kind.POLLING: Tone.FAINT,
}
"""The tones of messages; any other is plain."""


def timeline(path: str, report: Report, options: Options, width: int = USUAL_WIDTH) -> Iterator[Line]:
    """The lanes of a log that was judged, in lines of so many characters.

    `report` and `options` are those of that judgement, and `path` is read once more. Never raises for bad input: what
    can be read is shown, and the error said.
    """
    return drawn(gather(path, report, options), report, width)


def drawn(gathered: Gathered, report: Report, width: int = USUAL_WIDTH) -> Iterator[Line]:
    """What was gathered, as lines of so many characters."""
    yield (Piece(printable(report.trace), Tone.PLACE), Piece(f": {gathered.source}", Tone.FAINT))
    yield from _wrapped(what_happened(gathered.story, report.verdict), width)
    yield from _wrapped(whether_it_kept_to_it(report), width, tone=VERDICTS[report.verdict].tone)
    if report.error:
        yield from _wrapped(printable(report.error), width, tone=Tone.BAD)
    if gathered.marks:
        yield ()
        yield from _rows(gathered, _Sheet.of(gathered, width))
    yield from _limits(gathered, width)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where things stand: the numbers of lines, the seconds, and the lanes; their widths are in characters."""

    width: int
    number: int
    seconds: int
    lane: int
    lanes: tuple[Lane, ...]
    shared: bool
    start: float | None

    @classmethod
    def of(cls, gathered: Gathered, width: int) -> _Sheet:
        """Divide the width among the lanes."""
        times = [mark.t for mark in map(_first, gathered.marks) if mark.t is not None]
        start = times[0] if times else None
        number = len(str(max(_last(kept).line for kept in gathered.marks)))
        seconds = max((len(f"{t - times[0]:.3f}") for t in times), default=0)
        room = width - number - seconds - len("  ")
        lanes = gathered.lanes
        lane = (room - len(_BETWEEN) * (len(lanes) - 1)) // len(lanes)
        shared = lane < NARROWEST and len(lanes) > 1
        return cls(width, number, seconds, max(room if shared else lane, NARROWEST), lanes, shared, start)

    def margin(self, line: str = "", t: float | None = None) -> Piece:
        """The number of a line, and the seconds since the first one."""
        seconds = "" if t is None or self.start is None else f"{t - self.start:.3f}"
        return Piece(f"{line:>{self.number}} {seconds:>{self.seconds}} ", Tone.FAINT)

    def head(self) -> Iterator[Line]:
        """The names of the lanes."""
        names = [f"{lane.name} ({lane.role})" if lane.role else lane.name for lane in self.lanes]
        cells = [", ".join(names)] if self.shared else names
        yield (self.margin(), Piece(_BETWEEN.join(self._cell(printable(cell)) for cell in cells).rstrip(), Tone.PLACE))
        rule = "─" * self.lane
        yield (self.margin(), Piece(_BETWEEN.replace(" ", "─").replace("│", "┼").join([rule] * len(cells)), Tone.FAINT))

    def row(self, margin: Piece, vm: str, sign: str, words: str, shows: str, tone: Tone) -> Line:
        """A row with something in the lane of a VM."""
        lead = f"{sign} {shortened(printable(vm), LONGEST_NAME)}: " if self.shared else f"{sign} "
        tail = shortened(f" [{shows}]", self.lane - len(lead) - 1) if shows else ""
        said = shortened(printable(words), max(1, self.lane - len(lead) - len(tail)))
        place = 0 if self.shared else [lane.name for lane in self.lanes].index(vm)
        before = Piece((self._cell("") + _BETWEEN) * place, Tone.FAINT)
        blank = " " * (self.lane - len(lead) - len(said) - len(tail))
        after = 0 if self.shared else len(self.lanes) - place - 1
        rest = Piece(f"{blank}{(_BETWEEN + self._cell('')) * after}".rstrip(), Tone.FAINT)
        return (margin, before, Piece(f"{lead}{said}", tone), Piece(tail, Tone.GOOD), rest)

    def _cell(self, text: str) -> str:
        return f"{shortened(text, self.lane):<{self.lane}}"


def _rows(gathered: Gathered, sheet: _Sheet) -> Iterator[Line]:
    yield from sheet.head()
    open_findings = sorted(((line, finding) for finding, lines in gathered.findings for line in lines), key=_line)
    known: dict[str, State] = {}
    for kept in gathered.marks:
        first, last = _first(kept), _last(kept)
        while open_findings and open_findings[0][0] < first.line:
            yield from _finding(*open_findings.pop(0), sheet)
        state = last.state or known.get(last.vm, State())
        shows = _changed(known.get(last.vm, State()), state)
        known[last.vm] = state
        sign, words, tone = _said(kept)
        yield sheet.row(sheet.margin(str(first.line), first.t), first.vm, sign, words, shows, tone)
        while open_findings and open_findings[0][0] <= last.line:
            yield from _finding(*open_findings.pop(0), sheet)
    for line, finding in open_findings:
        yield from _finding(line, finding, sheet)


def _line(found: tuple[int, Finding]) -> int:
    return found[0]


def _said(kept: Kept) -> tuple[str, str, Tone]:
    """The sign, the words and the tone of a row."""
    if isinstance(kept, Polling):
        titles = ", ".join(dict.fromkeys(question.last.asked.title for question in kept.questions.values()))
        told = f": {kept.last.words}" if kept.last.words else ""
        return _SIGNS[Kind.POLLING], f"{titles}, {kept.count} times{told}", _TONES[Kind.POLLING]
    words = f"{kept.title}: {kept.words}" if kept.words and kept.kind is Kind.ERROR else f"{kept.title} {kept.words}"
    return _SIGNS[kept.kind], words.rstrip(), _TONES.get(kept.kind, Tone.PLAIN)


def _changed(before: State, after: State) -> str:
    """What has become certain of a VM, in the words of the protocol."""
    changes = (
        value
        for name, value in after._asdict().items()
        if value != getattr(before, name) and value not in ("?", "none") and "|" not in value
    )
    return ", ".join(changes)


def _finding(line: int, finding: Finding, sheet: _Sheet) -> Iterator[Line]:
    told = f"{marked(finding.grade)} in line {line}, {finding.rule}: {finding.message}"
    indent = " " * len(sheet.margin().text)
    for row in textwrap.wrap(printable(told), max(NARROWEST, sheet.width - len(indent))):
        yield (Piece(indent), Piece(row, GRADES[finding.grade].tone))


def _limits(gathered: Gathered, width: int) -> Iterator[Line]:
    """What the log does not show, and what is not shown of it."""
    told = [f"This log does not show {lack}." for lack in gathered.lacks]
    if gathered.omitted:
        told.append(f"The log is long: {counted(gathered.omitted, 'row', 'rows')} at its end are left out.")
    if gathered.unlisted:
        told.append(f"{counted(gathered.unlisted, 'finding', 'findings')} more are not listed.")
    if told:
        yield ()
    for sentence in told:
        yield from _wrapped(sentence, width, tone=Tone.FAINT)


def _wrapped(text: str, width: int, tone: Tone = Tone.PLAIN) -> Iterator[Line]:
    for row in textwrap.wrap(text, max(NARROWEST, width)):
        yield (Piece(row, tone),)


def _first(kept: Kept) -> Mark:
    return kept.first if isinstance(kept, Polling) else kept


def _last(kept: Kept) -> Mark:
    return kept.last if isinstance(kept, Polling) else kept
