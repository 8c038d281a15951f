"""What qmp-shell makes of a typed line: the name of a command and its arguments, `key=value` each.

There are three generations of the shell. The first splits at blanks and knows numbers, `true`, `false` and JSON
objects; the second also takes lists, literals of Python, other spellings of the words, and transactions of several
lines; the third keeps quoted text together, with its quotes. A key with dots leads into nested objects. Since the
second generation the keys after it are looked for where it led to: that may not be meant, and is what the shell sends.

Source: read off the behaviour of qmp-shell of QEMU 0.15 to 9.0.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

from migspec.traces.importers.values import json_of

_QUOTED: Final = re.compile(r"""(?:"(?:\\.|[^"])*"|'(?:\\.|[^'])*'|[^\s"'])+""")
_WORDS: Final = {"true": True, "false": False}
_NAMES: Final = {**_WORDS, "null": None}


class _RefusedError(Exception):
    """The shell does not understand a line, and sends nothing."""


class _Literals(ast.NodeTransformer):
    """Gives the words of JSON the values that they have there."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A name, as a constant where JSON has it."""
        return ast.Constant(_NAMES[node.id]) if node.id in _NAMES else node


class Shell:
    """One generation of the shell: how it splits a line, reads a value, and where it looks for a key after dots."""

    def __init__(
        self, split: Callable[[str], Sequence[str]], value: Callable[[str], object], *, stays_inside: bool
    ) -> None:
        self._split = split
        self._value = value
        self._stays_inside = stays_inside
        self._actions: list[object] | None = None

    def request(self, line: str) -> bytes | None:
        """The request that is sent after a line; None where nothing is, or nothing that can be told."""
        try:
            sent = self._sent(self._split(line))
        except _RefusedError:
            return None
        return None if sent is None else json_of(sent)

    def _sent(self, words: Sequence[str]) -> dict[str, object] | None:
        if words[:1] == ["transaction("] and self._stays_inside:
            self._actions = []
            words = words[1:]
        if not words:
            return None
        if self._actions is None:
            return {"execute": words[0], "arguments": self._arguments(words[1:])}
        if words[0] == ")":
            actions, self._actions = self._actions, None
            if len(words) > 1:
                raise _RefusedError
            return {"execute": "transaction", "arguments": {"actions": actions}}
        is_last = words[-1] == ")"
        given = self._arguments(words[1:-1] if is_last else words[1:])
        self._actions.append({"type": words[0], "data": given})
        return self._sent([")"]) if is_last else None

    def _arguments(self, words: Sequence[str]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        place = arguments
        for word in words:
            key, given, text = word.partition("=")
            if not given:
                raise _RefusedError
            value = self._value(text)
            if not self._stays_inside:
                place = arguments
            *way, last = key.split(".")
            for step in way:
                place = place.setdefault(step, {})
                if not isinstance(place, dict):
                    raise _RefusedError
            if last in place:
                raise _RefusedError
            place[last] = value
        return arguments


def _first_value(text: str) -> object:
    """A value as the first generation reads it."""
    number = _whole(text)
    if number is not None:
        return number
    if text in _WORDS:
        return _WORDS[text]
    if not text.startswith("{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _RefusedError from None


def _value(text: str) -> object:
    """A value as later generations read it."""
    number = _whole(text)
    if number is not None:
        return number
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError:
        raise _RefusedError from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.literal_eval(_Literals().visit(ast.parse(text, mode="eval")))
        except (ValueError, SyntaxError):
            return text
        except (TypeError, MemoryError, RecursionError):
            raise _RefusedError from None


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def first_shell() -> Shell:
    """The shell that prints dictionaries of Python, up to QEMU 2.3."""
    return Shell(str.split, _first_value, stays_inside=False)


def later_shells() -> tuple[Shell, ...]:
    """The shells that print JSON, which do not tell which of them they are."""
    return (Shell(str.split, _value, stays_inside=True), Shell(_QUOTED.findall, _value, stays_inside=True))
