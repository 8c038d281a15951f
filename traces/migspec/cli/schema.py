"""`migspec schema`: in what a VM's own schema differs from that of a profile.

The schema is the VM's reply to query-qmp-schema; it is read from a file or asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from migspec.cli.command import Command, Exit, add_color, add_format
from migspec.cli.console import speaker
from migspec.cli.output import write
from migspec.spec.profiles import PROFILES
from migspec.spec.schema.comparison import compare
from migspec.traces.introspection import SchemaSourceError, from_file, from_server
from migspec.traces.record import Address, RecordError
from migspec.traces.schema_report import SchemaReport, profile_of

_EPILOG = """\
exit codes:
  0    the schemas are the same, but for what is not in the VM's build
  1    they differ
  2    the command line is wrong
  3    the file cannot be read or is no such reply, or the VM cannot be asked
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="the reply, or JSON lines with one, or -")
    source.add_argument("--qmp", metavar="ADDRESS", help="the VM to ask: unix:PATH or tcp:HOST:PORT")
    parser.add_argument(
        "--profile", choices=PROFILES, help="what to compare with; without it, what the release asks for"
    )
    add_format(parser, {"json": "one object"})
    add_color(parser)


def _run(chosen: argparse.Namespace) -> Exit:
    as_object = chosen.format == "json"
    say = speaker(chosen.color, as_objects=as_object)
    if chosen.qmp is not None:
        complain: Callable[[str], NoReturn] = chosen.usage_error
        try:
            Address.parse(chosen.qmp)
        except RecordError as error:
            complain(f"--qmp {chosen.qmp}: {error.problem}, expected {error.expected}")
        source, told = chosen.qmp, from_server(chosen.qmp)
    else:
        source, told = chosen.file, from_file(chosen.file)
    profile = chosen.profile or profile_of(told.release)
    schemas = [known.schema for known in PROFILES.values()]
    report = SchemaReport(source, profile, compare(told.schema, PROFILES[profile].schema, schemas))
    if as_object:
        write(report.as_json())
    else:
        for line in report.as_text():
            say(line)
    return Exit.CONFORMS if report.same else Exit.VIOLATES


COMMAND = Command(
    "schema",
    description="Say in what a VM's schema, its reply to query-qmp-schema, differs from that of a profile.",
    add_arguments=_add_arguments,
    run=_run,
    epilog=_EPILOG,
    formatter=argparse.RawDescriptionHelpFormatter,
    errors=(SchemaSourceError, RecordError),
)
"""Compares the schema of a VM with that of a profile."""
