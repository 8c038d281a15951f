"""The recorder: a proxy between QMP clients and their QEMUs that writes down what crosses.

For every monitor it listens on a unix socket of its own and connects each client on to the real one.  What it
promises, and how:

- *Nothing is lost.*  A line is in the trace before the bytes that completed it are sent on.
- *Nothing is reordered.*  One thread serves all monitors, so the file is in the order in which bytes arrived.
- *Nothing is changed.*  Bytes go on as they came and at once, whole message or not; file descriptors go on
  with the bytes they came with.
- *Nothing piles up.*  While one side does not read, the other is not read from.
- *Either side may die.*  The end is written, the other side is closed, and the next client is served.

As with QEMU's own monitor socket, a second client waits until the first has gone.
"""

import contextlib
import errno
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from migspec.traces.format import Closer, Direction, Header, TraceWriter, VmInfo
from migspec.traces.relay import PIECE, Lane, receive

BACKLOG: Final = 1 << 20
"""Bytes that may wait for one side before the other is no longer read from."""

MAIN_MONITOR: Final = "main"
"""What the monitor without a name of its own is called when its VM has several."""

SOCKET_SUFFIX: Final = ".migspec"
"""What is added to the path of a QEMU's socket to name the recorder's, where no path is asked for."""


class RecordError(Exception):
    """A target that the recorder cannot serve."""

    def __init__(self, target: str, problem: str, expected: str) -> None:
        super().__init__(target, problem, expected)
        self.target = target
        """The target, as the user wrote it."""
        self.problem = problem
        """What is wrong with it."""
        self.expected = expected
        """What would have been right."""

    def __str__(self) -> str:
        return f"{self.target}: {self.problem}; expected {self.expected}."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a QMP server listens."""

    family: socket.AddressFamily
    """`AF_UNIX`, `AF_INET` or `AF_INET6`."""
    where: str | tuple[str, int]
    """The path, or host and port."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `unix:PATH` or `tcp:HOST:PORT` (an IPv6 host in brackets).

        Raises `RecordError` for anything else.
        """
        scheme, _, rest = text.partition(":")
        if scheme == "unix" and rest:
            return cls(socket.AF_UNIX, rest)
        host, _, port = rest.rpartition(":")
        if scheme == "tcp" and port.isdecimal() and int(port) < 1 << 16:
            if host.startswith("[") and host.endswith("]"):
                return cls(socket.AF_INET6, (host[1:-1], int(port)))
            return cls(socket.AF_INET, (host or "127.0.0.1", int(port)))
        raise RecordError(text, "this is no address", "unix:PATH or tcp:HOST:PORT")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose messages they are: what the trace calls the VM, and the monitor where there are several."""

    vm: str
    monitor: str | None


class _Connection:
    """One client and the server's end that belongs to it."""

    def __init__(self, door: "_Door", client: socket.socket, server: socket.socket) -> None:
        self.door = door
        self.requests = Lane(Direction.TO_SERVER, client, server)
        self.replies = Lane(Direction.TO_CLIENT, server, client)
        self.first_closer: Closer | None = None

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """Both directions."""
        return self.requests, self.replies

    def lanes_of(self, end: socket.socket) -> tuple[Lane, Lane]:
        """Return the lane that this end feeds, and the one that it drains."""
        if end is self.requests.source:
            return self.requests, self.replies
        return self.replies, self.requests


@dataclass(slots=True)
class _Door:
    """One monitor of one VM: where it is, and where its clients come in."""

    target: str
    origin: Origin
    address: Address
    path: str
    listener: socket.socket
    connection: _Connection | None = None

    def shut(self) -> None:
        """Stop listening, for good."""
        if self.listener.fileno() >= 0:
            self.listener.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


class Recorder:
    """Records the monitors of one or more VMs into one trace.

    `targets` maps the name of a VM, or `VM/MONITOR`, to `unix:PATH` or `tcp:HOST:PORT`; the servers need not
    be there yet.  `listen` maps the same names to paths to listen on; without one it is the server's path
    with `SOCKET_SUFFIX`, or for TCP a path in a fresh folder.  The sockets are their owner's alone.  `report`
    is given one line on whatever the user should know.  `output` may be a `TraceWriter`, which then stays the
    caller's and has its header already: so several recorders write one trace.

    As a context manager it serves in a background thread; `run` serves in the caller's.  Raises `RecordError`
    for a target that cannot be served and `TraceError` where the trace cannot be written; the latter, when it
    happens while serving, ends the service and is raised by `run` or `close`.
    """

    def __init__(
        self,
        targets: Mapping[str, str],
        output: str | os.PathLike[str] | int | TraceWriter,
        header: Header | None = None,
        *,
        listen: Mapping[str, str] | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._report = report
        self._owns_writer = not isinstance(output, TraceWriter)
        self._selector = selectors.DefaultSelector()
        self._doors: dict[str, _Door] = {}
        self._exits: dict[str, int] = {}
        self._closed = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._bell, self._alarm = socket.socketpair()
        self._bell.setblocking(False)
        self._alarm.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        try:
            for target, origin in _origins(targets).items():
                self._open(target, origin, Address.parse(targets[target]), (listen or {}).get(target))
            vms = {door.origin.vm: VmInfo() for door in self._doors.values()}
            known = header or Header()
            if isinstance(output, TraceWriter):
                self._writer = output
            else:
                self._writer = TraceWriter(output, Header(vms | known.vms, known.scenario, known.note))
        except BaseException:
            self._close_sockets()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def address(self, target: str) -> str:
        """Return the path on which clients of this target (`VM` or `VM/MONITOR`) are served."""
        return self._doors[target].path

    @property
    def addresses(self) -> dict[str, str]:
        """The paths of all targets."""
        return {target: door.path for target, door in self._doors.items()}

    def start(self) -> None:
        """Serve in a background thread until `close`."""
        self._thread = threading.Thread(target=self._serve_quietly, name="migspec-recorder", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Serve in this thread until `stop`, then close."""
        self._serve_quietly()
        self.close()

    def stop(self) -> None:
        """Ask the service to end; may be called from any thread and from a signal handler."""
        self._stopping = True
        self._ring()

    def close(self) -> None:
        """End the service, close every connection and the trace, and remove the sockets."""
        if self._closed:
            return
        self._closed = True
        self.stop()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._failure is None:
                self._finish()
        finally:
            self._close_sockets()
            if self._owns_writer:
                self._writer.close()
        if self._failure is not None:
            raise self._failure

    def note_exit(self, vm: str, status: int) -> None:
        """Write how a VM's process ended (negative: by that signal), after all that it still had to say."""
        self._exits[vm] = status
        self._ring()

    # -- sockets --

    def _open(self, target: str, origin: Origin, address: Address, path: str | None) -> None:
        if path is None and isinstance(address.where, str):
            path = address.where + SOCKET_SUFFIX
        if path is None:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="migspec-")
            path = str(Path(self._folder.name, f"{len(self._doors)}.sock"))
        listener = _listen(target, path)
        self._doors[target] = door = _Door(target, origin, address, path, listener)
        self._selector.register(listener, selectors.EVENT_READ, door)

    def _close_sockets(self) -> None:
        for door in self._doors.values():
            door.shut()
        self._selector.close()
        self._bell.close()
        self._alarm.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: the loop wakes up anyway
            self._alarm.send(b"\0")

    # -- the loop --

    def _serve_quietly(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        except Exception as failure:
            self._failure = failure
            for door in self._doors.values():
                if door.connection is not None:
                    self._hang_up(door.connection)
                door.shut()

    def _turn(self) -> None:
        """Wait until something is ready, and serve all that is."""
        for key, mask in self._selector.select():
            if isinstance(key.data, _Door):
                self._accept(key.data)
            elif isinstance(key.data, _Connection):
                if key.data.door.connection is key.data:
                    self._serve(key.data, key.fileobj, mask)
            else:
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(PIECE)
        self._write_exits()

    def _finish(self) -> None:
        """Take in what has already arrived, then end what is still open."""
        for door in self._doors.values():
            if (connection := door.connection) is not None:
                for lane in connection.lanes:
                    self._drain(connection, lane)
                    lane.send()
                self._end(connection, connection.first_closer or "recorder")
        self._write_exits()

    def _accept(self, door: _Door) -> None:
        try:
            client, _ = door.listener.accept()
        except OSError:
            return
        server = socket.socket(door.address.family, socket.SOCK_STREAM)
        try:
            client.setblocking(False)
            server.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                server.connect(door.address.where)
            if door.address.family == socket.AF_UNIX:
                server.getpeername()  # a full queue of a unix socket is a refusal, not a connection under way
        except OSError as error:
            self._report(f"{door.target}: a client was turned away, for the server is not there ({error.strerror})")
            client.close()
            server.close()
            return
        door.connection = _Connection(door, client, server)
        self._selector.unregister(door.listener)
        for end in (client, server):
            self._selector.register(end, selectors.EVENT_READ, door.connection)

    def _serve(self, connection: _Connection, end: object, mask: int) -> None:
        assert isinstance(end, socket.socket)
        feeds, drains = connection.lanes_of(end)
        if mask & selectors.EVENT_READ and not feeds.ended and feeds.size < BACKLOG:
            self._take(connection, feeds)
        feeds.send()
        drains.send()
        if connection.replies.ended and not connection.replies.waiting:
            self._drain(connection, connection.requests)
            self._end(connection, connection.first_closer or "server")
        else:
            self._watch(connection)

    def _take(self, connection: _Connection, lane: Lane) -> bool:
        """Read once, write down, and queue for the other side; tell whether there was anything."""
        try:
            pieces = receive(lane.source)
        except BlockingIOError:
            return False
        except OSError:
            pieces = []
        for data, descriptors in pieces:
            self._write(connection, lane, lane.framer.feed(data))
            lane.add(data, descriptors)
        if not pieces:
            lane.ended = True
            self._write(connection, lane, lane.framer.finish())
            if connection.first_closer is None:
                connection.first_closer = "client" if lane is connection.requests else "server"
        return True

    def _drain(self, connection: _Connection, lane: Lane) -> None:
        """Take in what has already arrived; no more than `BACKLOG`, should it go on arriving."""
        for _ in range(BACKLOG // PIECE):
            if lane.ended or not self._take(connection, lane):
                break

    def _watch(self, connection: _Connection) -> None:
        for end in (connection.requests.source, connection.replies.source):
            feeds, drains = connection.lanes_of(end)
            wanted = 0
            if not feeds.ended and feeds.size < BACKLOG:
                wanted |= selectors.EVENT_READ
            if drains.waiting:
                wanted |= selectors.EVENT_WRITE
            registered = end in self._selector.get_map()
            if wanted and registered:
                self._selector.modify(end, wanted, connection)
            elif wanted:
                self._selector.register(end, wanted, connection)
            elif registered:
                self._selector.unregister(end)

    def _end(self, connection: _Connection, by: Closer) -> None:
        for lane in connection.lanes:
            self._write(connection, lane, lane.framer.finish())
        origin = connection.door.origin
        self._writer.end(origin.vm, origin.monitor, by=by, t=time.time())
        self._hang_up(connection)
        if not self._stopping:
            self._selector.register(connection.door.listener, selectors.EVENT_READ, connection.door)

    def _hang_up(self, connection: _Connection) -> None:
        connection.door.connection = None
        for lane in connection.lanes:
            lane.discard()
            if lane.source in self._selector.get_map():
                self._selector.unregister(lane.source)
            lane.source.close()

    # -- the trace --

    def _write(self, connection: _Connection, lane: Lane, texts: list[bytes]) -> None:
        origin = connection.door.origin
        now = time.time()
        for text in texts:
            self._writer.message(origin.vm, lane.direction, text, now, origin.monitor)

    def _write_exits(self) -> None:
        talking = {door.origin.vm for door in self._doors.values() if door.connection is not None}
        for vm in [vm for vm in self._exits if vm not in talking or self._stopping]:
            self._writer.end(vm, exit_status=self._exits.pop(vm), t=time.time())


def _origins(targets: Mapping[str, str]) -> dict[str, Origin]:
    """Tell VM and monitor of each target; a monitor without a name gets one where its VM has more than one."""
    pairs = {target: target.partition("/")[::2] for target in targets}
    vms = [vm for vm, _ in pairs.values()]
    if "" in vms:
        raise RecordError(repr(next(t for t, (vm, _) in pairs.items() if not vm)), "the VM has no name", "VM=ADDRESS")
    return {
        target: Origin(vm, monitor or (MAIN_MONITOR if vms.count(vm) > 1 else None))
        for target, (vm, monitor) in pairs.items()
    }


def _listen(target: str, path: str) -> socket.socket:
    """Listen on a path that only its owner can connect to, even for a moment."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_stale(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o600)  # before listen: until then nobody gets in
        listener.listen()
    except OSError as error:
        listener.close()
        raise RecordError(target, f"cannot listen on {path} ({error.strerror or error})", "a free path") from None
    listener.setblocking(False)
    return listener


def _is_stale(path: str) -> bool:
    """Tell whether the path is a socket that nobody listens on, without connecting to anybody."""
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED  # a listener is of another type: EPROTOTYPE


def main_loop(
    targets: Mapping[str, str],
    output: str | os.PathLike[str],
    header: Header | None = None,
    *,
    listen: Mapping[str, str] | None = None,
) -> int:
    """Record until SIGINT or SIGTERM and return the exit status 0; say on standard error where to connect.

    Raises `RecordError` and `TraceError` as `Recorder` does.
    """

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    recorder = Recorder(targets, output, header, listen=listen, report=say)

    def stop(number: int, frame: FrameType | None) -> None:
        recorder.stop()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for target, path in recorder.addresses.items():
            say(f"{target}: listening on unix:{path}")
        recorder.run()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0
