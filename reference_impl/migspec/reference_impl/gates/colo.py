"""The gates of COLO: the conversation of the two sides, checkpoint after checkpoint, and failover.

In the terms of the schema's COLOMessage: the secondary says that it is ready; for each checkpoint the primary requests,
the secondary stops its guest and replies, the primary stops its own, makes a pass, sends its state and its size, and
the secondary says that it has received and that it has loaded them.  Each side takes its next step once it has heard
the other's last word.  A lost connection is noticed by whoever waits for a word.
"""

from collections.abc import Mapping
from typing import Final

from migspec.reference_impl.gates.gate import RACE, SOON, Gate, Ground, Opening, soon
from migspec.reference_impl.gates.incoming import all_loaded
from migspec.reference_impl.gates.outgoing import lost as stream_lost
from migspec.spec.state import Load, Stage
from migspec.spec.vocabulary import COLOMessage


def primary_hears(*words: COLOMessage) -> Gate:
    """Once the secondary has said all these words last."""

    def gate(ground: Ground, thread: int) -> float | None:
        attempt = ground.source.attempt
        if attempt is None or tuple(attempt.conversation)[-len(words) :] != words:
            return None
        return max(attempt.heard, ground.rested(thread))

    return gate


def secondary_hears(*words: COLOMessage) -> Gate:
    """Once the primary has said all these words last."""

    def gate(ground: Ground, thread: int) -> float | None:
        arrival = ground.destination.arrival
        if tuple(arrival.conversation)[-len(words) :] != words:
            return None
        return max(arrival.heard, ground.rested(thread))

    return gate


_READY: Final = primary_hears(COLOMessage.CHECKPOINT_READY)
_LOADED: Final = primary_hears(COLOMessage.VMSTATE_RECEIVED, COLOMessage.VMSTATE_LOADED)
_SIZE: Final = secondary_hears(COLOMessage.VMSTATE_SEND, COLOMessage.VMSTATE_SIZE)


def primary_runs(ground: Ground, thread: int) -> float | None:
    """Once the secondary is ready, for the first checkpoint or after one."""
    return (_READY if ground.value("stage") == Stage.COLO_STARTING else _LOADED)(ground, thread)


def secondary_runs(ground: Ground, thread: int) -> float | None:
    """At once at first, then whenever the state of a checkpoint is there."""
    return (soon if ground.value("load") == Load.COLO_STARTING else _SIZE)(ground, thread)


def primary_notices(ground: Ground, thread: int) -> float | None:
    """Once the primary waits for a word of the secondary that cannot come."""
    at, attempt = stream_lost(ground, thread), ground.source.attempt
    if at is None or attempt is None or attempt.requested or ground.value("stage") != Stage.COLO_RUNNING:
        return at
    return None if attempt.next_checkpoint is None else max(at, attempt.next_checkpoint)


def next_checkpoint(ground: Ground, _thread: int) -> float | None:
    """At the next checkpoint, be it that of an attempt that was replaced."""
    source = ground.source
    at = None if source.attempt is None else source.attempt.next_checkpoint
    return source.abandoned if at is None else at


def secondary_notices(ground: Ground, thread: int) -> float | None:
    """Once the connection is gone."""
    arrival = ground.destination.arrival
    return None if arrival.lost is None else max(arrival.lost, ground.rested(thread))


def primary_reports(ground: Ground, thread: int) -> float | None:
    """At once, unless it has reported an error before."""
    attempt = ground.source.attempt
    return None if attempt is None or attempt.colo_exited else soon(ground, thread)


def primary_silent(ground: Ground, thread: int) -> float | None:
    """At once, if it has reported an error before."""
    attempt = ground.source.attempt
    return soon(ground, thread) if attempt is not None and attempt.colo_exited else None


def secondary_reports(ground: Ground, thread: int) -> float | None:
    """At once, unless it has reported an error before."""
    return None if ground.destination.arrival.colo_exited else soon(ground, thread)


def secondary_goes_on(ground: Ground, thread: int) -> float | None:
    """At once, when its end is reported."""
    left = ground.value("load") == Load.COLO_LEFT or ground.destination.arrival.colo_exited
    return soon(ground, thread) if left else None


def between_checkpoints(ground: Ground, thread: int) -> float | None:
    """At once, unless a checkpoint is being loaded."""
    return None if ground.value("load") == Load.COLO_STOPPED else soon(ground, thread)


def enters(ground: Ground, thread: int) -> float | None:
    """Once the whole stream is there."""
    at = all_loaded(ground)
    return None if at is None else max(at, ground.rested(thread))


OPENINGS: Final[Mapping[str, Opening]] = {
    "outgoing.active-to-colo": SOON,
    "guest.colo-primary-runs": Opening(primary_runs),
    "guest.colo-primary-stops": Opening(primary_hears(COLOMessage.CHECKPOINT_REPLY)),
    "outgoing.colo-pass": SOON,
    "guest.colo-takeover-stops": SOON,
    "outgoing.colo-to-completed": SOON,
    "colo.primary-exit": Opening(primary_notices),
    "colo.primary-exit-abandoned": Opening(next_checkpoint),
    "colo.primary-exit-ordered": Opening(primary_reports),
    "colo.primary-exit-too-early": RACE,
    "colo.takeover-without-colo": SOON,
    "guest.colo-primary-goes-on": SOON,
    "guest.colo-primary-goes-on.silently": Opening(primary_silent),
    "incoming.active-to-colo": Opening(enters),
    "guest.colo-secondary-runs": Opening(secondary_runs),
    "guest.colo-secondary-stops": Opening(secondary_hears(COLOMessage.CHECKPOINT_REQUEST)),
    "incoming.colo-to-completed": Opening(between_checkpoints),
    "colo.secondary-puts-off": SOON,
    "colo.secondary-takes-up": SOON,
    "colo.secondary-exit": Opening(secondary_notices),
    "colo.secondary-exit-ordered": Opening(secondary_reports),
    "colo.secondary-exit-too-early": RACE,
    "guest.colo-secondary-goes-on": Opening(secondary_goes_on),
}
"""The gates of COLO on both sides."""
