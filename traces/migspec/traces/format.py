"""The native trace format: one JSON object a line, read in constant memory and written line by line.

Line 1 is the header, `{"format":"qmp-trace","version":1,…}`.  Every further line is one thing that crossed
a monitor: a message (`msg`), bytes that are no message (`raw`), or the end of the connection (`end`).  The
field docstrings of `Header` and `TraceLine` are the reference.  Members that this version does not know are
ignored.

What is written here survives the writer: each line reaches the kernel whole, in one append.
"""

import enum
import os
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec
import zstandard

from migspec.traces.framing import TEXT_LIMIT, to_json

FORMAT: Final = "qmp-trace"
VERSION: Final = 1

LINE_LIMIT: Final = TEXT_LIMIT + (64 << 10)
"""Longest line in bytes: the largest message that QEMU itself can read, and room for its wrapper."""

RAW_PIECE: Final = 1 << 20
"""Bytes that go into one `raw` line; more of them are written as several lines."""

_CHUNK: Final = 256 << 10
_ZSTD_SLICE: Final = 1 << 10  # a block of 4 bytes may stand for 128 KiB: small slices bound what comes out
_SNIFF: Final = 8 << 10
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class TraceError(Exception):
    """A trace that cannot be read, or a line in it that is not what the format asks for.

    Its text is one sentence: the place, what is wrong there, and what was expected instead.
    """

    def __init__(self, path: str, line: int | None, problem: str, expected: str) -> None:
        super().__init__(path, line, problem, expected)
        self.path = path
        """The file, as the user named it; `-` is standard input."""
        self.line = line
        """The line, counted from 1; None where the trouble is with the whole file."""
        self.problem = problem
        """What was found."""
        self.expected = expected
        """What would have been right."""

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: {self.problem}; expected {self.expected}."


Closer = Literal["client", "server", "recorder"]
"""Who closed a connection first."""

Unseen = Literal["requests", "replies", "events"]
"""A kind of messages that a trace does not show: they may have been there all the same."""


class Direction(enum.Enum):
    """Who sent a message; the arrows are the notation of QEMU's own documentation."""

    TO_SERVER = "->"
    """From the client (libvirt, a test) to the VM."""
    TO_CLIENT = "<-"
    """From the VM to its client: the greeting, replies and events."""


class VmInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the header says of one VM; whatever it leaves out is unknown, not absent."""

    role: Literal["source", "destination"] | None = None
    """The part the VM plays in the migration, if it plays only one."""
    implementation: str | None = None
    """The program that is the VM, such as `qemu`."""
    release: str | None = None
    """Its release, such as `5.2.0`."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of a trace."""

    vms: dict[str, VmInfo] = {}
    """The VMs by the names that the lines use."""
    scenario: str | None = None
    """What was being done when the trace was taken."""
    note: str | None = None
    """Anything else, for human readers."""
    unseen: tuple[Unseen, ...] = ()
    """What the trace does not show, or not always, of any VM."""


class TraceLine(msgspec.Struct, frozen=True):
    """Any line but the first.  Exactly one of `msg`, `raw` and `end` is there."""

    vm: str
    """The VM whose monitor it was."""
    dir: Direction | None = None
    """Who sent it; always there with `msg` and `raw`."""
    t: float | None = None
    """When the recorder saw it, in seconds since the epoch."""
    mon: str | None = None
    """The monitor, where the VM has several."""
    msg: msgspec.Raw = msgspec.Raw(b"")
    """The QMP message, as the JSON text that crossed the monitor; empty where there is none."""
    raw: str | None = None
    """Bytes that are not JSON, one character a byte: `raw.encode("latin-1")` gives them back."""
    end: str | None = None
    """`eof`: the connection closed."""
    exit: int | None = None
    """The exit status of the VM's process, negative for a signal, where it is known."""
    by: Closer | None = None
    """Which side closed first, where it is known."""


class _Identity(msgspec.Struct):
    format: str | None = None
    version: int | None = None


_IDENTITY: Final = msgspec.json.Decoder(_Identity)
_HEADER: Final = msgspec.json.Decoder(Header)
_LINE: Final = msgspec.json.Decoder(TraceLine)


HEADER: Final = f'{{"format":"{FORMAT}","version":{VERSION}}}'
"""The shortest first line of a trace."""


def is_header(line: bytes) -> bool:
    """Whether a line is the first one of a trace, of whatever version."""
    try:
        return _IDENTITY.decode(line).format == FORMAT
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def read_header(line: bytes, path: str = "-") -> Header:
    """Decode the first line of a trace.

    Raises `TraceError` where it is no header, is of another version, or has members of a wrong type.
    """
    expected = f"a header, {HEADER}"
    try:
        identity = _IDENTITY.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problem = "the file is empty" if not line else f"this is no header ({error})"
        raise TraceError(path, 1, problem, expected) from None
    if identity.format != FORMAT:
        raise TraceError(path, 1, f"the format is {_named(identity.format)}", expected)
    if identity.version != VERSION:
        raise TraceError(path, 1, f"the version is {_named(identity.version)}", f"version {VERSION}")
    try:
        return _HEADER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problem = f"a member of the header does not hold ({error})"
        raise TraceError(path, 1, problem, "a header as documented") from None


def read_line(line: bytes, number: int, path: str = "-") -> TraceLine:
    """Decode any line but the first.

    Raises `TraceError` where it is not JSON, lacks a member, or has one of a wrong type.
    """
    try:
        entry = _LINE.decode(line)
    except msgspec.ValidationError as error:
        raise TraceError(path, number, f"a member does not hold ({error})", "a line as documented") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(path, number, f"this is not JSON ({error})", "one JSON object a line") from None
    kinds = bool(bytes(entry.msg)) + (entry.raw is not None) + (entry.end is not None)
    if kinds != 1:
        raise TraceError(path, number, f"{kinds} of the members msg, raw and end are here", "exactly one")
    if entry.dir is None and entry.end is None:
        raise TraceError(path, number, "the member dir is missing", "-> or <-")
    return entry


def _named(value: object) -> str:
    return "missing" if value is None else str(value)


class LineReader:
    """The lines of a file with their numbers, from 1; an iterator and a context manager.

    Holds one chunk and one line at a time, whatever the size of the file.  gzip and zstd are told by their
    first bytes, never by the name.  Raises `TraceError` while iterating where the file cannot be read on.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        """The file, as the user named it."""
        self._descriptor = descriptor
        self._lines = self._split(self._plain())

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self._lines

    def __next__(self) -> tuple[int, bytes]:
        return next(self._lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._lines.close()
        if self._descriptor > 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, size: int) -> bytes:
        try:
            return os.read(self._descriptor, size)
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise TraceError(self.path, None, problem, "a readable file") from None

    def _stored(self) -> Iterator[bytes]:
        """Yield the file as it lies there; the first piece is long enough to tell the compression."""
        head = b""
        while len(head) < len(_ZSTD_MAGIC) and (piece := self._read(_CHUNK)):
            head += piece
        yield head
        while piece := self._read(_CHUNK):
            yield piece

    def _plain(self) -> Iterator[bytes]:
        """Yield the text, without compression and without a byte order mark."""
        stored = self._stored()
        head = next(stored)
        pieces = _chain(head, stored)
        if head.startswith(_GZIP_MAGIC):
            pieces = self._gunzip(pieces)
        elif head.startswith(_ZSTD_MAGIC):
            pieces = self._unzstd(pieces)
        text = next(pieces, b"")
        if b"\0" in text[:_SNIFF]:
            raise TraceError(self.path, None, "this is a binary file", "text, plain or in gzip or zstd")
        yield text.removeprefix(_BYTE_ORDER_MARK)
        yield from pieces

    def _gunzip(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        unpack = zlib.decompressobj(wbits=31)
        try:
            for piece in pieces:
                data = piece
                while data:
                    if unpack.eof:
                        if not (data := data.lstrip(b"\0")):
                            break
                        unpack = zlib.decompressobj(wbits=31)
                    if text := unpack.decompress(data, _CHUNK):
                        yield text
                    data = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
            while not unpack.eof and (text := unpack.decompress(unpack.unconsumed_tail, _CHUNK)):
                yield text
        except zlib.error as error:
            raise self._damaged("gzip", str(error)) from None
        if not unpack.eof:
            raise self._damaged("gzip", "it ends in the middle")

    def _unzstd(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        unpack = zstandard.ZstdDecompressor().decompressobj()
        try:
            for piece in pieces:
                for start in range(0, len(piece), _ZSTD_SLICE):
                    data = piece[start : start + _ZSTD_SLICE]
                    while data:
                        if unpack.eof:
                            unpack = zstandard.ZstdDecompressor().decompressobj()
                        if text := unpack.decompress(data):
                            yield text
                        data = unpack.unused_data if unpack.eof else b""
        except zstandard.ZstdError as error:
            raise self._damaged("zstd", str(error)) from None
        if not unpack.eof:
            raise self._damaged("zstd", "it ends in the middle")

    def _damaged(self, compression: str, how: str) -> TraceError:
        return TraceError(self.path, None, f"the {compression} data is damaged ({how})", "a whole file")

    def _split(self, pieces: Iterable[bytes]) -> Generator[tuple[int, bytes], None, None]:
        number = 0
        begun: list[bytes] = []
        length = 0
        for piece in pieces:
            first, *rest = piece.split(b"\n")
            begun.append(first)
            length += len(first)
            if rest:
                number += 1
                yield number, self._within(b"".join(begun), number)
                *whole, last = rest
                for line in whole:
                    number += 1
                    yield number, line
                begun = [last]
                length = len(last)
            if length > LINE_LIMIT:
                self._within(b"".join(begun), number + 1)
        if length:
            yield number + 1, b"".join(begun)

    def _within(self, line: bytes, number: int) -> bytes:
        if len(line) > LINE_LIMIT:
            problem = f"the line is longer than {LINE_LIMIT} bytes"
            raise TraceError(self.path, number, problem, "messages of a size that QEMU itself would read")
        return line


def _chain(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def open_trace(path: str | os.PathLike[str]) -> LineReader:
    """Open a file, or standard input for `-`, to read its lines.

    Raises `TraceError` where there is no such file, no permission, or a folder instead.
    """
    name = os.fspath(path)
    if name == "-":
        return LineReader(name, 0)
    try:
        if Path(name).is_dir():
            raise TraceError(name, None, "this is a folder", "a file")
        return LineReader(name, os.open(name, os.O_RDONLY | os.O_CLOEXEC))
    except (OSError, ValueError) as error:
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise TraceError(name, None, f"cannot be opened ({problem})", "a readable file") from None


def header_line(header: Header) -> bytes:
    """The first line of a trace with this header."""
    return msgspec.json.encode(header_fields(header))


def header_fields(header: Header) -> dict[str, Any]:
    """The members of a trace's first line."""
    return {"format": FORMAT, "version": VERSION, **msgspec.to_builtins(header)}


def message_fields(
    vm: str, direction: Direction, text: bytes, t: float | None = None, mon: str | None = None
) -> dict[str, Any]:
    """The members of a line with a message; `text` is its JSON, `t` in seconds since the epoch, without it now."""
    return _stamp(t) | _origin(vm, mon) | {"dir": direction, "msg": msgspec.Raw(text)}


def end_fields(
    vm: str,
    mon: str | None = None,
    exit_status: int | None = None,
    by: Closer | None = None,
    t: float | None = None,
) -> dict[str, Any]:
    """The members of a line that tells that a connection closed."""
    known = {name: value for name, value in (("exit", exit_status), ("by", by)) if value is not None}
    return _stamp(t) | _origin(vm, mon) | {"end": "eof"} | known


class TraceWriter:
    """Writes a trace so that whatever happens to the writer, the file holds whole lines only.

    `file` is a path (truncated; readable by its owner only, for a session may carry secrets), `-` for
    standard output, or an open file descriptor, which stays the caller's.  Methods may be called from any
    thread.  Raises `TraceError` where the file cannot be opened or a line cannot be written.
    """

    def __init__(self, file: str | os.PathLike[str] | int, header: Header | None = None) -> None:
        self._owned = not isinstance(file, int) and os.fspath(file) != "-"
        self.path = "-" if isinstance(file, int) else os.fspath(file)
        """The file, as the user named it."""
        try:
            if isinstance(file, int):
                self._descriptor = file
            elif self._owned:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
                self._descriptor = os.open(file, flags, 0o600)
            else:
                self._descriptor = 1
        except OSError as error:
            problem = f"cannot be opened ({error.strerror})"
            raise TraceError(self.path, None, problem, "a file that can be written") from None
        self._append(header_fields(header or Header()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; there is nothing to flush."""
        if self._owned:
            os.close(self._descriptor)
            self._owned = False

    def message(
        self,
        vm: str,
        direction: Direction,
        message: bytes | object,
        t: float | None = None,
        mon: str | None = None,
    ) -> None:
        """Write one QMP message.

        `message` is the text that crossed the monitor, which is kept byte for byte but for line breaks
        between its tokens (see `framing.to_json`; text that is not JSON becomes a `raw` line), or any object
        to encode.  `t` is in seconds since the epoch; without it, now.
        """
        text = to_json(message) if isinstance(message, bytes) else msgspec.json.encode(message)
        if text is None or len(text) > TEXT_LIMIT:
            self.raw(vm, direction, message if isinstance(message, bytes) else text or b"", t, mon)
        else:
            self._append(message_fields(vm, direction, text, t, mon))

    def raw(self, vm: str, direction: Direction, data: bytes, t: float | None = None, mon: str | None = None) -> None:
        """Write bytes that are no message, one character a byte, over several lines if they are many."""
        for start in range(0, len(data), RAW_PIECE):
            piece = data[start : start + RAW_PIECE].decode("latin-1")
            self._append(_stamp(t) | _origin(vm, mon) | {"dir": direction, "raw": piece})

    def end(
        self,
        vm: str,
        mon: str | None = None,
        exit_status: int | None = None,
        by: Closer | None = None,
        t: float | None = None,
    ) -> None:
        """Write that a connection closed, by whom, and how the VM's process ended, where that is known."""
        self._append(end_fields(vm, mon, exit_status, by, t))

    def _append(self, fields: dict[str, Any]) -> None:
        """Hand one whole line to the kernel, so that a killed writer leaves no half of one behind."""
        line = memoryview(msgspec.json.encode(fields) + b"\n")
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise TraceError(self.path, None, problem, "room for the trace") from None


def _stamp(t: float | None) -> dict[str, Any]:
    return {"t": round(time.time() if t is None else t, 6)}


def _origin(vm: str, mon: str | None) -> dict[str, Any]:
    return {"vm": vm} if mon is None else {"vm": vm, "mon": mon}
