"""The relation that the schema's text implies, for implementations that nobody has measured.

The text names the statuses and says which capabilities some of them need. It says nothing of their
order beyond that, so every other change is allowed, on either side and at any time.
"""

from __future__ import annotations

from migspec.spec.conditions import ALWAYS, Condition
from migspec.spec.lifecycle.guards import COLO_ON, PAUSE_ON, POSTCOPY_ALLOWED
from migspec.spec.rows import SEED, Row, Standing, Thread, row
from migspec.spec.schema import SEED as SCHEMA
from migspec.spec.vocabulary import COLOExitReason, COLOMode, MigrationStatus, RunState

NEEDS: dict[str, Condition] = {
    MigrationStatus.COLO: COLO_ON,
    MigrationStatus.DEVICE: PAUSE_ON,
    MigrationStatus.PRE_SWITCHOVER: PAUSE_ON,
    MigrationStatus.POSTCOPY_ACTIVE: POSTCOPY_ALLOWED,
    MigrationStatus.POSTCOPY_PAUSED: POSTCOPY_ALLOWED,
    MigrationStatus.POSTCOPY_RECOVER: POSTCOPY_ALLOWED,
}
"""The capability without which the text rules a status out on the outgoing side."""

_EVENTS = (
    "STOP",
    "RESUME",
    "SUSPEND",
    "WAKEUP",
    "RESET",
    "UNPLUG_PRIMARY",
    *(
        f"COLO_EXIT:{mode}-{reason}"
        for mode in COLOMode
        if mode is not COLOMode.NONE
        for reason in COLOExitReason
        if reason is not COLOExitReason.NONE
    ),
)


def _clause(event: str) -> str:
    """The event's entity; none for an event that the schema does not have."""
    name = event.partition(":")[0]
    return name if name in SCHEMA.events else ""


def _change(variable: str, status: MigrationStatus, needs: Condition) -> Row:
    thread = Thread.MIGRATION if variable == "outgoing" else Thread.LISTEN
    return row(
        f"written.{variable}-to-{status}",
        f"The {variable} status may become {status} at any time"
        + (f" if {needs.name}." if needs is not ALWAYS else "."),
        thread,
        emits=(f"!MIGRATION:{status}",),
        when=needs,
        profiles=(SEED,),
        standing=Standing.DOCUMENTED,
        clause=f"MigrationStatus.{status}",
    )


STATUSES: tuple[Row, ...] = (
    *(_change("outgoing", status, NEEDS.get(status, ALWAYS)) for status in MigrationStatus),
    *(_change("incoming", status, ALWAYS) for status in MigrationStatus if status not in NEEDS or "postcopy" in status),
)
"""Each status may be entered whenever its capability allows."""

OTHERS: tuple[Row, ...] = (
    row(
        "written.block-changes",
        "The capability block may be switched on by `migrate` for its own use, and off again at any time.",
        Thread.CHANNEL,
        then={"cap.block": ("no", "yes")},
        profiles=(SEED,),
        standing=Standing.DOCUMENTED,
        clause="migrate.blk",
    ),
    *(
        row(
            f"written.{event.lower().replace('_', '-').replace(':', '-')}",
            f"{event} may be sent at any time, and says nothing about the run state.",
            Thread.CHANNEL,
            then={"run": tuple(RunState)},
            emits=(event,),
            profiles=(SEED,),
            standing=Standing.DOCUMENTED,
            clause=_clause(event),
        )
        for event in _EVENTS
    ),
    *(
        row(
            f"written.pass-{number}",
            "The number of a pass starts at 1 and counts up.",
            Thread.MIGRATION,
            emits=(f"!MIGRATION_PASS:{number}",),
            profiles=(SEED,),
            standing=Standing.DOCUMENTED,
            clause="MIGRATION_PASS.pass",
        )
        for number in ("1", "n")
    ),
    *(
        row(
            f"written.shutdown-{reason}",
            "SHUTDOWN may be sent at any time.",
            Thread.CHANNEL,
            emits=(f"SHUTDOWN:{reason}",),
            profiles=(SEED,),
            standing=Standing.DOCUMENTED,
            clause="SHUTDOWN",
        )
        for reason in ("guest", "host", "quit")
    ),
    *(
        row(
            f"written.{trouble.lower().replace('_', '-')}",
            f"{trouble} may be sent at any time.",
            Thread.CHANNEL,
            emits=(trouble,),
            profiles=(SEED,),
            standing=Standing.DOCUMENTED,
        )
        for trouble in ("BLOCK_IO_ERROR", "GUEST_PANICKED", "WATCHDOG")
    ),
)
"""Events whose order the text leaves open."""

ROWS: tuple[Row, ...] = (*STATUSES, *OTHERS)
"""The relation of the profile `seed`."""
