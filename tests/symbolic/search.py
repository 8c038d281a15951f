"""Has CrossHair look for counterexamples to the contracts, and keeps what came of it.

A contract is *confirmed* where every path through it was seen and none breaks it, *unfinished* where the time was over
before that, *undone* where CrossHair itself could not go on, and *broken* where there is a counterexample that breaks
it in Python, too. `results.json` beside this file has what the last search came to.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from tests.symbolic import contracts

PROJECT: Final = Path(__file__).resolve().parents[2]
STORED: Final = Path(__file__).with_name("results.json")
SECONDS: Final = 8
"""Seconds of a processor that each contract is searched for."""

_CALL: Final = re.compile(r"when calling (.*?\))(?: \(which|$)")
_LINE: Final = re.compile(r"^.*contracts\.py:(\d+): (\w+): (.*)$")


class Came(StrEnum):
    """What a search came to."""

    CONFIRMED = "confirmed"
    """No counterexample: every path was seen."""
    UNFINISHED = "unfinished"
    """None was found before the time was over."""
    UNDONE = "undone"
    """CrossHair's own model of Python broke down: what it tells of does not happen."""
    BROKEN = "broken"
    """There is one."""


class Found(msgspec.Struct, frozen=True):
    """What came of the search for one contract, and what was said."""

    contract: str
    came: Came
    told: str = ""


def search(names: Iterable[str], seconds: float = SECONDS) -> list[Found]:
    """Search for counterexamples to these contracts.

    Raises `RuntimeError` where CrossHair cannot be run.
    """
    return [_search(name, seconds) for name in names]


def _search(name: str, seconds: float) -> Found:
    line = [sys.executable, "-m", "crosshair", "check", "--analysis_kind=icontract", "--report_all"]
    line += [f"--per_condition_timeout={seconds}", f"tests.symbolic.contracts.{name}"]
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=False)
    said = [match for match in map(_LINE.match, done.stdout.splitlines()) if match]
    if not said:
        raise RuntimeError(done.stderr)
    errors = [match[3] for match in said if match[2] == "error"]
    if errors:
        return Found(name, Came.BROKEN if is_broken_by(errors[0]) else Came.UNDONE, errors[0])
    confirmed = bool(said) and all(match[3].startswith("Confirmed") for match in said)
    return Found(name, Came.CONFIRMED if confirmed else Came.UNFINISHED)


def is_broken_by(told: str) -> bool:
    """Whether the counterexample that CrossHair tells of is one in Python, too."""
    call = _CALL.search(told)
    if call is None:
        return True
    try:
        eval(call[1], {"inf": float("inf"), **vars(contracts)})
    except Exception:
        return True
    return False


def names() -> tuple[str, ...]:
    """The names of all contracts."""
    return tuple(contract.__name__ for contract in contracts.CONTRACTS)


def store(found: Iterable[Found]) -> None:
    """Keep what came of a complete search, a contract a line."""
    lines = b",\n".join(map(msgspec.json.encode, found))
    STORED.write_bytes(b"[\n" + lines + b"\n]\n")


def stored() -> list[Found]:
    """What the last complete search came to."""
    return msgspec.json.decode(STORED.read_bytes(), type=list[Found])
