"""Marks: what the lanes show, one for each line of a log, with the few words that say what it is.

A message is decoded once, as plain JSON, for its words; what cannot be decoded is a mark all the same.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from migspec.spec.wire.greeting import release_of
from migspec.spec.wire.numbers import same_id
from migspec.traces.picture.watching import Seen, State

MOST_WORDS: Final = 90
"""Characters of what is said of a message besides its name."""

_LATEST: Final = 1e11
"""Seconds since the epoch above which a time is none."""


class Kind(StrEnum):
    """What a mark stands for."""

    REQUEST = "request"
    """A client asked."""
    REPLY = "reply"
    """The VM answered with success."""
    ERROR = "error"
    """The VM answered with an error."""
    EVENT = "event"
    """The VM told something unasked."""
    GREETING = "greeting"
    """A connection was opened."""
    END = "end"
    """A connection, or the process, ended."""
    BYTES = "bytes"
    """What crossed was no message."""
    GAP = "gap"
    """Messages are missing here."""
    POLLING = "polling"
    """The same questions with the same answers, again and again."""


class Entry(msgspec.Struct):
    """A line of a trace, its message as text."""

    vm: str
    dir: Literal["->", "<-"] | None = None
    t: float | None = None
    mon: str = ""
    msg: msgspec.Raw = msgspec.Raw()
    raw: str | None = None
    end: str | None = None
    exit: int | None = None
    by: str | None = None
    gap: str | None = None


ENTRY: Final = msgspec.json.Decoder(Entry)


@dataclass(slots=True)
class Mark:
    """What one line shows.

    `seen` is what the judge has learned from it, and `told` what it says by itself where the judge infers nothing;
    `asked` is the line of a reply's request, and `content` the decoded message.
    """

    kind: Kind
    line: int
    t: float | None
    vm: str
    mon: str
    title: str
    words: str = ""
    text: str = ""
    seen: list[Seen] = field(default_factory=list)
    asked: int = 0
    content: Any = None
    told: State | None = None

    @property
    def state(self) -> State | None:
        """The state after it, None if it tells nothing of that."""
        return self.told or (self.seen[-1].state if self.seen else None)

    @property
    def steps(self) -> tuple[str, ...]:
        """The hidden steps that led to it."""
        return tuple(dict.fromkeys(step for seen in self.seen for step in seen.steps))

    @property
    def rules(self) -> tuple[str, ...]:
        """The other rules that it needs."""
        return tuple(dict.fromkeys(rule for seen in self.seen for rule in seen.rules))


class Reader:
    """Makes marks of lines, and knows which request a reply answers."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], deque[Mark]] = {}

    def mark(self, number: int, line: bytes) -> Mark | None:
        """The mark of a line; None if it is no line of a trace."""
        try:
            entry = ENTRY.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        kind, title, words, text, content = _read(entry)
        t = entry.t if entry.t is not None and math.isfinite(entry.t) and abs(entry.t) < _LATEST else None
        mark = Mark(kind, number, t, entry.vm, entry.mon, title, words, text, content=content)
        waiting = self._open.setdefault((entry.vm, entry.mon), deque(maxlen=1_000))
        if kind is Kind.REQUEST:
            waiting.append(mark)
        elif kind in (Kind.REPLY, Kind.ERROR):
            self._answer(mark, waiting)
        elif kind is not Kind.EVENT:
            waiting.clear()
        return mark

    def _answer(self, mark: Mark, waiting: deque[Mark]) -> None:
        identity = mark.content.get("id", msgspec.UNSET)
        asked = next((m for m in waiting if same_id(m.content.get("id", msgspec.UNSET), identity)), None)
        asked = asked or next(iter(waiting), None)
        if asked is None:
            return
        waiting.remove(asked)
        mark.asked, mark.title = asked.line, asked.title
        if mark.kind is Kind.REPLY:
            mark.words = _told(mark.content["return"])


def _read(entry: Entry) -> tuple[Kind, str, str, str, Any]:
    """Kind, name, words, text and decoded content of a line."""
    if entry.end is not None:
        status = f"exit status {entry.exit}" if entry.exit is not None else ""
        closer = f"by the {entry.by}" if entry.by else ""
        return Kind.END, "process ended" if status else "connection closed", _listed(closer, status), "", None
    if entry.gap is not None:
        return Kind.GAP, "messages are missing", _short(entry.gap), "", None
    if entry.raw is not None:
        whose = "from the client" if entry.dir == "->" else "from the VM"
        return Kind.BYTES, "no JSON", whose, entry.raw, None
    text = bytes(entry.msg).decode()
    content = _decoded(text)
    if not isinstance(content, dict):
        return Kind.BYTES, "no message", "", text, None
    return *_message(content, entry.dir), text, content


def _decoded(text: str) -> Any:
    """The value of JSON text; None where it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _message(content: Mapping[str, Any], direction: str | None) -> tuple[Kind, str, str]:
    if direction == "->":
        command = content.get("execute", content.get("exec-oob"))
        title = command if isinstance(command, str) else "no request"
        out_of_band = "out of band" if "exec-oob" in content else ""
        return Kind.REQUEST, _short(title), _listed(out_of_band, _members(content.get("arguments")))
    if "event" in content:
        return Kind.EVENT, _short(str(content["event"])), _members(content.get("data"))
    if "error" in content:
        error = content["error"]
        return Kind.ERROR, "reply", _short(str(error.get("desc", "") if isinstance(error, dict) else error))
    if "return" in content:
        return Kind.REPLY, "reply", _told(content["return"])
    if "QMP" in content:
        release = release_of(content)
        return Kind.GREETING, "greeting", "" if release is None else f"QEMU {release}"
    return Kind.BYTES, "no message", ""


def _told(returned: Any) -> str:
    """The few words of a success: the status if it has one."""
    if isinstance(returned, dict) and isinstance(returned.get("status"), str):
        return _short(returned["status"])
    return ""


def _members(value: Any) -> str:
    """The members of an object in words; of one that lists capabilities, which are on and which off."""
    if not isinstance(value, dict):
        return "" if value is None else _short(str(value))
    settings = value.get("capabilities")
    if isinstance(settings, list) and all(isinstance(setting, dict) for setting in settings):
        switched = (f"{s.get('capability')} {'on' if s.get('state') else 'off'}" for s in settings)
        return _short(_listed(*switched))
    if value.keys() == {"status"}:
        return _short(str(value["status"]))
    told = (f"{name} {_scalar(member)}" for name, member in value.items())
    return _short(_listed(*told))


def _scalar(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return "{…}"
        case list():
            return "[…]"
    return str(value)


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _short(text: str) -> str:
    return shortened(text, MOST_WORDS)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning if it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
