"""Measures the model: processor time a command with contracts on and off, commands a second served, memory when idle.

Run it as `python -m tests.bench.model`; `make bench` does after it has measured the checker.  With and without
contracts the same calls are made in one process, in turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from migspec.reference_impl.calls import Call, Item, Reply
from migspec.reference_impl.host import Exit
from migspec.reference_impl.link.messages import LinkMessage
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import MIB, Options
from migspec.spec.requests import understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0

COMMANDS: Final[Sequence[tuple[str, Mapping[str, Any] | None]]] = (
    ("query-migrate", None),
    ("query-status", None),
    ("migrate-set-parameters", {"downtime-limit": 300, "max-bandwidth": 32 * MIB}),
    ("query-migrate-parameters", None),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]}),
    ("query-migrate-capabilities", None),
    ("migrate", {"uri": "unix:/m"}),
    ("migrate_cancel", None),
    ("migrate-start-postcopy", None),
    ("migrate-continue", {"state": "device"}),
    ("migrate-pause", None),
    ("migrate-recover", {"uri": "unix:/m"}),
)
"""What is asked, over and over: polls, settings, and commands that are mostly refused."""


class Deaf:
    """The outside of a machine in which nothing happens and nobody listens; it counts the replies."""

    def __init__(self) -> None:
        self.replies = 0

    def reply(self, monitor: int, item: Item, reply: Reply) -> None:
        """Count a reply."""
        self.replies += 1

    def event(self, monitor: int, name: str, data: Mapping[str, object] | None) -> None:
        """Nobody listens."""

    def dial(self, address: str, descriptor: int | None) -> int:
        """Nobody answers."""
        return 1

    def listen(self, address: str, descriptor: int | None) -> str:
        """Nobody connects."""
        return ""

    def bound(self, address: str) -> tuple[tuple[str, int], ...]:
        """Nothing is bound."""
        return ()

    def unlisten(self) -> None:
        """Nothing was listened on."""

    def send(self, channel: int, message: LinkMessage) -> None:
        """Nothing arrives."""

    def hang_up(self, channel: int) -> None:
        """Nothing was connected."""

    def cannot_write(self, path: str) -> str:
        """There are no files."""
        return "No such file or directory"

    def report(self, text: str) -> None:
        """Nobody reads."""

    def ended(self, how: Exit) -> None:
        """The process is not to end."""
        raise SystemExit(f"the measured process has ended: {how}")


class Guarded(Machine, contracts=True):
    """A machine under contract."""


class Bare(Machine, contracts=False):
    """A machine without."""


WAYS: Final[Mapping[str, type[Machine]]] = {"contracts on": Guarded, "contracts off": Bare}
"""What is measured."""


def negotiated(kind: type[Machine], *, connected: bool) -> tuple[Machine, Deaf]:
    """A machine with one monitor past negotiation, and with `connected` in a migration that never ends."""
    host = Deaf()
    machine = kind(Options(workload="uniform:1G", bandwidth=10 * MIB), host)
    machine.open_monitor()
    ask(machine, "qmp_capabilities", None)
    if connected:
        ask(machine, "migrate", {"uri": "unix:/m"})
        machine.dialled(1)
        for tick in range(1, 100):
            machine.advance(tick / 10)
    return machine, host


def call_of(command: str, arguments: Mapping[str, Any] | None) -> Call:
    """A call as a monitor hands it on."""
    given = ABSENT if arguments is None else dict(arguments)
    return Call(command, given, understand(command, given, QEMU_5_2_0), 1)


def ask(machine: Machine, command: str, arguments: Mapping[str, Any] | None) -> None:
    """Have one command executed and answered."""
    machine.submit(0, call_of(command, arguments))
    machine.advance(machine.now)


def round_of(commands: int, *, connected: bool) -> dict[str, float]:
    """Seconds of processor time a command for each way, measured once."""
    asked = [arguments for arguments in COMMANDS if not (connected and arguments[0] in ("migrate_cancel", "migrate"))]
    calls = [call_of(*arguments) for arguments in asked]
    taken = {}
    for name, kind in WAYS.items():
        machine, host = negotiated(kind, connected=connected)
        before = host.replies
        start = time.process_time()
        for number in range(commands):
            machine.submit(0, calls[number % len(calls)])
            machine.advance(machine.now + 0.0001)
        taken[name] = (time.process_time() - start) / commands
        assert host.replies - before == commands
    return taken


_PAIRS = """
import asyncio, sys
from migspec.reference_impl.options import Options
from migspec.reference_impl.serving import Served

async def main(folder, pairs):
    kept = []
    for number in range(pairs):
        for name, options in (("src", Options()), ("dst", Options(incoming="defer"))):
            served = Served(options)
            served.listen_for_clients(f"unix:{folder}/{name}{number}")
            kept.append(served)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def served_rate(pairs: int, seconds: float, *, contracts: bool) -> float:
    """Commands a second that one process answers which serves so many pairs, a client to each.

    The clients poll the sources, in a second process: this one.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment["MIGSPEC_CONTRACTS"] = "on" if contracts else "off"
    with tempfile.TemporaryDirectory(prefix="migspec-bench-") as folder:
        line = [sys.executable, "-c", _PAIRS, folder, str(pairs)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            return _polled([f"{folder}/src{number}" for number in range(pairs)], seconds)
        finally:
            process.kill()
            process.communicate()


def _polled(paths: Sequence[str], seconds: float) -> float:
    waiting = selectors.DefaultSelector()
    for path in paths:
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.recv(4096)
        client.sendall(b'{"execute": "qmp_capabilities"}\n')
        waiting.register(client, selectors.EVENT_READ)
    answered = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in waiting.select(timeout=1):
            polled = key.fileobj
            assert isinstance(polled, socket.socket)
            # a reply is small, so one read has it whole; an event never comes here
            assert polled.recv(65536).endswith(b"\n")
            answered += 1
            polled.sendall(b'{"execute": "query-migrate", "id": %d}\n' % answered)
    for key in tuple(waiting.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    return answered / seconds


def idle_memory() -> float:
    """Megabytes that a served VM takes while nothing happens, its clients gone.  Needs Linux's `/proc`."""
    with tempfile.TemporaryDirectory(prefix="migspec-bench-") as folder:
        path = Path(folder) / "qmp"
        line = [sys.executable, "-m", "migspec.cli", "serve", "--qmp", f"unix:{path}"]
        process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        process.stderr.readline()  # it says where it listens once it does
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.communicate()
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found, status
    return int(found[1]) / 1024


def table_of(title: str, rounds: Sequence[Mapping[str, float]]) -> Table:
    """The medians of some rounds."""
    table = Table(title=title, title_justify="left")
    table.add_column("way")
    table.add_column("µs a command", justify="right")
    table.add_column("times contracts off", justify="right")
    for name in WAYS:
        ratio = median(taken[name] / taken["contracts off"] for taken in rounds)
        table.add_row(name, f"{median(taken[name] for taken in rounds) * 1e6:.0f}", f"{ratio:.1f}")
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.model", description=__doc__)
    parser.add_argument("--commands", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    options = parser.parse_args(arguments)
    console = Console()
    for title, connected in (("a VM that idles", False), ("a source in a migration", True)):
        rounds = [round_of(options.commands, connected=connected) for _ in range(options.rounds)]
        console.print(table_of(f"{options.commands:,} commands to {title}", rounds))
    for state in (False, True):
        rate = served_rate(100, 5.0, contracts=state)
        console.print(
            f"100 clients of 100 pairs in one process, contracts {'on' if state else 'off'}: {rate:,.0f} commands/s"
        )
    console.print(f"an idle served VM takes {idle_memory():.0f} MB")


if __name__ == "__main__":
    main()
