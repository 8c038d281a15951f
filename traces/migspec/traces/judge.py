"""Judging a trace: its lines are read, each goes to the judge of its VM, and the findings come together.

Whether a file is a trace at all is decided here too; what is not ends as `Verdict.UNREADABLE` with one
sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache

import msgspec
from msgspec import UNSET

from migspec.spec.profiles import PROFILES, profile_for
from migspec.spec.rows import SEED
from migspec.spec.wire.greeting import release_of
from migspec.traces.automaton import Automaton
from migspec.traces.cursor import Cursor
from migspec.traces.explain import Explainer
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header, TraceError, Unseen, open_trace, read_header
from migspec.traces.framing import ANYTHING, decoded
from migspec.traces.hypotheses import Relation
from migspec.traces.importers.table import opened
from migspec.traces.joining import joined, names_of
from migspec.traces.journeys import Journeys
from migspec.traces.messages import LooseLine, decode_line, decode_loosely
from migspec.traces.pairing import Kind
from migspec.traces.reading import Reader
from migspec.traces.vm import VmJudge


@dataclass(frozen=True, slots=True)
class Options:
    """How to judge: by which profile (None: by each VM's own), and whether there may be clients not seen.

    `at_rest` tells that no migration was under way in any VM when the trace began to show it.
    `importer` reads the log, without it the first that recognises it.
    """

    profile: str | None = None
    _: KW_ONLY
    other_clients: bool = False
    at_rest: bool = False
    importer: str | None = None


@dataclass(slots=True)
class Bench:
    """What all VMs of a profile share."""

    automaton: Automaton
    reader: Reader
    explainer: Explainer


@lru_cache(maxsize=8)
def bench_of(profile: str, unseen: frozenset[Unseen] = frozenset()) -> Bench:
    """The automaton of a profile, for traces that lack these messages, with what belongs to it; made once a process."""
    chosen = PROFILES[profile]
    automaton = Automaton(Relation(profile, unseen))
    return Bench(automaton, Reader(chosen.schema, exact=profile != SEED), Explainer(automaton))


class TraceJudge:
    """The judge of one trace, fed line by line."""

    def __init__(self, report: Report, header: Header, options: Options) -> None:
        self.report = report
        self.path = report.trace
        """The file that the lines come from, for what is said of one that is no line of a trace."""
        self._header = header
        self._options = options
        self._vms: dict[str, VmJudge] = {}
        self._journeys = Journeys()
        self._messages = 0
        self._expected: Kind | None = None

    def feed(self, number: int, text: bytes) -> None:
        """Judge one line.

        Raises `TraceError` where it is no line of a trace.
        """
        if not text.isascii():
            self._check_encoding(number, text)
        expected = self._expected
        if expected is not None:
            self._expected = None
            try:
                answer = expected.decode_line(text)
            except (msgspec.MsgspecError, RecursionError):
                pass  # something else came before it
            else:
                if (answer.vm, answer.mon) == expected.monitor and expected.judge(number, expected, answer.msg):
                    self._messages += 1
                    return
        try:
            line = decode_line(text)
        except (msgspec.MsgspecError, RecursionError):
            self._other(number, self._loosely(number, text))
            return
        self._messages += 1
        vm = self._vms.get(line.vm)
        if vm is None:
            vm = self._open(line.vm, bytes(line.msg.greeting))
        self._expected = vm.line(number, line)

    def statuses(self, vm: str) -> frozenset[tuple[str, str]]:
        """The pairs of outgoing and incoming status that a VM may have after the lines so far; none if unseen."""
        judge = self._vms.get(vm)
        return judge.statuses() if judge else frozenset()

    @property
    def has_violation(self) -> bool:
        """Whether the lines so far break a rule, told already or not."""
        told = any(finding.grade is Grade.VIOLATION for finding in self.report.findings)
        return told or any(vm.is_explaining for vm in self._vms.values())

    def finish(self) -> Report:
        """The report, complete."""
        self.report.messages = self._messages
        for name, vm in self._vms.items():
            vm.finish()
            self.report.exercised.update(vm.exercised)
            self.report.exercise(self.report.profiles[name], vm.exercised, vm.examples)
        counts, examples = self._journeys.finish()
        self.report.exercised.update(counts)
        for profile in set(self.report.profiles.values()):
            self.report.exercise(profile, counts, examples)
        for finding in self._journeys.findings():
            self._add(finding)
        self.report.findings.sort(key=lambda finding: finding.line)
        return self.report

    def _other(self, number: int, line: LooseLine) -> None:
        """Judge what is no message, or does not have the form of one."""
        vm = self._vms.get(line.vm) or self._open(line.vm, b"")
        if line.msg is UNSET:
            vm.no_message(number, line)
        else:
            self._messages += 1
            vm.misfit(number, line.mon, line.dir, line.msg)

    def _loosely(self, number: int, text: bytes) -> LooseLine:
        """The line with a message of any form; one that is no line of a trace at all is an error."""
        try:
            line = decode_loosely(text)
        except msgspec.ValidationError as error:
            raise self._error(
                number, f"a member is missing or of a wrong type ({error})", "a line as documented"
            ) from None
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self._error(number, f"this is not JSON ({error})", "one JSON object a line") from None
        kinds = (line.msg is not UNSET) + sum(what is not None for what in (line.raw, line.end, line.gap))
        if kinds != 1:
            raise self._error(number, f"{kinds} of the members msg, raw, end and gap are here", "exactly one")
        if line.dir is None and line.end is None and line.gap is None:
            raise self._error(number, "the member dir is missing", "-> or <-")
        return line

    def _check_encoding(self, number: int, text: bytes) -> None:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            problem = f"this is not UTF-8 ({error.reason} at byte {error.start + 1})"
            raise self._error(number, problem, "text in UTF-8") from None

    def _error(self, number: int, problem: str, expected: str) -> TraceError:
        return TraceError(self.path, number, problem, expected)

    def cursor(self, automaton: Automaton, *, late: bool) -> Cursor:
        """What follows a VM that is seen for the first time, `late` if not by its greeting."""
        return Cursor(automaton, late=late, at_rest=self._options.at_rest)

    def _open(self, name: str, greeting: bytes) -> VmJudge:
        stated = self._header.vms.get(name)
        unseen = frozenset(self._header.unseen)
        profile = self._options.profile
        if profile is None:
            release = release_of({"QMP": decoded(greeting, ANYTHING)}) or (stated.release if stated else None)
            # what a release does hangs on what it was asked for: without that only the written schema says something
            profile = SEED if "requests" in unseen else profile_for(release)
        bench = bench_of(profile, unseen)
        self.report.profiles[name] = profile
        vm = VmJudge(
            name,
            self.cursor(bench.automaton, late=not greeting),
            bench.reader,
            bench.explainer,
            self._add,
            self._journeys,
            other_clients=self._options.other_clients,
            unseen=unseen,
        )
        self._vms[name] = vm
        return vm

    def _add(self, finding: Finding) -> None:
        self.report.findings.append(finding)


def judge_file(path: str, options: Options = Options(), tick: Callable[[int], None] | None = None) -> Report:
    """Judge a file, `-` for standard input.

    `tick` is told the number of bytes read since it was told last.  Never raises for bad input: the report
    says what is wrong with it.
    """
    report = Report(path)
    try:
        with open_trace(path) as lines:
            log = opened(lines, options.importer)
            report.importer = log.importer.name if log.importer else ""
            judge_lines(report, log.entries, options, tick)
            report.findings += log.remarks.findings
            report.findings.sort(key=lambda finding: finding.line)
    except TraceError as error:
        report.error = str(error)
    return report


def judge_joined(
    files: Mapping[str, str], options: Options = Options(), tick: Callable[[int], None] | None = None
) -> Report:
    """Judge the logs of one migration, each by the name of its VM; a finding has the line of the log of its VM.

    `tick` is as for `judge_file`, and bad input is reported alike.
    """
    report = Report(names_of(files))
    try:
        with joined(files, options.importer) as (header, lines, remarks):
            judge = TraceJudge(report, header, options)
            try:
                for line in lines:
                    report.files[line.vm] = judge.path = line.path
                    judge.feed(line.number, line.text)
                    if tick is not None:
                        tick(len(line.text))
            finally:
                judge.finish()
            report.findings += remarks.findings
    except TraceError as error:
        report.error = str(error)
    _complain_of_nothing(report)
    order = list(files.values())
    report.findings.sort(key=lambda finding: (_place(order, report.files.get(finding.vm)), finding.line))
    return report


def _place(order: list[str], path: str | None) -> int:
    return order.index(path) if path in order else -1


def judge_lines(
    report: Report, lines: Iterator[tuple[int, bytes]], options: Options, tick: Callable[[int], None] | None = None
) -> None:
    """Judge numbered lines, the header first; `tick` is as for `judge_file`.

    Raises `TraceError` where they are no trace; what was found until then is in the report.
    """
    first = next(lines, (1, b""))
    judge = TraceJudge(report, read_header(first[1], report.trace), options)
    feed = judge.feed
    read = 0
    try:
        for number, text in lines:
            if text:
                feed(number, text)
            if tick is not None:
                read += len(text)
                if read > 1 << 20:
                    tick(read)
                    read = 0
    finally:
        judge.finish()
    _complain_of_nothing(report)


def _complain_of_nothing(report: Report) -> None:
    if not report.messages and not report.error:
        report.findings.append(Finding(1, "", "trace.empty", Grade.DOUBT, "The trace has no messages."))
