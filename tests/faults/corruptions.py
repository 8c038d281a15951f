"""Single-field corruptions: one member of one message of a recorded trace is missing, surplus, or something else.

Every kind of message of the corpus is corrupted in every one of its members, in a few places that are spread over all
traces. What the checker does not find is *slack*; `slack.py` says why each kind of it is let through.
"""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from tests.faults.mutations import Line

from migspec.spec.schema import QEMU_5_2_0
from migspec.traces.findings import Grade, Report
from migspec.traces.format import open_trace, read_header
from migspec.traces.judge import Options, TraceJudge

CORPUS = Path(__file__).resolve().parents[2] / "traces/corpus/qemu-5.2.0"

SAMPLES = 3
"""Messages in which a member of one kind of message is corrupted."""

LONGEST = 150
"""Lines of the traces that are preferred."""

Step = str | int
Path_ = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A member of a message: its trace, the index of its line, and the way to it within the message."""

    trace: str
    index: int
    way: Path_


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What is corrupted: a kind of message, and a member of it by its name; empty for the message itself."""

    kind: str
    member: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.member or 'the message'}"


# ---- the kinds of messages, and their members ----


@cache
def lines_of(trace: str) -> tuple[Line, ...]:
    """The lines of a trace of the corpus, the header included."""
    with open_trace(str(CORPUS / trace)) as lines:
        return tuple(msgspec.json.decode(text) for _, text in lines)


def kinds(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """The server's messages of a trace with their kinds, leaving out replies to commands that no schema of ours has."""
    open_requests: dict[tuple[str, str], deque[tuple[object, str]]] = defaultdict(deque)
    for index, line in enumerate(lines):
        message = line.get("msg")
        if not isinstance(message, dict):
            continue
        asked = open_requests[line["vm"], line.get("mon", "")]
        if line["dir"] == "->":
            command = message.get("execute", message.get("exec-oob"))
            if isinstance(command, str):
                asked.append((message.get("id"), command))
        elif "QMP" in message:
            asked.clear()
            yield index, "greeting"
        elif "event" in message:
            if message["event"] in QEMU_5_2_0.events:
                yield index, f"event {message['event']}"
        else:
            command = _answered(asked, message.get("id"))
            if command in QEMU_5_2_0.commands:
                yield index, f"{'error' if 'error' in message else 'reply'} {command}"


def _answered(asked: deque[tuple[object, str]], identity: object) -> str:
    for request in asked:
        if request[0] == identity:
            asked.remove(request)
            return request[1]
    return ""


def members(value: object, way: Path_ = (), name: str = "") -> Iterator[tuple[Path_, str]]:
    """Every member of a message, itself included, and the first element of every list, with its name."""
    yield way, name
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from members(inner, (*way, key), f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value:
        yield from members(value[0], (*way, 0), f"{name}[]")


@cache
def places() -> Mapping[Target, tuple[Place, ...]]:
    """The places of every target: few of many, in short traces where there are any."""
    short: dict[Target, list[Place]] = defaultdict(list)
    long: dict[Target, list[Place]] = defaultdict(list)
    for path in sorted(CORPUS.glob("*.jsonl*")):
        lines = lines_of(path.name)
        found = short if len(lines) <= LONGEST else long
        for index, kind in kinds(lines):
            for way, name in members(lines[index]["msg"]):
                found[Target(kind, name)].append(Place(path.name, index, way))
    return {target: tuple(_spread(target, short.get(target) or long[target])) for target in sorted({*short, *long})}


def _spread(target: Target, places: Sequence[Place]) -> Sequence[Place]:
    """A few of many places; a recording that is added takes few from the others."""
    return sorted(places, key=lambda place: blake2b(f"{target} {place}".encode()).digest())[:SAMPLES]


# ---- what is done to a member ----

Corrupt = Callable[[Any], Any]

_OTHER_TYPE: tuple[tuple[type, object], ...] = (
    (bool, "yes"),
    (int, "1"),
    (float, "1.0"),
    (str, 1),
    (dict, []),
    (list, {}),
    (type(None), 0),
)


def _other_type(value: object) -> object:
    return next(other for kind, other in _OTHER_TYPE if isinstance(value, kind))


def _words() -> Mapping[str, str]:
    """For every word of an enumeration the next one of it."""
    enums = [[value.name for value in enum.values] for enum in QEMU_5_2_0.enums.values()]
    return {word: words[(place + 1) % len(words)] for words in reversed(enums) for place, word in enumerate(words)}


_NEXT_WORD = _words()


def _by_one(sign: int) -> Corrupt:
    return lambda value: value + sign


def changes(value: object) -> Iterator[tuple[str, Corrupt]]:
    """What can be done to a value, by name."""
    yield "of another type", _other_type
    if isinstance(value, dict):
        yield "with a surplus member", lambda old: {**old, "surplus": 1}
    elif isinstance(value, bool):
        yield "negated", lambda old: not old
    elif isinstance(value, int | float):
        yield "one more", _by_one(1)
        yield "one less", _by_one(-1)
    elif isinstance(value, str):
        yield "another text", lambda old: f"{old}x"
        if value in _NEXT_WORD:
            yield "another word", _NEXT_WORD.__getitem__


@dataclass(frozen=True, slots=True)
class Corruption:
    """One corruption of one member: what is done, by name, and where."""

    target: Target
    what: str
    place: Place

    def recorded(self) -> tuple[Line, ...]:
        """The trace without the corruption."""
        return lines_of(self.place.trace)

    def lines(self) -> list[Line]:
        """The trace with the corruption in it."""
        lines = list(lines_of(self.place.trace))
        line = copy.deepcopy(lines[self.place.index])
        lines[self.place.index] = line
        holder: Any = line
        steps: Path_ = ("msg", *self.place.way)
        for step in steps[:-1]:
            holder = holder[step]
        if self.what == "missing":
            del holder[steps[-1]]
        else:
            holder[steps[-1]] = dict(changes(holder[steps[-1]]))[self.what](holder[steps[-1]])
        return lines


def corruptions() -> Iterator[Corruption]:
    """Every corruption, in a stable order."""
    for target, spots in places().items():
        for place in spots:
            value: Any = lines_of(place.trace)[place.index]["msg"]
            for step in place.way:
                value = value[step]
            if place.way:
                yield Corruption(target, "missing", place)
            for what, _ in changes(value):
                yield Corruption(target, what, place)


def is_found(corruption: Corruption) -> bool:
    """Whether the checker finds a violation in the trace with the corruption."""
    header, *lines = [msgspec.json.encode(line) for line in corruption.lines()]
    report = Report(corruption.place.trace)
    judge = TraceJudge(report, read_header(header), Options())
    for number, line in enumerate(lines, 2):
        judge.feed(number, line)
        if judge.has_violation:
            return True
    return any(finding.grade is Grade.VIOLATION for finding in judge.finish().findings)


def outcomes() -> dict[tuple[Target, str], tuple[int, int]]:
    """How many of the samples of each corruption were found, and how many there were; judged in other processes."""
    # what was found out about one trace is of use for the next fault in it
    every = sorted(corruptions(), key=lambda corruption: (corruption.place.trace, corruption.place.index))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = list(pool.map(is_found, every, chunksize=64))
    counted: dict[tuple[Target, str], tuple[int, int]] = {}
    for corruption, was_found in zip(every, found, strict=True):
        key = corruption.target, corruption.what
        before = counted.get(key, (0, 0))
        counted[key] = before[0] + was_found, before[1] + 1
    return counted
