"""The phase `device`, between the pause before the switch-over and the end, and what it takes to see it.

In `device` the migration thread holds the main loop's lock while it writes, so that no ordinary command is
answered.  It lets the lock go where it waits for the return path; a destination that is held with a signal
makes that wait last.
"""

import signal
from typing import Final

from tests.live.monitor import Monitor
from tests.live.process import wait_until_dirty
from tests.live.scenarios.steps import (
    SLOW,
    WAIT,
    cancel,
    enable,
    look,
    migrate,
    open_pair,
    pre_switchover,
    reach,
    tune,
)
from tests.live.scenarios.table import DIRTY_PAIR, scenario
from tests.live.session import Session, pause

GO_ON: Final = {"state": "pre-switchover"}


def _hold(s: Session) -> None:
    """Keep the destination from running."""
    s.processes["dst"].process.send_signal(signal.SIGSTOP)


def _in_device(s: Session) -> tuple[Monitor, Monitor]:
    """Continue a migration whose destination is held, so that it waits in device for the return path.

    What is left to write has to fit into the socket's buffer, so the firmware is given time to do its work.
    """
    src, dst, uri = open_pair(s, "pause-before-switchover", "return-path")
    pause(0.6)
    tune(src, max_bandwidth=8_000_000, downtime_limit=5)
    migrate(src, uri)
    reach(src, "pre-switchover")
    _hold(s)
    src.execute("migrate-continue", GO_ON)
    reach(src, "device")
    pause(0.1)
    return src, dst


def _let_go(s: Session) -> None:
    """Let the destination run again."""
    s.processes["dst"].process.send_signal(signal.SIGCONT)


@scenario()
def requests_in_device(s: Session) -> None:
    """Whatever is asked of a source that waits in device for word from the destination."""
    src, dst = _in_device(s)
    look(src)
    for state in ("device", "pre-switchover", "active", "completed"):
        src.execute("migrate-continue", {"state": state})
    migrate(src, "unix:" + s.path("n"))
    migrate(src, "unix:" + s.path("n"), resume=True)
    src.execute("migrate-start-postcopy")
    src.execute("migrate-pause")
    src.execute("migrate-recover", {"uri": "unix:" + s.path("n")})
    src.execute("x-colo-lost-heartbeat")
    src.execute("device_add", {"driver": "virtio-rng-pci", "id": "rng"})
    src.execute("device_del", {"id": "rng"})
    enable(src, "xbzrle")
    tune(src, downtime_limit=100)
    src.execute("stop")
    src.execute("cont")
    src.execute("system_reset")
    look(src)
    _let_go(s)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def cancel_in_device(s: Session) -> None:
    """A cancel in device is too late for the destination, which has it all: the guest runs on both sides."""
    src, dst = _in_device(s)
    cancel(src)
    reach(src, "cancelled")
    look(src)
    _let_go(s)
    reach(dst, "completed")
    look(src, dst)


@scenario()
def source_quits_in_device(s: Session) -> None:
    """The source quits in device, and the destination goes on with the guest."""
    src, dst = _in_device(s)
    src.send_command("quit")
    src.wait_closed(WAIT)
    s.ended("src")
    _let_go(s)
    reach(dst, "completed")
    look(dst)


@scenario()
def source_terminated_in_device(s: Session) -> None:
    """The source is told by a signal to end in device, and the destination goes on with the guest."""
    src, dst = _in_device(s)
    s.kill("src", signal.SIGTERM)
    src.wait_closed(WAIT)
    _let_go(s)
    reach(dst, "completed")
    look(dst)


@scenario()
def source_killed_in_device(s: Session) -> None:
    """The source is killed in device, and the destination goes on with the guest."""
    src, dst = _in_device(s)
    s.kill("src")
    src.wait_closed(WAIT)
    _let_go(s)
    reach(dst, "completed")
    look(dst)


@scenario()
def destination_killed_in_device(s: Session) -> None:
    """The destination is killed in device, and the guest goes on at the source."""
    src, dst = _in_device(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    reach(src, "failed")
    src.wait_event("RESUME", WAIT)
    look(src)


@scenario(DIRTY_PAIR)
def device_keeps_the_monitor_waiting(s: Session) -> None:
    """While the source writes in device, only commands out of band are answered."""
    src, dst, uri = open_pair(s, "pause-before-switchover", oob=True)
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=SLOW, downtime_limit=2_000_000)
    migrate(src, uri)
    reach(src, "pre-switchover")
    _hold(s)
    src.execute("migrate-continue", GO_ON)
    reach(src, "device")
    src.wait_event("MIGRATION_PASS", WAIT)
    pause(0.05)
    late = src.send_command("query-migrate")
    src.execute("migrate-pause", oob=True)
    src.execute("migrate-recover", {"uri": uri}, oob=True)
    try:
        src.wait_reply(late, 0.5)
    except TimeoutError:
        pass
    else:
        raise RuntimeError("the source answered")
    _let_go(s)
    src.wait_reply(late, WAIT)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def colo_with_pause_before_switchover(s: Session) -> None:
    """COLO with a pause before the switch-over never gets out of device, though the secondary believes in it."""
    src, dst = pre_switchover(s, "x-colo")
    src.execute("migrate-continue", GO_ON)
    reach(src, "device")
    reach(dst, "colo")
    pause(0.3)
    for monitor in (src, dst):
        monitor.execute("query-colo-status")
    look(src)
    src.execute("x-colo-lost-heartbeat")
    cancel(src)
    pause(0.3)
    look(src)
