"""A connection answers each item once, in QEMU's order, however its input was cut, and never fails on any input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qemu.qmp.message import Message
from tests.reference_impl.qmp.client import served, texts
from tests.spec.wire.near_json import NEAR_JSON

from migspec.properties.strategies import JSON
from migspec.reference_impl.calls import Call, Complaint, Failure, Item, Return
from migspec.reference_impl.qmp import Connection, OutOfTurnError
from migspec.spec.requests import understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.wire.shape import QUEUE

NAMES = st.sampled_from(("query-status", "query-migrate", "migrate-pause", "migrate", "no-such-command")) | st.text(
    max_size=3
)
REQUESTS = st.builds(
    lambda key, name, more, compact: json.dumps(
        {key: name, **more}, separators=(",", ":") if compact else None
    ).encode(),
    st.sampled_from(("execute", "execute", "exec-oob")),
    NAMES,
    st.fixed_dictionaries(
        {}, optional={"id": JSON, "arguments": st.dictionaries(st.text(max_size=2), JSON, max_size=2)}
    ),
    st.booleans(),
)
PLAIN = b'{"execute": "query-status", "id": %d}'
URGENT = b'{"exec-oob": "migrate-pause", "id": %d}'
STREAMS = st.lists(NEAR_JSON | REQUESTS | st.sampled_from((b"\n", b" ", b"\r\n", b"\xff")), max_size=6).map(b"".join)


def connected(*, oob: bool, pretty: bool = False) -> Connection:
    """A connection past its negotiation."""
    connection = Connection(QEMU_5_2_0, pretty=pretty)
    (item,) = connection.receive(b'{"execute": "qmp_capabilities"}')
    connection.negotiated(oob=oob)
    connection.answer(item, Return({}))
    return connection


@given(STREAMS, st.lists(st.integers(1, 9), max_size=30), st.booleans())
def test_how_the_input_was_cut_makes_no_difference(data: bytes, cuts: list[int], oob: bool) -> None:
    whole = served(connected(oob=oob), [data, b"\xff\n"])
    pieces: list[bytes] = []
    rest = data
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert served(connected(oob=oob), [*pieces, rest, b"\xff\n"]) == whole


@given(STREAMS, st.booleans(), st.booleans())
def test_each_item_is_answered_once_and_with_its_id(data: bytes, oob: bool, pretty: bool) -> None:
    connection = connected(oob=oob, pretty=pretty)
    items = list(connection.receive(data + b"\xff\n"))
    number = 0
    while number < len(items) or connection.unanswered:
        turn = connection.unanswered[-1 if number % 2 and connection.unanswered[-1].oob else 0]
        failure = Failure("no") if isinstance(turn, Call) else turn.failure
        text = connection.answer(turn, failure)
        assert text.isascii()
        assert text.endswith(b"\r\n")
        number += 1
        with pytest.raises(OutOfTurnError):
            connection.answer(turn, failure)
        items += connection.resume()
    assert connection.wants_input
    assert number == len(items)
    assert any(isinstance(item, Complaint) for item in items)


@given(JSON, JSON)
def test_an_answer_says_what_was_given(value: Any, identity: Any) -> None:
    connection = connected(oob=False)
    for item in connection.receive(json.dumps({"execute": "query-name", "id": identity}).encode() + b"\n"):
        if isinstance(item, Call):
            reply = json.loads(connection.answer(item, Return({"status": value})))
            assert reply.keys() == {"return", "id"}


@given(REQUESTS, st.booleans())
def test_a_call_is_what_was_asked(text: bytes, oob: bool) -> None:
    value = json.loads(text)
    (item, *rest) = connected(oob=oob).receive(text)
    assert not rest
    if isinstance(item, Call):
        command = value.get("execute", value.get("exec-oob"))
        assert item.oob == ("exec-oob" in value)
        assert item.request == understand(command, item.arguments, QEMU_5_2_0, oob=item.oob)
        assert (item.arguments is ABSENT) == ("arguments" not in value)
        assert (item.id is ABSENT) == ("id" not in value)
    else:
        assert "exec-oob" in value or item.failure.text.startswith("JSON")


def test_equal_values_of_other_kinds_are_understood_anew() -> None:
    connection = connected(oob=True)
    requests = [
        b'{"execute": "migrate-set-parameters", "arguments": {"cpu-throttle-tailslow": %s}}' % value
        for value in (b"1", b"true", b"0", b"false", b'"1"', b"null")
    ]
    items = connection.receive(b"".join(requests))
    for item, alone in zip(items, requests, strict=False):
        (again,) = connected(oob=True).receive(alone)
        assert item == again


# ---- the queue ----


def reads_on(connection: Connection) -> bool:
    """Whether it wants input now."""
    return connection.wants_input


def ids(items: tuple[Item, ...]) -> list[object]:
    return [item.id for item in items]


def test_without_out_of_band_execution_one_is_read_at_a_time() -> None:
    connection = connected(oob=False)
    (first,) = connection.receive(PLAIN % 1 + PLAIN % 2 + URGENT % 3)
    assert first.id == 1
    assert not reads_on(connection)
    assert connection.receive(PLAIN % 4) == ()
    connection.answer(first, Return({}))
    (second,) = connection.resume()
    assert second.id == 2
    connection.answer(second, Return({}))
    # what asks to be out of band without leave is refused at once, and holds nothing up
    assert ids(connection.resume()) == [3, 4]


@pytest.mark.parametrize("waiting", range(QUEUE + 3))
def test_with_it_eight_wait_besides_the_one_that_is_executed(waiting: int) -> None:
    connection = connected(oob=True)
    data = b"".join(PLAIN % number for number in range(waiting + 1)) + URGENT % 99
    items = connection.receive(data)
    assert (99 in ids(items)) == connection.wants_input == (waiting < QUEUE)
    assert len(items) == min(waiting, QUEUE) + 1 + (waiting < QUEUE)
    if waiting < QUEUE:
        return
    # the end of the one in execution makes room only if that was foreseen when it began
    connection.answer(items[0], Return({}))
    assert not reads_on(connection)
    assert connection.resume() == ()
    connection.answer(items[1], Return({}))
    assert reads_on(connection)
    assert connection.resume()


def test_a_complaint_keeps_its_turn() -> None:
    connection = connected(oob=True)
    items = connection.receive(PLAIN % 1 + b"}" + PLAIN % 2 + b'{"exec-oob": 1, "id": 3}')
    assert [type(item) for item in items] == [Call, Complaint, Call, Complaint]
    assert [item.oob for item in items] == [False, False, False, True]
    assert json.loads(connection.answer(items[3], Failure("no")))["id"] == 3
    with pytest.raises(OutOfTurnError) as error:
        connection.answer(items[1], Failure("no"))
    assert error.value.turn is items[0]


def test_two_values_that_end_at_one_byte_are_two() -> None:
    assert texts(connected(oob=True), b"1]") == ["QMP input must be a JSON object", "JSON parse error, expecting value"]


# ---- the rest ----


def test_negotiation() -> None:
    connection = Connection(QEMU_5_2_0)
    assert json.loads(connection.greeting())["QMP"]["capabilities"] == ["oob"]
    assert connection.event("STOP", None, 1.0) == b""
    (item,) = connection.receive(b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}' + URGENT % 1)
    assert isinstance(item, Call)
    assert item.request.enables_oob
    connection.negotiated(oob=True)
    assert connection.answer(item, Return({})) == b'{"return": {}}\r\n'
    (urgent,) = connection.resume()
    assert isinstance(urgent, Call)
    assert urgent.oob
    assert connection.oob
    assert connection.event("STOP", None, 1.0)
    assert json.loads(Connection(QEMU_5_2_0, oob=False).greeting())["QMP"]["capabilities"] == []


def test_events() -> None:
    connection = connected(oob=False)
    text = b'{"timestamp": {"seconds": 1795544163, "microseconds": 487617}, "event": "STOP"}\r\n'
    assert connection.event("STOP", None, 1795544163.487617) == text
    data = json.loads(connection.event("MIGRATION", {"status": "setup"}, 0.9999999))
    assert data == {"event": "MIGRATION", "data": {"status": "setup"}, "timestamp": {"seconds": 1, "microseconds": 0}}


def test_an_indented_message_ends_its_lines_as_others_do() -> None:
    connection = connected(oob=False, pretty=True)
    assert connection.event("STOP", None, 0.0).replace(b"\r\n", b"").count(b"\n") == 0


@given(st.integers(0, 9) | st.text(max_size=3))
def test_the_usual_client_is_understood(identity: object) -> None:
    request = Message({"execute": "query-migrate", "id": identity})
    (item,) = connected(oob=True).receive(bytes(request))
    assert isinstance(item, Call)
    assert (item.command, item.id) == ("query-migrate", identity)


def test_descriptors_go_to_the_command_that_takes_them() -> None:
    connection = connected(oob=True)
    take = b'{"execute": "getfd", "arguments": {"fdname": "a"}}'
    connection.receive(b"", (3,))
    items = connection.receive(PLAIN % 1 + take * 2, (4, 5))
    assert [item.descriptors for item in items if isinstance(item, Call)] == [(), (4, 5), ()]


def test_what_is_deep_is_read_and_sent_back() -> None:
    connection = connected(oob=False)
    deep = b"[" * 1000 + b"]" * 1000
    (item,) = connection.receive(b'{"execute": "migrate", "arguments": {"uri": ' + deep + b'}, "id": ' + deep + b"}")
    assert connection.answer(item, Return({})) == b'{"return": {}, "id": ' + deep + b"}\r\n"


def test_a_flood_is_answered_bit_by_bit() -> None:
    connection = connected(oob=True)
    items = connection.receive(b"[" * (4 << 20))
    assert len(items) == QUEUE + 1
    assert {item.failure.text for item in items if isinstance(item, Complaint)} == {"JSON nesting depth limit exceeded"}
