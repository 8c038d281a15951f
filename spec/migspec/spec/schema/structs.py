"""The structs and unions of the schema: what replies, events and arguments are made of.

The two parameter structs come from one table: a parameter is written with one type and read back with
another, and everything else about it stands in `migspec.spec.vocabulary.MigrationParameter`.
"""

from typing import Final

from migspec.spec.schema.enums import docstrings
from migspec.spec.schema.model import (
    BOOLEAN,
    INT,
    INT64,
    NUMBER,
    SIZE,
    STR_OR_NULL,
    STRING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Array,
    Member,
    Origin,
    Ref,
    Struct,
    Type,
    Union,
)
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import SocketAddressType

REPLICATION: Final = "defined(CONFIG_REPLICATION)"

MIGRATION_STATS: Final = Struct(
    name="MigrationStats",
    since="0.14.0",
    doc="How far the transfer of memory, or of disks, has come.",
    members=(
        Member("transferred", INT, "Bytes sent so far."),
        Member("remaining", INT, "Bytes still to be sent; rises when the guest dirties memory."),
        Member("total", INT, "Bytes in all that take part."),
        Member("duplicate", INT, "Pages of zeroes that were named instead of sent.", since="1.2"),
        Member("skipped", INT, "Pages of zeroes that were passed over.", since="1.5"),
        Member("normal", INT, "Pages sent in full.", since="1.2"),
        Member("normal-bytes", INT, "The same in bytes.", since="1.2"),
        Member("dirty-pages-rate", INT, "Pages a second that the guest dirties.", since="1.3"),
        Member("mbps", NUMBER, "Speed of the transfer in megabits a second.", since="1.6"),
        Member("dirty-sync-count", INT, "How often the set of dirty pages was collected.", since="2.1"),
        Member("postcopy-requests", INT, "Pages that the destination asked for in postcopy.", since="2.7"),
        Member("page-size", INT, "Bytes in the page that the other members count by.", since="2.10"),
        Member("multifd-bytes", UINT64, "Bytes that went over multifd channels.", since="3.0"),
        Member("pages-per-second", UINT64, "Pages a second that are sent.", since="4.0"),
    ),
)

XBZRLE_CACHE_STATS: Final = Struct(
    name="XBZRLECacheStats",
    since="1.2",
    doc="What XBZRLE has achieved.",
    members=(
        Member("cache-size", INT, "Bytes of the cache."),
        Member("bytes", INT, "Bytes sent as differences."),
        Member("pages", INT, "Pages sent as differences."),
        Member("cache-miss", INT, "Pages whose old contents were not in the cache."),
        Member("cache-miss-rate", NUMBER, "Share of such pages, 0 to 1.", since="2.1"),
        Member("encoding-rate", NUMBER, "How many times smaller the differences are.", since="5.1"),
        Member("overflow", INT, "Pages whose difference would have been larger than themselves."),
    ),
)

COMPRESSION_STATS: Final = Struct(
    name="CompressionStats",
    since="3.1",
    doc="What the compressing threads have achieved.",
    members=(
        Member("pages", INT, "Pages compressed and sent."),
        Member("busy", INT, "How often no thread was free."),
        Member("busy-rate", NUMBER, "Share of pages that met no free thread."),
        Member("compressed-size", INT, "Bytes after compression."),
        Member("compression-rate", NUMBER, "How many times smaller they became."),
    ),
)

MIGRATION_INFO: Final = Struct(
    name="MigrationInfo",
    since="0.14.0",
    doc="All that a VM tells about its migrations, outgoing and incoming, in one object.",
    members=(
        Member("status", Ref("MigrationStatus"), "Where it stands; absent before any.", optional=True),
        Member("ram", Ref("MigrationStats"), "Transfer of memory.", optional=True, since="1.2"),
        Member("disk", Ref("MigrationStats"), "Transfer of disks, while it runs.", optional=True),
        Member("xbzrle-cache", Ref("XBZRLECacheStats"), "XBZRLE, if on.", optional=True, since="1.2"),
        Member("total-time", INT, "Milliseconds since the start, or in all.", optional=True, since="1.2"),
        Member(
            "expected-downtime",
            INT,
            "Milliseconds that the guest would stand still if it were switched over now.",
            optional=True,
            since="1.3",
        ),
        Member("downtime", INT, "Milliseconds that it did stand still.", optional=True, since="1.3"),
        Member(
            "setup-time",
            INT,
            "Milliseconds from the command to the first page, spent on preparations.",
            optional=True,
            since="1.6",
        ),
        Member(
            "cpu-throttle-percentage",
            INT,
            "Percentage of CPU time that auto-converge takes from the guest; absent while it takes none.",
            optional=True,
            since="2.7",
        ),
        Member("error-desc", STRING, "What went wrong, for people.", optional=True, since="2.7"),
        Member(
            "postcopy-blocktime",
            UINT32,
            "Milliseconds in postcopy during which every vCPU waited for pages.",
            optional=True,
            since="3.0",
        ),
        Member(
            "postcopy-vcpu-blocktime",
            Array(UINT32),
            "Milliseconds that each vCPU waited for pages in postcopy.",
            optional=True,
            since="3.0",
        ),
        Member("compression", Ref("CompressionStats"), "Compression, if on.", optional=True, since="3.1"),
        Member(
            "socket-address",
            Array(Ref("SocketAddress")),
            "Addresses at which the destination listens, real port numbers included.",
            optional=True,
            since="4.0",
        ),
    ),
)

MIGRATION_CAPABILITY_STATUS: Final = Struct(
    name="MigrationCapabilityStatus",
    since="1.2",
    doc="One capability and whether it is, or shall be, on.",
    members=(
        Member("capability", Ref("MigrationCapability"), "Which one."),
        Member("state", BOOLEAN, "True for on."),
    ),
)

BITMAP_MIGRATION_BITMAP_ALIAS: Final = Struct(
    name="BitmapMigrationBitmapAlias",
    since="5.2",
    doc="The name under which a dirty bitmap travels.",
    members=(
        Member("name", STRING, "Its name in this VM."),
        Member("alias", STRING, "Its name in the stream."),
    ),
)

BITMAP_MIGRATION_NODE_ALIAS: Final = Struct(
    name="BitmapMigrationNodeAlias",
    since="5.2",
    doc="The name under which a block node travels, and those of its dirty bitmaps.",
    members=(
        Member("node-name", STRING, "Its name in this VM."),
        Member("alias", STRING, "Its name in the stream."),
        Member("bitmaps", Array(Ref("BitmapMigrationBitmapAlias")), "Its bitmaps; others stay behind."),
    ),
)

_MAPPING: Final = Array(Ref("BitmapMigrationNodeAlias"))

_PARAMETERS: Final[tuple[tuple[P, Type, Type], ...]] = (
    # parameter, written as, read back as; in the order in which QEMU looks at them
    (P.ANNOUNCE_INITIAL, SIZE, SIZE),
    (P.ANNOUNCE_MAX, SIZE, SIZE),
    (P.ANNOUNCE_ROUNDS, SIZE, SIZE),
    (P.ANNOUNCE_STEP, SIZE, SIZE),
    (P.COMPRESS_LEVEL, INT, UINT8),
    (P.COMPRESS_THREADS, INT, UINT8),
    (P.COMPRESS_WAIT_THREAD, BOOLEAN, BOOLEAN),
    (P.DECOMPRESS_THREADS, INT, UINT8),
    (P.THROTTLE_TRIGGER_THRESHOLD, INT, UINT8),
    (P.CPU_THROTTLE_INITIAL, INT, UINT8),
    (P.CPU_THROTTLE_INCREMENT, INT, UINT8),
    (P.CPU_THROTTLE_TAILSLOW, BOOLEAN, BOOLEAN),
    (P.TLS_CREDS, STR_OR_NULL, STRING),
    (P.TLS_HOSTNAME, STR_OR_NULL, STRING),
    (P.TLS_AUTHZ, STR_OR_NULL, STRING),
    (P.MAX_BANDWIDTH, INT, SIZE),
    (P.DOWNTIME_LIMIT, INT, UINT64),
    (P.X_CHECKPOINT_DELAY, INT, UINT32),
    (P.BLOCK_INCREMENTAL, BOOLEAN, BOOLEAN),
    (P.MULTIFD_CHANNELS, INT, UINT8),
    (P.XBZRLE_CACHE_SIZE, SIZE, SIZE),
    (P.MAX_POSTCOPY_BANDWIDTH, SIZE, SIZE),
    (P.MAX_CPU_THROTTLE, INT, UINT8),
    (P.MULTIFD_COMPRESSION, Ref("MultiFDCompression"), Ref("MultiFDCompression")),
    (P.MULTIFD_ZLIB_LEVEL, INT, UINT8),
    (P.MULTIFD_ZSTD_LEVEL, INT, UINT8),
    (P.BLOCK_BITMAP_MAPPING, _MAPPING, _MAPPING),
)
_PARAMETER_DOCS: Final = docstrings(P)


def _parameter(parameter: P, type_: Type) -> Member:
    doc = _PARAMETER_DOCS.get(parameter.name, "")
    return Member(parameter.value, type_, doc, optional=True, since=parameter.since)


MIGRATE_SET_PARAMETERS: Final = Struct(
    name="MigrateSetParameters",
    since="2.4",
    doc="Parameters to be changed; those left out keep their value.",
    members=tuple(_parameter(parameter, written) for parameter, written, _ in _PARAMETERS),
)

MIGRATION_PARAMETERS: Final = Struct(
    name="MigrationParameters",
    since="2.4",
    doc="Parameters as they are; all optional in the schema, though most are always there.",
    members=tuple(_parameter(parameter, read) for parameter, _, read in _PARAMETERS),
)

REPLICATION_STATUS: Final = Struct(
    name="ReplicationStatus",
    since="2.9",
    condition=REPLICATION,
    doc="Whether disk replication works.",
    members=(
        Member("error", BOOLEAN, "True if it does not."),
        Member("desc", STRING, "What went wrong, for people; with error only.", optional=True),
    ),
)

COLO_STATUS: Final = Struct(
    name="COLOStatus",
    since="3.1",
    doc="What a VM does in COLO, and why it left.",
    members=(
        Member("mode", Ref("COLOMode"), "Which half of the pair it is now."),
        Member("last-mode", Ref("COLOMode"), "Which half it was last.", since="4.0"),
        Member("reason", Ref("COLOExitReason"), "Why it left; none while it has not."),
    ),
)

DIRTY_RATE_INFO: Final = Struct(
    name="DirtyRateInfo",
    since="5.2",
    doc="The latest measurement of how fast the guest dirties memory.",
    members=(
        Member("dirty-rate", INT64, "Megabytes a second; -1 if there is no result."),
        Member("status", Ref("DirtyRateStatus"), "Where the measurement stands."),
        Member("start-time", INT64, "When it began, in seconds."),
        Member("calc-time", INT64, "How long it takes, or took, in seconds."),
    ),
)

VFIO_STATS: Final = Struct(
    name="VfioStats",
    since="5.2",
    origin=Origin.RELEASE,
    doc="Transfer of the state of VFIO devices.",
    members=(Member("transferred", INT, "Bytes sent so far."),),
)

STATUS_INFO: Final = Struct(
    name="StatusInfo",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Whether and how the guest runs.",
    members=(
        Member("running", BOOLEAN, "Whether its vCPUs run."),
        Member("singlestep", BOOLEAN, "Whether they run instruction by instruction."),
        Member("status", Ref("RunState"), "The run state."),
    ),
)

VERSION_TRIPLE: Final = Struct(
    name="VersionTriple",
    since="2.4",
    origin=Origin.EXTERNAL,
    doc="A release number.",
    members=(
        Member("major", INT, "First part."),
        Member("minor", INT, "Second part."),
        Member("micro", INT, "Third part."),
    ),
)

VERSION_INFO: Final = Struct(
    name="VersionInfo",
    since="0.14.0",
    origin=Origin.EXTERNAL,
    doc="Which QEMU this is.",
    members=(
        Member("qemu", Ref("VersionTriple"), "Its release."),
        Member("package", STRING, "What the packager calls it; may be empty."),
    ),
)

INET_SOCKET_ADDRESS: Final = Struct(
    name="InetSocketAddress",
    since="1.3",
    origin=Origin.EXTERNAL,
    doc="Where to listen or connect over TCP.",
    members=(
        Member("host", STRING, "Name or address."),
        Member("port", STRING, "Port, a number or a service, as text."),
        Member(
            "numeric",
            BOOLEAN,
            "Whether both are numbers, so nothing is looked up.",
            optional=True,
            since="2.9",
        ),
        Member("to", UINT16, "Last port to try when listening.", optional=True),
        Member("ipv4", BOOLEAN, "Whether IPv4 is wanted.", optional=True),
        Member("ipv6", BOOLEAN, "Whether IPv6 is wanted.", optional=True),
        Member("keep-alive", BOOLEAN, "Whether TCP keep-alive is wanted.", optional=True, since="4.2"),
    ),
)

UNIX_SOCKET_ADDRESS: Final = Struct(
    name="UnixSocketAddress",
    since="1.3",
    origin=Origin.EXTERNAL,
    doc="Where to listen or connect on this host.",
    members=(
        Member("path", STRING, "Path of the socket."),
        Member(
            "abstract",
            BOOLEAN,
            "Whether the path is a name outside the file system.",
            optional=True,
            since="5.1",
            condition="defined(CONFIG_LINUX)",
        ),
        Member(
            "tight",
            BOOLEAN,
            "Whether such a name ends where its text ends.",
            optional=True,
            since="5.1",
            condition="defined(CONFIG_LINUX)",
        ),
    ),
)

VSOCK_SOCKET_ADDRESS: Final = Struct(
    name="VsockSocketAddress",
    since="2.8",
    origin=Origin.EXTERNAL,
    doc="Where to listen or connect between host and guest.",
    members=(
        Member("cid", STRING, "Context id, as text."),
        Member("port", STRING, "Port, as text."),
    ),
)

FD_SOCKET_ADDRESS: Final = Struct(
    name="String",
    since="1.2",
    origin=Origin.EXTERNAL,
    doc="A text in an object; here, a socket that the process already has.",
    members=(Member("str", STRING, "Its number, or the name it was given."),),
)

SOCKET_ADDRESS: Final = Union(
    name="SocketAddress",
    since="2.9",
    origin=Origin.EXTERNAL,
    doc="The address of a socket of any family.",
    discriminator=Member("type", Ref("SocketAddressType"), "The family."),
    branches=(
        (SocketAddressType.INET.value, INET_SOCKET_ADDRESS.name),
        (SocketAddressType.UNIX.value, UNIX_SOCKET_ADDRESS.name),
        (SocketAddressType.VSOCK.value, VSOCK_SOCKET_ADDRESS.name),
        (SocketAddressType.FD.value, FD_SOCKET_ADDRESS.name),
    ),
)
