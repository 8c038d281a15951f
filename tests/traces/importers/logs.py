"""What the tests of importers share: samples, their entries, and ways to damage them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from migspec.traces.importers.model import Importer, Numbered, Remarks
from migspec.traces.messages import decode_loosely

SAMPLES = Path(__file__).with_name("samples")


def lines_of(name: str) -> list[bytes]:
    """The lines of a sample."""
    path = SAMPLES / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.split(b"\n")


def read(importer: Importer, lines: Iterable[bytes]) -> tuple[list[Numbered], Remarks]:
    """The entries of these lines, and what is remarked; every entry is a line of the native format."""
    remarks = Remarks()
    entries = list(importer.read(enumerate(lines, 1), remarks))
    for _, text in entries:
        decode_loosely(text)
    return entries, remarks


@st.composite
def damaged(draw: st.DrawFn, lines: list[bytes], most: int = 40) -> list[bytes]:
    """A few lines on end of a sample, with some cut, swapped, repeated, or with other bytes in them."""
    start = draw(st.integers(0, max(len(lines) - most, 0)))
    chosen = lines[start : start + most]
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(chosen) - 1))
        line = chosen[place]
        at = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 4)):
            case 0:
                chosen[place] = line[:at]
            case 1:
                chosen[place] = line[:at] + draw(st.binary(max_size=8)) + line[at:]
            case 2:
                chosen[place] = line[:at] + draw(st.binary(max_size=3)) + line[at + 1 :]
            case 3:
                other = draw(st.integers(0, len(chosen) - 1))
                chosen[place], chosen[other] = chosen[other], line
            case _:
                chosen.insert(place, line)
    return chosen
