"""The language of fault scripts: text in, faults out, and why a text is none.

    script = fault *(";" fault)
    fault  = PRESET / [when [count] ":"] action
    when   = word ["=" argument]
    count  = "#" (NUMBER / "every")
    action = word ["=" argument] / DEFECT

A fault without a `when` happens at once.  The words are in `migspec.reference_impl.faults.words`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from migspec.reference_impl.faults.model import EVERY, Action, Fault, Happen, Now, TakeRow, Trigger
from migspec.reference_impl.faults.words import (
    ACTIONS,
    KNOWN_DEFECTS,
    PLAIN_TRIGGERS,
    PRESETS,
    ROW_IDS,
    TRIGGERS,
    Form,
    Word,
    one_of,
)

_COUNT: Final = re.compile(r"[1-9]\d{0,5}", re.ASCII)


class FaultError(Exception):
    """A text is no fault script.

    `script` is the whole text, `position` where it is wrong, in characters from 0 on, `found` what is there, and
    `expected` what would have been right.
    """

    def __init__(self, script: str, position: int, found: str, expected: str) -> None:
        there = repr(found) if found else "nothing"
        super().__init__(f"fault script {script!r}, character {position + 1}: found {there}, expected {expected}")
        self.script = script
        self.position = position
        self.found = found
        self.expected = expected


def parse(script: str) -> tuple[Fault, ...]:
    """The faults of a script, in its order.  Raises `FaultError`."""
    faults = tuple(_faults(script))
    if not faults:
        raise FaultError(script, 0, "", "a fault, such as at=40%:cut")
    return faults


def parse_action(text: str) -> Action:
    """An action alone.  Raises `FaultError`."""
    return _action(text, 0, text)


def _faults(script: str) -> Iterator[Fault]:
    start = 0
    for part in script.split(";"):
        text = part.strip()
        if text in PRESETS:
            yield from parse(PRESETS[text].script)
        elif text:
            yield _fault(script, start + part.index(text), text)
        start += len(part) + 1


def _fault(script: str, start: int, text: str) -> Fault:
    head, colon, rest = text.partition(":")
    word = re.split("[=#]", head)[0].strip()
    # an argument may have a colon in it
    if not colon or word in ACTIONS:
        if word in TRIGGERS:
            raise FaultError(script, start + len(text), "", f"a colon and an action after {text}")
        return Fault(Now(), _action(script, start, text))
    trigger, nth = _trigger(script, start, head.rstrip())
    action = rest.strip()
    at = start + len(head) + 1 + (rest.index(action) if action else 0)
    return Fault(trigger, _action(script, at, action), nth)


def _trigger(script: str, start: int, text: str) -> tuple[Trigger, int]:
    word, mark, count = text.partition("#")
    expected = one_of(PLAIN_TRIGGERS, word, "a time")
    trigger = _word(script, start, word, TRIGGERS, expected)
    if not mark or count == "1":
        return trigger, 1
    at = start + len(word) + 1
    if isinstance(trigger, Now):
        raise FaultError(script, at, count, "no count, for now is once")
    if count == "every":
        return trigger, EVERY
    if not _COUNT.fullmatch(count):
        raise FaultError(script, at, count, "a number from 1 on, or every")
    return trigger, int(count)


def _action(script: str, start: int, text: str) -> Action:
    if text in KNOWN_DEFECTS:
        return TakeRow(text) if text in ROW_IDS else Happen(text)
    return _word(script, start, text, ACTIONS, one_of(ACTIONS, text, "an action"))


def _word(script: str, start: int, text: str, forms: Mapping[str, Form[Word]], expected: str) -> Word:
    name, equals, argument = text.partition("=")
    form = forms.get(name)
    if form is None:
        raise FaultError(script, start, name, expected)
    built = form.build(argument) if argument or not equals else None
    if built is None:
        raise FaultError(script, start + len(name + equals), argument, form.wanted(argument))
    return built
