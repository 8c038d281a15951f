"""A connection sends byte for byte what a real QEMU 5.2.0 sends, where the machine has no part in it.

Both get the same bytes; a tiny machine executes what the connection hands on.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.live.monitor import DEADLINE
from tests.live.process import QemuProcess
from tests.live.qemu import QemuInstall
from tests.spec.wire.near_json import NEAR_JSON

from migspec.properties.strategies import JSON
from migspec.reference_impl.calls import Call, Failure, Item, Reply, Return
from migspec.reference_impl.qmp import Connection
from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.vocabulary import ErrorClass

pytestmark = pytest.mark.live

LAST = '{"execute": "query-version", "id": "the end"}'
COMMANDS = ("query-version", "no-such-command", "", "a\u00e4\u0000\U0001f600")
ARGUMENTS: st.SearchStrategy[Any] = st.just({}) | JSON.filter(
    lambda value: not isinstance(value, dict) or len(value) < 2
)
REQUESTS = st.builds(
    lambda members, ascii_only: json.dumps(members, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"),
    st.fixed_dictionaries(
        {"execute": st.sampled_from(COMMANDS)},
        optional={"id": JSON, "control": JSON, "exec-oob": JSON | st.text(), "arguments": ARGUMENTS, "a": JSON},
    ),
    st.booleans(),
)
STREAMS = st.lists(NEAR_JSON | REQUESTS | st.sampled_from((b"\n", b"\xff")), max_size=6).map(b"".join)
CASES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Pair:
    """A monitor of a real QEMU, and a connection that has been told the same."""

    def __init__(self, path: str, *, oob: bool, pretty: bool = False) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(path)
        self._received = b""
        greeting = self._until(rb"\r\n\}\r\n" if pretty else rb"\r\n")
        self.release = json.loads(greeting)["QMP"]["version"]
        self.connection = Connection(QEMU_5_2_0, release=self.release, pretty=pretty)
        assert self.connection.greeting() == greeting
        enable = ["oob"] if oob else []
        self._oob = oob
        self._end = rb'"id": "the end"(\r\n)?\}\r\n'
        self.compare(json.dumps({"execute": "qmp_capabilities", "arguments": {"enable": enable}}).encode())

    def compare(self, data: bytes) -> None:
        """Both say the same to these bytes."""
        data += b"\xff\n" + LAST.encode()
        self.socket.sendall(data)
        sent = self._until(self._end)
        modelled = self._modelled(data)
        if self._oob:
            # how far what is out of band overtakes is a matter of luck
            assert sorted(modelled.splitlines()) == sorted(sent.splitlines())
        else:
            assert modelled == sent

    def _until(self, end: bytes) -> bytes:
        while (found := re.search(end, self._received)) is None:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError(self._received)
            self._received += data
        sent, self._received = self._received[: found.end()], self._received[found.end() :]
        return sent

    def _modelled(self, data: bytes) -> bytes:
        items = list(self.connection.receive(data))
        sent = b""
        while items:
            # what is out of band is answered while it is read, and so before what came earlier in the same bytes
            item = next((item for item in items if item.oob), items[0])
            items.remove(item)
            sent += self.connection.answer(item, self._reply(item))
            items += self.connection.resume()
        return sent

    def _reply(self, item: Item) -> Reply:
        if not isinstance(item, Call):
            return item.failure
        if item.command == "qmp_capabilities":
            self.connection.negotiated(oob=self._oob)
            return Return({})
        if item.command == "query-name":
            return Return({})
        if item.command == "query-version":
            unexpected = sorted(item.given())
            return Failure(f"Parameter '{unexpected[0]}' is unexpected") if unexpected else Return(self.release)
        return Failure(f"The command {item.command} has not been found", ErrorClass.COMMAND_NOT_FOUND)

    def close(self) -> None:
        """Leave QEMU alone."""
        self.socket.close()


@pytest.fixture(scope="module")
def process(qemu52: QemuInstall) -> Iterator[QemuProcess]:
    indented = ("-chardev", "socket,id=p,path=pretty,server,nowait", "-mon", "chardev=p,mode=control,pretty=on")
    with QemuProcess(qemu52, *indented, monitors=2) as running:
        yield running


def paired(path: str, *, oob: bool = False, pretty: bool = False) -> Iterator[Pair]:
    pair = Pair(path, oob=oob, pretty=pretty)
    yield pair
    pair.close()


@pytest.fixture(scope="module")
def plain(process: QemuProcess) -> Iterator[Pair]:
    yield from paired(process.sockets[0])


@pytest.fixture(scope="module")
def with_oob(process: QemuProcess) -> Iterator[Pair]:
    yield from paired(process.sockets[1], oob=True)


@pytest.fixture(scope="module")
def indented(process: QemuProcess) -> Iterator[Pair]:
    yield from paired(str(process.folder / "pretty"), pretty=True)


@CASES
@given(STREAMS)
def test_any_bytes_are_answered_as_by_qemu(plain: Pair, data: bytes) -> None:
    plain.compare(data)


@CASES
@given(st.lists(REQUESTS, max_size=4).map(b"".join))
def test_requests_are_answered_as_by_qemu_with_oob(with_oob: Pair, data: bytes) -> None:
    # a few only: a value and a stray byte at the end of a full queue abort the process
    with_oob.compare(data)


@CASES
@given(STREAMS)
def test_indented_answers_are_those_of_qemu(indented: Pair, data: bytes) -> None:
    indented.compare(data)


def test_deep_values_come_back(plain: Pair) -> None:
    deep = b"[" * 1023 + b"]" * 1023
    plain.compare(b'{"execute": "query-version", "id": ' + deep + b"}")
    plain.compare(b"[" * 5000 + b'{"a":' * 3000)
    plain.compare(b'{"id": {"status": 1e400, "singlestep": 0.5, "running": {"major": 1, "minor": 2, "micro": 3}}}')
