r"""Strings: how QEMU reads the inside of one, and how it prints text.

QEMU keeps text in modified UTF-8, in which U+0000 is C0 80 so that no byte of a text is zero. Overlong forms
but this one, surrogates, the 66 noncharacters and what is beyond U+10FFFF are refused, written out as well as
escaped. When it prints text that is not valid, as that of an error about strange bytes, each bad sequence
becomes U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_LARGEST: Final = 0x10FFFF
_REPLACEMENT: Final = "\ufffd"
_SMALLEST: Final = (0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000)
"""The smallest code point that needs so many bytes."""

_ESCAPES: Final[Mapping[int, str]] = {
    ord(letter): meant
    for letter, meant in {
        '"': '"',
        "'": "'",
        "\\": "\\",
        "/": "/",
        "b": "\b",
        "f": "\f",
        "n": "\n",
        "r": "\r",
        "t": "\t",
    }.items()
}
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{4}")
_SIMPLE: Final = re.compile(rb"[\x01-\x7f]*+")
_UNESCAPED: Final = re.compile(rb"[\x01-\x5b\x5d-\x7f]++")
_NO_CHARACTERS: Final = re.compile(
    "[\0\ufdd0-\ufdef"
    + "".join(chr(plane + last) for plane in range(0, _LARGEST, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)

BAD_ESCAPE: Final = "invalid escape sequence in string"
"""The words for a backslash before anything else than what JSON allows, or a single quote."""
BAD_BYTES: Final = "invalid UTF-8 sequence in string"
"""The words for bytes that are no text."""
BAD_CHARACTER: Final = "is not a valid Unicode character"
r"""The words, after the escape itself, for one like `\ud800`."""


class StringError(ValueError):
    """A string that cannot be read; `problem` is what QEMU says of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def valid(point: int) -> bool:
    """Whether QEMU takes a code point for a character."""
    noncharacter = 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE
    return 0 <= point <= _LARGEST and not noncharacter and not 0xD800 <= point <= 0xDFFF


def character(text: bytes, start: int) -> tuple[int | None, int]:
    """The code point that begins at `start`, None where that is no valid sequence, and where the next one begins."""
    first = text[start]
    if first < 0x80:
        return (first or None), start + 1
    length = next(count for count in range(9) if count == 8 or not first & (0x80 >> count))
    if length == 1 or length > 6:
        return None, start + 1
    point = first & (0x7F >> length)
    for place in range(start + 1, start + length):
        if place >= len(text) or text[place] & 0xC0 != 0x80:
            return None, place
        point = point << 6 | text[place] & 0x3F
    fits = point >= _SMALLEST[length] or (point, length) == (0, 2)
    return (point if valid(point) and fits else None), start + length


def _plain(text: bytes) -> str | None:
    """Text that is nothing but valid UTF-8 of characters, as nearly all is; None for any other."""
    if _SIMPLE.fullmatch(text):
        return text.decode("ascii")
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return None
    return None if _NO_CHARACTERS.search(decoded) else decoded


def printed(text: bytes) -> str:
    """What a client reads where QEMU prints these bytes: bad sequences are replaced."""
    plain = _plain(text)
    if plain is not None:
        return plain
    shown: list[str] = []
    place = 0
    while place < len(text):
        run = _UNESCAPED.match(text, place)
        if run:
            shown.append(run.group().decode("ascii"))
            place = run.end()
            continue
        point, place = character(text, place)
        shown.append(_REPLACEMENT if point is None else chr(point))
    return "".join(shown)


def read(token: bytes) -> str:
    """The value of a string token, given with its quotes.

    Raises `StringError` for one that QEMU refuses.
    """
    inside = token[1:-1]
    plain = None if b"\\" in inside else _plain(inside)
    if plain is not None:
        return plain
    parts: list[str] = []
    place = 0
    while place < len(inside):
        run = _UNESCAPED.match(inside, place)
        if run:
            parts.append(run.group().decode("ascii"))
            place = run.end()
            continue
        if inside[place] == ord("\\"):
            part, place = _escaped(token, inside, place)
            parts.append(part)
            continue
        point, place = character(inside, place)
        if point is None:
            raise StringError(BAD_BYTES)
        parts.append(chr(point))
    return "".join(parts)


def _escaped(token: bytes, inside: bytes, start: int) -> tuple[str, int]:
    letter = inside[start + 1]
    if letter != ord("u"):
        if letter not in _ESCAPES:
            raise StringError(BAD_ESCAPE)
        return _ESCAPES[letter], start + 2
    point, length = _unicode(inside, start)
    if not valid(point):
        # it is quoted with the bytes that should be its digits, even if the closing quote is among them
        raise StringError(f"{printed(token[start + 1 : start + 1 + length])} {BAD_CHARACTER}")
    return chr(point), start + length


def _unicode(inside: bytes, start: int) -> tuple[int, int]:
    """The code point of an escape, -1 where it has none, and the length of the escape: a pair is two in one."""
    high = _hex(inside, start + 2)
    if not 0xD800 <= high <= 0xDBFF or inside[start + 6 : start + 8] != b"\\u":
        return high, 6
    low = _hex(inside, start + 8)
    if not 0xDC00 <= low <= 0xDFFF:
        return -1, 6
    return 0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF), 12


def _hex(inside: bytes, start: int) -> int:
    digits = _HEX.match(inside, start)
    return int(digits.group(), 16) if digits else -1
