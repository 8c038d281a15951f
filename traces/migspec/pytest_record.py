"""The pytest plugin that records what a test drives over QMP, and judges it when the test is over.

```
def test_migration(migspec_record):
    source = QEMUMonitorProtocol(migspec_record.record("src", "unix:/run/src.qmp", "source"))
    destination = QEMUMonitorProtocol(migspec_record.record("dst", "unix:/run/dst.qmp", "destination"))
```

pytest loads it in every session of whoever has migspec installed, so it imports nothing of migspec before it is asked.
It lies beside the package for the same reason: to import a module of a package is to import the package.
"""

from __future__ import annotations

import re
import shutil
import sys
import zlib
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

import pytest

if TYPE_CHECKING:
    from migspec.traces.findings import Report
    from migspec.traces.recording import Recording

_NAME: Final = "migspec"
_RECORDING: Final = "migspec.traces.recording"
_EXPECTED: Final = "expected migspec(allow=[RULE, ...])."
_LONGEST: Final = 200
"""Characters of a test's name that the name of a file keeps."""


@dataclass(slots=True)
class _Judged:
    """The recording of a test, the rules that are accepted in it, and whether it has passed up to its teardown."""

    recording: Recording
    accepted: tuple[str, ...]
    has_passed: bool = False


_JUDGED: Final = pytest.StashKey[_Judged]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup(_NAME, "recording and judging what tests with migspec_record drive")
    group.addoption("--migspec-profile", metavar="P", help="judge by this profile, not by that of each VM's release")
    group.addoption(
        "--migspec-other-clients", action="store_true", help="admit clients of the VMs that are not recorded"
    )
    group.addoption(
        "--migspec-at-rest", action="store_true", help="no migration is under way in any VM when its recording begins"
    )
    group.addoption("--migspec-keep", metavar="DIR", type=Path, help="copy the trace of each test into this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    told = "findings of these rules are accepted in a test with migspec_record, and must be there"
    config.addinivalue_line("markers", f"{_NAME}(allow): {told}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse a profile that is none, once and not in every test."""
    profile = session.config.getoption("--migspec-profile")
    if profile is None:
        return
    from migspec.spec.profiles import PROFILES

    if profile not in PROFILES:
        raise pytest.UsageError(
            f"--migspec-profile {profile}: this is no profile; expected {' or '.join(sorted(PROFILES))}."
        )


@pytest.fixture
def migspec_record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recording]:
    """A recording of the monitors that the test names to it; the test fails if what was recorded is not allowed."""
    from migspec.traces.judge import Options
    from migspec.traces.recording import Recording

    accepted = _accepted(request.node)
    option = request.config.getoption
    options = Options(
        option("--migspec-profile"),
        other_clients=option("--migspec-other-clients"),
        at_rest=option("--migspec-at-rest"),
    )
    recording = Recording(tmp_path / f"{_NAME}.jsonl", options)
    judged = request.node.stash[_JUDGED] = _Judged(recording, accepted)
    yield recording
    try:
        recording.close()
    finally:
        _keep(recording, request.node)
    if judged.has_passed and recording.is_used:
        _judge_what_came_later(judged)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge what a test has recorded: let it fail if it has passed so far, or else only tell."""
    judged = item.stash.get(_JUDGED, None)
    try:
        result = yield
    except (Exception, pytest.fail.Exception):
        if judged is not None and judged.recording.is_used:
            _tell(item, judged.recording, judged.recording.judge())
        raise
    if judged is not None:
        if judged.recording.is_used:
            _judge(item, judged)
        judged.has_passed = True
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell what cannot be recorded in its one sentence."""
    report = yield
    used = sys.modules.get(_RECORDING)
    raised = call.excinfo.value if call.excinfo is not None else None
    if used is not None and report.failed and isinstance(raised, used.RecordingError):
        report.longrepr = str(raised)
    return report


def _accepted(node: pytest.Item) -> tuple[str, ...]:
    """The rules that the markers of a test accept, each once."""
    from migspec.traces.recording import RecordingError, unknown

    rules: dict[str, None] = {}
    for marker in node.iter_markers(_NAME):
        allowed = marker.kwargs.get("allow")
        if marker.args or set(marker.kwargs) != {"allow"} or not _is_list_of_text(allowed):
            raise RecordingError(f"the marker {_NAME} of this test has other arguments; {_EXPECTED}")
        for rule in unknown(allowed):
            raise RecordingError(f"the marker {_NAME} of this test allows {rule}, which is no rule; {_EXPECTED}")
        rules |= dict.fromkeys(allowed)
    return tuple(rules)


def _is_list_of_text(value: object) -> TypeGuard[Collection[str]]:
    return isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) for item in value)


def _judge(item: pytest.Item, judged: _Judged) -> None:
    """Judge what was recorded up to the end of the test."""
    from migspec.traces.recording import missing, unaccepted

    report = judged.recording.judge()
    lacks = [
        f"{_NAME}: {rule} is allowed in this test, but there is no finding of it."
        for rule in missing(report, judged.accepted)
    ]
    if report.error or unaccepted(report, judged.accepted):
        pytest.fail("\n".join((_told(judged.recording, report), *lacks)), pytrace=False)
    _tell(item, judged.recording, report)
    if lacks:
        pytest.fail("\n".join(lacks), pytrace=False)


def _judge_what_came_later(judged: _Judged) -> None:
    """Judge the whole, with what was recorded while other fixtures were torn down: an error of the teardown.

    The test has passed, so whatever fails it now is new.
    """
    from migspec.traces.recording import unaccepted

    report = judged.recording.judge()
    if report.error or unaccepted(report, judged.accepted):
        pytest.fail(_told(judged.recording, report), pytrace=False)


def _tell(item: pytest.Item, recording: Recording, report: Report) -> None:
    """Attach what is found to the report on the test."""
    item.add_report_section("call", _NAME, _told(recording, report))


def _told(recording: Recording, report: Report) -> str:
    """What is found, behind what the recorders had to say."""
    from migspec.traces.recording import told

    return "\n".join((*recording.remarks, told(report)))


def _keep(recording: Recording, item: pytest.Item) -> None:
    """Copy the trace, if that was asked for, under a name that no other test has."""
    from migspec.traces.recording import RecordingError

    folder: Path | None = item.config.getoption("--migspec-keep")
    if folder is None or not recording.is_used:
        return
    name = re.sub(r"[^\w.=-]+", "-", item.nodeid, flags=re.ASCII).strip("-")[:_LONGEST]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(recording.path, folder / f"{name}-{zlib.crc32(item.nodeid.encode()):08x}.jsonl")
    except OSError as error:
        raise RecordingError(f"--migspec-keep {folder}: the trace cannot be kept ({error.strerror}).") from None
