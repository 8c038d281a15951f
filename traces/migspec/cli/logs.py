"""The options by which a command is told how to read logs: by which importer, and which file is of which VM."""

from __future__ import annotations

import argparse

from migspec.traces.importers.table import IMPORTERS


def add_importer(parser: argparse.ArgumentParser) -> None:
    """Declare `--from`."""
    kinds = "; ".join(f"{importer.name}: {importer.title}" for importer in IMPORTERS.values())
    parser.add_argument(
        "--from",
        dest="importer",
        choices=tuple(IMPORTERS),
        metavar="FORMAT",
        help=f"read logs as these, instead of by what is in them ({kinds})",
    )


def add_vms(parser: argparse.ArgumentParser) -> None:
    """Declare `--vm`."""
    parser.add_argument(
        "--vm",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="join the logs of one migration, each of one VM; nothing is concluded from their clocks",
    )


def files_by_vm(chosen: argparse.Namespace) -> dict[str, str]:
    """The files that `--vm` has named, by the VM; a wrong or repeated name is a usage error."""
    files: dict[str, str] = {}
    for given in chosen.vm:
        name, separator, path = given.partition("=")
        if not separator or not name or not path or name in files:
            chosen.usage_error(f"--vm {given}: expected NAME=PATH, and each name once")
        files[name] = path
    return files
