"""The smallest edit is no mere talk: made to the trace, it makes the message legal.

The edits are made and judged by `tests.faults.mended`, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faults.mended import Outcome, applied

from migspec.spec.schema import QEMU_5_2_0
from migspec.traces.automaton import Node
from migspec.traces.edits import Edit, best, shown
from migspec.traces.observations import Emitted

ROOT = Path(__file__).parents[2]
LEAVE_OUT = "leave this message out"

SOME_REMAINS: Mapping[str, str] = {
    "stop-lost": "the edit adds a pass, for it knows no numbers; the count in the next answer denies that",
    "resume-after-completed": "the event that is left out was due a message earlier, which a query notices",
}
"""Faults that a change of one message cannot mend, by name, with the reason; what remains is found later."""


@pytest.fixture(scope="module")
def outcomes() -> Mapping[str, Outcome]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.faults.mended"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=dict[str, Outcome])


def test_every_kind_of_edit_is_tried(outcomes: Mapping[str, Outcome]) -> None:
    edits = [outcome.edit for outcome in outcomes.values()]
    assert {LEAVE_OUT, "exchange this message with the next one of this VM"} <= set(edits)
    for beginning in ("put MIGRATION{", "put the reply to ", "put STOP and ", "make it MIGRATION", "make it error "):
        assert any(edit.startswith(beginning) for edit in edits), beginning
    assert "make it success" in edits
    assert len(edits) >= 50


def test_an_edit_mends_what_it_is_proposed_for(outcomes: Mapping[str, Outcome]) -> None:
    """Nothing is left of the violation nor of what followed from it; what was wrong before it remains."""
    for name, outcome in outcomes.items():
        expected = [(found.line, found.rule) for found in outcome.before if found.line < outcome.line]
        left = [(found.line, found.rule) for found in outcome.after]
        if name in SOME_REMAINS:
            assert left, name
            assert min(line for line, _ in left) > outcome.line, name
        elif outcome.edit.startswith("make it "):
            # the message is another one, so what is wrong with its form is mended too
            assert left == [], name
        else:
            assert left == expected, (name, outcome.edit)


# ---- making an edit to a trace, which the above relies on ----

LINES = [
    {"vm": "a", "dir": "->", "msg": {"execute": "migrate", "id": 1}},
    {"vm": "a", "dir": "<-", "msg": {"event": "MIGRATION_PASS", "data": {"pass": 4}}},
    {"vm": "a", "dir": "<-", "msg": {"event": "STOP"}},
    {"vm": "b", "dir": "<-", "msg": {"event": "STOP"}},
    {"vm": "a", "dir": "<-", "msg": {"return": {}, "id": 1}},
]
AT = 2


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (LEAVE_OUT, [0, 1, 3, 4]),
        ("exchange this message with the next one of this VM", [0, 1, 3, 4, 2]),
        ("put RESUME before it", [0, 1, {"event": "RESUME"}, 2, 3, 4]),
        ("put MIGRATION{active} before it", [0, 1, {"event": "MIGRATION", "data": {"status": "active"}}, 2, 3, 4]),
        ("put MIGRATION_PASS{pass: next} before it", [0, 1, {"event": "MIGRATION_PASS", "data": {"pass": 5}}, 2, 3, 4]),
        ("put the reply to migrate before it", [0, 1, {"return": {}, "id": 1}, 2, 3, 4]),
        ("put STOP and RESUME before it", [0, 1, {"event": "STOP"}, {"event": "RESUME"}, 2, 3, 4]),
        ("make it RESUME", [0, 1, {"event": "RESUME"}, 3, 4]),
    ],
)
def test_an_edit_is_made_as_it_says(edit: str, expected: list[int | dict[str, object]]) -> None:
    def said(part: int | dict[str, object]) -> object:
        return LINES[part]["msg"] if isinstance(part, int) else part

    made = [line["msg"] for line in applied(LINES, AT, edit)]
    for message in made:
        assert isinstance(message, dict)
    plain = [{name: value for name, value in message.items() if name != "timestamp"} for message in made]
    assert plain == [said(part) for part in expected]


def test_an_edit_that_nobody_knows_is_not_made() -> None:
    with pytest.raises(LookupError):
        applied(LINES, AT, "change what it says")


# ---- which edit ----

NODE = Node(())
EDITS = st.builds(
    Edit,
    st.text(max_size=3),
    st.sampled_from([NODE, None]),
    held=st.none() | st.just(Emitted(0, "STOP")),
)


@given(st.lists(EDITS, max_size=5))
def test_the_first_edit_that_still_explains_is_the_best(edits: list[Edit]) -> None:
    chosen = best(edits)
    possible = [edit for edit in edits if edit.node is not None and edit.held is None]
    assert chosen is (possible[0] if possible else None)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("STOP", "STOP"),
        ("MIGRATION:active", "MIGRATION{active}"),
        ("MIGRATION_PASS:1", "MIGRATION_PASS{pass: 1}"),
        ("MIGRATION_PASS:n", "MIGRATION_PASS{pass: next}"),
        ("SHUTDOWN:quit", "SHUTDOWN{quit}"),
    ],
)
def test_an_event_as_people_write_it(event: str, text: str) -> None:
    assert shown(event) == text


@given(st.sampled_from(sorted(QEMU_5_2_0.events)), st.sampled_from(["", "x"]), st.sampled_from(["", "x"]))
def test_different_events_are_written_differently(name: str, one: str, other: str) -> None:
    if name != "MIGRATION_PASS":
        texts = [shown(f"{name}:{detail}" if detail else name) for detail in (one, other)]
        assert (texts[0] == texts[1]) == (one == other)
