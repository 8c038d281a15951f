"""A greeting is what a server says first: a version, and capabilities that it knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON, corrupted, values_of
from migspec.spec.schema import QEMU_5_2_0, SEED, Schema
from migspec.spec.wire.greeting import GREETING, mismatches, offered, release_of

QEMU = {"version": {"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": "Debian"}, "capabilities": ["oob"]}


@pytest.mark.parametrize("schema", [SEED, QEMU_5_2_0])
def test_the_greeting_of_qemu_is_one(schema: Schema) -> None:
    assert not list(mismatches(QEMU, schema))
    assert offered(QEMU) == frozenset({"oob"})
    assert release_of({"QMP": QEMU}) == "5.2.0"


@given(values_of(GREETING, SEED))
def test_every_greeting_that_fits_is_let_pass(content: dict[str, Any]) -> None:
    assert not list(mismatches(content, SEED))
    assert offered(content) == frozenset(content["capabilities"])


@given(st.just(QEMU).flatmap(lambda content: corrupted(content, JSON)))
def test_one_change_is_found(content: Any) -> None:
    found = list(mismatches(content, SEED))
    assert bool(found) == (not fits(content))
    assert all(fault.path.startswith("QMP") for fault in found)


def fits(content: Any) -> bool:
    """Whether something is a greeting, said once more in other words."""
    if not isinstance(content, dict) or content.keys() != QEMU.keys():
        return False
    version, capabilities = content["version"], content["capabilities"]
    return (
        isinstance(version, dict)
        and version.keys() == {"qemu", "package"}
        and isinstance(version["package"], str)
        and isinstance(version["qemu"], dict)
        and version["qemu"].keys() == {"major", "minor", "micro"}
        and all(type(part) is int and -(2**63) <= part < 2**63 for part in version["qemu"].values())
        and isinstance(capabilities, list)
        and all(name == "oob" for name in capabilities)
    )


@given(JSON)
def test_what_offers_nothing_says_nothing_of_it(content: Any) -> None:
    assert offered(content) is None


@pytest.mark.parametrize("message", [None, [], {"QMP": {}}, {"QMP": {"version": {"qemu": {"major": "5"}}}}])
def test_a_message_without_a_release(message: object) -> None:
    assert release_of(message) is None
