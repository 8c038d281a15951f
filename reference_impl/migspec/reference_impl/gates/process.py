"""The gates of the guest, the process, its crashes and the measurement of the dirty rate."""

from collections.abc import Mapping
from typing import Final

from migspec.reference_impl.gates.gate import A_MOMENT, RACE, SOON, Ground, Opening, on_wish
from migspec.reference_impl.gates.gate import soon as at_once
from migspec.spec.lifecycle.crashes import ASKED_TOO_LATE
from migspec.spec.lifecycle.guest import GUEST
from migspec.spec.state import Stage
from migspec.spec.steps import INSTANT_EVENTS, MAIN
from migspec.spec.vocabulary import MigrationCapability, RunState

RESET: Final = "RESET"
"""The wish of a client that resets the guest."""
BY_CLIENT: Final = "RESET by a client"
"""Goes with `RESET` where it is not the guest that resets itself."""
TERMINATE: Final = "terminate"
"""The wish of whoever sends the process a signal."""
MORE_THREADS: Final = "more threads"
"""The wish of a client that has raised the number of threads or channels under a migration."""


THREAD_STARTS: Final = 0.0002
"""Seconds until a measurement of the dirty rate has its thread: until then another order replaces it."""


def raised(ground: Ground, thread: int) -> float | None:
    """At the end of the pass, if there are more threads or channels now than were started: fewer do no harm."""
    ready = ground.source.ready() if ground.wanted(MORE_THREADS) else None
    return None if ready is None else max(ready.at, ground.rested(thread)) - A_MOMENT


def raised_while_loading(ground: Ground, thread: int) -> float | None:
    """At the next pages that come, if there are more threads to decompress them now than were started."""
    more = ground.wanted(MORE_THREADS) and ground.capability(MigrationCapability.COMPRESS)
    return loads(ground, thread) if more else None


def measures(ground: Ground, _thread: int) -> float:
    """A little after the order, once its thread has started."""
    return ground.rested(MAIN) + THREAD_STARTS


def measured(ground: Ground, _thread: int) -> float | None:
    """Once the measurement has lasted as long as it was told to."""
    return ground.measured_until()


def aborts(ground: Ground, thread: int) -> float | None:
    """A moment later, once the cancellation is told, of a migration that is under way and more than set up."""
    return None if ground.value("stage") in _NO_BLOCKS else at_once(ground, thread) + A_MOMENT


def loads(ground: Ground, thread: int) -> float | None:
    """Once there is a stream to look into."""
    return at_once(ground, thread) if ground.destination.arrival.header is not None else None


def with_multifd(ground: Ground, thread: int) -> float | None:
    """At once, with multifd."""
    return at_once(ground, thread) if ground.capability(MigrationCapability.MULTIFD) else None


_NO_BLOCKS: Final = (Stage.IDLE, Stage.CONNECTING, Stage.SETTING_UP, Stage.SET_UP)

WISHES: Final[Mapping[str, str]] = {
    **{row.id: event for row in GUEST for event in row.emits if event in INSTANT_EVENTS},
    "process.terminated": TERMINATE,
}
"""The rows that grant a wish, which is then gone."""

STOPPED_AS: Final[Mapping[str, RunState]] = {
    "BLOCK_IO_ERROR": RunState.IO_ERROR,
    "GUEST_PANICKED": RunState.GUEST_PANICKED,
    "WATCHDOG": RunState.WATCHDOG,
    "SHUTDOWN:guest": RunState.SHUTDOWN,
}
"""The run state of a guest that stops after a trouble."""

OPENINGS: Final[Mapping[str, Opening]] = {
    **{row: Opening(on_wish(wish)) for row, wish in WISHES.items()},
    "guest.stops-by-itself": SOON,
    "process.quits": SOON,
    "outgoing.multifd-over-pipe-crashes": Opening(with_multifd),
    "outgoing.changed-threads-crash": Opening(raised),
    "incoming.changed-threads-crash": Opening(raised_while_loading),
    "incoming.late-capability-crashes": Opening(loads),
    "process.quit-after-colo-crashes": SOON,
    "process.quit-in-block-migration-aborts": Opening(aborts),
    ASKED_TOO_LATE.id: RACE,
    "dirty-rate.begins": Opening(measures),
    "dirty-rate.ends": Opening(measured),
}
"""The gates of what has nothing to do with either side's progress."""
