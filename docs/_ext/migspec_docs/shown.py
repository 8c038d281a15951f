"""What the corpus shows of each member and word of the schema: in how many messages, with the shortest one of them.

The ledger counts rules and entities; a page of a capability or of a member of an answer is to show that one.  A status
is shown by what tells of it, a capability by a request that switches it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from migspec.spec.schema import Command, Enum, Ref, members_of
from migspec.spec.schema.model import Array
from migspec.spec.schema.reach import Typed, values_of_event, values_of_reply
from migspec.traces.report import counted
from migspec.traces.session import Message, read
from migspec_docs.document import Block, Fold, Para, Section
from migspec_docs.homes import CAPABILITY, CORPUS, PROFILE, SCHEMA
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
        yield from _parts(values_of_event(message.get("data"), event, SCHEMA))


def _returned(message: Message) -> Iterator[str]:
    command = _command(message)
    # a list of all capabilities shows none of them in particular
    if command is not None and not isinstance(command.returns, Array):
        yield from _parts(values_of_reply(message.said["return"], command, SCHEMA))


def _parts(values: Iterable[Typed]) -> Iterator[str]:
    """The members and the words that values show."""
    for definition, value in values:
        if isinstance(definition, Enum):
            yield f"{definition.name}.{value}"
        elif isinstance(value, dict):
            yield from (f"{definition.name}.{member.name}" for member in members_of(definition) if member.name in value)
