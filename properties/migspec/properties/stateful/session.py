"""One run: a subject under way, what was done to it, what was seen, and what is wrong with it.

After every step the trace that the subject has recorded is read on by the judge, and the properties are evaluated on
what is known of both VMs.  A violation ends the run; a known defect is kept, and the run goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from migspec.properties.stateful.observed import PROPERTIES, Meddling, Observed
from migspec.properties.stateful.program import Program, Step
from migspec.properties.stateful.subject import (
    Arguments,
    Grade,
    Judge,
    Judgement,
    Objection,
    Reply,
    Setup,
    Subject,
)
from migspec.properties.stateful.watching import Passed, Watch
from migspec.properties.temporal import (
    Always,
    AlwaysStep,
    Behaviour,
    Formula,
    LeadsTo,
    Moment,
    Outcome,
    Taken,
    on_trace,
)
from migspec.spec.composition import Side
from migspec.spec.schema import QEMU_5_2_0, Schema
from migspec.spec.vocabulary import MigrationStatus

_SETTLES: Final = Taken(None, "settles")


def _is(outcome: Outcome, formula: Formula, behaviour: Behaviour) -> bool:
    return on_trace(formula, behaviour).outcome is outcome


@dataclass(frozen=True, slots=True)
class Arena:
    """What runs are made in: where subjects and judges come from, and the properties that hold.

    `patience` are the seconds of the subject's own time that are waited at the end of a run for what must still come.
    `prelude` and `machine` are for scripts: the lines that make the machine of this arena, and its name there.
    """

    subject: Callable[[], Subject]
    judge: Callable[[], Judge]
    properties: tuple[Observed, ...] = PROPERTIES
    schema: Schema = QEMU_5_2_0
    patience: float = 2.0
    prelude: str = ""
    machine: str = "Pair"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run.

    `statuses` counts the moments at which a side was seen in a status, `rules` how often each rule of the machine was
    taken.
    """

    program: Program
    lines: tuple[bytes, ...]
    judgement: Judgement
    statuses: Counter[tuple[Side, str]]
    rules: Counter[str]
    seconds: float

    def objections(self, grade: Grade) -> list[Objection]:
        """The objections of a grade."""
        return [objection for objection in self.judgement.objections if objection.grade is grade]

    @property
    def fails(self) -> bool:
        """Whether something is wrong with it that is no known defect."""
        return bool(self.objections(Grade.VIOLATION))


class BrokenError(AssertionError):
    """A run in which something happened that must not; `run` has all of it."""

    def __init__(self, run: Run) -> None:
        wrong = run.objections(Grade.VIOLATION)
        super().__init__("\n".join(f"{found.rule}: {found.message}\n{found.explanation}" for found in wrong))
        self.run = run


@dataclass(slots=True)
class _Pair:
    """The pair that is there now: its behaviour, which begins anew when one of them is replaced."""

    moments: list[Moment] = field(default_factory=list)
    steps: list[Taken] = field(default_factory=list)
    meddlings: set[Meddling] = field(default_factory=set)


class Session:
    """A run under way.

    `pace` are the seconds that pass after each step, `polls` tells whether the VMs are asked then what they are doing.
    """

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.subject = arena.subject()
        self.pace = 0.0
        self.polls = True
        self.over = False
        """Whether something is wrong already: then nothing more is done."""
        self.setup = Setup()
        self._judge = arena.judge()
        self._watch = Watch(self.subject)
        self._program: list[Step] = []
        self._read = 0
        self._pair = _Pair()
        self._found: dict[str, Objection] = {}
        self._statuses: Counter[tuple[Side, str]] = Counter()
        self._began = time.monotonic()

    # --- what rules do

    def start(self, side: Side, listen: str | None = None) -> None:
        """Start a VM where there is none."""
        if self.subject.is_alive(side) or not self.subject.start(side, self.setup, listen):
            return
        source_remains = side is Side.SOURCE and Side.DESTINATION in self._watch.views
        self._watch.started(side)
        self._pair = _Pair(meddlings={Meddling.NEW_SOURCE} if source_remains else set())
        self.ask(side, "query-migrate-capabilities")

    def ask(self, side: Side, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        """Ask a VM, if it is there."""
        if not self.subject.is_alive(side):
            return None
        self._meddles(side, command)
        return self._watch.ask(side, command, arguments, oob=oob and self.subject.has_oob(side))

    def tell(self, side: Side, command: str, arguments: Arguments | None = None) -> None:
        """Send a VM a command, if it is there, and do not wait."""
        if self.subject.is_alive(side):
            self._meddles(side, command)
            self._watch.tell(side, command, arguments)

    def status(self, side: Side) -> str:
        """The status that a VM told last, empty if it told none that can be attributed."""
        return self._watch.views[side].status if side in self._watch.views else ""

    def is_done_with(self, side: Side) -> bool:
        """Whether a VM is known to have got its guest, so that it can get no other."""
        return self.status(side) == MigrationStatus.COMPLETED

    def _meddles(self, side: Side, command: str) -> None:
        if command == "x-colo-lost-heartbeat":
            self._pair.meddlings.add(Meddling.TAKEN_OVER)
        if side is Side.DESTINATION and command == "migrate":
            self._pair.meddlings.add(Meddling.MIGRATED_BACK)
        if side is Side.SOURCE and command == "cont" and self._watch.views[side].sends:
            self._pair.meddlings.add(Meddling.CONTINUED)

    # --- before and after a step

    def begin(self, step: Step) -> None:
        """Take note of a step that is about to be done."""
        self._program.append(step)

    def settle(self, taken: Taken) -> None:
        """Let a moment pass after a step, look at both VMs, and judge."""
        self.subject.rest(self.pace)
        self._look(taken, ask=self.polls)

    def _look(self, taken: Taken, *, ask: bool) -> None:
        self._pass(self._watch.passed(), taken)
        known, meanwhile = self._watch.look(ask=ask)
        for side, view in self._watch.views.items():
            self._statuses[side, view.status or ("unknown" if self.subject.is_alive(side) else "ended")] += 1
        self._come_to(known, taken)
        self._pass(meanwhile, taken)
        self._feed()
        self.over |= self._judge.objects

    def _pass(self, passed: Iterable[Passed], taken: Taken) -> None:
        """Come to the moments that events told of."""
        for side, status, moment in passed:
            self._statuses[side, status] += 1
            self._come_to(moment, taken)

    def _come_to(self, moment: Moment, taken: Taken) -> None:
        """Come to a moment by a step, or a part of one, and evaluate the properties."""
        if self._pair.moments:
            self._pair.steps.append(taken)
        self._pair.moments.append(moment)
        self._evaluate()

    def _feed(self) -> None:
        lines = self.subject.lines()
        for line in lines[self._read :]:
            self._judge.feed(line)
        self._read = len(lines)

    # --- properties

    def _evaluate(self) -> None:
        """Evaluate the properties on what the last step has added."""
        moments, steps = self._pair.moments, self._pair.steps
        last = Behaviour(moments[-2:], steps[-1:])
        for prop in self.arena.properties:
            if isinstance(prop.formula, Always | AlwaysStep) and _is(Outcome.VIOLATED, prop.formula, last):
                self._breaks(prop)

    def _pending(self) -> list[Observed]:
        """What must come in the end and has not."""
        behaviour = Behaviour(self._pair.moments, self._pair.steps)
        return [
            prop
            for prop in self.arena.properties
            if isinstance(prop.formula, LeadsTo) and _is(Outcome.PENDING, prop.formula, behaviour)
        ]

    def _breaks(self, prop: Observed) -> None:
        if prop.unless & self._pair.meddlings:
            return
        defect = prop.defect_in(Behaviour(self._pair.moments, self._pair.steps))
        grade = Grade.VIOLATION if defect is None else Grade.DEFECT
        told = defect or prop
        step = str(self._program[-1]) if self._program else ""
        self._found.setdefault(told.id, Objection(told.id, grade, told.sentence, self._read, "", f"After {step}"))
        self.over |= grade is Grade.VIOLATION

    # --- the end

    def finish(self) -> Run:
        """Wait for what must still come, end everything, and say what came of it."""
        try:
            if not self.over and self._watch.views:
                self.subject.settle(self.arena.patience)
                self._look(_SETTLES, ask=True)
                if self._pending():
                    self.subject.rest(self.arena.patience)
                    self._look(_SETTLES, ask=True)
                for prop in self._pending():
                    self._breaks(prop)
        finally:
            self.subject.close()
        self._feed()
        judgement = self._judge.finish()
        return Run(
            tuple(self._program),
            tuple(self.subject.lines()),
            replace(judgement, objections=(*judgement.objections, *self._found.values())),
            self._statuses,
            Counter(step.rule for step in self._program),
            time.monotonic() - self._began,
        )
