"""States of a composition in words: the form in which they are printed, and compared with those of another searcher.

The words are those of the tables. What two formulations must agree on is what they say in this form, whatever they use
inside.
"""

from __future__ import annotations

from typing import Any

from migspec.properties.explorer.graph import Composition
from migspec.spec.composition import Side
from migspec.spec.composition.link import described
from migspec.spec.state import VARIABLES
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
        "owed": {thread.value: [_item(item) for item in c.owed[i]] for i, thread in enumerate(THREADS) if c.owed[i]},
        "asked": [named[request] for request in (*c.monitors[0].queue, *c.monitors[0].oob)],
        "open": c.monitors[0].connected,
    }


def _item(item: Owed) -> str:
    return f"reply:{item.expect.rule}" if isinstance(item, Due) else item
