"""The control protocol: each request has its answer, a wrong one harms nothing, a wait ends when its time comes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference_impl.faults.pairs import MakePair, Pair

from migspec.reference_impl.faults import Control, Faults
from migspec.reference_impl.faults.control import LONGEST_LINE
from migspec.reference_impl.faults.words import ACTIONS
from migspec.reference_impl.host import Exit
from migspec.reference_impl.options import Options
from migspec.reference_impl.virtual import World
from migspec.spec.state import VARIABLES

Postcopy = Callable[[], Pair]


class Caller:
    """A client of a control socket."""

    def __init__(self, faults: Faults) -> None:
        self.answers: list[dict[str, Any]] = []
        self.control = Control(faults.machine, faults, self._take)

    def _take(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        self.answers.append(json.loads(line))

    def send(self, request: object) -> None:
        self.control.receive(json.dumps(request).encode() + b"\n")

    def ask(self, request: object) -> Any:
        """The answer to a request that does not wait."""
        count = len(self.answers)
        self.send(request)
        assert len(self.answers) == count + 1
        return self.answers[-1]


def a_caller() -> Caller:
    return Caller(Faults(World().start("vm", Options()).machine))


def test_a_fault_is_set_as_it_is_understood(make_pair: MakePair) -> None:
    pair = make_pair()
    caller = Caller(pair.source.faults)
    assert caller.ask({"fault": "link-lost; hang"}) == {"return": ["at=40%:cut", "now:hang"]}
    assert caller.ask({"state": True})["return"]["faults"] == ["at=40%:cut", "now:hang"]
    assert caller.ask({"clear": True, "id": [1]}) == {"return": {}, "id": [1]}
    assert caller.ask({"state": True})["return"]["faults"] == []


def test_the_state_has_all_variables_and_channels(make_pair: MakePair) -> None:
    pair = make_pair()
    callers = Caller(pair.source.faults), Caller(pair.destination.faults)
    pair.migrate()
    pair.run(0.1)
    source, destination = (caller.ask({"state": True})["return"] for caller in callers)
    assert set(source["variables"]) == set(VARIABLES) - {"session"}
    assert (source["outgoing"], source["stage"], source["exit"]) == ("active", "iterating", None)
    assert source["channels"]["outgoing"]["connected"]
    assert source["channels"]["outgoing"]["address"] == "tcp:127.0.0.1:4444"
    assert not source["channels"]["incoming"]["connected"]
    assert (destination["incoming"], destination["load"]) == ("active", "loading")
    assert destination["channels"] == {
        "outgoing": None,
        "incoming": {"addresses": ["tcp:127.0.0.1:4444"], "connected": True, "recovering": False},
    }
    assert callers[0].ask({"hold": "saving"}) == {"return": {}}
    assert callers[0].ask({"state": True})["return"]["wishes"] == ["hold:saving"]


def test_actions_are_done_at_once(make_pair: MakePair) -> None:
    pair = make_pair()
    caller = Caller(pair.source.faults)
    assert caller.ask({"cut": True}) == {"error": "cut: there is no connection to cut"}
    pair.migrate()
    pair.run(0.1)
    assert caller.ask({"late": 2}) == {"return": {}}
    assert pair.source.host.machine.reply_delay == 2
    assert caller.ask({"cut": True}) == {"return": {}}
    pair.settle()
    assert pair.source.statuses == ["setup", "active", "failed"]
    assert caller.ask({"take": "outgoing.commit"}) == {"return": {}}
    assert "take:outgoing.commit" in pair.source.host.machine.wishes
    assert caller.ask({"guest": "WAKEUP"}) == {"return": {}}
    assert caller.ask({"kill": True}) == {"return": {}}
    assert pair.source.host.machine.exit is Exit.KILLED
    assert caller.ask({"state": True})["return"]["exit"] == -9


def test_a_wait_is_answered_when_it_is_so(make_pair: MakePair) -> None:
    pair = make_pair()
    source, destination = Caller(pair.source.faults), Caller(pair.destination.faults)
    source.send({"wait": {"outgoing": "active"}, "timeout": 5, "id": "w"})
    source.send({"wait": {"outgoing": ["completed", "failed"]}})
    destination.send({"wait": {"incoming": "completed", "run": "running"}})
    assert source.ask({"state": True, "id": "s"})["id"] == "s"
    pair.migrate()
    pair.settle()
    assert source.answers[1:] == [
        {"return": {"outgoing": "active"}, "id": "w"},
        {"return": {"outgoing": "completed"}},
    ]
    assert destination.answers == [{"return": {"incoming": "completed", "run": "running"}}]
    assert source.ask({"wait": {"outgoing": "completed"}}) == {"return": {"outgoing": "completed"}}


def test_a_wait_in_vain_ends_in_time(make_pair: MakePair) -> None:
    pair = make_pair()
    caller = Caller(pair.source.faults)
    caller.send({"wait": {"outgoing": "active"}, "timeout": 2.5, "id": 1})
    began = pair.world.now
    pair.settle()
    assert caller.answers == [{"error": "waited in vain: outgoing is none", "id": 1}]
    assert pair.world.now == began + 2.5


def test_a_wait_ends_with_the_process(make_pair: MakePair) -> None:
    pair = make_pair()
    caller = Caller(pair.source.faults)
    caller.send({"wait": {"outgoing": "active"}})
    caller.send({"kill": True})
    assert caller.answers == [{"return": {}}, {"error": "the process has ended with -9"}]


def test_a_client_that_is_gone_is_told_nothing(make_pair: MakePair) -> None:
    pair = make_pair()
    caller = Caller(pair.source.faults)
    caller.send({"wait": {"outgoing": "active"}})
    caller.control.close()
    pair.migrate()
    pair.settle()
    assert caller.answers == []


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, "a request without a member: a request has one of fault, clear, state, wait, cut,"),
        ({"id": 1}, "a request without a member: a request has one of"),
        ({"cut": True, "kill": True}, "cut, kill: a request has one of"),
        ({"now": True}, "now: a request has one of"),
        ({"fault": 1}, "fault: needs a script"),
        ({"fault": "cutt"}, "fault script 'cutt', character 1: found 'cutt', expected an action"),
        ({"state": 1}, "state: needs true"),
        ({"clear": False}, "clear: needs true"),
        ({"cut": False}, "cut: needs true or a text"),
        ({"take": "x"}, "fault script 'take=x', character 6: found 'x', expected take= and a row"),
        ({"cut": True, "timeout": 1}, "timeout: goes with wait alone"),
        ({"wait": {}}, "wait: needs variables and values"),
        ({"wait": ["outgoing"]}, "wait: needs variables and values"),
        ({"wait": {"outgoin": "active"}}, "wait for outgoin: there is no such variable"),
        ({"wait": {"session": "ready"}}, "wait for session: there is no such variable"),
        ({"wait": {"outgoing": "activ"}}, "wait for outgoing: it is one of none, setup,"),
        ({"wait": {"outgoing": []}}, "wait for outgoing: it is one of none, setup,"),
        ({"wait": {"outgoing": [["active"]]}}, "wait for outgoing: it is one of none, setup,"),
        ({"wait": {"outgoing": "active"}, "timeout": -1}, "timeout: needs a number of seconds"),
        ({"wait": {"outgoing": "active"}, "timeout": True}, "timeout: needs a number of seconds"),
        ([], "not a JSON object on a line of its own"),
        ("state", "not a JSON object on a line of its own"),
    ],
)
def test_a_wrong_request_is_an_error(request_: object, error: str) -> None:
    caller = a_caller()
    answer = caller.ask(request_)
    assert answer["error"].startswith(error)
    assert caller.ask({"state": True})["return"]["wishes"] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=3,
)
HARMLESS = sorted(set(ACTIONS) - {"kill"})
REQUESTS = st.dictionaries(
    st.sampled_from(["fault", "state", "wait", "clear", "id", "timeout", *HARMLESS]) | st.text(), JSON, max_size=3
)


@settings(max_examples=30)
@given(st.lists(REQUESTS, max_size=4), st.data())
def test_every_request_is_answered_however_it_is_cut_up(requests: list[object], data: st.DataObject) -> None:
    caller = a_caller()
    stream = b"".join(json.dumps(request).encode() + b"\r\n" for request in requests)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        caller.control.receive(stream[:size])
        stream = stream[size:]
    assert len(caller.answers) == len(requests)
    assert all(("return" in answer) != ("error" in answer) for answer in caller.answers)
    assert caller.ask({"state": True})["return"]["exit"] is None


@given(st.lists(st.binary(max_size=50)))
def test_garbage_is_answered_with_errors(pieces: list[bytes]) -> None:
    caller = a_caller()
    for piece in pieces:
        caller.control.receive(piece)
    caller.control.receive(b"\n")
    assert all("error" in answer for answer in caller.answers)
    assert "return" in caller.ask({"state": True})


@pytest.mark.parametrize("piece", [1000, LONGEST_LINE * 4])
def test_a_line_without_end_is_refused_once_and_forgotten(piece: int) -> None:
    caller = a_caller()
    flood = b"[" * (LONGEST_LINE * 3)
    for start in range(0, len(flood), piece):
        caller.control.receive(flood[start : start + piece])
    caller.control.receive(b"]\n")
    assert caller.answers == [{"error": f"a request of more than {LONGEST_LINE} bytes"}]
    assert "return" in caller.ask({"state": True})


def test_brackets_within_the_limit_are_an_error_too() -> None:
    caller = a_caller()
    caller.control.receive(b'{"id":' + b"[" * (LONGEST_LINE - 10) + b"\n")
    assert caller.answers == [{"error": "not a JSON object on a line of its own"}]
