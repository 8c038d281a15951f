"""The ways in which a cancellation may go; `migrate_cancel` and the exit of the process share them.

A migration that waits in pre-switchover is woken before its status changes, so that the thread may get ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

from migspec.spec.conditions import Condition, where
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.rows import Standing


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One way: when it is open, what it changes, which events it owes, and which it leaves to the migration thread."""

    name: str
    sentence: str
    when: Condition
    then: tuple[tuple[str, str], ...]
    emits: tuple[str, ...] = ("MIGRATION:cancelling",)
    leaves: tuple[str, ...] = ()
    standing: Standing = Standing.OBSERVED
    clause: str = "migrate_cancel"
    evidence: str = ""


CANCELLATIONS: tuple[Cancellation, ...] = (
    Cancellation(
        "accepted",
        "The status becomes cancelling, once more if it is that already.",
        IN_PROGRESS,
        (("outgoing", "cancelling"), ("continued", "yes")),
        evidence="94 of 94, before the reply",
    ),
    Cancellation(
        "device-first",
        "The wait in pre-switchover is ended before the status changes: the thread may show `device` all the same.",
        where({"outgoing": "pre-switchover", "stage": "held"}, "the migration waits in pre-switchover"),
        (("outgoing", "cancelling"), ("stage", "ending")),
        leaves=("MIGRATION:device",),
        standing=Standing.DEFECT,
        clause="MigrationStatus.device",
        evidence="4 of 30 before `cancelling`, once after the reply",
    ),
    Cancellation(
        "postcopy-first",
        "As with `device`, where the wait was for the start of postcopy.",
        where({"outgoing": "pre-switchover", "stage": "postcopy-held"}, "postcopy waits in pre-switchover"),
        (("outgoing", "cancelling"), ("stage", "ending")),
        leaves=("MIGRATION:postcopy-active",),
        standing=Standing.DEFECT,
        clause="MigrationStatus.pre-switchover",
    ),
)
"""Every way in which a migration in progress is cancelled."""
