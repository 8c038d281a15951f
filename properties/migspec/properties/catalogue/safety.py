"""What must never happen: to the guest, to the statuses, and by a step."""

from __future__ import annotations

from collections.abc import Callable

from migspec.properties.catalogue.property import Exempt, Property
from migspec.properties.temporal import Action, Always, AlwaysStep, Atom, Taken, destination, source
from migspec.spec.composition import Side
from migspec.spec.conditions import where
from migspec.spec.invariants import INVARIANTS
from migspec.spec.lifecycle.guards import (
    COLO_ON,
    ENDED_STATUSES,
    GUEST_RUNS,
    IN_PROGRESS,
    PAUSE_ON,
    POSTCOPY_ALLOWED,
    POSTCOPY_RAM_ON,
    RETURN_PATH_ON,
    STAYING,
)
from migspec.spec.rows import QEMU_5_2_0, Standing
from migspec.spec.rules import EVERY_CONTRACT
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationStatus

_RUNS = (GUEST_RUNS & STAYING).named("it runs the guest")
_SOURCE_RUNS = source(_RUNS)
_DESTINATION_RUNS = destination(_RUNS)
SEVERAL = "several"
"""The name of a step in which several commands were given, or one that may do anything."""

_BOTH_RUN = _SOURCE_RUNS & _DESTINATION_RUNS

_ONE_MIGRATION = (
    "precopy",
    "again",
    "postcopy",
    "recovery",
    "colo",
    "multifd",
    "guest",
    "process",
    "failover",
    "unsound",
    "refusals",
    "postcopy-cancelled",
    "standard",
)
"""The environments in which the guest goes nowhere but to this destination."""


def _is_one_of(*names: str) -> Callable[[Taken], bool]:
    """Whether a step is a command of these names, or a case of its contract; nobody knows what `SEVERAL` may be."""
    return lambda taken: taken.name.partition(".")[0] in (*names, SEVERAL)


def _is_none_of(*names: str) -> Callable[[Taken], bool]:
    """The opposite."""
    is_one = _is_one_of(*names)
    return lambda taken: not is_one(taken)


GUEST: tuple[Property, ...] = (
    Property(
        "guest.one-side",
        "At most one side runs the guest.",
        Always(~_BOTH_RUN),
        clause="MigrationStatus",
        exempt=(
            Exempt(
                "guest.one-side.colo",
                "In COLO both sides run the guest, and after a failover each that was told to take over.",
                source(COLO_ON),
                standing=Standing.DOCUMENTED,
            ),
            Exempt(
                "guest.one-side.cont",
                "A client may start the guest of a source that has completed.",
                source(where({"outgoing": "completed"})),
                standing=Standing.OBSERVED,
            ),
            Exempt(
                "guest.one-side.cancelled-too-late",
                "A cancellation comes when the stream is written already: the source starts its guest again, and the "
                "destination starts it too.",
                source(where({"outgoing": ("cancelling", "cancelled")})),
            ),
            Exempt(
                "guest.one-side.failed-too-late",
                "The connection breaks when the stream is written already: the source takes the migration for failed "
                "and starts its guest again, and the destination starts it too.",
                source(where({"outgoing": "failed"})),
            ),
            Exempt(
                "guest.one-side.tried-again",
                "After either a client has begun another migration, which finds nobody to connect to.",
                source(where({"outgoing": "setup"})),
            ),
        ),
        environments=_ONE_MIGRATION,
    ),
    Property(
        "guest.stays-away",
        "The guest of a source that has completed does not run again by itself.",
        AlwaysStep(
            Action(
                _is_none_of("cont", "migrate", "x-colo-lost-heartbeat"),
                before=source(where({"outgoing": "completed"})) & ~_SOURCE_RUNS,
                after=~_SOURCE_RUNS,
            )
        ),
        clause="MigrationStatus.completed",
        exempt=(
            Exempt(
                "guest.stays-away.colo",
                "A primary that has taken over is completed, and runs its guest.",
                steps=frozenset({"guest.colo-primary-goes-on", "guest.colo-primary-goes-on.silently"}),
                standing=Standing.DOCUMENTED,
            ),
        ),
    ),
    Property(
        "migration.loaded",
        "Over a return path a source completes only when the destination has loaded everything.",
        Always(
            ~(source(where({"outgoing": "completed"})) & source(RETURN_PATH_ON))
            | destination(where({"incoming": ("completed", "colo")}))
        ),
        clause="MigrationCapability.return-path",
    ),
)
"""Of the guest."""


def _needs(side: Side, variable: str, statuses: tuple[str, ...], name: str, needs: Atom) -> Property:
    status = Atom(side, where({variable: statuses}))
    return Property(
        f"{variable}.needs.{name}",
        f"The {variable} side is in {', '.join(statuses)} only if its capability is on.",
        Always(~status | needs),
        clause=f"MigrationStatus.{statuses[0]}",
    )


_POSTCOPY = ("postcopy-active", "postcopy-paused", "postcopy-recover")

CAPABILITIES: tuple[Property, ...] = (
    _needs(
        Side.SOURCE,
        "outgoing",
        ("pre-switchover", "device"),
        "pause-before-switchover",
        Atom(Side.SOURCE, PAUSE_ON),
    ),
    _needs(Side.SOURCE, "outgoing", _POSTCOPY, "postcopy", Atom(Side.SOURCE, POSTCOPY_ALLOWED)),
    _needs(Side.SOURCE, "outgoing", ("colo",), "x-colo", Atom(Side.SOURCE, COLO_ON)),
    _needs(
        Side.DESTINATION,
        "incoming",
        ("postcopy-paused", "postcopy-recover"),
        "postcopy",
        Atom(Side.DESTINATION, POSTCOPY_RAM_ON),
    ),
)
"""No status without its capability."""


def _recovers(side: Side, variable: str) -> Property:
    return Property(
        f"{variable}.recover.from-paused",
        f"An {variable} migration recovers only from a pause.",
        AlwaysStep(
            Action(
                lambda taken: taken.side is side,
                before=~Atom(side, where({variable: ("postcopy-paused", "postcopy-recover")})),
                after=~Atom(side, where({variable: "postcopy-recover"})),
            )
        ),
        clause="MigrationStatus.postcopy-recover",
    )


REFUSALS: frozenset[str] = frozenset(
    case.id
    for contract in EVERY_CONTRACT
    for case in contract.cases
    if case.words is not None and QEMU_5_2_0 in case.profiles
)
"""The cases that refuse a command."""

STATUSES: tuple[Property, ...] = (
    *(
        Property(
            f"outgoing.{status}.lasts",
            f"The outgoing status {status} is left only by a new migration.",
            AlwaysStep(
                Action(
                    _is_none_of("migrate", "savevm"),
                    before=source(where({"outgoing": status})),
                    after=source(where({"outgoing": status})),
                )
            ),
            clause=f"MigrationStatus.{status}",
        )
        for status in ENDED_STATUSES
    ),
    *(
        Property(
            f"incoming.{status}.lasts",
            f"The incoming status {status} is never left.",
            AlwaysStep(
                Action(
                    _is_none_of("restart"),
                    before=destination(where({"incoming": status})),
                    after=destination(where({"incoming": status})),
                )
            ),
            clause=f"MigrationStatus.{status}",
        )
        for status in ("completed", "failed")
    ),
    _recovers(Side.SOURCE, "outgoing"),
    _recovers(Side.DESTINATION, "incoming"),
    Property(
        "outgoing.one-at-a-time",
        "No migration is accepted while another is in progress.",
        AlwaysStep(
            Action(
                lambda taken: taken.name in ("migrate.accepted", "migrate.connected"),
                before=source(IN_PROGRESS),
                after=~source(IN_PROGRESS),
            )
        ),
        clause="migrate",
    ),
    Property(
        "migrate_cancel.takes-effect",
        "A migration that is cancelled while it is in progress is cancelling when the command has been executed.",
        AlwaysStep(
            Action(
                lambda taken: taken.name.startswith("migrate_cancel."),
                before=source(IN_PROGRESS),
                after=source(where({"outgoing": "cancelling"})),
            )
        ),
        clause="migrate_cancel",
    ),
    Property(
        "pass.first",
        "Every pass but the first comes after the first: the passes count up from one.",
        AlwaysStep(
            Action(
                lambda taken: (
                    taken.side is Side.SOURCE
                    and taken.name in ("outgoing.pass", "outgoing.last-pass", "outgoing.postcopy-last-pass")
                ),
                after=~source(where({"stage": ("idle", "connecting", "setting-up")})),
            )
        ),
        clause="MIGRATION_PASS.pass",
    ),
    Property(
        "command.refused.inert",
        "A command that is refused changes nothing.",
        AlwaysStep(
            Action(
                lambda taken: taken.name in REFUSALS,
                keeps=tuple(name for name in VARIABLES if name != "session"),
            )
        ),
        exempt=(
            Exempt(
                "command.refused.inert.begun",
                "A migration whose address is no good fails after it has begun, and a recovery uses up its one try.",
                steps=frozenset(
                    {
                        "migrate.uri.scheme",
                        "migrate.uri.scheme.returned",
                        "migrate.uri.body",
                        "migrate-recover.uri",
                    }
                ),
            ),
        ),
    ),
    Property(
        "process.fails.incoming",
        "A process ends by itself only because its incoming migration failed.",
        AlwaysStep(
            Action(
                lambda taken: taken.name == "process.end" and taken.side is Side.DESTINATION,
                before=destination(where({"life": "dying"})),
                after=destination(where({"incoming": MigrationStatus.FAILED})),
            )
        ),
        clause="MigrationStatus.failed",
    ),
)
"""Of the statuses, and of the steps that change them."""

STATES: tuple[Property, ...] = tuple(
    Property(
        f"state.{side}.{invariant.id}",
        f"Of the {side}: {invariant.sentence[0].lower()}{invariant.sentence[1:]}",
        Always(Atom(side, invariant.condition)),
    )
    for side in Side
    for invariant in INVARIANTS
)
"""What the specification says of every state that a VM can reach, of both VMs."""

SAFETY: tuple[Property, ...] = (*GUEST, *CAPABILITIES, *STATUSES, *STATES)
"""Everything that must never happen."""
