"""One side goes away, in each of three phases and in each of four ways; the other side has to cope."""

import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    WAIT,
    complete,
    finish_postcopy,
    look,
    migrate,
    postcopy,
    pre_switchover,
    reach,
    slow_start,
)
from tests.live.scenarios.table import PAIR, STILL_PAIR, add, scenario
from tests.live.session import Session, pause

Pair = tuple[Monitor, Monitor]
Leave = Callable[[Session, Monitor, str], None]


def _active(s: Session) -> Pair:
    src, dst, _ = slow_start(s)
    return src, dst


def _postcopy(s: Session) -> Pair:
    src, dst, _ = postcopy(s)
    return src, dst


PHASES: Final[Mapping[str, Callable[[Session], Pair]]] = MappingProxyType(
    {"active": _active, "pre-switchover": pre_switchover, "postcopy-active": _postcopy}
)
"""What brings a pair into each phase."""


def _killed(s: Session, monitor: Monitor, vm: str) -> None:
    s.kill(vm)


def _terminated(s: Session, monitor: Monitor, vm: str) -> None:
    s.kill(vm, signal.SIGTERM)


def _quit(s: Session, monitor: Monitor, vm: str) -> None:
    monitor.send_command("quit")
    monitor.wait_closed(WAIT)
    s.ended(vm)


WAYS: Final[Mapping[str, Leave]] = MappingProxyType({"killed": _killed, "terminated": _terminated, "quits": _quit})
"""How a process ends."""

_CAPABILITIES: Final[tuple[str, ...]] = ("events",)


def _source_leaves(phase: str, way: Leave) -> Callable[[Session], None]:
    def act(s: Session) -> None:
        src, dst = PHASES[phase](s)
        way(s, src, "src")
        if phase == "postcopy-active":
            reach(dst, "postcopy-paused")
            look(dst)
        else:
            dst.wait_closed(WAIT)
            s.ended("dst")

    return act


def _destination_leaves(phase: str, way: Leave) -> Callable[[Session], None]:
    def act(s: Session) -> None:
        src, dst = PHASES[phase](s)
        way(s, dst, "dst")
        dst.wait_closed(WAIT)
        if phase == "pre-switchover":
            pause(0.15)
            look(src)
            src.execute("migrate-continue", {"state": "pre-switchover"})
            src.wait_event(_final, WAIT)
        else:
            reach(src, "postcopy-paused" if phase == "postcopy-active" else "failed")
        look(src)
        src.execute("cont")
        look(src)

    return act


def _final(event: dict[str, dict[str, str]]) -> bool:
    return event.get("data", {}).get("status") in ("failed", "completed")


for _phase in PHASES:
    for _name, _way in WAYS.items():
        for _vm, _leaves in (("source", _source_leaves), ("destination", _destination_leaves)):
            add(
                f"{_vm}-{_name}-in-{_phase}",
                f"The {_vm} {_name if _name == 'quits' else 'is ' + _name} in {_phase}.",
                STILL_PAIR if _phase == "postcopy-active" else PAIR,
                _leaves(_phase, _way),
            )


@scenario()
def clients_leave_in_active(s: Session) -> None:
    """Both clients close their monitors in mid-migration, and come back when it is over."""
    src, dst, _ = slow_start(s)
    src.execute("migrate-set-parameters", {"max-bandwidth": 4_000_000})
    src.close()
    dst.close()
    pause(0.6)
    look(s.monitor("src"), s.monitor("dst"))


@scenario()
def clients_leave_in_pre_switchover(s: Session) -> None:
    """Both clients close their monitors before the switch-over, and others come and continue it."""
    src, dst = pre_switchover(s)
    src.close()
    dst.close()
    src, dst = s.monitor("src"), s.monitor("dst")
    look(src, dst)
    src.execute("migrate-continue", {"state": "pre-switchover"})
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def clients_leave_in_postcopy(s: Session) -> None:
    """Both clients close their monitors after the switch, and others see the rest."""
    src, dst, _ = postcopy(s)
    src.close()
    dst.close()
    src, dst = s.monitor("src"), s.monitor("dst")
    look(src, dst)
    finish_postcopy(src, dst)


@scenario()
def destination_quits_before_anything(s: Session) -> None:
    """The destination is gone when the source wants to connect."""
    src, dst = s.monitor("src", capabilities=_CAPABILITIES), s.monitor("dst", capabilities=_CAPABILITIES)
    uri = "unix:" + s.path("m")
    dst.execute("migrate-incoming", {"uri": uri})
    dst.execute("quit")
    dst.wait_closed(WAIT)
    s.ended("dst")
    migrate(src, uri)
    reach(src, "failed")
    look(src)


@scenario()
def both_quit_after_completion(s: Session) -> None:
    """The source is ended after the migration, and the destination some time later."""
    src, dst, _ = slow_start(s)
    complete(src, dst)
    src.execute("quit")
    src.wait_closed(WAIT)
    s.ended("src")
    look(dst)
    dst.execute("quit")
    dst.wait_closed(WAIT)
    s.ended("dst")
