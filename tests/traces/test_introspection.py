"""Where a schema comes from: files of several forms, a server, and what is said where there is none."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spec.told import tell
from tests.traces.command import GREETING, entry, text_of

from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.schema.introspection import read_introspection
from migspec.traces.format import TraceError
from migspec.traces.introspection import SchemaSourceError, from_file, from_server
from migspec.traces.record import RecordError

ENTRIES = tell(QEMU_5_2_0)
TOLD = read_introspection(ENTRIES)
REPLY = {"return": ENTRIES, "id": 7}
HELLO = json.loads(GREETING)["msg"]
EVENT = {"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}


def dumped(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


FORMS: dict[str, tuple[bytes, str | None]] = {
    "list": (dumped(ENTRIES), None),
    "reply": (dumped(REPLY), None),
    "many-lines": (json.dumps(REPLY, indent=2).encode(), None),
    "monitor": (dumped(HELLO, {"return": {}}, EVENT, REPLY), "5.2.0"),
    "header": (text_of(entry("src", "<-", REPLY), release="7.2.1"), "7.2.1"),
    "trace": (text_of(GREETING, entry("src", "<-", REPLY), release="7.2.1"), "5.2.0"),
    "other-vm": (text_of(GREETING, entry("dst", "<-", REPLY)), None),
    "gzip": (gzip.compress(dumped(REPLY)), None),
    "first-counts": (dumped(REPLY, {"return": [{"meta-type": "genus"}]}), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(tmp_path: Path, form: str) -> None:
    data, release = FORMS[form]
    (tmp_path / "f").write_bytes(data)
    found = from_file(str(tmp_path / "f"))
    assert (found.schema, found.release) == (TOLD, release)


NONE = "there is no such reply in it; expected a reply to query-qmp-schema."
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "F: the file is empty; expected a reply to query-qmp-schema."),
    "prose": (b"Dear diary,\n", "F: this is not JSON ("),
    "number": (b"7", f"F: {NONE}"),
    "object": (b"{}", f"F: {NONE}"),
    "other-list": (b"[1, 2]", f"F: {NONE}"),
    "error": (dumped({"error": {"class": "CommandNotFound", "desc": "no"}}), f"F: {NONE}"),
    "trace-without": (text_of(GREETING), f"F: {NONE}"),
    "cut": (dumped(REPLY)[:-300], "F: this is not JSON ("),
    "cut-line": (text_of(entry("src", "<-", REPLY)[:-300]), "F, line 2: this is not JSON ("),
    "deep": (b'{"meta-type":' + b"[" * 10_000, "F: this is not JSON ("),
    "no-utf-8": (b'["meta-type", "\xff"]', "F: this is not JSON ("),
    "bad-entry": (dumped([{"meta-type": "enum"}]), "F: entry 0 has no 'name'; expected a string."),
    "binary": (b"\0\1\2", "F: this is a binary file; expected text, plain or in gzip or zstd."),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_schema_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    data, complaint = BAD[name]
    monkeypatch.chdir(tmp_path)
    Path("F").write_bytes(data)
    with pytest.raises((SchemaSourceError, TraceError)) as caught:
        from_file("F")
    assert str(caught.value).startswith(complaint)
    assert str(caught.value).count("; expected ") == 1


pieces = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"meta-type"', '"name"', '"return"', '"QMP"', "1", "\n", "null"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pieces, max_size=12).map("".join).map(str.encode) | st.binary(max_size=20))
def test_no_input_makes_it_fail(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    with pytest.raises((SchemaSourceError, TraceError)):
        from_file(str(tmp_path / "f"))


# -- a server --


def answered(*messages: object) -> Callable[[socket.socket], None]:
    """A server that greets with the first message and answers each request with the next."""

    def serve(client: socket.socket) -> None:
        for message in messages:
            client.sendall(message if isinstance(message, bytes) else dumped(message))
            if not client.recv(1 << 16):
                break

    return serve


@contextmanager
def serving(folder: Path, serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Let it talk to one client, and give the address."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()

        def run() -> None:
            client, _ = listener.accept()
            with client:
                serve(client)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"unix:{folder}/s"
        thread.join()


def test_a_server_is_asked(tmp_path: Path) -> None:
    heard: list[Any] = []

    def serve(client: socket.socket) -> None:
        client.sendall(dumped(HELLO))
        with client.makefile("rb") as requests:
            for answer in (dumped(EVENT, {"return": {}}), dumped(EVENT, REPLY)):
                heard.append(json.loads(requests.readline()))
                client.sendall(answer[:10])
                client.sendall(answer[10:])
            heard.append(requests.read())

    with serving(tmp_path, serve) as address:
        found = from_server(address)
    assert (found.schema, found.release) == (TOLD, "5.2.0")
    assert heard == [{"execute": "qmp_capabilities"}, {"execute": "query-qmp-schema"}, b""]


REFUSED = {"error": {"class": "CommandNotFound", "desc": "The command query-qmp-schema has not been found"}}
SERVERS: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "hangs-up": (answered(HELLO), "the server hung up; expected a reply to query-qmp-schema."),
    "rude": (answered({"return": {}}), "the server did not greet; expected a QMP server."),
    "web": (answered(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "the server sent no JSON ("),
    "list": (answered(b"[1]\n"), "the server sent no object; expected a QMP server."),
    "refuses": (
        answered(HELLO, {"return": {}}, REFUSED),
        "the server refused query-qmp-schema (The command query-qmp-schema has not been found); expected a reply.",
    ),
    "odd": (answered(HELLO, {"return": {}}, {"return": {}}), "the reply is an object; expected a list of entries."),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_does_not_tell(tmp_path: Path, name: str) -> None:
    serve, complaint = SERVERS[name]
    with serving(tmp_path, serve) as address, pytest.raises(SchemaSourceError) as caught:
        from_server(address)
    assert str(caught.value).startswith(f"{address}: {complaint}")


def test_a_server_that_is_silent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(
            SchemaSourceError, match=r"silent for 0\.01 seconds; expected a monitor that no other client"
        ):
            from_server(f"unix:{tmp_path}/s", patience=0.01)


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(SchemaSourceError, match=r"cannot be reached \(No such file or directory\)"):
        from_server(f"unix:{tmp_path}/s")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SchemaSourceError, match=r"cannot be reached \(Connection refused\)"):
            from_server(f"tcp:127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(RecordError):
        from_server("nowhere")
