"""The parser: a balanced run of tokens in, one value out, or the words with which QEMU refuses it.

The first fault is the answer. The words are chosen by what the parser expected, not by what it met. Objects and
arrays are kept on a stack and not on that of the interpreter, because a text may be nested 1024 deep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from migspec.spec.wire.numbers import read_integer
from migspec.spec.wire.strings import StringError, printed, read
from migspec.spec.wire.tokens import Kind, Token

PARSE_ERROR: Final = "JSON parse error, "
"""How every text about input that cannot be parsed begins."""

DUPLICATE_KEY: Final = "duplicate key"
"""The words for an object that names a member twice."""

_MESSAGE_SIZE: Final = 1023
"""Bytes that the words about a fault may have; the rest is cut off."""

_KEYWORDS: Final[Mapping[bytes, object]] = {b"true": True, b"false": False, b"null": None}


class ParseError(ValueError):
    """Tokens that are no value; `text` is what QEMU says of them."""

    def __init__(self, words: str) -> None:
        self.text = PARSE_ERROR + words[:_MESSAGE_SIZE]
        super().__init__(self.text)


def _keyword(text: bytes) -> object:
    if text not in _KEYWORDS:
        raise ParseError(f"invalid keyword '{printed(text)}'")
    return _KEYWORDS[text]


def _string(text: bytes) -> str:
    try:
        return read(text)
    except StringError as error:
        raise ParseError(error.problem) from None


_SCALARS: Final[Mapping[Kind, Callable[[bytes], object]]] = {
    Kind.STRING: _string,
    Kind.INTEGER: read_integer,
    Kind.FLOAT: float,
    Kind.KEYWORD: _keyword,
}
"""How a token that is a value by itself is read."""


class _Want(Enum):
    """What an open object or array expects next."""

    FIRST = "a key or value, or the end"
    KEY = "a key"
    COLON = "a colon"
    VALUE = "a value"
    SEPARATOR = "a comma or the end"


class _Form(NamedTuple):
    """How objects and arrays differ: what ends one, what stands between commas, and what is said if neither comes."""

    make: Callable[[], dict[str, object] | list[object]]
    end: Kind
    item: _Want
    words: str


_FORMS: Final[Mapping[Kind, _Form]] = {
    Kind.OPEN_BRACE: _Form(dict, Kind.CLOSE_BRACE, _Want.KEY, "expected separator in dict"),
    Kind.OPEN_BRACKET: _Form(list, Kind.CLOSE_BRACKET, _Want.VALUE, "expected separator in list"),
}


@dataclass(slots=True)
class _Open:
    """An object or array that is not complete."""

    form: _Form
    value: dict[str, object] | list[object] = field(init=False)
    want: _Want = _Want.FIRST
    key: str = ""

    def __post_init__(self) -> None:
        self.value = self.form.make()

    def take(self, item: object) -> None:
        """Put a complete value where it belongs."""
        if self.want is _Want.KEY:
            if not isinstance(item, str):
                raise ParseError("key is not a string in object")
            self.key, self.want = item, _Want.COLON
        elif isinstance(self.value, list):
            self.value.append(item)
            self.want = _Want.SEPARATOR
        else:
            if self.key in self.value:
                raise ParseError(DUPLICATE_KEY)
            self.value[self.key] = item
            self.want = _Want.SEPARATOR

    def ends_with(self, kind: Kind) -> bool:
        """Whether a token ends it; one that is neither that nor what it expects besides is a fault."""
        if self.want in (_Want.FIRST, _Want.SEPARATOR) and kind is self.form.end:
            return True
        if self.want is _Want.SEPARATOR and kind is not Kind.COMMA:
            raise ParseError(self.form.words)
        if self.want is _Want.COLON and kind is not Kind.COLON:
            raise ParseError("missing : in object pair")
        return False

    def passes(self, kind: Kind) -> bool:
        """Whether a token is mere punctuation, after which it expects something else."""
        if self.want in (_Want.SEPARATOR, _Want.COLON):
            self.want = self.form.item if self.want is _Want.SEPARATOR else _Want.VALUE
            return True
        if self.want is _Want.FIRST:
            self.want = self.form.item
        return False


def parse(tokens: Iterable[Token]) -> object:
    """The value of a run of tokens that `stream` found to be balanced, or to close more than was opened.

    Raises `ParseError`.
    """
    stack: list[_Open] = []
    for kind, text in tokens:
        if stack and stack[-1].ends_with(kind):
            complete: object = stack.pop().value
        elif stack and stack[-1].passes(kind):
            continue
        elif kind in _FORMS:
            stack.append(_Open(_FORMS[kind]))
            continue
        elif kind in _SCALARS:
            complete = _SCALARS[kind](text)
        else:
            raise ParseError("expecting value")
        if not stack:
            return complete
        stack[-1].take(complete)
    raise ParseError("premature EOI")
