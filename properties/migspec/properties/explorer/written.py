"""A way through the graph, written down as a trace of what would have crossed both monitors.

The trace begins with two fresh processes and says what a client switched on, so that whoever judges it knows as much
as the explorer did. Its times are those of no clock: a tenth of a second a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migspec.properties.explorer.environment import ASKS
from migspec.properties.explorer.graph import Composition, Edge
from migspec.properties.explorer.local import Kind
from migspec.spec.composition import Side
from migspec.spec.contracts import Expect
from migspec.spec.events import event_of
from migspec.spec.state import VARIABLES
from migspec.spec.steps import Due

VMS: Mapping[Side, str] = {Side.SOURCE: "src", Side.DESTINATION: "dst"}
"""What the two VMs are called in a trace."""

_BEGIN = 1_600_000_000
_TICK = 0.1
_GREETING = {
    "QMP": {
        "version": {"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": ""},
        "capabilities": ["oob"],
    }
}


class UnspokenError(Exception):
    """A way goes through an answer whose content no state decides: `query` is the command."""

    def __init__(self, query: str) -> None:
        super().__init__(f"what {query} answers is not known from the states of a migration alone")
        self.query = query


@dataclass(slots=True)
class _Writer:
    lines: list[str] = field(default_factory=list)
    passes: int = 0
    number: int = 0

    def at(self) -> float:
        self.number += 1
        return _BEGIN + self.number * _TICK

    def line(self, side: Side, **rest: object) -> None:
        self.lines.append(json.dumps({"t": round(self.at(), 1), "vm": VMS[side], **rest}))

    def asked(self, side: Side, message: Mapping[str, object]) -> None:
        self.line(side, dir="->", msg=message)

    def told(self, side: Side, message: Mapping[str, object]) -> None:
        self.line(side, dir="<-", msg=message)

    def event(self, side: Side, known: str) -> None:
        if known.startswith("MIGRATION_PASS"):
            self.passes = 1 if known == "MIGRATION_PASS:1" else self.passes + 1
        name, data = event_of(known, passes=self.passes, by_guest=True)
        seconds = int(_BEGIN + self.number * _TICK)
        stamp = {"timestamp": {"seconds": seconds, "microseconds": 0}, "event": name}
        self.told(side, stamp if data is None else stamp | {"data": data})


def trace_of(composition: Composition, states: Iterable[int], scenario: str = "") -> list[str]:
    """The lines of a trace of the way through these states.

    Raises `UnspokenError` where the way goes through the answer to a query.
    """
    listed = list(states)
    writer = _Writer()
    header: dict[str, Any] = {
        "format": "qmp-trace",
        "version": 1,
        "vms": {VMS[side]: {"role": side.value, "implementation": "qemu", "release": "5.2.0"} for side in Side},
    }
    if scenario:
        header["scenario"] = scenario
    for side in Side:
        _begin(writer, composition, side, listed[0])
    for edge in composition.steps_along(listed):
        _step(writer, composition, edge)
    return [json.dumps(header), *writer.lines]


def _begin(writer: _Writer, composition: Composition, side: Side, state: int) -> None:
    configuration = composition.configuration(state, side)
    on = [
        name.removeprefix("cap.")
        for name, variable in VARIABLES.items()
        if name.startswith("cap.") and variable.known(configuration.state) == "yes"
    ]
    writer.told(side, _GREETING)
    writer.asked(side, {"execute": "qmp_capabilities"})
    writer.told(side, {"return": {}})
    settings = [{"capability": name, "state": True} for name in on]
    writer.asked(side, {"execute": "migrate-set-capabilities", "arguments": {"capabilities": settings}})
    writer.told(side, {"return": {}})


def _step(writer: _Writer, composition: Composition, edge: Edge) -> None:
    side, move = edge.side, edge.move
    if side is None or move is None:
        return
    match move.kind:
        case Kind.ASKED:
            writer.asked(side, ASKS[move.name.removeprefix("asked:")].message)
        case Kind.EVENT:
            writer.event(side, str(move.shown))
        case Kind.REPLY if isinstance(move.shown, Due):
            writer.told(side, _reply(move.shown.expect))
        case Kind.ENDED:
            writer.line(side, end="eof", exit=move.shown)
        case Kind.STARTED:
            _begin(writer, composition, side, edge.after)


def _reply(expect: Expect) -> Mapping[str, object]:
    if expect.query:
        raise UnspokenError(expect.query)
    if expect.words is None:
        return {"return": {}}
    return {
        "error": {"class": expect.error_class.value if expect.error_class else "GenericError", "desc": text_of(expect)}
    }


def text_of(expect: Expect) -> str:
    """A text that the reply may have; empty for a success and for nothing else."""
    words = expect.words
    if words is None:
        return ""
    texts = (*sorted(words.exact), *words.beginnings, words.containing, "refused")
    return next(text for text in texts if text and words.admit(text))
