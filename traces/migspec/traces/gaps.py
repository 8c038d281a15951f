"""What a gap in a trace may hide.

After a gap nothing is known of a VM, so what follows is judged afresh. That alone would let a gap excuse everything
without a word. The VM as it was before the gap is therefore followed on for a while: if it explains what comes, nothing
of importance was missed; if it does not, messages are missing for certain, and what they were decides whether the VM
kept to the protocol.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from migspec.spec.wire.numbers import same_id
from migspec.traces.cursor import Cursor
from migspec.traces.observations import Observation
from migspec.traces.pairing import Pending, Track

LONGEST = 200
"""Observations after a gap that must follow from what was before it for the gap to have hidden nothing."""


class Shadow:
    """A VM as it would be if the gap in `line` had swallowed nothing."""

    def __init__(self, line: int, cursor: Cursor, tracks: Iterable[Track]) -> None:
        self.line = line
        self._cursor = cursor
        self._left = LONGEST
        self._pending = {track.index: deque(track.pending) for track in tracks}

    @property
    def is_over(self) -> bool:
        """Whether enough was seen after the gap."""
        return self._left <= 0

    def explains(self, observation: Observation) -> bool:
        """Whether `observation` follows from what was before the gap; it is followed if so."""
        self._left -= 1
        return self._cursor.follow(observation) is not None

    def asked(self, track: Track, identity: object) -> Pending | None:
        """The request from before the gap that a reply with this id belongs to, taken out."""
        pending = self._pending.get(track.index, deque())
        for request in pending:
            if same_id(request.id, identity):
                pending.remove(request)
                return request
        return None
