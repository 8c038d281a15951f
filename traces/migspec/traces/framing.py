"""Cut the byte stream of a monitor into the JSON texts it consists of.

A QMP server ends each message with CR LF, but a client need not: the server finds the end of a request by
reading tokens, so that several requests may share a line and one may spread over many.  Whoever records a
session has to cut the stream where the server cuts it.  This module holds the token grammar, the counting of
brackets that ends a text, and the two things a server accepts or survives although they are not JSON:

- strings in single quotes, which `to_json` rewrites exactly;
- bytes that begin no token, after which the server starts afresh.

No byte is ever dropped: the texts, in order, are the stream without the white space between them.
Source: observed on QEMU 5.2.0.
"""

import re
from typing import Final, TypeVar

import msgspec

TEXT_LIMIT: Final = 64 << 20
"""Largest text in bytes: the size at which QEMU itself gives up on a message and starts afresh."""

_Any = TypeVar("_Any")
ANYTHING: Final = msgspec.json.Decoder()
"""Decodes any JSON value."""
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WHITE: Final = b" \t\r\n"

_TOKEN: Final = re.compile(
    rb"""
      (?P<white>   [ \t\r\n]+ )
    | (?P<open>    [\[{] )
    | (?P<close>   [\]}] )
    | (?P<comma>   [,:] )
    | (?P<quote>   ["'] )
    | (?P<keyword> [a-z]+ )
    | (?P<stray>   -?0[0-9] | -[^0-9] | -?INTEGER\.[^0-9]
                 | -?SCALABLE[eE](?:[^0-9+-]|[+-][^0-9]) )
    | (?P<number>  -?SCALABLE(?:[eE][+-]?[0-9]+)? | -?0 )
    | (?P<no_token> [\x00-\xff] )
    """.replace(b"INTEGER", b"(?:0|[1-9][0-9]*+)").replace(b"SCALABLE", b"(?:[1-9][0-9]*+(?:\\.[0-9]++)?|0\\.[0-9]++)"),
    re.VERBOSE,
)
"""One token, or the run of bytes that shows there is none, its last byte being the offence.

A zero has no exponent: what follows it is a token of its own.
"""

_UNFINISHED: Final = re.compile(
    rb"[a-z]+|-?(?:[1-9][0-9]*[eE][+-]?[0-9]*|(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE][+-]?[0-9]*)?)?)?)?"
)
"""What may still grow into a longer token when more bytes arrive."""

_STRING_STOP: Final = {
    quote: re.compile(rb"(?:[^\\\x00-\x1f\xfe\xff" + quote + rb"]|\\[^\x00-\x1f\xfe\xff])*") for quote in (b'"', b"'")
}
"""The inside of a string, up to its closing quote or to a byte that no string may hold."""

_RECOVERY: Final = re.compile(rb"[^\x00-\x08\x0a-\x1f\[\]{}:,\xfe\xff]+")
"""What the server skips after a stray byte: everything up to punctuation or a control character but tab."""

_STRING: Final = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_INSIDE: Final = re.compile(rb"\\'|\\.|\"", re.DOTALL)


class Framer:
    """Collects the bytes of one direction of one connection and hands out whole texts.

    A text is one JSON value, or a run of bytes that is none.  How the stream was cut into pieces on its way
    makes no difference to the texts.
    """

    __slots__ = ("_balance", "_buffer", "_limit", "_position", "_quote", "_recovering", "skipped")

    def __init__(self, limit: int = TEXT_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._reset()
        self._recovering = False
        self.skipped = 0
        """How many texts so far were runs that the server skips: to every other one it answers."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the texts that are complete with them."""
        self._buffer += data
        texts: list[bytes] = []
        if not self._position and not self._recovering:
            self._whole_lines(texts)
        while self._step(texts):
            pass
        if len(self._buffer) > self._limit:
            self._cut(len(self._buffer), texts)
        return texts

    def finish(self) -> list[bytes]:
        """Say that the stream has ended; return what was left of it, no text or one."""
        rest = bytes(self._buffer).strip(_WHITE)
        self.skipped += bool(rest) and self._recovering
        self._buffer.clear()
        self._reset()
        self._recovering = False
        return [rest] if rest else []

    def _reset(self) -> None:
        self._position = 0
        self._balance = {b"{": 0, b"[": 0}
        self._quote = b""

    def _whole_lines(self, texts: list[bytes]) -> None:
        """Take the usual case at a stroke: lines that are one JSON value each."""
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            line = bytes(self._buffer[start:end]).strip(_WHITE)
            # a number by itself may be several to QEMU
            if line and (line[0] in b"-0" or not is_json(line)):
                break
            if line:
                texts.append(line)
            start = end + 1
        del self._buffer[:start]

    def _cut(self, end: int, texts: list[bytes]) -> None:
        texts.append(bytes(self._buffer[:end]))
        del self._buffer[:end]
        self._reset()

    def _step(self, texts: list[bytes]) -> bool:
        """Read one token; tell whether there may be another in what has arrived."""
        if self._recovering:
            return self._recover(texts)
        if self._quote:
            return self._string(texts)
        token = _TOKEN.match(self._buffer, self._position)
        if token is None:
            return False
        kind, end = token.lastgroup, token.end()
        if kind in ("keyword", "stray", "number", "no_token"):
            unfinished = _UNFINISHED.match(self._buffer, self._position)
            if unfinished and unfinished.end() == len(self._buffer):
                return False
        self._position = end
        match kind:
            case "white":
                if not self._inside():
                    del self._buffer[:end]
                    self._position = 0
            case "quote":
                self._quote = token.group()
            case "stray" | "no_token":
                self._cut(end, texts)
                self._recovering = True
            case "open":
                self._balance[token.group()] += 1
            case "close":
                self._balance[b"{" if token.group() == b"}" else b"["] -= 1
                self._value_may_end(texts)
            case _:
                self._value_may_end(texts)
        return True

    def _inside(self) -> bool:
        """Tell whether a text is open: braces and brackets are counted apart, and neither below zero."""
        counts = self._balance.values()
        return max(counts) > 0 and min(counts) >= 0

    def _value_may_end(self, texts: list[bytes]) -> None:
        if not self._inside():
            self._cut(self._position, texts)

    def _string(self, texts: list[bytes]) -> bool:
        stop = _STRING_STOP[self._quote].match(self._buffer, self._position)
        self._position = stop.end() if stop else self._position
        following = bytes(self._buffer[self._position : self._position + 2])
        if following in (b"", b"\\"):
            return False
        if following[:1] == self._quote:
            self._quote = b""
            self._position += 1
            self._value_may_end(texts)
        else:
            self._cut(self._position + (2 if following[:1] == b"\\" else 1), texts)
            self._recovering = True
        return True

    def _recover(self, texts: list[bytes]) -> bool:
        skipped = _RECOVERY.match(self._buffer)
        end = skipped.end() if skipped else 0
        if end == len(self._buffer):
            return False
        if run := bytes(self._buffer[:end]).strip(_WHITE):
            texts.append(run)
            self.skipped += 1
        del self._buffer[:end]
        self._recovering = False
        return True


def decoded(text: bytes, decoder: msgspec.json.Decoder[_Any]) -> _Any | None:
    """What a text is to a decoder; None where it is no JSON, or not of that shape."""
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def members_of(text: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of an object; None where a text is none."""
    return decoded(text, _MEMBERS)


def is_json(text: bytes) -> bool:
    """Tell whether the bytes are one JSON value, in UTF-8, that this package can decode.

    Refused besides malformed text: lone surrogates, numbers beyond the range of a double, and nesting
    deeper than the interpreter's own recursion limit.
    """
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def to_json(text: bytes) -> bytes | None:
    r"""Return the JSON for a text, on one line, or None where it has none.

    JSON comes back as it is, byte for byte, but for line breaks between its tokens, which become blanks.  A
    text that the server accepts only because of its single quotes (or of an escaped ``\'``) is rewritten with
    the same meaning: QEMU reads both kinds of string alike.
    """
    if not is_json(text):
        text = _STRING.sub(_double_quoted, text)
        if not is_json(text):
            return None
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def _double_quoted(string: re.Match[bytes]) -> bytes:
    return b'"' + _INSIDE.sub(_requoted, string.group()[1:-1]) + b'"'


def _requoted(piece: re.Match[bytes]) -> bytes:
    return {b"\\'": b"'", b'"': b'\\"'}.get(piece.group(), piece.group())
