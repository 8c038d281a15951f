"""Where the schema of a VM comes from: a file that holds a reply to query-qmp-schema, or the VM itself.

A file may hold the list of entries, the whole reply, or JSON lines one of which is such a reply: what `-qmp stdio`
printed, or a trace. The first reply counts. If the same file tells the release, by a greeting or a trace's header, the
release is told too.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from migspec.spec.schema.introspection import IntrospectionError, ToldSchema, read_introspection
from migspec.spec.wire.greeting import release_of
from migspec.traces.format import Header, LineReader, TraceError, open_trace, read_header
from migspec.traces.framing import TEXT_LIMIT, Framer
from migspec.traces.messages import decode_any
from migspec.traces.record import Address

PATIENCE: Final = 30.0
"""Seconds that a server may be silent before it is given up."""

_PIECE: Final = 1 << 16
_MARK: Final = b'"meta-type"'  # what every entry has, and no other message
_EXPECTED: Final = "a reply to query-qmp-schema"


class SchemaSourceError(Exception):
    """A file without a schema, or a server that does not tell it; its text is one sentence.

    `source` is the file or address, as the user named it, `problem` what is wrong, `expected` what would be right.
    """

    def __init__(self, source: str, problem: str, expected: str) -> None:
        super().__init__(source, problem, expected)
        self.source = source
        self.problem = problem
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}; expected {self.expected}."


@dataclass(frozen=True, slots=True)
class Introspected:
    """What a VM told of its schema, and which release it is, None if nothing says so."""

    schema: ToldSchema
    release: str | None


# -- from a file --


def from_file(path: str) -> Introspected:
    """Read the schema in a file, `-` for standard input, plain or in gzip or zstd.

    Raises `TraceError` if the file cannot be read, `SchemaSourceError` if there is no schema in it.
    """
    with open_trace(path) as reader:
        return _Search(path).run(reader)


class _Search:
    def __init__(self, path: str) -> None:
        self._path = path
        self._releases: dict[str, str] = {}
        self._kept: list[bytes] | None = []
        self._size = 0
        self._damage: SchemaSourceError | None = None

    def run(self, reader: LineReader) -> Introspected:
        for number, line in reader:
            self._keep(line)
            if number == 1:
                self._read_header(line)
            if _MARK in line or b'"QMP"' in line:
                found = self._look_at(number, line)
                if found is not None:
                    return found
        return self._whole()

    def _keep(self, line: bytes) -> None:
        """Keep the text, for it may be one value on many lines, unless it is longer than any reply can be."""
        self._size += len(line)
        if self._size > TEXT_LIMIT:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(line)

    def _read_header(self, line: bytes) -> None:
        header = Header()
        with contextlib.suppress(TraceError):
            header = read_header(line, self._path)
        self._releases = {name: vm.release for name, vm in header.vms.items() if vm.release}

    def _look_at(self, number: int, line: bytes) -> Introspected | None:
        value, problem = _parsed(line)
        if problem:
            # no fault yet: it may be a part of one value on many lines
            self._damage = SchemaSourceError(f"{self._path}, line {number}", f"this is not JSON ({problem})", _EXPECTED)
            return None
        vm = ""
        if isinstance(value, dict) and "msg" in value:
            vm, value = str(value.get("vm")), value["msg"]
        if release := release_of(value):
            self._releases[vm] = release
        entries = _entries(value)
        return None if entries is None else self._introspected(entries, vm)

    def _whole(self) -> Introspected:
        """What the text holds as one value on many lines."""
        nothing = SchemaSourceError(self._path, "there is no such reply in it", _EXPECTED)
        if not self._size:
            raise SchemaSourceError(self._path, "the file is empty", _EXPECTED)
        if self._kept is None:
            raise self._damage or nothing
        value, problem = _parsed(b"\n".join(self._kept))
        if problem:
            lines = not _parsed(self._kept[0])[1]
            wrong = SchemaSourceError(self._path, f"this is not JSON ({problem})", _EXPECTED)
            raise (self._damage or nothing) if lines else wrong
        entries = _entries(value)
        if entries is None:
            raise nothing
        return self._introspected(entries, "")

    def _introspected(self, entries: object, vm: str) -> Introspected:
        return Introspected(_read(self._path, entries), self._releases.get(vm))


def _parsed(text: bytes) -> tuple[Any, str]:
    """The JSON value of a text; or nothing, and what is wrong with the text."""
    try:
        return decode_any(text), ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, str(error)


def _entries(value: object) -> object | None:
    """The list of entries in a value: the value itself, or what a reply returned."""
    if isinstance(value, dict):
        value = value.get("return")
    if isinstance(value, list) and any(isinstance(entry, dict) and "meta-type" in entry for entry in value):
        return value
    return None


def _read(source: str, entries: object) -> ToldSchema:
    try:
        return read_introspection(entries)
    except IntrospectionError as error:
        raise SchemaSourceError(source, f"{error.subject} {error.problem}", error.expected) from None


# -- from a server --


def from_server(address: str, patience: float = PATIENCE) -> Introspected:
    """Connect to a QMP server, `unix:PATH` or `tcp:HOST:PORT`, and ask it; `patience` is in seconds.

    Raises `RecordError` if that is no address, `SchemaSourceError` if nobody is there, the server is silent, hangs up
    or refuses.
    """
    where = Address.parse(address)
    with socket.socket(where.family, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        try:
            connection.connect(where.where)
            talk = _Talk(address, connection, patience)
            release = release_of(talk.greeting())
            talk.execute("qmp_capabilities")
            return Introspected(_read(address, talk.execute("query-qmp-schema")), release)
        except TimeoutError:
            problem = f"the server has been silent for {patience:g} seconds"
            raise SchemaSourceError(address, problem, "a monitor that no other client is connected to") from None
        except OSError as error:
            problem = f"the server cannot be reached ({error.strerror or error})"
            raise SchemaSourceError(address, problem, "a QMP server that listens there") from None


class _Talk:
    """One conversation, in which events are passed over."""

    def __init__(self, address: str, connection: socket.socket, patience: float) -> None:
        self._address = address
        self._connection = connection
        self._messages = self._receive()

    def greeting(self) -> Mapping[str, Any]:
        message = next(self._messages)
        if "QMP" not in message:
            raise SchemaSourceError(self._address, "the server did not greet", "a QMP server")
        return message

    def execute(self, command: str) -> object:
        self._connection.sendall(msgspec.json.encode({"execute": command}) + b"\n")
        for message in self._messages:
            if "return" in message:
                return message["return"]
            if "error" in message:
                error = message["error"]
                text = error.get("desc") if isinstance(error, dict) else error
                raise SchemaSourceError(self._address, f"the server refused {command} ({text})", "a reply")
        raise AssertionError("the messages end with an error")

    def _receive(self) -> Iterator[Mapping[str, Any]]:
        framer = Framer()
        while piece := self._connection.recv(_PIECE):
            for text in framer.feed(piece):
                message, problem = _parsed(text)
                if problem:
                    raise SchemaSourceError(self._address, f"the server sent no JSON ({problem})", "a QMP server")
                if not isinstance(message, dict):
                    raise SchemaSourceError(self._address, "the server sent no object", "a QMP server")
                yield message
        raise SchemaSourceError(self._address, "the server hung up", _EXPECTED)
