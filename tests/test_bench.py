"""The benchmark measures what it says: its traces are as long as asked, varied, legal, and really judged."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.bench import generate, logs, run

from migspec.traces.judge import judge_file

MESSAGES = 2_000


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "trace.jsonl"
    generate.write_trace(path, MESSAGES, run.SEED)
    return path


def messages(path: Path) -> list[dict[str, Any]]:
    """The messages of a trace; what is none as an empty object."""
    return [json.loads(line).get("msg", {}) for line in path.read_bytes().splitlines()[1:]]


# no seed is simpler than another, so there is nothing to shrink
@settings(max_examples=5, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_any_trace_conforms(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bench") / "trace.jsonl"
    generate.write_trace(path, MESSAGES, seed)
    report = judge_file(str(path))
    assert (report.error, report.findings) == ("", [])
    assert report.messages == MESSAGES
    assert report.profile == "qemu-5.2.0"


def test_same_seed_gives_same_trace(trace: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.jsonl", tmp_path / "other.jsonl"
    generate.write_trace(again, MESSAGES, run.SEED)
    generate.write_trace(other, MESSAGES, run.SEED + 1)
    assert again.read_bytes() == trace.read_bytes()
    assert other.read_bytes() != trace.read_bytes()


def test_polls_have_their_share(trace: Path) -> None:
    polls = sum(message.get("execute") == "query-migrate" for message in messages(trace))
    assert 2 * polls / MESSAGES == pytest.approx(generate.POLLED, abs=0.03)


def test_every_kind_of_migration_happens(tmp_path: Path) -> None:
    """Each kind is played once before any is played again."""
    path = tmp_path / "trace.jsonl"
    generate.write_trace(path, 3 * MESSAGES, run.SEED)
    seen = {message["data"]["status"] for message in messages(path) if message.get("event") == "MIGRATION"}
    named = {
        word[2:].partition(":")[0]
        for _, script in generate.MIGRATIONS.values()
        for word in script.split()
        if word[1] == "="
    }
    assert seen == named


def test_trace_is_judged_to_its_end(trace: Path, tmp_path: Path) -> None:
    """Against a benchmark of a checker that has given up: a fault in the last lines is still found."""
    faulty = tmp_path / "faulty.jsonl"
    event = {"timestamp": {"seconds": 1, "microseconds": 1}, "event": "MIGRATION", "data": {"status": "device"}}
    line = json.dumps({"vm": "src", "dir": "<-", "msg": event})
    faulty.write_bytes(trace.read_bytes() + line.encode() + b"\n")
    with pytest.raises(SystemExit, match=rf"violates: .*line={len(messages(trace)) + 2}\b"):
        run.check(str(faulty))


def test_every_way_reads_the_whole_trace(trace: Path) -> None:
    assert run.parse(str(trace)) == run.decode(str(trace)) == len(messages(trace))
    assert run.check(str(trace)) == MESSAGES


def test_peak_is_of_a_process_that_judges(trace: Path) -> None:
    """It holds at least the interpreter, and not the whole benchmark's trace."""
    assert 5e6 < run.peak_of_check(str(trace)) < 1e9


def test_benchmark_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["--messages", "400", "--rounds", "1"])
    shown = capsys.readouterr().out
    assert [way for way in run.WAYS if way not in shown] == []
    assert "400 messages" in shown


def test_a_log_is_recognised_and_says_what_the_trace_says(tmp_path: Path) -> None:
    path = tmp_path / "libvirt.log"
    assert logs.write_log(path, MESSAGES, run.SEED) == path.stat().st_size
    report = judge_file(str(path))
    assert report.importer == "libvirt"
    assert (report.error, report.findings) == ("", [])
    assert report.messages == MESSAGES
    assert logs.read(str(path)) > MESSAGES
