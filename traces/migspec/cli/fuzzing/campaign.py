"""A campaign: runs within limits, then what was found made short, and written to files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migspec.properties.stateful import (
    Arena,
    Grade,
    Known,
    Objection,
    Outcome,
    Run,
    as_script,
    attempts,
    search,
    shrunk,
)
from migspec.properties.stateful.search import RUNS_OF_A_SEED
from migspec.traces.format import TraceError

MOST_FINDINGS: Final = 10
"""Findings that are made short and written down; whatever breaks the same rule first counts as the same."""

SHRINKING: Final = 120.0
"""Seconds that are given to make one finding shorter."""

TRIES: Final = 1
"""How often a program is tried that need not fail each time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a campaign ends: after so many seconds or runs, whichever is first; a run has so many steps."""

    seconds: float
    runs: int
    steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: the rule, the seed, the shortest run that shows it, and the files that have it."""

    rule: str
    seed: int
    run: Run
    files: tuple[str, ...] = ()

    @property
    def objection(self) -> Objection:
        """What is wrong."""
        return next(found for found in self.run.objections(Grade.VIOLATION) if found.rule == self.rule)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What came of a campaign."""

    limits: Limits
    outcome: Outcome
    findings: tuple[Finding, ...]
    seconds: float


def campaign(
    arena: Arena, limits: Limits, folder: Path | None, tell: Callable[[str, Outcome], None] = lambda what, so_far: None
) -> Campaign:
    """Make the runs, then shrink what was found, and write it to a folder if there is one.

    `tell` is told what is being done, and what has come of it so far.  Raises `SubjectError` where no VM can be had,
    and `TraceError` where the folder cannot be written.
    """
    began = time.monotonic()
    if folder is not None:
        _make(folder)

    def goes_on(outcome: Outcome) -> bool:
        tell("exploring", outcome)
        return time.monotonic() - began < limits.seconds

    outcome = search(arena, seed=limits.seed, runs=limits.runs, steps=limits.steps, goes_on=goes_on)
    findings = []
    for number, (rule, seed, run) in enumerate(_different(outcome), 1):
        short = _short(arena, rule, run, lambda: tell("shrinking", outcome))
        files = _written(arena, f"finding-{number}", rule, short, folder) if folder is not None else ()
        findings.append(Finding(rule, seed, short, files))
    if folder is not None:
        keep_known(outcome, limits.steps, folder)
    return Campaign(limits, outcome, tuple(findings), time.monotonic() - began)


def _different(outcome: Outcome) -> Iterator[tuple[str, int, Run]]:
    """For each rule that is the first to be broken in a run the shortest such run."""
    shortest: dict[str, tuple[int, Run]] = {}
    for seed, run in outcome.found:
        rule = run.objections(Grade.VIOLATION)[0].rule
        if rule not in shortest or len(run.program) < len(shortest[rule][1].program):
            shortest[rule] = seed, run
    for rule, (seed, run) in list(shortest.items())[:MOST_FINDINGS]:
        yield rule, seed, run


def _short(arena: Arena, rule: str, run: Run, tell: Callable[[], None]) -> Run:
    deadline = time.monotonic() + SHRINKING

    def goes_on() -> bool:
        tell()
        return time.monotonic() < deadline

    def breaks(other: Run) -> bool:
        return any(found.rule == rule for found in other.objections(Grade.VIOLATION))

    return shrunk(run, attempts(arena, breaks, TRIES), goes_on)


# --- files


def _written(arena: Arena, name: str, rule: str, run: Run, folder: Path) -> tuple[str, ...]:
    """Write the script, the trace and the report of a finding; their names."""
    report = "\n".join(_told(found) for found in run.judgement.objections if found.grade is not Grade.NOTE)
    message = next(found.message for found in run.objections(Grade.VIOLATION) if found.rule == rule)
    script = as_script(
        run.program,
        name=f"{name}.py",
        title=f"{rule}: {message}",
        explanation=report,
        prelude=arena.prelude,
        machine=arena.machine,
    )
    contents = {
        f"{name}.py": script.encode(),
        f"{name}.jsonl": b"".join(line + b"\n" for line in run.lines),
        f"{name}.txt": f"{report}\n".encode(),
    }
    for file, content in contents.items():
        _keep(folder / file, content)
    return tuple(str(folder / file) for file in contents)


def _told(found: Objection) -> str:
    place = f"{found.vm or 'both'}, line {found.line}: " if found.line else ""
    lines = [f"{found.grade}: {found.rule}", f"  {place}{found.message}"]
    return "\n".join([*lines, *(f"    {line}" for line in found.explanation.splitlines())])


def keep_known(outcome: Outcome, steps: int, folder: Path) -> None:
    """Write a trace of each known defect that was met, and the table of them.

    Raises `TraceError` where that cannot be done.
    """
    for known in outcome.known.values():
        _keep(folder / f"known-{known.rule}.jsonl", b"".join(line + b"\n" for line in known.run.lines))
    _keep(folder / "known-defects.md", table(outcome, steps).encode())


def table(outcome: Outcome, steps: int) -> str:
    """The known defects that were met, as a table of the documentation."""
    known: list[Known] = sorted(outcome.known.values(), key=lambda each: each.rule)
    rows = [
        f"| `{each.rule}` | {_in_table(each.message)} | {each.count} of {outcome.begun} "
        f"| `--seed {each.seed} --runs {RUNS_OF_A_SEED} --steps {steps}` |"
        for each in known
    ]
    return "\n".join(["| known defect | what was seen | runs | found again with |", "|---|---|---|---|", *rows, ""])


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made ({error.strerror})"
        raise TraceError(str(folder), None, problem, "a folder for what is found") from None


def _keep(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise TraceError(str(path), None, problem, "a place for what is found") from None
