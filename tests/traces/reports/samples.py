"""Reports to be told: some that show every verdict and grade, and random ones with all that may be in a trace."""

import os
from collections import Counter
from collections.abc import Iterable

from hypothesis import strategies as st

from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.report import Tally, plain
from migspec.traces.reports.reporter import Reporter

RULES = ("guest.restarted", "query-migrate.status", "migrate-set-parameters.ignored", "trace.gap", "no.rule")
"""Rules that findings name here; the last is in no catalogue."""

GRADES = (
    Report("fine.jsonl", {"src": "qemu-5.2.0"}, 12, [], Counter({"guest.restarted": 3, "no.rule": 1})),
    Report(
        "folder/wrong: 100%, é.jsonl.gz",
        {"src": "qemu-5.2.0", "dst": "seed"},
        21,
        [
            Finding(
                3, "src", "migrate-set-parameters.ignored", Grade.DEFECT, "This is known.", "It is so.\n  And so.\n"
            ),
            Finding(
                7, "dst", "query-migrate.status", Grade.VIOLATION, "MIGRATION{active} is wrong.", "Two\n\n  lines."
            ),
            Finding(8, "dst", "query-migrate.status", Grade.VIOLATION, "The reply to line 6 is wrong."),
            Finding(9, "src", "migrate-set-parameters.ignored", Grade.DEFECT, "This is known.", "It is so."),
            Finding(9, "dst", "query-migrate.status", Grade.DOUBT, "This cannot be told."),
            Finding(11, "src", "guest.restarted", Grade.NOTE, "This is \x1b[1mremarkable\x00.", "<b>&]]>"),
            Finding(15, "src", "trace.gap", Grade.DOUBT, "This cannot be judged."),
            Finding(16, "src", "trace.gap", Grade.DOUBT, "This cannot be judged."),
        ],
        Counter({"query-migrate.status": 4, "guest.restarted": 1}),
    ),
    Report("/tmp/./short.jsonl", {}, 0, [Finding(1, "", "trace.empty", Grade.DOUBT, "The trace has no messages.")]),
    Report("bad.log", error="bad.log, line 1: this is no header; expected a header.", importer="libvirt"),
)
"""Every verdict, every grade, and what needs an escape."""

texts = st.text(max_size=9) | st.text("\x00\x1b\x07\n\r\x85\u2028\u202e\ud800\ufffe{}[](),:%<&]>' a", max_size=9)
"""Text as clients and servers may have put it into a trace."""

paths = st.binary(max_size=9).map(lambda name: os.fsdecode(b"".join(name.split(b"\0")))) | texts
"""Names of files, which need not be text."""

findings = st.builds(
    Finding,
    line=st.integers(-1, 9) | st.just(10**9),
    vm=texts,
    rule=st.sampled_from(RULES) | texts,
    grade=st.sampled_from(Grade),
    message=texts | st.integers(1, 9).map("Line 3 follows line {}.".format),
    explanation=texts,
)
reports = st.builds(
    Report,
    trace=paths,
    profiles=st.dictionaries(st.sampled_from("ab"), st.sampled_from(["seed", "qemu-5.2.0"])),
    messages=st.integers(0),
    findings=st.lists(findings, max_size=4),
    exercised=st.lists(st.sampled_from(RULES), max_size=3).map(Counter),
    error=st.just("") | texts,
    importer=st.sampled_from(["", "libvirt"]),
)
runs = st.lists(reports, max_size=2)
"""The reports of one command line; none if all judging failed."""


def lines_of(reporter: Reporter, shown: Iterable[Report]) -> list[str]:
    """What a reporter writes, line by line."""
    tally = Tally()
    written: list[str] = []
    for report in shown:
        tally.add(report)
        written += map(plain, reporter.add(report))
    return written + [plain(line) for line in reporter.finish(tally)]


def document_of(reporter: Reporter, shown: Iterable[Report]) -> str:
    """What a reporter writes."""
    return "".join(f"{line}\n" for line in lines_of(reporter, shown))
