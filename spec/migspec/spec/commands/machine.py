"""Contracts of the commands that move the guest or the process, and of those without one of their own.

Texts and order: observed on QEMU 5.2.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from migspec.spec.conditions import ALWAYS, where
from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.lifecycle.guards import DISKS_MAY_BE_AWAY, GUEST_RUNS, GUEST_STOPPED, IN_PROGRESS
from migspec.spec.rows import Standing
from migspec.spec.state import Session
from migspec.spec.vocabulary import RunState

_ANYTHING = Words(anything=True)
_WAITING = where({"run": RunState.INMIGRATE}, "the guest waits for its state")
_SUSPENDED = where({"run": RunState.SUSPENDED}, "the guest is suspended")
_RESET_NEEDED = where({"run": (RunState.SHUTDOWN, RunState.INTERNAL_ERROR)}, "the guest must be reset first")
_FINISHING = where({"run": RunState.FINISH_MIGRATE}, "a migration has stopped the guest")
_MIGRATING = (IN_PROGRESS | where({"incoming": "active"}, "a stream is being loaded")).named("a migration is under way")
_STAYS = (_WAITING | _SUSPENDED | GUEST_RUNS).named("the guest runs, is suspended or waits for its state")


QMP_CAPABILITIES = Contract(
    "qmp_capabilities",
    (
        refusal(
            "qmp_capabilities.unavailable",
            "A monitor without a thread of its own offers no out-of-band execution.",
            "Capability oob not available",
            asks=lambda request: request.enables_oob,
            final=False,
        ),
        Case(
            "qmp_capabilities.oob",
            "The negotiation is complete, with out-of-band execution.",
            asks=lambda request: request.enables_oob,
            then={"session": Session.OOB},
        ),
        Case(
            "qmp_capabilities.accepted",
            "The negotiation is complete.",
            asks=lambda request: not request.enables_oob,
            then={"session": Session.READY},
        ),
    ),
)

STOP = Contract(
    "stop",
    (
        Case(
            "stop.running",
            "A running guest is paused, and says so before the reply.",
            when=GUEST_RUNS,
            then={"run": RunState.PAUSED},
            emits=("STOP",),
            evidence="70 of 70",
        ),
        Case(
            "stop.inmigrate",
            "A guest that waits for its state will not start when it has it.",
            when=_WAITING,
            then={"autostart": "no"},
        ),
        Case("stop.no-effect", "A guest that is stopped stays as it is.", when=GUEST_STOPPED & ~_WAITING),
    ),
)

CONT = Contract(
    "cont",
    (
        refusal(
            "cont.dump",
            "A dump of the guest's memory is finished first.",
            "There is a dump in process, please wait.",
            final=False,
            evidence="every time with a dump that nobody reads",
        ),
        refusal(
            "cont.reset-needed",
            "A guest that has shut down must be reset first.",
            "Resetting the Virtual Machine is required",
            when=_RESET_NEEDED,
        ),
        refusal(
            "cont.finish-migrate",
            "A guest that a migration has stopped stays stopped until the migration is finished.",
            "Migration is not finalized yet",
            when=_FINISHING,
            evidence="also for good, in a paused postcopy",
        ),
        refusal(
            "cont.disk",
            "Disks that another process may have had since must be taken back first, which that one may prevent.",
            Words(beginnings=("Failed to get ", "Could not ")),
            when=~_SUSPENDED & DISKS_MAY_BE_AWAY,
            final=False,
            evidence="7 recorded, all on destinations",
        ),
        Case(
            "cont.inmigrate",
            "A guest that waits for its state will start when it has it.",
            when=_WAITING,
            then={"autostart": "yes"},
            evidence="15 recorded, without an event",
        ),
        Case(
            "cont.no-effect",
            "A guest that runs or is suspended stays as it is.",
            when=GUEST_RUNS | _SUSPENDED,
        ),
        Case(
            "cont.stopped",
            "The guest runs, and says so before the reply.",
            when=~_STAYS,
            then={"run": RunState.RUNNING, "disks-gone": "no"},
            emits=("RESUME",),
            evidence="63 of 63",
        ),
    ),
)

QUIT = Contract(
    "quit",
    (Case("quit.accepted", "The process ends soon after the reply.", then={"life": "quitting"}),),
)


SYSTEM_WAKEUP = Contract(
    "system_wakeup",
    (
        refusal(
            "system_wakeup.awake",
            "A guest that has not suspended itself cannot be woken.",
            "Unable to wake up: guest is not in suspended state",
            final=False,
            evidence="every time, also of a guest that was never started",
        ),
        Case("system_wakeup.accepted", "The guest wakes up a moment later, which an event tells."),
    ),
)

_SNAPSHOT_DONE: Mapping[str, str | tuple[str, ...]] = {
    "stage": "idle",
    "error-known": ("no", "yes"),
}
_PASSES = ("MIGRATION_PASS:1", "MIGRATION_PASS:n")

SAVEVM = Contract(
    "savevm",
    (
        refusal("savevm.refused", "A snapshot needs a disk that can hold it.", _ANYTHING, final=False),
        Case(
            "savevm.interrupted",
            "The guest was stopped and started again for nothing: a migration is in progress, or the disk is at fault.",
            when=GUEST_RUNS,
            emits=("STOP", "RESUME"),
        ),
        Case(
            "savevm.running",
            "The guest stops while its snapshot is written, with the outgoing status.",
            when=GUEST_RUNS & ~IN_PROGRESS,
            then={**_SNAPSHOT_DONE, "outgoing": "completed"},
            emits=("STOP", "MIGRATION:setup", *_PASSES, "MIGRATION:completed", "RESUME"),
            evidence="3 recorded, exactly so",
        ),
        Case(
            "savevm.stopped",
            "The snapshot of a guest that does not run.",
            when=GUEST_STOPPED & ~IN_PROGRESS,
            then={**_SNAPSHOT_DONE, "outgoing": "completed"},
            emits=("MIGRATION:setup", *_PASSES, "MIGRATION:completed"),
        ),
        Case(
            "savevm.running.failed",
            "The snapshot could not be written.",
            when=GUEST_RUNS & ~IN_PROGRESS,
            then={**_SNAPSHOT_DONE, "outgoing": "failed"},
            emits=("STOP", "MIGRATION:setup", *_PASSES, "MIGRATION:failed", "RESUME"),
        ),
        Case(
            "savevm.stopped.failed",
            "The snapshot of a guest that does not run could not be written.",
            when=GUEST_STOPPED & ~IN_PROGRESS,
            then={**_SNAPSHOT_DONE, "outgoing": "failed"},
            emits=("MIGRATION:setup", *_PASSES, "MIGRATION:failed"),
        ),
    ),
)

LOADVM = Contract(
    "loadvm",
    (
        refusal(
            "loadvm.refused",
            "There is nothing to load, and the guest was left alone.",
            _ANYTHING,
            final=False,
        ),
        Case(
            "loadvm.running",
            "A running guest is stopped, and started again with the state of the snapshot.",
            when=GUEST_RUNS,
            emits=("STOP", "RESUME"),
            evidence="3 recorded",
        ),
        Case(
            "loadvm.running.failed",
            "A guest whose snapshot cannot be loaded is left stopped, in restore-vm.",
            when=GUEST_RUNS,
            then={"run": RunState.RESTORE_VM},
            emits=("STOP",),
            standing=Standing.DEFECT,
            evidence="2 recorded",
        ),
        Case("loadvm.stopped", "A guest that does not run stays as it is.", when=GUEST_STOPPED),
    ),
)

ONLY_HUMAN: frozenset[str] = frozenset({SAVEVM.command, LOADVM.command})
"""The commands that only the human monitor has: by these names QMP knows none."""

OPEN = Contract(
    "",
    (
        refusal("command.refused", "The command is refused.", _ANYTHING, when=ALWAYS, final=False),
        Case("command.accepted", "The command succeeds.", loose=True),
    ),
)
"""The contract of every command that has none of its own: it may succeed or be refused, and moves nothing."""

CONTRACTS: tuple[Contract, ...] = (
    QMP_CAPABILITIES,
    STOP,
    CONT,
    QUIT,
    SYSTEM_WAKEUP,
    SAVEVM,
    LOADVM,
)
"""The contracts of this module."""
