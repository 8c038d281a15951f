"""COLO beyond its beginning: checkpoints, the failover and what comes after it, and a migration out of it.

After some checkpoints the primary of this release hangs, with the guest stopped.
"""

import signal
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import FAST, SLOW, WAIT, cancel, enable, listen, look, migrate, open_pair, reach, tune
from tests.live.scenarios.table import PAIR, scenario
from tests.live.session import Session, Vm, pause

DELAY: Final = 100
"""Milliseconds between two checkpoints, in place of twenty seconds."""

SILENCE: Final = 1.0
"""Seconds without an answer after which the primary counts as hanging."""

LOOKS: Final = 100
"""How often the primary is looked at before it counts as one that does not hang."""


def _colo(s: Session, delay: int | None = None) -> tuple[Monitor, Monitor]:
    """Bring a pair into COLO, and wait until the primary runs again."""
    src, dst, uri = open_pair(s, "x-colo")
    if delay is not None:
        tune(src, x_checkpoint_delay=delay)
    migrate(src, uri)
    reach(src, "colo")
    reach(dst, "colo")
    src.wait_event("RESUME", WAIT)
    return src, dst


def _hang(src: Monitor) -> None:
    """Look at a primary until it does not answer; raises `RuntimeError` where it always does."""
    for _ in range(LOOKS):
        try:
            for query in ("query-status", "query-colo-status"):
                src.wait_reply(src.send_command(query), SILENCE)
        except TimeoutError:
            return
        pause(0.05)
    raise RuntimeError("the primary still answers")


def _take_over(monitor: Monitor) -> None:
    """Order the failover, and look at what comes of it."""
    monitor.execute("x-colo-lost-heartbeat")
    monitor.execute("query-colo-status")
    reach(monitor, "completed")
    pause(0.2)
    look(monitor)
    monitor.execute("query-colo-status")


def _quits(s: Session, vm: str, monitor: Monitor) -> int:
    monitor.send_command("quit")
    monitor.wait_closed(WAIT)
    return s.ended(vm)


@scenario()
def colo_checkpoints(s: Session) -> None:
    """One checkpoint after the other, until the primary hangs in the midst of one; the secondary answers."""
    src, dst = _colo(s, DELAY)
    _hang(src)
    look(dst)
    dst.execute("query-colo-status")


@scenario({"src": Vm(("-S",)), "dst": Vm(incoming="defer")})
def colo_checkpoints_guest_never_started(s: Session) -> None:
    """COLO starts a guest that was never started, on both sides."""
    src, dst = _colo(s, DELAY)
    _hang(src)
    look(dst)
    dst.execute("query-colo-status")


@scenario()
def colo_takeover_by_the_secondary_after_checkpoints(s: Session) -> None:
    """The primary hangs and is killed, and the secondary takes over and quits in peace."""
    src, dst = _colo(s, DELAY)
    _hang(src)
    s.kill("src")
    src.wait_closed(WAIT)
    pause(0.2)
    _take_over(dst)
    _quits(s, "dst", dst)


@scenario()
def colo_takeover_by_the_hanging_primary(s: Session) -> None:
    """The secondary is killed, which does not wake the hanging primary, as little as an ordered failover."""
    src, dst = _colo(s, DELAY)
    _hang(src)
    s.kill("dst")
    dst.wait_closed(WAIT)
    order = src.send_command("x-colo-lost-heartbeat")
    try:
        src.wait_reply(order, SILENCE)
    except TimeoutError:
        return
    look(src)


@scenario()
def colo_primary_quits_after_the_failover_and_crashes(s: Session) -> None:
    """A primary that has gone on alone crashes when it quits."""
    src, dst = _colo(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    _take_over(src)
    if (status := _quits(s, "src", src)) >= 0:
        raise RuntimeError(f"the primary ended with {status}")


@scenario()
def colo_primary_terminated_after_the_failover(s: Session) -> None:
    """Where a signal ends it, it may crash as well."""
    src, dst = _colo(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    _take_over(src)
    s.kill("src", signal.SIGTERM)
    src.wait_closed(WAIT)


@scenario()
def colo_primary_migrates_after_the_failover(s: Session) -> None:
    """A primary that has gone on alone saves its guest to a command."""
    src, dst = _colo(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    _take_over(src)
    enable(src, "x-colo", state=False)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "completed")
    look(src)


@scenario()
def colo_primary_quits(s: Session) -> None:
    """The primary quits in COLO, without a word of a cancel; the secondary notices and takes over."""
    src, dst = _colo(s)
    _quits(s, "src", src)
    pause(0.2)
    look(dst)
    _take_over(dst)


@scenario()
def colo_secondary_quits(s: Session) -> None:
    """The secondary quits in COLO, and the primary takes over."""
    src, dst = _colo(s)
    _quits(s, "dst", dst)
    pause(0.2)
    look(src)
    _take_over(src)


@scenario()
def colo_takeover_by_both(s: Session) -> None:
    """Both sides are told to take over, so that the guest runs twice."""
    src, dst = _colo(s)
    _take_over(src)
    _take_over(dst)


@scenario()
def colo_takeover_by_the_secondary_of_a_healthy_primary(s: Session) -> None:
    """The secondary is told to take over though nothing is wrong with the primary, so that the guest runs twice."""
    src, dst = _colo(s)
    _take_over(dst)
    dst.wait_event("COLO_EXIT", WAIT)
    look(src, dst)


@scenario()
def colo_takeover_ordered_repeatedly(s: Session) -> None:
    """Four orders in one write: the first counts."""
    src, dst = _colo(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    for _ in range(4):
        src.send_command("x-colo-lost-heartbeat")
    reach(src, "completed")
    pause(0.2)
    look(src)
    src.execute("query-colo-status")


@scenario()
def colo_requests(s: Session) -> None:
    """Whatever else is asked in COLO, of both sides."""
    src, dst = _colo(s)
    for monitor in (src, dst):
        monitor.execute("device_add", {"driver": "virtio-rng-pci", "id": "rng"})
        monitor.execute("device_del", {"id": "rng"})
        monitor.execute("migrate-start-postcopy")
        monitor.execute("migrate-recover", {"uri": "unix:" + s.path("n")})
        monitor.execute("migrate-continue", {"state": "colo"})
        monitor.execute("migrate-continue", {"state": "none"})
        migrate(monitor, "unix:" + s.path("n"), resume=True)
        enable(monitor, "xbzrle")
        tune(monitor, downtime_limit=100)
        monitor.execute("stop")
        monitor.execute("cont")
        monitor.execute("system_reset")
        look(monitor)
    listen(dst, "unix:" + s.path("n"))


@scenario()
def colo_cancel_is_noticed_at_the_next_checkpoint(s: Session) -> None:
    """A cancel in COLO breaks the connection, which each side notices in its time; neither takes over."""
    src, dst = _colo(s, 5 * DELAY)
    cancel(src)
    look(src, dst)
    src.wait_event("COLO_EXIT", WAIT)
    look(src, dst)
    for monitor in (src, dst):
        monitor.execute("query-colo-status")


@scenario()
def colo_loss_is_noticed_at_the_next_checkpoint(s: Session) -> None:
    """The primary notices at its next checkpoint that the secondary has gone, and takes over without a word more."""
    src, dst = _colo(s, 5 * DELAY)
    s.kill("dst")
    dst.wait_closed(WAIT)
    src.wait_event("COLO_EXIT", WAIT)
    look(src)
    src.execute("query-colo-status")
    _take_over(src)


@scenario(PAIR | {"other": Vm(incoming="defer")})
def colo_primary_migrates_elsewhere(s: Session) -> None:
    """A migration may begin in COLO, whose end the old thread finds meanwhile; the guest runs twice."""
    src, dst = _colo(s, 5 * DELAY)
    enable(src, "x-colo", state=False)
    other = s.monitor("other", capabilities=("events",))
    listen(other, "unix:" + s.path("o"))
    tune(src, max_bandwidth=SLOW)
    migrate(src, "unix:" + s.path("o"))
    reach(src, "active")
    src.wait_event("COLO_EXIT", WAIT)
    look(src, dst)
    tune(src, max_bandwidth=FAST)
    reach(src, "completed")
    reach(other, "completed")
    pause(0.2)
    look(src, dst, other)
    src.execute("query-colo-status")
    src.execute("x-colo-lost-heartbeat")
    dst.execute("query-colo-status")


@scenario()
def colo_primary_migrates_to_a_malformed_address(s: Session) -> None:
    """A malformed address in COLO ends it: the primary has failed, and the secondary is not told."""
    src, dst = _colo(s, 5 * DELAY)
    migrate(src, "bogus")
    look(src)
    src.execute("query-colo-status")
    src.wait_event("COLO_EXIT", WAIT)
    look(src, dst)
    src.execute("query-colo-status")
    src.execute("x-colo-lost-heartbeat")
    dst.execute("query-colo-status")


@scenario()
def colo_secondary_migrates(s: Session) -> None:
    """A secondary in COLO saves its guest to a command, which hides that it is one."""
    src, dst = _colo(s)
    enable(dst, "x-colo", state=False)
    migrate(dst, "exec:cat > /dev/null")
    reach(dst, "completed")
    pause(0.2)
    look(src, dst)
    dst.execute("query-colo-status")
