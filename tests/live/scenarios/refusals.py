"""Refusals that take a device, a disk or a file of a special kind, and a listener on a virtual socket."""

import os
import select
from pathlib import Path
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import SLOW, WAIT, complete, hmp, listen, look, migrate, open_pair, reach, tune
from tests.live.scenarios.table import both, scenario
from tests.live.session import Session, Vm

_NO_DATA: Final = "driver=null-co,node-name=disk,size=1048576,read-zeroes=on"
_SICK_DISK: Final = (
    "-blockdev",
    "driver=qcow2,node-name=disk,file.driver=blkdebug,file.image.driver=file,"
    "file.image.filename={dir}/disk.qcow2,file.inject-error.0.event=l2_update",
)
"""A disk that cannot write the tables in which it keeps account of its clusters."""


def _replicates(mode: str) -> dict[str, Vm]:
    """A VM with a disk that may replicate, in this mode."""
    replication = f"driver=replication,node-name=replicated,file=disk,mode={mode}"
    device = "virtio-blk-pci,id=blk,drive=replicated"
    return {"src": Vm(("-blockdev", _NO_DATA, "-blockdev", replication, "-device", device))}


def _replicate(src: Monitor) -> None:
    src.execute("xen-colo-do-checkpoint")
    for primary in (False, True):
        src.execute("xen-set-replication", {"enable": True, "primary": primary})
    src.execute("query-xen-replication-status")
    src.execute("xen-colo-do-checkpoint")
    src.execute("xen-set-replication", {"enable": False, "primary": True})
    look(src)


@scenario(_replicates("primary"))
def replication_of_the_primary(s: Session) -> None:
    """The disk of a primary replicates, and refuses to do so as that of a secondary."""
    _replicate(s.monitor("src"))


@scenario(_replicates("secondary,top-id=replicated"))
def replication_of_a_secondary_without_disks_below(s: Session) -> None:
    """The disk of a secondary, which lacks the disks that replication needs below it, refuses everything."""
    _replicate(s.monitor("src"))


@scenario({"src": Vm(("-S", *_SICK_DISK))})
def device_state_of_a_disk_that_cannot_be_given_up(s: Session) -> None:
    """A guest that does not run keeps its disks where one of them fails to be given up."""
    src = s.monitor("src", capabilities=("events",))
    hmp(src, 'qemu-io disk "write 0 64k"')
    src.execute("xen-save-devices-state", {"filename": s.path("devices")})
    look(src)


@scenario(both("-device", "virtio-rng-pci,id=rng"))
def unplugging_refused(s: Session) -> None:
    """A device that is there stays there while the VM migrates."""
    src, dst, uri = open_pair(s)
    tune(src, max_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    src.execute("device_del", {"id": "rng"})
    look(src)
    complete(src, dst)


def _make_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


@scenario({"src": Vm(("-S",), prepare=_make_pipe)})
def continued_during_a_dump(s: Session) -> None:
    """A guest is not continued while its memory is dumped, which takes until somebody reads it."""
    src = s.monitor("src", capabilities=("events",))
    reader = os.open(s.path("pipe"), os.O_RDWR | os.O_NONBLOCK)
    try:
        arguments = {"paging": False, "protocol": "file:" + s.path("pipe"), "detach": True}
        src.execute("dump-guest-memory", arguments)
        src.execute("cont")
        src.execute("query-status")
        while select.select([reader], [], [], 0.2)[0]:
            os.read(reader, 1 << 20)
    finally:
        os.close(reader)
    src.wait_event("DUMP_COMPLETED", WAIT)
    src.execute("cont")
    look(src)


@scenario({"src": Vm(("-spice", "unix,addr={dir}/spice,disable-ticketing"))})
def spice_refuses(s: Session) -> None:
    """The SPICE server takes a port of -1 for none, and refuses without a reason."""
    src = s.monitor("src")
    src.execute("client_migrate_info", {"protocol": "spice", "hostname": "127.0.0.1", "port": -1})
    src.execute("query-status")


@scenario({"dst": Vm(incoming="defer")})
def listen_on_a_virtual_socket(s: Session) -> None:
    """A destination listens on a virtual socket, where its host has any, and tells its address."""
    dst = s.monitor("dst", capabilities=("events",))
    listen(dst, "vsock:4294967295:45678")
    look(dst)
    if "socket-address" not in dst.execute("query-migrate")["return"]:
        raise RuntimeError("the host has no virtual sockets")
