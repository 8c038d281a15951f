"""The named conditions that rows and contracts share."""

from __future__ import annotations

from functools import reduce
from operator import or_

from migspec.spec.conditions import Condition, where
from migspec.spec.state import Answer, Life
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus, RunState

IN_PROGRESS_STATUSES: tuple[str, ...] = (
    MigrationStatus.SETUP,
    MigrationStatus.WAIT_UNPLUG,
    MigrationStatus.ACTIVE,
    MigrationStatus.PRE_SWITCHOVER,
    MigrationStatus.DEVICE,
    MigrationStatus.POSTCOPY_ACTIVE,
    MigrationStatus.POSTCOPY_PAUSED,
    MigrationStatus.POSTCOPY_RECOVER,
    MigrationStatus.CANCELLING,
)
"""The outgoing statuses that count as a migration in progress; `colo` does not."""

ENDED_STATUSES: tuple[str, ...] = (MigrationStatus.COMPLETED, MigrationStatus.FAILED, MigrationStatus.CANCELLED)
"""The outgoing statuses in which a migration is over; another one may begin."""

STOPPED_RUN_STATES: tuple[str, ...] = tuple(s for s in RunState if s != RunState.RUNNING)
"""Every run state but `running`."""

LOADED_STOPPED: tuple[str, ...] = tuple(
    s for s in STOPPED_RUN_STATES if s not in (RunState.INMIGRATE, RunState.PRECONFIG)
)
"""The run states that a guest may have come with which does not start when it is loaded."""

RETURN_PATHS: tuple[MigrationCapability, ...] = (MigrationCapability.RETURN_PATH, MigrationCapability.POSTCOPY_RAM)
"""The capabilities of a source with any of which it waits for what the destination says at the end."""


def capability(name: str, on: bool = True) -> Condition:
    """The condition that a capability is on (or off)."""
    return where({f"cap.{name}": Answer.YES if on else Answer.NO}, f"capability {name} is {'on' if on else 'off'}")


PAUSE_ON = capability("pause-before-switchover")
PAUSE_OFF = capability("pause-before-switchover", on=False)
COLO_ON = capability("x-colo")
COLO_OFF = capability("x-colo", on=False)
MULTIFD_ON = capability("multifd")
BLOCK_ON = capability("block")
POSTCOPY_RAM_ON = capability("postcopy-ram")
POSTCOPY_RAM_OFF = capability("postcopy-ram", on=False)
POSTCOPY_ALLOWED = (POSTCOPY_RAM_ON | capability("dirty-bitmaps")).named("a capability of postcopy is on")
RELEASE_RAM_ON = capability("release-ram")
RETURN_PATH_ON = reduce(or_, map(capability, RETURN_PATHS)).named("there is a return path")

GUEST_RUNS = where({"run": RunState.RUNNING}, "the guest runs")
GUEST_STOPPED = where({"run": STOPPED_RUN_STATES}, "the guest does not run")
WAS_RUNNING = where({"was-running": Answer.YES}, "the migration stopped a running guest")
NOT_WAS_RUNNING = where({"was-running": Answer.NO}, "the migration did not stop a running guest")

LOST_RACE = where(
    {"outgoing": (MigrationStatus.CANCELLING, MigrationStatus.FAILED)},
    "the migration was cancelled or has failed",
)
IN_PROGRESS = where({"outgoing": IN_PROGRESS_STATUSES}, "an outgoing migration is in progress")

STAYING = where({"life": (Life.ALIVE, Life.QUITTING)}, "the main loop runs")
EXITING = where({"life": Life.DOWN}, "the process is exiting")

DISKS_MAY_BE_AWAY = (
    where({"disks-gone": Answer.YES}, "the disks were given up")
    | where({"run": RunState.INMIGRATE}, "the guest waits for its state")
    | ~where({"outgoing": MigrationStatus.NONE, "incoming": MigrationStatus.NONE}, "there was no migration")
).named("the disks may have been given up, or never taken")
