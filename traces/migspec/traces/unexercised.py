"""Why the corpus has no message that exercises a rule, or none that shows an entity: each has its reason here.

The ledger of the corpus shows these reasons, and so does `migspec show`.  A test finds a rule without message and
reason, a reason for what is exercised after all, and one for what does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from migspec.spec.schema.reach import UNREACHABLE

SHARED: Final = "Whatever it explains in the corpus, another rule explains as well."
"""The rule is of use in no message that can be told; what it was founded on is its evidence."""

SHARED_FAILURE: Final = "A failure that a channel reports looks like one that the migration thread reports."
HIDDEN: Final = "The step shows nothing, and nothing recorded after it depends on it."
RACE: Final = "A race that no recording has caught; the evidence says how rare it is."
READ: Final = "It was read in the source of the release and never seen."
ALONE: Final = "It was tried on the release by itself, and no scenario has it."
NEAREST: Final = "A process that crashes does not say why: several known defects explain each recording."
TEXT: Final = "What the human monitor is answered is a text, which does not tell success from refusal."
HOST: Final = "It takes a host or a build that lacks something; the one that recorded lacks nothing."
EITHER: Final = (
    "The text of the schema does not say whose status an event tells: the other side's rule explains it too."
)
OF_A_TRACE: Final = "The recordings of the corpus are whole, and none is that uncertain."

REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    SHARED: (
        "colo.primary-exit-too-early",
        "outgoing.active-to-pre-switchover.postcopy",
        "outgoing.postcopy-active-to-failed",
        "outgoing.postcopy-active-to-failed.switching",
        "incoming.postcopy-active-to-failed",
        "cont.disk",
    ),
    ALONE: ("system_wakeup.awake",),
    SHARED_FAILURE: (
        "outgoing.setup-to-failed.channel",
        "outgoing.active-to-failed.channel",
        "outgoing.pre-switchover-to-failed.channel",
        "outgoing.device-to-failed.channel",
    ),
    HIDDEN: (
        "guest.runs-already",
        "incoming.listener-closed",
        "outgoing.cleaned-up",
        "outgoing.colo-after-pause",
        "outgoing.pause-cancelled",
        "outgoing.pause-overtaken",
        "outgoing.postcopy-pause-overtaken",
        "outgoing.resume-cancelled",
        "outgoing.resume-not-connected",
        "outgoing.switch-before-pause",
        "outgoing.switch-overtaken",
    ),
    RACE: (
        "colo.secondary-exit-too-early",
        "incoming.postcopy-active-to-failed.starting",
        "migrate.too-early",
        "migrate_cancel.postcopy-first",
        "outgoing.cancelled-by-exit.device-first",
        "outgoing.cancelled-by-exit.postcopy-first",
        "outgoing.cancelling-to-failed",
        "outgoing.failed-to-failed.channel",
        "outgoing.pass-while-cancelling",
        "outgoing.postcopy-pass-while-cancelling",
    ),
    READ: (
        "calc-dirty-rate.begins-meanwhile",
        "colo.secondary-puts-off",
        "colo.secondary-takes-up",
        "colo.takeover-without-colo",
        "incoming.postcopy-active-to-failed.bitmaps",
        "outgoing.active-to-failed.block",
        "outgoing.active-to-failed.flush",
        "outgoing.cancelling-to-postcopy-paused",
        "outgoing.device-to-failed.block",
        "outgoing.postcopy-recover-to-postcopy-paused",
        "x-colo-lost-heartbeat.repeated",
    ),
    NEAREST: (
        "migrate.resume.aborts",
        "outgoing.cancel-crashes",
        "outgoing.changed-threads-crash",
        "outgoing.resume-aborts",
        "process.quit-in-block-migration-aborts",
    ),
    TEXT: ("loadvm.refused", "loadvm.stopped"),
    HOST: (
        "envelope.command.build",
        "migrate-set-capabilities.build-block",
        "migrate-set-capabilities.build-colo",
        "migrate-set-capabilities.postcopy-host",
        "migrate.block-build",
    ),
    OF_A_TRACE: ("trace.empty", "trace.gap", "trace.too-uncertain"),
    "The recordings are of monitors that have a thread of their own.": ("qmp_capabilities.unavailable",),
    "The recorded disks do not fail while a snapshot is written.": ("savevm.running.failed", "savevm.stopped.failed"),
    "The release checks no range of max-bandwidth, so it refuses no value.": ("migrate_set_speed.range",),
    "No recording has a destination that fails where its source had no return path and events on both sides.": (
        "pair.guest-lost",
    ),
    "QEMU never announces that there is no migration.": ("written.outgoing-to-none", "written.incoming-to-none"),
    "Whatever was loaded was refused, even a file that the same guest had just written.": (
        "schema.xen-load-devices-state",
        "xen-load-devices-state.accepted",
    ),
    "The event tells how COLO ended; that a failover is under way is told by query-colo-status alone.": (
        "written.colo-exit-primary-processing",
        "written.colo-exit-secondary-processing",
    ),
    "A listener tells where it can be reached, and a descriptor that it was lent has no name to tell.": (
        "schema.String",
    ),
    "It takes a device of the host that the guest has for its own; the host that recorded lends none.": (
        "schema.VfioStats",
    ),
    **{reason: (f"schema.{name}",) for name, reason in UNREACHABLE.items()},
    EITHER: tuple(
        f"written.{side}-to-{status}"
        for side in ("outgoing", "incoming")
        for status in (
            "setup",
            "cancelling",
            "cancelled",
            "active",
            "postcopy-active",
            "postcopy-paused",
            "postcopy-recover",
            "completed",
            "failed",
            "wait-unplug",
        )
    ),
}

UNEXERCISED: Final[Mapping[str, str]] = {rule: reason for reason, rules in REASONS.items() for rule in rules}
"""The reasons, by rule id."""

UNSEEN_ENTITIES: Final[Mapping[str, str]] = UNREACHABLE
"""The reasons, by the name of an entity of the schema."""

IN_HINDSIGHT: Final[Mapping[str, str]] = {
    "outgoing.active-to-pre-switchover.postcopy": "qemu-5.2.0/pause-at-the-very-end.jsonl",
    "outgoing.switch-before-pause": "qemu-5.2.0/pause-at-the-very-end.jsonl",
}
"""Of those rules, the ones that some trace does need, though no single message of it: the trace, by rule id."""
