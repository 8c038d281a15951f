"""Crashes of QEMU 5.2.0 that no row of another table explains: known defects, each with what brings it about.

A process that crashes sends nothing more; its monitors close, and whoever started it sees a signal of its own
making. Crashes in the middle of a pause or a recovery are among the rows of `postcopy` and `incoming`.
"""

from __future__ import annotations

from migspec.spec.conditions import Condition, where
from migspec.spec.lifecycle.guards import BLOCK_ON, COLO_ON, IN_PROGRESS, IN_PROGRESS_STATUSES, MULTIFD_ON
from migspec.spec.rows import Row, Standing, Thread, row

_ENDING = where({"life": ("down", "gone")}, "the process is exiting")
_LOADING = where({"load": "loading"}, "the stream is being loaded")
_THREADS_CHANGED = where({"threads-changed": "yes"}, "the number of threads was changed meanwhile")


def _crash(
    rule: str, sentence: str, thread: Thread, when: Condition, evidence: str, how: str | tuple[str, ...] = "crashed"
) -> Row:
    return row(
        rule,
        sentence,
        thread,
        when=when,
        then={"life": how},
        standing=Standing.DEFECT,
        evidence=evidence,
    )


ASKED_TOO_LATE: Row = _crash(
    "process.quit-with-request-aborts",
    "A request that waits when a process exits is executed all the same, and the process aborts afterwards.",
    Thread.MAIN,
    _ENDING,
    "41 of 45 that quit with one to three requests waiting, in a migration or not; 0 of 15 without",
    "aborted",
)
"""What may become of a process that executes a request although its main loop has ended."""

ROWS: tuple[Row, ...] = (
    _crash(
        "outgoing.multifd-over-pipe-crashes",
        "Over a command or a descriptor multifd has no channels: the process crashes.",
        Thread.MIGRATION,
        MULTIFD_ON & where({"piped": "yes", "stage": ("setting-up", "set-up", "ending")}, "the stream is a pipe"),
        "28 of 28",
    ),
    _crash(
        "outgoing.changed-threads-crash",
        "The number of threads or channels is read while their arrays have the size that it had at the start.",
        Thread.MIGRATION,
        IN_PROGRESS & _THREADS_CHANGED,
        "48 of 48 raised; lowered, the migration goes on or stands still",
        ("aborted", "crashed"),
    ),
    _crash(
        "incoming.changed-threads-crash",
        "As on the source, where the destination decompresses.",
        Thread.MAIN,
        _LOADING & _THREADS_CHANGED,
        "21 of 24 raised",
        "aborted",
    ),
    _crash(
        "incoming.late-capability-crashes",
        "A destination that multifd or compress is switched on for while it loads looks for threads that it never had.",
        Thread.MAIN,
        _LOADING & where({"switched-late": "yes"}, "multifd or compress was switched on meanwhile"),
        "28 of 28",
        ("aborted", "crashed"),
    ),
    _crash(
        "process.quit-after-colo-crashes",
        "A primary that has left COLO crashes when it exits.",
        Thread.MAIN,
        _ENDING & COLO_ON & where({"outgoing": "completed"}, "the outgoing side is completed"),
        "15 of 15 by quit, 11 of 12 by a signal",
    ),
    _crash(
        "process.quit-in-block-migration-aborts",
        "A process that exits in the middle of a block migration may abort.",
        Thread.MAIN,
        _ENDING & BLOCK_ON & where({"outgoing": (*IN_PROGRESS_STATUSES, "cancelled")}, "a migration was in progress"),
        "63 of 73, and 1 of 20 in setup",
        "aborted",
    ),
    ASKED_TOO_LATE,
)
"""The crashes."""
