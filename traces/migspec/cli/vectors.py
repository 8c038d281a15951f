"""`migspec vectors`: test vectors in plain JSON, for projects in other languages.

What is in them is made by `migspec.traces.vectors`; here are the traces, which the model plays, and the files.  Nothing
but vectors is ever overwritten, and the old ones stay until all new ones are on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from migspec.cli.command import Command, Exit
from migspec.cli.output import write
from migspec.cli.scenes import recordings
from migspec.spec.profiles import PROFILES
from migspec.traces.format import TraceError, open_trace
from migspec.traces.inputs import PACKED_SUFFIXES, PLAIN_SUFFIX, sources
from migspec.traces.printable import printable
from migspec.traces.vectors.faults import faulty
from migspec.traces.vectors.files import INDEX, PLACES, File, Vectors
from migspec.traces.vectors.schemas import FORMAT
from migspec.traces.vectors.verdicts import Recorded
from migspec.traces.version import commit_of, installed_version


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "folder",
        metavar="DIR",
        help="where to write them; older vectors are overwritten, and what else is there is left alone",
    )
    add("--profile", choices=PROFILES, help="whose vectors; without it, those of every profile")
    add(
        "--traces",
        action="append",
        default=[],
        metavar="PATH",
        help="add the verdicts on these traces, a file or a folder of them; may be repeated",
    )


def _run(chosen: argparse.Namespace) -> Exit:
    profiles = [chosen.profile] if chosen.profile else list(PROFILES)
    folder = Path(chosen.folder)
    given = list(_given(chosen.traces))
    _make(folder)
    played = list(recordings())
    files = list(Vectors(profiles, [*played, *faulty(played), *given], _specification()).files())
    _write(folder, files)
    size = sum(len(file.data) for file in files)
    write(f"{chosen.folder}: {len(files)} files, {size / 1e6:.1f} MB ({', '.join(profiles)})")
    return Exit.CONFORMS


class UngivenError(Exception):
    """There is no trace where `--traces` says, in a sentence."""


def _given(paths: Sequence[str]) -> Iterator[Recorded]:
    """The traces that the user has.

    Raises `TraceError` where one cannot be read, and `UngivenError` where there is none.
    """
    names: set[str] = set()
    for source in sources(paths):
        if source.error:
            raise UngivenError(source.error)
        with open_trace(source.path) as lines:
            # an empty line after the header is none, as for whoever judges a file
            text = tuple(line for number, line in lines if line or number == 1)
        name = f"given/{printable(_stem(source.path))}"
        while name in names:
            name += "+"
        names.add(name)
        yield Recorded(name, f"Given as {printable(Path(source.path).name)}.", text)


def _stem(path: str) -> str:
    name = Path(path).name
    for suffix in (*PACKED_SUFFIXES, PLAIN_SUFFIX):
        name = name.removesuffix(suffix)
    return name


def _specification() -> dict[str, str]:
    """Which specification this is: the version of the package, and the commit where it is used from a clone."""
    parts = {"version": installed_version(), "commit": commit_of(Path(__file__).resolve())}
    return {name: value for name, value in parts.items() if value}


def _make(folder: Path) -> None:
    """Make sure that vectors can be written into a folder, before the work that it takes.

    Raises `TraceError`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [] if _has_vectors(folder) else [name for name in PLACES if os.path.lexists(folder / name)]
        if others:
            problem = f"there is already something called {others[0]}, and these are no vectors of migspec"
            raise TraceError(str(folder), None, problem, _WANTED)
        with _beside(folder):
            pass
    except OSError as error:
        raise _unwritten(folder, error) from None


def _has_vectors(folder: Path) -> bool:
    """Whether vectors have been written into a folder."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except (FileNotFoundError, IsADirectoryError, ValueError, RecursionError):
        return False
    return isinstance(index, dict) and index.get("format") == FORMAT


def _write(folder: Path, files: Iterable[File]) -> None:
    """Write all files beside their places, then put them there in their order, so that the index is never ahead.

    Raises `TraceError`.
    """
    try:
        with _beside(folder) as new:
            ready = [(_written(Path(new), file), folder / file.path) for file in files]
            for path, place in ready:
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
    except OSError as error:
        raise _unwritten(folder, error) from None


def _beside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder within, from which files can be moved to their places."""
    return tempfile.TemporaryDirectory(prefix=".migspec-", dir=folder)


def _written(folder: Path, file: File) -> Path:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.data)
    return path


_WANTED: Final = "a new folder, or one with vectors"


def _unwritten(folder: Path, error: OSError) -> TraceError:
    return TraceError(str(folder), None, f"the vectors cannot be written ({error.strerror})", _WANTED)


COMMAND = Command(
    "vectors",
    description="Write test vectors in plain JSON, for projects in other languages: command sequences with everything"
    " that may come of them, traces with their verdicts, and samples of the schema.",
    add_arguments=_add_arguments,
    run=_run,
    epilog="docs/vectors.md describes the files, and DIR/schemas has a JSON Schema of each kind. Older vectors are"
    " overwritten, and nothing else. It takes a minute.",
    errors=(UngivenError,),
)
"""Writes test vectors."""
