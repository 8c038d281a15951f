"""What messages say of the statuses by themselves, for profiles by which the judge infers nothing from them.

A status is that of the side which was asked to do something last, and the outgoing one where nobody was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from migspec.traces.picture.marks import Kind, Mark
from migspec.traces.picture.watching import State

_ASKS: Final[Mapping[str, str]] = {"migrate": "outgoing", "migrate-incoming": "incoming"}
"""The side that a command sets to work."""

_RUNS: Final[Mapping[str, str]] = {"RESUME": "running", "STOP": "stopped", "SHUTDOWN": "shutdown"}
"""What an event tells of the guest."""


class Told:
    """The statuses of one VM, as its messages have told them last."""

    def __init__(self) -> None:
        self._side = "outgoing"
        self._state = State()

    def add(self, mark: Mark) -> State:
        """Take the next message; what is told so far."""
        match mark.kind:
            case Kind.REQUEST if mark.title in _ASKS:
                # what an earlier migration came to is told no more
                self._side = _ASKS[mark.title]
                self._state = self._state._replace(**{self._side: "?"})
            case Kind.EVENT if mark.title == "MIGRATION":
                self._learn(self._side, mark.content.get("data"))
            case Kind.EVENT if mark.title in _RUNS:
                self._state = self._state._replace(run=_RUNS[mark.title])
            case Kind.REPLY if mark.title == "query-migrate":
                self._learn(self._side, mark.content.get("return"))
            case Kind.REPLY if mark.title == "query-status":
                self._learn("run", mark.content.get("return"))
            case Kind.GAP | Kind.END:
                self._state = State()
        return self._state

    def _learn(self, variable: str, told: Any) -> None:
        status = told.get("status") if isinstance(told, Mapping) else None
        if isinstance(status, str):
            if status == "inmigrate":
                self._side = "incoming"
            self._state = self._state._replace(**{variable: status})
