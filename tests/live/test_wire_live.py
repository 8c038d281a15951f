"""The model of QEMU's JSON says of any bytes what a real QEMU says.

Each case is a stretch of near-JSON, ended by bytes that get the server into a known state and by a request that
tells where its answers end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.live.monitor import Monitor
from tests.live.process import QemuProcess
from tests.live.qemu import QemuInstall
from tests.spec.wire.near_json import NEAR_JSON

from migspec.properties.strategies import JSON
from migspec.spec.schema import ABSENT
from migspec.spec.wire.numbers import same_id
from migspec.spec.wire.shape import echoed, faults
from migspec.spec.wire.stream import USUAL, Fault, JsonStream, Outcome, Value

pytestmark = pytest.mark.live

_FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_NAMES = st.sampled_from(("query-name", "no-such-command", "migrate-pause")) | JSON
_MEMBERS = {"execute": _NAMES, "exec-oob": _NAMES, "arguments": JSON, "id": JSON, "control": JSON}
NO_REQUESTS = st.fixed_dictionaries({}, optional=_MEMBERS).filter(lambda value: faults(value, oob=True))
"""Objects that are no requests, whether out-of-band execution is on or off."""


@pytest.fixture(scope="module")
def process(qemu52: QemuInstall) -> Iterator[QemuProcess]:
    with QemuProcess(qemu52, monitors=2) as running:
        yield running


@pytest.fixture(scope="module")
def plain(process: QemuProcess) -> Iterator[Monitor]:
    with process.monitor(0) as monitor:
        yield monitor


@pytest.fixture(scope="module")
def with_oob(process: QemuProcess) -> Iterator[Monitor]:
    with process.monitor(1, oob=True) as monitor:
        yield monitor


def answers(monitor: Monitor, data: bytes) -> tuple[list[Any], list[Outcome]]:
    """What QEMU answers to some bytes, and what the model makes of them; both without what belongs to the end."""
    monitor.replies.clear()
    stretch = data + b'\xff\n{"execute":"query-status","id":"the end"}'
    monitor.send_raw(stretch)
    monitor.wait_reply("the end")
    return monitor.replies[:-1], JsonStream().feed(stretch)[:-1]


def agree(reply: dict[str, Any], outcome: Outcome, *, oob: bool) -> bool:
    """Whether a reply is one that the model allows for this input."""
    error: dict[str, str] | None = reply.get("error")
    if isinstance(outcome, Fault):
        return reply == {"error": {"class": "GenericError", "desc": outcome.text}}
    identity = echoed(outcome.value)
    echo = "id" not in reply if identity is ABSENT else "id" in reply and same_id(identity, reply["id"])
    texts = faults(outcome.value, oob=oob)
    text = error["desc"] if error else ""
    return echo and (text in texts if texts else not text.startswith("QMP input"))


def compare(monitor: Monitor, data: bytes) -> None:
    replies, outcomes = answers(monitor, data)
    assert len(replies) == len(outcomes), (replies, outcomes)
    for reply, outcome in zip(replies, outcomes, strict=True):
        assert agree(reply, outcome, oob=False), (reply, outcome)


@settings(max_examples=300, suppress_health_check=_FIXTURE)
@given(NEAR_JSON)
def test_the_model_says_what_qemu_says(plain: Monitor, data: bytes) -> None:
    compare(plain, data)


@pytest.mark.soak
@settings(suppress_health_check=_FIXTURE)
@given(NEAR_JSON)
def test_the_model_says_what_qemu_says_at_length(plain: Monitor, data: bytes) -> None:
    compare(plain, data)


@settings(max_examples=200, suppress_health_check=_FIXTURE)
@given(NEAR_JSON, st.sampled_from((b'"', b"'")))
def test_a_string_has_the_value_that_qemu_reads(plain: Monitor, inside: bytes, quote: bytes) -> None:
    replies, outcomes = answers(plain, b'{"execute":"query-name","id":' + quote + inside + quote + b"}")
    for reply, outcome in zip(replies, outcomes, strict=True):
        if isinstance(outcome, Value) and isinstance(outcome.value, dict) and "id" in reply:
            assert reply["id"] == outcome.value["id"]


def refused(monitor: Monitor, value: Any, *, oob: bool) -> None:
    replies, outcomes = answers(monitor, json.dumps(value).encode())
    assert len(replies) == len(outcomes) == 2, replies  # the second one is of the end
    for reply, outcome in zip(replies, outcomes, strict=True):
        assert agree(reply, outcome, oob=oob), (reply, outcome)


@settings(max_examples=150, suppress_health_check=_FIXTURE)
@given(NO_REQUESTS)
def test_a_refused_value_gets_one_of_its_faults(plain: Monitor, value: Any) -> None:
    refused(plain, value, oob=False)


@settings(max_examples=150, suppress_health_check=_FIXTURE)
@given(NO_REQUESTS)
def test_a_refused_value_gets_one_of_its_faults_with_oob(with_oob: Monitor, value: Any) -> None:
    refused(with_oob, value, oob=True)


def test_limits_are_those_of_qemu(plain: Monitor) -> None:
    depth = USUAL.depth
    compare(plain, b"[" * depth + b"]" * depth)
    compare(plain, b"[" * (depth + 1) + b"]" * 3)
    compare(plain, b'{"a":' * (depth + 1) + b"}" * 3)
