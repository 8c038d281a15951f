"""Many runs, and what they come to: what was covered, what was found.

The runs are made by Hypothesis, a few from each seed, without its database: the same seed gives the same programs.
Nothing is raised for a violation; the runs that have one are kept, and shrunk by whoever wants that.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from migspec.properties.stateful.machine import Explorer, machine
from migspec.properties.stateful.session import Arena, Run
from migspec.properties.stateful.subject import Grade
from migspec.spec.composition import Side

STEPS: Final = 50
"""Steps of a run, unless told."""

RUNS_OF_A_SEED: Final = 9
"""Runs that are made from one seed, all of full length: with more, Hypothesis begins to vary those that it has."""

_INITIAL: Final = 3  # rules that begin a run, which Hypothesis counts as steps


@dataclass(slots=True)
class Known:
    """A known defect that was met: in how many runs, what it is, and the shortest run that shows it with its seed."""

    rule: str
    message: str
    count: int
    run: Run
    seed: int


@dataclass(slots=True)
class Outcome:
    """What runs have come to."""

    begun: int = 0
    """Runs that were begun; Hypothesis gives some of them up early."""
    whole: int = 0
    """Runs of full length, and those that a violation has ended."""
    steps: int = 0
    """Steps that were done."""
    messages: int = 0
    """Messages that were judged."""
    statuses: Counter[tuple[Side, str]] = field(default_factory=Counter)
    """At how many moments each side was seen in each status."""
    rules: Counter[str] = field(default_factory=Counter)
    """How often each rule of the machine was taken."""
    exercised: Counter[str] = field(default_factory=Counter)
    """How many messages exercised each rule of the specification."""
    known: dict[str, Known] = field(default_factory=dict)
    """The known defects that were met, by id."""
    found: list[tuple[int, Run]] = field(default_factory=list)
    """The runs with a violation, each with its seed."""

    def add(self, run: Run, steps: int, seed: int) -> None:
        """Count a run."""
        self.begun += 1
        self.whole += run.fails or len(run.program) >= steps
        self.steps += len(run.program)
        self.messages += run.judgement.messages
        self.statuses.update(run.statuses)
        self.rules.update(run.rules)
        self.exercised.update(run.judgement.exercised)
        told = {objection.rule: objection.message for objection in run.objections(Grade.DEFECT)}
        for rule, message in told.items():
            known = self.known.get(rule)
            if known is None:
                self.known[rule] = Known(rule, message, 1, run, seed)
                continue
            known.count += 1
            if len(run.lines) < len(known.run.lines):
                known.run, known.seed = run, seed
        if run.fails:
            self.found.append((seed, run))

    def absorb(self, other: Outcome) -> None:
        """Count what other runs have come to."""
        self.begun += other.begun
        self.whole += other.whole
        self.steps += other.steps
        self.messages += other.messages
        self.statuses.update(other.statuses)
        self.rules.update(other.rules)
        self.exercised.update(other.exercised)
        self.found += other.found
        for rule, known in other.known.items():
            mine = self.known.setdefault(rule, replace(known, count=0))
            mine.count += known.count
            if len(known.run.lines) < len(mine.run.lines):
                mine.run, mine.seed = known.run, known.seed


class _EnoughError(BaseException):
    """Ends the search from within; no exception that Hypothesis would look into."""


class _Counted:
    """Listens to the runs of one seed."""

    def __init__(self, outcome: Outcome, seed: int, steps: int, goes_on: Callable[[], bool]) -> None:
        self._outcome = outcome
        self._seed = seed
        self._steps = steps
        self._goes_on = goes_on
        self._first = True

    def begins(self) -> bool:
        """Whether a run is to be done: the first of a seed is always the same, the simplest."""
        first, self._first = self._first, False
        return not first

    def ended(self, run: Run) -> None:
        """Count a run, and end the search if that was the last."""
        if run.program:
            self._outcome.add(run, self._steps, self._seed)
        if not self._goes_on():
            raise _EnoughError


def search(
    arena: Arena,
    *,
    seed: int,
    runs: int,
    steps: int = STEPS,
    goes_on: Callable[[Outcome], bool] = lambda outcome: True,
) -> Outcome:
    """Make runs, from this seed and those after it, until so many are whole.

    `goes_on` is asked after each run, and may end the search.  Raises `SubjectError` where a subject cannot be started
    or reached.
    """
    outcome = Outcome()

    def goes_on_still() -> bool:
        return outcome.whole < runs and goes_on(outcome)

    with contextlib.suppress(_EnoughError):
        while goes_on_still():
            counted = _Counted(outcome, seed, steps, goes_on_still)
            _make_runs(hypothesis.seed(seed)(machine(arena, counted)), steps)
            seed += 1
    return outcome


def _make_runs(explorer: type[Explorer], steps: int) -> None:
    """Make the runs of one seed."""
    chosen = settings(
        max_examples=RUNS_OF_A_SEED + 1,
        stateful_step_count=steps + _INITIAL,
        database=None,
        derandomize=False,
        phases=(Phase.generate,),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    run_state_machine_as_test(explorer, settings=chosen)
