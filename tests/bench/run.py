"""Measures the checker: processor time a message, against decoding alone, and memory.

Run it as `python -m tests.bench.run`.  All three ways read the same lines with the same reader in one
process, in turns, so that a machine that slows down slows all of them; their ratio is taken within a round.
Memory is measured in a process of its own for each trace, and must not grow with the trace.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec
import orjson
from rich.console import Console
from rich.table import Table
from tests.bench.generate import write_trace

from migspec.spec.schema import QEMU_5_2_0
from migspec.traces.findings import Verdict
from migspec.traces.format import open_trace
from migspec.traces.judge import bench_of, judge_file
from migspec.traces.messages import decode_line, decoders_for

SEED = 52


def _lines(path: str) -> Iterator[bytes]:
    """The lines after the header."""
    with open_trace(path) as lines:
        numbered = iter(lines)
        next(numbered)
        for _, text in numbered:
            yield text


def parse(path: str) -> int:
    """Read the lines and parse them with orjson; how many lines there are."""
    loads = orjson.loads
    count = 0
    for text in _lines(path):
        loads(text)
        count += 1
    return count


def decode(path: str) -> int:
    """Read the lines and decode them to checked types, answers to query-migrate too; how many lines there are."""
    answer = decoders_for(QEMU_5_2_0).returns["query-migrate"].decode
    polled: set[str] = set()
    count = 0
    for text in _lines(path):
        count += 1
        try:
            line = decode_line(text)
        except msgspec.ValidationError:
            continue  # no message: the end of a connection
        message = line.msg
        # an application waits for each answer before it asks again
        if message.execute == "query-migrate":
            polled.add(line.vm)
        elif message.returned and line.vm in polled:
            answer(message.returned)
            polled.discard(line.vm)
    return count


def check(path: str) -> int:
    """Judge the trace, which must conform, from an empty automaton on; how many messages it has."""
    bench_of.cache_clear()
    report = judge_file(path)
    if report.verdict is not Verdict.CONFORMS:
        raise SystemExit(f"{path}: {report.verdict}: {report.error or report.findings[:3]}")
    return report.messages


WAYS: Mapping[str, Callable[[str], int]] = {"orjson.loads": parse, "msgspec, typed": decode, "check": check}
"""What is measured; the first is what the others are compared with."""


def round_of(path: str, messages: int) -> dict[str, float]:
    """Seconds of processor time a message for each way, measured once."""
    taken = {}
    for name, way in WAYS.items():
        start = time.process_time()
        way(path)
        taken[name] = (time.process_time() - start) / messages
    return taken


_JUDGE_ONLY = """
import sys
from migspec.traces.judge import judge_file
judge_file(sys.argv[1])
print(open("/proc/self/status").read())
"""


def peak_of_check(path: str) -> int:
    """The most memory, in bytes, that a process of its own takes to judge a trace.  Needs Linux's `/proc`."""
    # ru_maxrss would be no less than the peak of the process that starts this one
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", _JUDGE_ONLY, path]
    status = subprocess.run(line, env=environment, check=True, capture_output=True, text=True).stdout
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert peak, status
    return int(peak[1]) * 1024


def table_of(messages: int, rounds: Sequence[Mapping[str, float]], peak: int) -> Table:
    """The medians of what was measured on one trace."""
    table = Table(title=f"{messages:,} messages; peak memory of check {peak / 1e6:.0f} MB", title_justify="left")
    table.add_column("way")
    table.add_column("µs a message", justify="right")
    base = next(iter(WAYS))
    table.add_column(f"times {base}", justify="right")
    for name in WAYS:
        ratio = median(taken[name] / taken[base] for taken in rounds)
        table.add_row(name, f"{median(taken[name] for taken in rounds) * 1e6:.2f}", f"{ratio:.2f}")
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[100_000, 1_000_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    options = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="migspec-bench-") as folder:
        traces = {messages: Path(folder) / f"{messages}.jsonl" for messages in options.messages}
        for messages, path in traces.items():
            write_trace(path, messages, SEED)
        peaks = {messages: peak_of_check(str(path)) for messages, path in traces.items()}
        rounds: dict[int, list[dict[str, float]]] = {messages: [] for messages in traces}
        for _ in range(options.rounds):
            for messages, path in traces.items():
                rounds[messages].append(round_of(str(path), messages))
        for messages in traces:
            console.print(table_of(messages, rounds[messages], peaks[messages]))


if __name__ == "__main__":
    main()
