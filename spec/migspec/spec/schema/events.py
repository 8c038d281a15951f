"""The events of the schema: what a VM reports by itself."""

from typing import Final

from migspec.spec.schema.model import BOOLEAN, INT, STRING, Event, Member, Origin, Ref

MIGRATION: Final = Event(
    name="MIGRATION",
    since="2.4",
    doc="A migration came to another status. With capability events only.",
    data=(Member("status", Ref("MigrationStatus"), "The status it has now."),),
)

MIGRATION_PASS: Final = Event(
    name="MIGRATION_PASS",
    since="2.6",
    doc="The source begins another pass over memory. With capability events only.",
    data=(Member("pass", INT, "Number of the pass, from 1."),),
)

COLO_EXIT: Final = Event(
    name="COLO_EXIT",
    since="3.1",
    doc="The VM has left COLO.",
    data=(
        Member("mode", Ref("COLOMode"), "Which half of the pair it was."),
        Member("reason", Ref("COLOExitReason"), "Why it left."),
    ),
)

UNPLUG_PRIMARY: Final = Event(
    name="UNPLUG_PRIMARY",
    since="4.2",
    doc="The source asks the guest to let go of a failover device, which it keeps in case of failure.",
    data=(Member("device-id", STRING, "Id of the device."),),
)

STOP: Final = Event(
    name="STOP",
    since="0.12.0",
    origin=Origin.EXTERNAL,
    doc="The guest was stopped.",
)

RESUME: Final = Event(
    name="RESUME",
    since="0.12.0",
    origin=Origin.EXTERNAL,
    doc="The guest runs on.",
)

_CAUSE: Final = (
    Member("guest", BOOLEAN, "Whether the guest itself did it."),
    Member("reason", Ref("ShutdownCause"), "What did it.", since="4.0"),
)

SHUTDOWN: Final = Event(
    name="SHUTDOWN",
    since="0.12.0",
    origin=Origin.EXTERNAL,
    doc="The guest is switched off, or the process is about to end.",
    data=_CAUSE,
)

RESET: Final = Event(
    name="RESET",
    since="0.12.0",
    origin=Origin.EXTERNAL,
    doc="The guest was reset.",
    data=_CAUSE,
)
