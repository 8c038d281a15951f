"""What a guest does by itself: it panics, is barked at, suspends, switches itself off, or meets a disk that fails.

A boot sector of some bytes does it, once the client has started the guest, so that every event is seen.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import WAIT, hmp, look, migrate, reach, run_state
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm

_HALT: Final = b"\xf4\xeb\xfd"  # hlt, for ever

PANIC_PORT: Final = 0x505
WATCHDOG_PORT: Final = 0x443
POWER_PORT: Final = 0x604  # where the firmware puts it
SHUT_DOWN: Final = 0x2000
SUSPEND: Final = 0x2400


def _out(port: int, value: int, *, wide: bool = False) -> bytes:
    """Machine code that writes a value to a port."""
    load = b"\xb8" + struct.pack("<H", value) if wide else b"\xb0" + bytes([value])
    return b"\xba" + struct.pack("<H", port) + load + (b"\xef" if wide else b"\xee")


def _sector(code: bytes) -> Callable[[Path], object]:
    """What writes a disk with that boot sector into the session's folder."""

    def write(folder: Path) -> None:
        image = (code + _HALT).ljust(510, b"\0") + b"\x55\xaa" + bytes(64 << 10)
        (folder / "guest.raw").write_bytes(image)

    return write


_DISK: Final = ("-S", "-drive", "file={dir}/guest.raw,format=raw,if=ide,snapshot=on")


def _guest(code: bytes, *arguments: str) -> dict[str, Vm]:
    return {"src": Vm((*_DISK, *arguments), prepare=_sector(code))}


def _started(s: Session) -> Monitor:
    src = s.monitor("src", capabilities=("events",))
    src.execute("cont")
    return src


@scenario(_guest(_out(PANIC_PORT, 1), "-device", "pvpanic", "-no-shutdown"))
def guest_panics(s: Session) -> None:
    """A guest that panics is stopped, and can be migrated and started all the same."""
    src = _started(s)
    src.wait_event("GUEST_PANICKED", WAIT)
    src.wait_event("STOP", WAIT)
    look(src)
    migrate(src, "exec:cat > /dev/null")
    reach(src, "completed")
    look(src)
    src.execute("cont")
    look(src)


@scenario(_guest(_out(WATCHDOG_PORT, 0x0F), "-device", "ib700", "-watchdog-action", "pause"))
def guest_is_stopped_by_its_watchdog(s: Session) -> None:
    """A watchdog that nobody feeds stops the guest."""
    src = _started(s)
    src.wait_event("WATCHDOG", WAIT)
    src.wait_event("STOP", WAIT)
    look(src)
    src.execute("cont")
    look(src)


@scenario(_guest(_out(POWER_PORT, SHUT_DOWN, wide=True), "-no-shutdown"))
def guest_switches_itself_off(s: Session) -> None:
    """With -no-shutdown the process stays, and the guest must be reset before it can be started."""
    src = _started(s)
    src.wait_event("SHUTDOWN", WAIT)
    src.wait_event("STOP", WAIT)
    look(src)
    src.execute("cont")
    src.execute("system_reset")
    src.wait_event("RESET", WAIT)
    look(src)


@scenario(_guest(_out(POWER_PORT, SUSPEND, wide=True)))
def guest_suspends_itself(s: Session) -> None:
    """A suspended guest is neither stopped nor started by commands, and wakes up by a reset."""
    src = _started(s)
    src.wait_event("SUSPEND", WAIT)
    run_state(src, "suspended")
    src.execute("stop")
    src.execute("cont")
    look(src)
    src.execute("system_wakeup")
    src.wait_event("WAKEUP", WAIT)
    look(src)


_FAILING: Final = "inject-error.0.event=none,inject-error.0.iotype=read"
_BAD_DISK: Final = f"driver=blkdebug,if=ide,rerror=stop,{_FAILING},image.driver=null-co,image.size=1048576"


@scenario({"src": Vm(("-S", "-drive", _BAD_DISK))})
def guest_meets_a_disk_that_fails(s: Session) -> None:
    """An error of a disk stops the guest, as its options ask for."""
    src = _started(s)
    src.wait_event("BLOCK_IO_ERROR", WAIT)
    src.wait_event("STOP", WAIT)
    look(src)


_SNAPSHOTS: Final = {"src": Vm(("-S", "-drive", "file={dir}/disk.qcow2,format=qcow2,if=ide"))}


@scenario(_SNAPSHOTS)
def snapshots_of_a_stopped_guest(s: Session) -> None:
    """savevm and loadvm leave a guest stopped that does not run."""
    src = s.monitor("src", capabilities=("events",))
    hmp(src, "savevm one")
    look(src)
    hmp(src, "loadvm one")
    hmp(src, "loadvm two")
    look(src)


@scenario({"src": Vm()})
def device_state_saved_and_not_loaded(s: Session) -> None:
    """The state of the devices is written to a file, and a stopped guest cannot read it back."""
    src = s.monitor("src", capabilities=("events",))
    src.execute("query-version")
    src.execute("xen-set-global-dirty-log", {"enable": True})
    src.execute("xen-set-global-dirty-log", {"enable": False})
    src.execute("stop")
    src.execute("xen-save-devices-state", {"filename": s.path("devices")})
    src.execute("xen-load-devices-state", {"filename": s.path("devices")})
    src.execute("xen-load-devices-state", {"filename": "/nonexistent/devices"})
    look(src)


@scenario({"src": Vm()})
def rarer_parameters_refused(s: Session) -> None:
    """Values out of range of parameters that are seldom set."""
    src = s.monitor("src")
    for name, value in (("compress-threads", 0), ("announce-max", 100_001)):
        src.execute("migrate-set-parameters", {name: value})
    src.execute("query-migrate-parameters")
