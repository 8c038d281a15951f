"""Making a program shorter that still fails, on subjects that need not always do the same.

Hypothesis shrinks what it can repeat exactly.  A real process cannot be relied on for that, so here a program is made
shorter by leaving out steps, many and then fewer at a time, and then parts of arguments; what fails in none of a few
tries counts as not failing.  The first step, which starts the VMs, stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migspec.properties.stateful.machine import machine
from migspec.properties.stateful.program import Program, perform, smaller
from migspec.properties.stateful.session import Arena, Run


class _Kept:
    """Keeps the run that has ended."""

    run: Run

    def begins(self) -> bool:
        return True

    def ended(self, run: Run) -> None:
        self.run = run


def replayed(arena: Arena, program: Program) -> Run:
    """Do a program once more, and say what came of it."""
    kept = _Kept()
    state = machine(arena, kept)()
    try:
        perform(program, state)
    finally:
        state.teardown()
    return kept.run


Attempt = Callable[[Program], Run | None]
"""Tries a program: the run if it fails as is wanted, None if it does not."""


def attempts(arena: Arena, wanted: Callable[[Run], bool], tries: int = 1) -> Attempt:
    """What tries a program up to so many times."""

    def attempt(program: Program) -> Run | None:
        for _ in range(tries):
            run = replayed(arena, program)
            if wanted(run):
                return run
        return None

    return attempt


def shrunk(run: Run, attempt: Attempt, goes_on: Callable[[], bool] = lambda: True) -> Run:
    """A run of a program that is as short as could be found while `goes_on`; the run itself where none is shorter."""
    best = run
    for candidates in (_without_steps, _with_less):
        best = _improved(best, candidates, attempt, goes_on)
    return best


def _improved(
    best: Run,
    candidates: Callable[[Program, int], Iterator[Program]],
    attempt: Attempt,
    goes_on: Callable[[], bool],
) -> Run:
    """Take the first candidate that fails too, and begin again, from ever finer candidates, until none is left."""
    size = max(len(best.program) // 2, 1)
    while size:
        for program in candidates(best.program, size):
            if not goes_on():
                return best
            found = attempt(program)
            if found is not None:
                best = found
                break
        else:
            size //= 2
        size = min(size, len(best.program))
    return best


def _without_steps(program: Program, size: int) -> Iterator[Program]:
    """The program without so many steps in a row, the last ones first."""
    for start in range(len(program) - size, 0, -size):
        yield program[:start] + program[start + size :]
    if 1 < size < len(program):
        yield program[:1] + program[1 + size :]


def _with_less(program: Program, size: int) -> Iterator[Program]:
    """The program with less in one of its steps; nothing is coarse or fine about that."""
    if size == 1:
        for index, step in enumerate(program):
            for less in smaller(step):
                yield (*program[:index], less, *program[index + 1 :])
