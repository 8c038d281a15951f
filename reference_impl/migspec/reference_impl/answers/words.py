"""The text of an error where the specification admits several, or leaves the end of it to the host.

What somebody knows comes first: a text that the world gives, if it is one of those that are meant, then a reason that
the host gives.  What is left is taken from the tables, which say what QEMU 5.2.0 said most often where it was observed.
"""

from collections.abc import Callable, Mapping
from typing import Final

from migspec.spec.contracts import Words
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationStatus

Given = Mapping[str, object]
"""The arguments of the request."""

REASON: Final = "No such file or directory"
"""What the host says of what it cannot find."""
UNDEFINED: Final = "An undefined error has occurred"
"""QEMU's own text for an error that nobody has a text for."""

_ENDS: Final[Mapping[str, str]] = {
    "Failed to get ": '"write" lock',
    "Could not ": f"open the disk's image: {REASON}",
    "State blocked by non-migratable device '": "0000:00:04.0/ivshmem'",
    "RDMA ERROR: ": "could not create CM channel",
    "Failed to create a socket": ": Too many open files",
    "Failed to create Unix socket": ": Too many open files",
    "Failed to create socket": ": Too many open files",
    "Failed to bind socket: ": "Cannot assign requested address",
    "Failed to listen on socket": ": Address already in use",
    "Failed to listen on fd socket": ": Invalid argument",
    "Failed to find an available port": ": Address already in use",
    "Failed to unlink socket ": "Operation not permitted",
    "Unable to query local socket address": ": Socket operation on non-socket",
    "Unable to query remote socket address": ": Socket operation on non-socket",
    "Unable to open /dev/null": f": {REASON}",
    "Unable to open pipe": ": Too many open files",
    "Unable to fork": ": Cannot allocate memory",
    "Unable to parse FD number": " abc",
    "socket_get_fd: too many connections": "",
    "address resolution failed for ": "0: Name or service not known",
    "qmp_xen_save_devices_state: bdrv_inactivate_all() failed (": "-5)",
}
"""How texts go on that begin so; any other goes on with `REASON`."""


def no_credentials(name: str) -> str:
    """What is said of TLS credentials that nobody has."""
    return f"No TLS credentials with id '{name}'"


def no_connection(name: str, reason: str) -> str:
    """What is said of a connection that cannot be made."""
    return f"Failed to connect to '{name}': {reason}"


def _of_device(given: Given) -> str:
    return f"'{given.get('driver', '')}' is not a valid device model name"


def _of_id(given: Given) -> str:
    if "id" not in given:
        return "Parameter 'id' is missing"
    return f"Device {given['id']} is already in the process of unplug"


NO_DISK: Final = "No block device supports snapshots"
"""Why no snapshot can be loaded where no disk is to load it from."""

_ANYTHING: Final[Mapping[str, str | Callable[[Given], str]]] = {
    "savevm.refused": "No block device can accept snapshots",
    "loadvm.refused": NO_DISK,
    "device_del.refused": _of_id,
    "device_add.refused": _of_device,
}
"""What is said by the rules that admit any text."""


def _unpaused(state: int) -> str:
    source = VARIABLES["outgoing"].known(state) == MigrationStatus.POSTCOPY_ACTIVE
    return f"Failed to pause {'source' if source else 'destination'} migration"


_BY_STATE: Final[Mapping[str, Callable[[int], str]]] = {"migrate-pause.no-shutdown": _unpaused}
"""The rules with several texts of which the state picks one."""


def text_of(
    words: Words, *, rule: str = "", state: int = 0, given: Given | None = None, said: str = "", reason: str = ""
) -> str:
    """The text of an error that is one of `words`, and that the case `rule` gives.

    `state` is the state in which it is given and `given` the arguments of the request.  `said` is the whole text as the
    world has it, `reason` what the host gives as the reason; either may be empty, and is not heeded where it does not
    make a text that is meant.
    """
    for text in _candidates(words, rule, state, given or {}, said, reason):
        if text and words.admit(text):
            return text
    return UNDEFINED


def _candidates(words: Words, rule: str, state: int, given: Given, said: str, reason: str) -> tuple[str, ...]:
    by_state = _BY_STATE.get(rule)
    anything = _ANYTHING.get(rule, "")
    return (
        said,
        *(begins + reason for begins in words.beginnings if reason),
        by_state(state) if by_state is not None else "",
        *sorted(words.exact, key=lambda text: (_place_of_argument(text, given), text)),
        *(begins + _end(begins) for begins in words.beginnings),
        anything(given) if callable(anything) else anything,
        f"Cannot do that: {words.containing}" if words.containing else "",
    )


def _place_of_argument(text: str, given: Given) -> int:
    """The place of the argument that a text is about: of several faults the first argument's is told."""
    return next((place for place, name in enumerate(given) if name in text), len(given))


def _end(begins: str) -> str:
    return next((end for known, end in _ENDS.items() if begins.startswith(known)), REASON)
