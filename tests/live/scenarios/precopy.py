"""Migrations that run through: every transport, and every run state that a guest may be in."""

import os
import socket
from pathlib import Path

from tests.live.process import wait_until_dirty
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    complete,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    reach,
    run_state,
    slow_start,
    tune,
)
from tests.live.scenarios.table import DIRTY_PAIR, scenario
from tests.live.session import Session, Vm, pause

_MOST_FAILURES = 4000
"""Migrations tried until an answer is overtaken, which happens to one in some hundreds."""

_IN_A_ROW = 16
"""Queries sent at once: enough to go on until the migration fails."""


@scenario()
def precopy_unix(s: Session) -> None:
    """A running guest migrates over a unix socket."""
    src, dst, uri = open_pair(s)
    look(src, dst)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def precopy_tcp(s: Session) -> None:
    """A running guest migrates over TCP, to a port that the destination chose."""
    src, dst, _ = open_pair(s, uri="tcp:127.0.0.1:0")
    address = dst.execute("query-migrate")["return"]["socket-address"][0]
    migrate(src, f"tcp:127.0.0.1:{address['port']}")
    poll(src, "completed", every=0.01)
    poll(dst, "completed", every=0.02)
    look(src, dst)


@scenario()
def precopy_exec_to_file(s: Session) -> None:
    """A guest is saved to a file by a command, and loaded from it by another."""
    src = s.monitor("src", capabilities=("events",))
    migrate(src, f"exec:cat > {s.path('state')}")
    reach(src, "completed")
    run_state(src, "postmigrate")
    dst = s.monitor("dst", capabilities=("events",))
    look(dst)
    listen(dst, f"exec:cat {s.path('state')}")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def precopy_fd(s: Session) -> None:
    """Both ends of a socket pair are handed over as file descriptors, and the guest migrates over them."""
    src, dst = s.monitor("src", capabilities=("events",)), s.monitor("dst", capabilities=("events",))
    ours, theirs = socket.socketpair()
    src.send_fd(ours.fileno(), "out")
    dst.send_fd(theirs.fileno(), "in")
    ours.close()
    theirs.close()
    listen(dst, "fd:in")
    look(dst)
    migrate(src, "fd:out")
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario({"src": Vm()})
def save_to_descriptor(s: Session) -> None:
    """A guest is saved to a descriptor; its name is used up, so that a second try is refused."""
    src = s.monitor("src", capabilities=("events",))
    descriptor = os.open(s.path("state"), os.O_WRONLY | os.O_CREAT)
    src.send_fd(descriptor, "out")
    os.close(descriptor)
    migrate(src, "fd:out")
    reach(src, "completed")
    run_state(src, "postmigrate")
    migrate(src, "fd:out")
    look(src)
    assert Path(s.path("state")).stat().st_size > 10_000


@scenario()
def precopy_guest_stopped_before(s: Session) -> None:
    """The guest was stopped by a client before the migration, and is still stopped after it."""
    src, dst, uri = open_pair(s)
    src.execute("stop")
    look(src)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)
    dst.execute("cont")
    look(dst)


@scenario({"src": Vm(("-S",)), "dst": Vm(incoming="defer")})
def precopy_guest_never_started(s: Session) -> None:
    """The source was started with -S, and the destination ends in prelaunch too."""
    src, dst, uri = open_pair(s)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def precopy_guest_stopped_meanwhile(s: Session) -> None:
    """A client stops the guest while the migration is active."""
    src, dst, _ = slow_start(s)
    look(src)
    src.execute("stop")
    look(src)
    complete(src, dst)
    run_state(src, "postmigrate")


@scenario()
def precopy_guest_stopped_and_continued(s: Session) -> None:
    """A client stops and continues the guest while the migration is active."""
    src, dst, _ = slow_start(s)
    for command in ("stop", "stop", "cont", "cont"):
        src.execute(command)
        look(src)
    complete(src, dst)


@scenario({"src": Vm(), "dst": Vm(("-S",), incoming="defer")})
def precopy_destination_stays_stopped(s: Session) -> None:
    """The destination was started with -S, so that the guest waits there until it is continued."""
    src, dst, uri = open_pair(s)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(dst)
    dst.execute("cont")
    look(dst)


@scenario()
def precopy_destination_stopped_while_waiting(s: Session) -> None:
    """A client says stop to the waiting destination, so that the guest is paused when it arrives."""
    src, dst, uri = open_pair(s)
    dst.execute("stop")
    look(dst)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(dst)


@scenario({"src": Vm(), "dst": Vm(("-S",), incoming="defer")})
def precopy_destination_continued_while_waiting(s: Session) -> None:
    """A client says cont to a waiting destination with -S, so that the guest runs when it arrives."""
    src, dst, uri = open_pair(s)
    dst.execute("cont")
    look(dst)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(dst)


@scenario()
def precopy_destination_stopped_while_loading(s: Session) -> None:
    """A client says stop to the destination in the middle of the migration."""
    src, dst, _ = slow_start(s)
    dst.execute("stop")
    look(dst)
    complete(src, dst)


@scenario()
def precopy_reset_meanwhile(s: Session) -> None:
    """The guest is reset while the migration is active, and the waiting destination as well."""
    src, dst, _ = slow_start(s)
    src.execute("system_reset")
    src.wait_event("RESET", WAIT)
    dst.execute("system_reset")
    look(src, dst)
    complete(src, dst)


@scenario(DIRTY_PAIR)
def precopy_dirty_guest(s: Session) -> None:
    """The guest writes its memory faster than it is sent, until it may be stopped for longer."""
    src, dst, uri = open_pair(s)
    wait_until_dirty(src, WAIT)
    tune(src, max_bandwidth=16_000_000, downtime_limit=1)
    migrate(src, uri)
    for number in (1, 2, 3):
        src.wait_event("MIGRATION_PASS", WAIT, **{"pass": number})
        src.execute("query-migrate")
    tune(src, max_bandwidth=FAST, downtime_limit=2000)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario()
def precopy_return_path(s: Session) -> None:
    """A return path tells the source how the destination fared."""
    src, dst, uri = open_pair(s, "return-path")
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario({"src": Vm(), "dst": Vm(incoming="unix:{dir}/m")})
def precopy_incoming_on_command_line(s: Session) -> None:
    """The destination listens from the start, and refuses to listen again."""
    src, dst = s.monitor("src", capabilities=("events",)), s.monitor("dst", capabilities=("events",))
    look(dst)
    listen(dst, "unix:" + s.path("n"))
    migrate(src, "unix:" + s.path("m"))
    reach(src, "completed")
    reach(dst, "completed")
    listen(dst, "unix:" + s.path("n"))
    look(src, dst)


@scenario()
def precopy_polled_only(s: Session) -> None:
    """A client polls both sides at odd intervals and never looks at an event."""
    src, dst, uri = open_pair(s)
    tune(src, max_bandwidth=2_000_000)
    migrate(src, uri)
    for interval in (0.0, 0.003, 0.011, 0.03, 0.07, 0.15):
        pause(interval)
        look(src, dst)
    poll(src, "completed", every=0.1)
    poll(dst, "completed", every=0.1)
    src.execute("query-migrate-parameters")
    src.execute("query-migrate-capabilities")


@scenario()
def precopy_downtime_and_bandwidth(s: Session) -> None:
    """The limits of a running migration are changed by the new and by the old commands."""
    src, dst, _ = slow_start(s)
    src.execute("migrate_set_downtime", {"value": 0.5})
    src.execute("migrate_set_speed", {"value": SLOW * 2})
    src.execute("query-migrate-parameters")
    pause(0.2)
    look(src)
    complete(src, dst)


@scenario({"src": Vm(("-S", "-m", "4"))})
def answer_overtaken_by_a_failure(s: Session) -> None:
    """A client asks so often while migrations fail that one answer shows the failure with the members of before."""
    src = s.monitor("src", capabilities=("events",))
    for _ in range(_MOST_FAILURES):
        src.send_command("migrate", {"uri": "exec:true"})
        asked = [src.send_command("query-migrate") for _ in range(_IN_A_ROW)]
        answers = [src.wait_reply(identity)["return"] for identity in asked]
        src.wait_status("failed")
        if any(answer["status"] == "failed" and "ram" in answer for answer in answers):
            return
        src.replies.clear()
    raise LookupError("no answer was overtaken")
