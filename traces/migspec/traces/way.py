"""The way of a VM through its observations, kept so that it can be gone once more from another beginning.

A trace may be long and most of it is polling, so what repeats itself is kept once: going a stretch again and again
changes nothing from the moment on at which it leads back to where it began.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Monitor
from migspec.traces.observations import Observation


class Appeared(NamedTuple):
    """The moment at which a monitor appeared: all of them, the new one last."""

    monitors: tuple[Monitor, ...]


LONGEST_STRETCH = 16
"""Steps of the longest stretch whose repetition is noticed."""

MOST_STEPS = 8_192
"""Steps after which repetitions are looked for."""


class Repeated(NamedTuple):
    """A stretch of steps that was gone so many `times`."""

    stretch: tuple[Observation, ...]
    times: int


Step = Observation | Appeared | Repeated


class Way:
    """What a VM has shown so far, in order."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def shorten(self) -> bool:
        """Keep what repeats itself once; false if much is left all the same."""
        self.steps[:] = shortened(self.steps)
        return len(self.steps) <= MOST_STEPS // 2

    def go(self, automaton: Automaton, node: Node, appear: Callable[[Node, tuple[Monitor, ...]], Node]) -> Node | None:
        """Where the way leads from `node`, None if nowhere; `appear` gives a node its monitors."""
        here: Node | None = node
        for step in self.steps:
            if here is None:
                return None
            match step:
                case Repeated():
                    here = _again_and_again(automaton, here, step)
                case Appeared(monitors):
                    here = appear(here, monitors)
                case _:
                    here = automaton.follow(here, step).node
        return here

    def observations(self) -> list[Observation]:
        """What was seen, each stretch once."""
        seen: list[Observation] = []
        for step in self.steps:
            if isinstance(step, Repeated):
                seen += step.stretch
            elif not isinstance(step, tuple):
                seen.append(step)
        return seen


def _again_and_again(automaton: Automaton, node: Node, repeated: Repeated) -> Node | None:
    for _ in range(repeated.times):
        here: Node | None = node
        for observation in repeated.stretch:
            if here is None:
                return None
            here = automaton.follow(here, observation).node
        if here is node or here is None:
            return here
        node = here
    return node


def shortened(steps: list[Step]) -> list[Step]:
    """The same steps with each stretch that follows upon itself kept once, with its count."""
    result: list[Step] = []
    place = 0
    while place < len(steps):
        stretch, count = _repetition(steps, place)
        if count > 1:
            result.append(Repeated(tuple(stretch), count))
        else:
            result.append(steps[place])
        place += max(1, count * len(stretch))
    return result


def _repetition(steps: list[Step], place: int) -> tuple[list[Observation], int]:
    """The stretch at `place` whose repetitions take up most, and how often it is there."""
    best: tuple[list[Observation], int] = ([], 0)
    for length in range(1, LONGEST_STRETCH + 1):
        if place + 2 * length > len(steps) or steps[place] != steps[place + length]:
            continue
        first = steps[place : place + length]
        stretch = [step for step in first if not isinstance(step, tuple)]
        if len(stretch) < length:
            break
        count = 1
        while steps[place + count * length : place + (count + 1) * length] == first:
            count += 1
        if count > 1 and count * length > best[1] * len(best[0]):
            best = (stretch, count)
            if count > 2:
                break  # a multiple of it repeats no more
    return best
