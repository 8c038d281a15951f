"""Connecting to a migration's address without waiting for it, with failures in QEMU's words."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Final

from migspec.reference_impl.serving.endpoints import EndpointError, SockAddr, candidates, is_numeric, not_connected
from migspec.spec.uri import Inet, Unix, Vsock

_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK)
_QUEUED: Final = 0.02  # seconds to the next look at a listener whose queue is full


class Dial:
    """One attempt to connect: each address that the target comes to is tried in turn.

    Exactly one of `connected` and `refused` is called, from the event loop, never from within the constructor.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        target: Inet | Vsock | Unix,
        connected: Callable[[socket.socket], None],
        refused: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._target = target
        self._connected = connected
        self._refused = refused
        self._left: list[SockAddr] = []
        self._sock: socket.socket | None = None
        self._over = False
        if isinstance(target, Inet) and not is_numeric(target):
            loop.run_in_executor(None, candidates, target).add_done_callback(self._looked_up)
        else:
            loop.call_soon(self._begin)

    def abandon(self) -> None:
        """Give up, and tell nobody."""
        self._over = True
        if self._sock is not None:
            self._loop.remove_writer(self._sock)
            self._sock.close()
            self._sock = None

    def _looked_up(self, found: "asyncio.Future[list[SockAddr]]") -> None:
        if self._over or found.cancelled():
            return
        error = found.exception()
        if error is None:
            self._left = found.result()
            self._next(None)
        elif isinstance(error, EndpointError):
            self._refuse(error.text)
        else:
            raise error

    def _begin(self) -> None:
        if self._over:
            return
        try:
            self._left = candidates(self._target)
        except EndpointError as error:
            self._refuse(error.text)
        else:
            self._next(None)

    def _next(self, fault: OSError | None) -> None:
        while self._left:
            family, where = self._left.pop(0)
            try:
                sock = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                fault = error
                continue
            sock.setblocking(False)
            number = sock.connect_ex(where)
            if number in _UNDER_WAY and family != socket.AF_UNIX:
                self._sock = sock
                self._loop.add_writer(sock, self._decided)
                return
            if number == 0:
                self._over = True
                self._connected(sock)
                return
            sock.close()
            if number == errno.EAGAIN and family == socket.AF_UNIX:
                # the listener's queue is full, and a connection waits until there is room
                self._left.insert(0, (family, where))
                self._loop.call_later(_QUEUED, self._again)
                return
            fault = OSError(number, os.strerror(number))
        self._refuse(not_connected(self._target, fault or OSError(errno.ENOENT, os.strerror(errno.ENOENT))))

    def _again(self) -> None:
        if not self._over:
            self._next(None)

    def _decided(self) -> None:
        sock = self._sock
        assert sock is not None, "a socket is watched"
        self._loop.remove_writer(sock)
        self._sock = None
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number == 0:
            self._over = True
            self._connected(sock)
        else:
            sock.close()
            self._next(OSError(number, os.strerror(number)))

    def _refuse(self, text: str) -> None:
        self._over = True
        self._refused(text)
