"""The data of a page: complete, short, and with a place for everything."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.bench.generate import write_trace
from tests.traces.corpus import CORPUS
from tests.traces.html import pages

RECORDED = CORPUS / "qemu-5.2.0"
LARGEST = 5_000_000
"""Bytes that the page of 100 000 messages may have."""


@pytest.fixture(scope="module")
def faulty() -> Any:
    return pages.parts(pages.made_elsewhere(CORPUS.parents[1] / "tests/faults/demo.jsonl")).data


def test_every_message_has_its_mark(faulty: Any) -> None:
    assert [mark[2] for mark in faulty["marks"]] == list(range(2, 45))


def test_a_finding_has_the_place_of_its_message(faulty: Any) -> None:
    (finding,) = faulty["findings"]
    assert (finding["line"], finding["rule"], finding["grade"]) == (32, "guest.restarted", "violation")
    assert faulty["lanes"][finding["lane"]]["name"] == "src"
    sentence, _, standing, *_ = faulty["catalogue"]["guest.restarted"]
    assert (sentence[-1], standing) == (".", "observed")


def test_steps_that_no_message_shows_are_told_with_the_message_that_needs_them(faulty: Any) -> None:
    stop = next(mark for mark in faulty["marks"] if mark[2] == 29)
    assert faulty["rules"][stop[8]] == ["outgoing.commit", "outgoing.stop-guest"]
    assert {"outgoing.commit", "outgoing.stop-guest"} <= faulty["catalogue"].keys()


def test_the_states_are_those_that_the_judge_infers(faulty: Any) -> None:
    states = {mark[2]: faulty["states"][mark[7]] for mark in faulty["marks"] if len(mark) > 7}
    assert states[31] == ["completed", "none", "finish-migrate"]
    assert states[34] == ["none", "completed", "running"]


def test_the_lanes_of_those_that_migrate_are_open() -> None:
    data = pages.parts(pages.made_elsewhere(RECORDED / "two-monitors.jsonl.gz")).data
    assert [(lane["name"], lane["shown"]) for lane in data["lanes"]] == [("src", True), ("dst", True)]


def lines(*times: float | None) -> list[str]:
    return [json.dumps({"t": t, "vm": "a", "dir": "<-", "msg": {"event": "X"}}) for t in times]


@pytest.mark.parametrize(
    ("times", "is_timed"),
    [
        ((1.0, 2.0, 3.0), True),
        ((1.0, 2.0, 1.5, 3.0), True),
        ((1.0, 2.0, None), False),
        ((100.0, 200.0, 1.0), False),
        ((0.0, 1e10), False),
        ((1.0, 1.0), False),
        ((), False),
    ],
)
def test_the_axis_is_of_time_where_times_can_be_trusted(times: tuple[float | None, ...], is_timed: bool) -> None:
    data = pages.parts(pages.of_lines(lines(*times))).data
    assert data["timed"] is is_timed
    told = [mark[3] for mark in data["marks"]]
    assert told == sorted(told) if is_timed else not any(told)


def test_polling_is_one_mark_with_its_first_and_its_last_exchange() -> None:
    told = []
    for number in range(5):
        told.append({"vm": "a", "dir": "->", "msg": {"execute": "query-status", "id": f"x-{number}"}})
        answer = {"status": "running", "singlestep": False, "running": True}
        told.append({"vm": "a", "dir": "<-", "msg": {"return": answer, "id": f"x-{number}"}})
    data = pages.parts(pages.of_lines(map(json.dumps, told))).data
    polling = data["marks"][-1]
    (question,) = polling[14]
    assert (polling[2], polling[12], question[2]) == (4, 11, 4)
    assert [line for line, _ in question[3:]] == [4, 5, 10, 11]


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_the_page_of_a_long_trace_is_small(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("long") / "long.jsonl"
    write_trace(path, 100_000, seed)
    size = len(pages.made_elsewhere(path).encode())
    print(f"seed {seed}: the page of 100 000 messages has {size:,} bytes")
    assert size < LARGEST


@pytest.mark.soak
def test_the_page_of_a_long_trace_of_strange_messages_is_small(tmp_path: Path) -> None:
    path = tmp_path / "strange.jsonl"
    chance = random.Random(1)
    with path.open("w") as file:
        file.write(pages.HEADER + "\n")
        for number in range(100_000):
            name, text = ("".join(chance.choices("abcd<&é", k=length)) for length in (12, 80))
            line = {"t": number, "vm": f"vm{number % 3}", "dir": "<-", "msg": {"event": name, "data": {text: number}}}
            file.write(json.dumps(line) + "\n")
    size = len(pages.made_elsewhere(path).encode())
    print(f"the page of 100 000 strange messages has {size:,} bytes")
    assert size < LARGEST
