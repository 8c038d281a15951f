"""The commands of the schema: what a client may ask of a VM."""

from typing import Final

from migspec.spec.schema.model import (
    BOOLEAN,
    INT,
    INT64,
    NUMBER,
    STRING,
    Array,
    Command,
    Member,
    Origin,
    Ref,
)
from migspec.spec.schema.structs import REPLICATION

DEPRECATED: Final = "deprecated"

QUERY_MIGRATE: Final = Command(
    name="query-migrate",
    since="0.14.0",
    doc="Tell how the migrations of this VM stand.",
    returns=Ref("MigrationInfo"),
)

MIGRATE_SET_CAPABILITIES: Final = Command(
    name="migrate-set-capabilities",
    since="1.2",
    doc="Switch capabilities on or off, all of those listed or none.",
    arguments=(Member("capabilities", Array(Ref("MigrationCapabilityStatus")), "What to switch, and how."),),
)

QUERY_MIGRATE_CAPABILITIES: Final = Command(
    name="query-migrate-capabilities",
    since="1.2",
    doc="List every capability with its state.",
    returns=Array(Ref("MigrationCapabilityStatus")),
)

MIGRATE_SET_PARAMETERS: Final = Command(
    name="migrate-set-parameters",
    since="2.4",
    doc="Change parameters, all of those given or none.",
    arguments=Ref("MigrateSetParameters"),
)

QUERY_MIGRATE_PARAMETERS: Final = Command(
    name="query-migrate-parameters",
    since="2.4",
    doc="Tell the value of every parameter.",
    returns=Ref("MigrationParameters"),
)

CLIENT_MIGRATE_INFO: Final = Command(
    name="client_migrate_info",
    since="0.14.0",
    doc="Tell the viewers of a SPICE display where to reconnect once the guest has moved.",
    arguments=(
        Member("protocol", STRING, 'Protocol of the display; "spice" is the only one.'),
        Member("hostname", STRING, "Host that the guest moves to."),
        Member("port", INT, "TCP port of its display, in the clear.", optional=True),
        Member("tls-port", INT, "TCP port of its display, with TLS.", optional=True),
        Member("cert-subject", STRING, "Subject of its certificate.", optional=True),
    ),
)

MIGRATE_START_POSTCOPY: Final = Command(
    name="migrate-start-postcopy",
    since="2.5",
    doc="Move the guest now, and its remaining memory after it.",
)

X_COLO_LOST_HEARTBEAT: Final = Command(
    name="x-colo-lost-heartbeat",
    since="2.8",
    doc="Declare the other half of a COLO pair dead, so that this one carries on alone.",
)

MIGRATE_CANCEL: Final = Command(
    name="migrate_cancel",
    since="0.14.0",
    doc="Give the outgoing migration up; does nothing where there is none.",
)

MIGRATE_CONTINUE: Final = Command(
    name="migrate-continue",
    since="2.11",
    doc="Let a migration go on that waits in pre-switchover.",
    arguments=(Member("state", Ref("MigrationStatus"), "The status in which the client believes it to be."),),
)

MIGRATE_SET_DOWNTIME: Final = Command(
    name="migrate_set_downtime",
    since="0.14.0",
    features=(DEPRECATED,),
    doc="Set parameter downtime-limit.",
    arguments=(Member("value", NUMBER, "The limit in seconds."),),
)

MIGRATE_SET_SPEED: Final = Command(
    name="migrate_set_speed",
    since="0.14.0",
    features=(DEPRECATED,),
    doc="Set parameter max-bandwidth.",
    arguments=(Member("value", INT, "The limit in bytes a second."),),
)

MIGRATE_SET_CACHE_SIZE: Final = Command(
    name="migrate-set-cache-size",
    since="1.2",
    features=(DEPRECATED,),
    doc="Set parameter xbzrle-cache-size, down to a power of two, even while a migration runs.",
    arguments=(Member("value", INT, "The size in bytes."),),
)

QUERY_MIGRATE_CACHE_SIZE: Final = Command(
    name="query-migrate-cache-size",
    since="1.2",
    features=(DEPRECATED,),
    doc="Tell parameter xbzrle-cache-size.",
    returns=INT,
)

MIGRATE: Final = Command(
    name="migrate",
    since="0.14.0",
    doc="Start to migrate the guest to another VM, or take a broken postcopy up again.",
    arguments=(
        Member("uri", STRING, "Where the other VM listens."),
        Member("blk", BOOLEAN, "Whether disks are migrated too.", optional=True),
        Member("inc", BOOLEAN, "Whether disks are migrated too, top images only.", optional=True),
        Member("detach", BOOLEAN, "Without meaning; old clients send it.", optional=True),
        Member("resume", BOOLEAN, "Whether to take up a paused postcopy.", optional=True, since="3.0"),
    ),
)

MIGRATE_INCOMING: Final = Command(
    name="migrate-incoming",
    since="2.3",
    doc="Listen for a migration, in a VM that was started to wait for this command.",
    arguments=(Member("uri", STRING, "Where to listen."),),
)

XEN_SAVE_DEVICES_STATE: Final = Command(
    name="xen-save-devices-state",
    since="1.1",
    doc="Write the state of the devices to a file, without memory and disks.",
    arguments=(
        Member("filename", STRING, "The file."),
        Member("live", BOOLEAN, "Whether a live migration is what it is for.", optional=True, since="2.11"),
    ),
)

XEN_SET_REPLICATION: Final = Command(
    name="xen-set-replication",
    since="2.9",
    condition=REPLICATION,
    doc="Start or stop disk replication.",
    arguments=(
        Member("enable", BOOLEAN, "True to start it."),
        Member("primary", BOOLEAN, "Whether this is the primary side."),
        Member("failover", BOOLEAN, "Whether stopping is a fail-over; not for starting.", optional=True),
    ),
)

QUERY_XEN_REPLICATION_STATUS: Final = Command(
    name="query-xen-replication-status",
    since="2.9",
    condition=REPLICATION,
    doc="Tell whether disk replication works.",
    returns=Ref("ReplicationStatus"),
)

XEN_COLO_DO_CHECKPOINT: Final = Command(
    name="xen-colo-do-checkpoint",
    since="2.9",
    condition=REPLICATION,
    doc="Make disk replication take a checkpoint.",
)

QUERY_COLO_STATUS: Final = Command(
    name="query-colo-status",
    since="3.1",
    doc="Tell what this VM does in COLO.",
    returns=Ref("COLOStatus"),
)

MIGRATE_RECOVER: Final = Command(
    name="migrate-recover",
    since="3.0",
    allow_oob=True,
    doc="Listen for the source again after postcopy broke.",
    arguments=(Member("uri", STRING, "Where to listen."),),
)

MIGRATE_PAUSE: Final = Command(
    name="migrate-pause",
    since="3.0",
    allow_oob=True,
    doc="Break the connection of a postcopy on purpose.",
)

CALC_DIRTY_RATE: Final = Command(
    name="calc-dirty-rate",
    since="5.2",
    doc="Start to measure how fast the guest dirties memory.",
    arguments=(Member("calc-time", INT64, "For how many seconds."),),
)

QUERY_DIRTY_RATE: Final = Command(
    name="query-dirty-rate",
    since="5.2",
    doc="Tell the latest measurement.",
    returns=Ref("DirtyRateInfo"),
)

XEN_LOAD_DEVICES_STATE: Final = Command(
    name="xen-load-devices-state",
    since="2.7",
    origin=Origin.RELEASE,
    doc="Read the state of the devices back from a file.",
    arguments=(Member("filename", STRING, "The file."),),
)

XEN_SET_GLOBAL_DIRTY_LOG: Final = Command(
    name="xen-set-global-dirty-log",
    since="1.3",
    origin=Origin.RELEASE,
    doc="Switch the logging of dirtied memory on or off.",
    arguments=(Member("enable", BOOLEAN, "True for on."),),
)

QMP_CAPABILITIES: Final = Command(
    name="qmp_capabilities",
    since="0.13",
    origin=Origin.EXTERNAL,
    doc="End the negotiation of the monitor.",
    arguments=(Member("enable", Array(Ref("QMPCapability")), "What to switch on.", optional=True, since="2.12"),),
)

QUERY_STATUS: Final = Command(
    name="query-status",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Tell whether and how the guest runs.",
    returns=Ref("StatusInfo"),
)

QUERY_VERSION: Final = Command(
    name="query-version",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Tell which QEMU this is.",
    returns=Ref("VersionInfo"),
)

STOP: Final = Command(
    name="stop",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Stop the guest.",
)

CONT: Final = Command(
    name="cont",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Let the guest run.",
)

QUIT: Final = Command(
    name="quit",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="End the process.",
)

GETFD: Final = Command(
    name="getfd",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Give a name to the file descriptor that comes with the request.",
    arguments=(Member("fdname", STRING, "The name."),),
)

CLOSEFD: Final = Command(
    name="closefd",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Close a file descriptor.",
    arguments=(Member("fdname", STRING, "Its name."),),
)
