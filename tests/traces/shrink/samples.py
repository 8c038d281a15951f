"""Small traces with a violation in them that the judge is quick to find, for the tests of this folder.

They are judged by the written contract, unless their header names a release: it leaves so much open that the judge has
next to nothing to search.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.traces.talk import run_state

from migspec.traces.judge import Options
from migspec.traces.shrink.log import Log, read

PLAIN: Final = Options()


def line(vm: str, direction: str, message: object, **others: object) -> bytes:
    """A line with a message."""
    return json.dumps({"vm": vm, "dir": direction, "msg": message, **others}).encode()


def exchange(vm: str, command: str, returned: object, number: int, **others: object) -> list[bytes]:
    """A request and its reply."""
    return [
        line(vm, "->", {"execute": command, "id": number}, **others),
        line(vm, "<-", {"return": returned, "id": number}, **others),
    ]


RIGHT: Final = run_state("running")
WRONG: Final = RIGHT | {"singlestep": "no"}
"""Answers to query-status."""


def wrong_answer(before: int = 3, behind: int = 3) -> list[bytes]:
    """Two VMs that are asked for their run state; one answer of `src`, which the last of the rest follows, is wrong."""
    lines: list[bytes] = []
    for number in range(before):
        lines += exchange("src" if number % 2 else "dst", "query-status", RIGHT, number, t=float(number))
    lines += exchange("src", "query-status", WRONG, before, t=float(before))
    for number in range(before + 1, before + 1 + behind):
        lines += exchange("src", "query-status", RIGHT, number, t=float(number))
    return lines


def written(folder: Path, lines: list[bytes], header: dict[str, Any] | None = None) -> Path:
    """A trace with these lines."""
    path = folder / "trace.jsonl"
    first = {"format": "qmp-trace", "version": 1, **(header or {})}
    path.write_bytes(b"\n".join((json.dumps(first).encode(), *lines)) + b"\n")
    return path


def log_of(folder: Path, lines: list[bytes], options: Options = PLAIN, header: dict[str, Any] | None = None) -> Log:
    """The same as a log that was read."""
    return read(str(written(folder, lines, header)), options)
