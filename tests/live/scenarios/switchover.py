"""The pause before the switch-over: going on, naming the wrong state, and what may be asked meanwhile."""

from tests.live.scenarios.steps import (
    cancel,
    enable,
    look,
    migrate,
    open_pair,
    poll,
    pre_switchover,
    reach,
    slow_start,
    tune,
)
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm

GO_ON = {"state": "pre-switchover"}


@scenario()
def pause_before_switchover(s: Session) -> None:
    """The migration pauses before the switch-over, is looked at, and goes on."""
    src, dst = pre_switchover(s)
    look(src, dst)
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def pause_before_switchover_guest_stopped(s: Session) -> None:
    """The same with a guest that was stopped before."""
    src, dst, uri = open_pair(s, "pause-before-switchover")
    src.execute("stop")
    migrate(src, uri)
    reach(src, "pre-switchover")
    look(src)
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def continue_with_wrong_states(s: Session) -> None:
    """migrate-continue has to name the state that the migration is in, whatever that is."""
    src, dst, uri = open_pair(s, "pause-before-switchover")
    for monitor in (src, dst):
        monitor.execute("migrate-continue", {"state": "none"})
        monitor.execute("migrate-continue", GO_ON)
        monitor.execute("migrate-continue", {"state": "nonsense"})
        monitor.execute("migrate-continue")
    migrate(src, uri)
    reach(src, "pre-switchover")
    for state in ("none", "setup", "active", "device", "completed", "colo"):
        src.execute("migrate-continue", {"state": state})
    look(src)
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    for state in ("completed", "pre-switchover"):
        src.execute("migrate-continue", {"state": state})
    look(src, dst)


@scenario()
def continue_repeated(s: Session) -> None:
    """Four migrate-continue in one write: the first counts, the others come too late."""
    src, dst = pre_switchover(s)
    for _ in range(4):
        src.send_command("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def continue_in_active(s: Session) -> None:
    """migrate-continue in active is accepted and does nothing; the pause still comes."""
    src, dst, _ = slow_start(s, "pause-before-switchover")
    for _ in range(3):
        src.execute("migrate-continue", {"state": "active"})
    tune(src, max_bandwidth=1 << 30)
    reach(src, "pre-switchover")
    look(src)
    src.execute("migrate-continue", GO_ON)
    poll(src, "completed", every=0.01)
    poll(dst, "completed", every=0.01)


@scenario()
def requests_in_pre_switchover(s: Session) -> None:
    """Whatever is asked of a source that pauses before the switch-over."""
    src, dst = pre_switchover(s)
    look(src, dst)
    src.execute("stop")
    src.execute("cont")
    src.execute("migrate-start-postcopy")
    src.execute("migrate-pause")
    src.execute("migrate-recover", {"uri": "unix:" + s.path("n")})
    migrate(src, "unix:" + s.path("n"))
    migrate(src, "unix:" + s.path("n"), resume=True)
    enable(src, "xbzrle")
    tune(src, downtime_limit=100)
    dst.execute("migrate-continue", GO_ON)
    cancel(dst)
    look(src, dst)
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def reset_in_pre_switchover(s: Session) -> None:
    """The guest is reset while it is stopped before the switch-over."""
    src, dst = pre_switchover(s)
    src.execute("system_reset")
    look(src)
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario({"src": Vm(), "dst": Vm(incoming="defer"), "other": Vm(incoming="defer")})
def pause_cancel_and_pause_again(s: Session) -> None:
    """Cancelled before the switch-over, then on to another destination, with the pause again."""
    src, dst = pre_switchover(s)
    cancel(src)
    reach(src, "cancelled")
    dst.wait_closed()
    s.ended("dst")
    other = s.monitor("other", capabilities=("events",))
    other.execute("migrate-incoming", {"uri": "unix:" + s.path("o")})
    migrate(src, "unix:" + s.path("o"))
    reach(src, "pre-switchover")
    look(src)
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(other, "completed")
    look(src, other)


@scenario()
def pause_before_switchover_with_return_path(s: Session) -> None:
    """The pause before the switch-over together with a return path."""
    src, dst = pre_switchover(s, "return-path")
    src.execute("migrate-continue", GO_ON)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)
