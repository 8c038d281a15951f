"""Cancelling: in every phase, twice, too late, too early, and what comes after it."""

import socket

from tests.live.monitor import Monitor
from tests.live.process import wait_until_dirty
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    cancel,
    enable,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    postcopy,
    postcopy_paused,
    pre_switchover,
    reach,
    run_state,
    slow_start,
    tune,
)
from tests.live.scenarios.table import DIRTY_PAIR, PAIR, STILL_PAIR, scenario
from tests.live.session import Session, Vm, pause

ALONE = {"src": Vm()}


@scenario(ALONE)
def cancel_while_connecting_unix(s: Session) -> None:
    """The listener does not accept; the cancel ends only when it has gone, and a new attempt is refused."""
    src = s.monitor("src", capabilities=("events",))
    listener = s.full_listener("m")
    migrate(src, "unix:" + s.path("m"))
    look(src)
    cancel(src)
    look(src)
    migrate(src, "unix:" + s.path("n"))
    cancel(src)
    enable(src, "events")
    listener.close()
    reach(src, "cancelled")
    look(src)


@scenario(ALONE)
def cancel_while_connecting_tcp(s: Session) -> None:
    """The same over TCP, where the listener's queue is full."""
    src = s.monitor("src", capabilities=("events",))
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        pause(0.05)
        migrate(src, f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        look(src)
        cancel(src)
        look(src)
    reach(src, "cancelled")
    look(src)


@scenario(ALONE)
def requests_while_connecting(s: Session) -> None:
    """Whatever is asked of a source in setup; then the connection is refused and the migration fails."""
    src = s.monitor("src", capabilities=("events", "postcopy-ram"))
    listener = s.full_listener("m")
    migrate(src, "unix:" + s.path("m"))
    migrate(src, "unix:" + s.path("n"))
    migrate(src, "unix:" + s.path("n"), resume=True)
    for state in ("setup", "active", "none"):
        src.execute("migrate-continue", {"state": state})
    src.execute("migrate-start-postcopy")
    src.execute("migrate-pause")
    src.execute("migrate-recover", {"uri": "unix:" + s.path("n")})
    enable(src, "xbzrle")
    tune(src, max_bandwidth=SLOW)
    look(src)
    listener.close()
    reach(src, "failed")
    look(src)


@scenario()
def cancel_pipelined_with_migrate(s: Session) -> None:
    """The cancel follows the migrate command in the same write."""
    src, dst, uri = open_pair(s)
    src.send_command("migrate", {"uri": uri})
    last = src.send_command("migrate_cancel")
    src.wait_reply(last, WAIT)
    reach(src, "cancelled")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_in_active(s: Session) -> None:
    """An active migration is cancelled; the guest goes on, and the destination fails."""
    src, dst, _ = slow_start(s)
    look(src, dst)
    cancel(src)
    look(src)
    reach(src, "cancelled")
    look(src)
    reach(dst, "failed")
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_in_active_with_return_path(s: Session) -> None:
    """An active migration with a return path is cancelled."""
    src, dst, _ = slow_start(s, "return-path")
    cancel(src)
    poll(src, ("cancelled", "failed"), every=0.01)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_twice(s: Session) -> None:
    """Six cancels in one write, then polls until the migration is cancelled."""
    src, dst, _ = slow_start(s)
    for _ in range(6):
        src.send_command("migrate_cancel")
    poll(src, "cancelled", every=0.02)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_when_there_is_nothing_to_cancel(s: Session) -> None:
    """A cancel in none, failed, completed and cancelled, and on both sides, does nothing."""
    src, dst, uri = open_pair(s)
    cancel(src)
    cancel(dst)
    look(src, dst)
    migrate(src, "unix:" + s.path("nobody"))
    reach(src, "failed")
    cancel(src)
    migrate(src, f"exec:cat > {s.path('state')}")
    reach(src, "completed")
    cancel(src)
    run_state(src, "postmigrate")
    src.execute("cont")
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    cancel(dst)
    cancel(src)
    reach(src, "cancelled")
    cancel(src)
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_in_pre_switchover(s: Session) -> None:
    """A cancel while the guest is stopped before the switch-over lets it run again."""
    src, dst = pre_switchover(s)
    look(src)
    cancel(src)
    reach(src, "cancelled")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_in_pre_switchover_guest_was_stopped(s: Session) -> None:
    """The same with a guest that was stopped before, which then is left in postmigrate."""
    src, dst, uri = open_pair(s, "pause-before-switchover")
    src.execute("stop")
    migrate(src, uri)
    reach(src, "pre-switchover")
    look(src)
    cancel(src)
    reach(src, "cancelled")
    look(src)
    src.execute("cont")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def cancel_after_continue(s: Session) -> None:
    """A cancel right behind the migrate-continue, which may win or lose."""
    src, _ = pre_switchover(s)
    src.send_command("migrate-continue", {"state": "pre-switchover"})
    cancel(src)
    poll(src, ("cancelled", "completed", "failed"), every=0.01)
    look(src)


@scenario(STILL_PAIR)
def cancel_in_postcopy_active(s: Session) -> None:
    """A cancel after the switch: the guest stays stopped on the source, and the destination waits."""
    src, dst, _ = postcopy(s)
    cancel(src)
    reach(src, "cancelled")
    reach(dst, "postcopy-paused")
    look(src, dst)
    src.execute("cont")
    look(src)


@scenario(STILL_PAIR)
def cancel_in_postcopy_paused_at_once(s: Session) -> None:
    """A cancel so close behind the break of a postcopy phase that it may yet come in time to end."""
    src, dst, _ = postcopy_paused(s)
    cancel(src)
    pause(0.2)
    look(src, dst)


@scenario(STILL_PAIR)
def cancel_in_postcopy_paused(s: Session) -> None:
    """A cancel of a broken postcopy phase never ends, and everything is refused from then on."""
    src, dst, uri = postcopy_paused(s)
    pause(0.1)
    cancel(src)
    look(src, dst)
    pause(0.2)
    migrate(src, uri)
    migrate(src, uri, resume=True)
    src.execute("cont")
    src.execute("migrate-pause")
    src.execute("migrate-continue", {"state": "cancelling"})
    cancel(src)
    enable(src, "return-path")
    look(src, dst)
    src.execute("quit")
    src.wait_closed(WAIT)
    s.ended("src")


@scenario(DIRTY_PAIR)
def cancel_after_the_guest_stopped(s: Session) -> None:
    """A cancel right after STOP; it may come too late for the destination, so that the guest runs twice."""
    src, dst, uri = open_pair(s)
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=16_000_000, downtime_limit=2000)
    migrate(src, uri)
    src.wait_event("STOP", WAIT)
    cancel(src)
    poll(src, ("cancelled", "completed", "failed"), every=0.005)
    look(src)
    try:
        reach(dst, "completed")
        look(dst)
    except EOFError:
        s.ended("dst")


@scenario(ALONE)
def cancel_at_many_moments(s: Session) -> None:
    """Saves to a file, each cancelled a little later than the one before, without waiting for events."""
    src = s.monitor("src", capabilities=("events",))
    tune(src, max_bandwidth=60_000_000)
    for step in range(8):
        migrate(src, "exec:cat > /dev/null")
        pause(0.004 * step)
        cancel(src)
        if poll(src, ("cancelled", "completed", "failed"), every=0.02)["status"] == "completed":
            run_state(src, "postmigrate")
            src.execute("cont")


@scenario(PAIR | {"other": Vm(incoming="defer")})
def cancel_then_success(s: Session) -> None:
    """After a cancel, the guest migrates to another destination."""
    src, dst, _ = slow_start(s)
    cancel(src)
    reach(src, "cancelled")
    dst.wait_closed(WAIT)
    s.ended("dst")
    _onward(s, src)


@scenario(PAIR | {"other": Vm(incoming="defer")})
def failure_then_success(s: Session) -> None:
    """After the destination was killed, the guest migrates to another one."""
    src, dst, _ = slow_start(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    reach(src, "failed")
    look(src)
    _onward(s, src)


def _onward(s: Session, src: Monitor) -> None:
    other = s.monitor("other", capabilities=("events",))
    listen(other, "unix:" + s.path("other"))
    tune(src, max_bandwidth=FAST)
    migrate(src, "unix:" + s.path("other"))
    reach(src, "completed")
    reach(other, "completed")
    look(src, other)


@scenario(ALONE)
def cancel_a_save_with_return_path(s: Session) -> None:
    """A save to a command with a return path cannot end, for a pipe has no way back; nor can its cancel."""
    src = s.monitor("src", capabilities=("events", "return-path"))
    migrate(src, "exec:cat > /dev/null")
    src.wait_event("STOP", WAIT)
    look(src)
    cancel(src)
    pause(0.3)
    look(src)
