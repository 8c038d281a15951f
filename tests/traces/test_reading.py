"""Reading: what a message means depends on nothing but itself, and what is wrong with it is told in full."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.spec.schema_strategies import has_large_integer
from tests.traces.talk import RAM

from migspec.properties.strategies import JSON, arguments_of, corrupted, objects_of, values_of
from migspec.spec import uri
from migspec.spec.commands.queries import MigrateAnswer
from migspec.spec.parameters import SET, SHORTHANDS
from migspec.spec.requests import ARGUMENTS_KEPT, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0, SEED, Event, Schema
from migspec.spec.schema.validate import Mismatch, MismatchKind, validate_event, validate_reply
from migspec.spec.state import VARIABLES
from migspec.traces import reading
from migspec.traces.messages import ErrorBody, Message, Timestamp
from migspec.traces.observations import Reply
from migspec.traces.reading import Reader, carried_out, envelope_faults, salvaged, uri_of

SCHEMA = QEMU_5_2_0
EMPTY = b""
RUNNING = {"status": "running", "singlestep": False, "running": True}


def as_text(value: object) -> bytes:
    return json.dumps(value).encode()


def message(value: object) -> Message:
    return msgspec.json.decode(as_text(value), type=Message)


def returned(value: object) -> Message:
    return message({"return": value})


def refusal(error_class: str, text: str) -> Message:
    return message({"error": {"class": error_class, "desc": text}})


def returns_of(command: str, schema: Schema = SCHEMA) -> st.SearchStrategy[Any]:
    wire = schema.commands[command].returns
    return st.just({}) if wire is None else values_of(wire, schema)


def data_of(event: Event, schema: Schema = SCHEMA) -> st.SearchStrategy[Any]:
    return objects_of(event.data, schema) if event.data else st.just(ABSENT)


def faults_of(command: str, value: object) -> list[Mismatch]:
    """What the schema's own validator finds wrong with a return."""
    return list(validate_reply(value, SCHEMA.commands[command], SCHEMA))


STATUSES = VARIABLES["outgoing"].values
LARGE = st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**19, 10**20, 2**70])
JUNK: st.SearchStrategy[Any] = LARGE | st.sampled_from([None, True, 0, -1, -(2**63) - 1, 1.5, "", "1", [], {}])
"""What comes into a place where it may not belong; no decoder alone knows the bound of an integer without sign."""


@st.composite
def renumbered(draw: st.DrawFn, value: Any) -> Any:
    """A value with all its numbers otherwise: small ones, which every type has."""
    match value:
        case dict():
            return {name: draw(renumbered(item)) for name, item in value.items()}
        case list():
            return [draw(renumbered(item)) for item in value]
        case bool():
            return value
        case int():
            return draw(st.integers(2, 255))
        case float():
            return draw(st.floats(0, 1e6))
    return value


# ---- observations ----


@pytest.mark.parametrize("command", [name for name, command in SCHEMA.commands.items() if command.returns])
@settings(max_examples=40)
@given(data=st.data())
def test_replies_that_differ_in_numbers_are_one_object(command: str, data: st.DataObject) -> None:
    value = data.draw(returns_of(command))
    reader = Reader(SCHEMA)
    one, faults = reader.reply(command, returned(value))
    other, more_faults = reader.reply(command, returned(data.draw(renumbered(value))))
    assert one is not None
    assert one is other
    assert faults == more_faults == ()


@given(st.sampled_from(sorted(set(SCHEMA.commands) - {*ARGUMENTS_KEPT, SET, *SHORTHANDS})), st.data())
def test_requests_that_differ_in_numbers_are_equal(command: str, data: st.DataObject) -> None:
    arguments = data.draw(arguments_of(SCHEMA.commands[command], SCHEMA).flatmap(renumbered))
    others = data.draw(renumbered(arguments))
    reader = Reader(SCHEMA)
    one = reader.request(command, as_text(arguments), oob=False)
    other = reader.request(command, as_text(others), oob=False)
    assert one == other
    assert hash(one) == hash(other)


@given(st.sampled_from(sorted(SCHEMA.events.values(), key=str)), st.data())
def test_events_that_differ_in_numbers_are_the_same(event: Event, data: st.DataObject) -> None:
    value = data.draw(data_of(event).flatmap(renumbered))
    others = data.draw(renumbered(value))
    texts = [EMPTY if given is ABSENT else as_text(given) for given in (value, others)]
    reader = Reader(SCHEMA)
    assert reader.event(event.name, texts[0]) == reader.event(event.name, texts[1])


@given(returns_of("query-migrate"))
def test_an_answer_is_its_status_and_the_names_of_its_members(value: dict[str, Any]) -> None:
    reply, _ = Reader(SCHEMA).reply("query-migrate", returned(value))
    assert reply is not None
    assert reply == Reply(answer=MigrateAnswer(value.get("status"), frozenset(value) - {"status"}), types=reply.types)


@given(returns_of("query-migrate"), returns_of("query-migrate"), st.booleans())
def test_the_key_of_an_answer_tells_apart_what_the_reply_does(
    one: dict[str, Any], other: dict[str, Any], only_the_status: bool
) -> None:
    if only_the_status:
        other = {name: item for name, item in one.items() if name != "status"} | {
            name: item for name, item in other.items() if name == "status"
        }
    reader = Reader(SCHEMA)
    keys = [reader.migrate_answer(msgspec.Raw(as_text(value))) for value in (one, other)]
    answers = [
        reply.answer for reply, _ in (reader.reply("query-migrate", returned(value)) for value in (one, other)) if reply
    ]
    assert (keys[0] == keys[1]) == (answers[0] == answers[1])


@given(returns_of("query-migrate").flatmap(lambda value: st.tuples(st.just(value), renumbered(value))))
def test_the_key_of_an_answer_has_no_numbers(values: tuple[Any, Any]) -> None:
    one, other = (Reader(SCHEMA).migrate_answer(msgspec.Raw(as_text(value))) for value in values)
    assert one == other
    assert hash(one) == hash(other)


@given(returns_of("query-migrate").flatmap(lambda value: corrupted(value, JUNK)))
def test_an_answer_that_does_not_fit_has_no_key(value: Any) -> None:
    try:
        Reader(SCHEMA).migrate_answer(msgspec.Raw(as_text(value)))
    except msgspec.ValidationError:
        assert faults_of("query-migrate", value)
        return
    assert not [fault for fault in faults_of("query-migrate", value) if fault.kind is not MismatchKind.OUT_OF_RANGE]


CLASSES = st.sampled_from(["GenericError", "run", "empty", "other", "migrate", "settings"])
TEXTS = st.sampled_from(["running", "paused", "", "a text"])
REPLIES: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(st.sampled_from(["query-status", "stop", "no-such"]), st.builds(refusal, CLASSES, TEXTS)),
    st.sampled_from(["query-status", "query-migrate", "query-migrate-capabilities", "stop"]).flatmap(
        lambda command: st.tuples(st.just(command), with_one_change(returns_of(command)).map(returned))
    ),
    st.tuples(st.just("no-such"), JSON.map(returned)),
)


def with_one_change(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | values.flatmap(lambda value: corrupted(value) | corrupted(value, JUNK))


@given(st.lists(REPLIES, min_size=1, max_size=6))
def test_a_reply_means_the_same_whatever_was_read_before(said: list[tuple[str, Message]]) -> None:
    shared = Reader(SCHEMA)
    for command, reply in said:
        assert shared.reply(command, reply) == Reader(SCHEMA).reply(command, reply)


# ---- answers that are alike ----


@st.composite
def comparable(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """An answer to query-migrate, and what may be another one like it."""
    info = draw(returns_of("query-migrate"))
    change = draw(st.integers(0, 5))
    if change == 0:
        return info, draw(returns_of("query-migrate"))
    other = draw(renumbered(info))
    if change == 1 and other:
        del other[draw(st.sampled_from(sorted(other)))]
    elif change == 2:
        other |= draw(returns_of("query-migrate"))
    elif change == 3:
        other = draw(corrupted(other, JUNK))
    elif change == 4:
        other = info | draw(st.fixed_dictionaries({}, optional={"status": st.sampled_from(STATUSES)}))
    return info, other


@settings(max_examples=300)
@given(comparable())
def test_alike_are_answers_with_the_same_members_and_status(values: tuple[dict[str, Any], Any]) -> None:
    one, other = values
    reader = Reader(SCHEMA)
    same = (
        isinstance(other, dict)
        and other.keys() == one.keys()
        and other.get("status") == one.get("status")
        and not faults_of("query-migrate", other)
        and not has_large_integer(other)
    )
    assert is_alike(reader, one, other) == same


@given(comparable())
def test_alike_answers_are_one_reply(values: tuple[dict[str, Any], Any]) -> None:
    one, other = values
    reader = Reader(SCHEMA)
    if is_alike(reader, one, other):
        first, second = (reader.reply("query-migrate", returned(value))[0] for value in (one, other))
        assert first is not None
        assert second is not None
        # only the types of what is nested in them may differ, such as those of addresses
        assert first.answer == second.answer


def is_alike(reader: Reader, one: object, value: object) -> bool:
    alike = reader.alike(msgspec.Raw(as_text(one)))
    line = {"vm": "src", "dir": "<-", "msg": {"return": value}}
    read = []
    for decode, text in ((alike.decode, as_text(value)), (alike.decode_line, as_text(line))):
        try:
            decode(msgspec.Raw(text))
        except msgspec.ValidationError:
            read.append(False)
        else:
            read.append(True)
    assert read[0] == read[1]
    return read[0]


LINE = {"t": 1.5, "vm": "src", "mon": "hmp", "dir": "<-", "msg": {"return": {"status": "setup"}, "id": 1}}


@pytest.mark.parametrize(
    "change", [{"dir": "->"}, {"raw": "x"}, {"end": "eof"}, {"gap": "lost"}, {"t": "now"}], ids=str
)
def test_a_line_that_is_no_such_answer_is_not_read(change: dict[str, str]) -> None:
    decode = Reader(SCHEMA).alike(msgspec.Raw(b'{"status":"setup"}')).decode_line
    assert decode(as_text(LINE)).msg.id == 1
    with pytest.raises(msgspec.ValidationError):
        decode(as_text(LINE | change))


def test_a_line_says_of_which_monitor_it_is() -> None:
    decode = Reader(SCHEMA).alike(msgspec.Raw(b'{"status":"setup"}')).decode_line
    unnamed = {name: item for name, item in LINE.items() if name != "mon"}
    read = [decode(as_text(line)) for line in (LINE, LINE | {"vm": "dst"}, LINE | {"mon": "other"}, unnamed)]
    assert [(line.vm, line.mon) for line in read] == [("src", "hmp"), ("dst", "hmp"), ("src", "other"), ("src", "")]


def test_all_monitors_share_what_reads_their_answers() -> None:
    reader = Reader(SCHEMA)
    one, other = (reader.alike(msgspec.Raw(text)) for text in (b'{"status":"setup"}', b'{"status": "setup"}'))
    assert one is other


ALIKE: tuple[tuple[str, Message], ...] = (
    *(("query-migrate", returned({"status": "active", **more})) for more in ({}, {"total-time": 1}, {"setup-time": 1})),
    *(("query-migrate", returned({"status": status})) for status in ("setup", "completed")),
    *(("query-migrate-capabilities", returned([{"capability": "events", "state": on}])) for on in (True, False)),
    *(("query-status", returned({**RUNNING, "status": run})) for run in ("running", "paused")),
    *((command, refusal("run", text)) for command in ("query-status", "stop") for text in ("running", "paused")),
    ("no-such", returned({})),
    ("no-such", returned("text")),
    ("stop", returned({})),
    ("query-version", returned({"qemu": {"major": 5, "minor": 2, "micro": 0}, "package": ""})),
)
"""Replies that have much in common."""


def test_no_two_replies_are_taken_for_each_other() -> None:
    for (command, reply), (other_command, other) in permutations(ALIKE, 2):
        shared = Reader(SCHEMA)
        shared.reply(other_command, other)
        assert shared.reply(command, reply) == Reader(SCHEMA).reply(command, reply)


EVENTS = st.tuples(
    st.sampled_from(["MIGRATION", "MIGRATION_PASS", "STOP", "SHUTDOWN"]),
    st.sampled_from([EMPTY, b"{}", b'{"status":"active"}', b'{"status":"setup"}', b'{"pass":1}', b'{"pass":2}']),
)
REQUESTS = st.tuples(
    st.sampled_from(["migrate", "migrate-incoming", "query-migrate"]),
    st.sampled_from([EMPTY, b"{}", b'{"uri":"unix:/s"}', b'{"uri":"x"}', b'{"uri":1}']),
    st.booleans(),
)


@given(st.lists(EVENTS, min_size=2, max_size=6), st.lists(REQUESTS, min_size=2, max_size=6))
def test_events_and_requests_too(events: list[tuple[str, bytes]], requests: list[tuple[str, bytes, bool]]) -> None:
    shared = Reader(SCHEMA)
    for name, text in events:
        assert shared.event(name, text) == Reader(SCHEMA).event(name, text)
    for command, text, oob in requests:
        assert shared.request(command, text, oob=oob) == Reader(SCHEMA).request(command, text, oob=oob)


@pytest.mark.parametrize(("error_class", "text"), [("run", "running"), ("GenericError", "running")])
def test_an_error_is_never_taken_for_the_answer_before_it(error_class: str, text: str) -> None:
    reader = Reader(SCHEMA)
    reader.reply("query-status", returned(RUNNING))
    reply, _ = reader.reply("query-status", refusal(error_class, text))
    assert reply == Reply(error_class, text)


# ---- what is wrong ----


@pytest.mark.parametrize("schema", [SEED, QEMU_5_2_0], ids=lambda schema: schema.name)
@given(data=st.data())
def test_the_faults_of_a_reply_are_those_of_the_schema(schema: Schema, data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(list(schema.commands)))
    value = data.draw(with_one_change(returns_of(command, schema)))
    reply, faults = Reader(schema).reply(command, returned(value))
    assert list(faults) == list(validate_reply(value, schema.commands[command], schema))
    assert reply is not None or faults


@given(data=st.data())
def test_the_faults_of_an_event_are_those_of_the_schema(data: st.DataObject) -> None:
    event = data.draw(st.sampled_from(list(SCHEMA.events.values())))
    value = data.draw(
        st.just(ABSENT) | with_one_change(data_of(event).filter(lambda drawn: drawn is not ABSENT) | JSON)
    )
    text = EMPTY if value is ABSENT else as_text(value)
    _, faults = Reader(SCHEMA).event(event.name, text)
    assert list(faults) == list(validate_event(value, event, SCHEMA))


@given(st.sampled_from(sorted(SCHEMA.commands)), JSON | st.just(ABSENT), st.booleans())
def test_a_request_is_what_its_arguments_are(command: str, arguments: Any, oob: bool) -> None:
    text = EMPTY if arguments is ABSENT else as_text(arguments)
    assert Reader(SCHEMA).request(command, text, oob=oob) == understand(command, arguments, SCHEMA, oob=oob)


@given(returns_of("query-migrate"), st.text(min_size=1).filter(lambda name: name not in ("status", "vfio")))
def test_a_fault_elsewhere_leaves_the_status(value: dict[str, Any], name: str) -> None:
    reply, faults = Reader(SCHEMA).reply("query-migrate", returned(value | {name: [[]]}))
    assert faults
    assert reply is not None
    assert reply.answer == MigrateAnswer(value.get("status"), frozenset(value) - {"status"} | {name})


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ("query-migrate", {"status": "activ"}),
        ("query-migrate", {"status": ["active"]}),
        ("query-migrate", []),
        ("query-status", {**RUNNING, "status": "stopped"}),
        ("query-status", {"running": True}),
        ("query-status", "running"),
    ],
)
def test_nothing_is_left_of_a_reply_whose_state_is_at_fault(command: str, value: object) -> None:
    reply, faults = Reader(SCHEMA).reply(command, returned(value))
    assert reply is None
    assert faults


@pytest.mark.parametrize("number", [2**64, 10**20, 2**70])
def test_a_number_beyond_64_bits_is_a_fault_and_the_rest_still_counts(number: int) -> None:
    value = {"status": "active", "ram": {**RAM, "multifd-bytes": number}}
    reply, faults = Reader(SCHEMA).reply("query-migrate", returned(value))
    assert [(fault.path, fault.kind) for fault in faults] == [
        ("return.ram.multifd-bytes", MismatchKind.OUT_OF_RANGE),
    ]
    assert reply == Reply(answer=MigrateAnswer("active", frozenset({"ram"})))


@pytest.mark.parametrize("number", [2**63, 10**19, 2**64 - 1])
def test_a_number_of_64_bits_is_none(number: int) -> None:
    value = {"status": "active", "ram": {**RAM, "multifd-bytes": number}}
    reply, faults = Reader(SCHEMA).reply("query-migrate", returned(value))
    assert reply is not None
    assert not faults


def test_every_fault_of_a_reply_is_told() -> None:
    value = {"status": "active", "total-time": "8", "ram": [], "more": 1}
    _, faults = Reader(SCHEMA).reply("query-migrate", returned(value))
    assert {fault.path for fault in faults} == {"return.total-time", "return.ram", "return.more"}


def test_what_is_left_of_other_replies() -> None:
    reader = Reader(SCHEMA)
    assert reader.reply("query-status", returned({"status": "paused"}))[0] == Reply(run="paused")
    assert reader.reply("stop", returned({"x": 1}))[0] == Reply(empty=False)
    assert reader.reply("stop", returned({}))[0] == Reply(empty=True)
    assert reader.reply("query-version", returned({}))[0] == Reply(empty=True)
    assert reader.reply("no-such", returned({})) == (Reply(empty=True), ())
    assert reader.reply("no-such", returned("text")) == (Reply(empty=False), ())


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("MIGRATION", {"status": "active"}, "MIGRATION:active"),
        ("MIGRATION", {"status": "activ"}, "MIGRATION:activ"),
        ("MIGRATION", {"status": 5}, None),
        ("MIGRATION", ABSENT, None),
        ("MIGRATION_PASS", {"pass": 1}, "MIGRATION_PASS:1"),
        ("MIGRATION_PASS", {"pass": 2}, "MIGRATION_PASS:n"),
        ("MIGRATION_PASS", {"pass": 2**40}, "MIGRATION_PASS:n"),
        ("COLO_EXIT", {"mode": "primary", "reason": "error"}, "COLO_EXIT:primary-error"),
        ("COLO_EXIT", {"mode": None}, None),
        ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"}, "SHUTDOWN:guest"),
        ("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"}, "SHUTDOWN:quit"),
        ("SHUTDOWN", {"guest": False, "reason": "host-signal"}, "SHUTDOWN:host"),
        ("SHUTDOWN", [], "SHUTDOWN:host"),
        ("STOP", ABSENT, "STOP"),
        ("GUEST_PANICKED", {"action": "pause"}, "GUEST_PANICKED"),
        ("BLOCK_JOB_READY", {"device": "x"}, None),
    ],
)
def test_events_as_rows_name_them(name: str, data: object, told: str | None) -> None:
    event, _ = Reader(SCHEMA).event(name, EMPTY if data is ABSENT else as_text(data))
    assert event == told


@pytest.mark.parametrize(
    ("arguments", "address"),
    [(b'{"uri":"unix:/s","blk":true}', "unix:/s"), (b"{}", ""), (b'{"uri":5}', ""), (b"[]", ""), (b"", "")],
)
def test_the_address_in_arguments(arguments: bytes, address: str) -> None:
    assert uri_of(arguments) == address


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("migrate -d unix:/s", "unix:/s"),
        ("migrate -d -b unix:/s", "unix:/s"),
        (' migrate_incoming\t"unix:/s" ', "unix:/s"),
        ("migrate_recover uni'x:/'s", "unix:/s"),
        ("migrate 'exec:cat >/s'", "exec:cat >/s"),
        ("migrate 'unix:/s", "'unix:/s"),
        ("migrate -d", ""),
        ("", ""),
        ("migrate " + "x" * 1_000_000, "x" * 1_000_000),
        (5, ""),
    ],
)
def test_the_address_in_a_line_for_the_human_monitor(line: object, address: str) -> None:
    assert uri_of(as_text({"command-line": line})) == address


@given(st.lists(st.sampled_from(["a", "/", " ", "\t", "'", '"', "\\"]), max_size=8).map("".join))
def test_the_address_in_a_line_is_the_one_that_is_understood(rest: str) -> None:
    """The name of a descriptor comes back in a refusal, so that two of them are told apart."""
    line = {"command-line": f"migrate -d fd:{rest}"}
    request = understand("human-monitor-command", line, SCHEMA)
    assume(request.command == "migrate")
    assert uri.outgoing(uri_of(as_text(line))) == request.outgoing


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", True),
        ("terminal does not allow synchronous migration, continuing detached\r\n", True),
        ("warning: block migration is deprecated\r\n\r\nterminal does not allow synchronous migration\r\n", True),
        ("Error: There's a migration process in progress\r\n", False),
        ("warning: block migration is deprecated\r\nError: no\r\n", False),
        ("migrate: unsupported option -x\r\n", None),
        ({}, None),
    ],
)
def test_what_a_text_of_the_human_monitor_tells(text: object, told: bool | None) -> None:
    request = understand("human-monitor-command", {"command-line": "migrate -d unix:/s"}, SCHEMA)
    assert carried_out(request, message({"return": text})) is told


def test_a_success_tells_that_a_request_was_carried_out_and_an_error_that_it_was_not() -> None:
    for name, arguments in (("migrate", {"uri": "unix:/s"}), ("human-monitor-command", {"command-line": "migrate x"})):
        request = understand(name, arguments, SCHEMA)
        assert carried_out(request, refusal("GenericError", "no")) is False
    assert carried_out(understand("migrate", {"uri": "unix:/s"}, SCHEMA), message({"return": {}})) is True


# ---- memory ----


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read long ago is forgotten; what is read again soon is the same object."""
    monkeypatch.setattr(reading, "MOST_REMEMBERED", 8)
    reader = Reader(SCHEMA)

    def everything(number: int) -> list[object]:
        request = reader.request("migrate", as_text({"uri": f"unix:/{number}"}), oob=False)
        return [request, reader.event("MIGRATION_PASS", as_text({"pass": number})), reader.reply("x", error(number))[0]]

    def error(number: int) -> Message:
        return refusal("GenericError", f"number {number}")

    first = everything(0)
    for number in range(1, 8):
        assert [one is other for one, other in zip(everything(0), first, strict=True)] == [True] * 3
        everything(number)
    everything(8)
    again = everything(0)
    assert again == first
    assert [one is other for one, other in zip(again, first, strict=True)] == [False] * 3


def test_out_of_band_is_remembered_apart() -> None:
    reader = Reader(SCHEMA)
    plain, oob, other = (
        reader.request("migrate-pause", EMPTY, oob=False),
        reader.request("migrate-pause", EMPTY, oob=True),
        reader.request("migrate-pause", b"{}", oob=False),
    )
    assert (plain.oob, oob.oob) == (False, True)
    assert plain == other


# ---- the envelope ----


class _Greeting(msgspec.Struct, forbid_unknown_fields=True):
    """The forms of a server message, by which the faults are checked."""

    greeting: Any = msgspec.field(name="QMP")


class _Success(msgspec.Struct, forbid_unknown_fields=True):
    returned: Any = msgspec.field(name="return")
    id: Any = None


class _Refusal(msgspec.Struct, forbid_unknown_fields=True):
    error: ErrorBody
    id: Any = None


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    event: str
    timestamp: Timestamp
    data: Any = None


FORMS: tuple[Any, ...] = (_Greeting, _Success, _Refusal, _Event)
IDENTIFIED: dict[str, st.SearchStrategy[Any]] = {"id": JSON}
ERRORS = st.fixed_dictionaries({"class": st.text(max_size=3), "desc": st.text(max_size=3)})
STAMPS = st.fixed_dictionaries({"seconds": st.integers(-1, 2**40), "microseconds": st.integers(-1, 10**6)})
WELL_FORMED: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"QMP": JSON}),
    st.fixed_dictionaries({"return": JSON}, optional=IDENTIFIED),
    st.fixed_dictionaries({"error": ERRORS}, optional=IDENTIFIED),
    st.fixed_dictionaries({"event": st.text(max_size=3), "timestamp": STAMPS}, optional={"data": JSON}),
)
MIXED = st.dictionaries(
    st.sampled_from(["QMP", "return", "error", "event", "id", "data", "timestamp", "x"]),
    JSON | ERRORS | STAMPS | st.text(max_size=2),
    max_size=4,
)


def is_well_formed(value: object) -> bool:
    return any(_fits(value, form) for form in FORMS)


def _fits(value: object, form: Any) -> bool:
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError:
        return False
    return True


@given(WELL_FORMED)
def test_a_well_formed_message_has_no_fault_and_is_kept_whole(value: dict[str, Any]) -> None:
    assert list(envelope_faults(value)) == []
    kept, whole = salvaged(value), message(value)
    assert kept is not None
    assert (kept.event, kept.error, kept.id) == (whole.event, whole.error, whole.id)
    for one, other in zip(raw_parts(kept), raw_parts(whole), strict=True):
        assert bool(one) == bool(other)
        assert not one or json.loads(one) == json.loads(other)


@settings(max_examples=300)
@given(WELL_FORMED.flatmap(corrupted) | MIXED | JSON)
def test_there_is_a_fault_exactly_in_what_is_not_well_formed(value: Any) -> None:
    assert (list(envelope_faults(value)) == []) == is_well_formed(value)


@settings(max_examples=300)
@given(WELL_FORMED.flatmap(corrupted) | MIXED | JSON)
def test_what_is_salvaged_was_said(value: Any) -> None:
    kept = salvaged(value)
    if kept is None:
        assert not is_well_formed(value)
        return
    assert kept.execute is msgspec.UNSET
    assert kept.exec_oob is msgspec.UNSET
    for name, part in zip(("return", "data", "QMP"), raw_parts(kept), strict=True):
        assert not part or json.loads(part) == value[name]
    assert kept.event is None or kept.event == value["event"]
    assert kept.error is None or isinstance(value["error"], dict)
    assert kept.id is msgspec.UNSET or kept.id == value["id"]
    assert kept.returned or kept.error or kept.event is not None or kept.greeting


def raw_parts(kept: Message) -> tuple[bytes, bytes, bytes]:
    return bytes(kept.returned), bytes(kept.data), bytes(kept.greeting)


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ([], ["the message is not an object"]),
        ({}, ["a server message has exactly one of QMP, return, error and event; this has none"]),
        ({"return": 1, "id": 1, "more": 1, "also": 2}, ["also: unknown member", "more: unknown member"]),
        ({"QMP": {}, "id": 1}, ["id: unknown member"]),
        ({"error": 5}, ["error: expected an object"]),
        ({"error": {"class": 5}}, ["error.class: expected a string", "error.desc: expected a string"]),
        ({"error": {"class": "", "desc": "", "x": 1}}, ["error.x: unknown member"]),
        ({"event": "STOP"}, ["timestamp: expected an object"]),
        (
            {"event": 5, "timestamp": {"seconds": True, "x": 1}},
            [
                "timestamp.seconds: expected an integer",
                "timestamp.microseconds: expected an integer",
                "timestamp.x: unknown member",
                "event: expected a string",
            ],
        ),
        (
            {"return": 1, "error": {}},
            ["a server message has exactly one of QMP, return, error and event; this has return and error"],
        ),
    ],
)
def test_every_fault_of_a_message_is_told(value: object, faults: list[str]) -> None:
    assert list(envelope_faults(value)) == faults


@pytest.mark.parametrize(
    ("value", "error_class", "text"),
    [
        ({"error": {"desc": "x"}}, "", "x"),
        ({"error": {"class": "GenericError", "desc": 16}}, "GenericError", "16"),
    ],
)
def test_what_is_left_of_an_error(value: object, error_class: str, text: str) -> None:
    kept = salvaged(value)
    assert kept is not None
    assert kept.error == ErrorBody(text, error_class)


def test_a_salvaged_event_lacks_no_timestamp() -> None:
    """What is wrong with its timestamp is among the faults of the envelope, and is told once."""
    values: tuple[object, ...] = ({"event": "STOP"}, {"event": "STOP", "timestamp": 5})
    for value in values:
        kept = salvaged(value)
        assert kept is not None
        assert kept.timestamp == Timestamp(-1, -1)


@pytest.mark.parametrize("value", [None, 5, [], {}, {"id": 1}, {"error": 5}, {"event": 5, "return": {}}, {"data": {}}])
def test_of_what_says_nothing_nothing_is_left(value: object) -> None:
    assert salvaged(value) is None


@given(
    st.sampled_from(sorted(SEED.commands)).flatmap(
        lambda name: st.tuples(st.just(name), arguments_of(SEED.commands[name], SEED))
    )
)
def test_what_a_later_release_may_know_of_a_request_may_be_refused_or_left_aside(given_to: tuple[str, Any]) -> None:
    command, known = given_to
    text = as_text(known | {"of-a-later-release": True})
    exact, later = (Reader(SEED, exact=exact).request(command, text, oob=False) for exact in (True, False))
    assert not exact.may_pass
    assert exact.argument_errors
    assert later == replace(understand(command, known, SEED), argument_errors=exact.argument_errors)


def test_what_is_wrong_besides_is_refused_whatever_the_release() -> None:
    later = Reader(SEED, exact=False).request("migrate", as_text({"uri": 5, "of-a-later-release": True}), oob=False)
    assert not later.may_pass
