"""The gates of the outgoing side up to the end of a precopy, and of cancellation."""

from collections.abc import Mapping
from typing import Final

from migspec.reference_impl.gates.gate import A_MOMENT, A_TICK, CLEAN_UP, RACE, SOON, Gate, Ground, Opening, after, soon
from migspec.reference_impl.physics.outgoing import What
from migspec.spec.lifecycle import channels
from migspec.spec.lifecycle.cancel import CANCELLATIONS
from migspec.spec.lifecycle.guards import RETURN_PATHS
from migspec.spec.rows import Standing
from migspec.spec.state import Life


def connected(ground: Ground, _thread: int) -> float | None:
    """Once the connection is there, and a guest with a failover pair has been asked to give up the primary."""
    attempt = ground.source.attempt
    if attempt is None or attempt.connected is None:
        return None
    if ground.stands_by and ground.value("failover") == "no":
        return None
    return attempt.connected


def asks_to_unplug(ground: Ground, _thread: int) -> float | None:
    """Once the connection is there, if the guest has a failover pair; once."""
    attempt = ground.source.attempt
    if attempt is None or not ground.stands_by or ground.value("failover") == "yes":
        return None
    return attempt.connected


def not_connected(ground: Ground, _thread: int) -> float | None:
    """Once the connection has been refused."""
    return None if ground.source.attempt is None else ground.source.attempt.refused


def _ready(what: What) -> Gate:
    def gate(ground: Ground, thread: int) -> float | None:
        ready = ground.source.ready()
        return max(ready.at, ground.rested(thread)) if ready is not None and ready.what is what else None

    return gate


work_done: Final = _ready(What.NEXT)
"""Once the work of the stage is done."""
pass_due: Final = _ready(What.PASS)
"""Once a pass is sent and too much is left."""
converged: Final = _ready(What.CONVERGED)
"""Once what is left fits into the downtime limit."""


def commits(ground: Ground, thread: int) -> float | None:
    """As `converged`, unless the stream is gone."""
    return None if lost(ground, thread) is not None else converged(ground, thread)


def passes(ground: Ground, thread: int) -> float | None:
    """As `pass_due`, unless the stream is gone."""
    return None if lost(ground, thread) is not None else pass_due(ground, thread)


def still_plugged(ground: Ground, thread: int) -> float | None:
    """At once, while the guest holds the primary."""
    attempt = ground.source.attempt
    if attempt is None or attempt.unplug_until is None or attempt.unplug_until <= ground.now:
        return None
    return ground.rested(thread) + A_MOMENT


def unplugged(ground: Ground, _thread: int) -> float | None:
    """Once the guest has given up the primary."""
    return None if ground.source.attempt is None else ground.source.attempt.unplug_until


def active(ground: Ground, thread: int) -> float | None:
    """At once, unless there is a primary to wait for."""
    return ground.rested(thread) + A_MOMENT if still_plugged(ground, thread) is None else None


def lost(ground: Ground, thread: int) -> float | None:
    """At the thread's next write once the stream is gone, or the destination has told that it failed."""
    attempt = ground.source.attempt
    if attempt is None:
        return None
    if attempt.shut is not None and attempt.shut.failed:
        return max(attempt.heard, ground.rested(thread)) + A_MOMENT
    return None if attempt.lost is None else max(attempt.lost, ground.rested(thread)) + A_MOMENT


def channel_lost(ground: Ground, thread: int) -> float | None:
    """As `lost`, where the stream has channels of its own to notice it."""
    attempt = ground.source.attempt
    return None if attempt is None or attempt.piped else lost(ground, thread)


def closed(ground: Ground, thread: int) -> float | None:
    """Once everything is sent and, over a return path, the destination has said that it is done."""
    attempt = ground.source.attempt
    if attempt is None or not attempt.told:
        return None
    if is_mute(ground):
        return None
    if not has_return_path(ground):
        return ground.rested(thread) if attempt.lost is None else None
    return attempt.heard if attempt.shut is not None and not attempt.shut.failed else None


def overtaken(ground: Ground, thread: int) -> float | None:
    """At once, unless the thread waits for an answer that no pipe brings."""
    attempt = ground.source.attempt
    waits = attempt is not None and attempt.told and is_mute(ground)
    return None if waits else soon(ground, thread)


def begins_colo(ground: Ground, thread: int) -> float | None:
    """Once everything is sent, without a return path, over which the source would wait for another answer."""
    attempt = ground.source.attempt
    if attempt is None or not attempt.told or has_return_path(ground):
        return None
    return ground.rested(thread)


def has_return_path(ground: Ground) -> bool:
    """Whether the source waits for what the destination says at the end, and it can say it: a pipe has no way back."""
    attempt = ground.source.attempt
    return attempt is not None and not attempt.piped and _wants_answer(ground)


def is_mute(ground: Ground) -> bool:
    """Whether the source waits for an answer of a command, which gives none."""
    attempt = ground.source.attempt
    return attempt is not None and attempt.address.startswith("exec:") and _wants_answer(ground)


def _wants_answer(ground: Ground) -> bool:
    return any(map(ground.capability, RETURN_PATHS))


def lost_while_closing(ground: Ground, thread: int) -> float | None:
    """As `lost`, unless all was sent and nothing more is awaited; a return path takes COLO's first word for one."""
    if closed(ground, thread) is not None:
        return None
    attempt = ground.source.attempt
    if attempt is not None and attempt.conversation and has_return_path(ground):
        return max(attempt.heard, ground.rested(thread)) + A_MOMENT
    return lost(ground, thread)


def restarts(ground: Ground, thread: int) -> float | None:
    """At once, with the lock held that the main loop needs; not in a process that ends."""
    return ground.rested(thread) if ground.value("life") == Life.ALIVE else None


def has_disks(ground: Ground, thread: int) -> float | None:
    """At once, if the machine has disks."""
    return ground.rested(thread) + A_MOMENT if ground.options.disks else None


def saves(ground: Ground, thread: int) -> float | None:
    """Once the last pass is made, unless it cannot come to that."""
    if ground.options.disks and ground.value("disks-gone") == "yes":
        return None
    return work_done(ground, thread)


OPENINGS: Final[Mapping[str, Opening]] = {
    "outgoing.unplug-requested": Opening(asks_to_unplug),
    "outgoing.connected": Opening(connected),
    "outgoing.setup-to-failed.connection": Opening(not_connected),
    "outgoing.cancelling-to-cancelled.connection": Opening(not_connected),
    "outgoing.first-pass": Opening(work_done),
    "outgoing.setup-to-active": Opening(active),
    "outgoing.setup-to-wait-unplug": Opening(still_plugged),
    "outgoing.wait-unplug-to-active": Opening(unplugged),
    "outgoing.set-up-overtaken": SOON,
    "outgoing.pass": Opening(passes),
    "outgoing.pass-while-cancelling": RACE,
    "outgoing.iteration-overtaken": Opening(overtaken),
    "outgoing.cancelling-to-failed": RACE,
    "outgoing.active-to-failed": Opening(lost),
    "outgoing.commit": Opening(commits),
    "outgoing.stop-guest": SOON,
    "outgoing.guest-was-stopped": SOON,
    "outgoing.active-to-failed.flush": RACE,
    "outgoing.active-to-pre-switchover": SOON,
    "outgoing.pause-overtaken": SOON,
    "outgoing.pre-switchover-to-device": SOON,
    "outgoing.wait-overtaken": SOON,
    "outgoing.save": SOON,
    "outgoing.last-pass": Opening(saves),
    "outgoing.migrated-again-crashes": Opening(has_disks),
    "outgoing.active-to-failed.block": RACE,
    "outgoing.device-to-failed.block": RACE,
    "outgoing.active-to-completed": Opening(closed),
    "outgoing.device-to-completed": Opening(closed),
    "outgoing.active-to-failed.closing": Opening(lost_while_closing),
    "outgoing.device-to-failed": Opening(lost_while_closing),
    "outgoing.close-overtaken": Opening(overtaken),
    "outgoing.colo-commit": Opening(begins_colo),
    "outgoing.colo-after-pause": SOON,
    "guest.postmigrate.completed": SOON,
    "guest.restarted": Opening(restarts),
    "guest.runs-already": SOON,
    "guest.postmigrate.failed": SOON,
    "guest.untouched": SOON,
    "outgoing.cancelling-to-cancelled": Opening(after(CLEAN_UP)),
    "outgoing.cancelling-to-cancelled.exiting": RACE,
    "outgoing.cleaned-up": Opening(after(A_TICK)),
    "outgoing.block-options-returned.lent": SOON,
    "outgoing.block-options-returned.leaked": SOON,
    **{f"outgoing.cancelled-by-exit.{way.name}": SOON if way.name == "accepted" else RACE for way in CANCELLATIONS},
    **{row.id: RACE if row.standing is Standing.DEFECT else Opening(channel_lost) for row in channels.ROWS},
}
"""The gates of precopy, multifd and cancellation."""
