"""The form of a tie: what a step of one VM has to do with the link and with the other VM.

A step that no tie names has nothing to do with either: whether it may be taken, the state of its VM says alone.  Of a
step with ties one must apply, and says what becomes of the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from migspec.spec.composition.link import LINK, WIRE_UP, Side, Wire
from migspec.spec.conditions import ALWAYS, Condition
from migspec.spec.state import assign


@dataclass(frozen=True, slots=True)
class Tie:
    """One way in which a step may depend on the link, and change it.

    `rule` is the id of the row or case that is the step, `side` who takes it.  It may be taken where `link` holds of
    the link, `own` of the state in which it is taken, and `peer` of the other VM's state.  `then` is what it makes of
    the link; `settles` decides what the step itself leaves open.
    """

    rule: str
    side: Side
    sentence: str
    link: Condition = ALWAYS
    own: Condition = ALWAYS
    peer: Condition = ALWAYS
    then: tuple[tuple[str, str], ...] = ()
    settles: tuple[tuple[str, str], ...] = ()

    def after(self, link: int) -> int:
        """What becomes of the link."""
        return assign(link, dict(self.then), LINK)


def tie(
    side: Side,
    rule: str,
    sentence: str,
    *,
    link: Condition = ALWAYS,
    own: Condition = ALWAYS,
    peer: Condition = ALWAYS,
    then: Mapping[str, str] | None = None,
    settles: Mapping[str, str] | None = None,
) -> Tie:
    """A tie in the tables' own notation."""
    return Tie(rule, side, sentence, link, own, peer, tuple((then or {}).items()), tuple((settles or {}).items()))


def closing(side: Side, rule: str, sentence: str, wire: Wire) -> tuple[Tie, ...]:
    """The ties of a step that takes the connection away, if it is still there."""
    return (
        tie(side, rule, sentence, link=WIRE_UP, then={"wire": wire}),
        tie(side, rule, "There is no connection left to be closed.", link=~WIRE_UP),
    )
