"""What a machine needs of the outside: monitors to answer on, addresses to connect to, a process to end.

The machine calls it while it takes its steps, and never waits for it: what comes of a connection is told to the machine
by a call of its own, at once or later.  Virtual time and sockets each have one.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Protocol

from migspec.reference_impl.calls import Item, Reply
from migspec.reference_impl.link.messages import LinkMessage

PIPE_LASTS: Final = 0.01
"""Seconds after which a command that nobody allowed to be run counts as ended."""


class Exit(Enum):
    """How a process ends; the value is the status that whoever started it sees, a negative signal or an exit code."""

    QUIT = 0
    """It was told to."""
    FAILED = 1
    """An incoming migration failed."""
    ABORTED = -6
    """A failed assertion (known defects)."""
    KILLED = -9
    """It was killed."""
    CRASHED = -11
    """A fault such as a bad access to memory (known defects)."""


class Host(Protocol):
    """The outside of one machine."""

    def reply(self, monitor: int, item: Item, reply: Reply) -> None:
        """Send the reply to what `monitor` had submitted."""

    def event(self, monitor: int, name: str, data: Mapping[str, object] | None) -> None:
        """Send an event to one monitor."""

    def dial(self, address: str, descriptor: int | None) -> int:
        """Begin to connect to a migration's address, over `descriptor` if there is one; return the new channel.

        Whether it is connected or refused is told later.
        """

    def listen(self, address: str, descriptor: int | None) -> str:
        """Listen for a migration; return why that cannot be done, empty if it can."""

    def bound(self, address: str) -> tuple[tuple[str, int], ...]:
        """The numeric hosts and ports on which a TCP address is listened on; none for what has no ports."""

    def unlisten(self) -> None:
        """Listen no more."""

    def send(self, channel: int, message: LinkMessage) -> None:
        """Send a message; what is sent on a channel that is lost goes nowhere."""

    def hang_up(self, channel: int) -> None:
        """Close a channel; its other end will find it lost, once it has everything that was sent."""

    def cannot_write(self, path: str) -> str:
        """Why a file cannot be written, in the words of the host's system; empty if it can."""

    def report(self, text: str) -> None:
        """Tell something that QEMU would print to its standard error."""

    def ended(self, how: Exit) -> None:
        """The process has ended: its monitors and channels are closed."""
