"""The gates of the incoming side: what has come over the connection, or that it is gone."""

from collections.abc import Mapping
from typing import Final

from migspec.reference_impl.gates.gate import A_MOMENT, A_TICK, RACE, SOON, Ground, Opening
from migspec.spec.state import Stream
from migspec.spec.vocabulary import MigrationCapability, RunState


def connected(ground: Ground, _thread: int) -> float | None:
    """Once somebody has connected."""
    return ground.destination.arrival.opened


def loaded(ground: Ground, _thread: int) -> float | None:
    """Once the whole stream is there and can be loaded, and nothing follows it."""
    return None if ground.value("stream") == Stream.COLO else all_loaded(ground)


def all_loaded(ground: Ground) -> float | None:
    """Once the whole stream is there and can be loaded."""
    arrival = ground.destination.arrival
    return arrival.heard if arrival.complete is not None and not arrival.fault else None


def loaded_running(ground: Ground, thread: int) -> float | None:
    """As `loaded`, where the source's guest ran."""
    return loaded(ground, thread) if _ran(ground) else None


def loaded_stopped(ground: Ground, thread: int) -> float | None:
    """As `loaded`, where the source's guest did not run, or this one is not to."""
    if _ran(ground) and ground.value("autostart") == "yes":
        return None
    return loaded(ground, thread)


def _ran(ground: Ground) -> bool:
    complete = ground.destination.arrival.complete
    return complete is not None and complete.run == RunState.RUNNING


def broken(ground: Ground, thread: int) -> float | None:
    """Once the stream cannot be loaded or is gone, and there is nothing left of it to be loaded."""
    arrival = ground.destination.arrival
    if arrival.fault:
        return ground.rested(thread) + A_MOMENT
    if arrival.lost is None or arrival.complete is not None or arrival.listen is not None:
        return None
    return max(arrival.lost, ground.rested(thread))


def lost(ground: Ground, thread: int) -> float | None:
    """Once the connection is gone."""
    arrival = ground.destination.arrival
    return None if arrival.lost is None else max(arrival.lost, ground.rested(thread)) + A_MOMENT


def lost_before_start(ground: Ground, thread: int) -> float | None:
    """As `lost`, while the devices have not come."""
    return lost(ground, thread) if ground.destination.arrival.run is None else None


def switched(ground: Ground, _thread: int) -> float | None:
    """Once the source has said that postcopy follows, of a stream that can be loaded."""
    arrival = ground.destination.arrival
    return None if arrival.fault else arrival.listen


def may_start(ground: Ground, _thread: int) -> float | None:
    """Once the devices are there."""
    return ground.destination.arrival.run


def all_there(ground: Ground, thread: int) -> float | None:
    """Once all pages are there; with dirty bitmaps alone, also once the rest is lost."""
    arrival = ground.destination.arrival
    if arrival.sent is None and not ground.capability(MigrationCapability.POSTCOPY_RAM):
        return lost(ground, thread)
    return arrival.sent


def paused(ground: Ground, thread: int) -> float | None:
    """A moment after the connection is gone with pages missing."""
    arrival = ground.destination.arrival
    if arrival.lost is None or arrival.sent is not None:
        return None
    return max(arrival.lost, ground.rested(thread)) + A_TICK / 5


def reconnected(ground: Ground, _thread: int) -> float | None:
    """Once somebody has connected for the recovery."""
    return ground.destination.arrival.recovered


def asked_to_go_on(ground: Ground, _thread: int) -> float | None:
    """Once the source has asked to go on."""
    arrival = ground.destination.arrival
    return arrival.resume if arrival.lost is None else None


OPENINGS: Final[Mapping[str, Opening]] = {
    "incoming.none-to-active": Opening(connected),
    "incoming.active-to-completed": Opening(loaded_running),
    "incoming.active-to-completed.stopped": Opening(loaded_stopped),
    "incoming.active-to-failed": Opening(broken),
    "incoming.active-to-postcopy-active": Opening(switched),
    "guest.postcopy-starts": Opening(may_start),
    "guest.postcopy-stays-stopped": Opening(may_start),
    "incoming.postcopy-active-to-completed": Opening(all_there),
    "incoming.listener-closed": SOON,
    "incoming.postcopy-active-to-failed": Opening(lost_before_start),
    "incoming.postcopy-active-to-failed.starting": RACE,
    "incoming.postcopy-active-to-failed.bitmaps": RACE,
    "incoming.postcopy-active-to-postcopy-paused": Opening(paused),
    "incoming.postcopy-paused-to-postcopy-recover": Opening(reconnected),
    "incoming.postcopy-recover-to-postcopy-active": Opening(asked_to_go_on),
    "incoming.recover-crashes": Opening(lost),
}
"""The gates of the incoming side, COLO aside."""
