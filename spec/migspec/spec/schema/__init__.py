"""The schema of live migration: commands, events, structs and enumerations, with their meaning.

`SEED` is the migration schema itself, together with the entities of other schemas without which a trace
of a migration cannot be read; `Entity.origin` tells them apart. `QEMU_5_2_0` is what that release
offers, as a delta.
"""

from dataclasses import replace
from typing import Final

from migspec.spec.schema import commands, enums, events, structs
from migspec.spec.schema.inventory import describe
from migspec.spec.schema.model import (
    ABSENT,
    Absent,
    Command,
    Entity,
    Enum,
    EnumValue,
    Event,
    Member,
    Origin,
    Ref,
    Schema,
    SchemaError,
    Struct,
    Type,
    Union,
    members_of,
    references,
)

__all__ = [
    "ABSENT",
    "QEMU_5_2_0",
    "SEED",
    "Absent",
    "Command",
    "Entity",
    "Enum",
    "EnumValue",
    "Event",
    "Member",
    "Origin",
    "Ref",
    "Schema",
    "SchemaError",
    "Struct",
    "Type",
    "Union",
    "describe",
    "members_of",
    "references",
]

_SEED_ENTITIES: Final[tuple[Entity, ...]] = (
    structs.MIGRATION_STATS,
    structs.XBZRLE_CACHE_STATS,
    structs.COMPRESSION_STATS,
    enums.MIGRATION_STATUS,
    structs.MIGRATION_INFO,
    commands.QUERY_MIGRATE,
    enums.MIGRATION_CAPABILITY,
    structs.MIGRATION_CAPABILITY_STATUS,
    commands.MIGRATE_SET_CAPABILITIES,
    commands.QUERY_MIGRATE_CAPABILITIES,
    enums.MULTIFD_COMPRESSION,
    structs.BITMAP_MIGRATION_BITMAP_ALIAS,
    structs.BITMAP_MIGRATION_NODE_ALIAS,
    enums.MIGRATION_PARAMETER,
    structs.MIGRATE_SET_PARAMETERS,
    commands.MIGRATE_SET_PARAMETERS,
    structs.MIGRATION_PARAMETERS,
    commands.QUERY_MIGRATE_PARAMETERS,
    commands.CLIENT_MIGRATE_INFO,
    commands.MIGRATE_START_POSTCOPY,
    events.MIGRATION,
    events.MIGRATION_PASS,
    enums.COLO_MESSAGE,
    enums.COLO_MODE,
    enums.FAILOVER_STATUS,
    events.COLO_EXIT,
    enums.COLO_EXIT_REASON,
    commands.X_COLO_LOST_HEARTBEAT,
    commands.MIGRATE_CANCEL,
    commands.MIGRATE_CONTINUE,
    commands.MIGRATE_SET_DOWNTIME,
    commands.MIGRATE_SET_SPEED,
    commands.MIGRATE_SET_CACHE_SIZE,
    commands.QUERY_MIGRATE_CACHE_SIZE,
    commands.MIGRATE,
    commands.MIGRATE_INCOMING,
    commands.XEN_SAVE_DEVICES_STATE,
    commands.XEN_SET_REPLICATION,
    structs.REPLICATION_STATUS,
    commands.QUERY_XEN_REPLICATION_STATUS,
    commands.XEN_COLO_DO_CHECKPOINT,
    structs.COLO_STATUS,
    commands.QUERY_COLO_STATUS,
    commands.MIGRATE_RECOVER,
    commands.MIGRATE_PAUSE,
    events.UNPLUG_PRIMARY,
    enums.DIRTY_RATE_STATUS,
    structs.DIRTY_RATE_INFO,
    commands.CALC_DIRTY_RATE,
    commands.QUERY_DIRTY_RATE,
)

_EXTERNAL_ENTITIES: Final[tuple[Entity, ...]] = (
    enums.QMP_CAPABILITY,
    commands.QMP_CAPABILITIES,
    structs.VERSION_TRIPLE,
    structs.VERSION_INFO,
    commands.QUERY_VERSION,
    enums.RUN_STATE,
    structs.STATUS_INFO,
    commands.QUERY_STATUS,
    commands.STOP,
    commands.CONT,
    commands.QUIT,
    commands.GETFD,
    commands.CLOSEFD,
    events.STOP,
    events.RESUME,
    enums.SHUTDOWN_CAUSE,
    events.SHUTDOWN,
    events.RESET,
    enums.SOCKET_ADDRESS_TYPE,
    structs.INET_SOCKET_ADDRESS,
    structs.UNIX_SOCKET_ADDRESS,
    structs.VSOCK_SOCKET_ADDRESS,
    structs.FD_SOCKET_ADDRESS,
    structs.SOCKET_ADDRESS,
)

SEED: Final = Schema("seed", _SEED_ENTITIES + _EXTERNAL_ENTITIES)
"""The migration schema as written, first in its own order, then what it needs from elsewhere."""

_DIRTY_RATE: Final = structs.DIRTY_RATE_INFO.members[0]

QEMU_5_2_0: Final = SEED.with_changes(
    "qemu-5.2.0",
    add=(structs.VFIO_STATS, commands.XEN_LOAD_DEVICES_STATE, commands.XEN_SET_GLOBAL_DIRTY_LOG),
    members={
        "MigrationInfo": (
            Member("vfio", Ref("VfioStats"), "Transfer of VFIO devices, if any.", optional=True, since="5.2"),
        ),
        "DirtyRateInfo": (
            replace(_DIRTY_RATE, doc="Megabytes a second; absent if there is no result.", optional=True),
        ),
    },
)
"""What QEMU 5.2.0 offers (observed on QEMU 5.2.0)."""
