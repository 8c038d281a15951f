"""Addresses that lead nowhere: malformed, refused, of dying commands, and of visitors that are no source."""

import socket

from tests.live.scenarios.steps import (
    SETTLING,
    SLOW,
    WAIT,
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

ALONE = {"src": Vm()}
WAITING = {"dst": Vm(incoming="defer")}

MALFORMED = (
    "",
    "defer",
    "unix",
    "unix:",
    "TCP:127.0.0.1:1",
    "FD:x",
    "file:/tmp/x",
    "http://127.0.0.1/",
    " unix:/tmp/x",
    "tcp:",
    "tcp:foo",
    "tcp:127.0.0.1",
    "tcp:127.0.0.1:",
    "tcp::",
    "tcp:[::1",
    "tcp:127.0.0.1:1,to=x",
    "tcp:127.0.0.1:1,ipv4=maybe",
    "vsock:",
    "vsock:1",
    "rdma:",
    "fd:",
    "fd:nofd",
    "fd:1",
)
"""Addresses that are refused at once, by `migrate` and by `migrate-incoming`, but for the last one there."""

UNREACHABLE = (
    "unix:/nonexistent/m",
    "unix:/" + "x" * 120,
    "tcp:127.0.0.1:1",
    "tcp:127.0.0.1:0",
    "tcp:127.0.0.1:abc",
    "tcp:127.0.0.1:1,ipv4=off,ipv6=off",
    "vsock:x:1",
    "vsock:1:x",
)
"""Addresses that `migrate` accepts and cannot connect to."""


@scenario(ALONE)
def migrate_to_malformed_addresses(s: Session) -> None:
    """Each kind of address that cannot be understood is refused, but counts as a failed migration."""
    src = s.monitor("src", capabilities=("events",))
    for uri in MALFORMED:
        migrate(src, uri)
        src.execute("query-migrate")
    migrate(src, "bogus", detach=True)
    look(src)


@scenario(ALONE)
def migrate_to_malformed_addresses_events_off(s: Session) -> None:
    """The same without the events, so that only the polls show the failures."""
    src = s.monitor("src")
    for uri in MALFORMED[::3]:
        migrate(src, uri)
        src.execute("query-migrate")


@scenario(ALONE)
def migrate_to_unreachable_addresses(s: Session) -> None:
    """Each kind of address that nobody listens on is accepted, and the migration fails a moment later."""
    src = s.monitor("src", capabilities=("events",))
    for uri in UNREACHABLE:
        migrate(src, uri)
        reach(src, "failed")
        src.execute("query-migrate")
    look(src)


@scenario(ALONE)
def migrate_after_refusal_clears_the_error(s: Session) -> None:
    """The error of one attempt has gone when the next begins, though that one has none of its own."""
    src = s.monitor("src", capabilities=("events",))
    migrate(src, "tcp:foo")
    look(src)
    migrate(src, "bogus")
    look(src)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "completed")
    look(src)


@scenario(ALONE)
def migrate_to_a_command_that_dies(s: Session) -> None:
    """A command that takes nothing, one that takes a little, and one that does not exist."""
    src = s.monitor("src", capabilities=("events",))
    for command in ("exit 1", "head -c 1000 > /dev/null", "no-such-command", ""):
        migrate(src, "exec:" + command)
        poll(src, ("failed", "completed"), every=0.02)
        pause(SETTLING)
        src.execute("query-migrate")


@scenario(WAITING)
def listen_on_malformed_addresses(s: Session) -> None:
    """Each kind of address that cannot be understood is refused, and the last try still succeeds."""
    dst = s.monitor("dst", capabilities=("events",))
    for uri in MALFORMED[:-1]:
        listen(dst, uri)
    for uri in ("unix:/nonexistent/m", "tcp:192.0.2.1:4444", "tcp:127.0.0.1:abc"):
        listen(dst, uri)
    look(dst)
    listen(dst, "unix:" + s.path("m"))
    look(dst)


@scenario({"dst": Vm(incoming="defer"), "src": Vm()})
def listen_twice_and_where_nobody_waits(s: Session) -> None:
    """migrate-incoming without -incoming, a second time, and after the migration."""
    src, dst, uri = open_pair(s)
    listen(src, uri)
    listen(dst, uri)
    listen(dst, "bogus")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    listen(dst, uri)
    listen(src, uri)
    look(src, dst)


@scenario(WAITING)
def migrate_away_from_a_waiting_destination(s: Session) -> None:
    """A VM that waits for a guest has none to send."""
    dst = s.monitor("dst", capabilities=("events",))
    migrate(dst, "unix:" + s.path("m"))
    listen(dst, "unix:" + s.path("m"))
    migrate(dst, "unix:" + s.path("m"))
    migrate(dst, "bogus")
    migrate(dst, "unix:" + s.path("m"), resume=True)
    look(dst)


@scenario(WAITING)
def destination_visited_by_a_health_check(s: Session) -> None:
    """Somebody connects to the listening destination and closes at once, which ends it."""
    dst = s.monitor("dst", capabilities=("events",))
    listen(dst, "unix:" + s.path("m"))
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(s.path("m"))
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(WAITING)
def destination_visited_by_a_stranger(s: Session) -> None:
    """Somebody connects to the listening destination, waits a little, and speaks another protocol."""
    dst = s.monitor("dst", capabilities=("events",))
    listen(dst, "unix:" + s.path("m"))
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(s.path("m"))
        reach(dst, "active")
        look(dst)
        visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
        dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(WAITING)
def destination_loads_from_a_silent_command(s: Session) -> None:
    """A command that says nothing and exits leaves the destination waiting, with no sign of it."""
    dst = s.monitor("dst", capabilities=("events",))
    listen(dst, "exec:exit 1")
    pause(0.2)
    look(dst)
    listen(dst, "exec:exit 1")


@scenario(WAITING)
def destination_loads_garbage_from_a_command(s: Session) -> None:
    """A command that says nothing sensible ends the destination."""
    dst = s.monitor("dst", capabilities=("events",))
    listen(dst, "exec:echo garbage")
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario({"src": Vm(), "dst": Vm(incoming="defer")})
def second_connection_is_refused(s: Session) -> None:
    """While one migration is under way, nobody listens any more for another."""
    src, dst, uri = open_pair(s)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(dst, "active")
    migrate(dst, uri)
    enable(dst, "xbzrle")
    with socket.socket(socket.AF_UNIX) as visitor:
        assert visitor.connect_ex(s.path("m")) != 0
    look(src, dst)
