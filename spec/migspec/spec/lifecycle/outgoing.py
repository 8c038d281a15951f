"""The outgoing side, precopy: every step from an accepted ``migrate`` to the end of its clean-up.

Two threads take turns. The *main loop* connects, cancels and cleans up; the *migration thread* does
the work in between, and changes the status only if it still has the value that the thread last knew. A
cancellation therefore never interrupts the thread: it changes the status under it, and the thread runs
on to the point where it notices. Which messages may still follow `cancelling` is exactly what the rows
from that status say.
"""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.lifecycle.cancel import CANCELLATIONS
from migspec.spec.lifecycle.guards import (
    BLOCK_ON,
    COLO_OFF,
    COLO_ON,
    EXITING,
    GUEST_RUNS,
    GUEST_STOPPED,
    LOST_RACE,
    NOT_WAS_RUNNING,
    PAUSE_OFF,
    PAUSE_ON,
    STAYING,
    WAS_RUNNING,
)
from migspec.spec.rows import Row, Standing, Thread, row

_FAILOVER = where({"failover": "yes"}, "the guest was asked to unplug a primary")
_CONTINUED = where({"continued": "yes"}, "the wait was ended")
_FINISHING = where({"run": "finish-migrate"}, "the run state is finish-migrate")
_MAYBE = ("no", "yes")

CONNECTION: tuple[Row, ...] = (
    row(
        "outgoing.unplug-requested",
        "A guest with a negotiated failover pair is asked to give up the primary before the thread starts.",
        Thread.MAIN,
        stage="connecting",
        outgoing="setup|cancelling",
        then={"failover": "yes"},
        emits=("UNPLUG_PRIMARY",),
        clause="UNPLUG_PRIMARY",
        evidence="12 of 12 on sockets, also with `events` off",
    ),
    row(
        "outgoing.connected",
        "The connection is there and the migration thread starts, whether cancelled meanwhile or not.",
        Thread.MAIN,
        stage="connecting -> setting-up",
        outgoing="setup|cancelling|failed",
        evidence="a cancel while connecting still shows pass 1 in 20 of 20",
    ),
    row(
        "outgoing.setup-to-failed.connection",
        "The connection, the name resolution, TLS or the multifd set-up failed.",
        Thread.MAIN,
        stage="connecting -> idle",
        outgoing="setup -> failed",
        then={"error-known": _MAYBE},
        clause="MigrationStatus.failed",
        evidence="113 recorded; an error-desc in nearly all",
    ),
    row(
        "outgoing.cancelling-to-cancelled.connection",
        "The pending connection of a cancelled migration came to nothing.",
        Thread.MAIN,
        stage="connecting -> idle",
        outgoing="cancelling -> cancelled",
        when=STAYING,
        clause="MigrationStatus.cancelled",
    ),
)
"""From the reply to `migrate` to the start of the migration thread."""

SET_UP: tuple[Row, ...] = (
    row(
        "outgoing.first-pass",
        "The set-up makes the first pass, whatever became of the status.",
        Thread.MIGRATION,
        stage="setting-up -> set-up",
        emits=("MIGRATION_PASS:1",),
        clause="MIGRATION_PASS.pass",
        evidence="before `active` in 359 of 359",
    ),
    row(
        "outgoing.setup-to-active",
        "The set-up is finished.",
        Thread.MIGRATION,
        stage="set-up -> iterating",
        outgoing="setup -> active",
        clause="MigrationStatus.active",
        evidence="360 recorded",
    ),
    row(
        "outgoing.setup-to-wait-unplug",
        "The set-up is finished and the guest still holds a failover primary.",
        Thread.MIGRATION,
        stage="set-up -> unplugging",
        outgoing="setup -> wait-unplug",
        when=_FAILOVER,
        clause="MigrationStatus.wait-unplug",
        evidence="12 recorded",
    ),
    row(
        "outgoing.wait-unplug-to-active",
        "The guest has given up the primary.",
        Thread.MIGRATION,
        stage="unplugging -> iterating",
        outgoing="wait-unplug -> active",
        clause="MigrationStatus.wait-unplug",
        evidence="5 of 5, without another pass",
    ),
    row(
        "outgoing.set-up-overtaken",
        "The migration was cancelled or had failed when the set-up was finished: the thread ends.",
        Thread.MIGRATION,
        stage="set-up|unplugging -> ending",
        when=LOST_RACE,
    ),
)
"""The migration thread until pages flow."""

PRECOPY: tuple[Row, ...] = (
    row(
        "outgoing.pass",
        "Another pass over the memory begins.",
        Thread.MIGRATION,
        stage="iterating",
        outgoing="active",
        emits=("MIGRATION_PASS:n",),
        clause="MIGRATION_PASS",
        evidence="823 passes of 360 runs, no gap",
    ),
    row(
        "outgoing.pass-while-cancelling",
        "A pass that had begun before the cancellation is announced after `cancelling`; at most one.",
        Thread.MIGRATION,
        stage="iterating -> last-turn",
        when=LOST_RACE,
        emits=("MIGRATION_PASS:n",),
        evidence="11 recorded",
    ),
    row(
        "outgoing.iteration-overtaken",
        "The thread notices that the migration was cancelled or has failed.",
        Thread.MIGRATION,
        stage="iterating|last-turn -> ending",
        when=LOST_RACE,
    ),
    row(
        "outgoing.cancelling-to-failed",
        "The thread was about to complete when it found the migration cancelled, and calls that a failure.",
        Thread.MIGRATION,
        stage="iterating|last-turn -> ending",
        outgoing="cancelling -> failed",
        then={"error-known": _MAYBE},
        standing=Standing.DEFECT,
        clause="MigrationStatus.cancelled",
        evidence="1 of 250 cancels with a busy main loop",
    ),
    row(
        "outgoing.active-to-failed",
        "The stream could not be written or read.",
        Thread.MIGRATION,
        stage="iterating -> ending",
        outgoing="active -> failed",
        then={"error-known": _MAYBE},
        clause="MigrationStatus.failed",
        evidence="55 recorded",
    ),
    row(
        "outgoing.commit",
        "What is left fits into the downtime limit: the thread will stop the guest, whatever the status.",
        Thread.MIGRATION,
        stage="iterating -> committed",
        outgoing="active",
    ),
)
"""The migration thread while the guest runs."""

SWITCH_OVER: tuple[Row, ...] = (
    row(
        "outgoing.stop-guest",
        "The running guest is stopped for the switch-over.",
        Thread.MIGRATION,
        stage="committed -> stopped",
        when=GUEST_RUNS,
        then={"run": "finish-migrate", "was-running": "yes"},
        emits=("STOP",),
        evidence="122 of 122, followed by exactly one pass",
    ),
    row(
        "outgoing.guest-was-stopped",
        "The guest was not running: nothing is announced.",
        Thread.MIGRATION,
        stage="committed -> stopped",
        when=GUEST_STOPPED,
        then={"run": "finish-migrate", "was-running": "no"},
        evidence="16 recorded",
    ),
    row(
        "outgoing.active-to-failed.flush",
        "The guest's disks could not be flushed when it was stopped.",
        Thread.MIGRATION,
        stage="stopped -> ending",
        outgoing="active -> failed",
        then={"error-known": _MAYBE},
        evidence="read in the release's source; never recorded",
    ),
    row(
        "outgoing.active-to-pre-switchover",
        "The migration waits before it saves the devices.",
        Thread.MIGRATION,
        stage="stopped -> held",
        outgoing="active -> pre-switchover",
        when=PAUSE_ON,
        then={"continued": "no"},
        clause="MigrationStatus.pre-switchover",
        evidence="20 recorded, after STOP, no pass between",
    ),
    row(
        "outgoing.pause-overtaken",
        "The migration was cancelled or had failed before the wait began: nothing is saved.",
        Thread.MIGRATION,
        stage="stopped -> ending",
        when=PAUSE_ON & LOST_RACE,
    ),
    row(
        "outgoing.pre-switchover-to-device",
        "The wait was ended by migrate-continue, or by a migrate_cancel that has yet to change the status.",
        Thread.MIGRATION,
        stage="held -> saving",
        outgoing="pre-switchover -> device",
        when=_CONTINUED,
        then={"continued": "no"},
        clause="MigrationStatus.device",
        evidence="10 recorded; ahead of `cancelling` in 4 of 30 cancels",
    ),
    row(
        "outgoing.wait-overtaken",
        "The wait was ended and the migration is cancelled or has failed.",
        Thread.MIGRATION,
        stage="held -> ending",
        when=_CONTINUED & LOST_RACE,
        then={"continued": "no"},
    ),
    row(
        "outgoing.save",
        "Without a pause the devices are saved at once.",
        Thread.MIGRATION,
        stage="stopped -> saving",
        when=PAUSE_OFF,
    ),
    row(
        "outgoing.last-pass",
        "The last pass, with the guest stopped.",
        Thread.MIGRATION,
        stage="saving -> saved",
        emits=("MIGRATION_PASS:n",),
        evidence="exactly one after STOP in 122 of 122",
    ),
    row(
        "outgoing.migrated-again-crashes",
        "A guest whose disks an earlier migration has given up cannot give them up once more: the process aborts.",
        Thread.MIGRATION,
        stage="saving|saved",
        when=where({"disks-gone": "yes"}, "an earlier migration has given up the disks"),
        then={"life": "aborted"},
        standing=Standing.DEFECT,
        evidence="on every run with a disk",
    ),
    row(
        "outgoing.active-to-failed.block",
        "A block migration failed to save what was left of a disk, which comes before the last pass.",
        Thread.MIGRATION,
        stage="saving -> ending",
        outgoing="active -> failed",
        when=BLOCK_ON,
        then={"error-known": _MAYBE},
        evidence="read in the release's source; never recorded",
    ),
    row(
        "outgoing.device-to-failed.block",
        "As without a pause: a block migration failed to save what was left of a disk.",
        Thread.MIGRATION,
        stage="saving -> ending",
        outgoing="device -> failed",
        when=BLOCK_ON,
        then={"error-known": _MAYBE},
        evidence="read in the release's source; never recorded",
    ),
)
"""The migration thread with the guest stopped, up to the last pass."""

CLOSE: tuple[Row, ...] = (
    row(
        "outgoing.active-to-completed",
        "The whole stream is sent.",
        Thread.MIGRATION,
        stage="saved -> ending",
        outgoing="active -> completed",
        when=COLO_OFF,
        clause="MigrationStatus.completed",
        evidence="147 recorded",
    ),
    row(
        "outgoing.device-to-completed",
        "The whole stream is sent, after a pause before the switch-over.",
        Thread.MIGRATION,
        stage="saved -> ending",
        outgoing="device -> completed",
        when=COLO_OFF,
        clause="MigrationStatus.device",
        evidence="10 of 10 with exactly one pass between",
    ),
    row(
        "outgoing.active-to-failed.closing",
        "The stream broke in its last phase, or the destination reported an error over the return path.",
        Thread.MIGRATION,
        stage="saved -> ending",
        outgoing="active -> failed",
        then={"error-known": _MAYBE},
        clause="MigrationStatus.failed",
        evidence="RESUME follows if the guest had run",
    ),
    row(
        "outgoing.device-to-failed",
        "The stream broke while the devices were saved, after a pause before the switch-over.",
        Thread.MIGRATION,
        stage="saved -> ending",
        outgoing="device -> failed",
        then={"error-known": _MAYBE},
        clause="MigrationStatus.failed",
        evidence="the peer was killed in pre-switchover",
    ),
    row(
        "outgoing.close-overtaken",
        "The migration was cancelled or had failed before the stream was closed.",
        Thread.MIGRATION,
        stage="saved -> ending",
        when=LOST_RACE,
    ),
    row(
        "outgoing.colo-commit",
        "With x-colo the status stays until the COLO process starts.",
        Thread.MIGRATION,
        stage="saved -> ending",
        outgoing="active",
        when=COLO_ON,
    ),
    row(
        "outgoing.colo-after-pause",
        "COLO together with a pause before the switch-over never gets beyond `device`.",
        Thread.MIGRATION,
        stage="saved -> stuck",
        outgoing="device",
        when=COLO_ON,
        standing=Standing.DEFECT,
    ),
)
"""The migration thread after the last pass."""

END: tuple[Row, ...] = (
    row(
        "guest.postmigrate.completed",
        "After a completed migration the source's guest is in postmigrate.",
        Thread.MIGRATION,
        stage="ending -> cleaning",
        outgoing="completed",
        then={"run": "postmigrate", "disks-gone": "yes"},
        evidence="query-status may still say finish-migrate right after `completed`",
    ),
    row(
        "guest.restarted",
        "A guest that the failed or cancelled migration had stopped runs again.",
        Thread.MIGRATION,
        stage="ending",
        outgoing="failed|cancelled|cancelling",
        when=WAS_RUNNING & GUEST_STOPPED,
        then={"run": "running"},
        emits=("RESUME", "=stage:cleaning"),
        evidence="before `cancelled`, after `failed`",
    ),
    row(
        "guest.runs-already",
        "The guest that the migration had stopped runs again already.",
        Thread.MIGRATION,
        stage="ending -> cleaning",
        outgoing="failed|cancelled|cancelling",
        when=WAS_RUNNING & GUEST_RUNS,
    ),
    row(
        "guest.postmigrate.failed",
        "A guest that was not running when the migration reached its last phase is left in postmigrate.",
        Thread.MIGRATION,
        stage="ending -> cleaning",
        outgoing="failed|cancelled|cancelling",
        when=NOT_WAS_RUNNING & _FINISHING,
        then={"run": "postmigrate"},
        standing=Standing.OBSERVED,
        evidence="not the run state that it had before",
    ),
    row(
        "guest.untouched",
        "A migration that failed or was cancelled before it stopped the guest leaves its run state alone.",
        Thread.MIGRATION,
        stage="ending -> cleaning",
        outgoing="failed|cancelled|cancelling",
        when=NOT_WAS_RUNNING & ~_FINISHING,
    ),
    row(
        "outgoing.cancelling-to-cancelled",
        "The main loop has cleaned up after a cancelled migration.",
        Thread.MAIN,
        stage="cleaning -> idle",
        outgoing="cancelling -> cancelled",
        when=STAYING,
        clause="MigrationStatus.cancelled",
        evidence="89 recorded, median 32 ms after the reply",
    ),
    row(
        "outgoing.cancelling-to-cancelled.exiting",
        "A process that exits waits for its disks, or answers a request that waited, and cleans up meanwhile.",
        Thread.MAIN,
        stage="cleaning -> idle",
        outgoing="cancelling -> cancelled",
        when=where({"life": "gone"}, "the exiting process has cancelled its migration"),
        clause="MigrationStatus.cancelled",
        evidence="10 of 43 that quit at the beginning of a block migration, 4 of 33 that quit with requests waiting",
    ),
    row(
        "outgoing.cleaned-up",
        "The main loop has cleaned up after a migration that completed or failed.",
        Thread.MAIN,
        stage="cleaning -> idle",
        outgoing="completed|failed",
        when=STAYING,
    ),
    *(
        row(
            f"outgoing.block-options-returned.{loan}",
            "The clean-up switches off the block options that this migration, or one refused before, had switched on.",
            Thread.MAIN,
            stage=stages,
            outgoing="completed|failed|cancelled",
            when=where({"block-options": loan}, f"block options are {loan}"),
            then={"block-options": "none", "cap.block": "no", "block-incremental": "no"},
            clause="migrate.blk",
            evidence="a little after the last event",
        )
        for loan, stages in (("lent", "cleaning|idle"), ("leaked", "cleaning"))
    ),
    *(
        row(
            f"outgoing.cancelled-by-exit.{way.name}",
            f"A process that exits cancels its migration, which nothing finishes. {way.sentence}",
            Thread.MAIN,
            when=EXITING & way.when,
            then={**dict(way.then), "life": "gone"},
            emits=way.emits,
            leaves=way.leaves,
            standing=way.standing,
            clause=way.clause,
            evidence="30 of 30, after SHUTDOWN" if way.name == "accepted" else "",
        )
        for way in CANCELLATIONS
    ),
)
"""The end of an attempt."""

ROWS: tuple[Row, ...] = (*CONNECTION, *SET_UP, *PRECOPY, *SWITCH_OVER, *CLOSE, *END)
"""All rows of precopy and cancellation, multifd aside."""
