"""A log that is read twice: once to be judged, and once more to be drawn."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator

from migspec.traces.inputs import STANDARD_INPUT


@contextlib.contextmanager
def readable_twice(path: str) -> Iterator[str]:
    """Where a log can be read again: the file itself; of a pipe and of standard input a copy, while this lasts.

    What cannot be opened is left as it is, for the judge to complain about. Raises `OSError` where a copy cannot be
    made.
    """
    if path != STANDARD_INPUT and not _is_stream(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="migspec-") as copy:
        with open(sys.stdin.fileno() if path == STANDARD_INPUT else path, "rb", closefd=path != STANDARD_INPUT) as log:
            shutil.copyfileobj(log, copy)
        copy.flush()
        yield copy.name


def _is_stream(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
