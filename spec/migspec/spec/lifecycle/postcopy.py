"""The outgoing side, postcopy: the switch, the loss of the stream, and its recovery.

The switch differs from the end of a precopy in what a client can see: the status changes before the
guest stops, nothing starts the guest again if the switch fails, and from then on a lost connection is
no failure but a pause.
"""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.lifecycle.guards import (
    GUEST_RUNS,
    GUEST_STOPPED,
    LOST_RACE,
    PAUSE_OFF,
    PAUSE_ON,
    POSTCOPY_ALLOWED,
    POSTCOPY_RAM_OFF,
    POSTCOPY_RAM_ON,
    STAYING,
)
from migspec.spec.rows import Row, Standing, Thread, row

_ASKED = where({"switch-asked": "yes"}, "migrate-start-postcopy was accepted")
_CONTINUED = where({"continued": "yes"}, "the wait was ended")
_RESUMING = where({"resuming": "yes"}, "a resume is connecting")
_SOUND = where({"poisoned": "no"}, "no earlier resume failed to connect")
_POISONED = where({"poisoned": "yes"}, "an earlier resume failed to connect")
_MAYBE = ("no", "yes")

SWITCH: tuple[Row, ...] = (
    row(
        "outgoing.switch",
        "The request for postcopy is found, with enough left to send and a capability that allows it.",
        Thread.MIGRATION,
        stage="iterating -> switching",
        outgoing="active|cancelling|failed",
        when=_ASKED & POSTCOPY_ALLOWED,
        clause="migrate-start-postcopy",
    ),
    row(
        "outgoing.active-to-postcopy-active",
        "The switch to postcopy begins.",
        Thread.MIGRATION,
        stage="switching -> postcopy-stopping",
        outgoing="active -> postcopy-active",
        when=PAUSE_OFF,
        clause="MigrationStatus.postcopy-active",
        evidence="38 recorded, always before STOP",
    ),
    row(
        "outgoing.switch-before-pause",
        "With a pause before the switch-over the status follows later.",
        Thread.MIGRATION,
        stage="switching -> postcopy-stopping",
        when=PAUSE_ON,
    ),
    row(
        "outgoing.switch-overtaken",
        "The migration was cancelled or had failed when the switch began; it goes on all the same.",
        Thread.MIGRATION,
        stage="switching -> postcopy-stopping",
        when=PAUSE_OFF & LOST_RACE,
    ),
    row(
        "outgoing.postcopy-stop-guest",
        "The running guest is stopped; no failure or cancellation will start it again.",
        Thread.MIGRATION,
        stage="postcopy-stopping -> postcopy-stopped",
        when=GUEST_RUNS,
        then={"run": "finish-migrate", "was-running": "no"},
        emits=("STOP",),
        evidence="38 of 38",
    ),
    row(
        "outgoing.postcopy-guest-was-stopped",
        "The guest was not running: nothing is announced.",
        Thread.MIGRATION,
        stage="postcopy-stopping -> postcopy-stopped",
        when=GUEST_STOPPED,
        then={"run": "finish-migrate", "was-running": "no"},
    ),
    row(
        "outgoing.active-to-pre-switchover.postcopy",
        "The migration waits before it switches.",
        Thread.MIGRATION,
        stage="postcopy-stopped -> postcopy-held",
        outgoing="active -> pre-switchover",
        when=PAUSE_ON,
        then={"continued": "no"},
        clause="MigrationStatus.pre-switchover",
    ),
    row(
        "outgoing.postcopy-pause-overtaken",
        "The migration was cancelled or had failed before the wait began.",
        Thread.MIGRATION,
        stage="postcopy-stopped -> ending",
        when=PAUSE_ON & LOST_RACE,
    ),
    row(
        "outgoing.pre-switchover-to-postcopy-active",
        "The wait was ended by migrate-continue, or by a migrate_cancel that has yet to change the status.",
        Thread.MIGRATION,
        stage="postcopy-held -> postcopy-saving",
        outgoing="pre-switchover -> postcopy-active",
        when=_CONTINUED,
        then={"continued": "no"},
        clause="migrate-continue",
        evidence="4 recorded",
    ),
    row(
        "outgoing.postcopy-wait-overtaken",
        "The wait was ended and the migration is cancelled or has failed.",
        Thread.MIGRATION,
        stage="postcopy-held -> ending",
        when=_CONTINUED & LOST_RACE,
        then={"continued": "no"},
    ),
    row(
        "outgoing.postcopy-save",
        "Without a pause the switch goes on at once.",
        Thread.MIGRATION,
        stage="postcopy-stopped -> postcopy-saving",
        when=PAUSE_OFF,
    ),
    row(
        "outgoing.postcopy-last-pass",
        "The last pass, with the guest stopped; there is none after it.",
        Thread.MIGRATION,
        stage="postcopy-saving -> iterating",
        when=POSTCOPY_RAM_ON,
        then={"switch-asked": "no"},
        emits=("MIGRATION_PASS:n",),
        evidence="one after STOP in 38 of 38",
    ),
    row(
        "outgoing.postcopy-pass-while-cancelling",
        "The switch finds the migration cancelled, takes it for a precopy and makes that one's last pass first.",
        Thread.MIGRATION,
        stage="postcopy-saving",
        when=_ASKED & LOST_RACE,
        then={"switch-asked": "no"},
        emits=("MIGRATION_PASS:n",),
        evidence="1 recorded: three passes after STOP, this one, the switch's own and one after it",
    ),
    row(
        "outgoing.postcopy-bitmaps",
        "With dirty bitmaps alone there is no pass after the guest was stopped.",
        Thread.MIGRATION,
        stage="postcopy-saving -> iterating",
        when=POSTCOPY_RAM_OFF,
        then={"switch-asked": "no"},
    ),
    row(
        "outgoing.postcopy-active-to-failed.switching",
        "The stream broke while the switch was being made; the guest stays stopped.",
        Thread.MIGRATION,
        stage="postcopy-saving -> ending",
        outgoing="postcopy-active -> failed",
        then={"error-known": _MAYBE},
        clause="MigrationCapability.postcopy-ram",
    ),
)
"""From the request for postcopy to the first page on demand."""

RUN: tuple[Row, ...] = (
    row(
        "outgoing.postcopy-active-to-completed",
        "All pages are sent.",
        Thread.MIGRATION,
        stage="iterating -> ending",
        outgoing="postcopy-active -> completed",
        clause="MigrationStatus.completed",
        evidence="26 recorded, nothing around it",
    ),
    row(
        "outgoing.postcopy-active-to-failed",
        "The stream failed in a way that is not a lost connection, or just as the switch began.",
        Thread.MIGRATION,
        stage="iterating -> ending",
        outgoing="postcopy-active -> failed",
        then={"error-known": _MAYBE},
        clause="MigrationCapability.postcopy-ram",
        evidence="1 recorded",
    ),
    row(
        "outgoing.postcopy-active-to-postcopy-paused",
        "The connection is lost, or was shut by migrate-pause on either side.",
        Thread.MIGRATION,
        stage="iterating -> paused",
        outgoing="postcopy-active -> postcopy-paused",
        clause="MigrationStatus.postcopy-paused",
        evidence="25 recorded, at most 131 ms after the reply to migrate-pause",
    ),
    row(
        "outgoing.cancelling-to-postcopy-paused",
        "A cancellation shuts the return path first: the thread may see a lost connection and pause over it.",
        Thread.MIGRATION,
        stage="iterating -> paused",
        outgoing="cancelling -> postcopy-paused",
        when=where({"was-running": "no", "run": "finish-migrate"}, "postcopy had begun") & POSTCOPY_ALLOWED,
        standing=Standing.DEFECT,
        evidence="read in the release's source; never recorded",
    ),
    row(
        "outgoing.pause-cancelled",
        "A cancellation just after the pause is noticed before the thread waits.",
        Thread.MIGRATION,
        stage="paused -> ending",
        outgoing="cancelling",
        standing=Standing.DEFECT,
        evidence="1 of 12; otherwise a cancelled pause never ends",
    ),
    row(
        "outgoing.cancel-crashes",
        "A cancellation that meets a pause half-way crashes the process.",
        Thread.MAIN,
        outgoing="postcopy-paused|cancelling",
        stage="paused",
        then={"life": ("aborted", "crashed")},
        standing=Standing.DEFECT,
        evidence="3 of 30",
    ),
)
"""Postcopy with a connection."""

RECOVERY: tuple[Row, ...] = (
    row(
        "outgoing.postcopy-paused-to-postcopy-recover",
        "The connection of a `migrate` with `resume` is made.",
        Thread.MAIN,
        stage="paused",
        outgoing="postcopy-paused -> postcopy-recover",
        when=_RESUMING & _SOUND,
        then={"resuming": "no"},
        emits=("MIGRATION:postcopy-recover", "=stage:resuming"),
        clause="MigrationStatus.postcopy-recover",
        evidence="16 of 16, after the reply",
    ),
    row(
        "outgoing.resume-not-connected",
        "The connection of a resume failed: nothing tells, and the next resume will end the process.",
        Thread.MAIN,
        outgoing="postcopy-paused",
        when=_RESUMING & _SOUND,
        then={"resuming": "no", "poisoned": "yes"},
        standing=Standing.DEFECT,
        evidence="8 recorded",
    ),
    row(
        "outgoing.resume-aborts",
        "A resume after one that failed to connect, or one cancelled while connecting, aborts the process.",
        Thread.MAIN,
        when=_RESUMING & (_POISONED | where({"outgoing": "cancelling"}, "the migration was cancelled")),
        then={"life": "aborted"},
        standing=Standing.DEFECT,
        evidence="5 of 5",
    ),
    row(
        "outgoing.resume-cancelled",
        "The connection of a resume is made, but the migration was cancelled meanwhile.",
        Thread.MAIN,
        outgoing="cancelling",
        when=_RESUMING & STAYING,
        then={"resuming": "no"},
        standing=Standing.DEFECT,
    ),
    row(
        "outgoing.postcopy-recover-to-postcopy-active",
        "The destination has answered: the pages that it lacks are sent.",
        Thread.CHANNEL,
        stage="resuming -> iterating",
        outgoing="postcopy-recover -> postcopy-active",
        clause="MigrationStatus.postcopy-recover",
        evidence="15 recorded",
    ),
    row(
        "outgoing.postcopy-recover-to-postcopy-paused",
        "The recovery could not be prepared.",
        Thread.MIGRATION,
        stage="resuming -> paused",
        outgoing="postcopy-recover -> postcopy-paused",
        clause="MigrationStatus.postcopy-recover",
        evidence="read in the release's source; a lost connection does not cause it",
    ),
)
"""From a pause back to postcopy."""

ROWS: tuple[Row, ...] = (*SWITCH, *RUN, *RECOVERY)
"""All rows of the outgoing side in postcopy."""
