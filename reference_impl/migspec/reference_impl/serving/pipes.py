"""The file descriptors under a migration channel: a socket, a pipe, or the two ends of a command.

QEMU's names for what happens to them are kept apart where they differ: a socket that ends is lost for both directions,
while the end of a command's output says nothing about its input.
"""

import contextlib
import fcntl
import os
import socket
import stat
import subprocess
from typing import Final, Self

_READ_ONLY: Final = os.O_RDONLY
_WRITE_ONLY: Final = os.O_WRONLY


class Ends:
    """What a channel reads from and writes to, either of which may be missing; both are not to block."""

    def __init__(self, reads: int | None, writes: int | None) -> None:
        self.reads = reads
        self.writes = writes

    @property
    def is_socket(self) -> bool:
        """Whether one descriptor serves both directions."""
        return self.reads is not None and self.reads == self.writes

    def finish(self) -> None:
        """Let the other end see that no more will be written."""

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in {self.reads, self.writes} - {None}:
            assert descriptor is not None
            os.close(descriptor)
        self.reads = self.writes = None


class SocketEnds(Ends):
    """A connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        super().__init__(sock.fileno(), sock.fileno())

    def finish(self) -> None:
        """Shut the direction of writing."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.reads = self.writes = None
        self._sock.close()


class PipeEnds(Ends):
    """A descriptor that somebody handed over and that is no socket: each direction that it was opened for."""

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Take over a descriptor."""
        os.set_blocking(descriptor, False)
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        reads = None if mode == _WRITE_ONLY else descriptor
        return cls(reads, None if mode == _READ_ONLY else os.dup(descriptor) if reads is not None else descriptor)


class CommandEnds(PipeEnds):
    """The standard input and output of a shell command; its error output is ours."""

    def __init__(self, line: str) -> None:
        self._process = subprocess.Popen(("/bin/sh", "-c", line), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pipes = []
        for pipe in (self._process.stdout, self._process.stdin):
            assert pipe is not None
            pipes.append(os.dup(pipe.fileno()))
            os.set_blocking(pipes[-1], False)
            pipe.close()
        super().__init__(*pipes)

    @property
    def has_ended(self) -> bool:
        """Whether the command has ended."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the command if it runs."""
        self._process.kill()
        self._process.wait()


def open_descriptor(descriptor: int) -> Ends | None:
    """The ends of a descriptor, None if there is none; it is duplicated, so that whoever has it may close it."""
    try:
        kind = os.fstat(descriptor).st_mode
        mine = os.dup(descriptor)
    except OSError:
        return None
    if stat.S_ISSOCK(kind):
        return SocketEnds(socket.socket(fileno=mine))
    return PipeEnds.of(mine)
