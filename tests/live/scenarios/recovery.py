"""Broken postcopy phases: recovered, recovered twice, and every way in which a recovery goes wrong."""

import socket

from tests.live.scenarios.steps import (
    SLOW,
    WAIT,
    arrived,
    cancel,
    finish_postcopy,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    postcopy,
    postcopy_paused,
    reach,
    resume,
    switch,
    tune,
)
from tests.live.scenarios.table import STILL_PAIR, scenario
from tests.live.session import Session, Vm, pause


@scenario(STILL_PAIR)
def recover_once(s: Session) -> None:
    """The postcopy phase is broken by command, recovered over a new address, and ends."""
    src, dst, _ = postcopy_paused(s)
    look(src, dst)
    resume(src, dst, "unix:" + s.path("r"))
    look(src, dst)
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def recover_twice(s: Session) -> None:
    """The postcopy phase is broken and recovered two times."""
    src, dst, _ = postcopy_paused(s)
    resume(src, dst, "unix:" + s.path("r1"))
    src.execute("migrate-pause")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    look(src, dst)
    resume(src, dst, "unix:" + s.path("r2"), oob=False)
    look(src, dst)
    finish_postcopy(src, dst)


@scenario()
def recover_running_guest(s: Session) -> None:
    """The guest runs on the destination, which is commanded out of band for its main loop may be waiting."""
    src, dst, _ = postcopy(s, oob=True)
    dst.wait_event("RESUME", WAIT)
    src.execute("migrate-pause", oob=True)
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    resume(src, dst, "unix:" + s.path("r"))
    finish_postcopy(src, dst)


@scenario()
def destination_monitor_waits_for_a_page(s: Session) -> None:
    """An ordinary query of the destination of a broken postcopy phase may wait until it is recovered."""
    src, dst, _ = postcopy(s, oob=True)
    dst.wait_event("RESUME", WAIT)
    src.execute("migrate-pause", oob=True)
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    late = dst.send_command("query-status")
    pause(0.2)
    resume(src, dst, "unix:" + s.path("r"))
    finish_postcopy(src, dst)
    dst.wait_reply(late, WAIT)


@scenario(STILL_PAIR)
def recover_after_a_pause_by_the_destination(s: Session) -> None:
    """The destination is told to break the connection, in band."""
    src, dst, uri = postcopy(s)
    dst.execute("migrate-pause")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    look(src, dst)
    resume(src, dst, uri, oob=False)
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def recover_over_tcp(s: Session) -> None:
    """The recovery goes over TCP, to a port that the destination chose."""
    src, dst, _ = postcopy_paused(s)
    dst.execute("migrate-recover", {"uri": "tcp:127.0.0.1:0"}, oob=True)
    port = dst.execute("query-migrate")["return"]["socket-address"][0]["port"]
    migrate(src, f"tcp:127.0.0.1:{port}", resume=True)
    reach(src, "postcopy-recover", "postcopy-active")
    look(src, dst)
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def recover_refused(s: Session) -> None:
    """Pause, recover and resume without a migration, too early, and on the wrong side."""
    uri = "unix:" + s.path("r")
    src, dst = s.monitor("src"), s.monitor("dst")
    for monitor in (src, dst):
        monitor.execute("migrate-pause")
        monitor.execute("migrate-recover", {"uri": uri})
        monitor.execute("migrate-recover")
        migrate(monitor, uri, resume=True)
    src.close()
    dst.close()
    src, dst, _ = postcopy(s)
    dst.execute("migrate-recover", {"uri": uri})
    migrate(src, uri, resume=True)
    src.execute("migrate-pause")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    src.execute("migrate-recover", {"uri": uri})
    src.execute("migrate-pause")
    dst.execute("migrate-pause")
    migrate(dst, uri, resume=True)
    migrate(src, uri)
    look(src, dst)
    resume(src, dst, uri, oob=False)
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def recover_triggered_twice(s: Session) -> None:
    """A second migrate-recover is refused while the first still waits for the source."""
    src, dst, _ = postcopy_paused(s)
    dst.execute("migrate-recover", {"uri": "unix:" + s.path("r")})
    dst.execute("migrate-recover", {"uri": "unix:" + s.path("r2")})
    look(dst)
    migrate(src, "unix:" + s.path("r"), resume=True)
    reach(src, "postcopy-recover", "postcopy-active")
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def recover_at_a_bad_address(s: Session) -> None:
    """A refused address uses up the recovery: no other is accepted after it."""
    src, dst, _ = postcopy_paused(s)
    for uri in ("bogus", "unix:" + s.path("r")):
        dst.execute("migrate-recover", {"uri": uri})
    look(src, dst)


@scenario(STILL_PAIR)
def resume_to_malformed_addresses(s: Session) -> None:
    """A malformed address for the resumption is refused without any harm."""
    src, dst, _ = postcopy_paused(s)
    for uri in ("foo:bar", "tcp:foo", "fd:nofd", "unix:"):
        migrate(src, uri, resume=True)
        src.execute("query-migrate")
    resume(src, dst, "unix:" + s.path("r"))
    finish_postcopy(src, dst)


@scenario(STILL_PAIR)
def resume_to_nobody(s: Session) -> None:
    """A resumption that finds nobody fails in silence, and the next one ends both sides."""
    src, dst, _ = postcopy_paused(s)
    migrate(src, "unix:" + s.path("nobody"), resume=True)
    pause(0.2)
    look(src, dst)
    dst.execute("migrate-recover", {"uri": "unix:" + s.path("r")}, oob=True)
    src.send_command("migrate", {"uri": "unix:" + s.path("r"), "resume": True})
    src.wait_closed(WAIT)
    s.ended("src")
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(STILL_PAIR)
def recovery_visited_by_a_stranger(s: Session) -> None:
    """Somebody other than the source connects to the recovering destination, and it crashes."""
    src, dst, _ = postcopy_paused(s)
    dst.execute("migrate-recover", {"uri": "unix:" + s.path("r")}, oob=True)
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(s.path("r"))
        reach(dst, "postcopy-recover")
        visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
    dst.wait_closed(WAIT)
    s.ended("dst")
    look(src)


@scenario(STILL_PAIR)
def resume_to_a_silent_peer(s: Session) -> None:
    """The peer of the resumption accepts and says nothing; the source stays in postcopy-recover."""
    src, dst, _ = postcopy_paused(s)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(s.path("r"))
        listener.listen()
        migrate(src, "unix:" + s.path("r"), resume=True)
        reach(src, "postcopy-recover")
        look(src)
        migrate(src, "unix:" + s.path("r"), resume=True)
        src.execute("migrate-pause")
        src.execute("migrate-continue", {"state": "postcopy-recover"})
        cancel(src)
        pause(0.2)
        look(src, dst)


@scenario(STILL_PAIR)
def resume_refused_with_release_ram(s: Session) -> None:
    """Memory that has been released cannot be sent again."""
    src, dst, _ = postcopy_paused(s, "release-ram")
    dst.execute("migrate-recover", {"uri": "unix:" + s.path("r")})
    migrate(src, "unix:" + s.path("r"), resume=True)
    look(src, dst)


@scenario(STILL_PAIR)
def destination_killed_in_postcopy_paused(s: Session) -> None:
    """The destination dies while the postcopy phase is broken; the source notices nothing."""
    src, dst, _ = postcopy_paused(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    look(src)
    src.execute("cont")


@scenario(STILL_PAIR)
def source_killed_in_postcopy_paused(s: Session) -> None:
    """The source dies while the postcopy phase is broken; the destination notices nothing."""
    src, dst, _ = postcopy_paused(s)
    s.kill("src")
    src.wait_closed(WAIT)
    look(dst)
    cancel(dst)
    dst.execute("quit")
    dst.wait_closed(WAIT)


@scenario(STILL_PAIR)
def pause_repeated(s: Session) -> None:
    """Several migrate-pause in one write; those that come before the break is noticed are accepted."""
    src, dst, _ = postcopy(s)
    for _ in range(4):
        src.send_command("migrate-pause")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    look(src, dst)


@scenario(STILL_PAIR)
def pause_right_after_the_switch(s: Session) -> None:
    """The connection breaks before the destination has the guest, which ends it and loses the guest."""
    src, _, _ = switch(s)
    src.execute("migrate-pause")
    poll(src, ("postcopy-paused", "failed"), every=0.02)
    look(src)
    src.execute("cont")
    look(src)


@scenario({"src": Vm(("-S",)), "dst": Vm(("-S",), incoming="defer")})
def pause_at_the_very_end(s: Session) -> None:
    """The connection is broken when all has been sent: the source may stay in postcopy-active for ever."""
    src, dst, uri = open_pair(s, "postcopy-ram", "pause-before-switchover")
    tune(src, max_bandwidth=10 * SLOW)
    migrate(src, uri)
    reach(src, "active")
    pause(0.2)
    src.execute("migrate-start-postcopy")
    reach(src, "pre-switchover")
    src.execute("migrate-continue", {"state": "pre-switchover"})
    pause(0.003)
    src.execute("migrate-pause")
    pause(0.5)
    look(src)
    src.execute("migrate-pause")
    pause(0.2)
    cancel(src)
    pause(0.2)
    look(src)
    if s.processes["dst"].exit_status is None:
        look(dst)


@scenario()
def cancel_right_after_the_switch(s: Session) -> None:
    """A cancel while the guest comes to life at the destination, which may win, lose, or crash the source."""
    src, dst, uri = open_pair(s, "postcopy-ram")
    tune(src, max_bandwidth=SLOW, max_postcopy_bandwidth=100 * SLOW)
    migrate(src, uri)
    src.execute("migrate-start-postcopy")
    dst.wait_event("RESUME", WAIT)
    pause(0.006)
    try:
        cancel(src)
        pause(0.3)
        look(src)
    except EOFError:
        s.ended("src")


@scenario(STILL_PAIR)
def pause_fails_when_the_peer_has_gone(s: Session) -> None:
    """The destination is killed, and the connection over TCP is gone before the source notices."""
    src, dst = (s.monitor(vm, capabilities=("events", "postcopy-ram")) for vm in ("src", "dst"))
    listen(dst, "tcp:127.0.0.1:0")
    port = dst.execute("query-migrate")["return"]["socket-address"][0]["port"]
    tune(src, max_bandwidth=SLOW, max_postcopy_bandwidth=SLOW)
    migrate(src, f"tcp:127.0.0.1:{port}")
    reach(src, "active")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    arrived(dst)
    s.kill("dst")
    for _ in range(3):
        src.execute("migrate-pause")
    reach(src, "postcopy-paused")
    src.execute("migrate-pause")
    look(src)


@scenario({"src": Vm()})
def pause_of_a_postcopy_to_a_command(s: Session) -> None:
    """Postcopy to a command that never answers begins all the same, and is broken by a migrate-pause."""
    src = s.monitor("src", capabilities=("events", "postcopy-ram"))
    tune(src, max_bandwidth=SLOW, max_postcopy_bandwidth=SLOW)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "active")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    pause(0.3)
    look(src)
    src.execute("migrate-pause")
    reach(src, "postcopy-paused")
    look(src)


@scenario({"src": Vm()})
def cancel_of_a_postcopy_to_a_command(s: Session) -> None:
    """Postcopy to a command that never answers is cancelled."""
    src = s.monitor("src", capabilities=("events", "postcopy-ram"))
    tune(src, max_bandwidth=SLOW, max_postcopy_bandwidth=SLOW)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "active")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    pause(0.3)
    cancel(src)
    pause(0.5)
    look(src)


@scenario({"src": Vm()})
def postcopy_to_a_command_at_full_speed(s: Session) -> None:
    """Postcopy to a command that never answers cannot end when all is sent, neither by a pause nor by a cancel."""
    src = s.monitor("src", capabilities=("events", "postcopy-ram"))
    tune(src, max_bandwidth=SLOW)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "active")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    pause(1)
    look(src)
    src.execute("migrate-pause")
    pause(0.5)
    look(src)
    cancel(src)
    pause(0.5)
    look(src)


@scenario(STILL_PAIR)
def resume_to_a_command(s: Session) -> None:
    """A resume over a command is connected before its reply, and then waits for an answer that nobody gives."""
    src, dst, _ = postcopy_paused(s)
    migrate(src, "exec:cat > /dev/null", resume=True)
    reach(src, "postcopy-recover")
    look(src, dst)


@scenario(STILL_PAIR)
def resume_to_a_command_after_one_to_nobody_aborts(s: Session) -> None:
    """A resume that failed to connect poisons the next one, which ends the process before it is answered."""
    src, dst, _ = postcopy_paused(s)
    migrate(src, "unix:" + s.path("nobody"), resume=True)
    look(src)
    src.send_command("migrate", {"uri": "exec:cat > /dev/null", "resume": True})
    src.wait_closed(WAIT)
    s.ended("src")
    look(dst)
