"""Numbers of query-migrate that are related only under a capability, in a phase, or with parameters that were read.

A client that lists the capabilities and reads the parameters first, and asks often, lets a judge know enough to hold
the numbers against each other.
"""

import signal
from typing import Final

from tests.live.monitor import Monitor
from tests.live.process import wait_until_dirty
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    finish_postcopy,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    postcopy_paused,
    reach,
    tune,
)
from tests.live.scenarios.table import DIRTY_PAIR, scenario
from tests.live.session import Session, pause

LOOKS: Final = 4
"""How often an answer is asked for once more, where two are compared."""


def _introduce(*monitors: Monitor) -> None:
    """Ask for all that numbers may depend on."""
    for monitor in monitors:
        for query in ("query-migrate", "query-migrate-capabilities", "query-migrate-parameters"):
            monitor.execute(query)


def _watch(monitor: Monitor, times: int = LOOKS) -> None:
    for _ in range(times):
        monitor.execute("query-migrate")


def _see_out(src: Monitor, dst: Monitor) -> None:
    """Let a precopy end, and look at its numbers once it has its times."""
    tune(src, max_bandwidth=FAST, downtime_limit=2000)
    reach(src, "completed")
    reach(dst, "completed")
    pause(0.1)
    _watch(src)
    look(dst)


@scenario(DIRTY_PAIR)
def numbers_of_xbzrle(s: Session) -> None:
    """A migration with differences of pages, its numbers watched from the first to the last."""
    src, dst, uri = open_pair(s, "xbzrle")
    tune(src, xbzrle_cache_size=1 << 25)
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=16_000_000, downtime_limit=1)
    _introduce(src)
    migrate(src, uri)
    for number in (2, 3):
        src.wait_event("MIGRATION_PASS", WAIT, **{"pass": number})
        _watch(src)
    _see_out(src, dst)


@scenario()
def numbers_of_compression(s: Session) -> None:
    """A migration that compresses its pages, its numbers watched from the first to the last."""
    src, dst = (s.monitor(vm, capabilities=("events", "compress")) for vm in ("src", "dst"))
    tune(src, compress_level=1, compress_threads=2, compress_wait_thread=True, max_bandwidth=SLOW)
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    _introduce(src)
    migrate(src, uri)
    reach(src, "active")
    _watch(src)
    _see_out(src, dst)


@scenario()
def numbers_of_multifd(s: Session) -> None:
    """A migration over two channels, its numbers watched from the first to the last."""
    src, dst, uri = open_pair(s, "multifd")
    tune(src, max_bandwidth=SLOW)
    _introduce(src)
    migrate(src, uri)
    reach(src, "active")
    _watch(src)
    _see_out(src, dst)


@scenario(DIRTY_PAIR)
def numbers_of_the_throttle(s: Session) -> None:
    """The guest is slowed down step by step, by parameters that were read before."""
    src, dst, uri = open_pair(s, "auto-converge")
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=12_000_000, downtime_limit=20, throttle_trigger_threshold=1)
    tune(src, cpu_throttle_initial=10, cpu_throttle_increment=5, max_cpu_throttle=30)
    _introduce(src)
    migrate(src, uri)
    for _ in range(5):
        src.wait_event("MIGRATION_PASS", WAIT)
        _watch(src)
    poll(src, "active")
    for _ in range(20):
        if "cpu-throttle-percentage" in src.execute("query-migrate")["return"]:
            break
        pause(0.2)
    else:
        raise RuntimeError("the guest is not slowed down")
    _watch(src)
    _see_out(src, dst)


@scenario()
def numbers_of_a_recovery(s: Session) -> None:
    """Nothing is sent while a recovery waits for the destination, which is held with a signal."""
    src, dst, uri = postcopy_paused(s)
    dst.execute("migrate-recover", {"uri": uri}, oob=True)
    s.processes["dst"].process.send_signal(signal.SIGSTOP)
    migrate(src, uri, resume=True)
    reach(src, "postcopy-recover")
    _watch(src)
    s.processes["dst"].process.send_signal(signal.SIGCONT)
    reach(src, "postcopy-active")
    reach(dst, "postcopy-recover", "postcopy-active")
    finish_postcopy(src, dst)
