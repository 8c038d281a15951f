"""Measures how fast a debug log of libvirt is read and judged, and how much memory that takes.

Run it as `python -m tests.bench.logs`; `make bench` does, too.  The log has the messages of `generate.py` in libvirt's
lines, each request three times and each answer twice, as such a log has them.  Reading means to make a trace of it.
Memory is measured in a process of its own for each length; it grows with the VMs of a log, not with its length.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from tests.bench.generate import write_trace
from tests.bench.run import SEED, check, peak_of_check

from migspec.traces.format import open_trace
from migspec.traces.importers.table import opened

MEGA: Final = 1_000_000
ADDRESSES: Final[Mapping[str, str]] = {"src": "0x7f54c4004290", "dst": "0x7f54e40142f0"}
"""The monitor of each VM, as libvirt names it."""


def in_libvirts_words(lines: Iterator[str]) -> Iterator[str]:
    """The lines of a trace, after its header, as a debug log has them."""
    for line in lines:
        told: dict[str, Any] = json.loads(line)
        moment = datetime.fromtimestamp(told["t"], UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        head, monitor = f"{moment}+0000: 20207: ", f"mon={ADDRESSES[told['vm']]}"
        if "msg" not in told:
            yield f"{head}info : qemuMonitorDispose:235 : QEMU_MONITOR_CLOSE: {monitor} refs=2"
            continue
        message = told["msg"]
        text = json.dumps(message)
        if told["dir"] == "->":
            yield f"{head}debug : qemuMonitorJSONCommandWithFd:299 : Send command '{text}' for write with FD -1"
            yield f"{head}info : qemuMonitorSend:959 : QEMU_MONITOR_SEND_MSG: {monitor} msg={text}\r"
            yield " fd=-1"
            yield f"{head}info : qemuMonitorIOWrite:419 : QEMU_MONITOR_IO_WRITE: {monitor} buf={text}\r"
            yield f" len={len(text)} ret={len(text)} errno=0"
            continue
        if "QMP" in message:
            yield f"{head}info : qemuMonitorOpenInternal:639 : QEMU_MONITOR_NEW: {monitor} refs=2"
        yield f"{head}debug : qemuMonitorJSONIOProcessLine:195 : Line [{text}]"
        if "event" in message:
            yield f"{head}info : qemuMonitorJSONIOProcessLine:210 : QEMU_MONITOR_RECV_EVENT: {monitor} event={text}"
        elif "QMP" not in message:
            yield f"{head}info : qemuMonitorJSONIOProcessLine:225 : QEMU_MONITOR_RECV_REPLY: {monitor} reply={text}"


def write_log(path: Path, messages: int, seed: int) -> int:
    """Write a log with so many messages; how many bytes it has."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl", encoding="utf-8") as trace:
        write_trace(Path(trace.name), messages, seed)
        lines = iter(trace)
        next(lines)
        with path.open("w", encoding="utf-8", newline="") as log:
            log.writelines(f"{line}\n" for line in in_libvirts_words(lines))
    return path.stat().st_size


def read(path: str) -> int:
    """Read a log as a trace; how many lines that has."""
    with open_trace(path) as lines:
        log = opened(lines, None)
        if log.importer is None or log.importer.name != "libvirt":
            raise SystemExit(f"{path}: not recognised as a log of libvirt")
        return sum(1 for _ in log.entries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.logs", description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[60_000, 240_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    options = parser.parse_args(arguments)
    table = Table(title="A debug log of libvirt, on one core", title_justify="left")
    for column in ("messages", "size", "read", "read and judged", "peak memory of check"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="migspec-bench-") as folder:
        for messages in options.messages:
            path = Path(folder) / f"{messages}.log"
            size = write_log(path, messages, SEED)
            rates = []
            for way in (read, check):
                taken = []
                for _ in range(options.rounds):
                    start = time.process_time()
                    way(str(path))
                    taken.append(time.process_time() - start)
                rates.append(f"{size / MEGA / median(taken):.0f} MB/s")
            memory = f"{peak_of_check(str(path)) / MEGA:.0f} MB"
            table.add_row(f"{messages:,}", f"{size / MEGA:.0f} MB", *rates, memory)
    Console().print(table)


if __name__ == "__main__":
    main()
