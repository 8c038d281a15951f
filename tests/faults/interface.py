"""Sample faults in the rest of the interface: dirty rates, replication and what else is asked beside a migration."""

from __future__ import annotations

from tests.faults.fault import Fault, in_trace, src
from tests.faults.mutations import accepted, altered, refused

DIRTY_RATE = "dirty-rate-asked-for-at-once"
REPLICATION = "replication-without-any"

_CALC = "calc-dirty-rate"
_RATE = "query-dirty-rate"

INTERFACE = (
    *in_trace(
        DIRTY_RATE,
        src,
        Fault("no-seconds-are-measured", "calc-dirty-rate.measuring", accepted(src.reply(_CALC, 2))),
        Fault("rate-before-its-time", "query-dirty-rate.status", altered(src.reply(_RATE, 4), "return.dirty-rate", 5)),
        Fault(
            "measured-for-no-time", "query-dirty-rate.calc-time", altered(src.reply(_RATE, 14), "return.calc-time", 0)
        ),
        Fault(
            "measured-in-the-past", "query-dirty-rate.start-time", altered(src.reply(_RATE, 15), "return.start-time", 1)
        ),
    ),
    *in_trace(
        REPLICATION,
        src,
        Fault("failover-at-the-start", "xen-set-replication.failover", accepted(src.reply("xen-set-replication", 2))),
        Fault(
            "description-of-no-error",
            "query-xen-replication-status.desc",
            altered(src.reply("query-xen-replication-status"), "return.desc", "none"),
        ),
        Fault(
            "spice-of-another-class",
            "client_migrate_info.not-in-use",
            refused(src.reply("client_migrate_info", 2), "SPICE is not in use"),
        ),
    ),
)
"""The rest of the interface."""
