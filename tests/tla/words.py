"""The states of both searchers in one form: the words of `migspec.properties.explorer.canonical`.

Hundreds of thousands of states consist of a few thousand different parts, so each part is put into words once and has
a number from then on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from tests.tla import dump
from tests.tla.modules import LEFT_OUT, fields

from migspec.properties.explorer import canonical
from migspec.properties.explorer.environment import ASKS
from migspec.properties.explorer.graph import Composition, Explored
from migspec.spec.composition import LINK, Side
from migspec.spec.composition.link import described
from migspec.spec.state import FRESH, VARIABLES
from migspec.spec.steps import THREADS

CONSTANT: Mapping[str, str | None] = {name: VARIABLES[name].known(FRESH) for name in LEFT_OUT if name != "session"}
"""What the variables that the module leaves out are in every state."""

_FIELDS = fields()
_CAPABILITIES = tuple(name for name in VARIABLES if name.startswith("cap."))


class Numbers:
    """Numbers for words: equal words have one number, whoever says them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.words: list[str] = []

    def of(self, words: object) -> int:
        """The number of these words."""
        text = json.dumps(words, sort_keys=True)
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.words)
            self.words.append(text)
        return found


State = tuple[int, ...]
"""A state: the numbers of both VMs, of the link and of what is left."""


def explored(composition: Composition, found: Explored, numbers: Numbers) -> Iterator[State]:
    """The states that the explorer has found."""
    vms = {
        side: [numbers.of(canonical.vm(composition, configuration, side)) for configuration in vm.configurations]
        for side, vm in composition.vms.items()
    }
    links: dict[int, int] = {}
    left: dict[tuple[int, ...], int] = {}
    for state in found.found:
        source, destination = composition.numbers(state)
        place = composition.place(state)
        counters = tuple(place.left.values())
        if place.link not in links:
            links[place.link] = numbers.of(dict(described(place.link)))
        if counters not in left:
            left[counters] = numbers.of(dict(place.left))
        yield vms[Side.SOURCE][source], vms[Side.DESTINATION][destination], links[place.link], left[counters]


class Checked:
    """The states that TLC has found, put into words."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._known: dict[tuple[str, ...], int] = {}

    def states(self, text: TextIO) -> Iterator[State]:
        """Those of a dump."""
        return (self.state(variables) for variables in dump.states(text))

    def state(self, variables: Mapping[str, str]) -> State:
        """One of them."""
        source, destination = zip(*(dump.halves(variables[name]) for name in _OF_SIDES), strict=True)
        return (
            self._vm(source),
            self._vm(destination),
            self._part("link", variables["link"]),
            self._part("left", variables["left"]),
        )

    def _vm(self, parts: tuple[str, ...]) -> int:
        found = self._known.get(parts)
        if found is None:
            found = self._known[parts] = self._numbers.of(vm_words(*map(dump.value, parts)))
        return found

    def _part(self, name: str, text: str) -> int:
        found = self._known.get((name, text))
        if found is None:
            words = link_words(dump.value(text)) if name == "link" else dict(dump.value(text) or {})
            found = self._known[name, text] = self._numbers.of(words)
        return found


_OF_SIDES = ("vm", "owed", "asked", "open")


def vm_words(vm: Mapping[str, Any], owed: Mapping[str, Any], asked: tuple[str, ...], is_open: bool) -> dict[str, Any]:
    """A VM of the module, in words."""
    assert set(vm) == {*_FIELDS, "caps"}, set(vm) ^ {*_FIELDS, "caps"}
    assert set(asked) <= set(ASKS)
    return {
        **CONSTANT,
        **{variable: _word(vm[name]) for name, variable in _FIELDS.items()},
        **{name: _word(name.removeprefix("cap.") in vm["caps"]) for name in _CAPABILITIES},
        "owed": {thread.value: list(owed[thread]) for thread in THREADS if owed.get(thread)},
        "asked": list(asked),
        "open": is_open,
    }


def link_words(link: Mapping[str, Any]) -> dict[str, str]:
    """A link of the module, in words."""
    return {name: _word(link[name]) for name in LINK}


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"
