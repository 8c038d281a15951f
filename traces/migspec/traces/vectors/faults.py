"""Faulty traces: each is a recorded one in which one thing was changed, at the first place where it can be.

A fault is a row: what is wrong, where it can be put, and how.  What the judge makes of it is not said here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import delitem, getitem, setitem
from typing import Any, Final

import msgspec

from migspec.traces.format import VERSION
from migspec.traces.vectors.verdicts import Recorded

Line = dict[str, Any]
Fits = Callable[[Line], bool]
"""Whether a message of a server is one to which something can be done."""
Edit = Callable[[list[Line], int], None]
"""Does something to the lines, in place, at one of them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its name, what is wrong, the messages in which it can be, which of them is meant, and what is done.

    `base` names the trace that is changed, `vm` the VM in it.
    """

    name: str
    sentence: str
    base: str
    fits: Fits
    edit: Edit
    nth: int = 0
    vm: str = "src"


class NoPlaceError(Exception):
    """A trace has no place for a fault: `fault` and `base` are their names."""

    def __init__(self, fault: str, base: str) -> None:
        super().__init__(f"{base} has no place for {fault}")
        self.fault = fault
        self.base = base


def faulty(recorded: Iterable[Recorded]) -> Iterator[Recorded]:
    """Every fault in the trace that it is meant for.

    Raises `NoPlaceError`, and `KeyError` where that trace is not among them.
    """
    known = {trace.name: trace for trace in recorded}
    for fault in FAULTS:
        yield _with(fault, known[fault.base])
    for name, sentence, base, spoil in SPOILT:
        trace = known[base]
        yield Recorded(f"{base}.{name}", trace.sentence, tuple(spoil(trace.lines)), base, sentence)


def _with(fault: Fault, trace: Recorded) -> Recorded:
    lines: list[Line] = [msgspec.json.decode(line) for line in trace.lines]
    of_vm = [index for index, line in enumerate(lines) if line.get("dir") == "<-" and line["vm"] == fault.vm]
    places = [index for index in of_vm if fault.fits(lines[index]["msg"])]
    if len(places) <= fault.nth:
        raise NoPlaceError(fault.name, trace.name)
    fault.edit(lines, places[fault.nth])
    text = tuple(msgspec.json.encode(line) for line in lines)
    return Recorded(f"{trace.name}.{fault.name}", trace.sentence, text, trace.name, fault.sentence)


# ---- which message ----


def _greeting(message: Line) -> bool:
    return "QMP" in message


def _event(name: str, **data: object) -> Fits:
    return lambda message: message.get("event") == name and data.items() <= message.get("data", {}).items()


def _status(status: str) -> Fits:
    return _event("MIGRATION", status=status)


def _success(message: Line) -> bool:
    return message.get("return") == {}


def _error(message: Line) -> bool:
    return "error" in message


def _answer(**members: object) -> Fits:
    """An answer that is an object with these members."""

    def fits(message: Line) -> bool:
        told = message.get("return")
        return isinstance(told, dict) and members.items() <= told.items()

    return fits


def _listed(message: Line) -> bool:
    return isinstance(message.get("return"), list)


# ---- what is done to it ----


def _lost(lines: list[Line], index: int) -> None:
    del lines[index]


def _repeated(lines: list[Line], index: int) -> None:
    lines.insert(index + 1, copy.deepcopy(lines[index]))


def _after_next(lines: list[Line], index: int) -> None:
    """Behind the next message of the same VM."""
    vm = lines[index]["vm"]
    after = next(place for place in range(index + 1, len(lines)) if lines[place]["vm"] == vm)
    lines.insert(after, lines.pop(index))


def _hidden(lines: list[Line], index: int) -> None:
    lines[index] = {"vm": lines[index]["vm"], "gap": "a message is missing"}


def _at(place: tuple[str | int, ...], change: Callable[[Any, str | int], object]) -> Edit:
    """Change a member of the message, found by its place, in what holds it."""
    *way, member = place

    def edit(lines: list[Line], index: int) -> None:
        change(reduce(getitem, way, lines[index]["msg"]), member)

    return edit


def _set(*place: str | int, to: object) -> Edit:
    """Give a member of the message another value."""
    return _at(place, lambda holder, member: setitem(holder, member, to))


def _without(*place: str | int) -> Edit:
    """Take a member out of the message."""
    return _at(place, delitem)


def _more(*place: str | int) -> Edit:
    """A number that is larger by one."""
    return _at(place, lambda holder, member: setitem(holder, member, holder[member] + 1))


def _instead(**members: object) -> Edit:
    """Another content for a reply, with the id that it has."""

    def edit(lines: list[Line], index: int) -> None:
        message = lines[index]["msg"]
        lines[index]["msg"] = {**members, **({"id": message["id"]} if "id" in message else {})}

    return edit


_REFUSAL: Final = {"class": "GenericError", "desc": "Something is wrong"}
_ACTIVE: Final = _answer(status="active")
_COMPLETED: Final = _answer(status="completed")
_PARAMETERS: Final = _answer(**{"max-cpu-throttle": 99})

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "greeting-lacks-version", "The greeting lacks its version.", "precopy", _greeting, _without("QMP", "version")
    ),
    Fault("message-of-two-kinds", "Two messages are one.", "precopy", _status("setup"), _set("return", to={})),
    Fault("event-lost", "An event is missing.", "precopy", _status("active"), _lost),
    Fault("event-repeated", "An event comes twice.", "precopy", _status("active"), _repeated),
    Fault("event-late", "An event comes after the reply that follows it.", "precopy", _status("setup"), _after_next),
    Fault(
        "event-status",
        "A status is announced that was not reached.",
        "held",
        _status("device"),
        _set("data", "status", to="active"),
    ),
    Fault(
        "event-word",
        "An event has a word that the schema lacks.",
        "held",
        _status("device"),
        _set("data", "status", to="devices"),
    ),
    Fault("event-lacks-data", "An event lacks its data.", "held", _status("active"), _without("data")),
    Fault("event-lacks-timestamp", "An event lacks its timestamp.", "held", _status("active"), _without("timestamp")),
    Fault(
        "pass-left-out",
        "The numbers of the passes have a gap.",
        "precopy",
        _event("MIGRATION_PASS", **{"pass": 2}),
        _set("data", "pass", to=3),
    ),
    Fault("reply-lost", "A reply is missing: a later request is answered.", "settings", _listed, _lost),
    Fault("reply-repeated", "A reply comes twice.", "settings", _listed, _repeated),
    Fault("reply-to-another", "A reply has the id of no request.", "settings", _listed, _set("id", to=99)),
    Fault("success-refused", "What must succeed is refused.", "nobody-listens", _success, _instead(error=_REFUSAL), -1),
    Fault("refusal-accepted", "What must be refused succeeds.", "settings", _error, _instead(**{"return": {}})),
    Fault(
        "refusal-reworded",
        "A refusal has another text.",
        "settings",
        _error,
        _set("error", "desc", to="Parameter 'multifd-channels' is out of range"),
    ),
    Fault(
        "refusal-of-another-class",
        "A refusal has a class that QAPI lacks.",
        "cancelled",
        _error,
        _set("error", "class", to="KVMMissingCap"),
    ),
    Fault(
        "answer-lacks-member",
        "An answer lacks a member of its ram.",
        "precopy",
        _ACTIVE,
        _without("return", "ram", "total"),
    ),
    Fault(
        "answer-of-wrong-type",
        "A number in an answer is a string.",
        "precopy",
        _ACTIVE,
        _set("return", "total-time", to="1"),
    ),
    Fault(
        "answer-out-of-range",
        "A number in an answer has more than 64 bits.",
        "precopy",
        _ACTIVE,
        _set("return", "total-time", to=1 << 63),
    ),
    Fault(
        "answer-with-other-members",
        "An answer has the members of another status.",
        "precopy",
        _COMPLETED,
        _without("return", "downtime"),
    ),
    Fault(
        "answer-of-another-status",
        "An answer shows a status that was not reached.",
        "precopy",
        _ACTIVE,
        _set("return", "status", to="postcopy-active"),
    ),
    Fault(
        "answer-from-before",
        "An answer shows the status before the last.",
        "precopy",
        _COMPLETED,
        _instead(**{"return": {"status": "setup"}}),
    ),
    Fault(
        "numbers-apart",
        "Two numbers of an answer do not go together.",
        "precopy",
        _ACTIVE,
        _more("return", "ram", "normal-bytes"),
    ),
    Fault(
        "run-state-wrong",
        "The guest is in a run state that it has not been brought into.",
        "precopy",
        _answer(status="running"),
        _instead(**{"return": {"status": "paused", "singlestep": False, "running": False}}),
        1,
    ),
    Fault(
        "run-state-contradicts-itself",
        "A guest that is paused is said to run.",
        "guest",
        _answer(status="paused"),
        _set("return", "running", to=True),
    ),
    Fault(
        "capability-forgotten",
        "A capability is not as it was set.",
        "settings",
        _listed,
        _set("return", 0, "state", to=False),
        1,
    ),
    Fault(
        "parameter-forgotten",
        "A parameter is not as it was set.",
        "settings",
        _PARAMETERS,
        _set("return", "downtime-limit", to=300),
        1,
    ),
    Fault(
        "sync-count-forgotten",
        "A counter runs backwards.",
        "slowed",
        _ACTIVE,
        _set("return", "ram", "dirty-sync-count", to=0),
        1,
    ),
    Fault(
        "measurement-forgotten",
        "A measurement of the dirty rate is said not to have been asked for.",
        "dirty-rate",
        _answer(status="measuring"),
        _set("return", "status", to="unstarted"),
    ),
    Fault(
        "recovered-unasked",
        "A postcopy recovers before it is told to.",
        "recovery",
        _status("postcopy-paused"),
        _set("data", "status", to="postcopy-recover"),
    ),
    Fault("gap", "A message is missing, and the trace says so.", "precopy", _status("active"), _hidden),
)
"""Every fault, with the trace that it is put into."""

Spoil = Callable[[Sequence[bytes]], Iterable[bytes]]


def _cut(lines: Sequence[bytes]) -> Iterable[bytes]:
    return (*lines[:-1], lines[-1][: len(lines[-1]) // 2])


def _renumbered(lines: Sequence[bytes]) -> Iterable[bytes]:
    return (lines[0].replace(b'"version":%d' % VERSION, b'"version":%d' % (VERSION + 1)), *lines[1:])


def _directed(lines: Sequence[bytes]) -> Iterable[bytes]:
    return (*lines[:5], lines[5].replace(b'"dir":', b'"to":'), *lines[6:])


SPOILT: Final[tuple[tuple[str, str, str, Spoil], ...]] = (
    ("line-cut", "The last line is cut.", "nobody-listens", _cut),
    ("other-version", "The header is of another version.", "nobody-listens", _renumbered),
    ("line-without-direction", "A line does not say who has sent its message.", "nobody-listens", _directed),
)
"""What makes a file no trace: its name, a sentence, the trace, and what is done to its lines."""
