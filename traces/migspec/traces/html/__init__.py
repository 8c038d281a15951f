"""A judged log as one page of HTML that stands alone: what happened, when, and whether QEMU kept to its protocol.

`block` makes the data of the page of what was gathered, and `rendering` the page. The scripts that draw it are files
beside the modules.
"""

from __future__ import annotations

from collections.abc import Iterator

from migspec.traces.findings import Report
from migspec.traces.html.rendering import rendered
from migspec.traces.judge import Options
from migspec.traces.picture.gathering import gather

__all__ = ["page"]


def page(path: str, report: Report, options: Options) -> Iterator[str]:
    """The page of a log that was judged, line by line in text that UTF-8 can hold.

    `report` and `options` are those of that judgement, and `path` is read once more: see `readable_twice`. Never
    raises for bad input: the page says what the report says, and shows what can be read.
    """
    return rendered(gather(path, report, options), report)
