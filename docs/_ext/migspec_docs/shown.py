"""What the corpus shows of each member and word of the schema: in how many messages, with the shortest one of them.

The ledger counts rules and entities; a page of a capability or of a member of an answer is to show that one.  A status
is shown by what tells of it, a capability by a request that switches it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from migspec.spec.schema import Command, Enum, Member, Ref, Struct, Type, Union
from migspec.spec.schema.model import Array
from migspec.traces.report import counted
from migspec_docs.document import Block, Fold, Para, Section
from migspec_docs.homes import CAPABILITY, PROFILE, SCHEMA
from migspec_docs.session import CORPUS, Message, read
from migspec_docs.telling import message_blocks


@dataclass(slots=True)
class Shown:
    """How many messages show a name, in which traces, and the shortest: its place, and it with its request, if any."""

    messages: int = 0
    traces: set[str] = field(default_factory=set)
    place: str = ""
    shortest: tuple[Message, ...] = ()

    def add(self, trace: str, message: Message) -> None:
        """Count one more."""
        self.messages += 1
        self.traces.add(trace)
        both = (message,) if message.request is None else (message.request, message)
        if not self.shortest or _length(both) < _length(self.shortest):
            self.place, self.shortest = f"{trace}, line {message.line}", both


def _length(messages: Iterable[Message]) -> int:
    return sum(len(message.text) for message in messages)


@cache
def shown() -> Mapping[str, Shown]:
    """What the recorded sessions show of each name."""
    found: dict[str, Shown] = {}
    for path in sorted((CORPUS / PROFILE).glob("*.jsonl*")):
        for message in read(path).messages:
            for name in {*_names(message)}:
                found.setdefault(name, Shown()).add(path.name, message)
    return found


def section(names: Iterable[str]) -> list[Block]:
    """The part of a page with what was recorded of the first of these names that was."""
    known = next((shown()[name] for name in names if name in shown()), None)
    if known is None:
        return [Section(["Recorded"], [Para(["No message of the corpus shows it."])])]
    count = counted(known.messages, "message", "messages")
    sessions = counted(len(known.traces), "session", "sessions")
    example = [block for m in known.shortest for block in message_blocks(m.vm, m.direction.value, m.text.decode())]
    return [
        Section(
            ["Recorded"],
            [
                Para([f"In {count} of {sessions} of the corpus. The shortest:"]),
                Fold(f"Recorded: {PROFILE}/{known.place}", example),
            ],
        )
    ]


def _names(message: Message) -> Iterator[str]:
    """The names that a message shows."""
    if message.is_request:
        yield from _asked(message)
    elif "event" in message.said:
        yield from _told(message.said)
    elif "return" in message.said and message.request is not None:
        yield from _returned(message)


def _asked(message: Message) -> Iterator[str]:
    command = _command(message)
    arguments = message.said.get("arguments")
    if command is None or not isinstance(arguments, dict):
        return
    if isinstance(command.arguments, Ref):
        yield from (f"{command.arguments.name}.{name}" for name in arguments)
    for entry in arguments.get("capabilities", ()) if command.name == "migrate-set-capabilities" else ():
        if isinstance(entry, dict) and entry.get("state") is True:
            yield f"{CAPABILITY}.{entry.get('capability')}"


def _command(message: Message) -> Command | None:
    return SCHEMA.commands.get(message.command or "")


def _told(message: Mapping[str, Any]) -> Iterator[str]:
    event = SCHEMA.events.get(message["event"])
    if event is not None:
        yield from _of_members(message.get("data"), event.data)


def _returned(message: Message) -> Iterator[str]:
    command = _command(message)
    # a list of all capabilities shows none of them in particular
    if command is not None and command.returns is not None and not isinstance(command.returns, Array):
        yield from _of_value(message.said["return"], command.returns)


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
