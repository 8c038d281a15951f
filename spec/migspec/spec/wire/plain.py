r"""The plain way: JSON that everybody reads alike, read at a stroke.

Nearly all that clients send is JSON in ASCII without escapes, fractions, large numbers or doubled keys.  Of such a
text an ordinary decoder makes the same value as `stream`, in a hundredth of the time.  What is not certain to be
one is left to the long way.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from migspec.spec.schema import ABSENT, Absent
from migspec.spec.wire.numbers import LARGEST, SMALLEST

_LONGEST: Final = 1 << 16
"""The most bytes in which the end of an object is looked for."""


def _object(inner: bytes) -> bytes:
    """The pattern of an object with no escapes in it; `inner` is the alternative for the objects in it."""
    return rb"""\{(?:[^{}"'\\]++|"[^"\\]*+\"""" + inner + rb")*+\}"


_OBJECT: Final = re.compile(
    rb"[ \t\r\n]*+" + _object(b"|" + _object(b"|" + _object(b"|" + _object(b"")))) + rb"[ \t\r\n]*+"
)


def find_plain(data: bytes, position: int = 0) -> tuple[object | Absent, int]:
    """The plain object at a position, with white space around it, and where it ends; `ABSENT` if there is none."""
    found = _OBJECT.match(data, position, position + _LONGEST)
    if found is None:
        return ABSENT, position
    value = read_plain(found.group())
    return value, position if value is ABSENT else found.end()


def read_plain(text: bytes) -> object | Absent:
    """The value of a whole text; `ABSENT` for one that has to be read with more care."""
    if b"\\" in text or not text.isascii():
        return ABSENT
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return ABSENT
    strings = 0
    inside = [value]
    while inside:
        part = inside.pop()
        kind = type(part)
        if kind is str:
            strings += 1
        elif kind is dict:
            strings += len(part)
            inside += part.values()
        elif kind is list:
            inside += part
        elif kind is float or (kind is int and not SMALLEST <= part <= LARGEST):
            return ABSENT
    # a member that is named twice is there once
    return value if 2 * strings == text.count(b'"') else ABSENT
