"""Shrinks sample faults and writes what is left of each as JSON, by the fault's name.

The tests run this as a process of its own, for the same reasons as `tests.faults.judged`.  `python -m
tests.faults.shrunk [--quickly] [NAME]...` shrinks these faults, or all.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec
from tests.faults.fault import Fault
from tests.faults.faults import FAULTS
from tests.faults.mutations import as_text

from migspec.traces.findings import Finding, Grade
from migspec.traces.judge import Options, judge_file
from migspec.traces.shrink.log import Log, place_of, read
from migspec.traces.shrink.search import Search
from migspec.traces.shrink.written import as_test, origin, trace_lines


class Left(msgspec.Struct, frozen=True):
    """What is left of a fault.

    `before` is the violation in the whole trace, `beside` are the rules that the same message breaks as well, and
    `message` is the line that it is in, as JSON; `found` are the violations in what is left, as a judge that has seen
    nothing else finds them in a file.  `removable` are the lines of it, from 1, that could be left out all the same.
    """

    size: int
    before: Finding
    beside: tuple[str, ...]
    message: str
    lines: tuple[str, ...]
    test: str
    found: tuple[Finding, ...]
    removable: tuple[int, ...] = ()


def violations_in(lines: list[bytes], folder: Path) -> list[Finding]:
    """The violations in a trace, given as its lines."""
    path = folder / "left.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return [finding for finding in judge_file(str(path)).findings if finding.grade is Grade.VIOLATION]


def shrunk(fault: Fault, folder: Path, *, thoroughly: bool) -> Left:
    """Shrink a fault, and look whether it could be shrunk further if that was done thoroughly."""
    path = folder / f"{fault.name}.jsonl"
    path.write_text(as_text(fault.faulty().lines))
    log = read(str(path), Options())
    before = log.violations[0]
    left = Search(log, before, Options()).run(thoroughly=thoroughly)
    source = origin(log, before)
    lines = trace_lines(left, source)
    return Left(
        len(log.entries),
        before,
        tuple(each.rule for each in log.violations if each is not before and each.line == before.line),
        log.entries[place_of(before)].text.decode(),
        tuple(line.decode() for line in lines),
        as_test(left, Options(), source),
        tuple(violations_in(lines, folder)),
        tuple(removable(lines, left.finding, log, folder)) if thoroughly else (),
    )


def removable(lines: list[bytes], finding: Finding, log: Log, folder: Path) -> list[int]:
    """The lines without which the trace would show the same violation, and none that the log does not have."""
    known = {each.rule for each in log.violations}
    found = []
    for place in range(1, len(lines)):
        rest = violations_in(lines[:place] + lines[place + 1 :], folder)
        line = finding.line - (place < finding.line - 1)
        same = [each for each in rest if (each.line, each.rule, each.nearest) == (line, finding.rule, finding.nearest)]
        if place != finding.line - 1 and same and all(each.rule in known for each in rest):
            found.append(place + 1)
    return found


def main() -> None:
    """Write what is left of the faults that are named."""
    names = [argument for argument in sys.argv[1:] if argument != "--quickly"]
    chosen = [fault for fault in FAULTS if (fault.name in names or not names) and not fault.gap]
    thoroughly = "--quickly" not in sys.argv
    with tempfile.TemporaryDirectory() as name:
        left = {fault.name: shrunk(fault, Path(name), thoroughly=thoroughly) for fault in chosen}
    print(msgspec.json.encode(left).decode())


if __name__ == "__main__":
    main()
