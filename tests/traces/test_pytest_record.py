"""The fixture `migspec_record` in tests of others: what fails, what is told, and what is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from tests.traces.command import start

# what is loaded before a run in this process is not loaded in each of them
from migspec.traces.judge import judge_file
from migspec.traces.recording import told

pytest_plugins = ["pytester"]

PLUGIN = "migspec.pytest_record"
PROJECT = Path(__file__).resolve().parents[2]

TALK = """
import json

ASKED = {"execute": "query-status", "id": 1}
GOOD = {"return": {"status": "running", "singlestep": False, "running": True}, "id": 1}
WRONG = {"return": {"status": "running", "singlestep": "no", "running": True}, "id": 1}


def talk(recording, *answers):
    for answer in answers:
        recording.message("src", "->", ASKED)
        recording.message("src", "<-", answer)
"""
"""What the tests below say: by the written contract, for they name no release."""

FOUND = "*migspec.jsonl:3: src: Reply to query-status: return.singlestep should be *[[]schema.query-status[]]"


@pytest.fixture
def others(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project that has migspec installed, and no other plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    pytester.makepyfile(talk=TALK)
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config -p no:cacheprovider")
    return pytester


def run(others: pytest.Pytester, text: str, *options: str, apart: bool = False) -> pytest.RunResult:
    """Run one file of tests, in a process of its own if it is to be `apart`."""
    others.makepyfile(test_theirs="import pytest\nfrom talk import *\n" + textwrap.dedent(text))
    start_run = others.runpytest_subprocess if apart else others.runpytest_inprocess
    return start_run("-p", PLUGIN, *options)


def test_a_recording_that_conforms_lets_the_test_pass(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_it(migspec_record):
            talk(migspec_record, GOOD)
            assert migspec_record.path.name == "migspec.jsonl"
        """,
        "-rP",
    )
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*- Captured migspec call -*", "*migspec.jsonl: conforms (seed, 2 messages)"])


def test_a_violation_fails_the_test_with_the_report(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_it(migspec_record):
            talk(migspec_record, WRONG)
        """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*migspec.jsonl: violates (seed, 2 messages, 1 violation)", FOUND])
    assert "Captured" not in done.stdout.str()


def test_a_test_that_fails_by_itself_has_the_report_too(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_it(migspec_record):
            talk(migspec_record, WRONG)
            assert 1 == 2
        """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["E *assert 1 == 2", "*- Captured migspec call -*", FOUND])


def test_a_test_that_is_skipped_stays_so(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_it(migspec_record):
            talk(migspec_record, WRONG)
            pytest.skip("not here")

        @pytest.mark.xfail(strict=True)
        def test_known(migspec_record):
            talk(migspec_record, WRONG)
        """,
    )
    done.assert_outcomes(skipped=1, xfailed=1)


def test_an_accepted_finding_does_not_fail_the_test(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        @pytest.mark.migspec(allow=["schema.query-status"])
        def test_it(migspec_record):
            talk(migspec_record, WRONG)

        @pytest.mark.migspec(allow=["schema.query-status"])
        class TestAll:
            @pytest.mark.migspec(allow=("trace.gap",))
            def test_both(self, migspec_record):
                talk(migspec_record, WRONG)
        """,
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["migspec: trace.gap is allowed in this test, but there is no finding of it."])


def test_an_accepted_finding_must_be_there_and_no_other(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        @pytest.mark.migspec(allow=["envelope.id"])
        def test_it(migspec_record):
            talk(migspec_record, WRONG)
        """,
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([FOUND, "migspec: envelope.id is allowed in this test, but there is no finding of it."])


@pytest.mark.parametrize(
    "marker",
    [
        "migspec",
        'migspec("envelope.id")',
        "migspec(allow='envelope.id')",
        "migspec(allow=[[]])",
        "migspec(allow=[], deny=[])",
    ],
)
def test_a_marker_with_other_arguments_is_said_in_one_sentence(marker: str, others: pytest.Pytester) -> None:
    done = run(
        others,
        f"""
        @pytest.mark.{marker}
        def test_it(migspec_record):
            pass
        """,
    )
    done.assert_outcomes(errors=1)
    assert sentences(done) == [
        "the marker migspec of this test has other arguments; expected migspec(allow=[RULE, ...])."
    ]


def sentences(done: pytest.RunResult) -> list[str]:
    """What is said of errors and failures, but for headlines."""
    lines = [line for line in done.outlines if line]
    first = next(place for place, line in enumerate(lines) if line.startswith("___"))
    last = next(place for place, line in enumerate(lines) if "short test summary" in line)
    return [line for line in lines[first:last] if not line.startswith(("___", "---", "==="))]


def test_what_cannot_be_recorded_is_said_in_one_sentence(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_address(migspec_record):
            migspec_record.record("src", "localhost:4444")

        @pytest.mark.migspec(allow=["no.rule"])
        def test_rule(migspec_record):
            pass
        """,
    )
    done.assert_outcomes(failed=1, errors=1)
    assert set(sentences(done)) == {
        "localhost:4444: this is no address; expected unix:PATH or tcp:HOST:PORT.",
        "the marker migspec of this test allows no.rule, which is no rule; expected migspec(allow=[RULE, ...]).",
    }


def test_a_profile_that_is_none_is_said_in_one_sentence_before_any_test(others: pytest.Pytester) -> None:
    done = run(others, "def test_it(migspec_record): pass", "--migspec-profile", "qemu-9")
    assert done.ret is pytest.ExitCode.USAGE_ERROR
    assert [line for line in done.errlines if line] == [
        "ERROR: --migspec-profile qemu-9: this is no profile; expected qemu-5.2.0 or seed."
    ]
    assert "passed" not in done.stdout.str()


def test_options_say_how_it_is_judged(others: pytest.Pytester) -> None:
    text = """
        VERSION = {"qemu": {"major": 5, "minor": 2, "micro": 0}, "package": ""}

        def test_it(migspec_record):
            migspec_record.message("src", "<-", {"QMP": {"version": VERSION, "capabilities": []}})
            migspec_record.message("src", "->", {"execute": "qmp_capabilities"})
            migspec_record.message("src", "<-", {"return": {}})
            talk(migspec_record, {"error": {"class": "GenericError", "desc": "not today"}, "id": 1})
        """
    run(others, text, apart=True).assert_outcomes(failed=1)
    run(others, text, "--migspec-profile", "seed").assert_outcomes(passed=1)


def test_traces_are_kept(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        @pytest.mark.parametrize("name", ["a/b", "a-b"])
        def test_it(migspec_record, name):
            migspec_record.message(name, "<-", GOOD)

        def test_nothing(migspec_record):
            pass
        """,
        "--migspec-keep",
        "kept/here",
    )
    done.assert_outcomes(passed=3)
    kept = sorted((others.path / "kept/here").iterdir())
    assert [path.name.rpartition("-")[0] for path in kept] == ["test_theirs.py-test_it-a-b"] * 2
    assert told(judge_file(str(kept[0]))) == f"{kept[0]}: conforms (seed, 1 message)"
    headers = [json.loads(path.read_text().splitlines()[0]) for path in kept]
    assert sorted(name for header in headers for name in header["vms"]) == ["a-b", "a/b"]


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(others: pytest.Pytester) -> None:
    text = "def test_it(migspec_record): talk(migspec_record, GOOD)"
    done = run(others, text, "--migspec-keep", "talk.py/kept")
    done.assert_outcomes(passed=1, errors=1)
    assert "--migspec-keep talk.py/kept: the trace cannot be kept (Not a directory)." in sentences(done)


def test_what_is_recorded_after_the_test_is_judged_too(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        @pytest.fixture
        def client(migspec_record):
            yield
            talk(migspec_record, WRONG)

        def test_passes(migspec_record, client):
            talk(migspec_record, GOOD)

        def test_fails(migspec_record, client):
            talk(migspec_record, GOOD)
            assert False

        @pytest.mark.migspec(allow=["schema.query-status"])
        def test_accepts(migspec_record, client):
            talk(migspec_record, WRONG)

        def test_says_nothing(client):
            pass
        """,
    )
    done.assert_outcomes(passed=3, failed=1, errors=2)
    done.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_passes*",
            "*migspec.jsonl:5: src: Reply to query-status: *[[]schema.query-status[]]",
            "*ERROR at teardown of test_says_nothing*",
            FOUND,
        ]
    )


def test_a_test_that_records_nothing_though_it_wanted_to_fails(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_never_connected(migspec_record):
            migspec_record.record("src", "unix:/no/such/socket")

        @pytest.mark.migspec(allow=["trace.empty"])
        def test_knows(migspec_record):
            migspec_record.record("src", "unix:/no/such/socket")

        def test_not_used(migspec_record):
            pass
        """,
    )
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(["*migspec.jsonl:1: doubt: The trace has no messages. [[]trace.empty[]]"])


def test_a_client_that_found_no_server_is_told(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        import socket

        def test_it(migspec_record):
            talk(migspec_record, GOOD)
            path = migspec_record.record("dst", "unix:/no/such/socket")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                assert client.recv(1) == b""
        """,
        "-rP",
    )
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["dst: a client was turned away, for the server is not there (*)"])


def test_the_example_of_the_readme(others: pytest.Pytester) -> None:
    text = (PROJECT / "README.md").read_text().split("\n### In your own tests\n")[1]
    others.makepyfile(test_reader=text.split("```python\n")[1].split("```")[0])
    done = others.runpytest_subprocess("-p", PLUGIN, "-p", "migspec.pytest_plugin", "-rP")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*migspec.jsonl: conforms (qemu-5.2.0, *"])


def test_markers_and_options_are_declared(others: pytest.Pytester) -> None:
    done = others.runpytest_inprocess("-p", PLUGIN, "--markers")
    done.stdout.fnmatch_lines(["@pytest.mark.migspec(allow): findings of these rules are accepted *"])
    done = others.runpytest_inprocess("-p", PLUGIN, "--help")
    done.stdout.fnmatch_lines(
        ["*--migspec-profile=P *", "*--migspec-other-clients*", "*--migspec-at-rest*", "*--migspec-keep=DIR*"]
    )


def test_a_session_without_the_fixture_loads_nothing_else_of_ours(others: pytest.Pytester) -> None:
    """typeguard's import hook could not check it any more, and it takes time."""
    others.makepyfile(
        """
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.startswith("migspec.")}
            assert ours == {"migspec.pytest_record"}
        """
    )
    others.runpytest_subprocess("-p", PLUGIN).assert_outcomes(passed=1)


def test_workers_of_xdist_judge_and_tell_the_same(others: pytest.Pytester) -> None:
    done = run(
        others,
        """
        def test_wrong(migspec_record):
            talk(migspec_record, WRONG)

        def test_address(migspec_record):
            migspec_record.record("src", "localhost:4444")
        """,
        "-p",
        "xdist",
        "--numprocesses=1",
        apart=True,
    )
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines([FOUND, "localhost:4444: this is no address; expected unix:PATH or tcp:HOST:PORT."])


def test_it_is_declared_as_a_plugin() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert PLUGIN in project["entry-points"]["pytest11"].values()


def test_a_real_client_and_a_served_vm(others: pytest.Pytester) -> None:
    """`qemu.qmp` drives `migspec serve` through the recorder; its events and replies are in the trace."""
    socket_path = others.path / "vm"
    process = start("serve", "--qmp", f"unix:{socket_path}", "--contracts", "off", stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith(b"qmp: listening on ")
        done = run(
            others,
            f"""
            from qemu.qmp.legacy import QEMUMonitorProtocol

            def test_it(migspec_record):
                path = migspec_record.record("src", "unix:{socket_path}", "source")
                with QEMUMonitorProtocol(path) as client:
                    client.connect()
                    client.cmd("stop")
                    assert client.cmd("query-status")["status"] == "paused"
            """,
            "--migspec-keep",
            "kept",
            apart=True,
        )
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    done.assert_outcomes(passed=1)
    (trace,) = (others.path / "kept").iterdir()
    header, *lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert header["vms"] == {"src": {"role": "source"}}
    sent = [line["msg"]["execute"] for line in lines if line.get("dir") == "->"]
    assert sent == ["qmp_capabilities", "stop", "query-status"]
    assert "STOP" in [line["msg"].get("event") for line in lines if line.get("dir") == "<-"]
    assert lines[-1] == {"t": lines[-1]["t"], "vm": "src", "end": "eof", "by": "client"}
