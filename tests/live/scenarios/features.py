"""Migrations with the optional features on, each where it does its work, and some where it cannot."""

from tests.live.monitor import Monitor
from tests.live.process import wait_until_dirty
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    cancel,
    complete,
    enable,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    reach,
    slow_start,
    tune,
)
from tests.live.scenarios.table import DIRTY_PAIR, both, scenario
from tests.live.session import Session, Vm, pause

_DISK = (
    "-blockdev",
    "driver=null-co,node-name=disk,size=1048576,read-zeroes=on",
    "-device",
    "virtio-blk-pci,id=blk,drive=disk",
)
_DRIVE = ("-drive", "if=virtio,id=disk,driver=null-co,size=1048576,read-zeroes=on")
_UUIDS = ("-uuid", "00000000-0000-0000-0000-000000000001")
_SHARED = ("-object", "memory-backend-file,id=ram,size=64M,mem-path={dir}/ram,share=on")
_SHARED_RAM = (*_SHARED, "-machine", "pc,memory-backend=ram")


@scenario()
def multifd(s: Session) -> None:
    """The memory goes over four channels."""
    src, dst, uri = _multifd(s, "none")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def multifd_compressed(s: Session) -> None:
    """The memory goes over four channels, compressed."""
    src, dst, uri = _multifd(s, "zlib")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


def _multifd(s: Session, compression: str) -> tuple[Monitor, Monitor, str]:
    """Return a pair that is ready for a migration over four channels."""
    src, dst = (s.monitor(vm, capabilities=("events", "multifd")) for vm in ("src", "dst"))
    for monitor in (src, dst):
        tune(monitor, multifd_channels=4, multifd_compression=compression)
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    return src, dst, uri


@scenario()
def multifd_only_at_source(s: Session) -> None:
    """The destination does not listen for further channels."""
    src, dst, uri = open_pair(s)
    enable(src, "multifd")
    migrate(src, uri)
    reach(src, "failed")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(DIRTY_PAIR)
def xbzrle(s: Session) -> None:
    """Pages that were sent before go as differences."""
    src, dst, uri = open_pair(s, "xbzrle")
    tune(src, xbzrle_cache_size=1 << 25)
    src.execute("query-migrate-cache-size")
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=16_000_000, downtime_limit=1)
    migrate(src, uri)
    for number in (2, 3):
        src.wait_event("MIGRATION_PASS", WAIT, **{"pass": number})
        look(src)
    tune(src, max_bandwidth=FAST, downtime_limit=2000)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def compress(s: Session) -> None:
    """The memory is compressed by threads."""
    src, dst = (s.monitor(vm, capabilities=("events", "compress")) for vm in ("src", "dst"))
    tune(src, compress_level=1, compress_threads=2, compress_wait_thread=True)
    tune(dst, decompress_threads=2)
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(DIRTY_PAIR)
def auto_converge(s: Session) -> None:
    """The guest is slowed down until its memory is sent faster than it writes."""
    src, dst, uri = open_pair(s, "auto-converge")
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=12_000_000, downtime_limit=20, throttle_trigger_threshold=1)
    tune(src, cpu_throttle_initial=10, cpu_throttle_increment=5, max_cpu_throttle=30)
    migrate(src, uri)
    for _ in range(4):
        src.wait_event("MIGRATION_PASS", WAIT)
    for _ in range(20):
        if "cpu-throttle-percentage" in src.execute("query-migrate")["return"]:
            break
        pause(0.2)
    tune(src, max_bandwidth=FAST, downtime_limit=2000)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def zero_blocks(s: Session) -> None:
    """A capability that only matters for block migration is on."""
    src, dst, uri = open_pair(s, "zero-blocks")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario({"src": Vm(_DISK), "dst": Vm((*_DISK, "-S"), incoming="defer")})
def late_block_activate(s: Session) -> None:
    """The destination activates its disks only when it is continued."""
    src, dst, uri = open_pair(s, "late-block-activate")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(dst)
    dst.execute("cont")
    look(src, dst)


@scenario(both(*_UUIDS))
def validate_uuid(s: Session) -> None:
    """Both VMs have the same UUID, and say so."""
    src, dst, uri = open_pair(s, "validate-uuid")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(both(*_DRIVE))
def block_migration(s: Session) -> None:
    """The disk goes along, asked for by the old option, which shows as a capability meanwhile."""
    src, dst, uri = open_pair(s)
    tune(src, max_bandwidth=SLOW)
    src.execute("migrate", {"uri": uri, "blk": True})
    reach(src, "active")
    look(src)
    src.execute("query-migrate-capabilities")
    complete(src, dst)
    pause(0.05)
    src.execute("query-migrate-capabilities")


@scenario(both(*_DRIVE))
def block_migration_by_capability(s: Session) -> None:
    """The disk goes along, asked for by capability; the old option is then refused."""
    src, dst, uri = open_pair(s, "block")
    tune(src, block_incremental=False)
    src.execute("migrate", {"uri": uri, "blk": True})
    src.execute("migrate", {"uri": uri, "inc": True})
    src.execute("migrate", {"uri": uri, "blk": False, "inc": False, "detach": True})
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario({"src": Vm(_DISK)})
def block_migration_leaks_its_options(s: Session) -> None:
    """A block migration to a malformed address leaves the capability on, and the next one is refused."""
    src = s.monitor("src", capabilities=("events",))
    for uri in ("bogus", "tcp:foo"):
        src.execute("migrate", {"uri": uri, "blk": True, "inc": True})
        src.execute("query-migrate-capabilities")
        src.execute("query-migrate-parameters")
    src.execute("migrate", {"uri": "exec:cat > /dev/null", "blk": True})
    src.execute("migrate", {"uri": "exec:cat > /dev/null"})
    reach(src, "completed")
    src.execute("query-migrate-capabilities")
    look(src)


@scenario({"src": Vm()})
def block_options_are_returned(s: Session) -> None:
    """An address of an unknown scheme takes back the block options that one of a malformed body has left on."""
    src = s.monitor("src", capabilities=("events",))
    for uri in ("vsock:", "nowhere", "nowhere"):
        src.execute("migrate", {"uri": uri, "inc": True} if uri == "vsock:" else {"uri": uri})
        src.execute("query-migrate-capabilities")
        src.execute("query-migrate-parameters")


@scenario({"src": Vm(_SHARED_RAM), "dst": Vm(_SHARED_RAM, incoming="defer")})
def ignore_shared_memory(s: Session) -> None:
    """Both VMs map the same file as memory, which then is not sent."""
    src, dst, uri = open_pair(s, "x-ignore-shared")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def capabilities_that_exclude_each_other(s: Session) -> None:
    """The one combination that is refused, and that a refused list changes nothing."""
    src = s.monitor("src")
    enable(src, "postcopy-ram", "x-ignore-shared", "xbzrle")
    src.execute("query-migrate-capabilities")
    enable(src, "x-ignore-shared")
    enable(src, "postcopy-ram")
    enable(src, "x-ignore-shared", state=False)
    enable(src, "postcopy-ram", "multifd", "compress")
    src.execute("query-migrate-capabilities")
    src.execute("migrate-set-capabilities", {"capabilities": []})


@scenario()
def capabilities_refused_meanwhile(s: Session) -> None:
    """Capabilities of the source are fixed while it migrates, those of the destination are not."""
    src, dst, _ = slow_start(s)
    enable(src, "xbzrle")
    src.execute("migrate-set-capabilities", {"capabilities": []})
    enable(dst, "xbzrle")
    enable(dst, "xbzrle", state=False)
    src.execute("query-migrate-capabilities")
    dst.execute("query-migrate-capabilities")
    cancel(src)
    enable(src, "xbzrle")
    reach(src, "cancelled")
    enable(src, "xbzrle")
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario({"src": Vm(("-global", "migration.x-events=on", "-global", "migration.x-xbzrle=on"))})
def capabilities_from_the_command_line(s: Session) -> None:
    """The events are on from the start, without any client having asked for them."""
    src = s.monitor("src")
    src.execute("query-migrate-capabilities")
    migrate(src, "exec:cat > /dev/null")
    poll(src, ("completed", "failed"), every=0.03)
    look(src)


@scenario()
def multifd_cancelled(s: Session) -> None:
    """A multifd migration is cancelled while active; the cancel may never end."""
    src, _, uri = _multifd(s, "none")
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    cancel(src)
    pause(0.4)
    look(src)
