"""What a machine may do next, and who picks it.

Each choice has a time from which on it is open.  A scheduler picks one of those whose time has come, so whoever wants
to see another order of the same things, or the races that few runs show, takes another scheduler.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from migspec.spec.rows import Row


@dataclass(frozen=True, slots=True)
class Deliver:
    """A thread sends the first of what it owes."""

    at: float
    thread: int


@dataclass(frozen=True, slots=True)
class Execute:
    """The main loop executes a monitor's next request; the monitor's own thread does with `oob`."""

    at: float
    monitor: int
    oob: bool


@dataclass(frozen=True, slots=True)
class Take:
    """A thread takes a row; `rare` marks a race or a fault that few runs show."""

    at: float
    thread: int
    row: Row
    rare: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The process ends, for it has been told to."""

    at: float


Choice = Deliver | Execute | Take | End
"""One thing that a machine may do next."""


class Scheduler(Protocol):
    """Who picks."""

    def admits(self, choice: Choice) -> bool:
        """Whether a choice is to be considered at all."""

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """One of these choices, of which there is at least one, and whose time has come."""


def _is_common(choice: Choice) -> bool:
    return not (isinstance(choice, Take) and choice.rare)


class Steady:
    """Takes what is due in its usual order: messages first, then requests, then rows as their tables have them."""

    _ORDER = (Deliver, Execute, Take, End)

    def admits(self, choice: Choice) -> bool:
        """Whether it is nothing rare."""
        return _is_common(choice)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """The first in the usual order; of two of a kind the one that was due first."""
        return min(choices, key=lambda choice: (self._ORDER.index(type(choice)), choice.at))


class Shuffled:
    """Takes what is due in any order, and now and then what is rare; the same seed gives the same run."""

    def __init__(self, seed: int, *, rare: float = 0.0) -> None:
        """`rare` is the probability with which something rare is considered whenever it is open."""
        self._random = Random(seed)
        self._rare = rare

    def admits(self, choice: Choice) -> bool:
        """Whether it is common, or lucky."""
        return _is_common(choice) or self._random.random() < self._rare

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """Any of them."""
        return self._random.choice(choices)
