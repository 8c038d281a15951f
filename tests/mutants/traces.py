"""Mutants of recorded traces: one thing is done to a whole trace, at a place that a fixed seed picks.

Single members of messages are corrupted elsewhere (`tests.faults.corruptions`); here messages are lost, repeated,
moved, exchanged or taken from another trace. What the judge then accepts, its relation explains: a way through the
rows and contracts that shows exactly that trace is what accepting means. So such a mutant is legal, unless the judge
says that it cannot tell. `REASONS` says what makes it so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from tests.faults.corruptions import CORPUS, LONGEST, kinds, lines_of
from tests.faults.mutations import Line
from tests.mutants.verdicts import Blunt, Informed

from migspec.spec.vocabulary import MigrationStatus, RunState
from migspec.traces.findings import Grade, Report
from migspec.traces.format import read_header
from migspec.traces.judge import Options, TraceJudge, bench_of

SAMPLES: Final = 120
"""Mutants of each operator."""

STORED: Final = Path(__file__).with_name("traces.json")
"""What came of them last."""

Lines = list[Line]
Operation = Callable[[Lines, int, Random], str]
"""Changes the lines in place at one of them; what it did, empty if that cannot be done there."""


# ---- the operators ----


def _message(line: Line) -> Line:
    message = line.get("msg")
    return message if isinstance(message, dict) else {}


def _is_event(line: Line) -> bool:
    return "event" in _message(line)


def _is_reply(line: Line) -> bool:
    return line.get("dir") == "<-" and ("return" in _message(line) or "error" in _message(line))


def _place(line: Line) -> tuple[object, object]:
    return line.get("vm"), line.get("mon")


def _next(lines: Lines, index: int, fits: Callable[[Line], bool]) -> int | None:
    """The next line of the same monitor, if it fits."""
    here = _place(lines[index])
    after = next((place for place in range(index + 1, len(lines)) if _place(lines[place]) == here), None)
    return after if after is not None and fits(lines[after]) else None


def _name(lines: Lines, index: int) -> str:
    """What a line of a server is, in a few words."""
    message = _message(lines[index])
    if "event" in message:
        data = message.get("data") or {}
        return f"event {message['event']}" + (f" {data['status']}" if "status" in data else "")
    return names_of(lines).get(index, "line")


def names_of(lines: Sequence[Line]) -> Mapping[int, str]:
    """By line: the kind of the message."""
    return dict(kinds(lines))


def _dropped(lines: Lines, index: int, _chance: Random) -> str:
    name = _name(lines, index)
    del lines[index]
    return name


def _repeated(lines: Lines, index: int, _chance: Random) -> str:
    lines.insert(index + 1, lines[index])
    return _name(lines, index)


def _swapped(lines: Lines, index: int, _chance: Random) -> str:
    after = _next(lines, index, lambda line: line.get("dir") == "<-")
    if after is None or _message(lines[after]) == _message(lines[index]):
        return ""
    name = f"{_name(lines, index)}, {_name(lines, after)}"
    lines[index], lines[after] = lines[after], lines[index]
    return name


def _event_over_reply(lines: Lines, index: int, _chance: Random) -> str:
    """An event moved over the next or the last reply of its monitor."""
    if not _is_event(lines[index]):
        return ""
    here = _place(lines[index])
    near = [place for place, line in enumerate(lines) if _place(line) == here and _is_reply(line)]
    later = next((place for place in near if place > index), None)
    if later is None:
        return ""
    name = f"{_name(lines, index)} over {_name(lines, later)}"
    lines.insert(later, lines.pop(index))
    return name


def _exchanged(lines: Lines, index: int, _chance: Random) -> str:
    """The contents of two replies exchanged, so that each answers the other's request."""
    if not _is_reply(lines[index]):
        return ""
    here = _place(lines[index])
    other = next(
        (
            place
            for place in range(index + 1, len(lines))
            if _place(lines[place]) == here
            and _is_reply(lines[place])
            and _content(lines[place]) != _content(lines[index])
        ),
        None,
    )
    if other is None:
        return ""
    name = f"{_name(lines, index)}, {_name(lines, other)}"
    one, two = copy.deepcopy(lines[index]), copy.deepcopy(lines[other])
    for target, source in ((one, lines[other]), (two, lines[index])):
        kept = {key: value for key, value in target["msg"].items() if key == "id"}
        target["msg"] = {**_content(source), **kept}
    lines[index], lines[other] = one, two
    return name


def _content(line: Line) -> Line:
    return {key: value for key, value in _message(line).items() if key in ("return", "error")}


def _reworded(words: Iterable[str]) -> Callable[[Line, Random], Line | None]:
    every = tuple(str(word) for word in words)

    def change(holder: Line, chance: Random) -> Line | None:
        word = holder.get("status")
        if word not in every:
            return None
        return {**holder, "status": chance.choice([other for other in every if other != word])}

    return change


_STATUS = _reworded(MigrationStatus)
_RUN = _reworded(RunState)


def _status_changed(lines: Lines, index: int, chance: Random) -> str:
    """The status in an event MIGRATION changed to another one."""
    message = _message(lines[index])
    if message.get("event") != "MIGRATION":
        return ""
    name, old = "event MIGRATION", message["data"]["status"]
    changed = _STATUS(message["data"], chance)
    assert changed is not None
    lines[index] = {**lines[index], "msg": {**message, "data": changed}}
    return f"{name} {old} -> {changed['status']}"


def _answer_changed(lines: Lines, index: int, chance: Random) -> str:
    """The status or the run state in an answer changed to another one."""
    message = _message(lines[index])
    told = message.get("return")
    if not isinstance(told, dict):
        return ""
    changed = _RUN(told, chance) if "singlestep" in told else _STATUS(told, chance)
    if changed is None:
        return ""
    if "running" in told:
        changed = {**changed, "running": changed["status"] == RunState.RUNNING}
    lines[index] = {**lines[index], "msg": {**message, "return": changed}}
    return f"{_name(lines, index)} {told['status']} -> {changed['status']}"


def _refused(lines: Lines, index: int, _chance: Random) -> str:
    """A success turned into a refusal, or a refusal into a success."""
    if not _is_reply(lines[index]):
        return ""
    message = dict(_message(lines[index]))
    name = _name(lines, index)
    if "error" in message:
        del message["error"]
        message["return"] = {}
    else:
        del message["return"]
        message["error"] = {"class": "GenericError", "desc": "Something is wrong"}
    lines[index] = {**lines[index], "msg": message}
    return name


def _inserted(lines: Lines, index: int, chance: Random) -> str:
    """An event of another trace inserted behind a message of the server."""
    event = chance.choice(_events())
    time = lines[index].get("t")
    lines.insert(index + 1, {**lines[index], "msg": event, **({} if time is None else {"t": time})})
    return _name(lines, index + 1)


@cache
def _events() -> tuple[Line, ...]:
    """One event of each kind, and status, of the corpus."""
    found: dict[str, Line] = {}
    for path in sorted(CORPUS.glob("*.jsonl*")):
        for line in lines_of(path.name):
            message = _message(line)
            if "event" in message:
                data = message.get("data") or {}
                found.setdefault(f"{message['event']} {data.get('status', '')}", message)
    return tuple(found.values())


def _request_dropped(lines: Lines, index: int, _chance: Random) -> str:
    """A request of the client lost; its reply stays."""
    after = _next(lines, index, lambda line: True)
    name = str(_message(lines[index]).get("execute", "request"))
    if after is None:
        return ""
    del lines[index]
    return f"request {name}"


OPERATORS: Final[Mapping[str, tuple[str, Operation]]] = {
    "dropped": ("a message of the server is lost", _dropped),
    "repeated": ("a message of the server comes twice", _repeated),
    "swapped": ("two messages of one monitor that follow each other are swapped", _swapped),
    "event-over-reply": ("an event comes after the next reply instead of before it", _event_over_reply),
    "exchanged": ("two replies are given to each other's request", _exchanged),
    "status-changed": ("an event MIGRATION tells another status", _status_changed),
    "answer-changed": ("an answer tells another status, or another run state", _answer_changed),
    "refused": ("a success is a refusal, or a refusal a success", _refused),
    "inserted": ("an event of another trace is inserted", _inserted),
    "request-dropped": ("a request is lost, its reply is not", _request_dropped),
}
"""What is done to a trace, and how."""


# ---- the mutants ----


class Came(StrEnum):
    """What came of a mutant."""

    FOUND = "found"
    """The judge finds a violation."""
    EXPLAINED = "explained"
    """The relation explains the trace: it is legal."""
    DEFECT = "defect"
    """The relation explains it by a known defect that the recorded trace does not need."""
    DOUBTED = "doubted"
    """The judge says that it cannot tell."""


class Changed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mutant of a trace, and what came of it: by operator, trace and line, and what was done there."""

    operator: str
    trace: str
    line: int
    what: str
    came: Came = Came.FOUND


def _is_possible(operator: str, line: Line) -> bool:
    if not isinstance(line.get("msg"), dict):
        return False
    return line.get("dir") == ("->" if operator == "request-dropped" else "<-")


def mutated(operator: str, trace: str, line: int) -> tuple[Lines, str]:
    """A trace with something done to it, and what that was."""
    lines: Lines = [*lines_of(trace)]
    chance = Random(f"{operator} {trace} {line}")
    what = OPERATORS[operator][1](lines, line, chance)
    return lines, what


def samples(operator: str) -> Iterator[Changed]:
    """The mutants of an operator, always the same, one of each trace that is not too long.

    The order of the traces hangs on nothing but their names: one that is added shifts none of the others.
    """
    names = (path.name for path in CORPUS.glob("*.jsonl*"))
    for trace in sorted(names, key=lambda name: Random(f"{operator} {name}").random()):
        lines = lines_of(trace)
        if len(lines) > LONGEST:
            continue
        possible = [index for index, line in enumerate(lines) if index and _is_possible(operator, line)]
        Random(f"{operator} in {trace}").shuffle(possible)
        tried = (Changed(operator, trace, line, mutated(operator, trace, line)[1]) for line in possible)
        yield from islice((changed for changed in tried if changed.what), 1)


def all_samples(count: int = SAMPLES) -> list[Changed]:
    """The mutants of every operator."""
    return [changed for operator in OPERATORS for changed in islice(samples(operator), count)]


# ---- what comes of them ----


def judged(lines: Sequence[Line], judges: type[TraceJudge] = Informed) -> tuple[Came, frozenset[str]]:
    """What the judge says of a trace, and the known defects that it needs."""
    header, *rest = [msgspec.json.encode(line) for line in lines]
    report = Report("mutant")
    judge = judges(report, read_header(header), Options())
    for number, line in enumerate(rest, 2):
        judge.feed(number, line)
        if judge.has_violation:
            break
    findings = judge.finish().findings
    grades = {finding.grade for finding in findings}
    defects = frozenset(finding.rule for finding in findings if finding.grade is Grade.DEFECT)
    if Grade.VIOLATION in grades:
        return Came.FOUND, defects
    return (Came.DOUBTED if Grade.DOUBT in grades else Came.EXPLAINED), defects


def outcome(changed: Changed) -> Changed:
    """A mutant with what came of it."""
    for bench in map(bench_of, ("qemu-5.2.0",)):
        bench.explainer = Blunt(bench.automaton)
    lines, what = mutated(changed.operator, changed.trace, changed.line)
    came, defects = judged(lines)
    if came is Came.EXPLAINED and defects - judged(lines_of(changed.trace))[1]:
        came = Came.DEFECT
    return Changed(changed.operator, changed.trace, changed.line, what, came)


def outcomes(chosen: Sequence[Changed], jobs: int = 1) -> list[Changed]:
    """What comes of these, found out in new processes, which have none of the tests' type checks."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(outcome, chosen, chunksize=20))


def store(found: Sequence[Changed]) -> None:
    """Keep what came of all, a mutant a line."""
    STORED.write_bytes(b"[\n" + b",\n".join(map(msgspec.json.encode, found)) + b"\n]\n")


def stored() -> list[Changed]:
    """What came of all when they were judged last."""
    return msgspec.json.decode(STORED.read_bytes(), type=list[Changed])


# ---- why some are accepted ----


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some mutants are accepted: of which operators, and what was done, as patterns."""

    why: str
    operators: tuple[str, ...]
    whats: tuple[str, ...] = ("*",)

    def covers(self, changed: Changed) -> bool:
        """Whether it is the reason of a mutant."""
        fits = any(fnmatchcase(changed.what, pattern) for pattern in self.whats)
        return fits and changed.operator in self.operators


REASONS: Final[tuple[Reason, ...]] = (
    Reason(
        "A trace may begin without a greeting: whoever recorded it came later",
        ("dropped",),
        ("greeting",),
    ),
    Reason(
        "Missing: nothing says that a connection has one greeting; a second one is taken for a new connection",
        ("repeated",),
        ("greeting",),
    ),
    Reason(
        "The trace ends before the message is missed: it may still be on its way",
        ("dropped",),
        ("reply *", "error *", "event MIGRATION *", "event STOP", "event RESUME", "event SHUTDOWN", "event COLO_EXIT"),
    ),
    Reason(
        "An event of one thread and a reply of another have no order, and may cross",
        ("swapped", "event-over-reply"),
    ),
    Reason(
        "The first answer of a trace is believed, and a step may have come just before an answer that shows it",
        ("answer-changed",),
    ),
    Reason(
        "The process ends before the event that is owed is sent, so that another thread's is the only one",
        ("status-changed",),
    ),
    Reason(
        "There is a beginning in which it is legal: who greets a client may have been a destination before",
        ("inserted",),
        ("event MIGRATION *",),
    ),
    Reason(
        "A guest may do that at any time, and events of other parts of QEMU are left alone",
        ("inserted",),
    ),
    Reason(
        "A command without a contract of its own, or one that asks its host, may succeed or be refused with any text",
        ("exchanged", "refused"),
    ),
    Reason(
        "Events of other parts of QEMU are left alone",
        ("repeated",),
        ("event DUMP_COMPLETED",),
    ),
)
"""The reasons; the first that covers a mutant is given. All but the one that says so are those of legal traces."""


def survivors(found: Iterable[Changed]) -> Iterator[Changed]:
    """The mutants that were accepted."""
    return (changed for changed in found if changed.came is not Came.FOUND)


def reason_for(changed: Changed) -> Reason | None:
    """Why a mutant is accepted; None if nothing says, or if it is not."""
    if changed.came is Came.FOUND:
        return None
    return next((reason for reason in REASONS if reason.covers(changed)), None)


def unexplained(found: Iterable[Changed]) -> list[Changed]:
    """The mutants that are accepted without a reason."""
    return [changed for changed in survivors(found) if reason_for(changed) is None]


def stale(found: Sequence[Changed]) -> list[str]:
    """The reasons that no mutant needs."""
    used = {id(reason_for(changed)) for changed in survivors(found)}
    return [reason.why for reason in REASONS if id(reason) not in used]
