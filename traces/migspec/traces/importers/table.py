"""The table of importers, and which of them a log is for: that is told by what is in it, never by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from migspec.traces.format import HEADER, LineReader, TraceError, is_header
from migspec.traces.importers import events, libvirt, plain, python_log, qemu_log, shell, systemtap, transcript
from migspec.traces.importers.model import Importer, Numbered, Remarks, beginning

FIRST_LINES: Final = 200
"""Lines by which a log is recognised."""
FIRST_BYTES: Final = 1 << 20
"""Bytes that these lines have at most, but for the last of them."""

IMPORTERS: Final[Mapping[str, Importer]] = {
    importer.name: importer
    for importer in (
        libvirt.IMPORTER,
        *qemu_log.IMPORTERS,
        systemtap.IMPORTER,
        events.IMPORTER,
        python_log.IMPORTER,
        shell.IMPORTER,
        transcript.IMPORTER,
        *plain.IMPORTERS,
    )
}
"""Every importer by its name, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that is being read: its entries, the header first; the importer, None for a trace; and its remarks."""

    entries: Iterator[Numbered]
    importer: Importer | None
    remarks: Remarks


def opened(lines: LineReader, chosen: str | None = None) -> Opened:
    """The entries of a trace, or of a log that the named importer, or else the first that recognises it, can read.

    What begins with an object is read as a trace, so that it is told what is wrong with it as one. Raises `TraceError`
    for anything else that no importer recognises.
    """
    head = list(beginning(lines, FIRST_LINES, FIRST_BYTES, lambda numbered: len(numbered[1])))
    everything = chain(head, lines)
    remarks = Remarks()
    importer = IMPORTERS[chosen] if chosen else recognised([line for _, line in head])
    if importer is None:
        _check_beginning(lines.path, head)
        return Opened(everything, None, remarks)
    entries = chain(((0, importer.header()),), importer.read(everything, remarks))
    return Opened(entries, importer, remarks)


def recognised(head: Sequence[bytes]) -> Importer | None:
    """The importer for a log with these first lines; None for a trace, and for what nobody knows."""
    if not head or is_header(head[0]):
        return None
    return next((importer for importer in IMPORTERS.values() if importer.recognises(head)), None)


def _check_beginning(path: str, head: Sequence[Numbered]) -> None:
    first = head[0][1].lstrip() if head else b""
    if first and not first.startswith(b"{"):
        problem = "this begins neither a trace nor a log of a kind that is known"
        raise TraceError(path, 1, problem, f"a header, {HEADER}, or a log of a kind that --from names")
