"""What must be possible: a specification in which nothing ever happens would keep to every other property.

Every status of either side is reached, and every row and every case of a contract is taken, in one environment or
another. What no environment brings about is listed with its reason; what is reached after all is a fault of the list.
"""

from __future__ import annotations

from collections.abc import Mapping

from migspec.properties.catalogue.property import Property
from migspec.properties.temporal import Sometimes, SometimesStep, destination, source
from migspec.spec.conditions import where
from migspec.spec.invariants import LOADS
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, Thread
from migspec.spec.vocabulary import MigrationStatus

UNREACHED: Mapping[str, tuple[str, ...]] = {
    "Nothing in an environment starts a guest that finish-migrate holds; the snapshot of another client may.": (
        "guest.runs-already",
    ),
}
"""The rows that no environment reaches, by the reason."""

STATUSES: tuple[Property, ...] = (
    *(
        Property(
            f"reached.outgoing.{status}",
            f"An outgoing migration may come to {status}.",
            Sometimes(source(where({"outgoing": status}))),
            clause=f"MigrationStatus.{status}",
        )
        for status in MigrationStatus
    ),
    *(
        Property(
            f"reached.incoming.{status}",
            f"An incoming migration may come to {status}.",
            Sometimes(destination(where({"incoming": status}))),
            clause=f"MigrationStatus.{status}",
        )
        for status in LOADS
    ),
)
"""Every status is reached."""

_EXCUSED = frozenset(rule for rules in UNREACHED.values() for rule in rules)

STEPS: tuple[Property, ...] = tuple(
    Property(
        f"taken.{row.id}",
        f"It may happen: {row.sentence[0].lower()}{row.sentence[1:]}",
        SometimesStep(frozenset({row.id})),
        clause=row.clause,
    )
    for row in ROWS
    if QEMU_5_2_0 in row.profiles and row.thread is not Thread.DIRTY_RATE and row.id not in _EXCUSED
)
"""Every row is taken."""

REACHABILITY: tuple[Property, ...] = (*STATUSES, *STEPS)
"""Everything that must be possible."""
