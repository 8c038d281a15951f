"""Commands next door: the human monitor, snapshots, Xen, SPICE, dirty rates, hot plugging and COLO."""

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    WAIT,
    cancel,
    complete,
    hmp,
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
from tests.live.session import Session, Vm, pause

ALONE = {"src": Vm()}
SNAPSHOTS = {"src": Vm(("-drive", "file={dir}/disk.qcow2,format=qcow2,if=ide"))}
SPICE = {"src": Vm(("-spice", "unix,addr={dir}/spice,disable-ticketing")), "dst": Vm(incoming="defer")}
RNG = {"driver": "virtio-rng-pci", "id": "rng"}


@scenario(SNAPSHOTS)
def snapshots(s: Session) -> None:
    """savevm and loadvm run through the outgoing status and leave it completed, with no times."""
    src = s.monitor("src", capabilities=("events",))
    hmp(src, "savevm one")
    look(src)
    hmp(src, "info snapshots")
    hmp(src, "loadvm one")
    look(src)
    hmp(src, "delvm one")
    hmp(src, "loadvm one")
    look(src)


@scenario(SNAPSHOTS)
def snapshot_refused_while_migrating(s: Session) -> None:
    """savevm during a migration is refused, in words, and works after the cancel."""
    src = s.monitor("src", capabilities=("events",))
    tune(src, max_bandwidth=40_000)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "active")
    hmp(src, "savevm one")
    look(src)
    cancel(src)
    reach(src, "cancelled")
    hmp(src, "savevm one")
    look(src)


@scenario(ALONE)
def snapshot_without_a_disk(s: Session) -> None:
    """savevm and loadvm where nothing can hold a snapshot."""
    src = s.monitor("src", capabilities=("events",))
    hmp(src, "savevm one")
    hmp(src, "loadvm one")
    look(src)


@scenario()
def human_monitor(s: Session) -> None:
    """A migration that is started, looked at, cancelled and completed by lines of the human monitor."""
    src, dst, uri = open_pair(s)
    hmp(src, "migrate_set_parameter max-bandwidth 40k")
    hmp(src, "migrate_set_capability xbzrle on")
    hmp(src, "migrate -d " + uri)
    reach(src, "active")
    for line in ("info migrate", "info status", "stop", "cont", "migrate -d bogus", "migrate_cancel"):
        hmp(src, line)
    reach(src, "cancelled")
    hmp(src, "migrate_set_parameter max-bandwidth 1G")
    hmp(src, "migrate -d bogus")
    hmp(src, "migrate_continue pre-switchover")
    hmp(src, "migrate_start_postcopy")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario()
def human_monitor_to_the_end(s: Session) -> None:
    """Both sides of a migration are commanded by the human monitor."""
    src, dst = s.monitor("src", capabilities=("events",)), s.monitor("dst", capabilities=("events",))
    uri = "unix:" + s.path("m")
    hmp(dst, "migrate_incoming " + uri)
    hmp(src, "migrate -d " + uri)
    reach(src, "completed")
    reach(dst, "completed")
    look(src, dst)


@scenario(ALONE)
def xen_commands(s: Session) -> None:
    """The Xen commands work on any VM; the saved device state stops the guest for a moment."""
    src = s.monitor("src", capabilities=("events",))
    src.execute("xen-save-devices-state", {"filename": s.path("devices")})
    look(src)
    src.execute("xen-save-devices-state", {"filename": "/nonexistent/devices", "live": True})
    src.execute("xen-save-devices-state", {"filename": s.path("devices"), "live": False})
    for arguments in (
        {"enable": True, "primary": True},
        {"enable": False, "primary": True, "failover": True},
        {"enable": True, "primary": False, "failover": False},
    ):
        src.execute("xen-set-replication", arguments)
    src.execute("query-xen-replication-status")
    src.execute("xen-colo-do-checkpoint")
    look(src)


@scenario({"src": Vm(("-S",)), "dst": Vm(incoming="defer")})
def hot_plugging_refused(s: Session) -> None:
    """Devices are neither added nor removed while the VM migrates."""
    src, dst, _ = slow_start(s)
    src.execute("device_add", RNG)
    src.execute("device_del", {"id": "rng"})
    complete(src, dst)
    src.execute("device_add", RNG)


@scenario()
def reset_at_every_stage(s: Session) -> None:
    """The guest is reset before, during and after the pause before the switch-over, on both sides."""
    src, dst = pre_switchover(s)
    src.execute("system_reset")
    dst.execute("system_reset")
    look(src, dst)
    src.execute("migrate-continue", {"state": "pre-switchover"})
    reach(src, "completed")
    reach(dst, "completed")
    src.execute("system_reset")
    dst.execute("system_reset")
    look(src, dst)


def _spice_info(monitor: Monitor) -> None:
    for arguments in (
        {"protocol": "vnc", "hostname": "127.0.0.1", "port": 5900},
        {"protocol": "spice", "hostname": "127.0.0.1"},
        {"protocol": "spice", "hostname": "127.0.0.1", "port": 5900},
        {"protocol": "spice", "hostname": "127.0.0.1", "tls-port": -5, "cert-subject": "x"},
    ):
        monitor.execute("client_migrate_info", arguments)


@scenario(ALONE)
def spice_not_in_use(s: Session) -> None:
    """A client of a VM without SPICE cannot be told where to go."""
    _spice_info(s.monitor("src", capabilities=("events",)))


@scenario(SPICE)
def spice_in_use(s: Session) -> None:
    """The clients of SPICE are told where the VM goes, and it says when it has told them."""
    src, dst, uri = open_pair(s)
    _spice_info(src)
    migrate(src, uri)
    reach(src, "completed")
    reach(dst, "completed")
    pause(0.1)
    look(src, dst)


@scenario()
def dirty_rate(s: Session) -> None:
    """The rate at which the guest writes is measured, asked for too early, and out of range."""
    src = s.monitor("src")
    src.execute("query-dirty-rate")
    for seconds in (0, 61, -1, 1, 1):
        src.execute("calc-dirty-rate", {"calc-time": seconds})
    for _ in range(8):
        pause(0.2)
        src.execute("query-dirty-rate")


def _colo(s: Session) -> tuple[Monitor, Monitor]:
    src, dst, uri = open_pair(s, "x-colo")
    migrate(src, uri)
    reach(src, "colo")
    reach(dst, "colo")
    return src, dst


def _lost(monitor: Monitor) -> None:
    """Order the failover, and allow the monitor not to answer any more."""
    for command in ("x-colo-lost-heartbeat", "query-colo-status", "query-migrate"):
        number = monitor.send_command(command)
        try:
            monitor.wait_reply(number, WAIT / 2)
        except TimeoutError:
            return


@scenario()
def colo_failover_of_the_secondary(s: Session) -> None:
    """The primary is killed in COLO, and the secondary is told to take over."""
    src, dst = _colo(s)
    for monitor in (src, dst):
        monitor.execute("query-colo-status")
        look(monitor)
    s.kill("src")
    pause(0.2)
    look(dst)
    _lost(dst)
    pause(0.2)
    look(dst)


@scenario()
def colo_failover_of_the_primary(s: Session) -> None:
    """The secondary is killed in COLO, and the primary is told to go on alone."""
    src, dst = _colo(s)
    src.wait_event("RESUME", WAIT)
    s.kill("dst")
    dst.wait_closed(WAIT)
    look(src)
    _lost(src)
    pause(0.2)


@scenario()
def colo_with_return_path(s: Session) -> None:
    """A return path as well as COLO: the primary fails at the switch, and the secondary waits for it."""
    src, dst, uri = open_pair(s, "x-colo", "return-path")
    migrate(src, uri)
    poll(src, ("failed", "colo"), every=0.02)
    look(src, dst)
    dst.execute("query-colo-status")


@scenario()
def colo_refused(s: Session) -> None:
    """A failover where there is no COLO, in every state that a small migration goes through."""
    src, dst, _ = slow_start(s)
    for monitor in (src, dst):
        monitor.execute("x-colo-lost-heartbeat")
        monitor.execute("query-colo-status")
    complete(src, dst)
    src.execute("x-colo-lost-heartbeat")
    poll(src, "completed")


@scenario()
def colo_while_commands_are_sent(s: Session) -> None:
    """Commands that are refused while a migration runs are not in COLO."""
    src, dst = _colo(s)
    src.wait_event("RESUME", WAIT)
    src.execute("migrate-set-capabilities", {"capabilities": []})
    src.execute("migrate-continue", {"state": "colo"})
    src.execute("migrate-pause")
    migrate(src, "bogus", resume=True)
    look(src, dst)
    cancel(src)
    pause(0.2)
    look(src)
