"""Objects in text that holds other things too: on a terminal, in mail, in a log.

An object may stand anywhere in a line and go on over further lines; what is between two objects is skipped. Before that
the marks of terminals and of mail are taken away. An object that is open when a line cannot belong to it was cut; it is
handed out too, for whoever reads it may have to say that it is lost. One object is held at a time.
"""

from __future__ import annotations

import ast
import json
import quopri
import re
import warnings
from collections.abc import Iterator
from typing import Final, NamedTuple

from migspec.traces.format import Direction
from migspec.traces.framing import TEXT_LIMIT, is_json, to_json
from migspec.traces.importers.model import direction_of

_BEGIN: Final = re.compile(rb"\{(?=\s*(?:u?[\"']|\}|$))")
_OUTSIDE: Final = re.compile(rb"[{}\[\]\"']")
_INSIDE: Final = {quote: re.compile(rb"[^\\%b]*(?:\\.[^\\%b]*)*" % (quote, quote)) for quote in (b'"', b"'")}
_TERMINAL: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>])|\x07")
_QUOTE: Final = re.compile(rb"(?:> ?)+")
_MESSAGE: Final = re.compile(
    rb"\{\s*u?[\"'](?:QMP|return|error|event|timestamp|execute|exec-oob|id|arguments|data)[\"']\s*:"
)

_ELIDED: Final = re.compile(rb'"(?:\.\.\.|\xe2\x80\xa6|\\u2026)"')
_GREETING: Final = re.compile(rb"\{\s*\"QMP\"\s*:")


class Found(NamedTuple):
    """An object as it was found: the line in which it begins, its text on one line, and whether that has an end."""

    line: int
    text: bytes
    is_whole: bool = True

    @property
    def looks_like_message(self) -> bool:
        """Whether it begins as a message does, whatever comes then."""
        return _MESSAGE.match(self.text) is not None


class Message(NamedTuple):
    """A message, as JSON on one line, and who has sent it."""

    direction: Direction
    text: bytes

    @property
    def is_greeting(self) -> bool:
        """Whether a server greets with it."""
        return _GREETING.match(self.text) is not None

    @property
    def is_elided(self) -> bool:
        """Whether it has dots where somebody has left something out."""
        return _ELIDED.search(self.text) is not None


class Objects:
    """Finds the objects in lines that are fed one by one."""

    def __init__(self, limit: int = TEXT_LIMIT) -> None:
        self._limit = limit
        self._line = 0
        self._depth = 0
        self._quote = b""
        self._parts: list[bytes] = []
        self._size = 0
        self._is_encoded = False

    @property
    def is_open(self) -> bool:
        """Whether an object has begun that has not ended."""
        return self._depth > 0

    def feed(self, number: int, line: bytes) -> Iterator[Found]:
        """The objects that end in a line, and one that cannot go on in it."""
        line = plain(line)
        if self.is_open and _begins_another(line):
            yield from self.finish()
        if not self.is_open and line.startswith(b"{") and line.endswith(b"}") and is_json(line):
            yield Found(number, line)
            return
        place = 0
        while place < len(line):
            if not self.is_open:
                begin = _BEGIN.search(line, place)
                if begin is None:
                    return
                self._line, place = number, begin.start()
            end = self._end_in(line, place)
            self._keep(line[place:end])
            place = end
            if not self.is_open:
                yield self._taken()
        if self.is_open:
            yield from self._at_end_of_line(line)

    def finish(self) -> Iterator[Found]:
        """What is open, for nothing comes that it could go on with."""
        if self.is_open:
            self._depth, self._quote = 0, b""
            yield self._taken()._replace(is_whole=False)

    def _end_in(self, line: bytes, place: int) -> int:
        """Where the open object ends in a line, or the line does."""
        while True:
            if self._quote:
                inside = _INSIDE[self._quote].match(line, place)
                place = inside.end() if inside else place
                if line[place : place + 1] != self._quote:
                    return len(line)
                self._quote = b""
                place += 1
            stop = _OUTSIDE.search(line, place)
            if stop is None:
                return len(line)
            mark, place = stop.group(), stop.end()
            if mark in b"\"'":
                self._quote = mark
            else:
                self._depth += 1 if mark in b"{[" else -1
                if self._depth == 0:
                    return place

    def _at_end_of_line(self, line: bytes) -> Iterator[Found]:
        if line.endswith(b"="):
            # in mail: the line was too long, and is one with the next
            self._is_encoded = True
            self._parts[-1] = self._parts[-1].removesuffix(b"=")
        elif not self._quote:
            self._keep(b" ")
        elif not line.endswith(b" "):
            # no string goes on behind a line break, unless mail has put it there, which leaves a blank
            yield from self.finish()
        if self._size > self._limit:
            yield from self.finish()

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)

    def _taken(self) -> Found:
        text = b"".join(self._parts)
        if self._is_encoded:
            text = quopri.decodestring(text)
        self._parts, self._size, self._is_encoded = [], 0, False
        return Found(self._line, text.replace(b"\r", b" ").replace(b"\n", b" "))


def plain(line: bytes) -> bytes:
    """A line without what terminals and mail add to it."""
    if b"\x1b" in line or b"\x07" in line:
        line = _TERMINAL.sub(b"", line)
    line = line.rstrip(b"\r\n")
    if line.startswith(b">"):
        quoted = _QUOTE.match(line)
        line = line[quoted.end() :] if quoted else line
    return line


def message_in(text: bytes) -> Message | None:
    """The message that a text is; None where it is none.

    A client may write strings in single quotes, which QEMU accepts; QEMU itself never does.
    """
    read = to_json(text)
    direction = None if read is None else direction_of(read)
    if read is None or direction is None or (direction is Direction.TO_CLIENT and not is_json(text)):
        return None
    return Message(direction, read)


def message_in_python(text: bytes) -> Message | None:
    """The message that a text is which Python has written as one of its dictionaries; None where it is none."""
    value = literal(text)
    written = None if value is None else json_of(value)
    direction = None if written is None else direction_of(written)
    return None if written is None or direction is None else Message(direction, written)


def literal(text: bytes | str) -> dict[object, object] | None:
    """The dictionary that Python writes so; None where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = ast.literal_eval(text.decode() if isinstance(text, bytes) else text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def json_of(value: object) -> bytes | None:
    """A value as Python writes it as JSON; None where it cannot, or the outcome is none."""
    try:
        text = json.dumps(value, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return None
    return text if is_json(text) else None


def _begins_another(line: bytes) -> bool:
    """Whether a line begins an object for certain, whatever was open before it."""
    return line == b"{" or (line.startswith(b"{") and line.endswith(b"}") and direction_of(line) is not None)
