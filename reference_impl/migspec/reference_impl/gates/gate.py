"""The form of a gate, and the gates that many rows share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from migspec.reference_impl.destination import Destination
from migspec.reference_impl.source import Source
from migspec.reference_impl.surroundings import Surroundings
from migspec.spec.steps import MAIN


class Ground(Surroundings, Protocol):
    """The machine whose row is asked about."""

    @property
    def source(self) -> Source:
        """Its outgoing side."""

    @property
    def destination(self) -> Destination:
        """Its incoming side."""

    def rested(self, thread: int) -> float:
        """When a thread took its last step or announced one; answers do not count."""

    def wanted(self, wish: str) -> bool:
        """Whether a client, a fault script or the guest has asked for something that a row then does."""

    def measured_until(self) -> float:
        """When the measurement of the dirty rate that is under way ends."""


Gate = Callable[[Ground, int], float | None]
"""When a thread may take a row: a time in seconds, which may be past; None if nothing yet says when."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The gate of a row.

    One that is `rare` opens too, but stands for a race or a fault that few runs show: only a scheduler that looks for
    such things goes through, or a fault script that orders it.
    """

    gate: Gate
    rare: bool = False


A_MOMENT: Final = 0.0005
"""Seconds that a thread takes for a step that waits for nothing."""
A_TICK: Final = 0.05
"""Seconds until a thread looks up from sending, half its rate limit's period of 100 ms."""
CLEAN_UP: Final = 0.02
"""Seconds until the main loop has cleaned up after a migration."""


def after(delay: float) -> Gate:
    """So many seconds after the thread's last step."""
    return lambda ground, thread: ground.rested(thread) + delay


def soon(ground: Ground, thread: int) -> float:
    """At the thread's next step: nothing has to be waited for; the main loop takes it before the next command."""
    return ground.rested(thread) if thread == MAIN else ground.rested(thread) + A_MOMENT


def on_wish(wish: str) -> Gate:
    """Once somebody has asked for it."""
    return lambda ground, thread: soon(ground, thread) if ground.wanted(wish) else None


SOON: Final = Opening(soon)
"""A row that waits for nothing."""
RACE: Final = Opening(soon, rare=True)
"""A row that another thread must be quick for, or a failure of the host that nothing here brings about."""
