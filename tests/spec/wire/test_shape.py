"""What is no request is refused for one of its faults, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON
from migspec.spec.arguments import NOT_AN_OBJECT
from migspec.spec.schema import ABSENT
from migspec.spec.wire.shape import NO_COMMAND, NO_OBJECT, echoed, faults, first_fault, jumps_the_queue, unexpected

NAMES = st.text(max_size=6)
REQUESTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(("execute", "exec-oob")).flatmap(
    lambda name: st.fixed_dictionaries(
        {name: NAMES}, optional={"arguments": st.dictionaries(NAMES, JSON, max_size=2), "id": JSON}
    )
)
MEMBERS = st.sampled_from(("execute", "exec-oob", "arguments", "id", "control", "return", ""))
ANYTHING = st.dictionaries(MEMBERS, JSON | NAMES, max_size=4)


@given(REQUESTS)
def test_a_request_has_no_faults_where_its_kind_is_known(request: dict[str, Any]) -> None:
    assert not faults(request, oob=True)
    assert faults(request, oob=False) == ({unexpected("exec-oob")} if "exec-oob" in request else frozenset())


@given(ANYTHING, st.booleans())
def test_only_requests_have_no_faults(value: dict[str, Any], oob: bool) -> None:
    commands = [name for name in ("execute", "exec-oob") if name in value]
    is_request = (
        len(commands) == 1
        and isinstance(value[commands[0]], str)
        and (oob or commands == ["execute"])
        and isinstance(value.get("arguments", {}), dict)
        and value.keys() <= {"execute", "exec-oob", "arguments", "id"}
    )
    assert (not faults(value, oob=oob)) == is_request


@given(ANYTHING | JSON, st.booleans())
def test_the_first_fault_is_one_of_them(value: Any, oob: bool) -> None:
    first = first_fault(value, oob=oob)
    texts = faults(value, oob=oob)
    assert first in texts if texts else first == ""


@given(JSON.filter(lambda value: not isinstance(value, dict)), st.booleans())
def test_what_is_no_object_has_one_fault(value: Any, oob: bool) -> None:
    assert faults(value, oob=oob) == {NO_OBJECT}
    assert echoed(value) is ABSENT
    assert not jumps_the_queue(value)


@given(ANYTHING, ANYTHING, st.booleans())
def test_what_is_wrong_with_one_member_stays_wrong(value: dict[str, Any], more: dict[str, Any], oob: bool) -> None:
    wider = more | value
    lost = faults(value, oob=oob) - faults(wider, oob=oob)
    # unless it was that something was missing, or two were too many and one of them is worse
    assert all(text == NO_COMMAND or "clashes" in text for text in lost)


@pytest.mark.parametrize(
    ("value", "plain", "with_oob"),
    [
        ({}, {NO_COMMAND}, {NO_COMMAND}),
        ({"arguments": None}, {NOT_AN_OBJECT}, {NOT_AN_OBJECT}),
        ({"execute": None}, {"QMP input member 'execute' must be a string"}, None),
        ({"exec-oob": "a"}, {unexpected("exec-oob")}, set()),
        ({"exec-oob": 1}, {unexpected("exec-oob")}, {"QMP input member 'exec-oob' must be a string"}),
        (
            {"execute": "a", "exec-oob": "b"},
            {unexpected("exec-oob")},
            {
                "QMP input member 'execute' clashes with 'exec-oob'",
                "QMP input member 'exec-oob' clashes with 'execute'",
            },
        ),
        (
            {"execute": 1, "exec-oob": "b"},
            {unexpected("exec-oob"), "QMP input member 'execute' must be a string"},
            {"QMP input member 'execute' must be a string"},
        ),
        ({"execute": "a", "b": 1, "c": 2}, {unexpected("b"), unexpected("c")}, None),
    ],
)
def test_the_faults_of_what_is_no_request(value: Any, plain: set[str], with_oob: set[str] | None) -> None:
    assert faults(value, oob=False) == plain
    assert faults(value, oob=True) == (plain if with_oob is None else with_oob)


@pytest.mark.parametrize(
    ("value", "at_once"), [({"exec-oob": 1}, True), ({"exec-oob": "a", "execute": "b"}, False), ({"execute": 1}, False)]
)
def test_what_is_out_of_band_is_looked_at_at_once(value: Any, at_once: bool) -> None:
    assert jumps_the_queue(value) is at_once


@given(JSON)
def test_the_id_comes_back_whatever_it_is(identity: Any) -> None:
    assert echoed({"id": identity}) is identity
    assert echoed({"execute": 1}) is ABSENT
