"""Cuts leave out exactly the members that they name, and nothing of the message that is to stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.traces.shrink.log import Entry
from migspec.traces.shrink.members import Cut, Path, cuts, without

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.dictionaries(st.sampled_from(["execute", "return", "id", "arguments"]), VALUES, max_size=3)
LINES = st.builds(
    lambda vm, direction, message, others: {"vm": vm, "dir": direction, "msg": message, **others},
    st.sampled_from("ab"),
    st.sampled_from(["->", "<-"]),
    MESSAGES,
    st.sampled_from([{}, {"t": 1.5}, {"t": 2, "mon": "m"}, {"by": "client"}]),
)


def entries_of(lines: list[Any]) -> list[Entry]:
    return [Entry(place, place + 2, json.dumps(line).encode()) for place, line in enumerate(lines)]


def at(line: Any, path: Path) -> Any:
    """The part of a line that a path leads to."""
    return at(line[path[0]], path[1:]) if path else line


def named(made: list[Cut]) -> set[tuple[int, Path]]:
    return {each for cut in made for each in cut}


def dropped(value: Any, paths: set[Path]) -> Any:
    """The obvious way to leave out parts of a value."""
    kept = {path[0] for path in paths if len(path) == 1}
    inner: dict[str | int, set[Path]] = {}
    for path in paths:
        inner.setdefault(path[0], set()).update([path[1:]] if len(path) > 1 else [])
    if isinstance(value, dict):
        return {name: dropped(part, inner.get(name, set())) for name, part in value.items() if name not in kept}
    if isinstance(value, list):
        return [dropped(part, inner.get(index, set())) for index, part in enumerate(value) if index not in kept]
    return value


@settings(max_examples=40)
@given(st.lists(LINES, min_size=1, max_size=4), st.data())
def test_exactly_what_is_named_is_left_out(lines: list[Any], data: st.DataObject) -> None:
    entries = entries_of(lines)
    possible = cuts(entries, 0)
    made = data.draw(st.lists(st.sampled_from(possible), max_size=6)) if possible else []
    left = without(entries, made)
    for entry, line in zip(left, lines, strict=True):
        paths = {path for place, path in named(made) if place == entry.place}
        assert json.loads(entry.text) == dropped(line, paths)


@settings(max_examples=40)
@given(st.lists(LINES, min_size=1, max_size=4), st.data())
def test_the_message_that_stays_is_not_touched(lines: list[Any], data: st.DataObject) -> None:
    stays = data.draw(st.integers(0, len(lines) - 1))
    entries = entries_of(lines)
    least = json.loads(without(entries, cuts(entries, stays))[stays].text)
    assert least == {name: lines[stays][name] for name in ("vm", "dir", "msg")}


@settings(max_examples=40)
@given(st.lists(LINES, min_size=1, max_size=4))
def test_every_cut_names_what_is_there_and_none_is_there_twice(lines: list[Any]) -> None:
    possible = cuts(entries_of(lines), 0)
    assert len(set(possible)) == len(possible)
    for cut in possible:
        assert cut
        for place, path in cut:
            at(lines[place], path)


@settings(max_examples=40)
@given(st.lists(LINES, min_size=1, max_size=4))
def test_a_line_remains_one(lines: list[Any]) -> None:
    entries = entries_of(lines)
    for entry, line in zip(without(entries, cuts(entries, 0)), lines, strict=True):
        assert json.loads(entry.text).items() >= {"vm": line["vm"], "dir": line["dir"]}.items()
        assert "msg" in json.loads(entry.text)


def test_what_goes_together() -> None:
    lines = [
        {"vm": "a", "mon": "m", "t": 1, "dir": "->", "msg": {"execute": "x", "id": 1}},
        {"vm": "a", "mon": "m", "t": 2, "dir": "<-", "msg": {"return": 0, "id": 1}},
        {"vm": "a", "mon": "m", "t": 3, "dir": "->", "msg": {"execute": "x", "id": 2}},
        {"vm": "a", "mon": "m", "t": 4, "dir": "<-", "msg": {"return": 0, "id": 2}},
    ]
    together = [cut for cut in cuts(entries_of(lines), 3) if len(cut) > 1]
    assert together == [
        ((0, ("msg", "id")), (1, ("msg", "id"))),
        tuple((place, ("mon",)) for place in range(4)),
        tuple((place, ("t",)) for place in range(4)),
    ]


@pytest.mark.parametrize("spelling", ["1e400", "1.0", "123456789012345678901234567890", '"\\u00e9"', "1E5"])
def test_what_remains_keeps_its_spelling(spelling: str) -> None:
    text = f'{{"vm":"a","dir":"<-","msg":{{"return":{{"x":{spelling},"y":1}}}}}}'.encode()
    (entry,) = without([Entry(0, 2, text)], [((0, ("msg", "return", "y")),)])
    assert entry.text == text.replace(b',"y":1', b"")


@pytest.mark.parametrize("message", ["[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300])
def test_what_is_nested_deeply_is_left_as_it_is(message: str) -> None:
    text = f'{{"vm":"a","dir":"<-","t":1,"msg":{message}}}'.encode()
    entries = [Entry(0, 2, text)]
    (time,) = [cut for cut in cuts(entries, 0) if cut == ((0, ("t",)),)]
    assert without(entries, [time])[0].text == text.replace(b',"t":1', b"")
