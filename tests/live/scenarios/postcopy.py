"""Migrations that switch before all memory has been sent, and what may go otherwise than asked."""

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    arrived,
    cancel,
    enable,
    finish_postcopy,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    postcopy,
    pre_switchover,
    reach,
    run_state,
    slow_start,
    tune,
)
from tests.live.scenarios.table import STILL_PAIR, scenario
from tests.live.session import Session, Vm, pause

_DISK = (
    "-blockdev",
    "driver=null-co,node-name=disk,size=67108864,read-zeroes=on",
    "-device",
    "virtio-blk-pci,drive=disk",
)
_BITMAP = {"node": "disk", "name": "dirty0"}
DISK_PAIR = {"src": Vm(_DISK), "dst": Vm(_DISK, incoming="defer")}


@scenario()
def postcopy_running_guest(s: Session) -> None:
    """A running guest is switched over, and its memory follows."""
    src, dst, _ = postcopy(s)
    dst.wait_event("RESUME", WAIT)
    look(src)
    finish_postcopy(src, dst)
    run_state(src, "postmigrate")


@scenario()
def postcopy_at_full_speed(s: Session) -> None:
    """Asked for as soon as the migration is active; what is left then goes at full speed."""
    src, dst, _ = slow_start(s, "postcopy-ram")
    src.execute("migrate-start-postcopy")
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario({"src": Vm(("-S",)), "dst": Vm(incoming="defer")})
def postcopy_guest_never_started(s: Session) -> None:
    """The source was started with -S; postcopy starts the guest all the same."""
    src, dst, _ = postcopy(s)
    look(src)
    finish_postcopy(src, dst)


@scenario()
def postcopy_guest_stopped_before(s: Session) -> None:
    """A client stopped the guest before; postcopy starts it on the destination all the same."""
    src, dst, uri = open_pair(s, "postcopy-ram")
    src.execute("stop")
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    src.execute("migrate-start-postcopy")
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(STILL_PAIR)
def postcopy_destination_stays_stopped(s: Session) -> None:
    """The destination was started with -S and does not start the guest."""
    src, dst, _ = postcopy(s)
    look(src, dst)
    finish_postcopy(src, dst)
    dst.execute("cont")
    look(dst)


@scenario()
def postcopy_requested_in_setup(s: Session) -> None:
    """The request is made while the source still connects."""
    src, dst = (s.monitor(vm, capabilities=("events", "postcopy-ram")) for vm in ("src", "dst"))
    tune(src, max_bandwidth=SLOW)
    src.execute("migrate-start-postcopy")
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    src.send_command("migrate", {"uri": uri})
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active", "completed")
    reach(dst, "postcopy-active", "completed")
    look(src, dst)


@scenario()
def postcopy_refused_without_capability(s: Session) -> None:
    """Without the capability the request is refused in every state."""
    src, dst, _ = slow_start(s)
    src.execute("migrate-start-postcopy")
    dst.execute("migrate-start-postcopy")
    tune(src, max_bandwidth=FAST)
    reach(src, "completed")
    src.execute("migrate-start-postcopy")
    enable(src, "postcopy-ram")
    enable(dst, "postcopy-ram")
    src.execute("migrate-start-postcopy")
    dst.execute("migrate-start-postcopy")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def postcopy_request_without_effect(s: Session) -> None:
    """So little is left when the request comes that the migration ends without a postcopy phase."""
    src, dst = pre_switchover(s, "postcopy-ram")
    src.execute("migrate-start-postcopy")
    src.execute("migrate-continue", {"state": "pre-switchover"})
    reach(src, "completed")
    reach(dst, "completed")
    src.execute("migrate-start-postcopy")
    look(src, dst)


def _paused_switch(s: Session) -> tuple[Monitor, Monitor]:
    src, dst, _ = slow_start(s, "postcopy-ram", "pause-before-switchover")
    src.execute("migrate-start-postcopy")
    reach(src, "pre-switchover")
    look(src, dst)
    return src, dst


@scenario()
def postcopy_pause_before_switchover(s: Session) -> None:
    """The migration pauses before it switches to postcopy, and goes on."""
    src, dst = _paused_switch(s)
    src.execute("migrate-continue", {"state": "pre-switchover"})
    reach(src, "postcopy-active", "completed")
    reach(dst, "postcopy-active", "completed")
    look(src, dst)


@scenario()
def postcopy_cancelled_in_pre_switchover(s: Session) -> None:
    """Cancelled while it pauses before the switch to postcopy, which leaves the guest stopped."""
    src, dst = _paused_switch(s)
    cancel(src)
    reach(src, "cancelled")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")
    src.execute("cont")
    look(src)


@scenario()
def postcopy_only_at_source(s: Session) -> None:
    """The capability is on at the source only, so that the destination refuses the stream."""
    src, dst = s.monitor("src", capabilities=("events", "postcopy-ram")), s.monitor("dst")
    enable(dst, "events")
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "failed")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def postcopy_only_at_destination(s: Session) -> None:
    """The capability is on at the destination only, which does no harm."""
    src, dst = s.monitor("src", capabilities=("events",)), s.monitor("dst")
    enable(dst, "events", "postcopy-ram")
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def postcopy_blocktime(s: Session) -> None:
    """The destination reports for how long its guest waited for pages."""
    src, dst, _ = postcopy(s, "postcopy-blocktime")
    dst.wait_event("RESUME", WAIT)
    finish_postcopy(src, dst)


@scenario()
def postcopy_release_ram(s: Session) -> None:
    """The source gives up memory as it is sent."""
    src, dst, _ = postcopy(s, "release-ram")
    dst.wait_event("RESUME", WAIT)
    look(src)
    finish_postcopy(src, dst)


@scenario()
def postcopy_with_return_path(s: Session) -> None:
    """A return path asked for as well, which postcopy has anyway."""
    src, dst, _ = postcopy(s, "return-path")
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def requests_in_postcopy_active(s: Session) -> None:
    """Whatever is asked of a source, and of a destination, after the switch."""
    src, dst, uri = postcopy(s)
    migrate(src, uri)
    migrate(src, uri, resume=True)
    src.execute("migrate-start-postcopy")
    for state in ("postcopy-active", "pre-switchover"):
        src.execute("migrate-continue", {"state": state})
    src.execute("cont")
    src.execute("stop")
    enable(src, "xbzrle")
    src.execute("migrate-recover", {"uri": uri})
    dst.execute("migrate-recover", {"uri": uri})
    cancel(dst)
    enable(dst, "xbzrle")
    listen(dst, uri)
    look(src, dst)
    finish_postcopy(src, dst)


@scenario(STILL_PAIR | {"other": Vm(incoming="defer")})
def migrate_away_from_a_postcopy_destination(s: Session) -> None:
    """A destination that left inmigrate may already send its guest on, though part of it is still missing."""
    src, dst, _ = postcopy(s)
    look(dst)
    migrate(dst, "unix:" + s.path("nobody"))
    poll(dst, "failed", every=0.02)
    finish_postcopy(src, dst)


def _add_bitmaps(src: Monitor) -> None:
    src.execute("block-dirty-bitmap-add", _BITMAP)
    src.execute("block-dirty-bitmap-add", {"node": "disk", "name": "dirty1", "granularity": 512})


@scenario(DISK_PAIR)
def bitmaps_in_precopy(s: Session) -> None:
    """Dirty bitmaps are sent with the device state."""
    src, dst, uri = open_pair(s, "dirty-bitmaps")
    _add_bitmaps(src)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)
    dst.execute("block-dirty-bitmap-remove", _BITMAP)


@scenario(DISK_PAIR)
def bitmaps_only_postcopy(s: Session) -> None:
    """Only dirty bitmaps are left for the postcopy phase; the memory has been sent before."""
    src, dst, uri = open_pair(s, "dirty-bitmaps", "return-path")
    _add_bitmaps(src)
    tune(src, max_bandwidth=8_000_000, downtime_limit=0, max_postcopy_bandwidth=2000)
    migrate(src, uri)
    src.execute("migrate-start-postcopy")
    poll(src, ("postcopy-active", "completed"), every=0.01)
    tune(src, max_postcopy_bandwidth=0, downtime_limit=300)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(DISK_PAIR)
def bitmaps_only_postcopy_broken(s: Session) -> None:
    """The connection breaks while only dirty bitmaps are left: the bitmaps are lost, the guest is not."""
    src, dst, uri = open_pair(s, "dirty-bitmaps", "return-path")
    for number in range(40):
        bitmap = {"node": "disk", "name": f"dirty{number}", "granularity": 512}
        src.execute("block-dirty-bitmap-add", bitmap)
    tune(src, max_bandwidth=8_000_000, downtime_limit=0, max_postcopy_bandwidth=1000)
    migrate(src, uri)
    src.execute("migrate-start-postcopy")
    status = poll(src, ("postcopy-active", "completed"), every=0.005)["status"]
    arrived(dst)
    src.execute("migrate-pause")
    if status == "postcopy-active":
        poll(src, ("postcopy-paused", "completed"), every=0.03)
    poll(dst, "completed", every=0.02)
    look(src, dst)
    pause(0.1)
    src.execute("cont")


def _polled_at_its_end(s: Session, *capabilities: str) -> None:
    """Raises `RuntimeError` where no answer shows a destination that has completed with its address."""
    src, dst, _ = postcopy(s, *capabilities)
    tune(src, max_postcopy_bandwidth=0)
    first = poll(dst, "completed", every=0)
    dst.execute("query-migrate")
    reach(src, "completed")
    look(src, dst)
    if "socket-address" not in first:
        raise RuntimeError(f"the first answer came too late: {first}")


@scenario()
def postcopy_polled_at_its_end(s: Session) -> None:
    """The destination is polled without a break, and for a moment shows its address though it has completed."""
    _polled_at_its_end(s)


@scenario()
def postcopy_blocktime_polled_at_its_end(s: Session) -> None:
    """The same where the destination also reports for how long its guest waited."""
    _polled_at_its_end(s, "postcopy-blocktime")
