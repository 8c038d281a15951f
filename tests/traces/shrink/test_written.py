"""What is left, as a trace that can be judged and as a test that can be run."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.shrink.samples import PLAIN, log_of, wrong_answer

from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header, VmInfo
from migspec.traces.judge import Options, judge_file
from migspec.traces.shrink.log import Entry, Log
from migspec.traces.shrink.search import Search, Shrunk
from migspec.traces.shrink.written import as_test, origin, trace_lines

TEXTS = st.text(max_size=20)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    header = {"vms": {"src": {"role": "source"}, "dst": {}}, "scenario": "talk", "note": "of before"}
    return log_of(tmp_path, wrong_answer(), header=header)


@pytest.fixture
def shrunk(log: Log) -> Shrunk:
    return Search(log, log.violations[0], PLAIN).run()


def literal(source: str, name: str) -> object:
    """The value of a constant of a module."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def test_the_trace_says_where_it_is_from_and_keeps_what_is_known_of_its_vms(log: Log, shrunk: Shrunk) -> None:
    source = origin(log, log.violations[0])
    assert source == "trace.jsonl, line 9"
    header, *lines = trace_lines(shrunk, source)
    assert json.loads(header) == {
        "format": "qmp-trace",
        "version": 1,
        "vms": {"src": {"role": "source"}},
        "scenario": "talk",
        "note": "shrunk from trace.jsonl, line 9: schema.query-status",
    }
    assert lines == [entry.text for entry in shrunk.entries]


def test_the_trace_is_judged_as_it_was(shrunk: Shrunk, tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_bytes(b"\n".join(trace_lines(shrunk, "x")) + b"\n")
    assert judge_file(str(path)).findings == shrunk.report.findings == [shrunk.finding]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (Options(), "Options()"),
        (Options("seed"), "Options(profile='seed')"),
        (Options(other_clients=True), "Options(other_clients=True)"),
        (Options(at_rest=True), "Options(at_rest=True)"),
        (Options("seed", other_clients=True, importer="libvirt"), "Options(profile='seed', other_clients=True)"),
    ],
)
def test_the_test_judges_by_the_same_options(options: Options, shown: str, shrunk: Shrunk) -> None:
    assert f"judge_file(str(trace), {shown})" in as_test(shrunk, options, "x")


def test_pytest_runs_the_test(shrunk: Shrunk, tmp_path: Path) -> None:
    """In a folder of its own, without anything of ours but what is installed."""
    path = tmp_path / "test_short.py"
    good = as_test(shrunk, Options(), "x")
    path.write_text(good)
    (tmp_path / "test_wrong.py").write_text(good.replace("(3, 'src', ", "(2, 'src', "))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "FAILED test_wrong.py::test_schema_query_status" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert done.stderr == ""


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.from_regex(r"[a-z]+([.-][a-z]+)*", fullmatch=True))
def test_whatever_is_said_the_test_is_python_with_the_trace_in_it(
    message: str, explanation: str, vm: str, source: str, rule: str
) -> None:
    finding = Finding(2, vm, rule, Grade.VIOLATION, message, explanation)
    text = json.dumps({"vm": vm, "dir": "<-", "msg": message}, ensure_ascii=False)
    report = Report("t", {vm: "seed"}, 1, [finding])
    header = Header({vm: VmInfo(role="source")})
    shrunk = Shrunk(header, (Entry(0, 2, text.encode("utf-8", "replace")),), report, finding, True, 0)
    written = as_test(shrunk, PLAIN, source)
    assert written.isascii()
    compile(written, "test.py", "exec")
    lines = literal(written, "TRACE")
    assert isinstance(lines, tuple)
    assert [line.encode() for line in lines] == trace_lines(shrunk, source)
    (test,) = [node for node in ast.parse(written).body if isinstance(node, ast.FunctionDef)]
    assert test.name == "test_" + rule.replace(".", "_").replace("-", "_")


def test_every_violation_that_is_left_is_asserted(shrunk: Shrunk) -> None:
    other = replace(shrunk.finding, line=2, rule="envelope.id")
    both = replace(shrunk, report=Report("t", {"src": "seed"}, 2, [other, shrunk.finding]))
    written = as_test(both, PLAIN, "x")
    assert "        (2, 'src', 'envelope.id'),\n        (3, 'src', 'schema.query-status'),\n" in written
