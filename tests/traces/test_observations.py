"""Observations: equal ones are found by each other, different ones never are, and each says what it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from migspec.spec.commands.queries import MigrateAnswer
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.traces.observations import Emitted, Ended, Greeted, Observation, Replied, Reply, Sent

FLAGS = st.booleans()
MONITORS = st.integers(0, 2)
COMMANDS = st.sampled_from(["migrate", "stop", "query-migrate"])
REQUESTS = st.builds(
    understand, COMMANDS, st.sampled_from([ABSENT, {"uri": "unix:/s"}]), st.just(QEMU_5_2_0), oob=FLAGS
)
ANSWERS = st.builds(
    MigrateAnswer,
    st.none() | st.sampled_from(["active", "setup"]),
    st.frozensets(st.sampled_from(["ram", "disk", "total-time"])),
)
REPLIES = st.one_of(
    st.builds(Reply, st.sampled_from(["GenericError", "CommandNotFound"]), st.sampled_from(["", "no", "not now"])),
    st.builds(Reply, empty=FLAGS),
    st.builds(Reply, answer=ANSWERS),
    st.builds(Reply, settings=st.lists(st.tuples(st.sampled_from(["events", "multifd"]), FLAGS)).map(tuple)),
    st.builds(Reply, run=st.sampled_from(["running", "paused"])),
)
OBSERVATIONS: st.SearchStrategy[Observation] = st.one_of(
    st.builds(Sent, MONITORS, REQUESTS),
    st.builds(Replied, MONITORS, COMMANDS, REPLIES, st.none() | st.integers(0, 1)),
    st.builds(Emitted, MONITORS, st.sampled_from(["STOP", "RESUME", "MIGRATION:setup"])),
    st.builds(Greeted, MONITORS, FLAGS),
    st.builds(Ended, MONITORS, FLAGS, st.none() | st.integers(-2, 2)),
)


def parts(observation: Observation) -> tuple[object, ...]:
    """All that an observation is made of, its kind included."""
    fields = [getattr(observation, name) for name in observation.__struct_fields__]
    return (type(observation), *(tuple(map(repr, _of(field))) for field in fields))


def _of(field: object) -> tuple[object, ...]:
    if isinstance(field, Reply):
        answer = field.answer
        known = (answer.status, tuple(sorted(answer.members))) if answer else None
        return (field.error_class, field.text, field.empty, known, field.settings, field.run)
    return (field,)


@given(OBSERVATIONS, OBSERVATIONS)
def test_observations_are_equal_exactly_if_all_their_parts_are(one: Observation, other: Observation) -> None:
    assert (one == other) == (parts(one) == parts(other))
    assert one != other or hash(one) == hash(other)


@given(OBSERVATIONS)
def test_a_copy_is_found_by_the_original(observation: Observation) -> None:
    copy = replace(observation)
    assert copy is not observation
    assert {observation: "found"}.get(copy) == "found"


@given(st.lists(OBSERVATIONS))
def test_a_table_has_one_entry_for_each(observations: list[Observation]) -> None:
    assert len(set(observations)) == len(set(map(parts, observations)))


@given(OBSERVATIONS)
def test_an_observation_does_not_change(observation: Any) -> None:
    with pytest.raises(AttributeError):
        observation.monitor = 7
    assert str(observation)


@given(REPLIES)
def test_a_reply_is_an_error_if_it_has_a_class(reply: Reply) -> None:
    assert reply.is_error == (reply.error_class is not None)
    assert str(reply).startswith("error ") == reply.is_error


def switched(**settings: bool) -> Request:
    wanted = [{"capability": name, "state": on} for name, on in settings.items()]
    return understand("migrate-set-capabilities", {"capabilities": wanted}, QEMU_5_2_0)


@pytest.mark.parametrize(
    ("observation", "text"),
    [
        (Reply("GenericError", "not now"), "error GenericError: “not now”"),
        (Reply(empty=True), "success"),
        (Reply(empty=False), "success"),
        (Reply(settings=(("events", True),)), "success"),
        (Reply(run="paused"), "run state paused"),
        (Reply(answer=MigrateAnswer("active", frozenset({"ram", "disk"}))), "status active with disk, ram"),
        (Reply(answer=MigrateAnswer(None, frozenset())), "status absent with nothing else"),
        (Sent(0, understand("stop", ABSENT, QEMU_5_2_0)), "request stop"),
        (Sent(1, switched(events=True, multifd=False)), "request migrate-set-capabilities events=on"),
        (Replied(0, "stop", Reply(empty=True)), "reply to stop: success"),
        (Replied(0, "query-status", Reply(run="running"), 0), "reply to query-status: run state running"),
        (Emitted(0, "MIGRATION:setup"), "MIGRATION:setup"),
        (Greeted(0), "greeting"),
        (Greeted(0, again=True), "greeting"),
        (Ended(0), "end of the connection"),
        (Ended(0, exit=0), "end of the connection, exit code 0"),
        (Ended(0, by_client=True, exit=-11), "end of the connection, exit code -11"),
    ],
)
def test_what_an_observation_says(observation: Observation | Reply, text: str) -> None:
    assert str(observation) == text
