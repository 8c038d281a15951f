"""Both sides in COLO: checkpoint after checkpoint until one side is told that the other is gone."""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.lifecycle.guards import COLO_ON
from migspec.spec.rows import Row, Standing, Thread, row
from migspec.spec.vocabulary import COLOMode, FailoverStatus

_TAKING_OVER = where({"colo-failover": FailoverStatus.REQUIRE}, "x-colo-lost-heartbeat was accepted")
_NO_COLO = ~where({"outgoing": "colo"}) & ~where({"incoming": "colo"})


def _entered(mode: COLOMode) -> tuple[str, str]:
    """What the thread of COLO notes once the status has changed; a query in between shows what was before."""
    return (f"=colo-last:{mode}", f"=colo-failover:{FailoverStatus.NONE}")


PRIMARY: tuple[Row, ...] = (
    row(
        "outgoing.active-to-colo",
        "With x-colo the end of precopy is the beginning of COLO.",
        Thread.MIGRATION,
        stage="ending -> colo-starting",
        outgoing="active -> colo",
        when=COLO_ON,
        then={"colo-thread": "yes"},
        emits=("MIGRATION:colo", *_entered(COLOMode.PRIMARY)),
        clause="MigrationStatus.colo",
        evidence="13 of 13, one pass between STOP and `colo`",
    ),
    row(
        "guest.colo-primary-runs",
        "The secondary is ready: the primary's guest runs again.",
        Thread.MIGRATION,
        stage="colo-starting|colo-saving -> colo-running",
        outgoing="colo",
        then={"run": "running"},
        emits=("RESUME",),
    ),
    row(
        "guest.colo-primary-stops",
        "A checkpoint stops the primary's guest.",
        Thread.MIGRATION,
        stage="colo-running -> colo-stopped",
        outgoing="colo",
        when=where({"run": "running"}, "the guest runs"),
        then={"run": "colo"},
        emits=("STOP",),
    ),
    row(
        "outgoing.colo-pass",
        "A checkpoint makes a pass, going on with the count; it has switched the migration of disks off.",
        Thread.MIGRATION,
        stage="colo-stopped -> colo-saving",
        then={"cap.block": "no"},
        emits=("MIGRATION_PASS:n",),
        evidence="up to pass 6",
    ),
    row(
        "guest.colo-takeover-stops",
        "A failover stops the guest of the side that takes over.",
        Thread.MAIN,
        when=_TAKING_OVER & where({"run": "running"}, "the guest runs"),
        then={"run": "colo"},
        emits=("STOP",),
        evidence="12 of 12",
    ),
    row(
        "outgoing.colo-to-completed",
        "The primary leaves COLO because it was told to.",
        Thread.MAIN,
        outgoing="colo -> completed",
        when=_TAKING_OVER & where({"run": "colo"}, "the guest is stopped"),
        then={"colo-failover": FailoverStatus.COMPLETED, "stage": "colo-leaving"},
        clause="x-colo-lost-heartbeat",
        evidence="6 recorded; the times stay 0 for good",
    ),
    row(
        "colo.primary-exit",
        "The COLO thread of the primary reports its end, an error as long as no failover is done.",
        Thread.MIGRATION,
        when=where({"stage": ("colo-starting", "colo-running", "colo-stopped", "colo-saving"), "outgoing": "colo"}),
        then={"stage": "colo-exited", "colo-thread": "no"},
        emits=("COLO_EXIT:primary-error",),
        clause="COLOExitReason.error",
    ),
    row(
        "colo.primary-exit-abandoned",
        "The thread outlives a new `migrate`, and reports its end at its next checkpoint, whatever the status is then.",
        Thread.CHANNEL,
        when=where({"colo-thread": "yes"}, "the thread of COLO runs") & ~where({"outgoing": ("colo", "completed")}),
        then={"colo-thread": "no"},
        emits=("COLO_EXIT:primary-error",),
        standing=Standing.DEFECT,
        clause="COLO_EXIT",
        evidence="9 of 9 that migrated on in COLO",
    ),
    row(
        "colo.primary-exit-ordered",
        "The COLO thread of the primary reports the end that was ordered.",
        Thread.MIGRATION,
        stage="colo-leaving -> colo-left",
        then={"colo-thread": "no"},
        emits=("COLO_EXIT:primary-request",),
        clause="COLOExitReason.request",
        evidence="`completed` first in 8 of 8",
    ),
    row(
        "colo.primary-exit-too-early",
        "The thread that the failover wakes takes it for an error, as long as it is not noted as done.",
        Thread.MIGRATION,
        stage="colo-leaving -> colo-left",
        then={"colo-thread": "no"},
        emits=("COLO_EXIT:primary-error",),
        clause="COLOExitReason.error",
        evidence="3 of 10",
    ),
    row(
        "colo.takeover-without-colo",
        "A migration began between the order and its execution: nothing is left to take over.",
        Thread.MAIN,
        when=_TAKING_OVER & _NO_COLO & ~where({"run": "running"}, "the guest runs"),
        then={"colo-failover": FailoverStatus.ACTIVE},
        clause="x-colo-lost-heartbeat",
        evidence="read in the release's source; never recorded",
    ),
    row(
        "guest.colo-primary-goes-on",
        "After the failover the guest of the primary runs, not in postmigrate.",
        Thread.MIGRATION,
        stage="colo-left -> cleaning",
        then={"run": "running"},
        emits=("RESUME",),
    ),
    row(
        "guest.colo-primary-goes-on.silently",
        "As before, where COLO_EXIT had come earlier.",
        Thread.MIGRATION,
        stage="colo-leaving -> cleaning",
        then={"run": "running"},
        emits=("RESUME",),
    ),
)
"""The primary: the outgoing side."""

SECONDARY: tuple[Row, ...] = (
    row(
        "incoming.active-to-colo",
        "The stream says that the source has x-colo; the destination's own capability is not asked.",
        Thread.LISTEN,
        load="loading -> colo-starting",
        incoming="active -> colo",
        when=where({"stream": "colo"}, "the source has x-colo"),
        emits=("MIGRATION:colo", *_entered(COLOMode.SECONDARY)),
        clause="MigrationStatus.colo",
        evidence="12 recorded",
    ),
    row(
        "guest.colo-secondary-runs",
        "The secondary's guest runs, at first and after each checkpoint.",
        Thread.LISTEN,
        load="colo-starting|colo-stopped -> colo-running",
        incoming="colo",
        then={"run": "running"},
        emits=("RESUME",),
    ),
    row(
        "guest.colo-secondary-stops",
        "A checkpoint stops the secondary's guest.",
        Thread.LISTEN,
        load="colo-running -> colo-stopped",
        incoming="colo",
        when=where({"run": "running"}, "the guest runs"),
        then={"run": "colo"},
        emits=("STOP",),
    ),
    row(
        "incoming.colo-to-completed",
        "The secondary takes over because it was told to.",
        Thread.MAIN,
        incoming="colo -> completed",
        when=_TAKING_OVER & where({"run": "colo"}, "the guest is stopped"),
        then={"colo-failover": FailoverStatus.COMPLETED, "load": "colo-leaving"},
        clause="x-colo-lost-heartbeat",
        evidence="6 of 6",
    ),
    row(
        "colo.secondary-puts-off",
        "A secondary in the middle of a checkpoint puts the failover off until it is loaded.",
        Thread.MAIN,
        load="colo-stopped",
        incoming="colo",
        when=_TAKING_OVER & where({"run": "colo"}, "the guest is stopped"),
        then={"colo-failover": FailoverStatus.RELAUNCH},
        clause="FailoverStatus.relaunch",
        evidence="read in the release's source; never recorded",
    ),
    row(
        "colo.secondary-takes-up",
        "The checkpoint is loaded, and the failover that was put off is ordered once more.",
        Thread.LISTEN,
        load="colo-running",
        when=where({"colo-failover": FailoverStatus.RELAUNCH}, "the failover was put off"),
        then={"colo-failover": FailoverStatus.NONE},
        emits=(f"=colo-failover:{FailoverStatus.REQUIRE}",),
        clause="FailoverStatus.relaunch",
        evidence="read in the release's source; never recorded",
    ),
    row(
        "colo.secondary-exit",
        "The secondary reports that the primary is gone, an error as long as no failover is done.",
        Thread.LISTEN,
        load="colo-starting|colo-running|colo-stopped -> colo-exited",
        incoming="colo",
        emits=("COLO_EXIT:secondary-error",),
        clause="COLOExitReason.error",
    ),
    row(
        "colo.secondary-exit-ordered",
        "The secondary reports the end that was ordered.",
        Thread.LISTEN,
        load="colo-leaving -> colo-left",
        emits=("COLO_EXIT:secondary-request",),
        clause="COLOExitReason.request",
    ),
    row(
        "colo.secondary-exit-too-early",
        "As on the primary, the thread may take the failover for an error.",
        Thread.LISTEN,
        load="colo-leaving -> colo-left",
        emits=("COLO_EXIT:secondary-error",),
        clause="COLOExitReason.error",
        evidence="3 of 8",
    ),
    row(
        "guest.colo-secondary-goes-on",
        "After the failover the guest of the secondary runs.",
        Thread.LISTEN,
        load="colo-left|colo-leaving -> done",
        then={"run": "running"},
        emits=("RESUME",),
    ),
)
"""The secondary: the incoming side."""

ROWS: tuple[Row, ...] = (*PRIMARY, *SECONDARY)
"""All rows of COLO."""
