"""The page: what is said in words stands in it as HTML, so that it can be read, searched and printed without a script.

The style, the scripts and the frame are files beside this module. A policy in the page lets nothing run but these
scripts, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Final

from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.html.block import LONGEST_FINDING, block
from migspec.traces.picture.bundling import Kept, Polling
from migspec.traces.picture.gathering import Gathered
from migspec.traces.picture.marks import shortened
from migspec.traces.picture.story import duration, what_happened, whether_it_kept_to_it
from migspec.traces.printable import printable
from migspec.traces.report import VERDICTS, counted, marked
from migspec.traces.version import installed_version

MOST_OPEN: Final = 12
"""Findings that are listed at once; the rest unfolds."""

MOST_NOTES: Final = 3
"""Findings among which notes are listed at once."""

MOST_EXPLAINED: Final = 100
"""Findings that are explained: the first ones."""

LONGEST_EXPLANATION: Final = 4_000
"""Characters of an explanation."""

_SCRIPTS: Final = ("data.js", "lanes.js", "panel.js", "view.js")

_Listed = tuple[int, Finding, list[int]]


@cache
def _file(name: str) -> str:
    return resources.files("migspec.traces.html").joinpath(name).read_text(encoding="utf-8")


def rendered(gathered: Gathered, report: Report) -> Iterator[str]:
    """The page, in pieces."""
    style = _file("page.css")
    script = "\n".join(_file(name) for name in _SCRIPTS)
    parts = {
        "policy": f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}",
        "title": _text(f"{report.verdict.value}: {report.trace}"),
        "style": style,
        "verdict": report.verdict.value,
        "happened": _text(what_happened(gathered.story, report.verdict)),
        "sign": VERDICTS[report.verdict].sign,
        "kept": _text(whether_it_kept_to_it(report)),
        "error": f'<p class="error">{_text(report.error)}</p>' if report.error else "",
        "facts": "\n".join(_fact(name, value) for name, value in _facts(gathered, report) if value),
        "findings": "\n".join(_findings(gathered)),
        "limits": "\n".join(_limits(gathered, len(report.profiles))),
        "footer": _text(f"Made by migspec {installed_version()}."),
        "data": block(gathered, report),
        "script": script,
    }
    yield from (f"{line}\n" for line in Template(_file("page.html")).substitute(parts).splitlines())


def _text(value: str) -> str:
    """Text of others as HTML: no character of it acts on anything."""
    return escape(printable(value.encode("utf-8", "backslashreplace").decode()))


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


# ---- facts ----


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>"


def _facts(gathered: Gathered, report: Report) -> Iterator[tuple[str, str]]:
    yield "File", report.trace
    yield "Read as", gathered.source
    yield "Judged by", report.profile.replace(",", ", ")
    yield "Messages", f"{report.messages:,}" if report.messages else "none"
    yield "VMs", ", ".join(lane.name for lane in gathered.lanes[:6]) + (" …" if len(gathered.lanes) > 6 else "")
    yield "Recorded", _recorded(gathered.marks)
    yield "Rules exercised", str(len(report.exercised.keys() & CATALOGUE.keys())) if report.exercised else ""
    yield "Scenario", gathered.header.scenario or ""
    yield "Note", (gathered.header.note or "") if gathered.source == "a trace" else ""


def _recorded(marks: Sequence[Kept]) -> str:
    """When the log was taken, and for how long; empty if it does not tell."""
    ends = [end for mark in marks for end in ((mark.first, mark.last) if isinstance(mark, Polling) else (mark,))]
    times = [end.t for end in ends if end.t is not None]
    if not times:
        return ""
    first, last = min(times), max(times)
    try:
        begun = datetime.fromtimestamp(first, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{begun:%Y-%m-%d %H:%M:%S} UTC, {duration(last - first)}"


# ---- findings ----


def _findings(gathered: Gathered) -> Iterator[str]:
    listed = [(i, finding, lines) for i, (finding, lines) in enumerate(gathered.findings)]
    if not listed:
        return
    are_few = len(listed) <= MOST_NOTES
    open_ones = [item for item in listed if are_few or item[1].grade is not Grade.NOTE][:MOST_OPEN]
    rest = [item for item in listed if item not in open_ones]
    yield '<section id="findings"><h2>Findings</h2>'
    if open_ones:
        yield from _list(open_ones)
    if rest:
        yield f"<details><summary>{_text(_further(rest))}</summary>"
        yield from _list(rest)
        yield "</details>"
    if gathered.unlisted:
        yield f'<p class="faint">{gathered.unlisted:,} more are not listed; the text report has them all.</p>'
    yield "</section>"


def _list(findings: Sequence[_Listed]) -> Iterator[str]:
    yield '<ol class="findings">'
    for item in findings:
        yield from _finding(*item)
    yield "</ol>"


def _further(rest: Sequence[_Listed]) -> str:
    are_notes = all(finding.grade is Grade.NOTE for _, finding, _ in rest)
    return counted(len(rest), "note", "notes") if are_notes else f"{len(rest)} more"


def _finding(index: int, finding: Finding, lines: list[int]) -> Iterator[str]:
    where = f"line {finding.line}" + (f", {finding.vm}" if finding.vm else "")
    if len(lines) > 1:
        where += f", and {counted(len(lines) - 1, 'more time', 'more times')}"
    said = shortened(finding.message, LONGEST_FINDING)
    yield f'<li class="{finding.grade.value}" id="finding-{index}">'
    yield (
        f'<button type="button" class="finding" data-finding="{index}">'
        f'<span class="grade">{marked(finding.grade)}</span><span class="said">{_text(said)}</span>'
        f'<span class="where">{_text(where)}</span></button>'
    )
    rule = CATALOGUE.get(finding.rule)
    stated = f" {_text(rule.sentence)} · {_text(_source(rule.clause, rule.standing.value))}" if rule else ""
    yield f'<p class="rule"><code>{_text(finding.rule)}</code>{stated}</p>'
    if finding.explanation and index < MOST_EXPLAINED:
        explanation = shortened(finding.explanation, LONGEST_EXPLANATION)
        told = "\n".join(_text(line) for line in explanation.split("\n"))
        yield f"<details><summary>why</summary><pre>{told}</pre></details>"
    yield "</li>"


def _source(clause: str, standing: str) -> str:
    return f"{standing}; schema: {clause}" if clause else standing


# ---- what is not known ----


def _limits(gathered: Gathered, vms: int) -> Iterator[str]:
    """What the log of so many VMs does not show, and what the page does not show of it."""
    told = [f"{lack[0].upper()}{lack[1:]}." for lack in gathered.lacks]
    told += [f"Some or all {kind} of the VMs." for kind in gathered.header.unseen]
    shown = []
    if gathered.omitted:
        shown.append(f"The log is long: {gathered.omitted:,} marks at its end are not drawn.")
    if vms > len(gathered.lanes):
        shown.append(f"The log has {vms:,} VMs, of which the first {len(gathered.lanes)} are drawn.")
    for title, lines in (("What this log does not show", told), ("What this page leaves out", shown)):
        if lines:
            items = "".join(f"<li>{_text(line)}</li>" for line in lines)
            yield f'<section><h2>{title}</h2><ul class="limits">{items}</ul></section>'
