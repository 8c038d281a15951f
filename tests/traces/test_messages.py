"""The decoders accept what the schema's own validator accepts, no more and no less, and lose nothing of it.

In one place they accept more: an integer of 2**64 or more in a member of 64 bits without sign, which msgspec cannot
bound.  The reader looks at such numbers once more; `test_reading` has them.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.schema_strategies import has_large_integer

from migspec.properties.strategies import corrupted, values_of
from migspec.spec.schema import QEMU_5_2_0, SEED, Command, Enum, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import (
    INT,
    INT64,
    NULL,
    SIZE,
    STR_OR_NULL,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Array,
    IntegerType,
    Scalar,
)
from migspec.spec.schema.validate import validate, validate_reply
from migspec.spec.state import VARIABLES
from migspec.spec.wire.shape import faults
from migspec.traces.messages import (
    Decoders,
    Line,
    Message,
    decode_any,
    decode_line,
    decode_loosely,
    decoders_for,
    is_request,
    spelled,
)

COMMANDS = [
    pytest.param(schema, command, id=f"{schema.name}-{command.name}")
    for schema in (SEED, QEMU_5_2_0)
    for command in schema.commands.values()
    if command.returns is not None or command.name in ("stop", "migrate")
]
DEFINITIONS = [
    (schema, entity.name)
    for schema in (SEED, QEMU_5_2_0)
    for entity in schema.entities
    if isinstance(entity, Struct | Union | Enum)
]
STATUSES = VARIABLES["outgoing"].values
PLAIN_TYPES: list[Type] = [*Scalar, STR_OR_NULL, Array(INT), Array(Array(STR_OR_NULL)), Array(Ref("MigrationStatus"))]


def accepts(decoder: msgspec.json.Decoder[Any], value: object) -> bool:
    """Whether a value, as JSON text, is decoded."""
    try:
        decoder.decode(json.dumps(value).encode())
    except msgspec.ValidationError:
        return False
    return True


def with_faults(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values as they are, and with one change in them."""
    return values | values.flatmap(corrupted)


def given_back(decoder: msgspec.json.Decoder[Any], value: object) -> object:
    """A value after decoding and encoding."""
    return json.loads(msgspec.json.encode(decoder.decode(json.dumps(value).encode())))


# ---- what the schema types ----


@pytest.mark.parametrize(("schema", "command"), COMMANDS)
@given(data=st.data())
def test_a_return_is_decoded_exactly_if_it_is_valid(schema: Schema, command: Command, data: st.DataObject) -> None:
    valid = st.just({}) if command.returns is None else values_of(command.returns, schema)
    value = data.draw(with_faults(valid))
    decoder = decoders_for(schema).returns[command.name]
    assert accepts(decoder, value) == (not list(validate_reply(value, command, schema)))


@given(data=st.data(), place=st.sampled_from(DEFINITIONS))
def test_any_definition_decodes_exactly_its_values(data: st.DataObject, place: tuple[Schema, str]) -> None:
    schema, name = place
    value = data.draw(with_faults(values_of(Ref(name), schema)))
    decoder = msgspec.json.Decoder(Decoders(schema).python_type(Ref(name)))
    assert accepts(decoder, value) == (not list(validate(value, Ref(name), schema)))


@given(data=st.data(), wire=st.sampled_from(PLAIN_TYPES))
def test_types_without_a_name_decode_exactly_their_values(data: st.DataObject, wire: Type) -> None:
    value = data.draw(with_faults(values_of(wire, SEED)))
    decoder = msgspec.json.Decoder(Decoders(SEED).python_type(wire))
    assert accepts(decoder, value) == (not list(validate(value, wire, SEED)))


@given(data=st.data(), place=st.sampled_from(DEFINITIONS))
def test_nothing_is_lost_in_decoding(data: st.DataObject, place: tuple[Schema, str]) -> None:
    schema, name = place
    value = data.draw(values_of(Ref(name), schema))
    decoder = msgspec.json.Decoder(Decoders(schema).python_type(Ref(name)))
    assert given_back(decoder, value) == value


@pytest.mark.parametrize("wire", [INT, INT64, UINT8, UINT16, UINT32, UINT64, SIZE], ids=str)
@given(data=st.data())
def test_integers_are_decoded_within_their_range(wire: IntegerType, data: st.DataObject) -> None:
    inside = st.integers(wire.minimum, wire.maximum) | st.sampled_from([wire.minimum, wire.maximum])
    below = st.integers(max_value=wire.minimum - 1) | st.just(wire.minimum - 1)
    above = st.nothing() if wire.maximum == 2**64 - 1 else st.integers(wire.maximum + 1) | st.just(wire.maximum + 1)
    value = data.draw(inside | below | above)
    decoder = msgspec.json.Decoder(Decoders(SEED).python_type(wire))
    assert accepts(decoder, value) == (wire.minimum <= value <= wire.maximum)


@pytest.mark.parametrize("wire", [INT, INT64, UINT8, UINT16, UINT32, UINT64, SIZE], ids=str)
def test_the_edges_of_a_range_belong_to_it(wire: IntegerType) -> None:
    decoder = msgspec.json.Decoder(Decoders(SEED).python_type(wire))
    assert [accepts(decoder, edge) for edge in (wire.minimum, wire.maximum)] == [True, True]
    assert not accepts(decoder, wire.minimum - 1)
    assert wire.maximum == 2**64 - 1 or not accepts(decoder, wire.maximum + 1)


@pytest.mark.parametrize("wire", [INT, INT64, UINT8, UINT16, UINT32, UINT64, SIZE], ids=str)
@given(data=st.data())
def test_strictly_no_integer_is_above_the_range_of_a_signed_one(wire: IntegerType, data: st.DataObject) -> None:
    largest = min(wire.maximum, 2**63 - 1)
    edges = st.sampled_from([wire.minimum - 1, wire.minimum, largest, largest + 1, 2**63, 2**64 - 1, 2**64])
    value = data.draw(edges | st.integers(wire.minimum, wire.maximum) | st.integers())
    decoder = msgspec.json.Decoder(Decoders(SEED, strict=True).python_type(wire))
    assert accepts(decoder, value) == (wire.minimum <= value <= largest)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1], {}])
def test_nothing_but_an_integer_is_one(value: object) -> None:
    assert not accepts(msgspec.json.Decoder(Decoders(SEED).python_type(INT)), value)


def test_an_optional_member_may_be_absent_and_not_null() -> None:
    decoder = decoders_for(SEED).returns["query-migrate"]
    assert accepts(decoder, {})
    assert not accepts(decoder, {"status": None})
    assert accepts(msgspec.json.Decoder(Decoders(SEED).python_type(NULL)), None)


def test_a_release_decodes_what_it_added_and_the_seed_does_not() -> None:
    value = {"vfio": {"transferred": 1}}
    assert accepts(decoders_for(QEMU_5_2_0).returns["query-migrate"], value)
    assert not accepts(decoders_for(SEED).returns["query-migrate"], value)


def test_there_is_a_decoder_for_every_command_and_it_is_made_once() -> None:
    for schema in (SEED, QEMU_5_2_0):
        assert set(decoders_for(schema).returns) == set(schema.commands)
        assert decoders_for(schema) is decoders_for(schema)


# ---- values of which the members are known ----


@given(data=st.data())
def test_exactly_these_members_are_decoded(data: st.DataObject) -> None:
    """All of them and no others; a fixed one has its one value."""
    struct = QEMU_5_2_0.structs["MigrationInfo"]
    whole = data.draw(values_of(struct, QEMU_5_2_0))
    names = data.draw(st.lists(st.sampled_from(sorted(whole)), unique=True)) if whole else []
    fixed = {"status": data.draw(st.sampled_from(STATUSES))} if "status" in names else {}
    value = data.draw(st.sampled_from([whole, {name: whole[name] for name in names} | fixed]))
    value = data.draw(st.just(value) | corrupted(value))
    made = Decoders(QEMU_5_2_0).exactly("MigrationInfo", {name: whole[name] for name in names}, fixed)
    decoder = msgspec.json.Decoder(made)
    fits = (
        isinstance(value, dict)
        and set(value) == set(names)
        and value.get("status") == fixed.get("status")
        and not list(validate(value, Ref("MigrationInfo"), QEMU_5_2_0))
        and not has_large_integer(value)
    )
    assert accepts(decoder, value) == fits


# ---- lines ----

PARTS = {"return": "returned", "arguments": "arguments", "data": "data", "QMP": "greeting"}
ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "execute": st.text(max_size=5),
        "exec-oob": st.text(max_size=5),
        "event": st.sampled_from(["STOP", "MIGRATION"]),
        "error": st.fixed_dictionaries({"class": st.text(max_size=3), "desc": st.text(max_size=3)}),
        "timestamp": st.fixed_dictionaries({"seconds": st.integers(-1, 2**40), "microseconds": st.integers(-1, 10**6)}),
        "id": ANY,
        **dict.fromkeys(PARTS, ANY),
    },
)
WRAPPERS = st.fixed_dictionaries(
    {"vm": st.text(max_size=3), "dir": st.sampled_from(["->", "<-"])},
    optional={"mon": st.text(max_size=3), "t": st.floats(0, 1e9), "note": ANY},
)


@given(WRAPPERS, MESSAGES)
def test_a_line_keeps_its_message(wrapper: dict[str, Any], message: dict[str, Any]) -> None:
    line = decode_line(json.dumps(wrapper | {"msg": message}).encode())
    assert (line.vm, line.dir, line.mon) == (wrapper["vm"], wrapper["dir"], wrapper.get("mon", ""))
    for name, attribute in PARTS.items():
        text = bytes(getattr(line.msg, attribute))
        assert bool(text) == (name in message)
        assert not text or json.loads(text) == message[name]
    assert line.msg.execute == message.get("execute", msgspec.UNSET)
    assert line.msg.exec_oob == message.get("exec-oob", msgspec.UNSET)
    assert line.msg.id == message.get("id", msgspec.UNSET)
    error = line.msg.error
    assert message.get("error") == (error and {"class": error.error_class, "desc": error.desc})


@given(MESSAGES)
def test_a_message_is_spelled_with_the_members_that_it_has(message: dict[str, Any]) -> None:
    line = decode_line(json.dumps({"vm": "", "dir": "->", "msg": message}).encode())
    assert json.loads(spelled(line.msg)) == message


@given(MESSAGES)
def test_a_request_names_one_command_and_has_nothing_of_a_server(message: dict[str, Any]) -> None:
    line = decode_line(json.dumps({"vm": "", "dir": "->", "msg": message}).encode())
    assert is_request(line.msg, exact=True) == (not faults(message, oob=True))
    assert is_request(line.msg, exact=False) == (len(message.keys() & {"execute", "exec-oob"}) == 1)


@settings(max_examples=200)
@given(WRAPPERS, with_faults(MESSAGES) | ANY)
def test_the_loose_line_has_any_message(wrapper: dict[str, Any], message: Any) -> None:
    text = json.dumps(wrapper | {"msg": message}).encode()
    loose = decode_loosely(text)
    assert (loose.vm, loose.dir, loose.msg) == (wrapper["vm"], wrapper["dir"], message)
    try:
        line = decode_line(text)
    except msgspec.ValidationError:
        return
    assert (line.vm, line.dir, line.mon, line.t) == (loose.vm, loose.dir, loose.mon, loose.t)
    assert isinstance(message, dict)


@given(WRAPPERS, MESSAGES, st.data())
def test_a_line_shows_a_message_and_nothing_else(
    wrapper: dict[str, Any], message: dict[str, Any], data: st.DataObject
) -> None:
    """Without a direction or a message, or with what another kind of line has, it is for the loose decoder alone."""
    line = wrapper | {"msg": message}
    lacking = st.sampled_from(["vm", "dir", "msg"]).map(lambda name: {k: v for k, v in line.items() if k != name})
    empty = st.sampled_from(["vm", "dir", "msg"]).map(lambda name: line | {name: None})
    mixed = st.sampled_from(["raw", "end", "gap"]).map(lambda name: line | {name: "x"})
    nothing = st.sampled_from(["raw", "end", "gap"]).map(lambda name: line | {name: None})
    assert is_line(data.draw(nothing))
    changed = data.draw(lacking | empty | mixed)
    assert not is_line(changed)
    if changed.get("vm") is not None:
        loose = decode_loosely(json.dumps(changed).encode())
        assert (loose.raw, loose.end, loose.gap) == tuple(changed.get(name) for name in ("raw", "end", "gap"))
        assert loose.dir == changed.get("dir")


def is_line(value: object) -> bool:
    """Whether a value is decoded as a line with a message."""
    try:
        decode_line(json.dumps(value).encode())
    except msgspec.ValidationError:
        return False
    return True


def test_a_loose_line_tells_no_message_from_null() -> None:
    assert decode_loosely(b'{"vm":"v"}').msg is msgspec.UNSET
    assert decode_loosely(b'{"vm":"v","msg":null}').msg is None


@pytest.mark.parametrize(
    "message",
    [
        {"more": 1},
        {"execute": 1},
        {"event": ["STOP"]},
        {"error": {"class": "GenericError"}},
        {"error": {"class": "GenericError", "desc": "x", "more": 1}},
        {"event": "STOP", "timestamp": {"seconds": 1}},
        {"event": "STOP", "timestamp": {"seconds": 1.5, "microseconds": 1}},
        [],
        5,
    ],
)
def test_a_message_of_another_form_is_no_message(message: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_line(json.dumps({"vm": "v", "dir": "<-", "msg": message}).encode())


def test_a_part_keeps_the_spelling_of_its_numbers() -> None:
    line = decode_line(b'{"vm":"v","dir":"<-","msg":{"return": {"x": 1.50e0 }, "id":1}}')
    assert isinstance(line, Line)
    assert isinstance(line.msg, Message)
    assert bytes(line.msg.returned) == b'{"x": 1.50e0 }'
    assert decode_any(line.msg.returned) == {"x": 1.5}
