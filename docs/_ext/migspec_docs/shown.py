"""What the corpus shows of each member and word of the schema: in how many messages, with the shortest one of them.

The ledger counts rules and entities; a page of a capability or of a member of an answer is to show that one.  A status
is shown by what tells of it, a capability by a request that switches it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from migspec.spec.schema import Command, Enum, Member, Ref, Struct, Type, Union
from migspec.spec.schema.model import Array
from migspec.traces.format import open_trace
from migspec_docs.document import Block, Fold, Para, Section
from migspec_docs.homes import CAPABILITY, PROFILE, SCHEMA
from migspec_docs.ledger import CORPUS
from migspec_docs.telling import message_blocks


@dataclass(slots=True)
class Shown:
    """How many messages show a name, in which traces, and the shortest: its place, and it with its request, if any."""

    messages: int = 0
    traces: set[str] = field(default_factory=set)
    place: str = ""
    shortest: tuple[tuple[str, str, bytes], ...] = ()
    _length: int = 0

    def add(self, place: tuple[str, int], said: tuple[tuple[str, str, bytes], ...]) -> None:
        """Count one more."""
        self.messages += 1
        self.traces.add(place[0])
        length = sum(len(text) for _, _, text in said)
        if not self.shortest or length < self._length:
            self.place, self.shortest, self._length = f"{place[0]}, line {place[1]}", said, length


class _Line(msgspec.Struct):
    vm: str = ""
    dir: str = ""
    mon: str = ""
    msg: msgspec.Raw = msgspec.Raw(b"")


_LINE = msgspec.json.Decoder(_Line)


@cache
def shown() -> Mapping[str, Shown]:
    """What the recorded sessions show of each name."""
    found: dict[str, Shown] = {}
    for path in sorted((CORPUS / PROFILE).glob("*.jsonl*")):
        for place, said, names in _messages(path):
            for name in names:
                found.setdefault(name, Shown()).add(place, said)
    return found


def section(names: Iterable[str]) -> list[Block]:
    """The part of a page with what was recorded of the first of these names that was."""
    known = next((shown()[name] for name in names if name in shown()), None)
    if known is None:
        return [Section(["Recorded"], [Para(["No message of the corpus shows it."])])]
    count = f"{known.messages} message{'s' if known.messages != 1 else ''}"
    sessions = f"{len(known.traces)} session{'s' if len(known.traces) != 1 else ''}"
    example = [block for vm, way, text in known.shortest for block in message_blocks(vm, way, text.decode())]
    return [
        Section(
            ["Recorded"],
            [
                Para([f"In {count} of {sessions} of the corpus. The shortest:"]),
                Fold(f"Recorded: {PROFILE}/{known.place}", example),
            ],
        )
    ]


Said = tuple[tuple[str, str, bytes], ...]


def _messages(path: Path) -> Iterator[tuple[tuple[str, int], Said, set[str]]]:
    """The messages of a trace, replies with their requests, and the names that each shows."""
    waiting: dict[tuple[str, str], list[tuple[dict[str, Any], tuple[str, str, bytes]]]] = {}
    with open_trace(str(path)) as lines:
        next(lines)
        for number, text in lines:
            line = _LINE.decode(text)
            if not line.msg or not line.dir:
                continue
            message = msgspec.json.decode(line.msg)
            if not isinstance(message, dict):
                continue
            said = (line.vm, line.dir, bytes(line.msg))
            open_here = waiting.setdefault((line.vm, line.mon), [])
            if line.dir == "->":
                open_here.append((message, said))
                yield (path.name, number), (said,), set(_asked(message))
            elif "event" in message:
                yield (path.name, number), (said,), set(_told(message))
            elif "return" in message:
                asked = next((one for one in open_here if one[0].get("id") == message.get("id")), None)
                if asked is not None:
                    open_here.remove(asked)
                    yield (path.name, number), (asked[1], said), set(_returned(asked[0], message["return"]))


def _asked(message: Mapping[str, Any]) -> Iterator[str]:
    command = _command(message)
    arguments = message.get("arguments")
    if command is None or not isinstance(arguments, dict):
        return
    if isinstance(command.arguments, Ref):
        yield from (f"{command.arguments.name}.{name}" for name in arguments)
    for entry in arguments.get("capabilities", ()) if command.name == "migrate-set-capabilities" else ():
        if isinstance(entry, dict) and entry.get("state") is True:
            yield f"{CAPABILITY}.{entry.get('capability')}"


def _command(message: Mapping[str, Any]) -> Command | None:
    name = message.get("execute", message.get("exec-oob"))
    return SCHEMA.commands.get(name) if isinstance(name, str) else None


def _told(message: Mapping[str, Any]) -> Iterator[str]:
    event = SCHEMA.events.get(message["event"])
    if event is not None:
        yield from _of_members(message.get("data"), event.data)


def _returned(asked: Mapping[str, Any], returned: object) -> Iterator[str]:
    command = _command(asked)
    # a list of all capabilities shows none of them in particular
    if command is not None and command.returns is not None and not isinstance(command.returns, Array):
        yield from _of_value(returned, command.returns)


def _of_members(value: object, members: Iterable[Member], owner: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for member in members:
            if member.name in value:
                if owner:
                    yield f"{owner}.{member.name}"
                yield from _of_value(value[member.name], member.type)


def _of_value(value: object, type_: Type) -> Iterator[str]:
    if isinstance(type_, Array):
        for item in value if isinstance(value, list) else ():
            yield from _of_value(item, type_.element)
    elif isinstance(type_, Ref):
        definition: Struct | Union | Enum = SCHEMA.resolve(type_)
        if isinstance(definition, Struct):
            yield from _of_members(value, definition.members, definition.name)
        elif isinstance(definition, Enum) and isinstance(value, str):
            yield f"{definition.name}.{value}"
