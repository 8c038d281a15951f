"""The native format: what is written is read again, and what cannot be read is said in one sentence."""

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migspec.traces.format import (
    LINE_LIMIT,
    RAW_PIECE,
    Direction,
    Header,
    TraceError,
    TraceLine,
    TraceWriter,
    VmInfo,
    open_trace,
    read_header,
    read_line,
)

HEADER = b'{"format":"qmp-trace","version":1}'

one_folder = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.text(min_size=1, max_size=8)
maybe_name = st.none() | names
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
times = st.floats(0, 4e9)
headers = st.builds(
    Header,
    vms=st.dictionaries(
        names,
        st.builds(
            VmInfo,
            role=st.sampled_from([None, "source", "destination"]),
            implementation=maybe_name,
            release=maybe_name,
        ),
    ),
    scenario=maybe_name,
    note=maybe_name,
)


def read(path: Path) -> list[bytes]:
    with open_trace(path) as lines:
        return [line for _, line in lines]


def trouble(path: Path | str) -> str:
    with pytest.raises(TraceError) as caught, open_trace(path) as lines:
        for _ in lines:
            pass
    return str(caught.value)


@one_folder
@given(headers)
def test_a_header_is_read_as_it_was_written(tmp_path: Path, header: Header) -> None:
    with TraceWriter(tmp_path / "t", header):
        pass
    assert read_header(read(tmp_path / "t")[0]) == header


@one_folder
@given(st.lists(st.tuples(names, st.sampled_from(Direction), json_values, times, maybe_name), max_size=5))
def test_messages_are_read_as_they_were_written(tmp_path: Path, sent: list[Any]) -> None:
    texts = [json.dumps(value, indent=1).encode() for _, _, value, _, _ in sent]
    with TraceWriter(tmp_path / "t") as writer:
        for (vm, direction, value, t, mon), text in zip(sent, texts, strict=True):
            writer.message(vm, direction, text, t, mon)
            writer.message(vm, direction, {"value": value}, t, mon)
    lines = [read_line(line, 0) for line in read(tmp_path / "t")[1:]]
    for index, ((vm, direction, value, t, mon), text) in enumerate(zip(sent, texts, strict=True)):
        as_text, as_object = lines[2 * index : 2 * index + 2]
        assert bytes(as_text.msg) == text.replace(b"\n", b" ")
        assert json.loads(bytes(as_object.msg)) == {"value": value}
        for line in (as_text, as_object):
            assert (line.vm, line.dir, line.mon) == (vm, direction, mon)
            assert line.t == pytest.approx(t, abs=1e-6)


@one_folder
@given(st.binary(min_size=1))
def test_any_bytes_survive_as_a_message_or_raw(tmp_path: Path, data: bytes) -> None:
    with TraceWriter(tmp_path / "t") as writer:
        writer.raw("v", Direction.TO_SERVER, data)
        writer.message("v", Direction.TO_SERVER, data)
    raw, either = (read_line(line, 0) for line in read(tmp_path / "t")[1:])
    assert raw.raw is not None
    assert raw.raw.encode("latin-1") == data
    if either.raw is None:
        assert json.loads(bytes(either.msg)) == json.loads(data)
    else:
        assert either.raw == raw.raw


def test_many_raw_bytes_take_several_lines(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t") as writer:
        writer.raw("v", Direction.TO_CLIENT, b"\xff" * (RAW_PIECE + 1))
    assert [len(read_line(line, 0).raw or "") for line in read(tmp_path / "t")[1:]] == [RAW_PIECE, 1]


def test_the_end_of_a_connection(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t") as writer:
        writer.end("v", "m", exit_status=-9, by="server", t=2.5)
        writer.end("v")
    lines = read(tmp_path / "t")[1:]
    assert json.loads(lines[0]) == {"t": 2.5, "vm": "v", "mon": "m", "end": "eof", "exit": -9, "by": "server"}
    assert json.loads(lines[1]).keys() == {"t", "vm", "end"}


def test_a_trace_is_its_owners_alone_and_starts_afresh(tmp_path: Path) -> None:
    path = tmp_path / "t"
    for _ in range(2):
        TraceWriter(path).close()
    assert read(path) == [b'{"format":"qmp-trace","version":1}']
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_line_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write = os.write

    def spy(descriptor: int, data: Any) -> int:
        written.append(bytes(data))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", spy)
    with TraceWriter(tmp_path / "t") as writer:
        writer.message("v", Direction.TO_SERVER, {"x": "y" * 5_000_000})
        writer.end("v")
    assert len(written) == 3
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in written)


def test_a_descriptor_stays_its_owners(tmp_path: Path) -> None:
    with (tmp_path / "t").open("wb") as file:
        TraceWriter(file.fileno()).close()
        file.write(b"more")
    assert read(tmp_path / "t") == [HEADER, b"more"]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"cannot be opened \(Is a directory\); expected a file"):
        TraceWriter(tmp_path)


@one_folder
@given(st.lists(st.binary().map(lambda data: data.translate(None, b"\n\0"))), st.booleans(), st.floats(0, 1))
def test_lines_are_the_same_however_they_are_stored(
    tmp_path: Path, lines: list[bytes], ended: bool, part: float
) -> None:
    lines = [HEADER, *lines, b"last"]
    text = b"\n".join(lines) + b"\n" * ended
    half = int(part * len(text))
    pieces = (text[:half], text[half:])
    for stored in (
        text,
        b"\xef\xbb\xbf" + text,
        gzip.compress(text),
        b"".join(map(gzip.compress, pieces)) + b"\0" * 5,
        zstandard.compress(text),
        b"".join(map(zstandard.compress, pieces)),
    ):
        (tmp_path / "t").write_bytes(stored)
        with open_trace(str(tmp_path / "t")) as reader:
            assert list(reader) == list(enumerate(lines, 1))


def test_many_lines_across_many_chunks(tmp_path: Path) -> None:
    lines = [b"%d" % number * (number % 50) for number in range(100_000)] + [b"end"]
    for stored in (
        b"\n".join(lines),
        gzip.compress(b"\n".join(lines)),
        zstandard.compress(b"\n".join(lines)),
    ):
        (tmp_path / "t").write_bytes(stored)
        assert read(tmp_path / "t") == lines


PEAK = """
import resource, sys
from migspec.traces.format import open_trace
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_trace(sys.argv[1]) as lines:
    total = sum(len(line) for _, line in lines)
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_file_that_swells_does_not_fill_the_memory(tmp_path: Path, compress: Any) -> None:
    text = (b"x" * 1023 + b"\n") * (300 << 10)
    (tmp_path / "t").write_bytes(compress(text))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PEAK, str(tmp_path / "t")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    total, kilobytes = map(int, done.stdout.split())
    assert total == (300 << 10) * 1023
    assert kilobytes < 150 << 10


def test_standard_input(tmp_path: Path) -> None:
    program = "from migspec.traces.format import open_trace\nprint(list(open_trace('-')))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for data in (b"a\nb", gzip.compress(b"a\nb\n")):
        done = subprocess.run(
            [sys.executable, "-c", program], input=data, capture_output=True, env=environment, check=True
        )
        assert done.stdout == b"[(1, b'a'), (2, b'b')]\n"


def test_a_pipe_that_delivers_the_magic_bytes_one_by_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")

    def write() -> None:
        with (tmp_path / "f").open("wb", buffering=0) as pipe:
            for byte in gzip.compress(b"a\nb"):
                pipe.write(bytes([byte]))

    thread = threading.Thread(target=write)
    thread.start()
    assert read(tmp_path / "f") == [b"a", b"b"]
    thread.join()


@pytest.mark.parametrize("keep", [5, 30, -9, -1])
def test_compressed_data_that_was_cut_short(tmp_path: Path, keep: int) -> None:
    text = b"\n".join(b"%d" % number for number in range(1000))
    for name, stored in (("gzip", gzip.compress(text)), ("zstd", zstandard.compress(text))):
        (tmp_path / "t").write_bytes(stored[:keep])
        assert trouble(tmp_path / "t") == (
            f"{tmp_path}/t: the {name} data is damaged (it ends in the middle); expected a whole file."
        )


def test_compressed_data_that_was_changed(tmp_path: Path) -> None:
    for name, stored in (("gzip", gzip.compress(b"abc")), ("zstd", zstandard.compress(b"abc"))):
        (tmp_path / "t").write_bytes(stored[:4] + b"\xff" * 20)
        assert f"the {name} data is damaged" in trouble(tmp_path / "t")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert trouble(tmp_path) == f"{tmp_path}: this is a folder; expected a file."
    missing = tmp_path / "missing"
    assert trouble(missing) == (f"{missing}: cannot be opened (No such file or directory); expected a readable file.")
    assert "null byte" in trouble("a\0b")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    assert trouble(tmp_path / "binary") == (
        f"{tmp_path}/binary: this is a binary file; expected text, plain or in gzip or zstd."
    )


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "t").touch()
    monkeypatch.setattr(os, "open", refuse)
    assert "cannot be opened (Permission denied)" in trouble(tmp_path / "t")


def test_a_line_without_end(tmp_path: Path) -> None:
    with (tmp_path / "t").open("wb") as file:
        file.write(b"first\n")
        file.truncate(LINE_LIMIT * 2)
        file.seek(6)
        for _ in range(LINE_LIMIT // (1 << 20) + 1):
            file.write(b"x" * (1 << 20))
    message = trouble(tmp_path / "t")
    assert message.startswith(f"{tmp_path}/t, line 2: the line is longer than {LINE_LIMIT} bytes")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "the file is empty"),
        (b"hello", "this is no header (JSON is malformed"),
        (b"[]", "this is no header (Expected `object`"),
        (b"\xff", "this is no header ("),
        (b"{}", "the format is missing; expected a header"),
        (b'{"format":"x","version":1}', "the format is x; expected a header"),
        (b'{"format":"qmp-trace"}', "the version is missing; expected version 1"),
        (b'{"format":"qmp-trace","version":2}', "the version is 2; expected version 1"),
        (b'{"format":"qmp-trace","version":1,"vms":{"a":{"role":"x"}}}', "Invalid enum value 'x'"),
        (
            b'{"format":"qmp-trace","version":1,"note":1}',
            "a member of the header does not hold (Expected `str",
        ),
        (b'{"format":' + b"[" * 100_000, "this is no header ("),
    ],
)
def test_what_is_no_header(line: bytes, problem: str) -> None:
    with pytest.raises(TraceError) as caught:
        read_header(line, "p")
    assert str(caught.value).startswith("p, line 1: ")
    assert problem in str(caught.value)
    assert str(caught.value).count("; expected ") == 1
    assert caught.value.line == 1


def test_members_of_later_versions_are_ignored() -> None:
    header = read_header(HEADER[:-1] + b',"later":[1],"vms":{"a":{"release":"9","x":1}}}')
    assert header == Header({"a": VmInfo(release="9")})
    line = read_line(b'{"vm":"a","dir":"<-","later":{},"msg":{"event":"X"}}', 2)
    assert line == TraceLine("a", Direction.TO_CLIENT, msg=msgspec.Raw(b'{"event":"X"}'))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "this is not JSON"),
        (b'{"vm":"a","dir":"->","msg":{"execu', "this is not JSON"),
        (b"\xff", "this is not JSON"),
        (b"1", "a member does not hold (Expected `object`"),
        (b'{"dir":"->","msg":{}}', "missing required field `vm`"),
        (b'{"vm":"a","dir":"=>","msg":{}}', "Invalid enum value '=>'"),
        (b'{"vm":"a","msg":{}}', "the member dir is missing; expected -> or <-"),
        (b'{"vm":"a","dir":"->"}', "0 of the members msg, raw and end are here; expected exactly one"),
        (b'{"vm":"a","dir":"->","msg":{},"end":"eof"}', "2 of the members"),
        (b'{"vm":"a","t":"now","end":"eof"}', "Expected `float"),
    ],
)
def test_what_is_no_line(line: bytes, problem: str) -> None:
    with pytest.raises(TraceError) as caught:
        read_line(line, 7, "p")
    assert str(caught.value).startswith("p, line 7: ")
    assert problem in str(caught.value)
    assert (caught.value.path, caught.value.line) == ("p", 7)


def test_a_null_message_is_a_message() -> None:
    assert bytes(read_line(b'{"vm":"a","dir":"->","msg":null}', 1).msg) == b"null"


def test_the_writer_to_standard_output() -> None:
    program = "from migspec.traces.format import TraceWriter\nTraceWriter('-').close()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    assert io.BytesIO(done.stdout).readlines() == [HEADER + b"\n"]
