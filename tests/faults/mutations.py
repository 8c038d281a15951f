"""How a fault is put into a trace: places found by what stands there, and mutations that change one thing.

A mutation returns the changed trace and where the checker has to notice.  Most faults show in the message that
was touched; a message that is lost shows in a later one, which the fault names.
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

CORPUS = Path(__file__).parents[2] / "traces" / "corpus" / "qemu-5.2.0"

Line = dict[str, Any]
Place = Callable[[Sequence[Line]], int]
"""Finds one line of a trace by its content; the index of the line, the header being 0."""


class Faulty(NamedTuple):
    """A trace with a fault in it, and the index of the line in which the fault has to be found."""

    lines: list[Line]
    at: int


Mutation = Callable[[list[Line]], Faulty]


def recorded(name: str) -> list[Line]:
    """The lines of a trace of the corpus, given by its name without the endings."""
    plain = CORPUS / f"{name}.jsonl"
    packed = CORPUS / f"{name}.jsonl.gz"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def as_text(lines: Sequence[Line]) -> str:
    """The trace as a file has it."""
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


# ---- places ----


@dataclass(frozen=True, slots=True)
class Side:
    """One VM of a trace, by its name there; each method gives the place of its `nth` line of a kind, from 1."""

    name: str

    def event(self, name: str, nth: int = 1, **data: object) -> Place:
        """An event, with these members in its data."""

        def fits(message: Line) -> bool:
            return message.get("event") == name and data.items() <= message.get("data", {}).items()

        return self._message(fits, nth, f"event {name} {data}")

    def status(self, status: str, nth: int = 1) -> Place:
        """A MIGRATION event."""
        return self.event("MIGRATION", nth, status=status)

    def passed(self, number: int) -> Place:
        """A MIGRATION_PASS event."""
        return self.event("MIGRATION_PASS", **{"pass": number})

    def greeting(self) -> Place:
        """The greeting."""
        return self._message(lambda message: "QMP" in message, 1, "greeting")

    def request(self, command: str, nth: int = 1) -> Place:
        """A request."""

        def fits(message: Line) -> bool:
            return command in (message.get("execute"), message.get("exec-oob"))

        return self._message(fits, nth, f"request {command}")

    def reply(self, command: str, nth: int = 1) -> Place:
        """The reply to the `nth` request of a command."""

        def place(lines: Sequence[Line]) -> int:
            asked = self.request(command, nth)(lines)
            identity = lines[asked]["msg"]["id"]
            later = range(asked + 1, len(lines))
            return next(i for i in later if self._answers(lines[i], identity))

        return place

    def error(self, text: str, nth: int = 1) -> Place:
        """An error with this description."""
        return self._message(lambda message: message.get("error", {}).get("desc") == text, nth, f"error {text}")

    def answer(self, identity: object, nth: int = 1) -> Place:
        """A reply with this id."""

        def fits(message: Line) -> bool:
            return message.keys() & {"return", "error"} != set() and message.get("id") == identity

        return self._message(fits, nth, f"reply {identity}")

    def end(self) -> Place:
        """The end of the process, with its exit code."""

        def place(lines: Sequence[Line]) -> int:
            return next(i for i, line in enumerate(lines) if line.get("vm") == self.name and "exit" in line)

        return place

    def _answers(self, line: Line, identity: object) -> bool:
        if line.get("vm") != self.name or line.get("dir") != "<-":
            return False
        message = line["msg"]
        return "event" not in message and message.get("id") == identity

    def _message(self, fits: Callable[[Line], bool], nth: int, what: str) -> Place:
        def place(lines: Sequence[Line]) -> int:
            ours = [(i, line.get("msg")) for i, line in enumerate(lines) if line.get("vm") == self.name]
            found = [i for i, message in ours if isinstance(message, dict) and fits(message)]
            assert len(found) >= nth, f"{self.name} has no {what} number {nth}"
            return found[nth - 1]

        return place


# ---- mutations ----


def lost(where: Place, noticed: Place) -> Mutation:
    """A line is missing; `noticed` is a place in what is left."""

    def mutation(lines: list[Line]) -> Faulty:
        at = where(lines)
        left = lines[:at] + lines[at + 1 :]
        return Faulty(left, noticed(left))

    return mutation


def doubled(where: Place) -> Mutation:
    """A line comes twice."""

    def mutation(lines: list[Line]) -> Faulty:
        at = where(lines)
        return Faulty(lines[: at + 1] + lines[at:], at + 1)

    return mutation


def moved(where: Place, before: Place) -> Mutation:
    """A line comes earlier, just before another one."""

    def mutation(lines: list[Line]) -> Faulty:
        at, to = where(lines), before(lines)
        rest = lines[:at] + lines[at + 1 :]
        return Faulty([*rest[:to], lines[at], *rest[to:]], to)

    return mutation


def exchanged(first: Place, second: Place, noticed: Place) -> Mutation:
    """Two messages are in each other's place; `noticed` is a place in the result."""

    def mutation(lines: list[Line]) -> Faulty:
        one, other = first(lines), second(lines)
        changed = list(lines)
        changed[one] = {**lines[one], "msg": lines[other]["msg"]}
        changed[other] = {**lines[other], "msg": lines[one]["msg"]}
        return Faulty(changed, noticed(changed))

    return mutation


def invented(after: Place, message: Mapping[str, object]) -> Mutation:
    """A server message of the same VM is put in after a place."""

    def mutation(lines: list[Line]) -> Faulty:
        at = after(lines)
        line = {"t": lines[at]["t"], "vm": lines[at]["vm"], "dir": "<-", "msg": dict(message)}
        if "event" in message:
            line["msg"]["timestamp"] = {"seconds": int(lines[at]["t"]), "microseconds": 0}
        return Faulty([*lines[: at + 1], line, *lines[at + 1 :]], at + 1)

    return mutation


def replaced(where: Place, members: Mapping[str, object]) -> Mutation:
    """A message keeps its id and has these members otherwise."""

    def mutation(lines: list[Line]) -> Faulty:
        at = where(lines)
        message = lines[at]["msg"]
        kept = {"id": message["id"]} if "id" in message else {}
        return Faulty([*lines[:at], {**lines[at], "msg": {**members, **kept}}, *lines[at + 1 :]], at)

    return mutation


def refused(where: Place, text: str, error_class: str = "GenericError") -> Mutation:
    """A reply is an error instead."""
    return replaced(where, {"error": {"class": error_class, "desc": text}})


def accepted(where: Place) -> Mutation:
    """A reply is a success instead."""
    return replaced(where, {"return": {}})


def altered(where: Place, member: str, value: object) -> Mutation:
    """A member of a message, given as its path with dots, has another value, or is there in the first place."""
    return _in_message(where, member, lambda holder, key: holder.__setitem__(key, value))


def without(where: Place, member: str) -> Mutation:
    """A member of a message is missing."""
    return _in_message(where, member, lambda holder, key: holder.__delitem__(key))


def borrowed(where: Place, member: str, other: Place) -> Mutation:
    """A message has a member of another one."""

    def mutation(lines: list[Line]) -> Faulty:
        holder, key = _found(lines[other(lines)]["msg"], member)
        return altered(where, member, holder[key])(lines)

    return mutation


def setting(where: Place, capability: str, *, on: bool) -> Mutation:
    """An answer to query-migrate-capabilities has one capability otherwise."""

    def mutation(lines: list[Line]) -> Faulty:
        entries = lines[where(lines)]["msg"]["return"]
        (index,) = (i for i, entry in enumerate(entries) if entry["capability"] == capability)
        return altered(where, f"return.{index}.state", on)(lines)

    return mutation


def ended(after: Place, code: int) -> Mutation:
    """The process ends after a place, with this exit code, and the trace has nothing more of it."""

    def mutation(lines: list[Line]) -> Faulty:
        at = after(lines)
        end = {"t": lines[at]["t"], "vm": lines[at]["vm"], "end": "eof", "exit": code}
        later = [line for line in lines[at + 1 :] if line["vm"] != end["vm"]]
        return Faulty([*lines[: at + 1], end, *later], at + 1)

    return mutation


def exiting(where: Place, code: int) -> Mutation:
    """The exit code of a process is another one."""

    def mutation(lines: list[Line]) -> Faulty:
        at = where(lines)
        return Faulty([*lines[:at], {**lines[at], "exit": code}, *lines[at + 1 :]], at)

    return mutation


def _in_message(where: Place, member: str, change: Callable[[Any, str | int], None]) -> Mutation:
    def mutation(lines: list[Line]) -> Faulty:
        at = where(lines)
        line = copy.deepcopy(lines[at])
        change(*_found(line["msg"], member))
        return Faulty([*lines[:at], line, *lines[at + 1 :]], at)

    return mutation


def _found(message: Any, member: str) -> tuple[Any, str | int]:
    """What holds a member, and its name or index there."""
    holder = message
    *way, last = (int(step) if step.isdigit() else step for step in member.split("."))
    for step in way:
        holder = holder[step]
    return holder, last
