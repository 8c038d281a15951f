"""A judged log as one page of HTML that stands alone: what happened, when, and whether QEMU kept to its protocol.

`gathering` reads the log once more and keeps what is shown, `block` makes of that the data of the page, and
`rendering` the page. What a line shows is in `marks`, `bundling` and `texts` make them few and short, `watching` has
what the judge infers, `story` says it in words. The scripts that draw it are files beside the modules.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator

from migspec.traces.findings import Report
from migspec.traces.html.gathering import gather
from migspec.traces.html.rendering import rendered
from migspec.traces.inputs import STANDARD_INPUT
from migspec.traces.judge import Options

__all__ = ["page", "readable_twice"]


def page(path: str, report: Report, options: Options) -> Iterator[str]:
    """The page of a log that was judged, line by line in text that UTF-8 can hold.

    `report` and `options` are those of that judgement, and `path` is read once more: see `readable_twice`. Never
    raises for bad input: the page says what the report says, and shows what can be read.
    """
    return rendered(gather(path, report, options), report)


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
