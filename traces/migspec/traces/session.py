"""A recorded session as those read it who count what it shows: its messages, replies with the requests they answer.

An id is that of a monitor: two monitors of a VM may use the same, and a new connection begins anew.  Nothing is judged
here, and a trace is read as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from migspec.traces.format import Direction, Header, TraceLine, open_trace, read_header, read_line


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a session: its line, who sent it to whom, its text and what that says.

    `request` is what it answers; a reply to nothing that was asked has none.
    """

    line: int
    vm: str
    direction: Direction
    text: bytes
    said: dict[str, Any]
    request: Message | None = None

    @property
    def is_request(self) -> bool:
        """Whether a client asks for something."""
        return self.direction is Direction.TO_SERVER

    @property
    def command(self) -> str | None:
        """The command that is asked for, or answered."""
        asked = self if self.request is None else self.request
        name = asked.said.get("exec-oob", asked.said.get("execute"))
        return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class Session:
    """What a trace says of its VMs, its messages in order, and by their lines the ends of its connections."""

    header: Header
    messages: tuple[Message, ...]
    ends: Mapping[int, TraceLine]


def read(path: Path) -> Session:
    """Read a trace.

    Raises `migspec.traces.format.TraceError` where it cannot be read.
    """
    with open_trace(str(path)) as lines:
        header = read_header(next(lines)[1], str(path))
        told = {number: read_line(text, number) for number, text in lines}
    return Session(
        header, tuple(_messages(told)), {number: line for number, line in told.items() if line.end is not None}
    )


def _messages(lines: Mapping[int, TraceLine]) -> Iterator[Message]:
    waiting: dict[tuple[str, str | None], list[Message]] = {}
    for number, line in lines.items():
        said = msgspec.json.decode(line.msg) if line.msg else None
        if line.dir is None or not isinstance(said, dict):
            continue
        asked = waiting.setdefault((line.vm, line.mon), [])
        request = None
        if "QMP" in said:
            asked.clear()
        elif line.dir is Direction.TO_CLIENT and "event" not in said:
            request = next((one for one in asked if one.said.get("id") == said.get("id")), None)
            if request is not None:
                asked.remove(request)
        message = Message(number, line.vm, line.dir, bytes(line.msg), said, request)
        if message.is_request:
            asked.append(message)
        yield message
