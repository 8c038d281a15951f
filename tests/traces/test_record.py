"""The recorder between a client and a server that the test plays itself."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.traces.listening import DEADLINE, Server, connect

from migspec.traces.format import (
    Header,
    TraceError,
    TraceLine,
    TraceWriter,
    VmInfo,
    open_trace,
    read_header,
    read_line,
)
from migspec.traces.record import BACKLOG, Address, Recorder, RecordError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path / "s")
    yield served
    served.close()


def receive(sock: socket.socket, size: int) -> bytes:
    """Receive so many bytes, or fewer if the stream ends."""
    data = bytearray()
    while len(data) < size and (piece := sock.recv(size - len(data))):
        data += piece
    return bytes(data)


def lines_of(path: Path) -> list[TraceLine]:
    with open_trace(path) as lines:
        _, first = next(lines)
        read_header(first)
        return [read_line(line, number) for number, line in lines]


def wait_for_lines(path: Path, count: int) -> list[TraceLine]:
    deadline = time.monotonic() + DEADLINE
    while len(lines := lines_of(path)) < count:
        assert time.monotonic() < deadline, lines
        time.sleep(0.005)
    return lines


def shown(line: TraceLine) -> Any:
    """A line without its time, as plain data."""
    if line.end:
        return (line.vm, "end", line.by, line.exit)
    assert line.dir is not None
    return (line.vm, line.dir.value, bytes(line.msg).decode() if bytes(line.msg) else line.raw)


def test_a_session_is_forwarded_and_recorded_in_order(tmp_path: Path, server: Server) -> None:
    trace = tmp_path / "t"
    before = time.time()
    header = Header({"src": VmInfo(role="source")}, note="n")
    with Recorder({"src": f"unix:{server.path}"}, trace, header) as recorder:
        assert recorder.address("src") == f"{server.path}.migspec"
        assert os.stat(recorder.address("src")).st_mode & 0o777 == 0o600
        client = connect(recorder.address("src"))
        monitor = server.accept()
        monitor.sendall(b'{"QMP": {}}\r\n')
        assert receive(client, 13) == b'{"QMP": {}}\r\n'
        client.sendall(b"{'execute': 'x'}")
        assert receive(monitor, 16) == b"{'execute': 'x'}"
        monitor.sendall(b'{"return": {}}\r\n{"event": "E"}\r\n')
        assert receive(client, 32) == b'{"return": {}}\r\n{"event": "E"}\r\n'
        client.close()
        assert monitor.recv(1) == b""
        monitor.close()
        lines = wait_for_lines(trace, 5)
    assert [shown(line) for line in lines] == [
        ("src", "<-", '{"QMP": {}}'),
        ("src", "->", '{"execute": "x"}'),
        ("src", "<-", '{"return": {}}'),
        ("src", "<-", '{"event": "E"}'),
        ("src", "end", "client", None),
    ]
    assert all(line.mon is None and line.t is not None and before - 1 < line.t for line in lines)
    with open_trace(trace) as reader:
        assert read_header(next(reader)[1]) == header
    assert not Path(f"{server.path}.migspec").exists()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.binary(min_size=1, max_size=200_000) | st.just(b'{"a":[1,"x"]}\r\n'), max_size=8),
    st.lists(st.binary(min_size=1, max_size=200_000) | st.just(b'{"b":\n2}'), max_size=8),
)
def test_bytes_pass_exactly_as_they_were_sent(
    tmp_path: Path, server: Server, requests: list[bytes], replies: list[bytes]
) -> None:
    trace = tmp_path / "t"
    with Recorder({"v": f"unix:{server.path}"}, trace) as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()

        def send_all(sock: socket.socket, pieces: list[bytes]) -> None:
            for piece in pieces:
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)

        threads = [
            threading.Thread(target=send_all, args=(client, requests)),
            threading.Thread(target=send_all, args=(monitor, replies)),
        ]
        threads[0].start()
        assert receive(monitor, 1 << 30) == b"".join(requests)
        threads[1].start()
        assert receive(client, 1 << 30) == b"".join(replies)
        for thread in threads:
            thread.join()
        client.close()
        monitor.close()
    white = b" \t\r\n"
    for arrow, pieces in (("->", requests), ("<-", replies)):
        kept = [shown(line)[2] for line in lines_of(trace) if not line.end and shown(line)[1] == arrow]
        sent = b"".join(pieces)
        assert "".join(kept).encode("latin-1").translate(None, white) == sent.translate(None, white)


def test_descriptors_pass_both_ways_with_their_bytes(tmp_path: Path, server: Server) -> None:
    def pass_one(giver: socket.socket, taker: socket.socket, text: bytes) -> None:
        kept, given_away = os.pipe()
        giver.sendall(b"{}")
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [given_away]))]
        giver.sendmsg([text], rights)
        os.close(given_away)
        assert receive(taker, 2) == b"{}"
        data, descriptors, _, _ = socket.recv_fds(taker, len(text), 4)
        assert data == text
        assert len(descriptors) == 1
        os.write(descriptors[0], b"through")
        os.close(descriptors[0])
        assert os.read(kept, 100) == b"through"
        assert os.read(kept, 100) == b"", "the recorder kept a copy open"
        os.close(kept)

    with Recorder({"v": f"unix:{server.path}"}, tmp_path / "t") as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()
        pass_one(client, monitor, b'{"execute":"getfd","arguments":{"fdname":"f"}}')
        pass_one(monitor, client, b'{"return":{}}\r\n')
        pass_one(client, monitor, b" ")
        client.close()
        monitor.close()


@pytest.mark.parametrize("from_client", [True, False])
def test_a_big_message_for_a_slow_reader_waits_at_its_sender(tmp_path: Path, server: Server, from_client: bool) -> None:
    message = b'{"big":"' + bytes(random.Random(1).choices(b"abcdefgh", k=5_000_000)) + b'"}'
    trace = tmp_path / "t"
    with Recorder({"v": f"unix:{server.path}"}, trace) as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()
        writer, reader = (client, monitor) if from_client else (monitor, client)
        writer.setblocking(False)
        sent = 0
        quiet = 0
        while quiet < 20:  # the reader takes nothing: sooner or later the writer must be held up
            try:
                sent += writer.send(message[sent : sent + 65536])
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.01)
        assert sent < len(message)
        assert sent < 2 * BACKLOG + (1 << 20)
        writer.settimeout(DEADLINE)
        rest = threading.Thread(target=writer.sendall, args=(message[sent:],))
        rest.start()
        assert receive(reader, len(message)) == message
        rest.join()
        client.close()
        monitor.close()
    recorded = lines_of(trace)
    assert bytes(recorded[0].msg) == message


def test_half_a_message_is_forwarded_at_once(tmp_path: Path, server: Server) -> None:
    with Recorder({"v": f"unix:{server.path}"}, tmp_path / "t") as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()
        client.sendall(b'{"exec')
        assert receive(monitor, 6) == b'{"exec'
        client.close()
        assert receive(monitor, 1) == b""
        monitor.close()
        assert [shown(line) for line in wait_for_lines(tmp_path / "t", 2)] == [
            ("v", "->", '{"exec'),
            ("v", "end", "client", None),
        ]


def test_the_servers_death_is_recorded_and_the_next_one_served(tmp_path: Path, server: Server) -> None:
    trace = tmp_path / "t"
    with Recorder({"v": f"unix:{server.path}"}, trace) as recorder:
        for _ in range(2):
            client = connect(recorder.address("v"))
            monitor = server.accept()
            monitor.sendall(b'{"event":"SHUTDOWN"}\r\n{"ev')
            monitor.close()
            assert receive(client, 100) == b'{"event":"SHUTDOWN"}\r\n{"ev'
            client.close()
        server.close()
        server.path.unlink()
        client = connect(recorder.address("v"))
        assert client.recv(1) == b""
        client.close()
        recorder.note_exit("v", -9)
        lines = wait_for_lines(trace, 7)
    session = [("v", "<-", '{"event":"SHUTDOWN"}'), ("v", "<-", '{"ev'), ("v", "end", "server", None)]
    assert [shown(line) for line in lines] == [*session, *session, ("v", "end", None, -9)]


def test_an_exit_is_written_after_all_that_the_vm_still_had_to_say(tmp_path: Path, server: Server) -> None:
    with Recorder({"v": f"unix:{server.path}"}, tmp_path / "t") as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()
        recorder.note_exit("v", 1)
        monitor.sendall(b'{"event":"LAST"}\r\n')
        assert receive(client, 18)
        monitor.close()
        lines = wait_for_lines(tmp_path / "t", 3)
        client.close()
    assert [shown(line) for line in lines] == [
        ("v", "<-", '{"event":"LAST"}'),
        ("v", "end", "server", None),
        ("v", "end", None, 1),
    ]


def test_what_a_leaving_client_sent_still_reaches_the_server(tmp_path: Path, server: Server) -> None:
    with Recorder({"v": f"unix:{server.path}"}, tmp_path / "t") as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()
        client.sendall(b'{"execute":"quit"}')
        client.close()
        assert receive(monitor, 100) == b'{"execute":"quit"}'
        monitor.sendall(b'{"return":{}}\r\n')
        monitor.close()
        lines = wait_for_lines(tmp_path / "t", 3)
    assert [shown(line) for line in lines] == [
        ("v", "->", '{"execute":"quit"}'),
        ("v", "<-", '{"return":{}}'),
        ("v", "end", "client", None),
    ]


def test_several_monitors_of_one_vm_are_told_apart(tmp_path: Path, server: Server) -> None:
    other = Server(tmp_path / "o")
    targets = {"src": f"unix:{server.path}", "src/mon2": f"unix:{other.path}", "dst/x": "tcp:127.0.0.1:1"}
    with Recorder(targets, tmp_path / "t", listen={"dst/x": str(tmp_path / "d")}) as recorder:
        for place, target in ((server, "src"), (other, "src/mon2")):
            client = connect(recorder.address(target))
            monitor = place.accept()
            client.sendall(b"{}")
            assert receive(monitor, 2) == b"{}"
            client.close()
            monitor.close()
            wait_for_lines(tmp_path / "t", 2 if target == "src" else 4)
        client = connect(str(tmp_path / "d"))
        assert client.recv(1) == b""
        client.close()
    other.close()
    lines = lines_of(tmp_path / "t")[:4]
    assert [(line.vm, line.mon) for line in lines] == [("src", "main")] * 2 + [("src", "mon2")] * 2


def test_recorders_may_share_a_trace_which_stays_open(tmp_path: Path, server: Server) -> None:
    other = Server(tmp_path / "o")
    with TraceWriter(tmp_path / "t") as writer:
        for target, place in (("src/one", server), ("src/two", other)):
            with Recorder({target: f"unix:{place.path}"}, writer) as recorder:
                client = connect(recorder.address(target))
                monitor = place.accept()
                client.sendall(b"{}")
                assert receive(monitor, 2) == b"{}"
                client.close()
                monitor.close()
        writer.end("src")
    other.close()
    lines = [(line.vm, line.mon, line.end) for line in lines_of(tmp_path / "t")]
    one, two = [[("src", name, None), ("src", name, "eof")] for name in ("one", "two")]
    assert lines == [*one, *two, ("src", None, "eof")]


def test_a_server_on_tcp(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Recorder({"v": f"tcp:127.0.0.1:{port}"}, tmp_path / "t") as recorder:
            client = connect(recorder.address("v"))
            monitor, _ = listener.accept()
            monitor.sendall(b'{"QMP":{}}\r\n')
            assert receive(client, 12) == b'{"QMP":{}}\r\n'
            client.close()
            assert monitor.recv(1) == b""
            monitor.close()
        assert not Path(recorder.address("v")).exists()


def test_closing_the_recorder_says_so_in_the_trace(tmp_path: Path, server: Server) -> None:
    with Recorder({"v": f"unix:{server.path}"}, tmp_path / "t") as recorder:
        client = connect(recorder.address("v"))
        monitor = server.accept()
        monitor.sendall(b'{"QMP":{}}\r\n')
        assert receive(client, 12)
    assert shown(lines_of(tmp_path / "t")[-1]) == ("v", "end", "recorder", None)
    assert client.recv(1) == b""
    assert monitor.recv(1) == b""
    client.close()
    monitor.close()


def test_a_stale_socket_is_replaced_and_a_used_one_is_not(tmp_path: Path, server: Server) -> None:
    stale = Server(tmp_path / "stale")
    stale.close()
    Recorder({"v": f"unix:{server.path}"}, tmp_path / "t", listen={"v": str(stale.path)}).close()
    with pytest.raises(RecordError, match=r"cannot listen on .* expected a free path") as caught:
        Recorder({"v": f"unix:{server.path}"}, tmp_path / "t", listen={"v": str(server.path)})
    assert caught.value.target == "v"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RecordError):
        Recorder({"v": f"unix:{server.path}"}, tmp_path / "t", listen={"v": str(tmp_path / "file")})
    assert (tmp_path / "file").read_text() == "mine"


def test_a_path_too_long_for_a_socket_is_an_error_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="too long"):
        Recorder({"v": f"unix:{tmp_path}/{'x' * 100}"}, tmp_path / "t")


@pytest.mark.parametrize("text", ["", "unix:", "tcp:host", "tcp:host:port", "tcp:h:65536", "/run/qmp"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="expected unix:PATH or tcp:HOST:PORT"):
        Address.parse(text)


def test_addresses() -> None:
    assert Address.parse("unix:a:b") == Address(socket.AF_UNIX, "a:b")
    assert Address.parse("tcp:h:4444") == Address(socket.AF_INET, ("h", 4444))
    assert Address.parse("tcp:[::1]:4444") == Address(socket.AF_INET6, ("::1", 4444))


def test_a_vm_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="the VM has no name"):
        Recorder({"/mon": "unix:x"}, tmp_path / "t")


def test_a_full_disk_ends_the_service_with_an_error(server: Server) -> None:
    with pytest.raises(TraceError, match="/dev/full: cannot be written"):
        Recorder({"v": f"unix:{server.path}"}, "/dev/full")
    assert not Path(f"{server.path}.migspec").exists()


def test_a_trace_that_can_no_longer_be_written_ends_the_service(server: Server) -> None:
    reader, writer = os.pipe()
    recorder = Recorder({"v": f"unix:{server.path}"}, writer)
    recorder.start()
    client = connect(recorder.address("v"))
    monitor = server.accept()
    os.close(reader)
    client.sendall(b"{}")
    assert client.recv(1) == b""
    assert monitor.recv(1) == b"", "nothing goes on that is not written down"
    with pytest.raises(TraceError, match="cannot be written"):
        recorder.close()
    recorder.close()
    for sock in (client, monitor):
        sock.close()
    os.close(writer)


def test_a_second_client_waits_for_the_first_to_leave(tmp_path: Path, server: Server) -> None:
    with Recorder({"v": f"unix:{server.path}"}, tmp_path / "t") as recorder:
        first, second = connect(recorder.address("v")), connect(recorder.address("v"))
        second.sendall(b'{"n":2}')
        one = server.accept()
        first.sendall(b'{"n":1}')
        assert receive(one, 7) == b'{"n":1}'
        first.close()
        one.close()
        two = server.accept()
        assert receive(two, 7) == b'{"n":2}'
        second.close()
        two.close()
        lines = wait_for_lines(tmp_path / "t", 4)
    end = ("v", "end", "client", None)
    assert [shown(line) for line in lines] == [("v", "->", '{"n":1}'), end, ("v", "->", '{"n":2}'), end]


PROGRAM = """
import sys
from migspec.traces.record import main_loop
sys.exit(main_loop({"v": "unix:" + sys.argv[1]}, sys.argv[2]))
"""


def start_recorder(server: Server, trace: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(server.path), str(trace)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == f"v: listening on unix:{server.path}.migspec\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_ends_well_on_a_signal(tmp_path: Path, server: Server, number: signal.Signals) -> None:
    trace = tmp_path / "t"
    process = start_recorder(server, trace)
    client = connect(f"{server.path}.migspec")
    monitor = server.accept()
    client.sendall(b'{"n":1}')
    assert receive(monitor, 7)
    process.send_signal(number)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert [shown(line) for line in lines_of(trace)] == [
        ("v", "->", '{"n":1}'),
        ("v", "end", "recorder", None),
    ]
    client.close()
    monitor.close()


def test_after_kill_9_the_trace_holds_every_message_that_went_on(tmp_path: Path, server: Server) -> None:
    trace = tmp_path / "t"
    process = start_recorder(server, trace)
    client = connect(f"{server.path}.migspec")
    monitor = server.accept()
    received: list[bytes] = []

    def read_requests() -> None:
        while piece := monitor.recv(65536):
            received.append(piece)
            if sum(map(len, received)) > 3_000_000 and process.poll() is None:
                process.kill()

    reading = threading.Thread(target=read_requests)
    reading.start()
    sent = 0
    try:
        while True:
            client.sendall(json.dumps({"n": sent, "pad": "x" * (sent * 7919 % 3000)}).encode() + b"\n")
            sent += 1
    except OSError:
        reading.join()
    process.communicate(timeout=DEADLINE)
    client.close()
    monitor.close()
    assert trace.read_bytes().endswith(b"\n")
    numbers = [json.loads(bytes(line.msg))["n"] for line in lines_of(trace)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= b"".join(received).count(b"\n") > 100
