"""What can go wrong with the items of a connection, which are calls and complaints."""

from migspec.reference_impl.calls import Item


class OutOfTurnError(LookupError):
    """An item was answered that has no turn.

    `item` is what was answered, and `turn` the item whose turn it is, None if nothing waits in band.
    """

    def __init__(self, item: Item, turn: Item | None) -> None:
        super().__init__(f"{item} is not to be answered now; the turn is that of {turn}")
        self.item = item
        self.turn = turn
