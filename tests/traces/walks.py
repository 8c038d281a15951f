"""Judges many walks side by side, in new processes, which have none of the tests' type checks to slow them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

from tests.traces.walker import Walk, found, found_late, rejected, started

from migspec.traces.judge import bench_of

Case = TypeVar("Case")
Result = TypeVar("Result")


class Journey(NamedTuple):
    """A walk to be made, and where the trace of it begins: `cut` is the part of it that is not seen."""

    seed: int
    steps: int = 20
    monitors: int = 1
    cut: float = 0
    closes: float = 0.03
    most_pending: int = 2
    profile: str = "qemu-5.2.0"
    tier: int | None = None
    """The beginning from which it sets out with nothing shown before; None for a process that has just started."""


def gone(journey: Journey) -> Walk:
    """The walk, at its end."""
    relation = bench_of(journey.profile).automaton.relation
    if journey.tier is None:
        walk = started(journey.seed, relation, monitors=journey.monitors)
    else:
        walk = found_late(journey.seed, relation, journey.tier)
    walk.closes, walk.most_pending = journey.closes, journey.most_pending
    for _ in range(random.Random(journey.seed).randint(0, journey.steps)):
        walk.go()
    return walk


def refused(journey: Journey) -> str:
    """What of a walk is rejected, told with all before it; empty if all is accepted."""
    walk = gone(journey)
    shown = found(walk, int(journey.cut * len(walk.seen)))
    place = rejected(bench_of(journey.profile).automaton, shown)
    return "" if place is None else f"{journey}: {shown._replace(steps=shown.steps[: place + 1])}"


def side_by_side(judge: Callable[[Case], Result], cases: Iterable[Case]) -> list[Result]:
    """What a function of this module or another helper says of each case."""
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(judge, cases, chunksize=4))
