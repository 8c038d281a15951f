"""What a fault is: a trigger, an action, and how often.

A fault is a value that says what is to happen; nothing here does anything.  Its text is what a script has for it.
"""

from dataclasses import dataclass
from typing import Final

EVERY: Final = 0
"""The `nth` of a fault that happens whenever its trigger does."""


def number(value: float) -> str:
    """A number as scripts have it: a decimal fraction with at most six digits."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


# --- when


@dataclass(frozen=True, slots=True)
class Now:
    """At once."""

    def __str__(self) -> str:
        return "now"


@dataclass(frozen=True, slots=True)
class After:
    """So many seconds after the fault was set; again and again after as many more."""

    seconds: float

    def __str__(self) -> str:
        return f"after={number(self.seconds)}s"


@dataclass(frozen=True, slots=True)
class Sent:
    """When the source has sent this share of the guest's memory, in per cent; once an attempt."""

    percent: float

    def __str__(self) -> str:
        return f"at={number(self.percent)}%"


@dataclass(frozen=True, slots=True)
class Becomes:
    """When a variable of the state takes a value, or has it when the fault is set."""

    variable: str
    value: str

    def __str__(self) -> str:
        return f"{self.variable}={self.value}"


@dataclass(frozen=True, slots=True)
class Sends:
    """When an event has been sent."""

    event: str

    def __str__(self) -> str:
        return f"event={self.event}"


@dataclass(frozen=True, slots=True)
class Executes:
    """Before a command is executed."""

    command: str

    def __str__(self) -> str:
        return f"command={self.command}"


Trigger = Now | After | Sent | Becomes | Sends | Executes
"""When a fault happens."""


# --- what


@dataclass(frozen=True, slots=True)
class Cut:
    """The migration's connection is lost."""

    def __str__(self) -> str:
        return "cut"


@dataclass(frozen=True, slots=True)
class Refuse:
    """The next connection of the migration is refused, with this error; empty for the usual one."""

    text: str = ""

    def __str__(self) -> str:
        return f"refuse={self.text}" if self.text else "refuse"


@dataclass(frozen=True, slots=True)
class KillPeer:
    """The process at the other end of the stream dies."""

    def __str__(self) -> str:
        return "kill-peer"


@dataclass(frozen=True, slots=True)
class Kill:
    """This process dies."""

    def __str__(self) -> str:
        return "kill"


@dataclass(frozen=True, slots=True)
class Terminate:
    """This process gets a signal to end."""

    def __str__(self) -> str:
        return "terminate"


@dataclass(frozen=True, slots=True)
class Hang:
    """The migration stops where it is; the main loop does where there is none."""

    def __str__(self) -> str:
        return "hang"


@dataclass(frozen=True, slots=True)
class Hold:
    """Whoever comes to this stage or load stops there; or this row is not taken, or the main loop stops."""

    what: str

    def __str__(self) -> str:
        return f"hold={self.what}"


@dataclass(frozen=True, slots=True)
class Late:
    """Replies are kept back for so many seconds from now on, and with each the thread that owes it."""

    seconds: float

    def __str__(self) -> str:
        return f"late={number(self.seconds)}s"


@dataclass(frozen=True, slots=True)
class DropRecovery:
    """The connection of the next recovery is lost as soon as it is there."""

    def __str__(self) -> str:
        return "drop-recovery"


@dataclass(frozen=True, slots=True)
class Fail:
    """The migration fails as soon as the relation has a row for that."""

    def __str__(self) -> str:
        return "fail"


@dataclass(frozen=True, slots=True)
class TakeRow:
    """A row is taken as soon as the relation allows it."""

    row: str

    def __str__(self) -> str:
        return f"take={self.row}"


@dataclass(frozen=True, slots=True)
class Happen:
    """A case of a contract that the specification leaves open happens from now on."""

    case: str

    def __str__(self) -> str:
        return f"case={self.case}"


@dataclass(frozen=True, slots=True)
class GuestDoes:
    """The guest or its hardware brings about an event."""

    event: str

    def __str__(self) -> str:
        return f"guest={self.event}"


@dataclass(frozen=True, slots=True)
class HostHas:
    """The host has a trouble from now on."""

    trouble: str

    def __str__(self) -> str:
        return f"host={self.trouble}"


@dataclass(frozen=True, slots=True)
class Clear:
    """What earlier faults go on doing ends."""

    def __str__(self) -> str:
        return "clear"


Action = (
    Cut
    | Refuse
    | KillPeer
    | Kill
    | Terminate
    | Hang
    | Hold
    | Late
    | DropRecovery
    | Fail
    | TakeRow
    | Happen
    | GuestDoes
    | HostHas
    | Clear
)
"""What a fault does."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An action, and its trigger, of which the `nth` occurrence counts, or `EVERY`."""

    trigger: Trigger
    action: Action
    nth: int = 1

    def __str__(self) -> str:
        count = {1: "", EVERY: "#every"}.get(self.nth, f"#{self.nth}")
        return f"{self.trigger}{count}:{self.action}"
