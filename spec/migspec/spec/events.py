"""Events as they cross the wire, and the names under which rows owe them: either way from one to the other.

A name has as much of an event as the state decides about, as in `MIGRATION:active`; the rest is what the sender knows.
The timestamp is the server's business.  Source: observed on QEMU 5.2.0.
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
    """What its sender knows of an event, and the part of its name behind the colon."""

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


_SHUTDOWN_BY_QUIT = _ENDS["quit"]["reason"]


def name_of(event: str, data: object) -> str | None:
    """The name that rows have for an event with this data; None if no row knows it."""
    fields = data if isinstance(data, dict) else {}
    match event:
        case "MIGRATION":
            status = fields.get("status")
            return f"MIGRATION:{status}" if isinstance(status, str) else None
        case "MIGRATION_PASS":
            return "MIGRATION_PASS:1" if fields.get("pass") == 1 else "MIGRATION_PASS:n"
        case "COLO_EXIT":
            mode, reason = fields.get("mode"), fields.get("reason")
            return f"COLO_EXIT:{mode}-{reason}" if isinstance(mode, str) and isinstance(reason, str) else None
        case "SHUTDOWN":
            if fields.get("guest") is True:
                return "SHUTDOWN:guest"
            return "SHUTDOWN:quit" if fields.get("reason") == _SHUTDOWN_BY_QUIT else "SHUTDOWN:host"
    return event if event in _DATA and event != NEGOTIATED else None
