"""What is left of a log, written down: as a trace, and as a test for pytest that needs nothing but migspec."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

from msgspec.structs import replace

from migspec.traces.findings import Finding
from migspec.traces.format import header_line
from migspec.traces.judge import Options
from migspec.traces.printable import printable
from migspec.traces.report import plain, sentence, told
from migspec.traces.shrink.log import Log, violations
from migspec.traces.shrink.search import Shrunk


def origin(log: Log, finding: Finding) -> str:
    """Where a violation was: the name of the log, and the line."""
    return f"{printable(PurePath(log.path).name)}, line {log.number_of(finding)}"


def trace_lines(shrunk: Shrunk, source: str) -> list[bytes]:
    """The lines of the trace; `source` says where it comes from."""
    names = {vm: info for vm, info in shrunk.header.vms.items() if vm in shrunk.report.profiles}
    header = replace(shrunk.header, vms=names, note=f"shrunk from {source}: {shrunk.finding.rule}")
    return [header_line(header), *(entry.text for entry in shrunk.entries)]


def as_test(shrunk: Shrunk, options: Options, source: str) -> str:
    """A file with one test, which passes as long as the judge finds in the trace what it finds now."""
    found = [(each.line, each.vm, each.rule) for each in violations(shrunk.report)]
    judge_by = {"profile": options.profile, "other_clients": options.other_clients, "at_rest": options.at_rest}
    given = ", ".join(f"{name}={value!r}" for name, value in judge_by.items() if value)
    return _TEST.format(
        title=_quoted(f"A violation of {shrunk.finding.rule}, shrunk from {source}."),
        told="\n".join(_quoted(line) for line in _told(shrunk.finding)),
        lines="\n".join(f"    {line.decode()!a}," for line in trace_lines(shrunk, source)),
        name=re.sub(r"\W+", "_", shrunk.finding.rule, flags=re.ASCII).strip("_"),
        options=f"Options({given})",
        found="\n".join(f"        {each!a}," for each in found),
    )


def _told(finding: Finding) -> list[str]:
    """What is found, and what explains it."""
    _, *explained = told(finding, [finding.line])
    return [sentence(finding), *map(plain, explained)]


def _quoted(line: str) -> str:
    """A line as it may stand in a docstring, in ASCII."""
    return line.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\").replace('"""', "'''")


_TEST: Final = '''\
"""{title}

{told}

Run it with pytest, where migspec is installed.
"""

from pathlib import Path

from migspec.traces.findings import Grade, Verdict
from migspec.traces.judge import Options, judge_file

TRACE = (
{lines}
)


def test_{name}(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text("\\n".join((*TRACE, "")), encoding="utf-8")
    report = judge_file(str(trace), {options})
    assert report.verdict is Verdict.VIOLATES
    found = [(each.line, each.vm, each.rule) for each in report.findings if each.grade is Grade.VIOLATION]
    assert found == [
{found}
    ]
'''
