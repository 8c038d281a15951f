"""How arguments are judged: the exact texts, their order, and what depends on the build."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON, arguments_of
from migspec.spec.arguments import NOT_AN_OBJECT, ArgumentVerdict, judge
from migspec.spec.schema import ABSENT, QEMU_5_2_0, SEED, Command, Member, Schema, Struct
from migspec.spec.schema.model import STR_OR_NULL, UINT8, UINT32, Array, Ref

ACCEPTED = ArgumentVerdict(frozenset(), may_pass=True)
COMMANDS = st.sampled_from(sorted(QEMU_5_2_0.commands)).map(QEMU_5_2_0.commands.__getitem__)


def verdict(name: str, arguments: object) -> ArgumentVerdict:
    return judge(QEMU_5_2_0.commands[name], arguments, QEMU_5_2_0)


def refused(*texts: str) -> ArgumentVerdict:
    return ArgumentVerdict(frozenset(texts), may_pass=False)


@given(st.data(), COMMANDS)
def test_well_formed_arguments_may_pass(data: st.DataObject, command: Command) -> None:
    arguments = data.draw(arguments_of(command, QEMU_5_2_0))
    found = judge(command, arguments, QEMU_5_2_0)
    assert found.may_pass
    assert found.refusals <= {"Invalid parameter 'zstd'"}


@given(COMMANDS, JSON)
def test_any_value_gets_a_verdict(command: Command, arguments: object) -> None:
    found = judge(command, arguments, QEMU_5_2_0)
    assert found.may_pass or found.refusals


@given(st.data(), COMMANDS, st.text(), JSON)
def test_a_member_too_many_is_refused_by_name(data: st.DataObject, command: Command, name: str, value: object) -> None:
    known = {member.name for member in QEMU_5_2_0.arguments(command)}
    arguments = data.draw(arguments_of(command, QEMU_5_2_0))
    if name in known:
        return
    found = judge(command, arguments | {name: value}, QEMU_5_2_0)
    assert not found.may_pass
    assert f"Parameter '{name}' is unexpected" in found.refusals


@given(st.data(), COMMANDS)
def test_the_first_mandatory_member_missing_is_named(data: st.DataObject, command: Command) -> None:
    members = QEMU_5_2_0.arguments(command)
    mandatory = [member.name for member in members if not member.optional]
    arguments = data.draw(arguments_of(command, QEMU_5_2_0))
    rest = {name: value for name, value in arguments.items() if name not in mandatory}
    texts = {f"Parameter '{name}' is missing" for name in mandatory[:1]}
    found = judge(command, rest, QEMU_5_2_0).refusals
    assert found - {"Invalid parameter 'zstd'"} == texts


def test_absent_arguments_are_the_empty_object() -> None:
    for command in SEED.commands.values():
        assert judge(command, ABSENT, SEED) == judge(command, {}, SEED)
    assert verdict("migrate-set-parameters", ABSENT) == ACCEPTED
    assert verdict("migrate", ABSENT) == refused("Parameter 'uri' is missing")


@pytest.mark.parametrize("arguments", [None, [], 1, "x", True])
def test_arguments_that_are_no_object_never_reach_the_visit(arguments: object) -> None:
    assert verdict("query-migrate", arguments) == refused(NOT_AN_OBJECT)


# observed on QEMU 5.2.0
OBSERVED: list[tuple[str, Any, str]] = [
    ("migrate", {}, "Parameter 'uri' is missing"),
    ("migrate", {"uri": None}, "Invalid parameter type for 'uri', expected: string"),
    ("migrate", {"uri": "x", "blk": 1}, "Invalid parameter type for 'blk', expected: boolean"),
    ("migrate", {"bogus": 1}, "Parameter 'uri' is missing"),
    ("migrate", {"uri": "x", "bogus": 1}, "Parameter 'bogus' is unexpected"),
    ("migrate", {"blk": 1, "uri": 1}, "Invalid parameter type for 'uri', expected: string"),
    ("query-migrate", {"x": 1}, "Parameter 'x' is unexpected"),
    ("migrate-continue", {"state": "nonsense"}, "Invalid parameter 'nonsense'"),
    ("migrate-continue", {"state": 1}, "Invalid parameter type for 'state', expected: string"),
    ("calc-dirty-rate", {"calc-time": 1.0}, "Invalid parameter type for 'calc-time', expected: integer"),
    ("migrate_set_speed", {"value": 2**63}, "Invalid parameter type for 'value', expected: integer"),
    ("migrate_set_speed", {"value": True}, "Invalid parameter type for 'value', expected: integer"),
    ("migrate_set_downtime", {"value": "1"}, "Invalid parameter type for 'value', expected: number"),
    ("migrate_set_downtime", {"value": True}, "Invalid parameter type for 'value', expected: number"),
    (
        "migrate-set-capabilities",
        {"capabilities": {}},
        "Invalid parameter type for 'capabilities', expected: array",
    ),
    (
        "migrate-set-capabilities",
        {"capabilities": [{"capability": "events", "state": True}, 1]},
        "Invalid parameter type for 'capabilities[1]', expected: object",
    ),
    (
        "migrate-set-capabilities",
        {"capabilities": [{"capability": "events", "state": True}, {"capability": "events"}]},
        "Parameter 'capabilities[1].state' is missing",
    ),
    (
        "migrate-set-capabilities",
        {"capabilities": [{"capability": "x-multifd", "state": 1}]},
        "Invalid parameter 'x-multifd'",
    ),
    (
        "migrate-set-capabilities",
        {"capabilities": [{"capability": "events", "state": True, "x": 1}, 1], "y": 1},
        "Parameter 'capabilities[0].x' is unexpected",
    ),
    (
        "migrate-set-parameters",
        {"tls-creds": 1},
        "Invalid parameter type for 'tls-creds', expected: StrOrNull",
    ),
    ("migrate-set-parameters", {"announce-max": 2**64}, "Parameter 'announce-max' expects uint64"),
    ("migrate-set-parameters", {"announce-max": -(2**63) - 1}, "Parameter 'announce-max' expects uint64"),
    ("migrate-set-parameters", {"announce-max": "1"}, "Parameter 'announce-max' expects uint64"),
    ("migrate-set-parameters", {"announce-max": True}, "Parameter 'announce-max' expects uint64"),
    (
        "migrate-set-parameters",
        {"compress-level": 1.0, "announce-step": None},
        "Parameter 'announce-step' expects uint64",
    ),
    (
        "migrate-set-parameters",
        {"multifd-compression": None},
        "Invalid parameter type for 'multifd-compression', expected: string",
    ),
    (
        "migrate-set-parameters",
        {"block-bitmap-mapping": [{"node-name": "n", "alias": "a", "bitmaps": [{"name": "b"}]}]},
        "Parameter 'block-bitmap-mapping[0].bitmaps[0].alias' is missing",
    ),
    ("qmp_capabilities", {"enable": ["bogus"]}, "Invalid parameter 'bogus'"),
    ("qmp_capabilities", {"enable": [1]}, "Invalid parameter type for 'enable[0]', expected: string"),
    ("qmp_capabilities", {"enable": "oob"}, "Invalid parameter type for 'enable', expected: array"),
]


@pytest.mark.parametrize(("name", "arguments", "text"), OBSERVED)
def test_the_observed_refusals(name: str, arguments: object, text: str) -> None:
    assert verdict(name, arguments) == refused(text)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("migrate-set-parameters", {"announce-max": -1}),
        ("migrate-set-parameters", {"announce-max": 2**64 - 1}),
        ("migrate-set-parameters", {"announce-max": -(2**63)}),
        ("migrate-set-parameters", {"compress-level": -(2**63)}),
        ("migrate-set-parameters", {"tls-creds": None, "tls-hostname": ""}),
        ("migrate-set-parameters", {"block-bitmap-mapping": []}),
        ("migrate_set_downtime", {"value": 2**70}),
        ("migrate_set_downtime", {"value": 0.1}),
        ("migrate-set-capabilities", {"capabilities": []}),
        ("query-migrate", {}),
    ],
)
def test_what_the_form_allows(name: str, arguments: object) -> None:
    assert verdict(name, arguments) == ACCEPTED


def test_any_of_several_members_too_many_may_be_named() -> None:
    assert verdict("stop", {"a": 1, "b": 2}) == refused("Parameter 'a' is unexpected", "Parameter 'b' is unexpected")


def test_a_word_of_some_builds_may_pass_or_be_refused() -> None:
    maybe = ArgumentVerdict(frozenset({"Invalid parameter 'zstd'"}), may_pass=True)
    assert verdict("migrate-set-parameters", {"multifd-compression": "zstd"}) == maybe


def test_what_follows_a_word_of_some_builds_is_judged_too() -> None:
    arguments = {"multifd-compression": "zstd", "multifd-zlib-level": "x"}
    assert verdict("migrate-set-parameters", arguments) == refused(
        "Invalid parameter 'zstd'", "Invalid parameter type for 'multifd-zlib-level', expected: integer"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (255, None),
        (256, "Parameter 'narrow' expects uint8_t"),
        (-1, "Parameter 'narrow' expects uint8_t"),
        (2**64, "Parameter 'outer[0].narrow' expects uint64"),
    ],
)
def test_narrow_types_name_the_bare_member(value: int, text: str | None) -> None:
    schema = narrow_schema()
    found = judge(schema.commands["c"], {"outer": [{"narrow": value}]}, schema)
    assert found == (refused(text) if text else ACCEPTED)


def test_alternates_name_the_bare_member() -> None:
    schema = narrow_schema()
    found = judge(schema.commands["c"], {"outer": [{"narrow": 1, "either": 1}]}, schema)
    assert found == refused("Invalid parameter type for 'either', expected: StrOrNull")


def narrow_schema() -> Schema:
    inner = Struct(
        name="Inner",
        doc="One narrow number.",
        since=None,
        members=(
            Member("narrow", UINT8, "Narrow."),
            Member("wide", UINT32, "Wide.", optional=True),
            Member("either", STR_OR_NULL, "Either.", optional=True),
        ),
    )
    command = Command(
        name="c", doc="A command.", since=None, arguments=(Member("outer", Array(Ref("Inner")), "List."),)
    )
    return Schema("narrow", (inner, command))


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ({"type": "unix", "path": "/x"}, None),
        ({"type": "unix"}, "Parameter 'at.path' is missing"),
        ({"type": "unix", "path": "/x", "host": "h"}, "Parameter 'at.host' is unexpected"),
        ({"type": "pigeon", "path": 1}, "Invalid parameter 'pigeon'"),
        ({"type": [], "path": 1}, "Invalid parameter type for 'at.type', expected: string"),
        ({"path": "/x"}, "Parameter 'at.type' is missing"),
        ("unix:/x", "Invalid parameter type for 'at', expected: object"),
    ],
)
def test_the_members_of_a_union_follow_its_discriminator(address: object, text: str | None) -> None:
    command = Command(
        name="go", doc="A command.", since=None, arguments=(Member("at", Ref("SocketAddress"), "Where."),)
    )
    schema = SEED.with_changes("union", add=(command,))
    assert judge(command, {"at": address}, schema) == (refused(text) if text else ACCEPTED)
