"""The way of a VM through its observations, kept so that it can be gone once more from another beginning.

A trace may be long and most of it is polling, so what repeats itself is kept once: going a stretch again and again
changes nothing from the moment on at which it leads back to where it began.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

from migspec.spec.steps import Monitor
from migspec.traces.automaton import Automaton, Node
from migspec.traces.observations import Observation


class Appeared(NamedTuple):
    """The moment at which a monitor appeared: all of them, the new one last."""

    monitors: tuple[Monitor, ...]


LENGTHS = (2, 4, 6, 1, 3, 8)
"""The lengths of stretches whose repetition is noticed, the likeliest first: one client's polling, then several's."""

_AGAIN = re.compile(f"({'|'.join('.' * length for length in LENGTHS)})\\1+", re.DOTALL)
"""A stretch that follows upon itself, where each step is a letter: of all searches the fastest."""

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


class _Letters(dict[int, str]):
    """A letter for each step, by its identity: equal observations are nearly always the same object."""

    def __missing__(self, step: int) -> str:
        letter = self[step] = chr(len(self))
        return letter


def shortened(steps: list[Step]) -> list[Step]:
    """The same steps with each stretch that follows upon itself kept once, with its count."""
    text = "".join(map(_Letters().__getitem__, map(id, steps)))
    result: list[Step] = []
    done = 0
    for found in _AGAIN.finditer(text):
        begin, end = found.span()
        length = len(found[1])
        stretch = tuple(step for step in steps[begin : begin + length] if not isinstance(step, tuple))
        if len(stretch) < length:
            continue  # to appear or to change twice is more than to do so once
        result += steps[done:begin]
        result.append(Repeated(stretch, (end - begin) // length))
        done = end
    return result + steps[done:]
