"""The way of a VM through its observations, kept so that it can be gone once more from another beginning.

A trace may be long and most of it is polling, so what repeats itself is kept once: going a stretch again and again
changes nothing from the moment on at which it leads back to where it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Monitor
from migspec.traces.observations import Observation


class Appeared(NamedTuple):
    """The moment at which a monitor appeared: all of them, the new one last."""

    monitors: tuple[Monitor, ...]


LENGTHS = (2, 4, 6, 1, 3, 8)
"""The lengths of stretches whose repetition is noticed, the likeliest first: one client's polling, then several's."""

AT_ONCE = (64, 1)
"""How many repetitions are compared at once, for speed: first many, then those that are left."""

MOST_NEW = 4_096
"""Steps after which repetitions among them are looked for."""

MOST_STEPS = 100_000
"""Steps that are kept: a few for each migration, however long it is polled."""


class Changed(NamedTuple):
    """A moment at which the VM may have become something else, for reasons that are no observation."""

    change: Callable[[Node], Node]


class Repeated(NamedTuple):
    """A stretch of steps that was gone so many `times`."""

    stretch: tuple[Observation, ...]
    times: int


Step = Observation | Appeared | Changed | Repeated


class Way:
    """What a VM has shown so far, in order: `recent` steps are added at its end, and settle into `steps`."""

    __slots__ = ("recent", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.recent: list[Step] = []

    def shorten(self) -> bool:
        """Keep what repeats itself once; false if too much is left all the same."""
        self.steps += shortened(self.recent)
        self.recent.clear()
        return len(self.steps) <= MOST_STEPS

    def go(
        self, automaton: Automaton, node: Node, appear: Callable[[Node, tuple[Monitor, ...]], Node]
    ) -> tuple[Node, bool]:
        """How far the way leads from `node`, and whether to its end; `appear` gives a node its monitors."""
        for step in chain(self.steps, self.recent):
            match step:
                case Repeated(stretch, times):
                    steps: Iterable[Observation] = stretch
                case Appeared(monitors):
                    node, steps, times = appear(node, monitors), (), 1
                case Changed(change):
                    node, steps, times = change(node), (), 1
                case _:
                    steps, times = (step,), 1
            for _ in range(times):
                before = node
                for observation in steps:
                    after = automaton.follow(node, observation).node
                    if after is None:
                        return node, False
                    node = after
                if node is before:
                    break  # so it will be after any number of repetitions
        return node, True

    def observations(self) -> list[Observation]:
        """What was seen, each stretch once."""
        seen: list[Observation] = []
        for step in chain(self.steps, self.recent):
            if isinstance(step, Repeated):
                seen += step.stretch
            elif not isinstance(step, tuple):
                seen.append(step)
        return seen


def shortened(steps: list[Step]) -> list[Step]:
    """The same steps with each stretch that follows upon itself kept once, with its count."""
    result: list[Step] = []
    place = 0
    while place < len(steps):
        repeated = _repeated(steps, place)
        result.append(repeated or steps[place])
        place += repeated.times * len(repeated.stretch) if repeated else 1
    return result


def _repeated(steps: list[Step], place: int) -> Repeated | None:
    """The stretch that begins at `place` and follows upon itself; None if there is none."""
    last = len(steps) - 1
    for length in LENGTHS:
        # equal observations are nearly always the same object; where they are not, nothing is gained and nothing lost
        if place + length > last or steps[place] is not steps[place + length]:
            continue
        first = steps[place : place + length]
        times, end = 1, place + length
        if steps[end : end + length] != first:
            continue
        for many in AT_ONCE:
            block = first * many
            while steps[end : end + len(block)] == block:
                times += many
                end += len(block)
        stretch = tuple(step for step in first if not isinstance(step, tuple))
        if times > 1 and len(stretch) == length:
            return Repeated(stretch, times)
    return None
