"""`migspec explore`, as its users run it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.traces.command import run

GOLDEN = Path(__file__).with_name("golden")
SECONDS = re.compile(rb"\(\d+\.\d s\)")


def test_text_is_as_agreed() -> None:
    done = run("explore", "failover")
    assert done.returncode == 0, done.stderr
    assert SECONDS.sub(b"(N s)", done.stdout).decode() == (GOLDEN / "explore.txt").read_text()


def test_without_excuses_the_shortest_way_to_a_fault_is_printed_and_written(tmp_path: Path) -> None:
    trace = tmp_path / "way.jsonl"
    done = run("explore", "failover", "--strict", "--property", "guest.one-side", "--trace", trace)
    assert done.returncode == 1
    assert SECONDS.sub(b"(N s)", done.stdout).decode() == (GOLDEN / "explore-strict.txt").read_text()
    judged = run("check", trace)
    assert judged.returncode == 0, judged.stdout
    assert b"conforms" in judged.stdout


def test_what_must_be_possible_has_an_example(tmp_path: Path) -> None:
    trace = tmp_path / "way.jsonl"
    done = run("explore", "failover", "--property", "reached.outgoing.completed", "--trace", trace)
    assert done.returncode == 0
    assert "outgoing.completed" in trace.read_text().splitlines()[0]
    assert run("check", trace).returncode == 0


def test_what_an_environment_lacks_fails_only_if_it_was_asked_for() -> None:
    assert run("explore", "failover", "--property", "reached.outgoing.colo").returncode == 1


def test_the_last_object_has_the_counts() -> None:
    done = run("explore", "loans", "--json")
    assert done.returncode == 0
    *properties, last = map(json.loads, done.stdout.splitlines())
    assert {"distinct", "generated", "depth", "complete", "statuses"} <= set(last)
    assert last["distinct"] == sum(share["states"] for share in last["statuses"])
    assert all(found["holds"] or found["property"].startswith(("reached.", "taken.")) for found in properties)


def test_it_can_stop_early_and_only_count() -> None:
    done = run("explore", "--at-most", "1000", "--no-properties", "--json")
    assert done.returncode == 0
    (last,) = map(json.loads, done.stdout.splitlines())
    assert last["complete"] is False
    assert 1000 < last["distinct"] < 5000


def test_the_graph_by_status_is_for_graphviz(tmp_path: Path) -> None:
    drawn = tmp_path / "graph.dot"
    assert run("explore", "loans", "--no-properties", "--dot", drawn).returncode == 0
    lines = drawn.read_text().splitlines()
    assert lines[0] == 'digraph "loans" {'
    assert lines[-1] == "}"
    assert any("->" in line and "outgoing." in line for line in lines)


def test_everything_can_be_listed() -> None:
    listed = run("explore", "--list")
    assert listed.returncode == 0
    assert b"standard  The standard bound" in listed.stdout
    assert b"guest.one-side  At most one side runs the guest" in listed.stdout
    assert b"  guest.one-side.colo  documented: In COLO" in listed.stdout
    objects = [json.loads(line) for line in run("explore", "--list", "--json").stdout.splitlines()]
    assert {"environment", "property"} <= {key for found in objects for key in found}


def test_bad_arguments_are_one_sentence_each(tmp_path: Path) -> None:
    for arguments, sentence in (
        (("nowhere",), b"there is no environment nowhere; --list names them"),
        (("--property", "x"), b"there is no property x; --list names them"),
        (("--at-most", "x"), b"argument --at-most: x is not a number from 1 on"),
        (("--at-most", "0"), b"argument --at-most: 0 is not a number from 1 on"),
    ):
        done = run("explore", *arguments)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert done.stderr.count(b"\n") == 1
    done = run("explore", "loans", "--no-properties", "--dot", tmp_path / "no" / "x")
    assert done.returncode == 3
    assert b"cannot be written" in done.stderr
