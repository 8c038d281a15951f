"""Links between processes that can be cut: a relay between the address that a source dials and the one that a
destination listens on.

The relay listens only while somebody listens behind it, so that a source is refused where it would be without it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PIECE: Final = 1 << 16
_BACKLOG: Final = 1 << 20
"""Bytes that may wait for one end before the other is no longer read from."""


def is_listened_on(path: str) -> bool:
    """Whether somebody has made a unix socket and not left it, without connecting to it; soon they will listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) == errno.EPROTOTYPE  # there is one, of another type


@dataclass(slots=True, eq=False)
class _End:
    """One end of a connection, and the bytes that wait to be sent to it."""

    socket: socket.socket
    waiting: bytearray = field(default_factory=bytearray)
    peer: _End | None = None
    ended: bool = False
    """Nothing more will be put into `waiting`."""


@dataclass(slots=True)
class _Door:
    """Where a source comes in: its listener, None while nobody listens behind, and what came through it."""

    front: str
    back: str
    listener: socket.socket | None = None
    ends: set[_End] = field(default_factory=set)


class Links:
    """Relays between pairs of paths, in a thread of their own until `close`."""

    def __init__(self) -> None:
        self._doors: dict[str, _Door] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._bell, self._alarm = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="migspec-links", daemon=True)
        self._thread.start()

    def open(self, name: str, front: str, back: str) -> None:
        """Have a link lead from one path to another, if somebody listens there, and nowhere otherwise."""
        with self._lock:
            door = self._doors.setdefault(name, _Door(front, back))
            self._shut(door)
            if is_listened_on(back):
                Path(front).unlink(missing_ok=True)
                door.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                door.listener.bind(front)
                os.chmod(front, 0o600)
                door.listener.listen()
                door.listener.setblocking(False)
                self._selector.register(door.listener, selectors.EVENT_READ, door)
        self._ring()

    def cut(self, name: str) -> None:
        """Lose every connection on a link."""
        with self._lock:
            door = self._doors.get(name)
            for end in tuple(door.ends) if door is not None else ():
                self._drop(end)
        self._ring()

    def close(self) -> None:
        """End all of it."""
        self._closing = True
        self._ring()
        self._thread.join()
        with self._lock:
            for door in self._doors.values():
                self._shut(door)
                for end in tuple(door.ends):
                    self._drop(end)
            self._selector.close()
            self._bell.close()
            self._alarm.close()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._alarm.send(b"\0")

    def _shut(self, door: _Door) -> None:
        if door.listener is not None:
            self._selector.unregister(door.listener)
            door.listener.close()
            door.listener = None
            Path(door.front).unlink(missing_ok=True)

    # --- the thread

    def _serve(self) -> None:
        while not self._closing:
            for key, mask in self._selector.select():
                with self._lock:
                    if isinstance(key.data, _Door):
                        self._accept(key.data)
                    elif isinstance(key.data, _End):
                        self._move(key.data, mask)
                    else:
                        self._bell.recv(_PIECE)

    def _accept(self, door: _Door) -> None:
        if door.listener is None:
            return
        try:
            client, _ = door.listener.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.settimeout(1.0)
        try:
            server.connect(door.back)
        except OSError:
            client.close()
            server.close()
            return
        ends = _End(client), _End(server)
        ends[0].peer, ends[1].peer = ends[1], ends[0]
        for end in ends:
            end.socket.setblocking(False)
            door.ends.add(end)
            self._selector.register(end.socket, selectors.EVENT_READ, end)

    def _move(self, end: _End, mask: int) -> None:
        """Take from one end what is there, and send on what waits for it."""
        peer = end.peer
        if peer is None or end.socket.fileno() < 0:
            return
        try:
            if mask & selectors.EVENT_READ and not peer.ended and len(peer.waiting) < _BACKLOG:
                self._take(end, peer)
            if end.waiting:
                del end.waiting[: end.socket.send(end.waiting)]
            if end.ended and not end.waiting:
                end.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(end)
            return
        if end.ended and peer.ended and not end.waiting and not peer.waiting:
            self._drop(end)
            return
        self._watch(end)
        self._watch(peer)

    def _take(self, end: _End, peer: _End) -> None:
        data = end.socket.recv(_PIECE)
        peer.waiting += data
        peer.ended = not data
        if peer.ended and not peer.waiting:
            peer.socket.shutdown(socket.SHUT_WR)

    def _watch(self, end: _End) -> None:
        peer = end.peer
        wanted = selectors.EVENT_WRITE if end.waiting else 0
        if peer is not None and not peer.ended and len(peer.waiting) < _BACKLOG:
            wanted |= selectors.EVENT_READ
        known = end.socket in self._selector.get_map()
        if wanted and known:
            self._selector.modify(end.socket, wanted, end)
        elif wanted:
            self._selector.register(end.socket, wanted, end)
        elif known:
            self._selector.unregister(end.socket)

    def _drop(self, end: _End) -> None:
        """Close both ends of a connection."""
        for each in (end, end.peer):
            if each is not None and each.socket.fileno() >= 0:
                if each.socket in self._selector.get_map():
                    self._selector.unregister(each.socket)
                each.socket.close()
        for door in self._doors.values():
            door.ends -= {end, end.peer} if end.peer is not None else {end}
