"""Reading what a VM told: real replies are understood, and whatever else is refused in one sentence."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.told import RELEASES, recorded, tell

from migspec.properties.strategies import corrupted
from migspec.spec.schema import QEMU_5_2_0, SEED, Schema
from migspec.spec.schema.introspection import IntrospectionError, ToldEnum, ToldObject, read_introspection

COUNTS = {"5.2.0": (885, 192, 48), "7.2": (1051, 216, 52), "10.0": (1177, 233, 55), "11.1": (1230, 242, 57)}

SMALL: list[dict[str, Any]] = [
    {"name": "0", "meta-type": "object", "members": []},
    {"name": "str", "meta-type": "builtin", "json-type": "string"},
    {"name": "1", "meta-type": "enum", "values": ["a"], "members": [{"name": "a", "features": ["unstable"]}]},
    {"name": "2", "meta-type": "array", "element-type": "str"},
    {"name": "3", "meta-type": "alternate", "members": [{"type": "str"}, {"type": "2"}]},
    {
        "name": "4",
        "meta-type": "object",
        "members": [
            {"name": "t", "type": "1"},
            {"name": "o", "type": "3", "default": None, "features": ["deprecated"]},
        ],
        "tag": "t",
        "variants": [{"case": "a", "type": "0"}],
    },
    {"name": "go", "meta-type": "command", "arg-type": "4", "ret-type": "2", "allow-oob": True, "features": ["x"]},
    {"name": "GONE", "meta-type": "event", "arg-type": "0"},
]


@pytest.mark.parametrize("release", RELEASES)
def test_real_replies_are_read(release: str) -> None:
    told = read_introspection(recorded(release))
    total = len(told.types) + len(told.commands) + len(told.events)
    assert (total, len(told.commands), len(told.events)) == COUNTS[release]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ["COLOMessage", "FailoverStatus", "MigrationParameter"])
def test_enumerations_that_nothing_reaches_are_not_told(release: str, name: str) -> None:
    first = SEED.enums[name].values[0].name
    others = [type_ for type_ in read_introspection(recorded(release)).types.values() if isinstance(type_, ToldEnum)]
    assert [type_ for type_ in others if {first, SEED.enums[name].values[-1].name} <= set(type_.words)] == []


@pytest.mark.parametrize("schema", [SEED, QEMU_5_2_0], ids=lambda schema: schema.name)
def test_our_own_schemas_can_be_told(schema: Schema) -> None:
    told = read_introspection(tell(schema))
    assert (set(told.commands), set(told.events)) == (set(schema.commands), set(schema.events))


def test_all_parts_are_read() -> None:
    told = read_introspection(SMALL)
    command, event = told.commands["go"], told.events["GONE"]
    assert (command.allow_oob, list(command.features), event.data) == (True, ["x"], "0")
    assert told.reached(command.arguments) == {"4", "3", "2", "1", "0", "str"}
    choice = told.types["4"]
    assert isinstance(choice, ToldObject)
    assert (choice.tag, choice.variants) == ("t", {"a": "0"})
    assert [(m.name, m.optional, list(m.features)) for m in told.members("4")] == [
        ("t", False, []),
        ("o", True, ["deprecated"]),
    ]
    words = told.types["1"]
    assert isinstance(words, ToldEnum)
    assert words.words == {"a": frozenset({"unstable"})}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "the reply is null; expected a list of entries"),
        ([], "the reply is empty; expected a list of entries"),
        ([1], "entry 0 is a number; expected an object"),
        ([{}], "entry 0 has no 'meta-type'; expected a string"),
        ([{"meta-type": "enum", "name": 1}], "entry 0 has a number as 'name'; expected a string"),
        (
            [{"meta-type": "genus", "name": "x"}],
            "entry 0 is of the kind 'genus'; expected one of builtin, enum, array, object, alternate, command, event",
        ),
        ([*SMALL, SMALL[1]], "entry 8 repeats the name 'str'; expected a name for each"),
        (SMALL[1:], "entry '4' mentions the type '0'; expected a type of the reply"),
        (
            [{"meta-type": "event", "name": "E", "arg-type": "str"}, SMALL[1]],
            "entry 'E' uses 'str' for members; expected an object",
        ),
        (
            [{"meta-type": "object", "name": "0", "members": [{"name": "m"}]}],
            "entry '0', members[0] has no 'type'; expected a string",
        ),
        ([{"meta-type": "enum", "name": "1", "values": [1]}], "entry '1' has a number in 'values'; expected strings"),
    ],
)
def test_what_is_no_reply(value: object, text: str) -> None:
    with pytest.raises(IntrospectionError) as caught:
        read_introspection(value)
    assert str(caught.value) == text


@given(st.data())
def test_nothing_else_is_raised(data: st.DataObject) -> None:
    changed = data.draw(corrupted(copy.deepcopy(SMALL)))
    with contextlib.suppress(IntrospectionError):
        read_introspection(changed)
