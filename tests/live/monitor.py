"""A QMP client that does one thing at a time and hides nothing, for scenarios that need low-level control."""

import json
import socket
import time
from array import array
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

DEADLINE: Final = 30.0
"""Seconds after which a wait fails: long enough for a busy machine, never a part of what is tested."""

Message = dict[str, Any]


class Monitor:
    """One connection to a QMP server.

    `events` and `replies` hold everything received so far, in order.  A wait that fails raises `TimeoutError`
    with what was seen instead; the end of the stream raises `EOFError`.
    """

    def __init__(self, path: str, *, greet: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.events: list[Message] = []
        """Every event, in the order of arrival."""
        self.replies: list[Message] = []
        """Every reply, in the order of arrival."""
        self.greeting: Message = {}
        """The server's first message."""
        self._buffer = bytearray()
        self._events_seen = 0
        self._number = 0
        if greet:
            self.greeting = self.receive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def negotiate(self, *, oob: bool = False) -> Message:
        """Leave negotiation mode; return the reply."""
        return self.execute("qmp_capabilities", {"enable": ["oob"]} if oob else None)

    def execute(self, command: str, arguments: Mapping[str, Any] | None = None, *, oob: bool = False) -> Message:
        """Send a command and return its reply, whether success or error; events meanwhile are kept."""
        identity = self.send_command(command, arguments, oob=oob)
        return self.wait_reply(identity)

    def send_command(self, command: str, arguments: Mapping[str, Any] | None = None, *, oob: bool = False) -> str:
        """Send a command without waiting; return its id, for `wait_reply`."""
        self._number += 1
        identity = f"m-{self._number}"
        request: Message = {"exec-oob" if oob else "execute": command, "id": identity}
        self.send(request | ({"arguments": dict(arguments)} if arguments is not None else {}))
        return identity

    def send(self, message: object) -> None:
        """Send any JSON value without waiting."""
        self.send_raw(json.dumps(message).encode() + b"\n")

    def send_raw(self, data: bytes) -> None:
        """Send any bytes without waiting."""
        self.socket.settimeout(DEADLINE)
        self.socket.sendall(data)

    def send_fd(self, descriptor: int, name: str) -> Message:
        """Pass a file descriptor with `getfd` and return the reply."""
        self._number += 1
        identity = f"m-{self._number}"
        request = {"execute": "getfd", "arguments": {"fdname": name}, "id": identity}
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))
        self.socket.sendmsg([json.dumps(request).encode()], [rights])
        return self.wait_reply(identity)

    def receive(self, timeout: float = DEADLINE) -> Message:
        """Return the next message of any kind, filing it on the way."""
        deadline = time.monotonic() + timeout
        while (end := self._buffer.find(b"\n")) < 0:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError(f"the monitor closed; events so far: {self.event_names()}")
            self._buffer += data
        message: Message = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        if "event" in message:
            self.events.append(message)
        elif "QMP" not in message:
            self.replies.append(message)
        return message

    def wait_reply(self, identity: object, timeout: float = DEADLINE) -> Message:
        """Return the reply with this id, which may have arrived already."""
        for reply in self.replies:
            if reply.get("id") == identity:
                return reply
        return self._receive_until(lambda message: message.get("id") == identity, f"reply {identity}", timeout)

    def wait_event(self, wanted: str | Callable[[Message], bool], timeout: float = DEADLINE, **data: Any) -> Message:
        """Return the next event with this name, these members of `data` and not returned or passed before."""

        def fits(message: Message) -> bool:
            named = wanted(message) if callable(wanted) else message.get("event") == wanted
            return named and data.items() <= message.get("data", {}).items()

        while self._events_seen < len(self.events):
            self._events_seen += 1
            if fits(self.events[self._events_seen - 1]):
                return self.events[self._events_seen - 1]
        event = self._receive_until(lambda message: "event" in message and fits(message), f"event {wanted}", timeout)
        self._events_seen = len(self.events)
        return event

    def wait_status(self, wanted: str | Iterable[str], timeout: float = DEADLINE) -> Message:
        """Poll query-migrate until its status is (one of) these; return what it then returned."""
        statuses = {wanted} if isinstance(wanted, str) else set(wanted)
        deadline = time.monotonic() + timeout
        while True:
            result: Message = self.execute("query-migrate")["return"]
            if result.get("status") in statuses:
                return result
            if time.monotonic() > deadline:
                raise TimeoutError(f"status {result.get('status')}, not {sorted(statuses)}")
            time.sleep(0.01)

    def wait_closed(self, timeout: float = DEADLINE) -> None:
        """Receive until the server closes the connection."""
        try:
            self._receive_until(lambda message: False, "end", timeout)
        except EOFError:
            return

    def event_names(self) -> list[str]:
        """The events so far, migration events as `MIGRATION:status`."""
        return [":".join([event["event"], *_status(event)]) for event in self.events]

    def _receive_until(self, fits: Callable[[Message], bool], what: str, timeout: float) -> Message:
        deadline = time.monotonic() + timeout
        while True:
            try:
                message = self.receive(max(deadline - time.monotonic(), 0.001))
            except TimeoutError:
                seen = f"events {self.event_names()}, last replies {self.replies[-3:]}"
                raise TimeoutError(f"no {what} in {timeout} s; {seen}") from None
            if fits(message):
                return message


def _status(event: Message) -> list[str]:
    return [event["data"]["status"]] if event["event"] == "MIGRATION" else []
