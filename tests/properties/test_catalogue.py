"""The catalogue, held against what the explorer counted: what holds, what shows itself, and what is reached.

`make test` explores small environments anew and compares them with what is stored; `make soak` explores all of them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from tests.properties import page
from tests.properties.page import counted
from tests.traces.command import ENVIRONMENT

from migspec.properties.catalogue import PROPERTIES
from migspec.properties.catalogue.reachability import REACHABILITY, STATUSES, STEPS, UNREACHED
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.spec.composition import END, SENDING, TIES, Side
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, Thread
from migspec.spec.rules import RULES
from migspec.spec.schema import SEED as SCHEMA

SMALL = ("loans", "failover", "unsound", "postcopy-quit")


def anew(name: str) -> dict[str, Any]:
    """What exploring comes to, in a process that has none of the tests' type checks to slow it."""
    program = f"import json; from tests.properties.page import explored; print(json.dumps(explored({name!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=ENVIRONMENT, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", SMALL)
def test_what_is_stored_is_what_is_found(name: str) -> None:
    assert anew(name) == counted()[name]


@pytest.mark.soak
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_stored_of_every_environment_is_what_is_found(name: str) -> None:
    found = anew(name)
    print(f"{name}: {found['distinct']} states, {found['generated']} steps, {len(found['shown'])} exemptions shown")
    assert found == counted()[name]


def test_the_page_is_made_of_what_is_stored() -> None:
    assert page.PAGE.read_text() == page.page(counted())


def test_the_readme_shows_the_sizes_that_are_stored() -> None:
    readme = (page.PAGE.parents[1] / "README.md").read_text()
    shown = re.findall(r"^\$ migspec explore (\S+) .*\n.*\n(\d+) states, (\d+) steps, (\d+) deep", readme, re.MULTILINE)
    assert shown
    for name, *sizes in shown:
        assert list(map(int, sizes)) == [counted()[name][size] for size in ("distinct", "generated", "depth")]


def test_every_environment_is_counted_and_none_breaks_a_property() -> None:
    assert list(counted()) == list(ENVIRONMENTS)
    assert {name: size["broken"] for name, size in counted().items() if size["broken"]} == {}


def test_everything_that_must_be_possible_is_reached_somewhere() -> None:
    reached = {prop for size in counted().values() for prop in size["reached"]}
    assert [prop.id for prop in REACHABILITY if prop.id not in reached] == []


def test_what_is_called_unreached_is_no_property_and_is_a_row() -> None:
    excused = {rule for rules in UNREACHED.values() for rule in rules}
    rows = {row.id for row in ROWS if QEMU_5_2_0 in row.profiles and row.thread is not Thread.DIRTY_RATE}
    assert excused <= rows
    assert {prop.id.removeprefix("taken.") for prop in STEPS} == rows - excused


def test_no_exemption_is_stale() -> None:
    shown = {exemption for size in counted().values() for exemption in size["shown"]}
    known = {exemption.id for prop in PROPERTIES.values() for exemption in prop.exempt}
    assert known == shown


def test_the_standard_bound_is_large() -> None:
    assert counted()["standard"]["distinct"] >= 400_000


def test_clauses_are_of_the_schema_and_environments_exist() -> None:
    for prop in PROPERTIES.values():
        entity = prop.clause.partition(".")[0]
        assert not entity or entity in {known.name for known in SCHEMA.entities}, prop.id
        assert set(prop.environments) <= set(ENVIRONMENTS), prop.id
        assert prop.sentence[0].isupper(), prop.id
        assert prop.sentence.endswith("."), prop.id


def test_every_status_has_its_property() -> None:
    assert len({prop.id for prop in STATUSES}) == len(STATUSES)


# --- the composition that all this is asked of


def test_a_tie_is_of_a_step_that_there_is() -> None:
    steps = {*RULES, END, *(row.id for row in SENDING)}
    assert {rule for _, rule in TIES} <= steps


@pytest.mark.parametrize(("side", "rule"), TIES, ids=str)
def test_the_ties_of_a_step_are_all_of_its_side(side: Side, rule: str) -> None:
    for tie in TIES[side, rule]:
        assert (tie.side, tie.rule) == (side, rule)
        assert tie.sentence.endswith(".")
        assert tie.link.cases or rule == END
