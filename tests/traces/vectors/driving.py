"""A reader of command sequences, which goes by `docs/vectors.md` alone, and drives machines in virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Scheduler
from migspec.reference_impl.virtual import Client, Crossing, Ended, World

Object = dict[str, Any]

FOLDER = "/tmp/vectors"
"""Stands for the folder of whoever drives; in virtual time there is none."""


def prepared(sequence: Object) -> Object:
    """The same with its folder."""
    found: Object = json.loads(json.dumps(sequence).replace("{folder}", FOLDER))
    return found


def _has(every: Mapping[str, object], some: Mapping[str, object]) -> bool:
    return all(name in every and every[name] == value for name, value in some.items())


def _fits_text(want: Object, text: str) -> bool:
    if text in want.get("but", ()):
        return False
    if "is" in want:
        return text in want["is"]
    return text.startswith(want.get("begins", "")) and want.get("contains", "") in text


def _fits_value(want: Object, value: Any) -> bool:
    if "is" in want:
        # in JSON 1 and true are two
        return json.dumps(want["is"], sort_keys=True) == json.dumps(value, sort_keys=True)
    if "lacks" in want:
        return isinstance(value, list) and not any(entry in want["lacks"] for entry in value)
    if "members" not in want:
        return True
    present = {*want["members"], *want.get("with", ())}
    return (
        isinstance(value, dict)
        and _has(value, want["members"])
        and present <= set(value) <= present.union(want.get("maybe", ()))
    )


def fits(move: Object, read: Object) -> bool:
    """Whether a move is about what was read: a message, or the exit code of a process."""
    kind = next(kind for kind in ("event", "return", "error", "exit") if kind in move)
    if kind not in read:
        return False
    want, got = move[kind], read[kind]
    if kind == "event":
        data = read.get("data", {})
        excluded = any(_has(data, other) for other in move.get("unless", ()))
        return bool(want == got) and _has(data, move.get("data", {})) and not excluded
    if kind == "return":
        return _fits_value(want, got)
    if kind == "error":
        return bool(want.get("class", got["class"]) == got["class"]) and _fits_text(want.get("desc", {}), got["desc"])
    return "is" not in want or got in want["is"]


class NotAllowedError(Exception):
    """What came is none of what is allowed: where, and what it was."""

    def __init__(self, place: int, read: Object | None) -> None:
        super().__init__(f"place {place}: {json.dumps(read)}")
        self.place = place
        self.read = read


def drive(
    sequence: Object, events: frozenset[str], scheduler: Scheduler | None = None, seed: int = 0
) -> tuple[str, list[int]]:
    """Drive a machine through a sequence: how it ended, and the places that it was in.

    Raises `NotAllowedError`.
    """
    whole = prepared(sequence)
    world = World()
    if "peer" in whole:
        peer = world.start("dst", Options(incoming="defer", seed=seed)).connect()
        for request in whole["peer"]:
            peer.ask(request["execute"], request.get("arguments"))
    start = whole["start"]
    options = Options(incoming=start["incoming"], stopped=start["stopped"], seed=seed)
    client = world.start("src", options, scheduler).connect()
    messages = _messages(world, client)
    place, way = 0, [0]
    while "end" not in whole["places"][place]:
        here = whole["places"][place]
        if "do" in here:
            _do(client, whole["steps"][here["do"]])
            place = here["to"]
        else:
            read = next(messages, None)
            if read is not None and read.get("event") not in events | {None}:
                continue
            move = None if read is None else next((move for move in here["moves"] if fits(move, read)), None)
            if move is None:
                raise NotAllowedError(place, read)
            place = move["to"]
        way.append(place)
    return whole["places"][place]["end"], way


def _do(client: Client, step: Object) -> None:
    if "rest" in step:
        client.host.world.run(client.host.world.now + step["rest"])
        return
    request = step["send"]
    oob = "exec-oob" in request
    client.send(request["exec-oob" if oob else "execute"], request.get("arguments"), oob=oob)


def _messages(world: World, client: Client) -> Iterator[Object]:
    """What a machine tells, the greeting left out, then its exit code; it ends where nothing more comes."""
    read = len(world.record)
    while True:
        while read < len(world.record):
            entry = world.record[read]
            read += 1
            if isinstance(entry, Ended) and entry.vm == client.host.name:
                yield {"exit": entry.how.value}
            elif isinstance(entry, Crossing) and entry.vm == client.host.name and not entry.sent:
                yield json.loads(json.dumps(entry.message))
        count = read

        def more(known: int = count) -> bool:
            return len(world.record) > known

        if not world.settle(until=more):
            return
