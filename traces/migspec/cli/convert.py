"""`migspec convert`: a log of any known format, or several of one migration, as a trace in the native format."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import chain

from migspec.cli.command import Command, Exit
from migspec.cli.judging import add_output
from migspec.cli.logs import add_importer, add_vms, files_by_vm
from migspec.cli.output import complain, write_trace
from migspec.traces.findings import Finding
from migspec.traces.format import TraceError, header_line, open_trace
from migspec.traces.importers.table import opened
from migspec.traces.joining import joined


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="PATH", help="a log, or - for standard input")
    add_importer(parser)
    add_vms(parser)
    add_output(parser, "trace")


def _run(chosen: argparse.Namespace) -> Exit:
    files = files_by_vm(chosen)
    if bool(files) == bool(chosen.path):
        chosen.usage_error("give either a PATH or one --vm NAME=PATH for each VM")
    if files:
        with joined(files, chosen.importer) as (header, lines, remarks):
            write_trace(chosen.output, chain((header_line(header),), (line.text for line in lines)))
            _tell(remarks.findings)
        return Exit.CONFORMS
    with open_trace(chosen.path) as lines:
        log = opened(lines, chosen.importer)
        if log.importer is None:
            problem = "this is a trace already, or a log of no known format"
            raise TraceError(chosen.path, None, problem, "a log; see migspec convert --help")
        write_trace(chosen.output, (text for _, text in log.entries))
        for lacks in log.importer.lacks:
            complain(f"{log.importer.title} does not tell {lacks}.")
        _tell(log.remarks.findings)
    return Exit.CONFORMS


def _tell(findings: Iterable[Finding]) -> None:
    for finding in findings:
        complain(f"line {finding.line}: {finding.vm}: {finding.message}")


COMMAND = Command(
    "convert",
    description="Write a log as a trace in the native format.",
    add_arguments=_add_arguments,
    run=_run,
    errors=(TraceError,),
)
"""Converts logs."""
