"""Contracts of the commands of COLO, and what its status must show.

Texts and order: observed on QEMU 5.2.0. The reason is kept apart from the status: it is that of the last failover that
was ordered, and the thread of COLO may find out too early to give the same one in its event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migspec.spec.conditions import Condition, where
from migspec.spec.contracts import Case, Contract, refusal
from migspec.spec.vocabulary import COLOExitReason, COLOMode, FailoverStatus

QUERY = "query-colo-status"

PRIMARY = where({"outgoing": "colo"}, "the primary is in COLO")
SECONDARY = where({"incoming": "colo"}, "the secondary is in COLO")
NOT_IN_COLO = (~(PRIMARY | SECONDARY)).named("neither side is in COLO")

UNDER_WAY: tuple[str, ...] = (FailoverStatus.REQUIRE, FailoverStatus.ACTIVE, FailoverStatus.RELAUNCH)
"""The stages of a failover that was ordered and is not done."""

_UNDER_WAY = where({"colo-failover": UNDER_WAY}, "a failover is under way")
_NOT_ORDERED = where({"colo-failover": FailoverStatus.NONE}, "no failover was ordered")
_DONE = where({"colo-failover": FailoverStatus.COMPLETED}, "the failover is done")


@dataclass(frozen=True, slots=True)
class ColoAnswer:
    """A query-colo-status answer, all of which the state decides."""

    mode: str
    last_mode: str
    reason: str

    def __str__(self) -> str:
        return f"mode {self.mode}, last mode {self.last_mode}, reason {self.reason}"


_MODES: dict[str, Condition] = {
    COLOMode.PRIMARY: PRIMARY,
    COLOMode.SECONDARY: ~PRIMARY & SECONDARY,
    COLOMode.NONE: NOT_IN_COLO,
}
_REASONS: dict[str, Condition] = {
    COLOExitReason.NONE: _NOT_ORDERED,
    COLOExitReason.REQUEST: _DONE,
    COLOExitReason.PROCESSING: _UNDER_WAY & PRIMARY,
    COLOExitReason.ERROR: _UNDER_WAY & ~PRIMARY,
}


def fits(answer: ColoAnswer) -> tuple[Condition, ...]:
    """The conditions under which a VM gives this answer; it fits where one of them holds."""
    (_, whole), *others = parts(answer)
    for _, condition in others:
        whole &= condition
    return (whole,) if whole.cases else ()


def parts(answer: ColoAnswer) -> Iterator[tuple[str, Condition]]:
    """For each member of the answer its name and the condition under which it is so."""
    yield "mode", _MODES[answer.mode]
    yield "last-mode", where({"colo-last": answer.last_mode}, f"the VM was {answer.last_mode} last")
    yield "reason", _REASONS[answer.reason]


X_COLO_LOST_HEARTBEAT = Contract(
    "x-colo-lost-heartbeat",
    (
        refusal(
            "x-colo-lost-heartbeat.not-in-colo",
            "Only a side in COLO can take over.",
            "The feature 'colo' is not enabled",
            when=NOT_IN_COLO,
            clause="x-colo-lost-heartbeat",
        ),
        refusal(
            "x-colo-lost-heartbeat.repeated",
            "A failover that was ordered is not ordered again.",
            "COLO failover is already activated",
            when=~_NOT_ORDERED,
            clause="x-colo-lost-heartbeat",
            evidence="read in the release's source; never recorded",
        ),
        Case(
            "x-colo-lost-heartbeat.accepted",
            "The side leaves COLO and runs the guest alone.",
            then={"colo-failover": FailoverStatus.REQUIRE},
            clause="x-colo-lost-heartbeat",
            evidence="12 recorded",
        ),
    ),
)

QUERY_COLO_STATUS = Contract(
    QUERY,
    (Case("query-colo-status.answered", "The query is answered.", clause=QUERY),),
    query=QUERY,
)

CONTRACTS: tuple[Contract, ...] = (X_COLO_LOST_HEARTBEAT, QUERY_COLO_STATUS)
"""The contracts of this module."""
