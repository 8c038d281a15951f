"""What is told of the schema is what a real QEMU tells, number by number and member by member."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.reference_impl.answers.recorded import text_of
from tests.reference_impl.answers.told_by_qemu import Entry, Part
from tests.spec.told import recorded

from migspec.cli import main
from migspec.reference_impl.answers.interface import served
from migspec.reference_impl.answers.introspection import commands_told, events_told, schema_told
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.comparison import compare
from migspec.spec.schema.introspection import read_introspection

RECORDED = recorded("5.2.0")


def on_the_wire(value: object) -> Any:
    return json.loads(json.dumps(value))


def with_zstd(entries: list[Entry]) -> list[Entry]:
    """The recorded build lacks zstd, which the modelled one has."""
    return [
        {**entry, "values": ["none", "zlib", "zstd"]} if entry.get("values") == ["none", "zlib"] else entry
        for entry in entries
    ]


def test_the_way_of_numbering_is_that_of_the_real_one() -> None:
    part = Part(RECORDED, {entry["name"] for entry in RECORDED})
    told = [part.old(entry["name"]) for entry in part.entries]
    real = [entry["name"] for entry in RECORDED if entry["name"] in told]
    # a real one met two of the types in another order, on behalf of a command that its build lacks
    assert [pair for pair in zip(told, real, strict=True) if pair[0] != pair[1]] == [("391", "389"), ("389", "391")]


def test_it_is_the_part_of_the_real_one_to_the_last_byte() -> None:
    schema = served(QEMU_5_2_0)
    expected = with_zstd(Part(RECORDED, {*schema.commands, *schema.events}).entries)
    assert [text_of(entry) for entry in schema_told(QEMU_5_2_0)] == [json.dumps(entry) for entry in expected]


@pytest.mark.parametrize("profile", PROFILES)
def test_it_does_not_differ_from_its_profile(profile: str) -> None:
    told = read_introspection(on_the_wire(schema_told(profile)))
    assert compare(told, PROFILES[profile].schema, [p.schema for p in PROFILES.values() if p.name != SEED]) == ()


def test_the_command_line_finds_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "told.json"
    path.write_text(json.dumps({"return": schema_told(QEMU_5_2_0)}))
    assert main(["schema", "--profile", QEMU_5_2_0, str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: same as {QEMU_5_2_0}\n"


def test_all_of_the_profile_is_in_it() -> None:
    told = read_introspection(on_the_wire(schema_told(QEMU_5_2_0)))
    assert SCHEMA.commands.keys() <= told.commands.keys()
    assert SCHEMA.events.keys() <= told.events.keys()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_lists_agree_with_the_schema(profile: str) -> None:
    told = read_introspection(on_the_wire(schema_told(profile)))
    assert sorted(told.commands) == sorted(str(entry["name"]) for entry in commands_told(profile))
    assert sorted(told.events) == sorted(str(entry["name"]) for entry in events_told(profile))


def test_the_lists_are_in_the_order_in_which_a_real_one_has_them() -> None:
    # a real one lists, from the end, what its schema has, and what it registers after that
    schema = [str(entry["name"]) for entry in schema_told(QEMU_5_2_0) if entry["meta-type"] == "command"]
    late = ["device_add", "query-qmp-schema"]
    assert [entry["name"] for entry in commands_told(QEMU_5_2_0)] == [
        *late,
        *(name for name in reversed(schema) if name not in late),
    ]
    events = [entry["name"] for entry in schema_told(QEMU_5_2_0) if entry["meta-type"] == "event"]
    assert [entry["name"] for entry in events_told(QEMU_5_2_0)] == events[::-1]


def test_it_is_made_once() -> None:
    assert schema_told(QEMU_5_2_0) is schema_told(QEMU_5_2_0)
    assert served(QEMU_5_2_0) is served(QEMU_5_2_0)


def test_a_profile_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        schema_told("qemu-0.1")
