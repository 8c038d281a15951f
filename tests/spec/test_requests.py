"""Requests: what is kept of one, that nothing makes `understand` fail, and what a line for the human monitor asks."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON, arguments_of
from migspec.spec import uri
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, Command
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus

COMMANDS = st.sampled_from(tuple(SCHEMA.commands.values()))


def line(text: str) -> Request:
    return understand("human-monitor-command", {"command-line": text}, SCHEMA)


@given(COMMANDS.map(lambda command: command.name) | st.text(), JSON | st.just(ABSENT), st.booleans())
def test_anything_at_all_is_understood(command: str, arguments: object, oob: bool) -> None:
    asked = understand(command, arguments, SCHEMA, oob=oob)
    assert asked.command == command
    assert asked.oob == oob
    assert asked.known == (command in SCHEMA.commands)
    assert asked.may_pass or asked.argument_errors


@given(COMMANDS.flatmap(lambda command: st.tuples(st.just(command), arguments_of(command, SCHEMA))))
def test_equal_requests_are_one_key(drawn: tuple[Command, dict[str, object]]) -> None:
    command, arguments = drawn
    one = understand(command.name, arguments, SCHEMA)
    other = understand(command.name, dict(arguments), SCHEMA)
    assert one == other
    assert hash(one) == hash(other)
    assert one.oob_allowed == command.allow_oob


@given(st.lists(st.tuples(st.sampled_from(MigrationCapability), st.booleans())))
def test_the_last_entry_of_a_capability_counts(settings: list[tuple[str, bool]]) -> None:
    entries = [{"capability": name, "state": on} for name, on in settings]
    asked = understand("migrate-set-capabilities", {"capabilities": entries}, SCHEMA)
    assert dict(asked.capabilities) == dict(settings)
    for name in MigrationCapability:
        assert asked.sets(name) == dict(settings).get(name)


@given(st.lists(st.tuples(st.sampled_from(MigrationCapability), st.booleans()), unique_by=lambda pair: pair[0]))
def test_the_order_of_settings_does_not_matter(settings: list[tuple[str, bool]]) -> None:
    entries = [{"capability": name, "state": on} for name, on in settings]
    one, other = (
        understand("migrate-set-capabilities", {"capabilities": order}, SCHEMA) for order in (entries, entries[::-1])
    )
    assert one == other


def test_what_is_kept_of_migrate() -> None:
    asked = understand("migrate", {"uri": "tcp:h:1", "blk": True, "inc": True, "resume": True}, SCHEMA)
    assert asked.outgoing is not None
    assert asked.outgoing.kind is UriKind.TCP
    assert (asked.block, asked.incremental, asked.resume) == (True, True, True)
    assert asked.incoming is None


@pytest.mark.parametrize("command", ["migrate-incoming", "migrate-recover"])
def test_what_is_kept_of_listening(command: str) -> None:
    asked = understand(command, {"uri": "unix:/d"}, SCHEMA)
    assert asked.incoming is not None
    assert asked.incoming.kind is UriKind.UNIX
    assert asked.outgoing is None


def test_only_migrate_incoming_knows_that_the_process_was_deferred() -> None:
    known, unknown = (
        understand(command, {"uri": "defer"}, SCHEMA) for command in ("migrate-incoming", "migrate-recover")
    )
    assert known.incoming is not None
    assert unknown.incoming is not None
    assert not known.incoming.may_pass
    assert unknown.incoming.may_pass


def test_what_is_kept_of_the_others() -> None:
    assert understand("migrate-continue", {"state": "device"}, SCHEMA).expected_state == "device"
    assert understand("qmp_capabilities", {"enable": ["oob"]}, SCHEMA).enables_oob
    assert not understand("qmp_capabilities", ABSENT, SCHEMA).enables_oob
    assert understand("migrate-set-parameters", {"block-incremental": True}, SCHEMA).block_incremental is True
    assert understand("migrate-set-parameters", {}, SCHEMA).block_incremental is None


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("migrate", {"uri": 7, "resume": True}), ("migrate", []), ("migrate-continue", {"state": "nonsense"})],
)
def test_arguments_that_do_not_fit_leave_their_fields_unset(command: str, arguments: object) -> None:
    asked = understand(command, arguments, SCHEMA)
    assert asked.argument_errors
    assert not asked.may_pass
    assert (asked.outgoing, asked.expected_state, asked.resume) == (None, None, False)


# -- the human monitor --


@given(st.text(st.sampled_from("ab \t\n\r\x0b\xa0\"\"''\\\\-"), max_size=20))
def test_a_line_is_split_as_a_shell_would(text: str) -> None:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    migration = line(f"migrate -d {text}")
    values = [word for word in words if not word.startswith("-")]
    assert (migration.command == "migrate") == (len(values) == 1)
    assert migration.outgoing == (uri.outgoing(values[0]) if len(values) == 1 else None)


def test_a_long_line_is_read_to_its_end() -> None:
    long = "a" * (1 << 20)
    assert line(f"migrate {long}").outgoing == uri.outgoing(long)
    assert line("migrate " + "a\\ " * (1 << 18)).outgoing == uri.outgoing("a " * (1 << 18))


@given(st.text())
def test_any_line_is_understood(text: str) -> None:
    asked = line(text)
    assert asked.monitor_command
    assert asked.sent_as == "human-monitor-command"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("stop", "stop"),
        ("c", "cont"),
        ("q", "quit"),
        ("migrate_cancel", "migrate_cancel"),
        ("migrate -d tcp:h:1", "migrate"),
        ("migrate_continue pre-switchover", "migrate-continue"),
        ("migrate_incoming unix:/d", "migrate-incoming"),
        ("migrate_set_capability events on", "migrate-set-capabilities"),
        ("savevm", "savevm"),
        ("savevm s", "savevm"),
        ("loadvm 's 1'", "loadvm"),
    ],
)
def test_lines_that_move_the_state(text: str, command: str) -> None:
    assert line(text).command == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "info status",
        "stop now",
        "migrate",
        "migrate -d",
        "migrate a b",
        "migrate_incoming",
        "migrate_recover",
        "migrate_continue",
        "migrate_continue nonsense",
        "migrate_set_capability events",
        "migrate_set_capability events maybe",
        "migrate_set_capability nonsense on",
        "loadvm",
    ],
)
def test_lines_that_move_nothing(text: str) -> None:
    assert line(text).command == "human-monitor-command"
    assert not line(text).known


def test_what_is_kept_of_a_line() -> None:
    asked = line("migrate -r -b -i tcp:h:1")
    assert (asked.resume, asked.block, asked.incremental) == (True, True, True)
    assert asked.outgoing is not None
    assert line("migrate_set_capability events on").sets("events") is True
    assert line("migrate_set_capability events off").sets("events") is False
    assert line("migrate_continue device").expected_state == MigrationStatus.DEVICE
    assert line("migrate 'tcp:h").outgoing is not None


def test_a_command_of_the_human_monitor_without_a_line_is_just_unknown() -> None:
    for arguments in (ABSENT, {}, {"command-line": 7}):
        asked = understand("human-monitor-command", arguments, SCHEMA)
        assert not asked.known
        assert not asked.monitor_command
