"""Two VMs over a link: which steps of one depend on the other, and what they do to the link between them.

The rows and contracts say what a VM can do by itself; whether a stream is there to be loaded is the link's to say.
`link` holds the link's variables, `tie` the form of what binds a step to it, `source` and `destination` the ties.
There is no time and no speed in any of it: it says what can happen, not when.
"""

from __future__ import annotations

from collections.abc import Mapping

from migspec.spec.composition import destination, source
from migspec.spec.composition.link import LINK, UNUSED, Side, Wire
from migspec.spec.composition.tie import Tie, closing
from migspec.spec.rows import Row

SENDING: tuple[Row, ...] = source.SENDING
"""The steps of a source that change nothing but the link."""

END = "process.end"
"""The name of the step in which a process ends, which closes its connections; no row, for the process is gone."""


def _grouped(*ties: Tie) -> Mapping[tuple[Side, str], tuple[Tie, ...]]:
    grouped: dict[tuple[Side, str], tuple[Tie, ...]] = {}
    for one in ties:
        key = (one.side, one.rule)
        grouped[key] = (*grouped.get(key, ()), one)
    return grouped


TIES: Mapping[tuple[Side, str], tuple[Tie, ...]] = _grouped(
    *source.TIES,
    *destination.TIES,
    *closing(Side.SOURCE, END, "Its connections are closed.", Wire.LEFT_BY_SOURCE),
    *closing(Side.DESTINATION, END, "Its connections are closed.", Wire.LEFT_BY_DESTINATION),
)
"""The ties of each step that has any, by the side that takes it and its name."""

__all__ = ["END", "LINK", "SENDING", "TIES", "UNUSED", "Side", "Tie", "Wire"]
