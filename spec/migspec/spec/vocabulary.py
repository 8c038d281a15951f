"""The closed sets of words that cross the wire: enumerations of the schema and of its neighbours.

A member's value is its wire spelling, so a member compares equal to the string in a message. The
release in which QEMU first had the word, and the build condition without which it is missing, stand
beside the spelling; what the word means stands below it. The schema package derives its enumerations
from these classes, so no spelling is written down twice.
"""

from enum import StrEnum
from typing import Self


class Vocabulary(StrEnum):
    """An enumeration whose members know when they appeared and what they depend on."""

    _value_: str
    since: str | None
    """First QEMU release with this word; None if it is as old as the enumeration."""
    condition: str | None
    """Build-time condition, as the schema writes it; None if every build has the word."""

    def __new__(cls, spelling: str, since: str | None = None, condition: str | None = None) -> Self:
        """Make the member spelled `spelling` on the wire."""
        member = str.__new__(cls, spelling)
        member._value_ = spelling
        member.since = since
        member.condition = condition
        return member


class MigrationStatus(Vocabulary):
    """Where a migration stands, as seen by one of the two VMs that take part in it."""

    NONE = "none"
    """Nothing was ever migrated in this direction. QEMU never sends the word: it leaves status out."""
    SETUP = "setup"
    """Accepted, but no guest data flows yet: connecting, or preparing channels and bitmaps."""
    CANCELLING = "cancelling"
    """A cancellation was accepted and the migration is being taken down."""
    CANCELLED = "cancelled"
    """Taken down at a client's request; the source keeps the guest."""
    ACTIVE = "active"
    """Precopy: guest memory is sent, or received, while the guest stays on the source."""
    POSTCOPY_ACTIVE = "postcopy-active", "2.5"
    """The guest has moved to the destination and fetches the memory it still lacks from the source."""
    POSTCOPY_PAUSED = "postcopy-paused", "3.0"
    """The connection broke during postcopy; both sides wait for a new one."""
    POSTCOPY_RECOVER = "postcopy-recover", "3.0"
    """A new connection replaces the broken one; both sides agree on which pages are missing."""
    COMPLETED = "completed"
    """The guest is wholly on the destination."""
    FAILED = "failed"
    """The migration ended with an error."""
    COLO = "colo", "2.8"
    """Fault tolerance: a secondary VM is kept in step with the primary, checkpoint by checkpoint."""
    PRE_SWITCHOVER = "pre-switchover", "2.11"
    """The guest is stopped, its devices are not yet saved, and the source waits to be told to go on."""
    DEVICE = "device", "2.11"
    """The state of the devices is being saved, after a stay in pre-switchover."""
    WAIT_UNPLUG = "wait-unplug", "4.2"
    """The source waits until the guest has let go of the failover devices that cannot be migrated."""


class MigrationCapability(Vocabulary):
    """A feature of migration that a client switches on or off, for the whole VM, before migrating."""

    XBZRLE = "xbzrle"
    """Send a page that was sent before as the run-length encoded difference to its old contents."""
    RDMA_PIN_ALL = "rdma-pin-all", "2.0"
    """Pin all guest memory before an RDMA migration starts, instead of piece by piece."""
    AUTO_CONVERGE = "auto-converge", "1.6"
    """Slow the guest's CPUs down when it dirties memory faster than the link carries it."""
    ZERO_BLOCKS = "zero-blocks", "1.6"
    """Name blocks of zeroes on a migrated disk instead of sending them."""
    COMPRESS = "compress", "2.4"
    """Compress pages in several threads before they are sent."""
    EVENTS = "events", "2.4"
    """Announce each change of status, and each pass over memory, with an event."""
    POSTCOPY_RAM = "postcopy-ram", "2.6"
    """Allow the guest to start on the destination before all of its memory has arrived."""
    X_COLO = "x-colo", "2.8"
    """Never end the migration, but keep the destination as a secondary VM in lock step."""
    RELEASE_RAM = "release-ram", "2.9"
    """Free each page on the source as soon as it was sent in postcopy."""
    BLOCK = "block", "2.10"
    """Migrate the contents of the disks along with the memory."""
    RETURN_PATH = "return-path", "2.10"
    """Let the destination answer the source during precopy too."""
    PAUSE_BEFORE_SWITCHOVER = "pause-before-switchover", "2.11"
    """Wait in pre-switchover for a migrate-continue before devices are saved and disks let go."""
    MULTIFD = "multifd", "4.0"
    """Send memory over several connections at once."""
    DIRTY_BITMAPS = "dirty-bitmaps", "2.12"
    """Migrate the named dirty bitmaps of the disks."""
    POSTCOPY_BLOCKTIME = "postcopy-blocktime", "3.0"
    """Measure on the destination how long vCPUs wait for pages in postcopy."""
    LATE_BLOCK_ACTIVATE = "late-block-activate", "3.0"
    """Leave the destination's disks inactive, and so unlocked, until the guest is started there."""
    X_IGNORE_SHARED = "x-ignore-shared", "4.0"
    """Leave out memory that both processes share anyway."""
    VALIDATE_UUID = "validate-uuid", "4.2"
    """Send the guest's UUID, so that the destination can refuse a stream meant for another guest."""


class MultiFDCompression(Vocabulary):
    """How multifd channels compress pages."""

    NONE = "none"
    """Not at all."""
    ZLIB = "zlib"
    """With zlib."""
    ZSTD = "zstd", None, "defined(CONFIG_ZSTD)"
    """With Zstandard; only in builds that have it."""


class MigrationParameter(Vocabulary):
    """A tunable of migration, kept by each VM for itself."""

    ANNOUNCE_INITIAL = "announce-initial", "4.0"
    """Milliseconds from the switch-over to the first packet that announces the guest's new place."""
    ANNOUNCE_MAX = "announce-max", "4.0"
    """Longest pause between two announcements, in milliseconds."""
    ANNOUNCE_ROUNDS = "announce-rounds", "4.0"
    """How many announcements are sent."""
    ANNOUNCE_STEP = "announce-step", "4.0"
    """By how many milliseconds the pause between announcements grows each time."""
    COMPRESS_LEVEL = "compress-level"
    """Effort of capability compress, from 0 (store only) over 1 (fast) to 9 (small)."""
    COMPRESS_THREADS = "compress-threads"
    """Number of compressing threads on the source, 1 to 255."""
    DECOMPRESS_THREADS = "decompress-threads"
    """Number of decompressing threads on the destination, 1 to 255; a quarter of the others will do."""
    COMPRESS_WAIT_THREAD = "compress-wait-thread", "3.1"
    """Whether a page waits for a free compressing thread (true) or is sent as it is (false)."""
    THROTTLE_TRIGGER_THRESHOLD = "throttle-trigger-threshold", "5.0"
    """Bytes dirtied per period, in percent of bytes sent, from which auto-converge starts to throttle."""
    CPU_THROTTLE_INITIAL = "cpu-throttle-initial", "2.7"
    """Percentage of CPU time that auto-converge first takes from the guest."""
    CPU_THROTTLE_INCREMENT = "cpu-throttle-increment", "2.7"
    """Percentage that auto-converge adds whenever the last step did not suffice."""
    CPU_THROTTLE_TAILSLOW = "cpu-throttle-tailslow", "5.1"
    """Whether the last steps of auto-converge are kept no larger than the dirty rate calls for."""
    TLS_CREDS = "tls-creds", "2.7"
    """Id of the object with the TLS credentials; empty for a connection without TLS."""
    TLS_HOSTNAME = "tls-hostname", "2.7"
    """Name to expect in the destination's certificate; empty to take it from the URI."""
    TLS_AUTHZ = "tls-authz", "4.0"
    """Id of the object that decides whether the certificate of the source is let in."""
    MAX_BANDWIDTH = "max-bandwidth", "2.8"
    """Ceiling of the migration's traffic in precopy, in bytes a second."""
    DOWNTIME_LIMIT = "downtime-limit", "2.8"
    """How long the guest may stand still at the switch-over, in milliseconds."""
    X_CHECKPOINT_DELAY = "x-checkpoint-delay", "2.8"
    """Milliseconds between two COLO checkpoints."""
    BLOCK_INCREMENTAL = "block-incremental", "2.10"
    """Whether block migration sends only the top image of each chain; the rest must be there already."""
    MULTIFD_CHANNELS = "multifd-channels", "4.0"
    """Number of connections that capability multifd opens."""
    XBZRLE_CACHE_SIZE = "xbzrle-cache-size", "2.11"
    """Bytes of memory that hold old page contents for XBZRLE; a power of two, one page at least."""
    MAX_POSTCOPY_BANDWIDTH = "max-postcopy-bandwidth", "3.0"
    """Ceiling of the pages that postcopy pushes unasked, in bytes a second; 0 for none."""
    MAX_CPU_THROTTLE = "max-cpu-throttle", "3.1"
    """Percentage of CPU time beyond which auto-converge does not go."""
    MULTIFD_COMPRESSION = "multifd-compression", "5.0"
    """Compression of the multifd channels."""
    MULTIFD_ZLIB_LEVEL = "multifd-zlib-level", "5.0"
    """Effort of zlib on the multifd channels, 0 to 9."""
    MULTIFD_ZSTD_LEVEL = "multifd-zstd-level", "5.0"
    """Effort of Zstandard on the multifd channels, 0 to 20."""
    BLOCK_BITMAP_MAPPING = "block-bitmap-mapping", "5.2"
    """Names under which nodes and their dirty bitmaps travel; unset, they travel under their own."""


class COLOMessage(Vocabulary):
    """What the two sides of a COLO pair say to each other; never seen in QMP."""

    CHECKPOINT_READY = "checkpoint-ready"
    """The secondary can take checkpoints from now on."""
    CHECKPOINT_REQUEST = "checkpoint-request"
    """The primary asks the secondary to prepare for a checkpoint."""
    CHECKPOINT_REPLY = "checkpoint-reply"
    """The secondary has prepared."""
    VMSTATE_SEND = "vmstate-send"
    """The primary is about to send the state of its VM."""
    VMSTATE_SIZE = "vmstate-size"
    """How large that state is."""
    VMSTATE_RECEIVED = "vmstate-received"
    """The secondary has all of it."""
    VMSTATE_LOADED = "vmstate-loaded"
    """The secondary has put it in force."""


class COLOMode(Vocabulary):
    """Which half of a COLO pair a VM is."""

    NONE = "none"
    """Neither: COLO is not running."""
    PRIMARY = "primary"
    """The half whose guest serves."""
    SECONDARY = "secondary"
    """The half that follows, ready to take over."""


class FailoverStatus(Vocabulary):
    """How far a COLO fail-over has come; never seen in QMP."""

    NONE = "none"
    """None was asked for."""
    REQUIRE = "require"
    """Asked for, not begun."""
    ACTIVE = "active"
    """Under way."""
    COMPLETED = "completed"
    """Done."""
    RELAUNCH = "relaunch", "2.9"
    """To be started over, because the secondary was loading a checkpoint."""


class COLOExitReason(Vocabulary):
    """Why a VM left COLO."""

    NONE = "none"
    """It has not: only query-colo-status says this, never the event."""
    REQUEST = "request"
    """A client asked for it."""
    ERROR = "error"
    """Something broke."""
    PROCESSING = "processing", "4.0"
    """A fail-over is being carried out right now."""


class DirtyRateStatus(Vocabulary):
    """Where the measurement of the guest's dirty rate stands."""

    UNSTARTED = "unstarted"
    """No measurement has begun."""
    MEASURING = "measuring"
    """One is running."""
    MEASURED = "measured"
    """One has ended and its result can be read."""


class RunState(Vocabulary):
    """What the guest is doing, as query-status shows it."""

    DEBUG = "debug"
    """Stopped at a debugger's request."""
    INMIGRATE = "inmigrate"
    """Waiting for, or loading, an incoming migration."""
    INTERNAL_ERROR = "internal-error"
    """Stopped for good by an error in the emulator."""
    IO_ERROR = "io-error"
    """Stopped by an I/O error whose policy is to stop."""
    PAUSED = "paused"
    """Stopped by a client."""
    POSTMIGRATE = "postmigrate"
    """Stopped because the guest was migrated away."""
    PRELAUNCH = "prelaunch"
    """Never started, as the command line asked."""
    FINISH_MIGRATE = "finish-migrate"
    """Stopped so that a migration can send the rest."""
    RESTORE_VM = "restore-vm"
    """Stopped while a snapshot is loaded."""
    RUNNING = "running"
    """The guest runs."""
    SAVE_VM = "save-vm"
    """Stopped while a snapshot is saved."""
    SHUTDOWN = "shutdown"
    """The guest switched itself off; the process was told to stay."""
    SUSPENDED = "suspended"
    """The guest sleeps (ACPI S3)."""
    WATCHDOG = "watchdog"
    """Stopped by a watchdog."""
    GUEST_PANICKED = "guest-panicked"
    """Stopped because the guest reported a panic."""
    COLO = "colo", "2.8"
    """Stopped for a COLO checkpoint or fail-over."""
    PRECONFIG = "preconfig", "3.0"
    """The machine is not built yet; few commands are allowed."""


class ErrorClass(Vocabulary):
    """The class of an error reply."""

    GENERIC_ERROR = "GenericError"
    """The one to expect; only the description tells more."""
    COMMAND_NOT_FOUND = "CommandNotFound"
    """No such command, or not in this mode of the monitor."""
    DEVICE_NOT_ACTIVE = "DeviceNotActive"
    """The device, or SPICE, is not in use."""
    DEVICE_NOT_FOUND = "DeviceNotFound"
    """No such device."""
    KVM_MISSING_CAP = "KVMMissingCap"
    """The host's kernel cannot do it."""


class QmpCapability(Vocabulary):
    """A feature of the monitor, negotiated at its start."""

    OOB = "oob"
    """Commands may be sent out of band and may then overtake others."""


class SocketAddressType(Vocabulary):
    """The family of a socket address."""

    INET = "inet"
    """TCP over IPv4 or IPv6."""
    UNIX = "unix"
    """A UNIX domain socket."""
    VSOCK = "vsock"
    """A socket between host and guest."""
    FD = "fd"
    """A file descriptor that the process already has."""


class ShutdownCause(Vocabulary):
    """Why the guest was switched off or reset."""

    NONE = "none"
    """No reason recorded; not seen in events."""
    HOST_ERROR = "host-error"
    """An error in the emulator."""
    HOST_QMP_QUIT = "host-qmp-quit"
    """The command quit."""
    HOST_QMP_SYSTEM_RESET = "host-qmp-system-reset"
    """The command system_reset."""
    HOST_SIGNAL = "host-signal"
    """A signal to the process, such as SIGINT."""
    HOST_UI = "host-ui"
    """The user closed the window."""
    GUEST_SHUTDOWN = "guest-shutdown"
    """The guest switched itself off."""
    GUEST_RESET = "guest-reset"
    """The guest reset itself, whatever that leads to."""
    GUEST_PANIC = "guest-panic"
    """The guest reported a panic."""
    SUBSYSTEM_RESET = "subsystem-reset"
    """Only part of the machine was reset; no event tells of it."""
