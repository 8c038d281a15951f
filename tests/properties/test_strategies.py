"""What the strategies claim of what they draw, held against the judge of arguments; and that they reach the edges."""

import json
import re
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from migspec.properties.strategies import (
    ADDRESSES,
    EDGES,
    JSON,
    TEXT,
    Drawn,
    DrawnRequest,
    Fault,
    Sender,
    accepts,
    arguments,
    bitmap_mappings,
    capability_lists,
    parameter_sets,
    parameter_values,
    requests,
    sequences,
    values_of,
)
from migspec.spec import uri
from migspec.spec.arguments import NOT_AN_OBJECT, ArgumentVerdict, judge
from migspec.spec.bitmaps import mapping_fault, mapping_of
from migspec.spec.parameters import CHECKS, DEFAULTS, PARAMETERS, SET, Check, Parameter, changes_of, judge_changes
from migspec.spec.requests import understand
from migspec.spec.schema import QEMU_5_2_0, SEED, Command, Enum, Member, Ref, Schema, Struct, Union
from migspec.spec.schema.model import INT64, SIZE, STR_OR_NULL, UINT8, UINT32, Array, IntegerType
from migspec.spec.schema.validate import validate

SCHEMA = QEMU_5_2_0
ACCEPTED = ArgumentVerdict(frozenset(), may_pass=True)
COMMANDS = sorted(SCHEMA.commands)

RICH = SCHEMA.with_changes(
    "rich",
    add=(
        Struct(
            name="Rich",
            doc="One member of each kind that no command of the schema takes.",
            since=None,
            members=(
                Member("narrow", UINT8, "Narrow."),
                Member("wide", UINT32, "Wide.", optional=True),
                Member("either", STR_OR_NULL, "Either.", optional=True),
                Member("where", Ref("SocketAddress"), "A union.", optional=True),
                Member("sizes", Array(SIZE), "A list.", optional=True),
            ),
        ),
        Command(name="rich", doc="A command.", since=None, arguments=(Member("inner", Ref("Rich"), "Deep."),)),
    ),
)
"""A schema with a command that takes what others return."""

PAIRS: list[tuple[str, Schema]] = [*((name, SCHEMA) for name in COMMANDS), ("migrate", SEED), ("rich", RICH)]


T = TypeVar("T")


def some(strategy: st.SearchStrategy[T], wanted: Callable[[T], bool]) -> T:
    """One that is drawn and is wanted, not the smallest."""
    return find(strategy, wanted, settings=settings(max_examples=2000, phases=[Phase.generate]))


def texts_of(drawn: Drawn) -> re.Pattern[str]:
    """What must be answered, as far as the claim goes."""
    path = re.escape(drawn.path)
    bare = re.escape(re.sub(r"\[\d+\]$", "", drawn.path).rpartition(".")[2])
    wrong = rf"Invalid parameter type for '({path}|{bare})', expected: \w+|Parameter '{path}' expects uint64"
    patterns = {
        Fault.WRONG_TYPE: wrong,
        Fault.FRACTION: wrong,
        Fault.OUT_OF_RANGE: rf"{wrong}|Parameter '({bare}|null)' expects uint\d+_t",
        Fault.UNKNOWN_WORD: r"Invalid parameter '.*'",
        Fault.BUILD: r"Invalid parameter '.*'",
        Fault.MISSING_MEMBER: rf"Parameter '{path}' is missing",
        Fault.UNEXPECTED_MEMBER: rf"Parameter '{path}' is unexpected",
        Fault.NOT_AN_OBJECT: re.escape(NOT_AN_OBJECT),
    }
    assert drawn.fault
    return re.compile(patterns[drawn.fault], re.DOTALL)


@settings(max_examples=40)
@pytest.mark.parametrize(("name", "schema"), PAIRS, ids=lambda part: getattr(part, "name", part))
@given(st.data())
def test_what_is_claimed_of_arguments_is_so(name: str, schema: Schema, data: st.DataObject) -> None:
    command = schema.commands[name]
    drawn = data.draw(arguments(command, schema))
    verdict = judge(command, drawn.value, schema)
    assert drawn.valid == (verdict == ACCEPTED)
    assert verdict.may_pass == (drawn.fault in (None, Fault.BUILD))
    if not drawn.valid:
        (text,) = verdict.refusals
        assert texts_of(drawn).fullmatch(text)


def faults_of(command: Command, schema: Schema) -> set[Fault]:
    """The faults that the arguments of a command can have: what it takes decides."""
    members = schema.arguments(command)
    found = {Fault.NOT_AN_OBJECT, Fault.UNEXPECTED_MEMBER}
    found |= {Fault.WRONG_TYPE} if members else set()
    waiting = list(members)
    while waiting:
        member = waiting.pop()
        found |= set() if member.optional else {Fault.MISSING_MEMBER}
        type_ = member.type
        while isinstance(type_, Array):
            type_ = type_.element
        if isinstance(type_, IntegerType):
            found |= {Fault.FRACTION, Fault.OUT_OF_RANGE}
        elif isinstance(type_, Ref):
            definition = schema.resolve(type_)
            if isinstance(definition, Enum):
                found |= {Fault.UNKNOWN_WORD}
                found |= {Fault.BUILD} if any(value.condition for value in definition.values) else set()
            elif isinstance(definition, Struct):
                waiting += definition.members
            elif isinstance(definition, Union):
                waiting += [definition.discriminator]
                waiting += [member for _, name in definition.branches for member in schema.structs[name].members]
    return found


@pytest.mark.parametrize(("name", "schema"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_every_fault_that_is_possible_can_be_asked_for(name: str, schema: Schema) -> None:
    command = schema.commands[name]
    possible = faults_of(command, schema)
    assert {fault for fault, _ in Sender(schema).refused_arguments(command)} == possible
    for fault in possible:
        strategy = arguments(command, schema, [fault])
        assert some(strategy, lambda drawn: not drawn.valid).fault is fault
        assert some(strategy, lambda drawn: drawn.valid).valid


@pytest.mark.parametrize("name", COMMANDS)
@given(st.data())
def test_without_faults_everything_is_valid(name: str, data: st.DataObject) -> None:
    assert data.draw(arguments(SCHEMA.commands[name], SCHEMA, ())).valid


# -- values --


@pytest.mark.parametrize("type_", [UINT8, UINT32, SIZE, INT64])
def test_the_edges_of_numbers_are_on_both_sides(type_: IntegerType) -> None:
    sides = {accepts(type_, number) for number in EDGES}
    assert sides == {False, True}
    command = Command(name="c", doc="", since=None, arguments=(Member("n", type_, ""),))
    schema = Schema("numbers", (command,))
    for number in EDGES:
        assert judge(command, {"n": number}, schema).may_pass == accepts(type_, number)
    for edge in (type_.minimum, type_.maximum, type_.minimum - 1, type_.maximum + 1):
        assert edge in EDGES


@given(TEXT)
def test_text_is_what_qemu_reads(text: str) -> None:
    assert not any(char == "\0" or unicodedata.category(char) in ("Cs", "Cn") for char in text)


@given(JSON)
def test_any_json_is_json(value: Any) -> None:
    assert json.loads(json.dumps(value)) == value


@given(st.data(), st.sampled_from([entity for entity in SCHEMA.entities if isinstance(entity, Struct | Union | Enum)]))
def test_values_fit_their_type(data: st.DataObject, definition: Struct | Union | Enum) -> None:
    assert list(validate(data.draw(values_of(definition, SCHEMA)), definition, SCHEMA)) == []


# -- arguments of which more is known --


@pytest.mark.parametrize("name", PARAMETERS)
@given(st.data())
def test_values_of_parameters_are_valid_in_form(name: str, data: st.DataObject) -> None:
    value = data.draw(parameter_values(name, SCHEMA))
    assert judge(SCHEMA.commands[SET], {name: value}, SCHEMA) == ACCEPTED


def is_narrow(parameter: Parameter) -> bool:
    """Whether it is stored with less bits than it is written with."""
    return parameter.values is not None and parameter.values <= 2**32


def stored_number(parameter: Parameter, value: int) -> int:
    stored = parameter.stored(value)
    assert isinstance(stored, int)
    return stored


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.parameter.value)
def test_both_sides_of_every_range_are_drawn(check: Check) -> None:
    """Also by numbers that are the same only after they are cut to their width."""
    parameter = PARAMETERS[check.parameter]
    values = parameter_values(check.parameter, SCHEMA)
    most = 1 << 63 if check.power_of_two else check.most
    for turned in (False, True) if is_narrow(parameter) else (False,):

        def is_stored(wanted: Callable[[int], bool], value: int, turned: bool = turned) -> bool:
            number = stored_number(parameter, value)
            return wanted(number) and (number != value) == turned

        for wanted in (check.least.__eq__, most.__eq__, lambda number: not check.admits(number)):
            some(values, partial(is_stored, wanted))


@pytest.mark.parametrize("number", [0, -1, 255, 256, 257, 2**31, 2**32, 2**63 - 1, -(2**63)])
def test_the_usual_numbers_are_drawn(number: int) -> None:
    some(parameter_values("multifd-channels", SCHEMA), number.__eq__)


def is_refused_for(parameter: str | None, values: dict[str, Any]) -> bool:
    """Whether the values are refused for that of a parameter; None: whether they are not."""
    certain = judge_changes(changes_of(SET, values), DEFAULTS).certain
    return (certain and certain.parameter) == parameter


def test_parameter_sets_are_accepted_and_refused() -> None:
    """Every refusal of a value by itself, and a success that changes something."""

    for check in CHECKS:
        some(parameter_sets(SCHEMA), partial(is_refused_for, check.parameter))
    some(parameter_sets(SCHEMA), lambda values: len(values) > 1 and is_refused_for(None, values))


MAPPING_FAULTS = (
    *("not well-formed", "The node alias .* longer than 255", "longer than 31", "is mapped twice", "is used twice"),
    *("The bitmap alias .* longer than 255", "longer than 1023", "The bitmap .* is mapped twice"),
    "The bitmap alias .* is used twice",
)


@pytest.mark.parametrize("text", MAPPING_FAULTS)
def test_every_fault_of_a_mapping_is_drawn(text: str) -> None:
    some(bitmap_mappings(SCHEMA), lambda nodes: re.search(text, mapping_fault(mapping_of(nodes)) or "") is not None)


@pytest.mark.parametrize(
    ("member", "length"),
    [("node-name", 31), ("node-name", 32), ("alias", 255), ("alias", 256), ("name", 1023), ("name", 1024)],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_names_of_the_longest_and_more_bytes_are_drawn(member: str, length: int, ascii_only: bool) -> None:
    def fits(nodes: list[dict[str, Any]]) -> bool:
        bitmaps = [bitmap for node in nodes for bitmap in node["bitmaps"]]
        names = [part[member] for part in (*nodes, *bitmaps) if member in part]
        return any(len(name.encode()) == length and name.isascii() == ascii_only for name in names)

    some(bitmap_mappings(SCHEMA), fits)


def test_mappings_that_are_accepted_are_drawn() -> None:
    some(bitmap_mappings(SCHEMA), lambda nodes: len(nodes) > 1 and mapping_fault(mapping_of(nodes)) is None)


def test_lists_of_capabilities_are_empty_or_contradict_themselves() -> None:
    assert some(capability_lists(SCHEMA), lambda entries: not entries) == []

    def contradicts(entries: list[dict[str, Any]]) -> bool:
        return len({entry["capability"] for entry in entries}) < len({tuple(entry.values()) for entry in entries})

    some(capability_lists(SCHEMA), contradicts)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_leads_anywhere(address: str) -> None:
    verdict = uri.outgoing(address)
    assert verdict.refusals
    assert not verdict.may_pass


# -- requests --


@settings(max_examples=200)
@given(requests(SCHEMA))
def test_what_is_claimed_of_requests_is_so(drawn: DrawnRequest) -> None:
    message = json.loads(json.dumps(drawn.message))
    assert set(message) <= {"execute", "arguments", "id"}
    assert message["execute"] == drawn.command
    request = understand(drawn.command, message.get("arguments", {}), SCHEMA)
    assert request.known == (drawn.fault is not Fault.UNKNOWN_COMMAND)
    if request.known:
        assert drawn.valid == (request.may_pass and not request.argument_errors)
        assert message.get("arguments", {}) == drawn.arguments.value


def has_id(identity: object, drawn: DrawnRequest) -> bool:
    found = drawn.message.get("id", ...)
    return type(found) is type(identity) and found == identity


@pytest.mark.parametrize("identity", [None, {}, [], "", 0, False, 2**64, ...], ids=repr)
def test_ids_are_odd_or_missing(identity: object) -> None:
    some(requests(SCHEMA, ["stop"], ()), partial(has_id, identity))


def test_arguments_are_empty_or_missing() -> None:
    some(requests(SCHEMA, ["stop"], ()), lambda drawn: "arguments" not in drawn.message)
    some(requests(SCHEMA, ["stop"], ()), lambda drawn: drawn.message.get("arguments") == {})


@given(sequences(SCHEMA, ["stop", "cont"], [Fault.NOT_AN_OBJECT], longest=3))
def test_only_the_commands_and_faults_that_are_asked_for(drawn: list[DrawnRequest]) -> None:
    assert 1 <= len(drawn) <= 3
    assert {request.command for request in drawn} <= {"stop", "cont"}
    assert {request.fault for request in drawn} <= {None, Fault.NOT_AN_OBJECT}
