"""Who looks on while a machine takes its steps: a fault script, or whoever waits for a state."""

from typing import Protocol

from migspec.reference_impl.calls import Call


class Watcher(Protocol):
    """Somebody who looks on, and may interfere whenever asked."""

    def looks(self) -> None:
        """The machine has taken a step, the time has gone on, or both."""

    def hears(self, event: str) -> None:
        """The machine has sent the event of that name to whoever listens."""

    def expects(self, call: Call) -> None:
        """The machine is about to execute a call; it does not if it has ended after this, or its main loop is held."""

    def wakes(self) -> float | None:
        """When the machine is to be advanced for this watcher's sake; None for never."""
