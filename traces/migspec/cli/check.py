"""`migspec check`: whether everything in a trace, or in a log of any known format, is allowed, and what is not.

Several traces may be judged at a time, in processes of their own; they are reported in the order of the inputs in any
case, and each as soon as it can be.  The logs of one migration are judged together.  What draws a trace draws one.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Final, NoReturn

from migspec.cli.command import Command, Exit, add_color, add_format, whole
from migspec.cli.console import Meter, speaker
from migspec.cli.judging import add_judging, add_output, is_same_file, options_of
from migspec.cli.logs import add_vms, files_by_vm
from migspec.cli.output import complain, output_to
from migspec.traces.findings import Report, Verdict
from migspec.traces.format import TraceError
from migspec.traces.inputs import STANDARD_INPUT, Source, sources
from migspec.traces.joining import joined_copy, names_of
from migspec.traces.judge import Options, judge_file, judge_joined
from migspec.traces.ledger import Ledger
from migspec.traces.picture.rereading import readable_twice
from migspec.traces.report import Line, Tally
from migspec.traces.reports.reporter import unadorned
from migspec.traces.reports.table import FORMATS, TEXT, Wishes

_PRECEDENCE = (
    (Verdict.VIOLATES, Exit.VIOLATES),
    (Verdict.UNREADABLE, Exit.UNREADABLE),
    (Verdict.INCONCLUSIVE, Exit.INCONCLUSIVE),
)
"""Which verdict decides where the traces have several."""

_EPILOG = """\
exit codes:
  0    all traces conform (there may be notes and known defects)
  1    at least one trace violates its profile
  2    the command line is wrong
  3    an input is unreadable, or the report cannot be written
  4    with --strict: a trace is inconclusive

Where several hold, 1 goes before 3, and 3 before 4.  The other traces are judged in any case.

Logs are recognised by what is in them, compressed or not; migspec convert --help names the formats.
"""

Drawing = Callable[[str, Report, Options], Iterable[Line]]
"""What draws one trace, by its path, the report on it and the options with which it was judged."""


def _page(path: str, report: Report, options: Options) -> Iterator[Line]:
    # what draws is large, and the other formats do without it
    from migspec.traces.html import page

    return (unadorned(piece.removesuffix("\n")) for piece in page(path, report, options))


def _timeline(path: str, report: Report, options: Options) -> Iterator[Line]:
    from migspec.traces.timeline import USUAL_WIDTH, timeline

    return timeline(path, report, options, width=shutil.get_terminal_size((USUAL_WIDTH, 0)).columns)


TIMELINE: Final = "timeline"
DRAWINGS: Final[Mapping[str, tuple[str, Drawing]]] = {
    TIMELINE: ("one trace, with a lane for each VM", _timeline),
    "html": ("a page about one trace, which needs no network", _page),
}
"""The formats that show a trace itself, and read it twice: what each is, and what draws it."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a trace, a log of a known format, a folder of *.jsonl, *.jsonl.gz and *.jsonl.zst, or -",
    )
    add_vms(parser)
    add_judging(parser)
    formats = {name: described.contents for name, described in FORMATS.items() if name != TEXT}
    add_format(parser, {**formats, **{name: contents for name, (contents, _) in DRAWINGS.items()}})
    add_output(parser, "report")
    add("--strict", action="store_true", help="exit with 4 if a trace is inconclusive")
    add("--jobs", type=whole, default=1, metavar="N", help="judge so many traces at a time (default: 1)")
    add_color(parser)
    add("--ledger", metavar="FILE", help="write how many messages exercised each rule, with a place, as JSON")
    add("-v", "--verbose", action="store_true", help="list the rules that no trace has exercised")


def _run(chosen: argparse.Namespace) -> Exit:
    wrong: Callable[[str], NoReturn] = chosen.usage_error
    files = files_by_vm(chosen)
    if bool(files) == bool(chosen.paths):
        wrong("give either the PATHs of traces or one --vm NAME=PATH for each VM")
    inputs = sources(chosen.paths or files.values())
    if any(is_same_file(chosen.output, source.path) for source in inputs):
        wrong(f"-o {chosen.output}: this is one of the traces, and would be overwritten")
    options = options_of(chosen)
    meter = Meter(sum(source.size for source in inputs))
    if chosen.format in DRAWINGS:
        if len(chosen.paths) > 1 or (chosen.paths and os.path.isdir(chosen.paths[0])):
            wrong(f"--format {chosen.format}: this shows one trace")
        return _draw(chosen, files, options, meter)
    reporter = FORMATS[chosen.format].reporter(Wishes(verbose=chosen.verbose))
    tally = Tally()
    ledger = Ledger()
    with output_to(chosen.output) as output:
        say = speaker(chosen.color, as_objects=chosen.format != TEXT, output=output)
        try:
            with contextlib.closing(
                _together(files, options, meter) if files else _judged(inputs, options, chosen.jobs, meter)
            ) as reports:
                for report in reports:
                    tally.add(report)
                    ledger.add(report)
                    meter.hide()
                    for line in reporter.add(report):
                        say(line)
                    output.flush()
        except BrokenProcessPool:
            complain("a process that judged a trace was killed; try a smaller --jobs.")
            return Exit.UNREADABLE
        finally:
            meter.hide()
        if chosen.ledger:
            _keep(ledger.as_json(), chosen.ledger)
        for line in reporter.finish(tally):
            say(line)
    return _exit_code(tally.verdicts, strict=chosen.strict)


def _draw(chosen: argparse.Namespace, files: Mapping[str, str], options: Options, meter: Meter) -> Exit:
    """Draw one trace, or logs that are one together."""
    _, drawing = DRAWINGS[chosen.format]
    with contextlib.ExitStack() as stack:
        try:
            if files:
                path = stack.enter_context(joined_copy(files, options.importer))
                options = replace(options, importer=None)
            else:
                path = stack.enter_context(readable_twice(chosen.paths[0]))
        except OSError as error:
            problem = f"cannot be copied, to be read twice ({error.strerror})"
            raise TraceError(names_of(files) or chosen.paths[0], None, problem, "room for a copy") from None
        (report,) = _judged([*sources([path])], options, 1, meter)
        # a copy has a name that nobody knows
        report.error = report.error.replace(path, names_of(files) or chosen.paths[0])
        report.trace = names_of(files) or chosen.paths[0]
        ledger = Ledger()
        ledger.add(report)
        if chosen.ledger:
            _keep(ledger.as_json(), chosen.ledger)
        with output_to(chosen.output) as output:
            say = speaker(chosen.color, as_objects=chosen.format != TIMELINE, output=output)
            for line in drawing(path, report, options):
                say(line)
    return _exit_code(Counter([report.verdict]), strict=chosen.strict)


def _together(files: Mapping[str, str], options: Options, meter: Meter) -> Generator[Report, None, None]:
    """The report of logs that are judged together."""
    yield judge_joined(files, options, meter.advance)


def _keep(text: str, path: str) -> None:
    """Write a file.

    Raises `TraceError` where that cannot be done.
    """
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise TraceError(path, None, problem, "a place for the ledger") from None


def _exit_code(verdicts: Counter[Verdict], *, strict: bool) -> Exit:
    for verdict, code in _PRECEDENCE:
        if verdicts[verdict] and (strict or code is not Exit.INCONCLUSIVE):
            return code
    return Exit.CONFORMS


def _judged(inputs: Sequence[Source], options: Options, jobs: int, meter: Meter) -> Generator[Report, None, None]:
    """The reports in the order of the inputs."""
    if min(jobs, len(inputs)) == 1:
        for source in inputs:
            yield _judge(source, options, meter)
        return
    workers = ProcessPoolExecutor(min(jobs, len(inputs)), multiprocessing.get_context("fork"))
    try:
        with _interrupts_held():
            # a worker has no standard input, and nothing to do where there is no file
            asked: deque[tuple[Source, Future[Report] | None]] = deque(
                (
                    source,
                    None
                    if source.error or source.path == STANDARD_INPUT
                    else workers.submit(judge_file, source.path, options),
                )
                for source in inputs
            )
        while asked:
            source, future = asked.popleft()
            if future is None:
                yield _judge(source, options, meter)
            else:
                report = future.result()
                meter.advance(source.size)
                yield report
        workers.shutdown()
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        workers.shutdown(cancel_futures=True)
        raise


@contextlib.contextmanager
def _interrupts_held() -> Generator[None, None, None]:
    """Hold Ctrl-C back for a moment; processes that are started meanwhile never hear of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _judge(source: Source, options: Options, meter: Meter) -> Report:
    if source.error:
        return Report(source.path, error=source.error)
    left = source.size

    def tick(read: int) -> None:
        nonlocal left
        step = 0 if source.packed else min(read, left)
        left -= step
        meter.advance(step)

    report = judge_file(source.path, options, tick)
    meter.advance(left)
    return report


COMMAND = Command(
    "check",
    description="Say of each trace whether everything in it is allowed, and what is not.",
    add_arguments=_add_arguments,
    run=_run,
    epilog=_EPILOG,
    formatter=argparse.RawDescriptionHelpFormatter,
    errors=(TraceError,),
)
"""Judges traces."""
