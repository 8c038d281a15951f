"""Crashes of QEMU 5.2.0 that no row of another table explains: known defects, each with what brings it about.

A process that crashes sends nothing more; its monitors close, and whoever started it sees a signal of its own
making. Crashes in the middle of a pause or a recovery are among the rows of `postcopy` and `incoming`.
"""

from __future__ import annotations

from migspec.spec.conditions import Condition, where
from migspec.spec.lifecycle.guards import BLOCK_ON, COLO_ON, IN_PROGRESS, MULTIFD_ON
from migspec.spec.rows import Row, Standing, Thread, row

_ENDING = where({"life": ("down", "gone")}, "the process is exiting")


def _crash(rule: str, sentence: str, thread: Thread, when: Condition, evidence: str) -> Row:
    return row(
        rule,
        sentence,
        thread,
        when=when,
        then={"life": "crashed"},
        standing=Standing.DEFECT,
        evidence=evidence,
    )


ROWS: tuple[Row, ...] = (
    _crash(
        "outgoing.multifd-over-pipe-crashes",
        "multifd has no channels over a command or a descriptor: the process crashes.",
        Thread.MIGRATION,
        MULTIFD_ON & where({"piped": "yes", "stage": ("setting-up", "set-up", "ending")}, "the stream is a pipe"),
        "4 of 4",
    ),
    _crash(
        "outgoing.changed-threads-crash",
        "The number of threads or channels is read while their arrays have the size that it had at the start.",
        Thread.MIGRATION,
        IN_PROGRESS & where({"threads-changed": "yes"}, "the number of threads was changed meanwhile"),
        "raised in mid-migration; lowered, the migration goes on or stands still",
    ),
    _crash(
        "incoming.multifd-while-loading-crashes",
        "A destination that multifd is switched on for while it loads looks for channels that it never had.",
        Thread.MAIN,
        MULTIFD_ON & where({"load": "loading"}, "the stream is being loaded"),
        "3 recorded",
    ),
    _crash(
        "process.quit-after-colo-crashes",
        "A primary that has left COLO crashes when it exits.",
        Thread.MAIN,
        _ENDING & COLO_ON & where({"outgoing": "completed"}, "the outgoing side is completed"),
        "6 of 6",
    ),
    _crash(
        "process.quit-in-block-migration-crashes",
        "A process that exits in the middle of a block migration may abort.",
        Thread.MAIN,
        _ENDING & BLOCK_ON & IN_PROGRESS,
        "2 recorded",
    ),
)
"""The crashes."""
