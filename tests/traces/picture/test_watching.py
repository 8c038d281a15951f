"""What is inferred of a VM agrees with what the VM says, also where it is found out late."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from tests.traces.corpus import CORPUS

from migspec.traces.findings import Report
from migspec.traces.format import open_trace, read_header
from migspec.traces.judge import Options
from migspec.traces.picture.watching import Seen, State, WatchingJudge

RECORDED = CORPUS / "qemu-5.2.0"
FAULTY = CORPUS.parents[1] / "tests/faults/demo.jsonl"


Told = list[tuple[dict[str, Any], State | None, tuple[str, ...]]]
"""The lines of a trace, each with the state after it and the steps before it, as they are known in the end."""


def watched(path: Path) -> Told:
    result: list[tuple[dict[str, Any], list[Seen]]] = []
    with open_trace(path) as lines:
        judge = WatchingJudge(Report(str(path)), read_header(next(lines)[1]), Options())
        for number, text in lines:
            judge.feed(number, text)
            result.append((json.loads(text), judge.seen))
    judge.finish()
    return [(line, s[-1].state if s else None, tuple(step for seen in s for step in seen.steps)) for line, s in result]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Callable[[Path], Told]]:
    """The same in a new process, which has none of the tests' type checks to slow it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda path: pool.submit(watched, path).result()


@pytest.mark.parametrize("name", ["late-attach.jsonl", "recover-once.jsonl.gz", "colo-checkpoints.jsonl.gz"])
def test_a_status_is_never_other_than_its_event_tells(name: str, elsewhere: Callable[[Path], Told]) -> None:
    told = 0
    for line, state, _ in elsewhere(RECORDED / name):
        if line.get("msg", {}).get("event") != "MIGRATION" or state is None:
            continue
        status = line["msg"]["data"]["status"]
        known = {*state.outgoing.split("|"), *state.incoming.split("|")}
        told += status in known
        # a listener announces a set-up that it has not begun
        assert status in known or "?" in known or status == "setup"
    assert told > 1


def test_steps_are_inferred_where_no_message_shows_them() -> None:
    steps = [step for _, _, steps in watched(RECORDED / "precopy-unix.jsonl") for step in steps]
    order = ["outgoing.connected", "outgoing.setup-to-active", "outgoing.commit", "outgoing.active-to-completed"]
    assert [step for step in steps if step in order] == order


def test_what_was_inferred_from_a_refuted_beginning_is_inferred_anew(elsewhere: Callable[[Path], Told]) -> None:
    """A destination that is attached to late says only later that it is one."""
    lines = elsewhere(RECORDED / "colo-checkpoints.jsonl.gz")
    states = [state for line, state, _ in lines if line["vm"] == "dst" and state]
    assert State(outgoing="none", incoming="active", run="inmigrate") in states
    assert all(state.incoming != "completed" for state in states)


def test_after_a_message_that_is_not_allowed_all_is_open_that_may_have_led_to_it(
    elsewhere: Callable[[Path], Told],
) -> None:
    states = {number: state for number, (_, state, _) in enumerate(elsewhere(FAULTY), 2)}
    before, at, after = states[31], states[32], states[38]
    assert before is not None
    assert after is not None
    assert (before.outgoing, after.outgoing) == ("completed", "completed")
    assert at == State("cancelling|completed|failed", "none", "finish-migrate|running")


def test_nothing_is_known_after_a_gap(tmp_path: Path, elsewhere: Callable[[Path], Told]) -> None:
    path = tmp_path / "gap.jsonl"
    lines = (RECORDED / "precopy-unix.jsonl").read_text().splitlines()
    path.write_text("\n".join([*lines[:25], '{"vm":"src","gap":"lost"}', *lines[25:]]))
    after = [state for line, state, _ in elsewhere(path)[25:] if line["vm"] == "src" and state]
    assert after[0].run == "?"
    assert after[-1].outgoing == "completed"
