"""The sample faults shrink to traces with the same finding.

`MIGSPEC_UPDATE_GOLDEN=1 pytest tests/traces/shrink/test_faults_shrunk.py` writes the agreed trace and test anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.faults.faults import FAULTS
from tests.faults.shrunk import Left

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "traces" / "golden" / "shrink"

QUICK = ("reply-doubled", "return-and-error", "pass-of-wrong-type", "status-unknown")
"""Faults of which the judge is quick to say everything."""
AGREED = "reply-doubled"


def shrunk(*arguments: str) -> Mapping[str, Left]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.faults.shrunk", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=dict[str, Left])


@pytest.fixture(scope="module")
def left() -> Mapping[str, Left]:
    return shrunk(*QUICK)


def check(left: Left) -> None:
    """The same message breaks the same rule for the same reason, and nothing is wrong that was not wrong with it."""
    (found,) = (each for each in left.found if each.rule == left.before.rule)
    others = [each for each in left.found if each is not found]
    assert {each.rule for each in others} <= {*left.beside}
    assert {(each.vm, each.line) for each in left.found} == {(left.before.vm, found.line)}
    assert left.before.nearest in ("", found.nearest)
    before, after = json.loads(left.message), json.loads(left.lines[found.line - 1])
    assert {name: after.get(name) for name in ("vm", "dir", "msg")} == {
        name: before.get(name) for name in ("vm", "dir", "msg")
    }
    assert len(left.lines) - 1 <= left.size


@pytest.mark.parametrize("name", QUICK)
def test_what_is_left_shows_the_same_and_is_short(name: str, left: Mapping[str, Left]) -> None:
    check(left[name])
    assert len(left[name].lines) - 1 < left[name].size / 4


@pytest.mark.parametrize("name", QUICK)
def test_no_line_can_be_left_out(name: str, left: Mapping[str, Left]) -> None:
    assert left[name].removable == ()


def agreed(path: Path, text: str) -> str:
    """The text that was agreed on; `text` itself if the agreement is to be renewed."""
    if os.environ.get("MIGSPEC_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return path.read_text()


def test_the_trace_is_as_agreed(left: Mapping[str, Left]) -> None:
    text = "".join(f"{line}\n" for line in left[AGREED].lines)
    assert text == agreed(GOLDEN / f"{AGREED}.jsonl", text)


def test_the_test_is_as_agreed(left: Mapping[str, Left]) -> None:
    text = left[AGREED].test
    assert text == agreed(GOLDEN / f"test_{AGREED}.py.txt", text)


@pytest.mark.soak
def test_every_fault_shrinks_to_the_same_finding() -> None:
    every = shrunk("--quickly")
    assert every.keys() == {fault.name for fault in FAULTS if not fault.gap}
    for left in every.values():
        check(left)


@pytest.mark.soak
def test_no_line_of_a_fault_in_a_migration_can_be_left_out() -> None:
    for left in shrunk("resume-after-completion", "active-lost", "id-of-other-type").values():
        check(left)
        assert left.removable == ()
