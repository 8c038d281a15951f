"""Parameters: what is stored of a value, which values are refused, and what is known without knowing the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migspec.properties.strategies import values_of
from migspec.spec.parameters import (
    CHECKS,
    DEFAULTS,
    PARAMETERS,
    READ,
    SET,
    SHORTHANDS,
    UNKNOWN,
    Value,
    changes_of,
    judge_changes,
    missing,
    monitor_changes,
    own_fault,
    peculiarities,
    read_values,
    written_changes,
)
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.schema.model import IntegerType
from migspec.spec.vocabulary import MigrationParameter

NUMBERS = tuple(name for name, parameter in PARAMETERS.items() if parameter.values is not None)
EDGES = sorted(
    {
        number + by
        for check in CHECKS
        for number in (0, check.least, check.most, 2**8, 2**16, 2**32, 2**63, 4096)
        for by in (-1, 0, 1)
    }
    | {-(2**63)}
)


def settable(name: str, value: int) -> bool:
    """Whether a number may be written for a parameter at all."""
    wire = PARAMETERS[name].written.type
    assert isinstance(wire, IntegerType)
    return (wire.minimum if wire.signed else -(2**63)) <= value <= wire.maximum


CHANGES = st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from(EDGES) | st.integers(-(2**63), 2**63 - 1)).map(
    lambda given: {name: value for name, value in given.items() if settable(name, value)}
)
VALID: st.SearchStrategy[Mapping[str, Any]] = values_of(QEMU_5_2_0.structs["MigrateSetParameters"], QEMU_5_2_0)


def in_force(**values: Value) -> dict[str, Value]:
    return {**DEFAULTS, **{name.replace("_", "-"): value for name, value in values.items()}}


def test_the_table_has_every_parameter_in_the_order_of_the_schema() -> None:
    assert list(PARAMETERS) == [member.name for member in QEMU_5_2_0.structs["MigrateSetParameters"].members]
    assert set(PARAMETERS) == set(MigrationParameter)


def test_the_defaults_pass_every_check() -> None:
    assert all(check.passes(DEFAULTS) for check in CHECKS)
    assert judge_changes(DEFAULTS, {}) == (None, ())


@given(CHANGES)
def test_what_is_stored_is_congruent_and_fits_the_type_to_read(changes: dict[str, int]) -> None:
    for name, value in changes_of(SET, changes).items():
        wire = PARAMETERS[name].read.type
        assert isinstance(wire, IntegerType)
        assert isinstance(value, int)
        assert wire.minimum <= value <= wire.maximum
        assert (value - changes[name]) % (wire.maximum + 1) == 0


@given(CHANGES)
def test_with_all_values_known_nothing_is_in_doubt(changes: dict[str, int]) -> None:
    assert not judge_changes(changes_of(SET, changes), DEFAULTS).possible


@given(CHANGES, CHANGES)
def test_a_verdict_without_knowledge_covers_those_with_it(before: dict[str, int], changes: dict[str, int]) -> None:
    stored = changes_of(SET, before)
    assume(judge_changes(stored, DEFAULTS).certain is None)
    known = {**DEFAULTS, **stored}
    blind, seeing = judge_changes(changes_of(SET, changes), {}), judge_changes(changes_of(SET, changes), known)
    assert seeing.certain is None or seeing.certain in (blind.certain, *blind.possible)
    assert blind.certain is None or seeing.certain is not None
    if seeing.certain is None:
        assert blind.certain is None


@given(CHANGES)
def test_the_first_check_that_fails_is_the_answer(changes: dict[str, int]) -> None:
    stored = changes_of(SET, changes)
    merged = {**DEFAULTS, **stored}
    failing = [check for check in CHECKS if check.passes(merged) is False]
    refusal = judge_changes(stored, DEFAULTS).certain
    assert (refusal and refusal.text) == (failing[0].text if failing else None)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.parameter.value)
def test_a_check_holds_to_both_of_its_ends(check: Any) -> None:
    assert check.admits(check.least)
    assert check.power_of_two or check.admits(check.most)
    assert not check.admits(check.least - 1)
    assert not check.admits(check.most + 1)


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"compress-level": 256}, None),
        ({"compress-level": 10}, "compress-level"),
        ({"compress-threads": -1}, None),
        ({"compress-threads": 256}, "compress-threads"),
        ({"multifd-channels": 257}, None),
        ({"downtime-limit": -1}, "downtime-limit"),
        ({"downtime-limit": 2_000_000}, None),
        ({"max-bandwidth": -1}, None),
        ({"announce-initial": 100_000}, None),
        ({"announce-initial": 100_001}, "announce-initial"),
        ({"announce-step": 0}, "announce-step"),
        ({"xbzrle-cache-size": 4096}, None),
        ({"xbzrle-cache-size": 2048}, "xbzrle-cache-size"),
        ({"xbzrle-cache-size": 4097}, "xbzrle-cache-size"),
        ({"xbzrle-cache-size": 2**63}, None),
        ({"multifd-zlib-level": 77}, None),
        ({"cpu-throttle-initial": 60, "max-cpu-throttle": 50}, "max-cpu-throttle"),
        ({"cpu-throttle-initial": 50, "max-cpu-throttle": 50}, None),
        ({"max-cpu-throttle": 19}, "max-cpu-throttle"),
        ({"announce-step": 0, "compress-level": 10}, "compress-level"),
        ({"cpu-throttle-initial": 100, "max-cpu-throttle": 0}, "cpu-throttle-initial"),
    ],
)
def test_a_fresh_process_judges(changes: dict[str, int], parameter: str | None) -> None:
    refusal = judge_changes(changes_of(SET, changes), DEFAULTS).certain
    assert (refusal and refusal.parameter) == parameter


def test_the_throttle_is_in_doubt_only_where_it_depends_on_what_is_not_known() -> None:
    def doubts(**changes: int) -> bool:
        return bool(judge_changes({name.replace("_", "-"): value for name, value in changes.items()}, {}).possible)

    assert doubts(cpu_throttle_initial=2)
    assert not doubts(cpu_throttle_initial=1)
    assert doubts(max_cpu_throttle=98)
    assert not doubts(max_cpu_throttle=99)
    assert not doubts(max_cpu_throttle=50, cpu_throttle_initial=50)
    assert judge_changes({"max-cpu-throttle": 0}, {}).certain is not None


def test_the_text_of_a_range_spells_the_name_with_underscores() -> None:
    refusal = judge_changes({"downtime-limit": 2_000_001}, {}).certain
    assert refusal is not None
    assert refusal.text == "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms"


@given(VALID)
def test_what_the_text_promises_is_what_is_stored_or_left_open(arguments: Mapping[str, Any]) -> None:
    stored, promised = changes_of(SET, arguments), written_changes(SET, arguments)
    assert promised.keys() == arguments.keys() & PARAMETERS.keys()
    for name, value in stored.items():
        assert promised[name] in (value, UNKNOWN)
    peculiar = {name for _, name in peculiarities(arguments)}
    assert {name for name, value in promised.items() if value is UNKNOWN} <= peculiar | {
        name for name, value in arguments.items() if value is None
    }


@given(values_of(QEMU_5_2_0.structs["MigrationParameters"], QEMU_5_2_0))
def test_an_answer_is_read_member_by_member(answer: dict[str, Any]) -> None:
    read = read_values(answer)
    assert read.keys() == answer.keys() | {"block-bitmap-mapping"}
    assert set(missing(answer)) == PARAMETERS.keys() - answer.keys() - {"block-bitmap-mapping"}
    assert (read["block-bitmap-mapping"] is ABSENT) == ("block-bitmap-mapping" not in answer)
    assert {name: read[name] for name in answer if name in NUMBERS} == {n: answer[n] for n in answer if n in NUMBERS}


@pytest.mark.parametrize(
    ("command", "value", "stored"),
    [
        ("migrate_set_downtime", 0.0001, 0),
        ("migrate_set_downtime", 0.0019999, 1),
        ("migrate_set_downtime", 1999.9999, 1_999_999),
        ("migrate_set_downtime", 2000, 2_000_000),
        ("migrate_set_speed", -1, 2**64 - 1),
        ("migrate-set-cache-size", -(2**63), 2**63),
    ],
)
def test_a_shorthand_stores(command: str, value: float, stored: int) -> None:
    arguments = {"value": value}
    assert own_fault(command, arguments) is None
    changes = changes_of(command, arguments)
    assert changes == {SHORTHANDS[command].parameter: stored}
    assert judge_changes(changes, DEFAULTS).certain is None


@pytest.mark.parametrize("value", [-0.0001, 2000.0001, 2**70])
def test_a_downtime_beyond_the_limit_has_a_text_of_its_own(value: float) -> None:
    text = "Parameter 'downtime_limit' expects an integer in the range of 0 to 2000 seconds"
    assert own_fault("migrate_set_downtime", {"value": value}) == text


def test_the_text_promises_a_cache_rounded_down_which_the_release_refuses() -> None:
    assert written_changes("migrate-set-cache-size", {"value": 10_000}) == {"xbzrle-cache-size": 8192}
    assert judge_changes(changes_of("migrate-set-cache-size", {"value": 10_000}), DEFAULTS).certain is not None


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("migrate_set_parameter max-bandwidth 8M", {"max-bandwidth"}),
        ("migrate_set_speed 1g", {"max-bandwidth"}),
        ("migrate_set_cache_size 1m", {"xbzrle-cache-size"}),
        ("migrate_set_parameter", set()),
        ("migrate_set_parameter no-such 1", set()),
        ("info migrate_parameters", set()),
    ],
)
def test_the_human_monitor_changes(line: str, names: set[str]) -> None:
    assert monitor_changes(line) == names


def test_nothing_else_changes_parameters() -> None:
    assert changes_of(READ, {}) == {}
    assert written_changes("migrate", {"uri": "x"}) == {}


@pytest.mark.parametrize("seconds", [1e308, -1e308, 10**400, -1])
def test_a_downtime_beyond_all_numbers_is_refused_and_raises_nothing(seconds: float) -> None:
    assert own_fault("migrate_set_downtime", {"value": seconds})
    changes_of("migrate_set_downtime", {"value": seconds})
    promised = written_changes("migrate_set_downtime", {"value": seconds})
    assert promised == {"downtime-limit": UNKNOWN}
