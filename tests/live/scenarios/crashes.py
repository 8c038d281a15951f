"""What crashes QEMU 5.2.0 or makes it hang, and what only looks as if it did.

A scenario about a crash fails where none comes.
"""

from collections.abc import Callable
from typing import Any, Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    FAST,
    SLOW,
    WAIT,
    cancel,
    complete,
    enable,
    listen,
    look,
    migrate,
    open_pair,
    reach,
    slow_start,
    tune,
)
from tests.live.scenarios.table import PAIR, add, both, scenario
from tests.live.session import Session, Vm, pause

ALONE: Final = {"src": Vm()}
DRIVE: Final = ("-drive", "if=virtio,id=disk,driver=null-co,size=67108864,read-zeroes=on")

SILENCE: Final = 1.5
"""Seconds without an answer after which a monitor counts as dead."""

Pair = tuple[Monitor, Monitor]


def _crashes(s: Session, vm: str, monitor: Monitor) -> None:
    """See a process out that crashes; raises `RuntimeError` where it ends otherwise."""
    monitor.wait_closed(WAIT)
    if (status := s.ended(vm)) >= 0:
        raise RuntimeError(f"{vm} ended with {status}")


def _fails(s: Session, vm: str, monitor: Monitor) -> None:
    """See a destination out that fails to load."""
    monitor.wait_closed(WAIT)
    s.ended(vm)


def _silent(monitor: Monitor) -> None:
    """See that a command is not answered; raises `RuntimeError` where it is."""
    try:
        monitor.wait_reply(monitor.send_command("query-migrate"), SILENCE)
    except TimeoutError:
        return
    raise RuntimeError("the monitor answers")


@scenario(ALONE)
def multifd_to_a_command_crashes(s: Session) -> None:
    """A command cannot be asked for further channels, and the source crashes."""
    src = s.monitor("src", capabilities=("events", "multifd"))
    src.send_command("migrate", {"uri": "exec:cat > /dev/null"})
    _crashes(s, "src", src)


@scenario(ALONE)
def multifd_to_a_descriptor_crashes(s: Session) -> None:
    """Nor can a descriptor."""
    src = s.monitor("src", capabilities=("events", "multifd"))
    with open(s.path("file"), "wb") as file:
        src.send_fd(file.fileno(), "file")
    src.send_command("migrate", {"uri": "fd:file"})
    _crashes(s, "src", src)


@scenario({"dst": Vm(incoming="defer")})
def multifd_from_a_command(s: Session) -> None:
    """A destination that expects several channels from a command waits for them for ever."""
    dst = s.monitor("dst", capabilities=("events", "multifd"))
    listen(dst, "exec:head -c 100000 /dev/zero")
    for _ in range(3):
        pause(0.2)
        dst.execute("query-migrate")
    dst.execute("query-status")


@scenario(ALONE)
def null_for_the_tls_authorisation_crashes(s: Session) -> None:
    """The parameter tls-authz may not be null, though the schema says so."""
    src = s.monitor("src", capabilities=("events",))
    src.execute("migrate-set-parameters", {"tls-creds": None, "tls-hostname": None})
    src.send_command("migrate-set-parameters", {"tls-authz": None})
    _crashes(s, "src", src)


def _multifd(s: Session) -> Pair:
    """Start a migration over two channels that stays active until its bandwidth is raised."""
    src, dst = (s.monitor(vm, capabilities=("events", "multifd")) for vm in ("src", "dst"))
    uri = "unix:" + s.path("m")
    listen(dst, uri)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    reach(dst, "active")
    pause(0.1)
    return src, dst


def _compress(s: Session) -> Pair:
    """Start a migration with two threads a side that stays active until its bandwidth is raised."""
    src, dst, uri = open_pair(s, "compress")
    tune(src, max_bandwidth=SLOW, compress_threads=2)
    tune(dst, decompress_threads=2)
    migrate(src, uri)
    reach(src, "active")
    reach(dst, "active")
    pause(0.1)
    return src, dst


def _source_crashes(s: Session, src: Monitor, dst: Monitor) -> None:
    src.send_command("migrate-set-parameters", {"max-bandwidth": FAST})
    _crashes(s, "src", src)
    _fails(s, "dst", dst)


def _destination_crashes(s: Session, src: Monitor, dst: Monitor) -> None:
    src.send_command("migrate-set-parameters", {"max-bandwidth": FAST})
    _crashes(s, "dst", dst)
    reach(src, "failed")


def _stuck(src: Monitor) -> None:
    """See that a source stays active, and that a cancel does not end."""
    tune(src, max_bandwidth=FAST)
    for _ in range(3):
        pause(0.3)
        answer = src.wait_reply(src.send_command("query-migrate"), WAIT)
        if (status := answer["return"]["status"]) != "active":
            raise RuntimeError(f"the source is {status}")
    src.wait_reply(src.send_command("migrate_cancel"), WAIT)
    pause(0.4)
    look(src)


def _destination_hangs(s: Session, src: Monitor, dst: Monitor) -> None:
    _stuck(src)
    _silent(dst)


def _both_wait(s: Session, src: Monitor, dst: Monitor) -> None:
    tune(src, max_bandwidth=FAST)
    pause(0.5)
    look(src, dst)
    cancel(src)
    reach(src, "cancelled")
    _fails(s, "dst", dst)


def _destination_fails(s: Session, src: Monitor, dst: Monitor) -> None:
    tune(src, max_bandwidth=FAST)
    _fails(s, "dst", dst)
    reach(src, "failed")


def _both_complete(s: Session, src: Monitor, dst: Monitor) -> None:
    complete(src, dst)


def _changed(
    start: Callable[[Session], Pair],
    vm: str,
    parameters: dict[str, Any],
    ending: Callable[[Session, Monitor, Monitor], None],
) -> Callable[[Session], None]:
    """Change parameters of one side, or switch its capabilities, in mid-migration."""

    def act(s: Session) -> None:
        src, dst = start(s)
        monitor = src if vm == "src" else dst
        capabilities = {name: state for name, state in parameters.items() if isinstance(state, bool)}
        for name, state in capabilities.items():
            enable(monitor, name, state=state)
        if not capabilities:
            tune(monitor, **parameters)
        ending(s, src, dst)

    return act


def _plain(s: Session) -> Pair:
    src, dst, _ = slow_start(s)
    return src, dst


_MEANWHILE = " in mid-migration, and "
for _name, _note, _start, _vm, _parameters, _ending in (
    (
        "multifd-channels-raised-at-source-crashes",
        f"The number of channels is raised{_MEANWHILE}the source crashes.",
        _multifd,
        "src",
        {"multifd_channels": 8},
        _source_crashes,
    ),
    (
        "multifd-channels-lowered-at-source-hangs",
        f"The number of channels is lowered{_MEANWHILE}the source waits for a destination that hangs.",
        _multifd,
        "src",
        {"multifd_channels": 1},
        _destination_hangs,
    ),
    (
        "multifd-channels-raised-at-destination-hangs",
        f"The destination's number of channels is raised{_MEANWHILE}the source waits for a destination that hangs.",
        _multifd,
        "dst",
        {"multifd_channels": 8},
        _destination_hangs,
    ),
    (
        "multifd-channels-lowered-at-destination",
        f"The destination's number of channels is lowered{_MEANWHILE}it does no harm.",
        _multifd,
        "dst",
        {"multifd_channels": 1},
        _both_complete,
    ),
    (
        "compress-threads-raised-at-source-crashes",
        f"The number of compressing threads is raised{_MEANWHILE}the source crashes.",
        _compress,
        "src",
        {"compress_threads": 8},
        _source_crashes,
    ),
    (
        "compress-threads-lowered-at-source",
        f"The number of compressing threads is lowered{_MEANWHILE}it does no harm.",
        _compress,
        "src",
        {"compress_threads": 1},
        _both_complete,
    ),
    (
        "decompress-threads-raised-at-destination-crashes",
        f"The number of decompressing threads is raised{_MEANWHILE}the destination crashes, or hangs.",
        _compress,
        "dst",
        {"decompress_threads": 8},
        _destination_crashes,
    ),
    (
        "decompress-threads-lowered-at-destination",
        f"The number of decompressing threads is lowered{_MEANWHILE}it does no harm.",
        _compress,
        "dst",
        {"decompress_threads": 1},
        _both_complete,
    ),
    (
        "multifd-on-at-a-loading-destination-crashes",
        "The destination is told to expect several channels when it already loads, and crashes.",
        _plain,
        "dst",
        {"multifd": True},
        _destination_crashes,
    ),
    (
        "multifd-off-at-a-loading-destination-waits",
        "The destination is told to expect no further channels when it already loads, and both wait until a cancel.",
        _multifd,
        "dst",
        {"multifd": False},
        _both_wait,
    ),
    (
        "compress-on-at-a-loading-destination-crashes",
        "The destination is told to decompress when it already loads, and crashes.",
        _plain,
        "dst",
        {"compress": True},
        _destination_crashes,
    ),
    (
        "compress-off-at-a-loading-destination-fails",
        "The destination is told not to decompress when it already loads, and fails at the next page.",
        _compress,
        "dst",
        {"compress": False},
        _destination_fails,
    ),
):
    add(_name, _note, PAIR, _changed(_start, _vm, _parameters, _ending))


def _block_migration(s: Session) -> Pair:
    """Start a migration whose disk goes along, and wait until the source is active."""
    src, dst, uri = open_pair(s)
    tune(src, max_bandwidth=SLOW)
    src.execute("migrate", {"uri": uri, "blk": True})
    reach(src, "active")
    return src, dst


@scenario(both(*DRIVE))
def source_quits_in_a_block_migration_and_crashes(s: Session) -> None:
    """The source quits while the disk goes along, and crashes on its way out."""
    src, dst = _block_migration(s)
    pause(0.1)
    src.send_command("quit")
    _crashes(s, "src", src)
    _fails(s, "dst", dst)


@scenario()
def requests_wait_when_the_source_quits(s: Session) -> None:
    """The source quits with requests waiting: it answers one after it has told of its end, and mostly aborts then."""
    src, dst, _ = slow_start(s)
    for command in ("quit", "query-status", "query-status", "query-status"):
        src.send_command(command)
    src.wait_closed(WAIT)
    s.ended("src")
    _fails(s, "dst", dst)


@scenario(ALONE)
def requests_wait_when_an_idle_vm_quits(s: Session) -> None:
    """The same without a migration."""
    src = s.monitor("src")
    for command in ("quit", "query-status", "query-status", "query-status"):
        src.send_command(command)
    src.wait_closed(WAIT)
    s.ended("src")


@scenario(both(*DRIVE))
def source_quits_early_in_a_block_migration(s: Session) -> None:
    """The source quits as soon as it is active: it crashes, or has the time to tell that it was cancelled."""
    src, dst = _block_migration(s)
    src.send_command("quit")
    src.wait_closed(WAIT)
    s.ended("src")
    _fails(s, "dst", dst)
