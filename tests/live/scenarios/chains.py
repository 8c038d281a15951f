"""More than one migration: on to a third VM, a second attempt, both sides running, and events in between."""

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import WAIT, enable, listen, look, migrate, poll, reach, run_state
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm

CHAIN = {"a": Vm(), "b": Vm(incoming="defer"), "c": Vm(incoming="defer")}


def _hop(s: Session, source: Monitor, destination: Monitor, name: str) -> None:
    listen(destination, "unix:" + s.path(name))
    migrate(source, "unix:" + s.path(name))
    reach(source, "completed")
    poll(destination, "completed", every=0.02)
    run_state(source, "postmigrate")
    look(source, destination)


def _open(s: Session) -> tuple[Monitor, Monitor, Monitor]:
    a, b, c = (s.monitor(name, capabilities=("events",)) for name in "abc")
    return a, b, c


@scenario(CHAIN)
def there_and_on(s: Session) -> None:
    """A guest migrates from a to b, and from b on to c; b has been a destination and is a source."""
    a, b, c = _open(s)
    _hop(s, a, b, "ab")
    run_state(b, "running")
    _hop(s, b, c, "bc")
    b.execute("migrate-incoming", {"uri": "unix:" + s.path("again")})


@scenario(CHAIN)
def there_and_on_with_a_pause(s: Session) -> None:
    """The same, the guest stopped on the way and the second hop with a pause before the switch-over."""
    a, b, c = _open(s)
    _hop(s, a, b, "ab")
    b.execute("stop")
    for monitor in (b, c):
        enable(monitor, "pause-before-switchover")
    listen(c, "unix:" + s.path("bc"))
    migrate(b, "unix:" + s.path("bc"))
    reach(b, "pre-switchover")
    look(b)
    b.execute("migrate-continue", {"state": "pre-switchover"})
    reach(b, "completed")
    reach(c, "completed")
    look(b, c)
    c.execute("cont")
    look(c)


@scenario(CHAIN)
def there_and_on_by_postcopy(s: Session) -> None:
    """The first hop is precopy and the second is postcopy."""
    a, b, c = _open(s)
    _hop(s, a, b, "ab")
    for monitor in (b, c):
        enable(monitor, "postcopy-ram")
    b.execute("migrate-set-parameters", {"max-bandwidth": 100_000})
    listen(c, "unix:" + s.path("bc"))
    migrate(b, "unix:" + s.path("bc"))
    b.execute("migrate-start-postcopy")
    reach(b, "postcopy-active", "completed")
    reach(c, "postcopy-active", "completed")
    look(b, c)


@scenario(CHAIN)
def migrated_twice_from_the_same_source(s: Session) -> None:
    """The guest has gone from a to b, and a is told to migrate once more, to c, which gets it stopped."""
    a, b, c = _open(s)
    _hop(s, a, b, "ab")
    _hop(s, a, c, "ac")
    a.execute("cont")
    look(a, b, c)


@scenario({"src": Vm(("-drive", "file={dir}/disk.qcow2,format=qcow2,if=ide"))})
def migrated_twice_with_a_disk(s: Session) -> None:
    """A guest that has gone, and its disk with it, is sent once more, which ends the process."""
    src = s.monitor("src", capabilities=("events",))
    migrate(src, f"exec:cat > {s.path('state')}")
    reach(src, "completed")
    run_state(src, "postmigrate")
    migrate(src, f"exec:cat > {s.path('state')}")
    src.wait_closed(WAIT)
    s.ended("src")


@scenario({"src": Vm(("-drive", "file={dir}/disk.qcow2,format=qcow2,if=ide"))})
def migrated_twice_with_a_disk_and_continued_between(s: Session) -> None:
    """The same, but the guest is continued in between and so gets its disk back; both migrations succeed."""
    src = s.monitor("src", capabilities=("events",))
    for _ in range(2):
        migrate(src, f"exec:cat > {s.path('state')}")
        reach(src, "completed")
        run_state(src, "postmigrate")
        src.execute("cont")
    look(src)


@scenario()
def both_sides_run(s: Session) -> None:
    """After the migration a client continues the source as well."""
    src, dst = s.monitor("src", capabilities=("events",)), s.monitor("dst", capabilities=("events",))
    _hop(s, src, dst, "m")
    run_state(src, "postmigrate")
    src.execute("cont")
    look(src, dst)
    src.execute("system_reset")
    look(src, dst)


@scenario({"src": Vm()})
def events_between_two_saves(s: Session) -> None:
    """The events are off for the first migration of a VM, on for the second, and off for the third."""
    src = s.monitor("src")
    for state in (False, True, False):
        enable(src, "events", state=state)
        migrate(src, "exec:cat > /dev/null")
        poll(src, "completed", every=0.02)
        run_state(src, "postmigrate")
        src.execute("cont")
    enable(src, "events")
    migrate(src, "bogus")
    look(src)


@scenario()
def save_then_load_elsewhere_then_save(s: Session) -> None:
    """A stopped guest is saved to a file, loaded by another VM, and saved there again."""
    src, dst = s.monitor("src", capabilities=("events",)), s.monitor("dst", capabilities=("events",))
    src.execute("stop")
    migrate(src, f"exec:cat > {s.path('one')}")
    reach(src, "completed")
    run_state(src, "postmigrate")
    listen(dst, f"exec:cat {s.path('one')}")
    reach(dst, "completed")
    look(src, dst)
    migrate(dst, f"exec:cat > {s.path('two')}")
    reach(dst, "completed")
    look(dst)
