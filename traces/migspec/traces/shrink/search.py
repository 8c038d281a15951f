"""The search for the shortest trace that shows a violation of a log.

The less a trace shows, the more its VMs may be, and the longer the judge takes to find that nothing of it all explains
a message.  So the search is made twice: at first among the traces that are judged quickly, and then among all, of which
few are left to be tried.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from migspec.traces.automaton import MOST_HYPOTHESES, Limit, TooManyHypothesesError
from migspec.traces.findings import Finding, Report
from migspec.traces.format import Header
from migspec.traces.judge import Options, bench_of
from migspec.traces.shrink import members, pieces
from migspec.traces.shrink.deadline import Deadline, OutOfTimeError
from migspec.traces.shrink.log import Entries, Entry, Log
from migspec.traces.shrink.minimal import minimal
from migspec.traces.shrink.pieces import Piece
from migspec.traces.shrink.wanted import Wanted

QUICKLY: Final = 2_000
"""Hypotheses that a search of the judge may find where a trace is to be judged quickly; more if the log needs more."""

_STEP: Final = 4


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What is left of a log.

    `report` is what it comes to as a trace of its own, and `finding` the violation in it.  `is_minimal` is false if
    there was no time to find out that no line can be left out.  `tries` counts the traces that were judged for it.
    """

    header: Header
    entries: Entries
    report: Report
    finding: Finding
    is_minimal: bool
    tries: int


class Search:
    """One search: what is left so far, and what was tried.

    `tell` is given what is left after every try.
    """

    def __init__(
        self,
        log: Log,
        finding: Finding,
        options: Options,
        deadline: Deadline | None = None,
        tell: Callable[[Entries], None] = lambda entries: None,
    ) -> None:
        self._header = log.header
        self._options = options
        self._profiles = sorted(set(log.report.profiles.values()))
        self._wanted = Wanted.of(log, finding)
        self._deadline = deadline or Deadline()
        self._tell = tell
        self._refused: set[bytes] = set()
        self._postponed: set[bytes] = set()
        self._tries = 0
        self._entries = log.entries
        self._report = log.report
        self._finding = finding

    def run(self, *, thoroughly: bool = True) -> Shrunk:
        """Leave out whatever can be left out; if not `thoroughly`, only what can be found out quickly."""
        is_minimal = False
        try:
            quickly = self._quickly()
            with self._judging_within(quickly):
                self._leave_out_everything()
            if thoroughly:
                self._postponed.clear()
                with self._judging_within(sys.maxsize):
                    self._leave_out_what_is_left(quickly)
                is_minimal = True
        except OutOfTimeError:
            pass
        return Shrunk(self._header, self._entries, self._report, self._finding, is_minimal, self._tries)

    # ---- what is tried ----

    def _leave_out_everything(self) -> None:
        """Leave out what comes behind the message, then the largest pieces, then ever smaller ones."""
        self._cut_behind()
        before: Entries = ()
        while before != self._entries:
            before = self._entries
            for made_of in (pieces.vms, pieces.monitors, pieces.exchanges, pieces.lines):
                self._leave_out(made_of(self._entries))
            self._leave_out_members()

    def _leave_out_what_is_left(self, quickly: int) -> None:
        """Leave out single exchanges and lines, until there is none that can be left out."""
        before: Entries = ()
        while before != self._entries:
            before = self._entries
            for made_of in (pieces.exchanges, pieces.lines):
                self._leave_out(made_of(self._entries), most=1)
            if before != self._entries:
                with self._judging_within(quickly):
                    self._leave_out_members()

    def _cut_behind(self) -> None:
        """Leave out what comes behind the message, but for what the judge needs to explain it."""
        reach = 0
        stop = self._wanted.place + 1
        while stop + reach < len(self._entries):
            if self._take(self._entries[: stop + reach]):
                return
            reach = 2 * reach or 1

    def _leave_out(self, found: Sequence[Piece], most: int | None = None) -> None:
        """Leave out pieces, but for the one that has the message."""
        entries = self._entries
        stays = next(piece for piece in found if self._wanted.place in piece)

        def holds(kept: tuple[Piece, ...]) -> bool:
            places = {place for piece in (*kept, stays) for place in piece}
            return self._take([entry for entry in entries if entry.place in places])

        minimal([piece for piece in found if piece is not stays], holds, most)

    def _leave_out_members(self) -> None:
        """Leave out members, as long as the judge says the very same of the message."""
        entries = self._entries
        sentence = self._finding.message
        possible = members.cuts(entries, self._wanted.place)

        def holds(kept: tuple[members.Cut, ...]) -> bool:
            left = set(kept)
            return self._take(members.without(entries, (cut for cut in possible if cut not in left)), sentence)

        minimal(possible, holds)

    # ---- how it is tried ----

    def _take(self, entries: Sequence[Entry], sentence: str = "") -> bool:
        """Whether these entries do, with a certain sentence if one is given; if so, they are what is left from now on.

        Raises `OutOfTimeError` if that cannot be found out in time.
        """
        self._deadline.check()
        less = tuple(entries)
        if less == self._entries:
            return True
        key = self._key(less)
        if key in self._refused or key in self._postponed:
            return False
        self._tries += 1
        try:
            shown = self._wanted.shown_by(self._header, less, self._options)
        except TooManyHypothesesError:
            self._postponed.add(key)
            return False
        if shown is None or sentence not in ("", shown[1].message):
            shown = None
            self._refused.add(key)
        else:
            self._entries = less
            self._report, self._finding = shown
        self._tell(self._entries)
        return shown is not None

    def _key(self, entries: Entries) -> bytes:
        """What tells apart entries that the judge, or who reads what it says, may say something else of.

        That is their text, and which of several alike are the ones that something is wrong with.
        """
        wrong = {place for place, _ in self._wanted.known}
        told = (b"%d %b" % (entry.place, entry.text) if entry.place in wrong else entry.text for entry in entries)
        return blake2b(b"\n".join(told)).digest()

    def _quickly(self) -> int:
        """How many hypotheses are few for this log: no fewer than it needs itself."""
        most = QUICKLY
        while most < MOST_HYPOTHESES:
            try:
                with self._judging_within(most):
                    self._wanted.shown_by(self._header, self._entries, self._options)
            except TooManyHypothesesError:
                most *= _STEP
            else:
                break
        return most

    @contextmanager
    def _judging_within(self, most: int) -> Iterator[None]:
        """Judge no trace for which the judge has to look at more hypotheses at a time, nor when the time is up."""
        unseen = frozenset(self._header.unseen)
        limit = Limit(most, self._deadline.check)
        with ExitStack() as stack:
            for profile in self._profiles:
                stack.enter_context(bench_of(profile, unseen).automaton.within(limit))
            yield
