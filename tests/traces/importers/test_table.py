"""A log is recognised by what is in it, and read by the importer that knows it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.traces.importers.logs import SAMPLES, lines_of

from migspec.traces.format import TraceError, is_header, open_trace
from migspec.traces.importers import libvirt
from migspec.traces.importers.model import Importer
from migspec.traces.importers.table import FIRST_LINES, IMPORTERS, opened, recognised


def test_a_trace_needs_no_importer() -> None:
    head = [b'{"format":"qmp-trace","version":1}', b'{"vm":"a","end":"eof"}']
    assert recognised(head) is None
    assert recognised([]) is None


def test_an_object_that_nobody_knows_is_read_as_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("{}\nworld\n")
    with open_trace(path) as lines:
        log = opened(lines)
        assert (log.importer, list(log.entries)) == (None, [(1, b"{}"), (2, b"world")])


def test_anything_else_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello\nworld\n")
    with open_trace(path) as lines, pytest.raises(TraceError, match="line 1: this begins neither a trace nor"):
        opened(lines)


def test_every_line_of_a_log_is_read_after_it_was_recognised(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(b"\n".join(lines_of("libvirt-9.0.log.gz")), mtime=0))
    with open_trace(path) as lines, open_trace(SAMPLES / "libvirt-9.0.log.gz") as again:
        log = opened(lines)
        assert log.importer is libvirt.IMPORTER
        numbers = [number for number, _ in log.entries]
        chosen = [number for number, _ in opened(again, "libvirt").entries]
    assert max(numbers) > FIRST_LINES
    assert numbers == chosen


def test_the_documentation_has_the_same_table() -> None:
    text = (Path(__file__).parents[3] / "docs/logs.md").read_text()
    rows = [
        f"| `{importer.name}` | {importer.title} | {', '.join(sorted(importer.unseen)) or 'nothing'} "
        f"| {'; '.join(importer.lacks) or 'nothing'} |"
        for importer in IMPORTERS.values()
    ]
    assert "\n".join(rows) in text


@pytest.mark.parametrize("importer", IMPORTERS.values(), ids=IMPORTERS)
def test_the_header_of_a_log_is_that_of_a_trace(importer: Importer) -> None:
    assert is_header(importer.header())
    assert importer.title[0].islower()
    assert all(lacks[0].islower() and not lacks.endswith(".") for lacks in importer.lacks)
