"""Observations: messages reduced to what the specification's state can decide about.

Two messages that no state tells apart are one observation; there are a few hundred of them in a trace of a
million messages.  Each is interned, so that the automaton looks an edge up by identity.
"""

from __future__ import annotations

import msgspec

from migspec.spec.commands.colo import ColoAnswer
from migspec.spec.commands.dirty_rate import DirtyRateAnswer
from migspec.spec.commands.queries import MigrateAnswer
from migspec.spec.requests import Request


class Reply(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A reply: an error with its class and text, or a success with what a state decides about of its content.

    `answer` is a query-migrate answer; `settings` are the capabilities of a query-migrate-capabilities answer; `run`
    is the run state of a query-status answer; `block_incremental` is that parameter in a query-migrate-parameters
    answer; `shown` is the answer to a query that has a type of its own.  `empty` tells whether a success returned the
    empty object; `types` are the types of the schema that it showed values of.
    """

    error_class: str | None = None
    text: str = ""
    empty: bool = False
    answer: MigrateAnswer | None = None
    settings: tuple[tuple[str, bool], ...] | None = None
    run: str | None = None
    block_incremental: bool | None = None
    shown: ColoAnswer | DirtyRateAnswer | None = None
    types: frozenset[str] = frozenset()

    @property
    def is_error(self) -> bool:
        """Whether the command was refused."""
        return self.error_class is not None

    def __str__(self) -> str:
        if self.is_error:
            return f"error {self.error_class}: “{self.text}”"
        if self.answer is not None:
            members = ", ".join(sorted(self.answer.members)) or "nothing else"
            return f"status {self.answer.status or 'absent'} with {members}"
        if self.run is not None:
            return f"run state {self.run}"
        if self.shown is not None:
            return str(self.shown)
        return "success"


class Sent(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A client sent a request."""

    monitor: int
    request: Request

    def __str__(self) -> str:
        settings = "".join(f" {name}=on" for name, on in self.request.capabilities if on)
        return f"request {self.request.command}{settings}"


class Replied(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The server replied: to the oldest request in order, or to the out-of-band request number `oob`."""

    monitor: int
    command: str
    reply: Reply
    oob: int | None = None

    def __str__(self) -> str:
        return f"reply to {self.command}: {self.reply}"


class Emitted(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The server sent an event that the specification's state decides about, as rows name it."""

    monitor: int
    event: str

    def __str__(self) -> str:
        return self.event


class Greeted(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A new connection was greeted: the monitor is in negotiation.

    `again` tells that the VM was watched before, so that something may have happened unseen since.
    """

    monitor: int
    again: bool = False

    def __str__(self) -> str:
        return "greeting"


class Ended(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A connection ended.  `exit` is the process's exit code where it is known; negative for a signal."""

    monitor: int
    by_client: bool = False
    exit: int | None = None

    def __str__(self) -> str:
        return "end of the connection" + (f", exit code {self.exit}" if self.exit is not None else "")


Observation = Sent | Replied | Emitted | Greeted | Ended
"""Anything that a monitor shows."""
