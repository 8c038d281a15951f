"""What clients do: events off, several monitors, late ones, pipelines, out of band, bad input."""

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    cancel,
    complete,
    enable,
    finish_postcopy,
    listen,
    look,
    migrate,
    open_pair,
    poll,
    postcopy,
    reach,
    slow_start,
    tune,
)
from tests.live.scenarios.table import STILL_PAIR, scenario
from tests.live.session import Session, Vm, pause

TWO_EACH = {"src": Vm(monitors=2), "dst": Vm(incoming="defer", monitors=2)}


def _without_events(s: Session, *noisy: str) -> None:
    src, dst = s.monitor("src"), s.monitor("dst")
    for name, monitor in (("src", src), ("dst", dst)):
        if name in noisy:
            enable(monitor, "events")
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    migrate(src, uri)
    poll(src, "completed", every=0.015)
    poll(dst, "completed", every=0.04)
    look(src, dst)


@scenario()
def events_off(s: Session) -> None:
    """No side sends migration events; STOP and RESUME come all the same."""
    _without_events(s)


@scenario()
def events_off_at_source(s: Session) -> None:
    """Only the destination sends migration events."""
    _without_events(s, "dst")


@scenario()
def events_off_at_destination(s: Session) -> None:
    """Only the source sends migration events."""
    _without_events(s, "src")


@scenario()
def events_off_and_cancelled(s: Session) -> None:
    """Without events a cancel shows in the polls, and the failing destination only by its end."""
    src, dst = s.monitor("src"), s.monitor("dst")
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    poll(dst, "active", every=0.01)
    cancel(src)
    poll(src, "cancelled", every=0.01)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def events_switched_on_at_a_loading_destination(s: Session) -> None:
    """The destination's events are switched on in mid-migration, those of the source cannot be."""
    src, dst = s.monitor("src"), s.monitor("dst")
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    poll(dst, "active", every=0.01)
    enable(src, "events")
    enable(dst, "events")
    tune(src, max_bandwidth=FAST)
    poll(src, "completed", every=0.02)
    reach(dst, "completed")
    look(src, dst)


def _start_unrecorded(s: Session) -> None:
    src, dst = s.unrecorded("src"), s.unrecorded("dst")
    for monitor in (src, dst):
        enable(monitor, "events")
    listen(dst, "unix:" + s.path("m"))
    tune(src, max_bandwidth=SLOW)
    migrate(src, "unix:" + s.path("m"))
    reach(src, "active")
    reach(dst, "active")
    src.close()
    dst.close()


@scenario()
def late_attach(s: Session) -> None:
    """The record begins in mid-migration, which clients started that have gone since."""
    _start_unrecorded(s)
    src, dst = s.monitor("src"), s.monitor("dst")
    look(src, dst)
    complete(src, dst)


@scenario()
def late_attach_and_cancel(s: Session) -> None:
    """The record begins in mid-migration, and its client cancels."""
    _start_unrecorded(s)
    src, dst = s.monitor("src"), s.monitor("dst")
    cancel(src)
    reach(src, "cancelled")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def unseen_client(s: Session) -> None:
    """The migration is commanded on monitors that the record does not show, while others watch."""
    watch = s.monitor("src"), s.monitor("dst")
    _start_unrecorded(s)
    look(*watch)
    complete(*watch)


@scenario(TWO_EACH)
def two_monitors(s: Session) -> None:
    """Two clients each, one that acts and one that watches and asks."""
    src, dst, uri = open_pair(s)
    watch = s.monitor("src", 1), s.monitor("dst", 1)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    look(*watch)
    migrate(watch[0], uri)
    complete(src, dst)
    look(*watch)


@scenario(TWO_EACH)
def two_monitors_one_cancels(s: Session) -> None:
    """One client starts the migration, and the other cancels it."""
    src, dst, uri = open_pair(s)
    other = s.monitor("src", 1)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(other, "active")
    cancel(other)
    reach(src, "cancelled")
    look(src, other)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(TWO_EACH)
def two_monitors_one_idle(s: Session) -> None:
    """The second client of each VM negotiates and says nothing more; it gets the same events."""
    idle = s.monitor("src", 1), s.monitor("dst", 1)
    src, dst, _ = slow_start(s)
    complete(src, dst)
    for monitor in idle:
        reach(monitor, "completed")


@scenario(TWO_EACH)
def two_monitors_one_never_negotiates(s: Session) -> None:
    """The second client of each VM stays in negotiation mode and gets no events; one joins at the end."""
    silent = [s.monitor(vm, 1, negotiate=False) for vm in ("src", "dst")]
    src, dst, _ = slow_start(s)
    silent[0].execute("query-migrate")
    complete(src, dst)
    silent[0].negotiate()
    look(silent[0])


@scenario()
def client_reconnects(s: Session) -> None:
    """The client of each side leaves and comes back several times in mid-migration."""
    src, dst, _ = slow_start(s)
    for _ in range(3):
        src.close()
        dst.close()
        pause(0.05)
        src, dst = s.monitor("src"), s.monitor("dst")
        look(src, dst)
    complete(src, dst)


@scenario()
def pipelined_commands(s: Session) -> None:
    """Thirty commands in one write, migrate, query and cancel among them."""
    src, dst, uri = open_pair(s)
    tune(src, max_bandwidth=SLOW)
    commands = [*["query-migrate"] * 5, "migrate", *["query-migrate"] * 12, "migrate_cancel"]
    commands += [*["query-status", "query-migrate"] * 5, "query-migrate"]
    text = ""
    for number, command in enumerate(commands):
        arguments = f',"arguments":{{"uri":"{uri}"}}' if command == "migrate" else ""
        text += f'{{"execute":"{command}"{arguments},"id":{number}}}\n'
    src.send_raw(text.encode())
    src.wait_reply(len(commands) - 1, WAIT)
    poll(src, ("cancelled", "failed"), every=0.02)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def pipelined_without_a_break(s: Session) -> None:
    """A cancel and the next migrate in one write, over and over; most come too early."""
    src = s.monitor("src", capabilities=("events",))
    tune(src, max_bandwidth=SLOW)
    for _ in range(4):
        for command in ("migrate", "migrate_cancel", "migrate", "query-migrate"):
            arguments = {"uri": "exec:cat > /dev/null"} if command == "migrate" else None
            last = src.send_command(command, arguments)
        src.wait_reply(last, WAIT)
    cancel(src)
    poll(src, ("cancelled", "failed"), every=0.02)


@scenario(STILL_PAIR)
def out_of_band(s: Session) -> None:
    """Pause and recovery out of band, between commands that are not."""
    src, dst, _ = postcopy(s, oob=True)
    for _ in range(4):
        src.send_command("query-migrate")
    src.execute("migrate-pause", oob=True)
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    for _ in range(4):
        dst.send_command("query-migrate")
    dst.execute("migrate-recover", {"uri": "unix:" + s.path("r")}, oob=True)
    migrate(src, "unix:" + s.path("r"), resume=True)
    reach(src, "postcopy-recover", "postcopy-active")
    finish_postcopy(src, dst)


@scenario({"src": Vm(monitors=2)})
def out_of_band_refused(s: Session) -> None:
    """Out of band without having negotiated it, and for commands that do not allow it."""
    plain, oob = s.monitor("src"), s.monitor("src", 1, oob=True)
    plain.execute("migrate-pause", oob=True)
    plain.execute("query-migrate", oob=True)
    for command in ("query-migrate", "migrate", "migrate_cancel", "no-such-command", "qmp_capabilities"):
        oob.execute(command, oob=True)
    oob.execute("migrate-pause", oob=True)
    oob.execute("migrate-recover", {"uri": "unix:x"}, oob=True)
    oob.execute("migrate-recover", oob=True)
    oob.execute("migrate-recover", {"uri": 7}, oob=True)
    oob.send({"execute": "migrate-pause", "exec-oob": "migrate-pause", "id": "both"})
    oob.wait_reply("both", WAIT)
    oob.execute("migrate-pause")


@scenario({"src": Vm()})
def before_negotiation(s: Session) -> None:
    """Commands before the capabilities are negotiated, a wrong negotiation, and a second one."""
    src = s.monitor("src", negotiate=False)
    src.execute("query-migrate")
    src.execute("migrate", {"uri": "bogus"})
    src.execute("no-such-command")
    src.execute("migrate-pause", oob=True)
    src.execute("qmp_capabilities", {"enable": ["bogus"]})
    src.execute("qmp_capabilities", {"enable": "oob"})
    src.execute("qmp_capabilities", {"bogus": 1})
    src.execute("query-migrate")
    src.negotiate(oob=True)
    src.negotiate()
    look(src)


@scenario({"src": Vm()})
def not_json(s: Session) -> None:
    """Input that is no JSON, or no request; each gives an error, some two, and the monitor goes on."""
    src = s.monitor("src")
    for text in (
        b"garbage\n",
        b'{"execute":"query-migrate"\xff}\n',
        b"[]\n",
        b"1\n",
        b'"query-migrate"\n',
        b"null\n",
        b'{"a":01}\n',
        b'{"execute":"query-migrate","execute":"query-status"}\n',
        b"{'execute':'query-migrate','id':'single quotes'}\n",
        b'{"execute":"query-status","id":"one"}{"execute":"query-status","id":"two"}',
        b'{"execute":\n"query-status",\n"id":\n"split"}\n',
        b'{"execute":1}\n',
        b'{"arguments":{}}\n',
        b'{"execute":"query-migrate","arguments":[]}\n',
        b'{"execute":"query-migrate","bogus":1}\n',
        b'{"execute":"query-migrate","control":{"run-oob":true}}\n',
        b"}\n",
        b'{"execute":"\xc3\xa4"}\n',
    ):
        src.send_raw(text)
        pause(0.005)
    src.execute("query-migrate")


@scenario({"src": Vm()})
def odd_ids(s: Session) -> None:
    """Requests without an id, with one of every kind, and with the same one twice."""
    src = s.monitor("src", capabilities=("events",))
    for identity in (None, 0, -1, 1.5, 1e300, 2**63, True, "", "ä", [], [1, "x"], {}, {"a": {"b": None}}):
        src.send({"execute": "query-migrate", "id": identity})
    for _ in range(2):
        src.send({"execute": "query-status"})
        src.send({"execute": "no-such-command"})
        src.send({"execute": "query-status", "id": "twice"})
    src.send({"execute": "migrate", "arguments": {"uri": "exec:cat > /dev/null"}})
    src.send({"id": "first", "execute": "migrate_cancel"})
    _drain(src)
    poll(src, ("cancelled", "completed", "failed"), every=0.02)


def _drain(monitor: Monitor) -> None:
    monitor.execute("query-status")


@scenario({"src": Vm()})
def unknown_commands(s: Session) -> None:
    """Names that are none, or not quite, or those of later releases."""
    src = s.monitor("src")
    for name in ("", "migrate-cancel", "MIGRATE", "migrate_set_capabilities", "yank", "query-yank"):
        src.execute(name)
    src.execute("query-vcpu-dirty-limit")
    src.execute("snapshot-save", {"job-id": "a"})
    src.execute("query-migrate", {"bogus": 1})
    src.execute("query-migrate")
