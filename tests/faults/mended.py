"""Applies the smallest edit that the checker proposes for each sample fault, and judges the trace again.

An edit is text for people; here it is done to the trace as they would do it.  As with `judged`, this runs as a
process of its own, and writes the outcomes as JSON, by the fault's name.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from tests.faults.faults import FAULTS
from tests.faults.judged import judge
from tests.faults.mutations import Line

from migspec.traces.findings import Finding, Grade

_SAYING = "Smallest edit: "
_LAST_RESORT = "change what it says"


class Outcome(msgspec.Struct, frozen=True):
    """The first edit proposed for a fault, in which line, and the violations before and after it was made."""

    edit: str
    line: int
    before: tuple[Finding, ...]
    after: tuple[Finding, ...]


def proposals(findings: tuple[Finding, ...]) -> Iterator[tuple[Finding, str]]:
    """The findings that propose an edit which says all that is to be done."""
    for finding in findings:
        for line in finding.explanation.splitlines():
            edit = line.removeprefix(_SAYING).removesuffix(".")
            if line.startswith(_SAYING) and edit != _LAST_RESORT:
                yield finding, edit


def applied(lines: list[Line], at: int, edit: str) -> list[Line]:
    """The trace with an edit made to the message at an index.

    Raises `LookupError` for an edit that this does not know.
    """
    for pattern, make in _EDITS.items():
        found = re.fullmatch(pattern, edit)
        if found:
            return make(lines, at, *found.groups())
    raise LookupError(edit)


def _left_out(lines: list[Line], at: int) -> list[Line]:
    return [*lines[:at], *lines[at + 1 :]]


def _exchanged(lines: list[Line], at: int) -> list[Line]:
    vm = lines[at]["vm"]
    later = next(i for i in range(at + 1, len(lines)) if lines[i]["vm"] == vm and "msg" in lines[i])
    return [*lines[:at], *lines[at + 1 : later + 1], lines[at], *lines[later + 1 :]]


def _put_before(lines: list[Line], at: int, what: str) -> list[Line]:
    for part in what.split(" and "):
        said = {"vm": lines[at]["vm"], "dir": "<-", "msg": _message(lines, at, part)}
        lines = [*lines[:at], said, *lines[at:]]
        at += 1
    return lines


def _replaced(lines: list[Line], at: int, what: str) -> list[Line]:
    kept = {"id": lines[at]["msg"]["id"]} if "id" in lines[at]["msg"] else {}
    return [*lines[:at], {**lines[at], "msg": _message(lines, at, what) | kept}, *lines[at + 1 :]]


def _message(lines: list[Line], at: int, what: str) -> Line:
    """The message that a text means, for the VM that speaks at an index."""
    if what == "success":
        return {"return": {}}
    if error := re.fullmatch(r"error (\w+): “(.*)”", what):
        return {"error": {"class": error[1], "desc": error[2]}}
    before = [line["msg"] for line in lines[:at] if line["vm"] == lines[at]["vm"] and "msg" in line]
    if reply := re.fullmatch(r"the reply to (\S+)", what):
        asked = [message["id"] for message in before if message.get("execute") == reply[1]]
        return {"return": {}, "id": asked[-1]}
    event = re.fullmatch(r"([A-Z_]+)(?:\{(.*)\})?", what)
    if event is None:
        raise LookupError(what)
    name, detail = event[1], event[2]
    data: Line = {}
    if name == "MIGRATION_PASS":
        passes = [message["data"]["pass"] for message in before if message.get("event") == name]
        data = {"data": {"pass": 1 if detail == "pass: 1" else passes[-1] + 1}}
    elif detail:
        data = {"data": {"status": detail}}
    return {"event": name, "timestamp": {"seconds": 1, "microseconds": 0}} | data


_EDITS: Mapping[str, Callable[..., list[Line]]] = {
    "leave this message out": _left_out,
    "exchange this message with the next one of this VM": _exchanged,
    "put (.*) before it": _put_before,
    "make it (.*)": _replaced,
}


def _violations(lines: list[Line], folder: Path) -> tuple[Finding, ...]:
    judgement = judge(lines, folder)
    if judgement.raised:
        raise RuntimeError(judgement.raised)
    return tuple(finding for finding in judgement.findings if finding.grade is Grade.VIOLATION)


def outcomes(folder: Path) -> Iterator[tuple[str, Outcome]]:
    """The outcome for every fault for which there is an edit, by the fault's name."""
    for fault in FAULTS:
        lines = fault.faulty().lines[1:]
        header = fault.faulty().lines[0]
        before = _violations([header, *lines], folder)
        for finding, edit in list(proposals(before))[:1]:
            # the lines have no header here: the first of them is line 2
            mended = applied(lines, finding.line - 2, edit)
            yield fault.name, Outcome(edit, finding.line, before, _violations([header, *mended], folder))


def main() -> None:
    """Write the outcomes to standard output."""
    with tempfile.TemporaryDirectory() as name:
        print(msgspec.json.encode(dict(outcomes(Path(name)))).decode())


if __name__ == "__main__":
    main()
