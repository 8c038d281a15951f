"""Where a server listens: addresses of monitors, and unix sockets that are their owner's alone from the start."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
"""The host of a TCP address that names none."""
PRIVATE: Final = 0o600
"""The mode of every unix socket that is made here."""
LONGEST_PATH: Final = 107
"""The most bytes in the path of a unix socket."""

_PORTS: Final = 1 << 16


class AddressError(Exception):
    """An address on which no monitor can be served: the address, what is wrong with it, and what would be right."""

    def __init__(self, address: str, problem: str, expected: str) -> None:
        super().__init__(address, problem, expected)
        self.address = address
        self.problem = problem
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.address}: {self.problem}; expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a monitor: a family of sockets, and a path, or host and port."""

    family: socket.AddressFamily
    where: str | tuple[str, int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``unix:PATH`` or ``tcp:HOST:PORT``; an IPv6 host is in brackets, none is the loopback, port 0 any port.

        Raises `AddressError` for anything else.
        """
        if "\0" in text:
            raise AddressError(text, "there is a NUL character in it", "unix:PATH or tcp:HOST:PORT")
        scheme, _, rest = text.partition(":")
        if scheme == "unix" and rest:
            return cls(socket.AF_UNIX, rest)
        host, _, port = rest.rpartition(":")
        if scheme == "tcp" and port.isascii() and port.isdecimal() and int(port) < _PORTS:
            if host.startswith("[") and host.endswith("]"):
                return cls(socket.AF_INET6, (host[1:-1], int(port)))
            return cls(socket.AF_INET, (host or LOOPBACK, int(port)))
        raise AddressError(text, "this is no address", "unix:PATH or tcp:HOST:PORT")

    def __str__(self) -> str:
        if isinstance(self.where, str):
            return f"unix:{self.where}"
        host, port = self.where
        return f"tcp:[{host}]:{port}" if self.family == socket.AF_INET6 else f"tcp:{host}:{port}"

    def listen(self, backlog: int) -> socket.socket:
        """Listen here, without blocking on it.

        Raises `AddressError` if that cannot be done.
        """
        try:
            if isinstance(self.where, str):
                return listen_on_path(self.where, backlog)
            return listen_on_port(self.family, self.where, backlog)
        except OSError as error:
            problem = f"cannot listen there ({error.strerror or error})"
            raise AddressError(str(self), problem, "a free address") from None

    def real(self, listener: socket.socket) -> "Address":
        """This address with the port that a listener on it really has."""
        return self if isinstance(self.where, str) else Address(self.family, listener.getsockname()[:2])


@contextmanager
def new_socket(family: socket.AddressFamily) -> Iterator[socket.socket]:
    """A stream socket, which is closed again if it does not come to what it is for."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        yield sock
    except BaseException:
        sock.close()
        raise


def listen_with(listener: socket.socket, where: str | tuple[int | str, ...], backlog: int) -> socket.socket:
    """Listen with a socket, without blocking on it.

    Raises `OSError` if that cannot be done.
    """
    listener.bind(where)
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


def listen_on_port(family: socket.AddressFamily, where: tuple[str, int], backlog: int) -> socket.socket:
    """Listen on a TCP port.

    Raises `OSError` if that cannot be done.
    """
    with new_socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return listen_with(listener, where, backlog)


def listen_on_path(path: str, backlog: int) -> socket.socket:
    """Listen on a path that only its owner can connect to; a socket that nobody listens on any more is replaced.

    Raises `OSError` if that cannot be done.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    with new_socket(socket.AF_UNIX) as listener:
        if is_stale(path):
            os.unlink(path)
        os.fchmod(listener.fileno(), PRIVATE)  # the file takes the mode of the socket when it is bound, not later
        return listen_with(listener, path, backlog)


def is_stale(path: str) -> bool:
    """Whether the path is a socket that nobody listens on; found out without connecting to anybody."""
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED  # a listener is of another type: EPROTOTYPE


def identity(path: str) -> tuple[int, int] | None:
    """What tells a socket's file from a later one of the same path; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


class Listener:
    """A listening socket, and the file that goes with it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        name = sock.getsockname() if sock.family == socket.AF_UNIX else ""
        self._path = os.fsdecode(name) if name else ""
        self._identity = identity(self._path) if self._path else None

    @property
    def path(self) -> str:
        """The path of a unix socket, empty for any other."""
        return self._path

    def close(self) -> None:
        """Listen no more, and remove the file unless another has taken its place."""
        self.sock.close()
        if self._path and self._identity is not None and identity(self._path) == self._identity:
            os.unlink(self._path)
        self._path = ""
