"""The stream: what a QMP server makes of all the bytes of one connection.

Tokens are collected until braces and brackets are balanced, each counted by itself, or one of the counts has
fallen below zero. Then they are parsed, and there is either a value or an error. What is not balanced waits,
without a word. A stray byte, or too much of anything, is an error at once: what was collected is dropped, and
the rest of the same input is read afresh, so that one bad input may lead to several errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from migspec.spec.schema import ABSENT, Absent
from migspec.spec.wire.parser import DUPLICATE_KEY, PARSE_ERROR, ParseError, parse
from migspec.spec.wire.plain import read_plain
from migspec.spec.wire.strings import BAD_BYTES, BAD_CHARACTER, printed
from migspec.spec.wire.tokens import FIRST, INNER, INNER_TOKEN, OPEN_ENDED, PUNCTUATION, Kind, Lexer, State, Token


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


_OPENING: Final = re.compile(rb"[\[{]++")
"""What comes to nothing as long as no limit is reached."""

_OPENS: Final = {ord(text): token for text, token in PUNCTUATION.items() if text in b"[{"}

_LONGEST_RUN: Final = 1 << 16
"""The most bytes of a run that are taken at a stroke."""

_MANY: Final = 200
"""So many tokens are worth an attempt to read them as what they are mostly."""


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
        outcomes: list[Outcome] = []
        position = 0
        while position < len(data):
            outcome, position = self.step(data, position)
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def step(self, data: bytes, position: int = 0) -> tuple[Outcome | None, int]:
        """Take bytes from a position on until they come to something; return that, and the position after them.

        A byte that ends a word or a number, and comes to something by itself, is left for the next step.
        """
        while position < len(data):
            position = self._take_run(data, position)
            token, position = self._lexer.next(data, position)
            outcome = None if token is None else self._token(token)
            if outcome is not None:
                self._reset()
                return outcome, position
        return None, position

    def _take_run(self, data: bytes, position: int) -> int:
        """Take tokens that come to nothing yet, at a stroke; return the position after them.

        They are so few bytes that no limit is reached.
        """
        if self._lexer.state is not State.START:
            return position
        room = min(self._limits.size - self._size - 1, self._limits.tokens - len(self._tokens), _LONGEST_RUN)
        depth = self._limits.depth - self._braces - self._brackets
        opening = _OPENING.match(data, position, position + max(min(room, depth), 0))
        if opening is not None:
            run = opening.group()
            self._tokens += [_OPENS[byte] for byte in run]
            braces = run.count(b"{")
            self._braces += braces
            self._brackets += len(run) - braces
            self._size += len(run)
            return opening.end()
        inner = INNER.match(data, position, position + max(room, 0)) if self._tokens else None
        if inner is None:
            return position
        texts = INNER_TOKEN.findall(inner.group())
        self._tokens += [PUNCTUATION.get(text) or Token(FIRST[text[0]], text) for text in texts]
        self._size += sum(map(len, texts))
        return inner.end()

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
            return Value(self._parsed())
        except ParseError as fault:
            return Fault(fault.text)

    def _parsed(self) -> object:
        plain: object | Absent = ABSENT
        if len(self._tokens) > _MANY:
            plain = read_plain(b" ".join([text for _, text in self._tokens]))
        return parse(self._tokens) if isinstance(plain, Absent) else plain

    def _exceeded(self, text: bytes) -> str:
        """What there would be too much of with one more token; empty if nothing."""
        if self._size + len(text) + 1 > self._limits.size:
            return "token size"
        if len(self._tokens) + 1 > self._limits.tokens:
            return "token count"
        return "nesting depth" if self._braces + self._brackets > self._limits.depth else ""
