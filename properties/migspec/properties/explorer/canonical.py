"""States of a composition in words: the form in which they are printed, and compared with those of another searcher.

The words are those of the tables. What two formulations must agree on is what they say in this form, whatever they use
inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migspec.properties.explorer.graph import Composition
from migspec.spec.commands import CONTRACTS
from migspec.spec.composition import Side
from migspec.spec.composition.link import described
from migspec.spec.contracts import SEEN, Case
from migspec.spec.requests import Request
from migspec.spec.state import FRESH, VARIABLES, Variable, assign
from migspec.spec.steps import THREADS, Configuration, Due, Owed

SHOWN: tuple[str, ...] = tuple(name for name in VARIABLES if name != "session")
"""The variables of a VM that are told: all but the negotiation, which is over."""


def words(composition: Composition, state: int) -> dict[str, Any]:
    """A state in words: both VMs, the link, and how often each thing may still happen."""
    place = composition.place(state)
    return {
        Side.SOURCE.value: vm(composition, place.source, Side.SOURCE),
        Side.DESTINATION.value: vm(composition, place.destination, Side.DESTINATION),
        "link": dict(described(place.link)),
        "left": dict(place.left),
    }


def vm(composition: Composition, c: Configuration, side: Side) -> dict[str, Any]:
    """One VM in words: its variables, what each thread owes, what it was asked, and whether its monitor is open."""
    named = {request: name for name, request in composition.vms[side].asks}
    return {
        **{name: VARIABLES[name].known(c.state) for name in SHOWN},
        "owed": {
            thread.value: [_item(item, named) for item in c.owed[i]] for i, thread in enumerate(THREADS) if c.owed[i]
        },
        "asked": [named[request] for request in (*c.monitors[0].queue, *c.monitors[0].oob)],
        "open": c.monitors[0].connected,
    }


def _item(item: Owed, named: Mapping[Request, str]) -> str:
    """What is owed: a reply by the request, the case that says what it is, and whatever else it tells."""
    if isinstance(item, str):
        return item
    return ":".join(("reply", named[item.request], item.expect.rule, *_told(item)))


def _told(due: Due) -> Iterator[str]:
    """What a reply tells of the state in which its request was executed, which may have changed since."""
    expect = due.expect
    if expect.query:
        yield ",".join(f"{name}={'|'.join(variable.of(expect.seen))}" for name, variable in _SEEN.items())
        if expect.torn:
            yield expect.torn
    case = _SPLIT.get(expect.rule)
    if case is not None and callable(case.words):
        for value in VARIABLES[case.split_on].values:
            if case.words(due.request, assign(FRESH, {case.split_on: value})) == expect.words:
                yield value


_SEEN: Mapping[str, Variable] = {name: variable for name, variable in VARIABLES.items() if variable.field & SEEN}
_SPLIT: Mapping[str, Case] = {
    case.id: case for contract in CONTRACTS.values() for case in contract.cases if case.split_on
}
