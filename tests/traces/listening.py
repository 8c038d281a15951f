"""The server and the client between which a recorder is put; neither waits for ever."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

DEADLINE: Final = 60.0
"""Seconds after which something hangs, on however busy a machine."""


class Server:
    """Listens like a QEMU monitor; the test speaks through the connections it accepts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(DEADLINE)

    def accept(self) -> socket.socket:
        """The connection of the next client."""
        connection, _ = self.listener.accept()
        connection.settimeout(DEADLINE)
        return connection

    def close(self) -> None:
        """Listen no more."""
        self.listener.close()


def connect(path: str) -> socket.socket:
    """A client that has connected to a socket."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(DEADLINE)
    client.connect(path)
    return client
