"""Steps that many scenarios share.  Each waits for at most `WAIT` seconds."""

import time
from collections.abc import Iterable
from typing import Any, Final

from tests.live.monitor import Message, Monitor
from tests.live.session import Session

WAIT: Final = 6.0
"""Seconds after which a step fails."""

SLOW: Final = 40_000
"""A `max-bandwidth`, in bytes a second, with which the smallest guest takes more than ten seconds."""

SETTLING: Final = 0.03
"""Seconds after a final status until the next migrate is safe: one that comes before the migration thread has
wound up crashes QEMU or confuses it."""

FAST: Final = 1 << 30
"""A `max-bandwidth` that is no limit."""


def enable(monitor: Monitor, *names: str, state: bool = True) -> Message:
    """Switch capabilities on, or off."""
    states = [{"capability": name, "state": state} for name in names]
    return monitor.execute("migrate-set-capabilities", {"capabilities": states})


def tune(monitor: Monitor, **parameters: Any) -> Message:
    """Set parameters; `_` in a name stands for `-`."""
    return monitor.execute(
        "migrate-set-parameters", {name.replace("_", "-"): value for name, value in parameters.items()}
    )


def open_pair(
    s: Session, *capabilities: str, oob: bool = False, uri: str | None = None
) -> tuple[Monitor, Monitor, str]:
    """Connect to `src` and `dst` with events and these capabilities on, and let `dst` listen.

    Returns both monitors and the URI for `migrate`.
    """
    wanted = ("events", *capabilities)
    src = s.monitor("src", oob=oob, capabilities=wanted)
    dst = s.monitor("dst", oob=oob, capabilities=wanted)
    uri = uri or "unix:" + s.path("m")
    listen(dst, uri)
    return src, dst, uri


def listen(monitor: Monitor, uri: str) -> Message:
    """Let a waiting VM listen."""
    return monitor.execute("migrate-incoming", {"uri": uri})


def migrate(monitor: Monitor, uri: str, **arguments: Any) -> Message:
    """Ask for a migration; the reply may be a refusal."""
    return monitor.execute("migrate", {"uri": uri, **arguments})


def cancel(monitor: Monitor) -> Message:
    """Ask for the end of the outgoing migration."""
    return monitor.execute("migrate_cancel")


def reach(monitor: Monitor, *statuses: str) -> None:
    """Wait for the events of these statuses, one after the other."""
    for status in statuses:
        monitor.wait_event("MIGRATION", WAIT, status=status)


def look(*monitors: Monitor) -> None:
    """Ask each VM for its run state and its migration status."""
    for monitor in monitors:
        for query in ("query-status", "query-migrate"):
            monitor.wait_reply(monitor.send_command(query), WAIT)


def poll(monitor: Monitor, wanted: str | Iterable[str], every: float = 0.05, timeout: float = WAIT) -> Message:
    """Ask for the migration status at this interval until it is (one of) the wanted."""
    statuses = {wanted} if isinstance(wanted, str) else set(wanted)
    deadline = time.monotonic() + timeout
    while True:
        answer: Message = monitor.execute("query-migrate")["return"]
        if answer.get("status") in statuses:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"status {answer.get('status')}, not {sorted(statuses)}")
        time.sleep(every)


def run_state(monitor: Monitor, wanted: str, timeout: float = WAIT) -> None:
    """Ask for the run state until it is the wanted; after a migration it may lag behind the status."""
    deadline = time.monotonic() + timeout
    while (state := monitor.execute("query-status")["return"]["status"]) != wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"run state {state}, not {wanted}")
        time.sleep(0.03)


def arrived(monitor: Monitor) -> None:
    """Wait until a destination is through with the switch to postcopy: a break before that ends it."""
    deadline = time.monotonic() + WAIT
    while monitor.execute("query-status")["return"]["status"] == "inmigrate":
        if time.monotonic() > deadline:
            raise TimeoutError("the destination is still in inmigrate")
        time.sleep(0.03)


def hmp(monitor: Monitor, line: str) -> Message:
    """Let the human monitor run a line."""
    return monitor.execute("human-monitor-command", {"command-line": line})


def slow_start(
    s: Session, *capabilities: str, oob: bool = False, uri: str | None = None
) -> tuple[Monitor, Monitor, str]:
    """Start a migration that stays active until its bandwidth is raised, and wait until it is."""
    src, dst, uri = open_pair(s, *capabilities, oob=oob, uri=uri)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    reach(dst, "active")
    return src, dst, uri


def complete(src: Monitor, dst: Monitor) -> None:
    """Let a slow migration end, and see both sides out."""
    tune(src, max_bandwidth=FAST)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


def pre_switchover(s: Session, *capabilities: str) -> tuple[Monitor, Monitor]:
    """Bring a migration to its pause before the switch-over."""
    src, dst, uri = open_pair(s, "pause-before-switchover", *capabilities)
    migrate(src, uri)
    reach(src, "pre-switchover")
    return src, dst


def switch(s: Session, *capabilities: str, oob: bool = False) -> tuple[Monitor, Monitor, str]:
    """Bring a migration just into a postcopy phase that lasts until its bandwidth is raised."""
    src, dst, uri = open_pair(s, "postcopy-ram", *capabilities, oob=oob)
    tune(src, max_bandwidth=SLOW, max_postcopy_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    reach(dst, "postcopy-active")
    return src, dst, uri


def postcopy(s: Session, *capabilities: str, oob: bool = False) -> tuple[Monitor, Monitor, str]:
    """Bring a migration into such a postcopy phase, and wait until the destination has the guest."""
    src, dst, uri = switch(s, *capabilities, oob=oob)
    arrived(dst)
    return src, dst, uri


def postcopy_paused(s: Session, *capabilities: str) -> tuple[Monitor, Monitor, str]:
    """Break a postcopy phase by command, and wait until both sides have noticed."""
    src, dst, uri = postcopy(s, *capabilities, oob=True)
    src.execute("migrate-pause", oob=True)
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    return src, dst, uri


def resume(src: Monitor, dst: Monitor, uri: str, *, oob: bool = True) -> None:
    """Recover a broken postcopy phase over a new connection."""
    dst.execute("migrate-recover", {"uri": uri}, oob=oob)
    migrate(src, uri, resume=True)
    reach(src, "postcopy-recover", "postcopy-active")
    reach(dst, "postcopy-recover", "postcopy-active")


def finish_postcopy(src: Monitor, dst: Monitor) -> None:
    """Let a postcopy phase end, and see both sides out."""
    tune(src, max_postcopy_bandwidth=0)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)
