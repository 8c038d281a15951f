"""The lexer: bytes in, tokens out, one table of states.

A token ends with its last byte or, where its length is open, with the first byte that does not belong to it.
Keywords and numbers are of the second kind: at the end of the input they wait for one more byte. A byte that
fits nowhere makes a stray of the token so far and itself; what follows is skipped up to a byte that promises
a new beginning: punctuation, a control character other than the tab, or 0xFE and 0xFF, which no UTF-8 holds.
A client may send one of these at any time to get the server into a known state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple, Self


class Kind(Enum):
    """The kinds of token."""

    OPEN_BRACE = "{"
    """Begins an object."""
    CLOSE_BRACE = "}"
    """Ends an object."""
    OPEN_BRACKET = "["
    """Begins an array."""
    CLOSE_BRACKET = "]"
    """Ends an array."""
    COLON = ":"
    """Stands between a key and its value."""
    COMMA = ","
    """Stands between pairs and elements."""
    STRING = "string"
    """A string in double or single quotes, these included; its escapes are not looked at yet."""
    INTEGER = "integer"
    """A number without a fraction and without an exponent."""
    FLOAT = "float"
    """Any other number."""
    KEYWORD = "keyword"
    """Small letters; most of such words are none of JSON's."""
    STRAY = "stray"
    """Bytes that begin no token, or do not end one."""
    TOO_LONG = "too long"
    """The beginning of a token that has outgrown every limit."""


class Token(NamedTuple):
    """A token and its bytes."""

    kind: Kind
    text: bytes


class State(Enum):
    """What the lexer is in the middle of."""

    START = auto()
    """Nothing: between tokens."""
    RECOVERY = auto()
    """What is skipped after a stray byte."""
    DOUBLE = auto()
    """A string in double quotes."""
    DOUBLE_ESCAPE = auto()
    """The same, after a backslash."""
    SINGLE = auto()
    """A string in single quotes."""
    SINGLE_ESCAPE = auto()
    """The same, after a backslash."""
    MINUS = auto()
    """A number, after its sign."""
    ZERO = auto()
    """A number that begins with zero, which is the whole of it but for a fraction."""
    DIGITS = auto()
    """The whole part of a number."""
    POINT = auto()
    """A number, after its point."""
    FRACTION = auto()
    """The digits after the point."""
    EXPONENT = auto()
    """A number, after its e."""
    EXPONENT_SIGN = auto()
    """A number, after the sign of its exponent."""
    EXPONENT_DIGITS = auto()
    """The digits of the exponent."""
    KEYWORD = auto()
    """Small letters."""


OPEN_ENDED: Final = frozenset({State.ZERO, State.DIGITS, State.FRACTION, State.EXPONENT_DIGITS, State.KEYWORD})
"""The states whose token is complete as soon as anything else follows."""

_ANY: Final = bytes(range(0x100))
_CONTROL: Final = bytes(range(0x20))
_IMPOSSIBLE: Final = b"\xfe\xff"
_TEXT: Final = bytes(range(0x20, 0xFE))
_WHITE: Final = b" \t\r\n"
_DIGIT: Final = b"0123456789"
_NONZERO: Final = b"123456789"
_LETTER: Final = b"abcdefghijklmnopqrstuvwxyz"
_STRUCTURAL: Final = b"[]{}:,"


class _Before(NamedTuple):
    """The token was complete before this byte, which is looked at once more; without a kind nothing was."""

    kind: Kind | None


_Target = State | Kind | _Before

_TABLE: Final[Mapping[State, tuple[tuple[bytes, _Target], ...]]] = {
    State.START: (
        (_WHITE, State.START),
        *((kind.value.encode(), kind) for kind in list(Kind)[: len(_STRUCTURAL)]),
        (b'"', State.DOUBLE),
        (b"'", State.SINGLE),
        (b"-", State.MINUS),
        (b"0", State.ZERO),
        (_NONZERO, State.DIGITS),
        (_LETTER, State.KEYWORD),
    ),
    State.RECOVERY: (
        (_TEXT, State.RECOVERY),
        (_CONTROL, _Before(None)),
        (_IMPOSSIBLE, _Before(None)),
        (_STRUCTURAL, _Before(None)),
        (b"\t", State.RECOVERY),
    ),
    State.DOUBLE: ((_TEXT, State.DOUBLE), (b"\\", State.DOUBLE_ESCAPE), (b'"', Kind.STRING)),
    State.DOUBLE_ESCAPE: ((_TEXT, State.DOUBLE),),
    State.SINGLE: ((_TEXT, State.SINGLE), (b"\\", State.SINGLE_ESCAPE), (b"'", Kind.STRING)),
    State.SINGLE_ESCAPE: ((_TEXT, State.SINGLE),),
    State.MINUS: ((b"0", State.ZERO), (_NONZERO, State.DIGITS)),
    State.ZERO: ((_ANY, _Before(Kind.INTEGER)), (_DIGIT, Kind.STRAY), (b".", State.POINT)),
    State.DIGITS: (
        (_ANY, _Before(Kind.INTEGER)),
        (_DIGIT, State.DIGITS),
        (b".", State.POINT),
        (b"eE", State.EXPONENT),
    ),
    State.POINT: ((_DIGIT, State.FRACTION),),
    State.FRACTION: ((_ANY, _Before(Kind.FLOAT)), (_DIGIT, State.FRACTION), (b"eE", State.EXPONENT)),
    State.EXPONENT: ((b"+-", State.EXPONENT_SIGN), (_DIGIT, State.EXPONENT_DIGITS)),
    State.EXPONENT_SIGN: ((_DIGIT, State.EXPONENT_DIGITS),),
    State.EXPONENT_DIGITS: ((_ANY, _Before(Kind.FLOAT)), (_DIGIT, State.EXPONENT_DIGITS)),
    State.KEYWORD: ((_ANY, _Before(Kind.KEYWORD)), (_LETTER, State.KEYWORD)),
}
"""Where each byte leads from each state: of several entries the last holds, and without any it is a stray byte."""


class _Move(NamedTuple):
    """What one byte does in one state: whether it is used up, the token that is then complete, and the next state."""

    uses: bool
    kind: Kind | None
    state: State


def _move(target: _Target) -> _Move:
    if isinstance(target, State):
        return _Move(True, None, target)
    if isinstance(target, _Before):
        return _Move(False, target.kind, State.START)
    return _Move(True, target, State.RECOVERY if target is Kind.STRAY else State.START)


def _moves(entries: tuple[tuple[bytes, _Target], ...]) -> tuple[_Move, ...]:
    moves = [_move(Kind.STRAY)] * len(_ANY)
    for some, target in entries:
        for byte in some:
            moves[byte] = _move(target)
    return tuple(moves)


_MOVES: Final[Mapping[State, tuple[_Move, ...]]] = {state: _moves(entries) for state, entries in _TABLE.items()}


def _loop(state: State) -> re.Pattern[bytes]:
    """The bytes that leave a state as it is, in strings those too that leave it and come back at once."""
    staying = bytes(byte for byte, move in enumerate(_MOVES[state]) if move == _Move(True, None, state))
    loop = b"[" + re.escape(staying) + b"]*+" if staying else b""
    if state in (State.DOUBLE, State.SINGLE):
        loop = rb"(?:[" + re.escape(staying) + rb"]++|\\[" + re.escape(_TEXT) + rb"])*+"
    return re.compile(loop)


_LOOPS: Final[Mapping[State, re.Pattern[bytes]]] = {state: _loop(state) for state in State}
"""The same table once more, to take long strings at a stroke."""

_STROKE: Final = 1 << 16
"""The most bytes taken at a stroke."""

_A_STRING: Final = rb"""(?:"(?:[ !\x23-\x5b\x5d-\xfd]++|\\[ -\xfd])*+"|'(?:[ -&\x28-\x5b\x5d-\xfd]++|\\[ -\xfd])*+')"""
_AN_INTEGER: Final = rb"-?+(?:0(?=[^0-9.])|[1-9][0-9]*+(?=[^0-9.eE]))"
_A_WORD: Final = rb"[a-z]++(?=[^a-z])"
_WHITE_SPACE: Final = rb"[ \t\r\n]*+"

_WHOLE: Final = re.compile(
    _WHITE_SPACE + rb"(?:([\[\]{}:,])|(" + _A_STRING + rb")|(" + _AN_INTEGER + rb")|(" + _A_WORD + rb"))"
)
"""And once more, to take the commoner tokens at a stroke where all of one is there."""

INNER: Final = re.compile(
    rb"(?:" + _WHITE_SPACE + rb"(?:[:,]|" + _A_STRING + rb"|" + _AN_INTEGER + rb"|" + _A_WORD + rb"))++"
)
"""Many tokens of which none opens or closes anything."""

INNER_TOKEN: Final = re.compile(_A_STRING + rb"|-?[0-9]+|[a-z]+|[:,]")
"""Each of them."""

FIRST: Final[Mapping[int, Kind]] = {
    **dict.fromkeys(b"\"'", Kind.STRING),
    **dict.fromkeys(b"-" + _DIGIT, Kind.INTEGER),
    **dict.fromkeys(_LETTER, Kind.KEYWORD),
}
"""The kinds of those that are no punctuation, by their first bytes."""

_WHOLE_KINDS: Final = (None, None, Kind.STRING, Kind.INTEGER, Kind.KEYWORD)
"""The kinds of what the groups of `_WHOLE` hold; that of punctuation is its text."""

PUNCTUATION: Final[Mapping[bytes, Token]] = {
    kind.value.encode(): Token(kind, kind.value.encode()) for kind in list(Kind)[: len(_STRUCTURAL)]
}
"""The tokens of one byte each, which always are the same ones."""

_BETWEEN: Final = frozenset({State.START, State.RECOVERY})


class Lexer:
    """Cuts a stream into tokens, however it was cut on its way.

    It is changed by what it is fed, for a token may be as long as `limit` bytes. `state` is what it is in the
    middle of.
    """

    __slots__ = ("_limit", "_token", "state")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._token = bytearray()
        self.state = State.START

    @property
    def token(self) -> bytes:
        """The beginning of the token that is not complete."""
        return bytes(self._token)

    def copy(self) -> Self:
        """Another lexer in the same state."""
        other = type(self)(self._limit)
        other._token += self._token
        other.state = self.state
        return other

    def next(self, data: bytes, position: int = 0) -> tuple[Token | None, int]:
        """Take bytes from a position on until a token is complete; return it, and the position after what was taken.

        There is no token where all the bytes were taken and none is complete.
        """
        while position < len(data):
            if self.state is State.START:
                whole = _WHOLE.match(data, position, position + _STROKE)
                if whole and whole.end(whole.lastindex or 0) - whole.start(whole.lastindex or 0) <= self._limit:
                    text = whole[whole.lastindex or 0]
                    kind = _WHOLE_KINDS[whole.lastindex or 0]
                    return (PUNCTUATION[text] if kind is None else Token(kind, text)), whole.end()
            token, position = self._step(data, position)
            if token is not None:
                return token, position
        return None, position

    def _step(self, data: bytes, position: int) -> tuple[Token | None, int]:
        """Take one byte, or some that change nothing."""
        token = None
        room = min(self._limit + 1 - len(self._token), _STROKE)
        looped = _LOOPS[self.state].match(data, position, position + room)
        if looped and looped.end() > position:
            position = looped.end()
            if self.state not in _BETWEEN:
                self._token += looped.group()
        else:
            move = _MOVES[self.state][data[position]]
            if move.uses:
                self._token.append(data[position])
                position += 1
            if move.kind is not None:
                token = Token(move.kind, bytes(self._token))
            self.state = move.state
            if self.state in _BETWEEN:
                self._token.clear()
        if len(self._token) > self._limit:
            token = Token(Kind.TOO_LONG, bytes(self._token))
            self._token.clear()
            self.state = State.START
        return token, position
