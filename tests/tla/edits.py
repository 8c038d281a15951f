"""One VM's part of a recorded trace, and small faults put into it: a message left out, told twice, or out of order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tla.traces import lines_of

from migspec.traces.findings import Grade
from migspec.traces.judge import Options, judge_file

Line = Mapping[str, Any]
"""A line of a trace, read."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A trace of one VM: what was done to it, and its lines after the header."""

    what: str
    lines: tuple[Line, ...]


def part(path: Path, vm: str) -> tuple[Line, ...]:
    """The lines of one VM, after the header."""
    return tuple(line for line in lines_of(path) if line.get("vm") == vm)


def _event(line: Line) -> str:
    """The event of a line in words; empty where it tells of none."""
    message = line.get("msg", {})
    data = message.get("data", {})
    return f"{message['event']} {data.get('status', data.get('pass', ''))}".strip() if "event" in message else ""


def _is_counted(event: str) -> bool:
    """Whether it is a pass that only its number tells from the others: numbers are no part of the states."""
    return event.startswith("MIGRATION_PASS ") and event != "MIGRATION_PASS 1"


def faults(lines: Sequence[Line]) -> Iterator[Edited]:
    """Each event left out, told twice, and changed with the event after it."""
    events = [number for number, line in enumerate(lines) if _event(line)]
    for place, number in enumerate(events):
        event = _event(lines[number])
        if not _is_counted(event):
            yield Edited(f"{event} in line {number} is left out", (*lines[:number], *lines[number + 1 :]))
            yield Edited(f"{event} in line {number} is told twice", (*lines[: number + 1], *lines[number:]))
        if place + 1 < len(events):
            later = events[place + 1]
            if not (_is_counted(event) and _is_counted(_event(lines[later]))):
                swapped = list(lines)
                swapped[number] = {**lines[number], "msg": lines[later]["msg"]}
                swapped[later] = {**lines[later], "msg": lines[number]["msg"]}
                yield Edited(f"{event} in line {number} changes places with {_event(lines[later])}", tuple(swapped))


def violations(edited: Sequence[Edited]) -> Mapping[str, Sequence[str]]:
    """The rules that the checker finds each trace to violate, by what was done to it.

    It is told that the trace begins at rest, which is how the module begins.
    It runs in a process of its own, where no run-time check of types multiplies the time that it takes.
    """
    asked = json.dumps({trace.what: trace.lines for trace in edited})
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-m", "tests.tla.edits"]
    done = subprocess.run(line, env=environment, input=asked, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def _violated(lines: Sequence[Line], folder: Path) -> list[str]:
    vm = lines[0]["vm"]
    header = {"format": "qmp-trace", "version": 1, "vms": {vm: {"implementation": "qemu", "release": "5.2.0"}}}
    path = folder / "trace.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
    report = judge_file(str(path), Options(at_rest=True))
    assert not report.error, report.error
    return [finding.rule for finding in report.findings if finding.grade is Grade.VIOLATION]


def main() -> None:
    """Judge the traces that standard input has, by name."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({what: _violated(lines, Path(folder)) for what, lines in json.load(sys.stdin).items()}))


if __name__ == "__main__":
    main()
