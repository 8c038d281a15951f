"""Events as they cross the wire, from the names under which the specification owes them.

The specification names an event with as much as the state decides about; the rest is what the machine knows.  The
timestamp is the server's business.  Source: observed on QEMU 5.2.0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from migspec.spec.vocabulary import ShutdownCause

Data = Mapping[str, object]

PRIMARY: Final = "primary"
"""The id of the modelled failover device."""

STANDBY = "standby"
"""The id of the card that takes over while the primary is away."""
NEGOTIATED = "FAILOVER_NEGOTIATED"
"""The event of a guest that accepts a failover pair; it is not of the migration's schema, and comes before one."""
DISK: Final = "ide0-hd0"
"""The modelled disk that errors are put down to."""


class NoSuchEventError(Exception):
    """The specification has no event that is owed under the name `owed`."""

    def __init__(self, owed: str) -> None:
        super().__init__(f"{owed!r} is owed, and is no event")
        self.owed = owed


@dataclass(frozen=True, slots=True)
class _Known:
    """What the machine knows of an event, and the part of its name behind the colon."""

    detail: str
    passes: int
    device: str
    node: str
    by_guest: bool


def _cause(*, guest: bool, reason: ShutdownCause) -> Data:
    return {"guest": guest, "reason": reason.value}


_ENDS: Final[Mapping[str, Data]] = {
    "guest": _cause(guest=True, reason=ShutdownCause.GUEST_SHUTDOWN),
    "quit": _cause(guest=False, reason=ShutdownCause.HOST_QMP_QUIT),
    "host": _cause(guest=False, reason=ShutdownCause.HOST_SIGNAL),
}


def _reset(known: _Known) -> Data:
    if known.by_guest:
        return _cause(guest=True, reason=ShutdownCause.GUEST_RESET)
    return _cause(guest=False, reason=ShutdownCause.HOST_QMP_SYSTEM_RESET)


def _exit(known: _Known) -> Data:
    mode, _, reason = known.detail.partition("-")
    return {"mode": mode, "reason": reason}


def _io_error(known: _Known) -> Data:
    node = {"node-name": known.node} if known.node else {}
    return {
        "device": DISK,
        **node,
        "operation": "write",
        "action": "stop",
        "nospace": False,
        "reason": "Input/output error",
    }


def _no_data(_known: _Known) -> None:
    return None


_DATA: Final[Mapping[str, Callable[[_Known], Data | None]]] = {
    "MIGRATION": lambda known: {"status": known.detail},
    "MIGRATION_PASS": lambda known: {"pass": 1 if known.detail == "1" else known.passes},
    "COLO_EXIT": _exit,
    "UNPLUG_PRIMARY": lambda known: {"device-id": known.device},
    "STOP": _no_data,
    "RESUME": _no_data,
    NEGOTIATED: lambda _known: {"device-id": STANDBY},
    "SUSPEND": _no_data,
    "WAKEUP": _no_data,
    "SHUTDOWN": lambda known: _ENDS[known.detail],
    "RESET": _reset,
    "BLOCK_IO_ERROR": _io_error,
    "GUEST_PANICKED": lambda _known: {"action": "pause"},
    "WATCHDOG": lambda _known: {"action": "pause"},
}
"""The data of each event; None for one that has no data at all."""


def event_of(
    owed: str, *, passes: int = 0, device: str = PRIMARY, node: str = "", by_guest: bool = False
) -> tuple[str, dict[str, object] | None]:
    """The name and the data of the event that is owed under this name; without data there is None.

    `passes` is the number of the pass that begins, `device` the id of a failover primary, `node` the name of a disk's
    node, and `by_guest` tells whether the guest resets itself.  Raises `NoSuchEventError`.
    """
    name, _, detail = owed.removeprefix("!").partition(":")
    make = _DATA.get(name)
    if make is None or (name == "SHUTDOWN" and detail not in _ENDS):
        raise NoSuchEventError(owed)
    data = make(_Known(detail, passes, device, node, by_guest))
    return name, None if data is None else dict(data)
