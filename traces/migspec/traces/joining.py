"""Several logs of one migration as one trace: each file is one VM's, by the name that it is given.

Between two files nothing is ordered but by the protocol itself. They are merged by their clocks, where they have any,
for whoever reads the result; the judge looks at each VM by itself, so that clocks which disagree do no harm.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import msgspec

from migspec.traces.findings import Finding
from migspec.traces.format import Header, TraceError, Unseen, VmInfo, header_line, open_trace, read_header
from migspec.traces.framing import decoded, members_of
from migspec.traces.importers.model import Remarks
from migspec.traces.importers.table import opened
from migspec.traces.inputs import STANDARD_INPUT

_OF_A_MIGRATION: Final = (b'"MIGRATION"', b'"migrate"', b'"migrate-incoming"', b'"migrate-recover"', b'"savevm')
"""What the lines of a VM have of which some takes part in a migration."""


class Joined(NamedTuple):
    """A line of a trace: the VM and the file that it comes from, its number there, and its text."""

    vm: str
    path: str
    number: int
    text: bytes


class _Clocked(msgspec.Struct):
    vm: str = ""
    t: float | None = None


_CLOCKED: Final = msgspec.json.Decoder(_Clocked)


@dataclass(slots=True)
class _File:
    """One of the files: its path, and the names that its VMs get."""

    path: str
    names: Mapping[str, str] = field(default_factory=dict)

    def named(self, vm: str, name: str) -> str:
        """What a VM of the file is called in the whole."""
        return self.names.get(vm, f"{name}.{vm}")


@contextmanager
def joined(files: Mapping[str, str], importer: str | None = None) -> Iterator[tuple[Header, Iterator[Joined], Remarks]]:
    """The header and the lines of the files, by the name of each one's VM, and what their importers remark.

    Raises `TraceError` for a file that cannot be read, and for standard input, which cannot be read twice.
    """
    remarks = Remarks()
    unseen: set[Unseen] = set()
    vms: dict[str, VmInfo] = {}
    with ExitStack() as stack:
        streams = []
        for name, path in files.items():
            if path == STANDARD_INPUT:
                raise TraceError(path, None, "several files are joined by reading each twice", "a file")
            file = _File(path, _names(path, name, importer))
            log = opened(stack.enter_context(open_trace(path)), importer)
            _, first = next(log.entries, (1, b""))
            own = read_header(first, path)
            unseen.update(own.unseen)
            vms |= {file.named(vm, name): known for vm, known in own.vms.items()}
            streams.append(_stamped(file, name, log.entries, log.remarks, remarks))
        header = Header(vms, unseen=tuple(sorted(unseen)), note=f"joined from {len(files)} files")
        yield header, (line for _, line in heapq.merge(*streams, key=lambda stamped: stamped[0])), remarks


@contextmanager
def joined_copy(files: Mapping[str, str], importer: str | None = None) -> Iterator[str]:
    """The files as one trace, in a file that is there for a while.

    Raises what `joined` raises, and `OSError` where it cannot be written.
    """
    with tempfile.NamedTemporaryFile(prefix="migspec-", suffix=".jsonl") as copy:
        with joined(files, importer) as (header, lines, _):
            copy.write(header_line(header) + b"\n")
            copy.writelines(line.text + b"\n" for line in lines)
        copy.flush()
        yield copy.name


def names_of(files: Mapping[str, str]) -> str:
    """What files are called together: as they are given on a command line."""
    return " ".join(f"{name}={path}" for name, path in files.items())


def _stamped(
    file: _File, name: str, entries: Iterator[tuple[int, bytes]], own: Remarks, remarks: Remarks
) -> Iterator[tuple[float, Joined]]:
    """The lines of a file, each with the time by which it is merged: that of the last line before it that has one."""
    latest = float("-inf")
    for number, text in entries:
        if not text:
            continue
        seen, members = decoded(text, _CLOCKED), members_of(text)
        if seen is None or members is None:
            yield latest, Joined("", file.path, number, text)
            continue
        latest = max(latest, seen.t if seen.t is not None else latest)
        vm = file.named(seen.vm, name)
        members["vm"] = msgspec.Raw(msgspec.json.encode(vm))
        yield latest, Joined(vm, file.path, number, msgspec.json.encode(members))
    remarks.findings += (_renamed(finding, file, name) for finding in own.findings)


def _renamed(finding: Finding, file: _File, name: str) -> Finding:
    return replace(finding, vm=file.named(finding.vm, name)) if finding.vm else finding


def _names(path: str, name: str, importer: str | None) -> Mapping[str, str]:
    """The names of the VMs of a file that take part in a migration; of the only one, if there is but one."""
    every: dict[str, None] = {}
    taking_part: dict[str, None] = {}
    with open_trace(path) as lines:
        for _, text in opened(lines, importer).entries:
            seen = decoded(text, _CLOCKED)
            if seen is not None and seen.vm:
                every.setdefault(seen.vm)
                if seen.vm not in taking_part and any(mark in text for mark in _OF_A_MIGRATION):
                    taking_part.setdefault(seen.vm)
    chosen = list(taking_part or every)
    return {vm: name if place == 0 else f"{name}-{place + 1}" for place, vm in enumerate(chosen)}
