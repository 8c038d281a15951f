"""The rest of the interface: dirty rates and device states, descriptors and devices, capabilities, and COLO's status.

Most of it has nothing to do with a migration, and is asked in the middle of one as well.
"""

import random
from typing import Any, Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    WAIT,
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
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm, pause

ALONE: Final = {"src": Vm()}
WATCHED: Final = {"src": Vm(monitors=2)}
WITH_DISK: Final = {"src": Vm(("-drive", "file={dir}/disk.qcow2,format=qcow2,if=ide"))}
TINY: Final = {"src": Vm(("-m", "1"))}
CHAIN: Final = {"src": Vm(), "dst": Vm(incoming="defer"), "next": Vm(incoming="defer")}

ROUNDS: Final = 4
"""How often a race is run."""

LOOKS: Final = 12
"""How often COLO's status is asked for in a row."""


def _calc(monitor: Monitor, seconds: int) -> str:
    return monitor.send_command("calc-dirty-rate", {"calc-time": seconds})


def _measured(monitor: Monitor) -> None:
    """Ask for the dirty rate until it is measured."""
    while monitor.execute("query-dirty-rate")["return"]["status"] != "measured":
        pause(0.1)


@scenario(ALONE)
def dirty_rate_ordered_twice_in_one_write(s: Session) -> None:
    """A second order may come before the thread of the first has begun, and then replaces it."""
    src = s.monitor("src")
    src.execute("query-dirty-rate")
    for _ in range(ROUNDS):
        src.send_raw(
            b'{"execute":"calc-dirty-rate","arguments":{"calc-time":2},"id":1}'
            b'{"execute":"calc-dirty-rate","arguments":{"calc-time":1},"id":2}'
            b'{"execute":"query-dirty-rate","id":3}'
        )
        _measured(src)


@scenario(ALONE)
def dirty_rate_asked_for_at_once(s: Session) -> None:
    """Right after an order a query may be told `unstarted`, with the times of the measurement before."""
    src = s.monitor("src")
    for _ in range(ROUNDS):
        last = ""
        _calc(src, 1)
        for _ in range(3):
            last = src.send_command("query-dirty-rate")
        src.wait_reply(last, WAIT)
        for seconds in (0, 99, 1):
            src.wait_reply(_calc(src, seconds), WAIT)
        _measured(src)


@scenario(TINY)
def dirty_rate_of_a_tiny_guest(s: Session) -> None:
    """Where there is too little memory to take samples of, the measured rate is none."""
    src = s.monitor("src")
    src.execute("calc-dirty-rate", {"calc-time": 1})
    _measured(src)


@scenario(WATCHED)
def dirty_rate_on_two_monitors(s: Session) -> None:
    """Two clients order and ask at once."""
    one, other = s.monitor("src"), s.monitor("src", 1)
    for _ in range(ROUNDS):
        for monitor, seconds in ((one, 1), (other, 1), (one, 61)):
            _calc(monitor, seconds)
        for monitor in (one, other):
            monitor.execute("query-dirty-rate")
        _measured(one)
        _measured(other)


@scenario()
def dirty_rate_in_a_migration(s: Session) -> None:
    """The dirty rate is measured on both sides of a migration, which nobody notices."""
    src, dst, _ = slow_start(s)
    for monitor in (src, dst):
        monitor.execute("calc-dirty-rate", {"calc-time": 1})
        monitor.execute("query-dirty-rate")
    complete(src, dst)
    for monitor in (src, dst):
        _measured(monitor)


@scenario(ALONE)
def dirty_rate_with_a_late_client(s: Session) -> None:
    """A measurement that the trace does not show the order of."""
    unseen = s.unrecorded("src")
    unseen.execute("calc-dirty-rate", {"calc-time": 1})
    unseen.close()
    src = s.monitor("src")
    src.execute("query-dirty-rate")
    _measured(src)
    src.execute("calc-dirty-rate", {"calc-time": 1})
    _measured(src)


@scenario(WITH_DISK)
def device_state_in_files(s: Session) -> None:
    """The state of the devices goes to files that can and cannot be written, and is not read back."""
    src = s.monitor("src", capabilities=("events",))
    paths = (s.path("devices"), "/nonexistent/devices", "/", "", "/dev/full")
    for filename in paths:
        src.execute("xen-save-devices-state", {"filename": filename})
    src.execute("xen-load-devices-state", {"filename": s.path("devices")})
    src.execute("stop")
    for filename in paths:
        src.execute("xen-save-devices-state", {"filename": filename, "live": False})
        src.execute("xen-load-devices-state", {"filename": filename})
        look(src)
    src.execute("cont")
    look(src)


@scenario(WITH_DISK)
def device_state_saved_twice_crashes(s: Session) -> None:
    """A stopped guest gives up its disks with the state of its devices, and cannot do so twice."""
    src = s.monitor("src", capabilities=("events",))
    src.execute("stop")
    src.execute("xen-save-devices-state", {"filename": s.path("devices")})
    src.execute("cont")
    src.execute("stop")
    for _ in range(2):
        src.send_command("xen-save-devices-state", {"filename": s.path("devices")})
    src.wait_closed(WAIT)
    if (status := s.ended("src")) >= 0:
        raise RuntimeError(f"it ended with {status}")


@scenario({"src": Vm(), "dst": Vm(WITH_DISK["src"].arguments, incoming="defer")})
def device_state_of_a_waiting_guest_crashes(s: Session) -> None:
    """A guest that waits for its state has not got its disks yet, and cannot give them up."""
    dst = s.monitor("dst", capabilities=("events",))
    dst.execute("xen-save-devices-state", {"filename": s.path("devices"), "live": False})
    look(dst)
    dst.send_command("xen-save-devices-state", {"filename": s.path("devices"), "live": True})
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(ALONE)
def replication_without_any(s: Session) -> None:
    """Where nothing replicates, replication starts and stops in peace."""
    src = s.monitor("src")
    for enable_it in (True, False):
        for primary in (True, False):
            for failover in ({}, {"failover": True}, {"failover": False}):
                src.execute("xen-set-replication", {"enable": enable_it, "primary": primary, **failover})
    src.execute("xen-set-replication", {"enable": True})
    src.execute("query-xen-replication-status")
    src.execute("xen-colo-do-checkpoint")
    for on in (True, True, False):
        src.execute("xen-set-global-dirty-log", {"enable": on})
    src.execute("client_migrate_info", {"protocol": "vnc", "hostname": ""})
    src.execute("client_migrate_info", {"protocol": "spice", "hostname": ""})


@scenario()
def descriptors_and_devices(s: Session) -> None:
    """Descriptors are named and closed, devices plugged and unplugged, before, in and after a migration."""
    src, dst, _ = slow_start(s)
    for monitor in (src, dst):
        for name in ("x", "1x", ""):
            monitor.execute("getfd", {"fdname": name})
            monitor.execute("closefd", {"fdname": name})
        monitor.execute("getfd")
        for name in ("good", "9bad"):
            with open("/dev/null") as file:
                monitor.send_fd(file.fileno(), name)
        monitor.execute("closefd", {"fdname": "good"})
        monitor.execute("device_add", {"driver": "nosuch"})
        monitor.execute("device_del", {"id": "nosuch"})
    complete(src, dst)
    for device in ({"driver": "nosuch"}, {"driver": "virtio-rng-pci", "id": "rng"}):
        src.execute("device_add", device)
        src.execute("device_add", device)
    src.execute("device_del", {"id": "rng"})


def _lists(chance: random.Random, names: list[str]) -> list[dict[str, Any]]:
    count = chance.choice((0, 1, 2, 5))
    return [{"capability": chance.choice(names), "state": chance.random() < 0.6} for _ in range(count)]


@scenario()
def capabilities_in_random_lists(s: Session) -> None:
    """Lists of capabilities, with repetitions and exclusions, each read back; refused whole while a migration runs."""
    chance = random.Random(20)
    src, dst, uri = open_pair(s)
    listed = src.execute("query-migrate-capabilities")["return"]
    names = [entry["capability"] for entry in listed]
    excluding = ["postcopy-ram", "x-ignore-shared"]
    for monitor in (src, dst):
        for number in range(24):
            chosen = _lists(chance, excluding if number % 2 else names)
            monitor.execute("migrate-set-capabilities", {"capabilities": chosen})
            monitor.execute("query-migrate-capabilities")
        off = [{"capability": name, "state": name == "events"} for name in names]
        monitor.execute("migrate-set-capabilities", {"capabilities": off})
    tune(src, max_bandwidth=40_000)
    migrate(src, uri)
    reach(src, "active")
    for _ in range(4):
        src.execute("migrate-set-capabilities", {"capabilities": _lists(chance, names)})
        src.execute("query-migrate-capabilities")
    complete(src, dst)


def _status(monitor: Monitor, times: int) -> list[str]:
    return [monitor.send_command("query-colo-status") for _ in range(times)]


@scenario()
def colo_status_all_the_time(s: Session) -> None:
    """COLO's status is asked for without a break while COLO begins, and while the primary takes over."""
    src, dst, uri = open_pair(s, "x-colo")
    migrate(src, uri)
    for _ in range(4):
        for monitor in (src, dst):
            monitor.wait_reply(_status(monitor, LOOKS)[-1], WAIT)
    reach(src, "colo")
    reach(dst, "colo")
    src.wait_event("RESUME", WAIT)
    s.kill("dst")
    dst.wait_closed(WAIT)
    src.send_command("x-colo-lost-heartbeat")
    _status(src, LOOKS)
    src.send_command("x-colo-lost-heartbeat")
    reach(src, "completed")
    src.wait_event("RESUME", WAIT)
    src.execute("query-colo-status")
    look(src)


@scenario({"src": Vm(monitors=2), "dst": Vm(incoming="defer")})
def colo_ordered_on_two_monitors(s: Session) -> None:
    """Two clients order the failover at once; whoever comes second is refused, in one way or another."""
    src, dst, uri = open_pair(s, "x-colo")
    other = s.monitor("src", 1)
    migrate(src, uri)
    reach(src, "colo")
    reach(dst, "colo")
    src.wait_event("RESUME", WAIT)
    s.kill("dst")
    dst.wait_closed(WAIT)
    for monitor in (src, other):
        for command in ("x-colo-lost-heartbeat", "query-colo-status", "x-colo-lost-heartbeat", "query-colo-status"):
            monitor.send_command(command)
    reach(src, "completed")
    src.wait_event("RESUME", WAIT)
    for monitor in (src, other):
        monitor.execute("query-colo-status")
    look(src)


@scenario(CHAIN)
def colo_with_a_new_secondary(s: Session) -> None:
    """A secondary that has taken over becomes the primary of another COLO; its status is asked for all along."""
    src, dst, uri = open_pair(s, "x-colo")
    migrate(src, uri)
    reach(src, "colo")
    reach(dst, "colo")
    src.wait_event("RESUME", WAIT)
    s.kill("src")
    pause(0.2)
    dst.execute("x-colo-lost-heartbeat")
    reach(dst, "completed")
    pause(0.3)
    look(dst)
    dst.execute("query-colo-status")
    other = s.monitor("next", capabilities=("events",))
    listen(other, "unix:" + s.path("n"))
    enable(dst, "x-colo")
    migrate(dst, "unix:" + s.path("n"))
    for _ in range(4):
        dst.wait_reply(_status(dst, LOOKS)[-1], WAIT)
    pause(0.3)
    look(dst, other)
    for monitor in (dst, other):
        monitor.execute("query-colo-status")
