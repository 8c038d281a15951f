"""The incoming side: from the first connection to a running guest, and what becomes of a stream that breaks.

The incoming status has fewer values than the outgoing one: it is `none` until something connects,
whoever that is, and never `setup` although an event of that name is sent when listening starts.
"""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.lifecycle.guards import LOADED_STOPPED, POSTCOPY_RAM_OFF, POSTCOPY_RAM_ON
from migspec.spec.rows import Row, Standing, Thread, row
from migspec.spec.state import Stream
from migspec.spec.vocabulary import RunState

_WAITING = where({"run": RunState.INMIGRATE}, "the guest waits for its state")
_NO_COLO = ~where({"stream": Stream.COLO}, "the source has x-colo")
_AUTOSTART = where({"autostart": "yes"}, "the guest starts when it is loaded")
_NO_AUTOSTART = where({"autostart": "no"}, "the guest does not start when it is loaded")

PRECOPY: tuple[Row, ...] = (
    row(
        "incoming.none-to-active",
        "Something has connected; for exec and fd, the first byte is there.",
        Thread.MAIN,
        load="listening -> loading",
        incoming="none -> active",
        when=_WAITING,
        clause="MigrationStatus.active",
        evidence="321 recorded",
    ),
    row(
        "incoming.active-to-completed",
        "The stream is loaded and the guest starts.",
        Thread.MAIN,
        load="loading -> done",
        incoming="active -> completed",
        when=_WAITING & _AUTOSTART & _NO_COLO,
        then={"run": "running"},
        emits=("RESUME", "MIGRATION:completed"),
        clause="MigrationStatus.completed",
        evidence="RESUME first in 114 of 114",
    ),
    row(
        "incoming.active-to-completed.stopped",
        "The stream is loaded and the guest stays stopped: as the source had it, or because it was told to.",
        Thread.MAIN,
        load="loading -> done",
        incoming="active -> completed",
        when=_WAITING & _NO_COLO,
        then={"run": LOADED_STOPPED},
        clause="MigrationStatus.completed",
        evidence="21 recorded",
    ),
    row(
        "incoming.active-to-failed",
        "The stream cannot be loaded, or ends early: the process exits with 1.",
        Thread.MAIN,
        load="loading",
        incoming="active -> failed",
        emits=("MIGRATION:failed", "=life:dying"),
        clause="MigrationStatus.failed",
        evidence="105 recorded, nothing after it",
    ),
)
"""Precopy on the destination."""

POSTCOPY: tuple[Row, ...] = (
    row(
        "incoming.active-to-postcopy-active",
        "The stream announces postcopy: of memory, which both sides must allow, or of dirty bitmaps.",
        Thread.MAIN,
        load="loading",
        incoming="active -> postcopy-active",
        emits=("MIGRATION:postcopy-active", "=load:postcopy"),
        when=POSTCOPY_RAM_ON | where({"stream": "bitmaps"}, "the source sends dirty bitmaps"),
        clause="MigrationStatus.postcopy-active",
        evidence="45 recorded, before RESUME in all",
    ),
    row(
        "guest.postcopy-starts",
        "The devices are loaded: the guest starts while its memory is still on the source.",
        Thread.MAIN,
        load="postcopy -> running",
        incoming="postcopy-active",
        when=_WAITING & _AUTOSTART,
        then={"run": "running"},
        emits=("RESUME",),
        clause="MigrationCapability.postcopy-ram",
    ),
    row(
        "guest.postcopy-stays-stopped",
        "The devices are loaded and the guest was told not to start; the source's run state does not matter.",
        Thread.MAIN,
        load="postcopy -> running",
        incoming="postcopy-active",
        when=_WAITING & _NO_AUTOSTART,
        then={"run": "paused"},
    ),
    row(
        "incoming.postcopy-active-to-completed",
        "All pages are there; with dirty bitmaps alone, also when the rest of the stream is lost.",
        Thread.LISTEN,
        load="running -> closing",
        incoming="postcopy-active -> completed",
        clause="MigrationStatus.completed",
        evidence="29 recorded",
    ),
    row(
        "incoming.listener-closed",
        "After a postcopy the listener is closed a moment later than the status says.",
        Thread.LISTEN,
        load="closing -> done",
        evidence="1 recorded",
    ),
    row(
        "incoming.postcopy-active-to-failed",
        "The stream broke before the guest was started: the process exits with 1.",
        Thread.LISTEN,
        load="postcopy",
        incoming="postcopy-active -> failed",
        emits=("MIGRATION:failed", "=life:dying"),
        clause="MigrationStatus.failed",
        evidence="1 recorded, see the next row",
    ),
    row(
        "incoming.postcopy-active-to-failed.starting",
        "The stream broke just before the guest was started, which the exit of the process does not prevent.",
        Thread.LISTEN,
        load="postcopy -> running",
        incoming="postcopy-active -> failed",
        when=_WAITING & _AUTOSTART,
        then={"run": "running"},
        emits=("MIGRATION:failed", "=life:dying", "RESUME"),
        clause="MigrationStatus.failed",
        evidence="1 recorded: RESUME 5 ms after `failed`, and EOF 9 ms later",
    ),
    row(
        "incoming.postcopy-active-to-failed.bitmaps",
        "The stream of dirty bitmaps alone was malformed: the process exits with 1.",
        Thread.LISTEN,
        load="running",
        incoming="postcopy-active -> failed",
        when=POSTCOPY_RAM_OFF,
        emits=("MIGRATION:failed", "=life:dying"),
        clause="MigrationStatus.failed",
        evidence="read in the release's source; never recorded",
    ),
    row(
        "incoming.postcopy-active-to-postcopy-paused",
        "The connection is lost, or was shut by migrate-pause on either side.",
        Thread.LISTEN,
        load="running -> paused",
        incoming="postcopy-active -> postcopy-paused",
        when=POSTCOPY_RAM_ON,
        then={"recover-asked": "no"},
        clause="MigrationStatus.postcopy-paused",
        evidence="30 recorded",
    ),
)
"""Postcopy on the destination."""

RECOVERY: tuple[Row, ...] = (
    row(
        "incoming.postcopy-paused-to-postcopy-recover",
        "Something has connected to the address given to migrate-recover.",
        Thread.MAIN,
        load="recovering",
        incoming="postcopy-paused -> postcopy-recover",
        emits=("MIGRATION:postcopy-recover", "=load:recovered"),
        clause="MigrationStatus.postcopy-recover",
        evidence="20 recorded",
    ),
    row(
        "incoming.postcopy-recover-to-postcopy-active",
        "The source has asked to go on.",
        Thread.LISTEN,
        load="recovered -> running",
        incoming="postcopy-recover -> postcopy-active",
        clause="MigrationStatus.postcopy-recover",
        evidence="16 recorded",
    ),
    row(
        "incoming.recover-crashes",
        "The connection breaks during the recovery: the process crashes.",
        Thread.LISTEN,
        load="recovering|recovered",
        incoming="postcopy-recover",
        then={"life": "crashed"},
        standing=Standing.DEFECT,
        evidence="4 of 4",
    ),
)
"""Recovery on the destination."""

ROWS: tuple[Row, ...] = (*PRECOPY, *POSTCOPY, *RECOVERY)
"""All rows of the incoming side, COLO aside."""
