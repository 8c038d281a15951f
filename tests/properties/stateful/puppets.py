"""A subject without VMs, and a judge of a few words, to see what the machine makes of what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migspec.properties.stateful import (
    Arena,
    Arguments,
    Event,
    Grade,
    Judgement,
    Objection,
    Observed,
    Reply,
    Setup,
)
from migspec.spec.composition import Side


@dataclass
class Puppet:
    """Answers what its script says, and otherwise with an empty object; `bad` is a command that the judge dislikes."""

    answers: Mapping[tuple[Side, str], Any] = field(default_factory=dict)
    alive: set[Side] = field(default_factory=set)
    asked: list[tuple[Side, str]] = field(default_factory=list)
    heard: dict[Side, list[Event]] = field(default_factory=lambda: {side: [] for side in Side})
    written: list[bytes] = field(default_factory=lambda: [b"header"])
    rested: float = 0.0
    closed: bool = False
    is_fresh: bool = True

    def start(self, side: Side, setup: Setup, listen: str | None) -> bool:
        self.alive.add(side)
        return True

    def ask(self, side: Side, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        self.tell(side, command, arguments)
        return Reply(self.answers.get((side, command), {}))

    def tell(self, side: Side, command: str, arguments: Arguments | None = None) -> None:
        self.asked.append((side, command))
        self.written.append(json.dumps([side, command]).encode())
        if command == "quit":
            self.alive.discard(side)

    def events(self, side: Side) -> Sequence[Event]:
        return self.heard[side]

    def is_alive(self, side: Side) -> bool:
        return side in self.alive

    def has_oob(self, side: Side) -> bool:
        return True

    def rest(self, seconds: float) -> None:
        self.rested += seconds

    def settle(self, longest: float) -> None:
        self.rested += longest

    def uri(self, side: Side, link: str) -> str:
        return f"unix:/{link}"

    def cut(self, link: str) -> None:
        self.written.append(b"cut")

    def kill(self, side: Side) -> bool:
        self.alive.discard(side)
        return True

    def lines(self) -> Sequence[bytes]:
        return self.written

    def close(self) -> None:
        self.closed = True


class Dislikes:
    """A judge who objects to lines with a word in them, and calls another one a known defect."""

    def __init__(self, word: str = "", defect: str = "") -> None:
        self._words = {Grade.VIOLATION: word, Grade.DEFECT: defect}
        self._found: list[Objection] = []
        self._number = 0

    def feed(self, line: bytes) -> None:
        self._number += 1
        for grade, word in self._words.items():
            if word and word in line.decode():
                self._found.append(Objection(f"disliked.{word}", grade, f"{word} was said.", self._number))

    @property
    def objects(self) -> bool:
        return any(found.grade is Grade.VIOLATION for found in self._found)

    def finish(self) -> Judgement:
        return Judgement(tuple(self._found), {}, self._number)


def puppet_arena(word: str = "", defect: str = "", properties: tuple[Observed, ...] = ()) -> Arena:
    """Where puppets are made, and words disliked."""
    return Arena(Puppet, lambda: Dislikes(word, defect), properties)
