"""The stream: what a QMP server makes of all the bytes of one connection.

Tokens are collected until braces and brackets are balanced, each counted by itself, or one of the counts has
fallen below zero. Then they are parsed, and there is either a value or an error. What is not balanced waits,
without a word. A stray byte, or too much of anything, is an error at once: what was collected is dropped, and
the rest of the same input is read afresh, so that one bad input may lead to several errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from migspec.spec.wire.parser import DUPLICATE_KEY, PARSE_ERROR, ParseError, parse
from migspec.spec.wire.strings import BAD_BYTES, BAD_CHARACTER, printed
from migspec.spec.wire.tokens import OPEN_ENDED, Kind, Lexer, State, Token


class Limits(NamedTuple):
    """How much QEMU takes for one value: bytes in all its tokens, tokens, and how deep they are nested."""

    size: int = 64 << 20
    tokens: int = 2 << 20
    depth: int = 1 << 10


USUAL: Final = Limits()
"""The limits of QEMU."""


@dataclass(frozen=True, slots=True)
class Value:
    """A complete JSON value."""

    value: object


@dataclass(frozen=True, slots=True)
class Fault:
    """Input that is no JSON value; `text` is the description of the error that answers it."""

    text: str


_LIMIT: Final = re.compile(r"JSON (token size|token count|nesting depth) limit exceeded")

_STRICTER: Final = "|".join(
    (
        DUPLICATE_KEY,
        "expected separator in (dict|list)",
        BAD_BYTES,
        rf"(\\u[0-9A-Fa-f]{{4}})+ {BAD_CHARACTER}",
    )
)
_REFUSES_JSON: Final = re.compile(f"{PARSE_ERROR}({_STRICTER})|{_LIMIT.pattern}")


def is_about_json(text: str) -> bool:
    """Whether an error says that input was no JSON, rather than what was wrong with a request."""
    return text.startswith(PARSE_ERROR) or _LIMIT.fullmatch(text) is not None


def may_refuse_json(text: str) -> bool:
    """Whether an error about input may answer what is JSON to everybody else: QEMU is stricter in some things.

    It refuses doubled keys, noncharacters, deep nesting, and a zero with an exponent.
    """
    return _REFUSES_JSON.fullmatch(text) is not None


Outcome = Value | Fault
"""What a stretch of input comes to."""

_BALANCE: Final = {
    Kind.OPEN_BRACE: (1, 0),
    Kind.CLOSE_BRACE: (-1, 0),
    Kind.OPEN_BRACKET: (0, 1),
    Kind.CLOSE_BRACKET: (0, -1),
}


class JsonStream:
    """The JSON of one connection, from its beginning on.

    It is changed by what it is fed. How the bytes were cut into pieces makes no difference to what comes out.
    """

    __slots__ = ("_braces", "_brackets", "_lexer", "_limits", "_size", "_tokens")

    def __init__(self, limits: Limits = USUAL) -> None:
        self._limits = limits
        self._lexer = Lexer(limits.size)
        self._reset()

    def _reset(self) -> None:
        self._tokens: list[Token] = []
        self._braces = self._brackets = self._size = 0

    @property
    def recovering(self) -> bool:
        """Whether bytes are skipped, after a stray one, until one that promises a new beginning."""
        return self._lexer.state is State.RECOVERY

    @property
    def waits(self) -> bool:
        """Whether a keyword or number waits for one more byte to be complete."""
        return self._lexer.state in OPEN_ENDED

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open: the next byte begins something new."""
        return self._lexer.state is State.START and not self._tokens

    def copy(self) -> Self:
        """Another stream that has read the same."""
        other = type(self)(self._limits)
        other._lexer = self._lexer.copy()
        other._tokens = list(self._tokens)
        other._braces, other._brackets, other._size = self._braces, self._brackets, self._size
        return other

    def reads_like(self, other: JsonStream) -> bool:
        """Whether both will make the same of whatever follows."""
        mine = (self._lexer.state, self._lexer.token, self._tokens)
        return mine == (other._lexer.state, other._lexer.token, other._tokens)

    def feed(self, data: bytes) -> list[Outcome]:
        """Take the next bytes; return what they come to, in order."""
        return list(self._outcomes(data))

    def _outcomes(self, data: bytes) -> Iterator[Outcome]:
        for token in self._lexer.feed(data):
            outcome = self._token(token)
            if outcome is not None:
                self._reset()
                yield outcome

    def _token(self, token: Token) -> Outcome | None:
        kind, text = token
        if kind is Kind.STRAY:
            # the text is one of C and ends where a zero byte is
            return Fault(f"{PARSE_ERROR}stray '{printed(text.removesuffix(bytes(1)))}'")
        braces, brackets = _BALANCE.get(kind, (0, 0))
        self._braces += braces
        self._brackets += brackets
        exceeded = self._exceeded(text)
        if exceeded:
            return Fault(f"JSON {exceeded} limit exceeded")
        self._size += len(text)
        self._tokens.append(token)
        counts = (self._braces, self._brackets)
        if min(counts) >= 0 and max(counts) > 0:
            return None
        try:
            return Value(parse(self._tokens))
        except ParseError as fault:
            return Fault(fault.text)

    def _exceeded(self, text: bytes) -> str:
        """What there would be too much of with one more token; empty if nothing."""
        if self._size + len(text) + 1 > self._limits.size:
            return "token size"
        if len(self._tokens) + 1 > self._limits.tokens:
            return "token count"
        return "nesting depth" if self._braces + self._brackets > self._limits.depth else ""
