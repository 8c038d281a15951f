"""`migspec shrink`: the shortest trace that still shows a violation, as a trace and as a test."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NoReturn

from migspec.cli.command import Command, Exit, add_color, seconds, whole
from migspec.cli.console import Meter, speaker
from migspec.cli.judging import add_judging, add_output, is_same_file, options_of
from migspec.cli.output import STANDARD_OUTPUT, complain, output_to, write_trace
from migspec.traces.findings import Finding
from migspec.traces.format import TraceError
from migspec.traces.judge import Options
from migspec.traces.report import as_text, counted
from migspec.traces.shrink.deadline import Deadline
from migspec.traces.shrink.log import Entries, Log, read
from migspec.traces.shrink.search import Search, Shrunk
from migspec.traces.shrink.written import as_test, origin, trace_lines

_SECONDS: Final = 60.0

_MOST_NAMED: Final = 5
"""Violations that are named where none is as was asked for."""

_EPILOG = """\
What is left shows the same violation: the same message breaks the same rule, and for the same reason as far as the
judge names one.  No line of it can be left out.

exit codes:
  0    the trace violates nothing, so there is nothing to shrink
  1    the trace violates its profile, and what is left of it is written
  2    the command line is wrong, or no violation is the one that --rule and --line ask for
  3    the trace cannot be read, or a file cannot be written

A log that breaks off is shrunk if what can be read of it violates something.  Logs of one migration are joined with
migspec convert --vm, which writes a trace.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("path", metavar="TRACE", help="a trace or another log, or - for standard input")
    add_judging(parser)
    add_output(parser, "trace")
    add("--test", metavar="FILE", help="write a test for pytest there, which has the trace in it")
    add("--rule", metavar="RULE", help="shrink to the first violation of this rule, not the first of all")
    add("--line", type=whole, metavar="N", help="shrink to the first violation in this line of the log")
    add(
        "--seconds",
        type=seconds,
        default=_SECONDS,
        metavar="S",
        help="shrink for so long at most (default: %(default)g)",
    )
    add_color(parser)


def _run(chosen: argparse.Namespace) -> Exit:
    _check_outputs(chosen)
    options = options_of(chosen)
    log = _read(chosen.path, options)
    if log.error:
        complain(log.error)
    if not log.violations:
        if not log.error:
            complain(f"{chosen.path}: there is no violation to shrink to.")
        return Exit.UNREADABLE if log.error else Exit.CONFORMS
    finding = _chosen(chosen, log)
    shrunk = _shrunk(log, finding, options, chosen.seconds)
    source = origin(log, finding)
    write_trace(chosen.output, trace_lines(shrunk, source))
    if chosen.test:
        with output_to(chosen.test) as output:
            output.write(as_test(shrunk, options, source))
    if chosen.output != STANDARD_OUTPUT:
        say = speaker(chosen.color, as_objects=False)
        for line in as_text(replace(shrunk.report, trace=chosen.output)):
            say(line)
    _tell(log, shrunk)
    return Exit.VIOLATES


def _check_outputs(chosen: argparse.Namespace) -> None:
    """See that no file is overwritten that is read, nor one written twice."""
    refuse: Callable[[str], NoReturn] = chosen.usage_error
    outputs = {"-o": chosen.output, "--test": chosen.test}
    for option, path in outputs.items():
        if path and is_same_file(path, chosen.path):
            refuse(f"{option} {path}: this is the trace, and would be overwritten")
    if chosen.test and os.path.realpath(chosen.test) == os.path.realpath(chosen.output):
        refuse(f"--test {chosen.test}: the trace is to be written there")


def _read(path: str, options: Options) -> Log:
    meter = Meter(0)
    try:
        return read(path, options, meter.advance)
    finally:
        meter.hide()


def _chosen(chosen: argparse.Namespace, log: Log) -> Finding:
    """The violation to shrink to, the first that was asked for; a usage error if there is none."""
    found = [
        each
        for each in log.violations
        if chosen.rule in (None, each.rule) and chosen.line in (None, log.number_of(each))
    ]
    if not found:
        refuse: Callable[[str], NoReturn] = chosen.usage_error
        options = {"--rule": chosen.rule, "--line": chosen.line}
        asked = " ".join(f"{name} {value}" for name, value in options.items() if value is not None)
        there = [f"{each.rule} in line {log.number_of(each)}" for each in log.violations]
        more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
        refuse(f"{asked}: there is no such violation, but there is {', '.join(there[:_MOST_NAMED])}{more}")
    return found[0]


def _shrunk(log: Log, finding: Finding, options: Options, seconds: float) -> Shrunk:
    left = _size(log.entries)
    meter = Meter(left, "shrinking")

    def tell(entries: Entries) -> None:
        nonlocal left
        meter.advance(left - _size(entries))
        left = _size(entries)

    try:
        return Search(log, finding, options, Deadline(seconds), tell).run()
    finally:
        meter.hide()


def _size(entries: Entries) -> int:
    return sum(len(entry.text) for entry in entries)


def _tell(log: Log, shrunk: Shrunk) -> None:
    before, after = (counted(len(entries), "line", "lines") for entries in (log.entries, shrunk.entries))
    complain(f"{before} cut to {after}, after {counted(shrunk.tries, 'try', 'tries')}.")
    if not shrunk.is_minimal:
        complain("the time was up: more lines may be left out; --seconds gives it more.")


COMMAND = Command(
    "shrink",
    description="Cut a trace that violates a rule down to the shortest one that still does, at the same message.",
    add_arguments=_add_arguments,
    run=_run,
    epilog=_EPILOG,
    formatter=argparse.RawDescriptionHelpFormatter,
    errors=(TraceError,),
)
"""Shrinks traces."""
