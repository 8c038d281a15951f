"""A QMP client that hides nothing: it sends what it is told, and keeps every reply and event in order."""

from __future__ import annotations

import itertools
import json
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from migspec.properties.stateful import Arguments, Event, Reply

GREETING: Final = 20.0
"""Seconds that a greeting may take: the process may have just been started."""

_PIECE: Final = 1 << 16


class Client:
    """A client of the monitor at a unix socket's path, from its greeting on.

    A reply may take `patience` seconds, the greeting longer.  Raises `OSError` where nobody is there, or nobody greets.
    """

    def __init__(self, path: str, patience: float) -> None:
        self.events: list[Event] = []
        """Every event, in order."""
        self.is_open = True
        """Whether the server has not closed the connection."""
        self.is_silent = False
        """Whether it has once kept a reply to itself."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._patience = patience
        self._buffer = bytearray()
        self._replies: dict[int, Reply] = {}
        self._numbers = itertools.count(1)
        self._greeted = False
        try:
            self._socket.settimeout(GREETING)
            self._socket.connect(path)
            self._wait(lambda: self._greeted, GREETING)
            if not self._greeted:
                raise ConnectionError("the server does not greet")
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Leave."""
        self.is_open = False
        self._socket.close()

    def tell(self, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> int | None:
        """Send a command; its id, None where the server has gone."""
        if not self.is_open:
            return None
        number = next(self._numbers)
        request: dict[str, Any] = {"exec-oob" if oob else "execute": command, "id": number}
        text = json.dumps(request if arguments is None else request | {"arguments": arguments})
        try:
            self._socket.settimeout(self._patience)
            self._socket.sendall(text.encode() + b"\n")
        except TimeoutError:
            self.is_silent = True
            return None
        except OSError:
            pass  # it has gone; what it still said can be read
        return number

    def ask(self, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        """Send a command and wait for its reply; None where there is none."""
        if self.is_silent and not oob:
            return None
        number = self.tell(command, arguments, oob=oob)
        if number is None:
            return None
        self._wait(lambda: number in self._replies, self._patience)
        reply = self._replies.pop(number, None)
        self.is_silent |= reply is None and not oob
        return reply

    def _wait(self, holds: Callable[[], bool], patience: float) -> None:
        deadline = time.monotonic() + patience
        while self.is_open and not holds():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            listen((self,), left)

    def fileno(self) -> int:
        """The descriptor of its socket."""
        return self._socket.fileno()

    def receive(self) -> None:
        """Take in what has arrived; something has."""
        try:
            data = self._socket.recv(_PIECE)
        except OSError:
            data = b""
        if not data:
            self.close()
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            text = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._take(text)

    def _take(self, text: bytes) -> None:
        try:
            message: Any = json.loads(text)
        except ValueError:
            return  # the trace has it, and the judge will say so
        match message:
            case {"event": str() as name}:
                data = message.get("data")
                self.events.append(Event(name, data if isinstance(data, dict) else {}))
            case {"error": dict() as error, "id": int() as number}:
                self._replies[number] = Reply(error=str(error.get("desc")), error_class=str(error.get("class")))
            case {"return": value, "id": int() as number}:
                self._replies[number] = Reply(value)
            case {"QMP": _}:
                self._greeted = True


def listen(clients: Iterable[Client], seconds: float) -> bool:
    """Let some clients take in what arrives within so many seconds; whether anything did, which ends it."""
    ready, _, _ = select.select([client for client in clients if client.is_open], [], [], max(seconds, 0.0))
    for client in ready:
        client.receive()
    return bool(ready)
