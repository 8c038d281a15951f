"""What a connection hands on to the machine: calls, and input that was no request, which is answered too."""

from dataclasses import dataclass

from migspec.reference_impl.calls import Call, Failure
from migspec.spec.schema import ABSENT, Absent


@dataclass(frozen=True, slots=True)
class Complaint:
    """Input that was no request: `failure` is the answer that it gets when its turn comes.

    `id` is sent back with it, `ABSENT` for none; `oob` tells whether it asked to be answered out of turn.
    """

    failure: Failure
    id: object | Absent = ABSENT
    oob: bool = False


Item = Call | Complaint
"""What is answered by one reply."""


class OutOfTurnError(LookupError):
    """An item was answered that has no turn.

    `item` is what was answered, and `turn` the item whose turn it is, None if nothing waits in band.
    """

    def __init__(self, item: Item, turn: Item | None) -> None:
        super().__init__(f"{item} is not to be answered now; the turn is that of {turn}")
        self.item = item
        self.turn = turn
