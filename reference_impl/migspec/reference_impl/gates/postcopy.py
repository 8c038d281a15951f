"""The gates of the outgoing side in postcopy: the switch, the loss of the stream, the recovery."""

from collections.abc import Mapping
from typing import Final

from migspec.reference_impl.gates.gate import A_MOMENT, A_TICK, RACE, SOON, Ground, Opening
from migspec.reference_impl.gates.outgoing import closed, converged, lost, work_done
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus


def switches(ground: Ground, thread: int) -> float | None:
    """At the thread's next turn, with enough left to send and a stream to send it on."""
    if ground.value("outgoing") != MigrationStatus.ACTIVE or lost(ground, thread) is not None:
        return None
    at = converged(ground, thread)
    return None if at is not None and at <= ground.now else ground.rested(thread) + A_MOMENT


def saved(ground: Ground, thread: int) -> float | None:
    """Once the last pass and the device package are made, over a stream that is there."""
    return None if lost(ground, thread) is not None else work_done(ground, thread)


def paused(ground: Ground, thread: int) -> float | None:
    """At the thread's next look up from sending once the connection is gone."""
    attempt = ground.source.attempt
    if attempt is None or attempt.lost is None:
        return None
    if attempt.told and attempt.shut is not None:
        return None
    return max(attempt.lost, ground.rested(thread)) + A_TICK


def recovers(ground: Ground, _thread: int) -> float | None:
    """Once the connection of the resume is there."""
    return None if ground.source.attempt is None else ground.source.attempt.recovered


def not_recovered(ground: Ground, _thread: int) -> float | None:
    """Once the connection of the resume has been refused."""
    return None if ground.source.attempt is None else ground.source.attempt.not_recovered


def connection_known(ground: Ground, thread: int) -> float | None:
    """Once it is known what became of the connection of the resume."""
    at = recovers(ground, thread)
    return at if at is not None else not_recovered(ground, thread)


def aborts(ground: Ground, thread: int) -> float | None:
    """Once the connection shows the fault: whatever became of it after a failed resume, a refusal when cancelled."""
    if ground.value("poisoned") == "yes":
        return connection_known(ground, thread)
    return not_recovered(ground, thread)


def answered(ground: Ground, thread: int) -> float | None:
    """Once the destination has answered."""
    attempt = ground.source.attempt
    if attempt is None or attempt.answered is None or attempt.lost is not None:
        return None
    return max(attempt.answered, ground.rested(thread))


def all_sent(ground: Ground, thread: int) -> float | None:
    """Once all pages are sent and, with postcopy of memory, the destination has said that it has them."""
    attempt = ground.source.attempt
    if attempt is None or not attempt.told:
        return None
    if ground.capability(MigrationCapability.POSTCOPY_RAM):
        return attempt.heard if attempt.shut is not None else None
    return closed(ground, thread)


OPENINGS: Final[Mapping[str, Opening]] = {
    "outgoing.switch": Opening(switches),
    "outgoing.active-to-postcopy-active": SOON,
    "outgoing.switch-before-pause": SOON,
    "outgoing.switch-overtaken": SOON,
    "outgoing.postcopy-stop-guest": SOON,
    "outgoing.postcopy-guest-was-stopped": SOON,
    "outgoing.active-to-pre-switchover.postcopy": SOON,
    "outgoing.postcopy-pause-overtaken": SOON,
    "outgoing.pre-switchover-to-postcopy-active": SOON,
    "outgoing.postcopy-wait-overtaken": SOON,
    "outgoing.postcopy-save": SOON,
    "outgoing.postcopy-last-pass": Opening(saved),
    "outgoing.postcopy-pass-while-cancelling": RACE,
    "outgoing.postcopy-bitmaps": Opening(saved),
    "outgoing.postcopy-active-to-failed.switching": Opening(lost),
    "outgoing.postcopy-active-to-completed": Opening(all_sent),
    "outgoing.postcopy-active-to-failed": RACE,
    "outgoing.postcopy-active-to-postcopy-paused": Opening(paused),
    "outgoing.cancelling-to-postcopy-paused": RACE,
    "outgoing.pause-cancelled": RACE,
    "outgoing.cancel-crashes": RACE,
    "outgoing.postcopy-paused-to-postcopy-recover": Opening(recovers),
    "outgoing.resume-not-connected": Opening(not_recovered),
    "outgoing.resume-aborts": Opening(aborts),
    "outgoing.resume-cancelled": Opening(recovers),
    "outgoing.postcopy-recover-to-postcopy-active": Opening(answered),
    "outgoing.postcopy-recover-to-postcopy-paused": RACE,
}
"""The gates of postcopy on the source."""
