"""A running QEMU, and a wait for its guest to write memory."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.live.monitor import DEADLINE, Monitor
from tests.live.qemu import Install

SMALLEST: Final = ("-nodefaults", "-display", "none", "-accel", "tcg", "-m", "64")
"""The options of a VM with nothing in it but memory."""

_STATE: Final = "migrate_set_state"


class QemuProcess:
    """One QEMU with its monitors, in a folder of its own.

    `arguments` come after `SMALLEST`, so that they override it.  With `trace_states`, the status changes
    inside the process are written down as it makes them, and `states` reads them.  As a context manager it
    ends the process and removes the folder.
    """

    def __init__(
        self,
        install: Install,
        *arguments: str,
        monitors: int = 1,
        trace_states: bool = False,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="q-"))  # short: a socket's path has 107 bytes at most
        """Where its sockets and logs are; for the test's own files too."""
        self.sockets = [str(self.folder / f"qmp{number}") for number in range(monitors)]
        """The paths of its QMP sockets."""
        self._state_log = self.folder / "states"
        line = install.command(*SMALLEST, *arguments)
        for path in self.sockets:
            line += ["-qmp", f"unix:{path},server,nowait"]
        if trace_states:
            line += ["-trace", _STATE, "-D", str(self._state_log)]
        self._errors = (self.folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            cwd=self.folder,
            env=os.environ | install.environment,
        )
        self._wait_for_sockets()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait_for_sockets(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError):
                for path in self.sockets:
                    Monitor(path).close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.stderr
                self.close()
                raise RuntimeError(f"QEMU did not start: {text}")
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended (negative: by that signal); None while it runs."""
        return self.process.poll()

    @property
    def stderr(self) -> str:
        """What it has said on standard error."""
        return (self.folder / "stderr").read_text(errors="replace")

    @property
    def states(self) -> list[str]:
        """The migration states that it went through, both roles in one list; needs `trace_states`."""
        lines = self._state_log.read_text().splitlines() if self._state_log.exists() else []
        return [line.rpartition(" ")[2] for line in lines if _STATE in line]

    def monitor(self, number: int = 0, *, negotiate: bool = True, oob: bool = False) -> Monitor:
        """Connect to one of its monitors, by default ready for commands."""
        monitor = Monitor(self.sockets[number])
        if negotiate:
            monitor.negotiate(oob=oob)
        return monitor

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, timeout: float = DEADLINE) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(timeout)

    def close(self) -> None:
        """End the process, if it still runs, and remove its folder."""
        if self.process.poll() is None:
            self.kill()
        self._errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until_dirty(monitor: Monitor, timeout: float = DEADLINE) -> None:
    """Wait until the guest of `boot_sector_options` writes; until then its memory is as clean as any."""
    look = {"command-line": "xp /1wx 0x100000"}
    first = monitor.execute("human-monitor-command", look)
    deadline = time.monotonic() + timeout
    while monitor.execute("human-monitor-command", look)["return"] == first["return"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the guest does not write its memory: {first['return']}")
        time.sleep(0.02)
