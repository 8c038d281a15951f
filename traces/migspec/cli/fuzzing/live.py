"""Two processes as something to explore: their monitors are recorded, and their links can be cut.

All monitors lead through the recorder, so the trace has every byte in the order in which it crossed.  Each VM that is
started inherits a folder of its own as a descriptor of one number, so that one address, by way of that number, is the
relay of a link for one side and the destination's own socket for the other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migspec.cli.fuzzing.client import Client, listen
from migspec.cli.fuzzing.links import Links
from migspec.cli.fuzzing.processes import Launcher, Place, end
from migspec.properties.stateful import Arguments, Event, Reply, Setup, SubjectError
from migspec.spec.composition import Side
from migspec.traces.format import Header, VmInfo
from migspec.traces.record import Recorder, RecordError

PATIENCE: Final = 2.0
"""Seconds that a reply may take."""

STARTING: Final = 10.0
"""Seconds that a process may take from making its monitor's socket to listening on it."""

QUIET: Final = 0.4
"""Seconds without a message after which nothing seems to happen any more."""

MOST_STARTS: Final = 8
"""VMs that one side may have in a run, one after the other."""

_NAMES: Final[Mapping[Side, str]] = {Side.SOURCE: "src", Side.DESTINATION: "dst"}
_GONE: Final = 2.0
_POLL: Final = 0.01


@dataclass(slots=True)
class _Vm:
    name: str
    client: Client
    process: subprocess.Popen[bytes] | None
    has_oob: bool
    noted: bool = False


class LiveSubject:
    """A pair of VMs of a launcher; `patience` are the seconds that a reply may take."""

    def __init__(self, launcher: Launcher, patience: float = PATIENCE) -> None:
        self._launcher = launcher
        self._patience = patience
        self._vms: dict[Side, _Vm] = {}
        self._count = dict.fromkeys(Side, 0)
        self._lines: list[bytes] = []
        self._rest = b""
        self._trace: int | None = None
        self._folder: Path | None = None
        self._recorder: Recorder
        self._links: Links
        self._shared = -1

    @property
    def is_fresh(self) -> bool:
        """Whether it has started them."""
        return self._launcher.starts

    # --- the surroundings

    def _set_up(self) -> Path:
        """Make the folder, the recorder and the links; only now, for many a run never comes to need them."""
        if self._folder is not None:
            return self._folder
        folder = self._folder = Path(tempfile.mkdtemp(prefix="mf-"))  # short: a socket's path has 107 bytes at most
        for side in Side:
            (folder / _NAMES[side]).mkdir()
        self._shared = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        starts = MOST_STARTS if self._launcher.starts else 1
        names = {self._name(side, number): side for side in Side for number in range(1, starts + 1)}
        targets = {name: self._launcher.qmp(side, self._socket(name)) for name, side in names.items()}
        header = Header({name: VmInfo() for name in names}, "explored")
        listening = {name: str(folder / f"{name}.rec") for name in names}
        try:
            self._recorder = Recorder(targets, folder / "trace", header, listen=listening)
        except RecordError as error:
            raise SubjectError(str(error)) from None
        self._recorder.start()
        self._trace = os.open(folder / "trace", os.O_RDONLY)
        self._links = Links()
        return folder

    def _name(self, side: Side, number: int) -> str:
        return _NAMES[side] + (str(number) if number > 1 else "")

    def _socket(self, name: str) -> str:
        return str(self._set_up() / f"{name}.qmp")

    def start(self, side: Side, setup: Setup, listen: str | None) -> bool:
        """Start a VM and connect to it, through the recorder."""
        starts = MOST_STARTS if self._launcher.starts else 1
        if self._count[side] >= starts:
            return False
        folder = self._set_up()
        if side in self._vms:
            self._note_end(self._vms[side])
        self._count[side] += 1
        name = self._name(side, self._count[side])
        incoming = None
        if side is Side.DESTINATION:
            incoming = self.uri(side, listen) if listen else "defer"
        own = os.open(folder / _NAMES[side], os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(own, self._shared, inheritable=False)
        os.close(own)
        place = Place(name, folder, self._socket(name), incoming, self._shared)
        process = self._launcher.launch(side, setup, place)
        client = self._greeted(side, name, process)
        vm = self._vms[side] = _Vm(name, client, process, setup.oob)
        reply = client.ask("qmp_capabilities", {"enable": ["oob"]} if setup.oob else None)
        if setup.oob and (reply is None or reply.is_error):
            vm.has_oob = False
            client.ask("qmp_capabilities")
        return True

    def _greeted(self, side: Side, name: str, process: subprocess.Popen[bytes] | None) -> Client:
        """Connect; a process may have made its socket and not listen on it yet."""
        deadline = time.monotonic() + (STARTING if process is not None else 0.0)
        while True:
            try:
                return Client(self._recorder.address(name), self._patience)
            except OSError:
                if time.monotonic() < deadline and process is not None and process.poll() is None:
                    time.sleep(_POLL)
                    continue
            where = self._launcher.qmp(side, self._socket(name))
            if process is not None:
                end(process)
            raise SubjectError(f"{where}: nobody greets there; expected a QMP monitor that no one else uses.")

    # --- VMs

    def is_alive(self, side: Side) -> bool:
        """Whether it has not ended, as far as it has shown."""
        vm = self._vms.get(side)
        if vm is None or not vm.client.is_open:
            return False
        return vm.process is None or vm.process.poll() is None

    def has_oob(self, side: Side) -> bool:
        """Whether its monitor has granted it."""
        return self._vms[side].has_oob

    def ask(self, side: Side, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        """Send a command and wait."""
        reply = self._vms[side].client.ask(command, arguments, oob=oob)
        if not self._vms[side].client.is_open:
            self._note_end(self._vms[side])
        return reply

    def tell(self, side: Side, command: str, arguments: Arguments | None = None) -> None:
        """Send a command."""
        client = self._vms[side].client
        if not client.is_silent:
            client.tell(command, arguments)

    def events(self, side: Side) -> Sequence[Event]:
        """What its client has heard."""
        return self._vms[side].client.events if side in self._vms else []

    def kill(self, side: Side) -> bool:
        """Kill the process."""
        vm = self._vms.get(side)
        if vm is None or vm.process is None:
            return vm is None
        self._end(vm, vm.process)
        return True

    def _end(self, vm: _Vm, process: subprocess.Popen[bytes]) -> None:
        """End a process, and note what it said before."""
        end(process)
        self._drain(vm)
        self._note_end(vm)

    def _drain(self, vm: _Vm) -> None:
        """Take in what a process has said before its end."""
        deadline = time.monotonic() + _GONE
        while vm.client.is_open and time.monotonic() < deadline:
            listen((vm.client,), 0.1)

    def _note_end(self, vm: _Vm) -> None:
        """Have the trace say how a process has ended, if it has."""
        if vm.noted or vm.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = vm.process.wait(_GONE)
            self._recorder.note_exit(vm.name, status)
            vm.noted = True

    # --- time and links

    def rest(self, seconds: float) -> None:
        """Listen for so long."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            heard = self._listen(max(left, 0.0))
            if left <= 0 and not heard:
                break
        for vm in self._vms.values():
            if not vm.client.is_open:
                self._note_end(vm)

    def settle(self, longest: float) -> None:
        """Listen until it has been quiet for a while."""
        deadline = time.monotonic() + longest
        while (left := deadline - time.monotonic()) > 0 and self._listen(min(QUIET, left)):
            pass

    def _listen(self, seconds: float) -> bool:
        clients = [vm.client for vm in self._vms.values() if vm.client.is_open]
        if clients:
            return listen(clients, seconds)
        time.sleep(seconds)
        return False

    def uri(self, side: Side, link: str) -> str:
        """The address of a link; a source's leads to whoever listens on the destination's at this moment."""
        folder = self._set_up()
        paths = {each: str(folder / _NAMES[each] / link) for each in Side}
        if side is Side.SOURCE:
            self._links.open(link, paths[Side.SOURCE], paths[Side.DESTINATION])
        if self._launcher.starts:
            return f"unix:/proc/self/fd/{self._shared}/{link}"
        return f"unix:{paths[side]}"

    def cut(self, link: str) -> None:
        """Close what was relayed on it."""
        if self._folder is not None:
            self._links.cut(link)

    # --- the trace

    def lines(self) -> Sequence[bytes]:
        """What the recorder has written, as far as lines are whole."""
        if self._trace is not None:
            while piece := os.read(self._trace, 1 << 20):
                *whole, self._rest = (self._rest + piece).split(b"\n")
                self._lines += whole
        return self._lines

    def close(self) -> None:
        """End the processes that were started, and the recorder; the trace stays in memory."""
        if self._folder is None:
            return
        for vm in self._vms.values():
            if vm.process is not None:
                self._end(vm, vm.process)
            vm.client.close()
        self._recorder.close()
        self._links.close()
        self.lines()
        if self._trace is not None:
            os.close(self._trace)
            self._trace = None
        os.close(self._shared)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
