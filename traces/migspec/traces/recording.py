"""A trace that is recorded while a test runs, and judged when it ends: what the pytest plugin gives to a test.

Monitors are added one at a time, each with a recorder of its own; all of them write one trace.  What a test says and
hears without a recorder can be put into it, too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Direction, Header, TraceError, TraceWriter, VmInfo
from migspec.traces.judge import Options, judge_file
from migspec.traces.record import Recorder, RecordError
from migspec.traces.report import as_text, plain

Where = str | os.PathLike[str] | tuple[str, int]
"""The address of a QMP server: `unix:PATH`, `tcp:HOST:PORT`, a path, or a host and a port."""

_ROLES: Final[Mapping[str, Literal["source", "destination"]]] = {"source": "source", "destination": "destination"}
_NOTHING: Final = "trace.empty"
"""The rule that a trace breaks in which nothing was recorded: a test that asks to be judged has to show something."""


class RecordingError(Exception):
    """Something that cannot be recorded; its text is one sentence, with what would have been right."""


class Recording:
    """What a test drives, on its way into one trace; a context manager.

    `path` is the trace and `options` say how it is judged.  Methods may be called from any thread.
    """

    def __init__(self, path: str | os.PathLike[str], options: Options | None = None) -> None:
        self.path = Path(path)
        """The trace.  It is there from the beginning, and holds whole lines only."""
        self.remarks: list[str] = []
        """What the recorders had to say, one line each: of clients that found no server, for example."""
        self._options = options or Options()
        self._vms: dict[str, VmInfo] = {}
        self._recorders: dict[str, Recorder] = {}
        self._is_open = True
        self._turn = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="migspec-")
        try:
            self._writer = TraceWriter(self.path)
        except TraceError as error:
            self._folder.cleanup()
            raise RecordingError(str(error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(self, name: str, qmp_address: Where, role: str | None = None) -> str:
        """Record a monitor from now on; the path of the unix socket to which its client has to connect instead.

        `name` is what the trace calls the VM, or `VM/MONITOR` for each monitor of a VM with several.  `qmp_address` is
        that of the server, which need not be there yet.  `role` is `source` or `destination`, if the VM is only one of
        them.  Raises `RecordingError` if that cannot be.
        """
        if role is not None and role not in _ROLES:
            raise RecordingError(f"{name}: the role is {role!r}; expected source or destination.")
        targets = {name: _spelled(qmp_address)}
        with self._turn:
            self._check_open(name)
            if name in self._recorders:
                raise RecordingError(f"{name}: this is recorded already; expected VM/MONITOR for another monitor.")
            listen = str(Path(self._folder.name, str(len(self._recorders))))
            try:
                recorder = Recorder(targets, self._writer, listen={name: listen}, report=self.remarks.append)
            except RecordError as error:
                raise RecordingError(str(error)) from None
            recorder.start()
            self._recorders[name] = recorder
            vm = name.partition("/")[0]
            self._vms[vm] = self._vms.get(vm, VmInfo()) if role is None else VmInfo(role=_ROLES[role])
        return listen

    def message(self, vm: str, direction: str | Direction, msg: object, monitor: str | None = None) -> None:
        """Put a QMP message into the trace that no recorder sees.

        `direction` is `->` for what a client says, and `<-` for what it hears.  `msg` is the text of the message, or
        any object that can be encoded as JSON.  Raises `RecordingError` if that cannot be.
        """
        try:
            sender = Direction(direction)
        except ValueError:
            raise RecordingError(f"{vm}: the direction is {direction!r}; expected -> or <-.") from None
        with self._turn:
            self._check_open(vm)
            try:
                self._writer.message(vm, sender, msg.encode() if isinstance(msg, str) else msg, mon=monitor)
            except (TypeError, ValueError, RecursionError) as error:
                raise RecordingError(f"{vm}: this is no message ({error}); expected JSON.") from None
            except TraceError as error:
                raise RecordingError(str(error)) from None
            self._vms.setdefault(vm, VmInfo())

    @property
    def is_used(self) -> bool:
        """Whether a test has asked for anything."""
        return bool(self._vms)

    def judge(self) -> Report:
        """What the trace comes to so far."""
        try:
            text = self.path.read_bytes()
        except OSError as error:
            return Report(str(self.path), error=self._lost("read", error))
        with tempfile.NamedTemporaryFile(prefix="migspec-", suffix=".jsonl") as whole:
            # the recorders go on, and may be in the middle of a line
            whole.write(text[: text.rfind(b"\n") + 1])
            whole.flush()
            report = judge_file(whole.name, self._options)
        report.trace = str(self.path)
        report.error = report.error.replace(whole.name, report.trace)
        return report

    def close(self) -> None:
        """End all recorders and write into the header which VMs there were.

        Raises `RecordingError` if not all could be recorded.
        """
        with self._turn:
            if not self._is_open:
                return
            self._is_open = False
        try:
            with contextlib.ExitStack() as ending:
                if self._vms:
                    ending.callback(self._write_header)
                ending.callback(self._folder.cleanup)
                ending.callback(self._writer.close)
                for recorder in self._recorders.values():
                    ending.callback(recorder.close)
        except TraceError as error:
            raise RecordingError(str(error)) from None
        except OSError as error:
            raise RecordingError(self._lost("completed", error)) from None

    def _check_open(self, name: str) -> None:
        if not self._is_open:
            raise RecordingError(f"{name}: the recording is over; expected a recording under way.")

    def _lost(self, undone: str, error: OSError) -> str:
        return f"{self.path}: the trace cannot be {undone} ({error.strerror or error}); expected it as it was written."

    def _write_header(self) -> None:
        """Exchange the first line of the trace."""
        complete = self.path.with_name(f"{self.path.name}.complete")
        with self.path.open("rb") as before:
            before.readline()
            TraceWriter(complete, Header(vms=self._vms)).close()
            with complete.open("ab") as after:
                shutil.copyfileobj(before, after)
        complete.replace(self.path)


def unknown(rules: Iterable[str]) -> list[str]:
    """Those of these that are no rules."""
    return [rule for rule in rules if rule not in CATALOGUE]


def unaccepted(report: Report, accepted: Iterable[str] = ()) -> list[Finding]:
    """The findings for which a test fails: violations, and that nothing was recorded, but for accepted rules."""
    return [
        finding
        for finding in report.findings
        if (finding.grade is Grade.VIOLATION or finding.rule == _NOTHING) and finding.rule not in accepted
    ]


def missing(report: Report, accepted: Iterable[str]) -> list[str]:
    """The accepted rules of which there is no finding."""
    found = {finding.rule for finding in report.findings}
    return [rule for rule in accepted if rule not in found]


def told(report: Report) -> str:
    """The report as text."""
    return "\n".join(map(plain, as_text(report)))


def _spelled(address: Where) -> str:
    """An address as the recorder understands it."""
    if isinstance(address, tuple):
        host, port = address
        return f"tcp:[{host}]:{port}" if ":" in host else f"tcp:{host}:{port}"
    path = os.fspath(address)
    return path if isinstance(address, str) and not path.startswith("/") else f"unix:{path}"
