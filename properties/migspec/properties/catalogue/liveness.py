"""What must happen in the end, if the processes go on: under weak and strong fairness of what they do by themselves.

Nobody is obliged to ask for anything, and no connection has to break: what waits for a client may wait for good. What
a process can do over and over without getting on (a further pass, a further checkpoint) is not promised to end by
itself either; what is promised is that it does not do only that for ever where it could also get on. Nor has a known
defect to show itself.
"""

from __future__ import annotations

from migspec.properties.catalogue.property import Exempt, Property
from migspec.properties.temporal import LeadsTo, destination, source
from migspec.spec.conditions import where
from migspec.spec.lifecycle.guards import ENDED_STATUSES, IN_PROGRESS
from migspec.spec.rows import Standing
from migspec.spec.rules import RULES

_REPEATING: frozenset[str] = frozenset(
    {
        "outgoing.pass",
        "outgoing.unplug-requested",
        "outgoing.failed-to-failed.channel",
        "stream.checkpoint",
        "guest.colo-primary-runs",
        "guest.colo-primary-stops",
        "outgoing.colo-pass",
        "guest.colo-secondary-runs",
        "guest.colo-secondary-stops",
    }
)
"""The steps that a VM may take over and over."""

UNFAIR: frozenset[str] = _REPEATING | {rule.id for rule in RULES.values() if rule.standing is Standing.DEFECT}
"""The steps that nobody is obliged to take, however often it could: they repeat, or are known defects."""

_EXITS = ~where({"life": "alive"}, "the process goes on")
_DESTINATION_GONE = destination(_EXITS)
_HELD = Exempt(
    "cleaned-up.held",
    "A multifd channel that fails while the migration waits in pre-switchover leaves it failed and waiting for good.",
    source(where({"outgoing": "failed", "stage": ("held", "postcopy-held")})),
)

_TOO_EARLY = Exempt(
    "cleaned-up.too-early",
    "A migration that begins before the one before it is cleaned up is mistaken for that one.",
    source(where({"outgoing": ("setup", "cancelling", "cancelled"), "stage": ("ending", "cleaning")})),
)
_PAUSED_FOR_GOOD = Exempt(
    "cancelling.ends.paused",
    "A cancellation of a paused postcopy, or of its recovery, changes the status and nothing else: it never ends.",
    source(where({"outgoing": "cancelling", "stage": ("paused", "resuming")})),
)
_PAUSED_OVER = Exempt(
    "cancelling.ends.paused-over",
    "A cancellation closes the connection, and the thread takes that for a lost one and pauses.",
    source(where({"outgoing": "postcopy-paused", "stage": "paused"})),
)
_ENVIRONMENTS = (
    "precopy",
    "again",
    "postcopy",
    "recovery",
    "colo",
    "multifd",
    "guest",
    "process",
    "failover",
    "colo-quit",
    "postcopy-cancelled",
)
"""The environments that are explored for what must happen in the end."""

_OVER = ~source(IN_PROGRESS)
_GONE = source(_EXITS)
_WAITS = source(where({"stage": ("held", "postcopy-held"), "continued": "no"}))
_PAUSED = source(where({"stage": "paused", "outgoing": "postcopy-paused"}))

LIVENESS: tuple[Property, ...] = (
    Property(
        "migration.ends",
        "A migration ends, or waits for its client.",
        LeadsTo(source(IN_PROGRESS), _OVER | _GONE | _WAITS | _PAUSED),
        clause="MigrationStatus",
        exempt=(
            Exempt(
                "migration.ends.lost-recovery",
                "A connection that breaks while a recovery is prepared leaves the source in postcopy-recover for good.",
                source(where({"outgoing": "postcopy-recover"})),
            ),
            _TOO_EARLY,
            _PAUSED_FOR_GOOD,
        ),
        environments=_ENVIRONMENTS,
    ),
    Property(
        "cancelling.ends",
        "What is being cancelled is cancelled, completes or fails.",
        LeadsTo(
            source(where({"outgoing": "cancelling"})),
            source(where({"outgoing": ENDED_STATUSES})) | _GONE,
        ),
        clause="MigrationStatus.cancelled",
        exempt=(_PAUSED_FOR_GOOD, _PAUSED_OVER),
        environments=_ENVIRONMENTS,
    ),
    Property(
        "incoming.ends",
        "When the source is done with it, an incoming precopy completes, turns into postcopy, or ends its process.",
        LeadsTo(
            destination(where({"incoming": "active"})) & _OVER & source(where({"outgoing": ENDED_STATUSES})),
            ~destination(where({"incoming": "active"})) | _DESTINATION_GONE,
        ),
        clause="MigrationStatus.active",
        exempt=(_HELD,),
        environments=_ENVIRONMENTS,
    ),
    Property(
        "postcopy.arrives",
        "A destination in postcopy gets all pages, or is paused.",
        LeadsTo(
            destination(where({"incoming": "postcopy-active"})),
            ~destination(where({"incoming": "postcopy-active"})) | _DESTINATION_GONE,
        ),
        clause="MigrationStatus.postcopy-active",
        environments=_ENVIRONMENTS,
    ),
    Property(
        "cleaned-up",
        "A migration that has ended is cleaned up, so that another may begin.",
        LeadsTo(
            source(where({"outgoing": ENDED_STATUSES})),
            source(where({"stage": ("idle", "connecting", "colo-exited")})) | _GONE,
        ),
        clause="migrate",
        exempt=(_HELD, _TOO_EARLY),
        environments=_ENVIRONMENTS,
    ),
)
"""Everything that must happen in the end."""
