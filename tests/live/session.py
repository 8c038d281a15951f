"""One recorded session: some VMs, the recorder in front of them, and what QEMU itself logged of its states.

A session's monitors all lead through the recorder, so that the trace shows whatever a client did; a client
that the trace must not show uses `Session.unrecorded`.  The state log is the white-box truth to hold the
trace against.
"""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Literal, Self

from tests.live.monitor import Monitor
from tests.live.process import QemuProcess
from tests.live.qemu import Install

from migspec.cli.fuzzing.guest import boot_sector_options
from migspec.traces.format import Header, VmInfo
from migspec.traces.record import Recorder

RELEASE: Final = "5.2.0"
"""The release that the sessions are recorded on."""

EXIT_PATIENCE: Final = 10.0
"""Seconds that a process which is about to end may take to do so."""

MONITORS: Final = ("main", "second", "third")
"""What a VM's recorded monitors are called where it has more than one."""

_ROLES: Final[Mapping[str, Literal["source", "destination"]]] = MappingProxyType(
    {"src": "source", "dst": "destination"}
)
_CHANGE: Final = re.compile(r"@(\d+\.\d+):migrate_set_state new state (\S+)")


@dataclass(frozen=True, slots=True)
class Vm:
    """What a session needs one VM to be.

    In `arguments` and `incoming`, `{dir}` stands for the session's folder, and `{dir}/disk.qcow2` is an empty
    disk of 1 MiB.
    """

    arguments: tuple[str, ...] = ()
    """QEMU's options, after the usual ones."""
    incoming: str | None = None
    """The value of `-incoming`; None for a VM that does not wait."""
    monitors: int = 1
    """How many recorded monitors it has."""
    dirty: int = 0
    """MiB of memory that its guest keeps writing; 0 for a guest without a disk, which soon idles."""
    prepare: Callable[[Path], object] | None = None
    """Writes the files that `arguments` name into the session's folder, before any VM starts."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One line of QEMU's own log of migration states."""

    t: float
    """When, in seconds since the epoch."""
    state: str
    """The new state of the outgoing or the incoming migration; which of them, the log does not say."""


class Session:
    """Starts VMs and records what crosses their monitors, as a context manager.

    VMs called `src` and `dst` are recorded with these roles; others may play both parts.  Raises
    `RuntimeError` where a VM does not start.
    """

    def __init__(self, install: Install, trace: Path, vms: Mapping[str, Vm], scenario: str, note: str) -> None:
        self.trace = trace
        """Where the trace is written."""
        self.folder = Path(tempfile.mkdtemp(prefix="q-"))
        """For the session's own sockets and files."""
        self.exits: dict[str, int] = {}
        """How the processes ended that have ended, negative for a signal."""
        self.states: dict[str, list[StateChange]] = {}
        """After the session: the state log of each VM."""
        self.processes: dict[str, QemuProcess] = {}
        """The running VMs by name."""
        self._install = install
        self.vms = vms
        """What each VM was asked to be."""
        info = {name: VmInfo(_ROLES.get(name), "qemu", install.release) for name in vms}
        self._header = Header(info, scenario, note)
        self._monitors: list[Monitor] = []

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._make_disk()
            for prepare in {vm.prepare for vm in self.vms.values() if vm.prepare}:
                prepare(self.folder)
            with ThreadPoolExecutor(len(self.vms)) as pool:
                starting = {name: pool.submit(self._start, name, vm) for name, vm in self.vms.items()}
            for name, process in starting.items():
                if process.exception() is None:
                    self.processes[name] = undo.enter_context(process.result())
            for process in starting.values():
                process.result()  # raises where one has not started; the others then end
            targets = {
                self._target(name, number): f"unix:{self.processes[name].sockets[number]}"
                for name, vm in self.vms.items()
                for number in range(vm.monitors)
            }
            self.recorder = undo.enter_context(Recorder(targets, self.trace, self._header))
            undo.callback(self._finish)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def path(self, name: str) -> str:
        """Return the path of a file or socket in the session's folder."""
        return str(self.folder / name)

    def monitor(
        self,
        vm: str,
        number: int = 0,
        *,
        negotiate: bool = True,
        oob: bool = False,
        capabilities: tuple[str, ...] = (),
    ) -> Monitor:
        """Connect to a monitor through the recorder, and switch these migration capabilities on."""
        monitor = Monitor(self.recorder.address(self._target(vm, number)))
        self._monitors.append(monitor)
        if negotiate:
            monitor.negotiate(oob=oob)
        if capabilities:
            states = [{"capability": name, "state": True} for name in capabilities]
            monitor.execute("migrate-set-capabilities", {"capabilities": states})
        return monitor

    def unrecorded(self, vm: str) -> Monitor:
        """Connect to a monitor that the trace does not show."""
        monitor = self.processes[vm].monitor(self.vms[vm].monitors)
        self._monitors.append(monitor)
        return monitor

    def kill(self, vm: str, number: signal.Signals = signal.SIGKILL, timeout: float = EXIT_PATIENCE) -> int:
        """Send a signal, wait for the end of the process, and have the trace say how it ended.

        Raises `TimeoutError` where it does not end.
        """
        self.processes[vm].process.send_signal(number)
        return self.ended(vm, timeout)

    def ended(self, vm: str, timeout: float = EXIT_PATIENCE) -> int:
        """Wait until the process has ended, and have the trace say how.

        Raises `TimeoutError` where it does not end.
        """
        try:
            status = self.processes[vm].wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{vm} is still there after {timeout} s") from None
        if vm not in self.exits:
            self.exits[vm] = status
            self.recorder.note_exit(vm, status)
        return status

    def full_listener(self, name: str) -> "FullListener":
        """Return a unix listener that accepts nobody, on a path in the session's folder."""
        return FullListener(self.path(name))

    def _target(self, vm: str, number: int) -> str:
        return vm if number == 0 else f"{vm}/{MONITORS[number]}"

    def _start(self, name: str, vm: Vm) -> QemuProcess:
        arguments = [text.replace("{dir}", str(self.folder)) for text in vm.arguments]
        if vm.dirty:
            arguments += boot_sector_options(self.folder / f"{name}.boot", vm.dirty)
        if vm.incoming is not None:
            arguments += ["-incoming", vm.incoming.replace("{dir}", str(self.folder))]
        return QemuProcess(self._install, *arguments, monitors=vm.monitors + 1, trace_states=True)

    def _make_disk(self) -> None:
        wanted = " ".join(text for vm in self.vms.values() for text in vm.arguments)
        if "disk.qcow2" in wanted:
            create = self._install.command(
                "create", "-q", "-f", "qcow2", self.path("disk.qcow2"), "1M", program="qemu-img"
            )
            subprocess.run(create, check=True, capture_output=True)

    def _finish(self) -> None:
        """Say how processes ended, close the monitors, and keep the state logs; then all may go."""
        for name, process in self.processes.items():
            if process.exit_status is not None:
                self.ended(name)
        for monitor in self._monitors:
            monitor.close()
        for name, process in self.processes.items():
            log = process.folder / "states"
            text = log.read_text() if log.exists() else ""
            self.states[name] = [StateChange(float(t), state) for t, state in _CHANGE.findall(text)]


class FullListener:
    """A unix socket that listens but accepts nobody, its queue full, so that whoever connects waits."""

    def __init__(self, path: str) -> None:
        self._sockets = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)]
        self._sockets[0].bind(path)
        self._sockets[0].listen(0)
        while True:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.setblocking(False)
            self._sockets.append(client)
            if client.connect_ex(path):
                return

    def close(self) -> None:
        """Refuse whoever waits."""
        for end in self._sockets:
            end.close()


def pause(seconds: float) -> None:
    """Let a little time pass, where the order of two things is not to be left to chance."""
    time.sleep(seconds)
