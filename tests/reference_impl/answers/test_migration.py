"""The answer to query-migrate fits the state that it is made of, and is as a real QEMU prints it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.answers.recorded import answers, text_of
from tests.spec.states import known_states

from migspec.reference_impl.answers.migration import Sides, listeners_told, migration_told
from migspec.reference_impl.answers.status import UntoldError
from migspec.spec.commands.queries import BLOCKTIME, EXTRAS, REQUIRED, MigrateAnswer, fits, is_torn
from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.schema.structs import MIGRATION_STATS
from migspec.spec.schema.validate import validate_reply
from migspec.spec.state import ANYTHING, FRESH, VARIABLES, assign

RAM = dict.fromkeys((member.name for member in MIGRATION_STATS.members), 0)
MADE = {
    "setup-time": 1,
    "total-time": 2,
    "expected-downtime": 300,
    "downtime": 3,
    "ram": RAM,
    "disk": RAM,
    "cpu-throttle-percentage": 20,
    "vfio": {"transferred": 1},
    "xbzrle-cache": {
        "cache-size": 1,
        "bytes": 0,
        "pages": 0,
        "cache-miss": 0,
        "cache-miss-rate": 0,
        "encoding-rate": 0,
        "overflow": 0,
    },
    "compression": {"pages": 0, "busy": 0, "busy-rate": 0, "compressed-size": 0, "compression-rate": 0},
}
"""Everything that the outgoing side may ever have to tell."""
ALL = Sides(
    MADE,
    "it broke",
    listeners_told("unix:/a"),
    {"postcopy-blocktime": 3, "postcopy-vcpu-blocktime": [3, 0]},
)
INCOMING = ("none", "active", "postcopy-active", "postcopy-paused", "postcopy-recover", "colo", "failed", "completed")
VARIED = (
    "outgoing",
    "load",
    "error-known",
    "has-address",
    "blocktime",
    *(f"cap.{name}" for name in ("xbzrle", "compress", "auto-converge", "block")),
)
STATES = st.builds(
    lambda state, incoming: assign(state, {"incoming": incoming}), known_states(VARIED), st.sampled_from(INCOMING)
)


def abstract(answer: dict[str, Any]) -> MigrateAnswer:
    return MigrateAnswer(answer.get("status"), frozenset(answer) - {"status"})


@given(STATES)
def test_what_is_told_fits_the_state_and_the_schema(state: int) -> None:
    told = migration_told(state, ALL)
    assert any(condition.holds(state) for condition in fits(abstract(told)))
    assert list(validate_reply(told, QEMU_5_2_0.commands["query-migrate"], QEMU_5_2_0)) == []


@given(STATES)
def test_what_goes_with_the_state_is_told(state: int) -> None:
    told = migration_told(state, ALL)
    outgoing = VARIABLES["outgoing"].known(state) or ""
    assert REQUIRED.get(outgoing, frozenset()) <= told.keys()
    for extra in EXTRAS:
        if outgoing in extra.statuses and extra.present.holds(state):
            assert extra.member in told
    if VARIABLES["incoming"].known(state) == "completed" and VARIABLES["blocktime"].known(state) == "yes":
        assert told.keys() >= BLOCKTIME


@given(STATES, st.sampled_from(["setup-time", "ram"]))
def test_what_must_be_told_must_be_there(state: int, member: str) -> None:
    rest = {name: value for name, value in MADE.items() if name != member}
    poorer = Sides(rest, ALL.error, ALL.addresses, ALL.blocktime)
    if member in REQUIRED.get(VARIABLES["outgoing"].known(state) or "", frozenset()):
        with pytest.raises(UntoldError):
            migration_told(state, poorer)
    else:
        assert migration_told(state, poorer) == migration_told(state, ALL)


def test_every_recorded_answer_can_be_told_again() -> None:
    retold = 0
    for text in answers()["query-migrate"]:
        answer = json.loads(text)
        if is_torn(answer.get("status"), frozenset(answer) - {"status"}):
            continue
        states = [state for condition in fits(abstract(answer)) for state in condition.assume(ANYTHING)]
        state = _first(states[0])
        blocktime = {name: answer[name] for name in BLOCKTIME if name in answer}
        statistics = {name: value for name, value in answer.items() if name in MADE}
        sides = Sides(statistics, answer.get("error-desc", ""), answer.get("socket-address", ()), blocktime)
        assert text_of(migration_told(state, sides)) == text
        retold += 1
    assert retold > 500


def _first(state: int) -> int:
    """One of the known states that a state leaves open."""
    return sum(variable.bits(variable.of(state)[:1]) for variable in VARIABLES.values())


def test_a_fresh_process_has_nothing_to_tell() -> None:
    assert migration_told(FRESH, Sides({})) == {}


def entries(uri: str, *bound: tuple[str, int]) -> list[str]:
    return [text_of(entry) for entry in listeners_told(uri, bound)]


# as recorded from QEMU 5.2.0
def test_what_is_listened_on() -> None:
    assert entries("unix:/tmp/a,b") == ['{"path": "/tmp/a,b", "type": "unix"}']
    assert entries("tcp:unix:/tmp/m") == ['{"path": "/tmp/m", "type": "unix"}']
    assert entries("tcp:127.0.0.1:0", ("127.0.0.1", 37911)) == [
        '{"port": "37911", "ipv4": true, "host": "127.0.0.1", "type": "inet"}'
    ]
    assert entries("tcp::0", ("::", 44487), ("0.0.0.0", 39359)) == [
        '{"port": "44487", "ipv6": true, "host": "::", "type": "inet"}',
        '{"port": "39359", "ipv4": true, "host": "0.0.0.0", "type": "inet"}',
    ]
    assert entries("vsock:4294967295:45678") == ['{"port": "45678", "cid": "4294967295", "type": "vsock"}']
    assert entries("exec:cat") == entries("fd:3") == entries("tcp:fd:3") == entries("defer") == []


def test_without_sockets_the_address_is_told_as_it_was_given() -> None:
    assert entries("tcp:[::1]:4444,to=4450") == entries("tcp:[::1]:4444", ("::1", 4444))
    assert entries("tcp::4444") == entries("tcp::4444", ("::", 4444), ("0.0.0.0", 4444))
    assert entries("tcp:10.0.0.1:4444,ipv4") == entries("tcp:10.0.0.1:4444", ("10.0.0.1", 4444))


@given(st.text())
def test_any_listener_is_told_by_the_schema(uri: str) -> None:
    for scheme in ("", "tcp:", "unix:", "vsock:", "tcp:["):
        answer = {"socket-address": list(listeners_told(scheme + uri))}
        assert list(validate_reply(answer, QEMU_5_2_0.commands["query-migrate"], QEMU_5_2_0)) == []
