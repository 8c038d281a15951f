"""The search for a run that gives a mutant away, with a fixed budget.

First come the recorded scripts in which the unchanged machines take the changed rule, then scripts and walks that are
after it, then walks that take it by chance. A mutant is found by a run in which a rule is broken, or somebody stands
still, unless the unchanged machines do the same in that run; the search ends there. Of one that is not found the runs
are compared with those of the unchanged machines, to tell what never came to pass from what made no difference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, zip_longest
from random import Random
from typing import Final, TypeVar
from unittest.mock import patch
from zlib import crc32

import msgspec
from tests.mutants.frail import Frail, Misled
from tests.mutants.index import Index
from tests.mutants.mutant import ENVELOPE, OPEN, Mutant, in_force
from tests.mutants.numbers import OffByOne
from tests.mutants.operators import RELEASE_ROWS, ROW_OF, case_of
from tests.mutants.runs import Played, Run, Target, perform, scripts
from tests.mutants.verdicts import RESTLESS, Verdict, verdict

MOST_RUNS: Final = 34
"""Runs that a mutant is searched with at most."""
LEAST_RUNS: Final = 12
"""Runs that it is searched with whatever they take; a number shows in any run that it is in, and has no more."""
SECONDS: Final = 4.0
"""Seconds of a processor after which no further run is begun."""
TWICE: Final = 2
"""Runs in which somebody has to stand still."""
COMPARED: Final = 12
"""Runs of a survivor that are compared with those of the unchanged machines."""

T = TypeVar("T")


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a mutant.

    `rule` is the rule that was broken, `stands` where a machine stood still instead, and `run` the run that showed it,
    after so many. Of one that was not found, `touched` counts the runs in which the changed rule came to pass, and
    `differed` those whose trace is another than that of the unchanged machines. `void` is a mutant that is none: the
    change could not be made in any run. `broke_down` is what was too much for the machine, if that is how it was found.

    Of one that no run has shown every word is tried (`tests.mutants.words`), once `tried` is set: `word` is the one
    that did, `never` the property about the end that it breaks, and `run` where. In the environments of `exhausted`
    there is neither, in those of `stopped` there are too many words.
    """

    id: str
    rule: str = ""
    stands: str = ""
    run: str = ""
    runs: int = 0
    touched: int = 0
    differed: int = 0
    void: bool = False
    broke_down: str = ""
    tried: bool = False
    word: str = ""
    never: str = ""
    exhausted: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether it was found."""
        return bool(self.rule or self.stands or self.word or self.never)

    @property
    def operator(self) -> str:
        """The kind of change."""
        return self.id.partition(":")[0]

    @property
    def changed(self) -> str:
        """The rule that was changed."""
        return self.id.split(":")[1]


@dataclass(frozen=True, slots=True)
class Original:
    """What the unchanged machines make of a run."""

    played: Played
    verdict: Verdict


@lru_cache(maxsize=600)
def original(run: Run) -> Original:
    """The same run, with the unchanged machines."""
    played = perform(run)
    return Original(played, verdict(played))


# ---- which runs ----


def target_of(mutant: Mutant) -> Target | None:
    """What a run is to be after to give a mutant away; None for a number, which every answer shows."""
    if mutant.rule in ROW_OF:
        return Target(row=mutant.rule, capabilities=capabilities_for(mutant.rule), stages=stages_of(mutant.rule))
    if mutant.operator == "number.off":
        return None
    found = case_of().get(mutant.rule)
    command = found[0].command if found is not None else ""
    return Target(case=mutant.rule, command="" if command in (ENVELOPE, OPEN) else command, change=mutant.change)


@lru_cache(maxsize=512)
def capabilities_for(rule: str) -> tuple[str, ...]:
    """The capabilities without which a row is out of reach, as far as its guard tells."""
    row = ROW_OF[rule]
    words = {
        f"{literal.variable.name} {value}"
        for case in row.when.cases[:1]
        for literal in case.literals
        if len(literal.values) <= 2
        for value in literal.values
    }
    found = [name for part, name in _IMPLIED.items() if any(part in word for word in words)]
    found += [
        word.split()[0].removeprefix("cap.") for word in words if word.startswith("cap.") and word.endswith("yes")
    ]
    return tuple(sorted(set(found)))


@lru_cache(maxsize=512)
def stages_of(rule: str) -> tuple[str, ...]:
    """The stages in which a row may be taken, unless it may be in many."""
    row = ROW_OF[rule]
    found = {
        value
        for case in row.when.cases
        for literal in case.literals
        if literal.variable.name in ("stage", "load") and len(literal.values) <= 2
        for value in literal.values
    }
    return tuple(sorted(found - {"idle", "none"}))


@lru_cache(maxsize=512)
def command_for(rule: str) -> str:
    """The command that brings about what a row waits for, where its guard names it; empty if it names none."""
    row = ROW_OF[rule]
    words = {
        f"{literal.variable.name} {value}"
        for case in row.when.cases
        for literal in case.literals
        for value in literal.values
        if len(literal.values) <= 3
    }
    return next((command for word, command in _BROUGHT_BY.items() if word in words), "")


_BROUGHT_BY: Final = {
    "life down": "quit",
    "life gone": "quit",
    "life quitting": "quit",
    "colo-failover require": "x-colo-lost-heartbeat",
    "colo-failover relaunch": "x-colo-lost-heartbeat",
    "outgoing cancelling": "migrate_cancel",
}
_IMPLIED: Final = {
    "switching": "postcopy-ram",
    "held": "pause-before-switchover",
    "pre-switchover": "pause-before-switchover",
    "device": "pause-before-switchover",
    "postcopy": "postcopy-ram",
    "paused": "postcopy-ram",
    "resuming": "postcopy-ram",
    "colo": "x-colo",
}


def candidates(mutant: Mutant, index: Index) -> Iterator[Run]:
    """The runs that a mutant is searched with, the likeliest first."""
    chance = Random(crc32(mutant.id.encode()))
    target = target_of(mutant)
    known = index.runs_of(mutant.rule)
    plain = [run for run in known if run.script and run.style == "plain"]
    others = [run for run in known if run.script and run.style != "plain"]
    walks = [run for run in known if not run.script]
    yield from (*_some(plain, 4, chance), *_some(others, 3, chance), *_some(walks, 2, chance))
    if target is not None:
        apt = [run for run in index.runs_open_for(mutant.rule) if run.style != "guided"]
        near = [run for rule in leading_to(mutant.rule) for run in index.runs_of(rule)[:60] if run.style != "guided"]
        chosen = (*_some(apt, 6, chance), *plain[:2], *chance.sample(near, min(len(near), 4)))
        after = [replace(run, target=target) for run in dict.fromkeys(chosen)]
        seeds = [Run(seed=seed, rare=(0.0, 0.02, 0.1)[seed % 3], target=target) for seed in range(100, 116)]
        alone = [Run(style="alone", seed=seed, rare=(0.0, 0.1)[seed % 2], target=target) for seed in range(200, 206)]
        for three in zip_longest(after, seeds, alone):
            yield from (run for run in three if run is not None)
    yield from (Run(name, "shuffled", chance.randrange(1000), 0.05, target) for name in _some(scripts(), 20, chance))
    yield from (Run(seed=chance.randrange(10_000), rare=0.05, target=target) for _ in range(20))


@lru_cache(maxsize=512)
def leading_to(rule: str) -> tuple[str, ...]:
    """The rows that bring about something that the guard of a row asks for; the other cases of a case's contract."""
    row = ROW_OF.get(rule)
    if row is None:
        command = case_of()[rule][0].command
        return tuple(case for case, (place, _) in case_of().items() if place.command == command and case != rule)
    wanted = {
        (literal.variable.name, value)
        for case in row.when.cases
        for literal in case.literals
        if literal.variable.name in _TELLING
        for value in literal.values
    }
    return tuple(
        other.id
        for other in RELEASE_ROWS
        if other is not row and wanted.intersection(pair for pair in other.then if isinstance(pair[1], str))
    )


_TELLING: Final = ("stage", "load", "outgoing", "incoming", "colo-failover", "run", "resuming", "failover")


def _some(runs: Sequence[T], most: int, chance: Random) -> list[T]:
    """The first two of these, which are the shortest, and some of the others."""
    return [*runs[:2], *chance.sample(runs[2:], min(len(runs[2:]), most - 2))]


# ---- the search ----


def played_by(mutant: Mutant, run: Run) -> Played:
    """A run of the machines that go by a mutant."""
    with in_force(mutant), patch.object(Frail, "misled", misled_by(mutant, run)):
        return perform(run)


def misled_by(mutant: Mutant, run: Run) -> Misled | None:
    """How machines with another guard are misled in a run that is after it; None for any other mutant."""
    if mutant.operator != "guard.negated" or not mutant.rows or run.target is None:
        return None
    guard = ROW_OF[mutant.rule].when
    return Misled(mutant.rule, guard, Random(f"{mutant.id} {run}"), (0.2, 0.9)[run.seed % 2])


def search(mutant: Mutant, index: Index, *, most: int = MOST_RUNS, seconds: float = SECONDS) -> Outcome:
    """Look for a run that gives a mutant away."""
    until = time.process_time() + seconds
    done: list[tuple[Run, Played]] = []
    suspected: dict[str, str] = {}
    moved = 0
    for number, run in enumerate(islice(candidates(mutant, index), most), 1):
        if number > LEAST_RUNS and (time.process_time() > until or mutant.told is not None):
            break
        played = played_by(mutant, run)
        moved += _moves(mutant)
        done.append((run, played))
        if run.target is None and index.is_known(run) and index.is_same(run, played):
            continue
        said = verdict(played)
        if not said.rule and not said.stands:
            continue
        usual = original(run)
        if usual.played.lines == played.lines:
            continue
        if said.rule and not usual.verdict.rule:
            return Outcome(mutant.id, rule=said.rule, run=str(run), runs=number, broke_down=played.broke_down)
        stands = [where for _, where in said.stands if where == RESTLESS or not index.is_usual(where)]
        if stands and not usual.verdict.rule and not usual.verdict.stands:
            # once may be by chance, for the two runs have gone different ways
            suspected[str(run)] = stands[0]
            if len(suspected) == TWICE:
                return Outcome(mutant.id, stands=stands[0], run=" and ".join(suspected), runs=number)
    return _survivor(mutant, done, moved)


def _moves(mutant: Mutant) -> int:
    if isinstance(mutant.told, OffByOne):
        moves, mutant.told.moves = mutant.told.moves, 0
        return moves
    return 0


def _survivor(mutant: Mutant, done: Sequence[tuple[Run, Played]], moved: int) -> Outcome:
    touched = differed = 0
    for run, played in done[:COMPARED]:
        usual = original(run).played
        touched += mutant.rule in usual.taken | played.taken
        differed += usual.lines != played.lines
    if mutant.operator == "number.off":
        return Outcome(mutant.id, runs=len(done), touched=moved, differed=differed, void=not moved)
    return Outcome(mutant.id, runs=len(done), touched=touched, differed=differed)
