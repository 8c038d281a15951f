"""The outgoing side, multifd: what a channel reports of its own accord, beside the migration thread.

Its threads change the status without asking the migration thread, which notices later or not at all.
"""

from __future__ import annotations

from migspec.spec.lifecycle.guards import MULTIFD_ON
from migspec.spec.rows import Row, Standing, Thread, row

_CHANNEL_STATUSES = ("setup", "active", "pre-switchover", "device")

ROWS: tuple[Row, ...] = (
    *(
        row(
            f"outgoing.{status}-to-failed.channel",
            "A multifd channel failed.",
            Thread.CHANNEL,
            outgoing=f"{status} -> failed",
            when=MULTIFD_ON,
            then={"error-known": ("no", "yes")},
            clause="MigrationStatus.failed",
            evidence="5 recorded, from setup and active",
        )
        for status in _CHANNEL_STATUSES
    ),
    row(
        "outgoing.failed-to-failed.channel",
        "A second multifd channel reports the failure once more.",
        Thread.CHANNEL,
        outgoing="failed -> failed",
        when=MULTIFD_ON,
        standing=Standing.DEFECT,
        evidence="3 recorded, within some milliseconds",
    ),
)
"""What multifd channels report beside the migration thread."""
