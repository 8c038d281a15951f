"""Validation: what fits is clean, and one fault anywhere is found there and nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON, objects_of, values_of
from migspec.spec.schema import (
    ABSENT,
    QEMU_5_2_0,
    SEED,
    Command,
    Entity,
    Enum,
    Event,
    Ref,
    Struct,
    Type,
    Union,
)
from migspec.spec.schema.model import (
    BOOLEAN,
    INT,
    NULL,
    NUMBER,
    SIZE,
    STR_OR_NULL,
    STRING,
    UINT8,
    Alternate,
    Array,
    IntegerType,
    Scalar,
)
from migspec.spec.schema.validate import Mismatch, MismatchKind, validate, validate_event, validate_reply

SCHEMA = QEMU_5_2_0
DEFINITIONS: list[Entity] = [entity for entity in SCHEMA.entities if isinstance(entity, Struct | Union | Enum)]
COMMANDS = st.sampled_from(sorted(SCHEMA.commands)).map(SCHEMA.commands.__getitem__)
EVENTS = st.sampled_from(sorted(SCHEMA.events)).map(SCHEMA.events.__getitem__)
Fault = tuple[str, MismatchKind, Any]


def reply_to(command: Command) -> st.SearchStrategy[Any]:
    return st.just({}) if command.returns is None else values_of(command.returns, SCHEMA)


@given(st.data(), st.sampled_from(DEFINITIONS))
def test_what_fits_is_clean(data: st.DataObject, definition: Struct | Union | Enum) -> None:
    value = data.draw(values_of(definition, SCHEMA))
    assert list(validate(value, definition, SCHEMA)) == []


@given(st.data(), COMMANDS)
def test_replies_that_fit_are_clean(data: st.DataObject, command: Command) -> None:
    assert list(validate_reply(data.draw(reply_to(command)), command, SCHEMA)) == []


@given(st.data(), EVENTS)
def test_events_that_fit_are_clean(data: st.DataObject, event: Event) -> None:
    value = data.draw(objects_of(event.data, SCHEMA)) if event.data else ABSENT
    assert list(validate_event(value, event, SCHEMA)) == []


@given(st.data(), st.sampled_from(DEFINITIONS))
def test_a_single_fault_is_found_where_it_is(data: st.DataObject, definition: Struct | Union | Enum) -> None:
    value = data.draw(values_of(definition, SCHEMA))
    path, kind, corrupted = data.draw(st.sampled_from(list(faults(value, definition, "return"))))
    found = [(mismatch.path, mismatch.kind) for mismatch in validate(corrupted, definition, SCHEMA, "return")]
    assert found == [(path, kind)]


@given(st.sampled_from(DEFINITIONS), JSON)
def test_any_value_can_be_judged(definition: Struct | Union | Enum, value: object) -> None:
    for mismatch in validate(value, definition, SCHEMA):
        assert mismatch.path.startswith("value")
        assert mismatch.expected
        assert mismatch.found


def faults(value: Any, type_: Type | Struct | Union | Enum, path: str) -> Iterator[Fault]:
    """Yield `value` with one fault each: where it is, of which kind, and the value that has it."""
    definition = SCHEMA.resolve(type_) if isinstance(type_, Ref) else type_
    yield path, MismatchKind.WRONG_TYPE, misfit(definition)
    match definition:
        case Struct(members=members):
            yield from object_faults(value, {m.name: (m.type, m.optional) for m in members}, path)
        case Union(discriminator=discriminator, branches=branches):
            members = SCHEMA.structs[dict(branches)[value[discriminator.name]]].members
            yield from object_faults(value, {m.name: (m.type, m.optional) for m in members}, path)
        case Enum():
            yield path, MismatchKind.UNKNOWN_VALUE, value + "-not"
        case Array(element=element):
            for index, item in enumerate(value):
                for where, kind, bad in faults(item, element, f"{path}[{index}]"):
                    yield where, kind, [*value[:index], bad, *value[index + 1 :]]
        case IntegerType(minimum=minimum, maximum=maximum):
            yield path, MismatchKind.OUT_OF_RANGE, minimum - 1
            yield path, MismatchKind.OUT_OF_RANGE, maximum + 1


def object_faults(value: Any, members: dict[str, tuple[Type, bool]], path: str) -> Iterator[Fault]:
    yield f"{path}.no-such", MismatchKind.UNKNOWN_MEMBER, value | {"no-such": 1}
    for name, (type_, optional) in members.items():
        if name in value:
            for where, kind, bad in faults(value[name], type_, f"{path}.{name}"):
                yield where, kind, value | {name: bad}
            if not optional:
                rest = {key: item for key, item in value.items() if key != name}
                yield f"{path}.{name}", MismatchKind.MISSING_MEMBER, rest


def misfit(definition: Struct | Union | Enum | Array | IntegerType | Scalar | Alternate) -> Any:
    match definition:
        case Struct() | Union() | Array():
            return "text"
        case Scalar.BOOLEAN:
            return 1
        case Scalar.NUMBER | IntegerType():
            return True
    return 1.5


@pytest.mark.parametrize(
    ("value", "type_", "kind"),
    [
        (1, INT, None),
        (-(2**63), INT, None),
        (2**63, INT, MismatchKind.OUT_OF_RANGE),
        (1.0, INT, MismatchKind.WRONG_TYPE),
        (True, INT, MismatchKind.WRONG_TYPE),
        ("1", INT, MismatchKind.WRONG_TYPE),
        (2**64 - 1, SIZE, None),
        (-1, SIZE, MismatchKind.OUT_OF_RANGE),
        (256, UINT8, MismatchKind.OUT_OF_RANGE),
        (1, NUMBER, None),
        (2**70, NUMBER, None),
        (0.5, NUMBER, None),
        (False, NUMBER, MismatchKind.WRONG_TYPE),
        (0, BOOLEAN, MismatchKind.WRONG_TYPE),
        (None, NULL, None),
        (None, STRING, MismatchKind.WRONG_TYPE),
        (None, STR_OR_NULL, None),
        ("", STR_OR_NULL, None),
        (False, STR_OR_NULL, MismatchKind.WRONG_TYPE),
    ],
)
def test_the_bounds_of_the_builtin_types(value: object, type_: Type, kind: MismatchKind | None) -> None:
    found = [mismatch.kind for mismatch in validate(value, type_, SEED)]
    assert found == ([kind] if kind else [])


def test_every_fault_is_reported_in_order() -> None:
    value = {"status": "activ", "ram": [], "socket-address": [{"type": "unix"}], "bogus": {}}
    assert [str(mismatch.path) for mismatch in validate_reply(value, SEED.commands["query-migrate"], SEED)] == [
        "return.status",
        "return.ram",
        "return.socket-address[0].path",
        "return.bogus",
    ]


def test_a_mismatch_says_what_was_expected_and_found() -> None:
    value = [{"capability": "events", "state": "on"}]
    found = list(validate_reply(value, SEED.commands["query-migrate-capabilities"], SEED))
    assert found == [Mismatch("return[0].state", "boolean", "string 'on'", MismatchKind.WRONG_TYPE)]


def test_elements_of_an_array_are_counted_from_zero() -> None:
    value = [{"capability": word, "state": True} for word in ("events", "block", "multifd", "multi")]
    found = validate_reply(value, SEED.commands["query-migrate-capabilities"], SEED)
    assert [mismatch.path for mismatch in found] == ["return[3].capability"]


def test_a_command_without_result_returns_the_empty_object() -> None:
    stop = SEED.commands["stop"]
    assert list(validate_reply({}, stop, SEED)) == []
    assert [mismatch.path for mismatch in validate_reply({"x": 1}, stop, SEED)] == ["return.x"]
    assert [mismatch.path for mismatch in validate_reply([], stop, SEED)] == ["return"]


@pytest.mark.parametrize(
    ("event", "data", "kind", "path"),
    [
        ("STOP", {}, MismatchKind.UNKNOWN_MEMBER, "data"),
        ("MIGRATION", ABSENT, MismatchKind.MISSING_MEMBER, "data"),
        ("MIGRATION", None, MismatchKind.WRONG_TYPE, "data"),
        ("MIGRATION", {"status": "x"}, MismatchKind.UNKNOWN_VALUE, "data.status"),
        ("MIGRATION_PASS", {}, MismatchKind.MISSING_MEMBER, "data.pass"),
    ],
)
def test_the_data_of_events(event: str, data: object, kind: MismatchKind, path: str) -> None:
    found = [(mismatch.path, mismatch.kind) for mismatch in validate_event(data, SEED.events[event], SEED)]
    assert found == [(path, kind)]


def test_the_members_of_a_union_follow_its_discriminator() -> None:
    address = Ref("SocketAddress")
    inet = {"type": "inet", "host": "::", "port": "1", "ipv6": True}
    assert list(validate(inet, address, SEED)) == []
    assert [(m.path, m.kind) for m in validate(inet | {"type": "unix"}, address, SEED, "a")] == [
        ("a.path", MismatchKind.MISSING_MEMBER),
        ("a.host", MismatchKind.UNKNOWN_MEMBER),
        ("a.port", MismatchKind.UNKNOWN_MEMBER),
        ("a.ipv6", MismatchKind.UNKNOWN_MEMBER),
    ]


@pytest.mark.parametrize("word", ["carrier-pigeon", None, 1, []])
def test_a_union_without_a_known_discriminator_is_one_fault(word: object) -> None:
    value = {"type": word, "host": "::", "port": "1"}
    assert [m.path for m in validate(value, Ref("SocketAddress"), SEED, "a")] == ["a.type"]
    assert [m.path for m in validate({"host": "::"}, Ref("SocketAddress"), SEED, "a")] == ["a.type"]


def test_numbers_too_long_to_print_and_long_texts_are_shortened() -> None:
    huge = list(validate(1 << 100_000, INT, SEED))
    assert huge[0].found == "integer of 100001 bits"
    long = list(validate("x" * 1000, Ref("RunState"), SEED))
    assert len(long[0].found) < 100


def test_deep_nesting_does_no_harm() -> None:
    deep: object = 0
    for _ in range(100_000):
        deep = [deep]
    paths = [m.path for m in validate({"status": deep, "extra": deep}, Ref("MigrationInfo"), SEED)]
    assert paths == ["value.status", "value.extra"]
