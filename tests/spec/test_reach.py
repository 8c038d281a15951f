"""Which types a message has to do with: by the tables, and by one value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON, arguments_of
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema import SEED, Command, Enum, Origin, Struct
from migspec.spec.schema.reach import UNREACHABLE, reachable, types_of_arguments, types_of_event, types_of_reply

COMMANDS = st.sampled_from(tuple(SCHEMA.commands.values()))


def test_the_types_that_no_message_has_are_those_that_the_data_names() -> None:
    reached = {name for entity in (*SEED.commands, *SEED.events) for name in reachable(SEED, entity)}
    types = (entity for entity in SEED.entities if isinstance(entity, Struct | Enum))
    own = {entity.name for entity in types if entity.origin is Origin.SEED}
    assert own - reached == set(UNREACHABLE)
    assert all(reason.endswith(".") for reason in UNREACHABLE.values())


def test_what_query_migrate_may_show() -> None:
    assert {"MigrationInfo", "MigrationStats", "SocketAddress", "MigrationStatus"} <= reachable(SCHEMA, "query-migrate")
    assert reachable(SCHEMA, "migrate") == frozenset()
    assert reachable(SCHEMA, "no-such") == frozenset()


@pytest.mark.parametrize(
    ("answer", "types"),
    [
        ({}, {"MigrationInfo"}),
        ({"status": "setup"}, {"MigrationInfo", "MigrationStatus"}),
        ({"ram": {}}, {"MigrationInfo", "MigrationStats"}),
        ({"ram": {}, "disk": {}, "total-time": 1}, {"MigrationInfo", "MigrationStats"}),
        (
            {"socket-address": [{"type": "unix", "path": "/s"}]},
            {"MigrationInfo", "SocketAddress", "SocketAddressType", "UnixSocketAddress"},
        ),
        ({"socket-address": []}, {"MigrationInfo"}),
    ],
)
def test_an_answer_shows_what_is_in_it(answer: dict[str, object], types: set[str]) -> None:
    assert types_of_reply(answer, SCHEMA.commands["query-migrate"], SCHEMA) == types


def test_an_event_and_a_request_show_theirs() -> None:
    exit_ = {"mode": "primary", "reason": "error"}
    assert types_of_event(exit_, SCHEMA.events["COLO_EXIT"], SCHEMA) == {"COLOMode", "COLOExitReason"}
    set_parameters = SCHEMA.commands["migrate-set-parameters"]
    assert types_of_arguments({}, set_parameters, SCHEMA) == {"MigrateSetParameters"}


def test_a_value_that_does_not_fit_its_type_shows_none() -> None:
    query = SCHEMA.commands["query-migrate"]
    assert types_of_reply("active", query, SCHEMA) == set()
    assert types_of_reply({"status": "no-such", "ram": 1}, query, SCHEMA) == {"MigrationInfo"}


@given(COMMANDS.flatmap(lambda command: st.tuples(st.just(command), arguments_of(command, SCHEMA))))
def test_a_request_shows_no_more_than_its_command_reaches(drawn: tuple[Command, dict[str, object]]) -> None:
    command, arguments = drawn
    assert types_of_arguments(arguments, command, SCHEMA) <= reachable(SCHEMA, command.name)


@given(COMMANDS, JSON)
def test_no_value_makes_it_fail(command: Command, value: object) -> None:
    assert types_of_reply(value, command, SCHEMA) <= reachable(SCHEMA, command.name)
