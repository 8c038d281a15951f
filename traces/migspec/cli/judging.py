"""The options by which a command is told how to judge, and where to write what it has to say."""

from __future__ import annotations

import argparse
import os

from migspec.cli.logs import add_importer
from migspec.cli.output import STANDARD_OUTPUT
from migspec.spec.profiles import PROFILES
from migspec.traces.judge import Options


def add_judging(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a judge."""
    add_importer(parser)
    add = parser.add_argument
    add("--profile", choices=PROFILES, help="what to judge by; without it, what each VM's release asks for")
    add("--other-clients", action="store_true", help="admit clients of the VMs that are not in the trace")
    add("--at-rest", action="store_true", help="no migration was under way in any VM when its trace began")


def options_of(chosen: argparse.Namespace) -> Options:
    """The options that were given."""
    return Options(chosen.profile, other_clients=chosen.other_clients, at_rest=chosen.at_rest, importer=chosen.importer)


def add_output(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare `-o`, for a report or a trace."""
    parser.add_argument(
        "-o",
        "--output",
        default=STANDARD_OUTPUT,
        metavar="FILE",
        help=f"write the {what} there, and what is there is overwritten (default: standard output)",
    )


def is_same_file(output: str, path: str) -> bool:
    """Whether what is written to one would overwrite the other."""
    return (
        output != STANDARD_OUTPUT and os.path.exists(output) and os.path.exists(path) and os.path.samefile(output, path)
    )
