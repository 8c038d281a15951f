"""How VMs come to be: processes that are started from command lines, or VMs that are there already."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from migspec.cli.fuzzing.guest import boot_sector_options
from migspec.cli.fuzzing.links import is_listened_on
from migspec.properties.stateful import Setup, SubjectError
from migspec.spec.composition import Side

PATIENCE: Final = 20.0
"""Seconds that a process may take until its monitor is there."""

DYING: Final = 5.0
"""Seconds that a process may take to be gone when it has been killed."""

_POLL: Final = 0.005
_SHOWN: Final = 300
QMP_PLACE: Final = "{qmp}"
"""What stands for the path of the monitor in a command line; without it, an option for it is added."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a VM is started with that its launcher does not know: a folder for its files, the path of its monitor, the
    URI that it waits on (`defer`, or none), and the descriptor of a folder that it inherits.
    """

    name: str
    folder: Path
    qmp: str
    incoming: str | None
    descriptor: int


class Launcher(Protocol):
    """Where VMs come from."""

    @property
    def starts(self) -> bool:
        """Whether it starts them: what it does not start is not its own to end."""

    def qmp(self, side: Side, path: str) -> str:
        """The address of a VM's monitor; `path` is where it would be made."""

    def launch(self, side: Side, setup: Setup, place: Place) -> subprocess.Popen[bytes] | None:
        """Start a VM, and wait until its monitor is there.

        Raises `SubjectError` where that does not come to pass.
        """


@dataclass(frozen=True, slots=True)
class Addresses:
    """Two VMs that somebody else has started, by the addresses of their monitors."""

    source: str
    destination: str
    starts: bool = field(default=False, init=False)

    def qmp(self, side: Side, path: str) -> str:
        """Where it is."""
        return self.source if side is Side.SOURCE else self.destination

    def launch(self, side: Side, setup: Setup, place: Place) -> None:
        """It is there."""


@dataclass(frozen=True, slots=True)
class Commands:
    """A command line for each side, to which the monitor is added, and `-incoming` for the destination.

    With `qemu` they are taken for QEMU's own, and get the options for a small VM without devices too.
    """

    source: Sequence[str]
    destination: Sequence[str]
    qemu: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    starts: bool = field(default=True, init=False)

    def qmp(self, side: Side, path: str) -> str:
        """A unix socket of our own."""
        return f"unix:{path}"

    def launch(self, side: Side, setup: Setup, place: Place) -> subprocess.Popen[bytes]:
        """Run the command line."""
        line = self._line(side, setup, place)
        errors = place.folder / f"{place.name}.stderr"
        try:
            with errors.open("wb") as stderr:
                process = subprocess.Popen(
                    line,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    env=os.environ | self.environment,
                    pass_fds=(place.descriptor,),
                    start_new_session=True,
                )
        except OSError as error:
            raise SubjectError(f"{line[0]} cannot be run ({error.strerror or error}).") from None
        deadline = time.monotonic() + PATIENCE
        while not is_listened_on(place.qmp):
            if process.poll() is not None or time.monotonic() > deadline:
                end(process)
                raise SubjectError(_complaint(line, process.returncode, errors))
            time.sleep(_POLL)
        return process

    def _line(self, side: Side, setup: Setup, place: Place) -> list[str]:
        given = self.source if side is Side.SOURCE else self.destination
        line = [word.replace(QMP_PLACE, place.qmp) for word in given]
        if self.qemu:
            line += ["-nodefaults", "-display", "none", "-m", str(setup.megabytes)]
            if setup.busy:
                line += boot_sector_options(place.folder / f"{place.name}.boot", setup.busy)
        if setup.stopped:
            line.append("-S")
        if place.incoming is not None:
            line += ["-incoming", place.incoming]
        if not any(QMP_PLACE in word for word in given):
            line += ["-qmp", f"unix:{place.qmp},server=on,wait=off"]
        return line


def of_words(source: str, destination: str) -> Commands:
    """Command lines as a shell would read them.

    Raises `ValueError` where a quotation has no end, or there are no words.
    """
    lines = shlex.split(source), shlex.split(destination)
    if not all(lines):
        raise ValueError("there is no command")
    return Commands(*lines)


def of_qemu(binary: str, environment: Mapping[str, str] | None = None) -> Commands:
    """A QEMU, perhaps with options of its own; `ValueError` as above."""
    line = [*shlex.split(binary)]
    if not line:
        raise ValueError("there is no command")
    return Commands(line, line, qemu=True, environment=environment or {})


def end(process: subprocess.Popen[bytes]) -> int:
    """Kill a process that may have ended already, and whatever it has started; how it ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait(DYING)


def _complaint(line: Sequence[str], status: int | None, errors: Path) -> str:
    said = " ".join(errors.read_text(errors="replace").split())[-_SHOWN:]
    told = f"; it said: {said}" if said else ""
    return f"{line[0]} did not come to serve a monitor (exit status {status}){told}."
