"""Migrations of a guest with a failover pair of network cards, one of which it has to give back first.

Until the guest has done so, the source is in `wait-unplug`.
"""

import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    WAIT,
    cancel,
    enable,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    reach,
    tune,
)
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm, pause
from tests.live.standby import PRIMARY, failover_options, write_guests


def _pair(guest: str) -> Mapping[str, Vm]:
    options = failover_options(guest)
    source = Vm((*options, "-S"), prepare=write_guests)
    return MappingProxyType({"src": source, "dst": Vm(options, "defer", prepare=write_guests)})


KEEPS: Final = _pair("keeps")
GIVES: Final = _pair("gives")
LINGERS: Final = _pair("lingers")


def _boot(src: Monitor) -> None:
    """Start the guest, and wait until it has accepted the feature."""
    src.execute("cont")
    src.wait_event("FAILOVER_NEGOTIATED", WAIT)
    pause(0.05)


def _ready(s: Session, *capabilities: str) -> tuple[Monitor, Monitor, str]:
    src, dst, uri = open_pair(s, *capabilities)
    _boot(src)
    return src, dst, uri


def _waiting(s: Session, *capabilities: str) -> tuple[Monitor, Monitor]:
    """Bring a migration to where it waits for the guest."""
    src, dst, uri = _ready(s, *capabilities)
    migrate(src, uri)
    reach(src, "wait-unplug")
    return src, dst


def _completes(src: Monitor, dst: Monitor) -> None:
    reach(src, "active", "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(LINGERS)
def unplug_primary(s: Session) -> None:
    """The guest gives the primary back after a while, and the migration goes on."""
    _completes(*_waiting(s))


@scenario(GIVES)
def unplug_primary_at_once(s: Session) -> None:
    """The guest gives the primary back so soon that the source never waits for it."""
    src, dst, uri = _ready(s)
    migrate(src, uri)
    _completes(src, dst)


@scenario(LINGERS)
def unplug_primary_while_polling(s: Session) -> None:
    """The guest takes its time, and both sides are polled meanwhile."""
    src, dst, uri = _ready(s)
    migrate(src, uri)
    for _ in range(10):
        look(src, dst)
        pause(0.02)
    poll(src, "completed", every=0.05)
    poll(dst, "completed", every=0.05)
    look(src, dst)


@scenario(KEEPS)
def unplug_primary_not_negotiated(s: Session) -> None:
    """A guest that has not accepted the feature has nothing to give back."""
    src, dst, uri = open_pair(s)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(LINGERS)
def unplug_primary_events_off(s: Session) -> None:
    """Without migration events the guest's part in it still shows."""
    src, dst = s.monitor("src"), s.monitor("dst")
    _boot(src)
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    migrate(src, uri)
    poll(src, "completed", every=0.02)
    poll(dst, "completed", every=0.02)
    look(src, dst)


@scenario(LINGERS)
def unplug_primary_for_a_command(s: Session) -> None:
    """The guest is asked to unplug before the reply to migrate, for a command is connected to within it."""
    src = s.monitor("src", capabilities=("events",))
    _boot(src)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "completed")
    look(src)


@scenario(LINGERS)
def unplug_primary_pause_before_switchover(s: Session) -> None:
    """First the wait for the guest, then the pause before the switch-over."""
    src, dst = _waiting(s, "pause-before-switchover")
    reach(src, "active", "pre-switchover")
    look(src, dst)
    src.execute("migrate-continue", {"state": "pre-switchover"})
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(LINGERS)
def unplug_primary_then_postcopy(s: Session) -> None:
    """Postcopy is asked for while the source still waits for the guest."""
    src, dst, uri = _ready(s, "postcopy-ram")
    tune(src, max_bandwidth=40_000)
    migrate(src, uri)
    reach(src, "wait-unplug")
    src.execute("migrate-start-postcopy")
    reach(src, "active", "postcopy-active", "completed")
    reach(dst, "postcopy-active", "completed")
    look(src, dst)


@scenario(KEEPS)
def requests_in_wait_unplug(s: Session) -> None:
    """Whatever is asked of a source that waits for its guest, and a cancel."""
    src, dst = _waiting(s)
    look(src, dst)
    migrate(src, "unix:" + s.path("n"))
    migrate(src, "unix:" + s.path("n"), resume=True)
    for state in ("wait-unplug", "setup", "active"):
        src.execute("migrate-continue", {"state": state})
    src.execute("migrate-start-postcopy")
    src.execute("migrate-pause")
    src.execute("migrate-recover", {"uri": "unix:" + s.path("n")})
    src.execute("x-colo-lost-heartbeat")
    enable(src, "xbzrle")
    tune(src, downtime_limit=100)
    src.execute("device_del", {"id": PRIMARY})
    src.execute("device_del", {"id": "root1"})
    src.execute("stop")
    src.execute("cont")
    look(src, dst)
    cancel(src)
    reach(src, "cancelled")
    dst.wait_closed(WAIT)
    s.ended("dst")
    look(src)


@scenario(KEEPS)
def cancel_in_wait_unplug(s: Session) -> None:
    """The wait for a guest that keeps the primary is cancelled, and begins anew with the next attempt."""
    src, dst = _waiting(s)
    cancel(src)
    reach(src, "cancelled")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")
    pause(0.05)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "wait-unplug")
    look(src)
    for _ in range(3):
        src.send_command("migrate_cancel")
    reach(src, "cancelled")
    look(src)


@scenario(KEEPS)
def source_quits_in_wait_unplug(s: Session) -> None:
    """The source quits while it waits for its guest."""
    src, dst = _waiting(s)
    src.send_command("quit")
    src.wait_closed(WAIT)
    s.ended("src")
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(KEEPS)
def source_terminated_in_wait_unplug(s: Session) -> None:
    """The source is told by a signal to end while it waits for its guest."""
    src, dst = _waiting(s)
    s.kill("src", signal.SIGTERM)
    src.wait_closed(WAIT)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(KEEPS)
def source_killed_in_wait_unplug(s: Session) -> None:
    """The source is killed while it waits for its guest."""
    src, dst = _waiting(s)
    s.kill("src")
    src.wait_closed(WAIT)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(LINGERS)
def destination_killed_in_wait_unplug(s: Session) -> None:
    """The destination dies while the source waits for its guest, which the source notices when it is active."""
    src, dst = _waiting(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    look(src)
    reach(src, "active", "failed")
    look(src)


@scenario(KEEPS)
def destination_quits_in_wait_unplug(s: Session) -> None:
    """The destination quits while the source waits for its guest, which goes on as if nothing had happened."""
    src, dst = _waiting(s)
    dst.execute("quit")
    dst.wait_closed(WAIT)
    s.ended("dst")
    pause(0.6)
    look(src)
    cancel(src)
    reach(src, "cancelled")
    look(src)
