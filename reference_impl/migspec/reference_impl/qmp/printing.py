"""Printing: JSON byte for byte as QEMU 5.2 writes it.

Members come in the order of QEMU's hash table, those that share a slot as they are given. A blank follows each comma
and colon, doubles have six decimals at most, and whatever is not printable ASCII is escaped.  What an ordinary
encoder prints in the same way is left to it once its members are in order; the rest, and the indented form, is
written step by step, for a value may be nested deeper than the interpreter's stack allows.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from migspec.spec.wire.numbers import spelled
from migspec.spec.wire.order import in_order, slot

_Order = tuple[str, ...]

_orders: dict[_Order, _Order] = {}
_MOST_ORDERS: Final = 4096
_LONGEST_NAMES: Final = 1 << 10
"""Names of so many characters together are not worth to be remembered."""


def _order(names: _Order) -> _Order:
    """The names in the order of QEMU; remembered, for replies have the same few forms."""
    order = _orders.get(names)
    if order is None:
        order = tuple(sorted(names, key=slot))
        if sum(map(len, names)) <= _LONGEST_NAMES:
            if len(_orders) >= _MOST_ORDERS:
                _orders.clear()
            _orders[names] = order
    return order


def printed(value: object, *, pretty: bool = False) -> bytes:
    """The text of a JSON value, indented if it shall be `pretty`, without a line end.

    Its integers have 64 bits, with or without a sign: QEMU knows no others.

    Raises `UnprintableError` for what is none.
    """
    if not pretty:
        try:
            text = msgspec.json.format(msgspec.json.encode(_arranged(value)), indent=0)
        except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError):
            # infinite, wider than 64 bits, nested too deeply, or of a type of its own
            return _written(value, pretty=False)
        if text.isascii() and b"\x7f" not in text and (b"\\" not in text or b"\\u" not in text):
            return text
    return _written(value, pretty=pretty)


class UnprintableError(TypeError):
    """Something that is no JSON value was to be printed; `value` is it."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{value!r} is no JSON value")
        self.value = value


def as_read(value: object) -> object:
    """A value that QEMU has read, with the members of each object as it goes through them, for members share slots."""
    whole = [value]
    ahead: list[tuple[Any, Any]] = [(whole, 0)]
    while ahead:
        holder, place = ahead.pop()
        part = holder[place]
        if isinstance(part, dict):
            part = holder[place] = {name: part[name] for name in in_order(part)}
            ahead += [(part, name) for name in part]
        elif isinstance(part, list):
            part = holder[place] = list(part)
            ahead += [(part, index) for index in range(len(part))]
    return whole[0]


_PARTLESS: Final = frozenset({str, int, bool, type(None)})


def _arranged(value: object) -> object:
    """The same value with its members in order and its doubles as they are printed."""
    if isinstance(value, dict):
        names = tuple(value)
        return {
            name: member if type(member := value[name]) in _PARTLESS else _arranged(member)
            for name in _orders.get(names) or _order(names)
        }
    if isinstance(value, list | tuple):
        return [part if type(part) in _PARTLESS else _arranged(part) for part in value]
    if isinstance(value, float):
        return msgspec.Raw(f"{value:f}".rstrip("0").removesuffix(".").encode())
    return value


_TO_ESCAPE: Final = re.compile(r"[^ !#-\[\]-~]")
_SHORT: Final[Mapping[str, str]] = {
    '"': r"\"",
    "\\": r"\\",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
}
_FEW: Final = 64


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    point = ord(character)
    if point < 0x10000:
        return f"\\u{point:04X}"
    point -= 0x10000
    return f"\\u{0xD800 + (point >> 10):04X}\\u{0xDC00 + (point & 0x3FF):04X}"


def _string(text: str) -> str:
    strange = set(_TO_ESCAPE.findall(text))
    if len(strange) > _FEW:
        return f'"{_TO_ESCAPE.sub(lambda found: _escape(found.group()), text)}"'
    # a long text of few characters takes no longer than a few; the backslash first, for the others bring some
    for character in sorted(strange, key="\\".__ne__):
        text = text.replace(character, _escape(character))
    return f'"{text}"'


def _scalar(value: object) -> str:
    """The text of a value without parts."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return spelled(value)
    if isinstance(value, str):
        return _string(str(value))
    raise UnprintableError(value)


def _written(value: object, *, pretty: bool) -> bytes:
    """The text of a value, written step by step."""
    parts: list[str] = []
    # what is still to be written, last first: texts, and values with their depth
    ahead: list[str | tuple[object, int]] = [(value, 0)]
    while ahead:
        item = ahead.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        part, depth = item
        if isinstance(part, dict):
            opening, closing = "{", "}"
            entries = [(f"{_string(str(name))}: ", part[name]) for name in _order(tuple(part))]
        elif isinstance(part, list | tuple):
            opening, closing = "[", "]"
            entries = [("", element) for element in part]
        else:
            parts.append(_scalar(part))
            continue
        line = "\n" + "    " * depth if pretty else ""
        inner = f"{line}    " if pretty else ""
        ahead.append(line + closing)
        separator = f",{inner}" if pretty else ", "
        for place in range(len(entries) - 1, -1, -1):
            name, member = entries[place]
            ahead += ((member, depth + 1), (separator if place else opening + inner) + name)
        if not entries:
            parts.append(opening)
    return "".join(parts).encode("ascii")
