"""Clients for the tests of serving: qemu.qmp's own with its events kept, and one of bare bytes."""

import array
import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from qemu.qmp import QMPClient

from migspec.reference_impl.library import ServedVm

PATIENCE = 20.0  # seconds; no test needs more than a few
T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test in a loop of its own."""

    async def limited() -> T:
        async with asyncio.timeout(PATIENCE):
            return await main

    return asyncio.run(limited())


class Watched:
    """A QMP client that keeps the events that it is told."""

    def __init__(self, client: QMPClient) -> None:
        self.client = client
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for event in self.client.events:
            data = event.get("data", {})
            assert isinstance(data, dict)
            self.events.append((str(event["event"]), data))
            self._news.set()

    async def ask(self, command: str, **arguments: object) -> Any:
        """Execute a command; an underscore in the name of an argument stands for a hyphen."""
        return await self.client.execute(command, {name.replace("_", "-"): value for name, value in arguments.items()})

    async def on(self, *capabilities: str) -> None:
        """Switch capabilities on."""
        wanted = [{"capability": capability, "state": True} for capability in capabilities]
        await self.ask("migrate-set-capabilities", capabilities=wanted)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for events until something holds."""
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def sees(self, status: str) -> None:
        """Wait for the event that tells of a status; those before it are forgotten."""
        await self.until(lambda: status in self.statuses)
        del self.events[: [data.get("status") for _, data in self.events].index(status) + 1]

    async def hears(self, name: str) -> None:
        """Wait for an event of that name."""
        await self.until(lambda: name in [event for event, _ in self.events])

    @property
    def statuses(self) -> list[str]:
        """The statuses that events told of."""
        return [data["status"] for name, data in self.events if name == "MIGRATION"]


@contextlib.asynccontextmanager
async def watched(vm: ServedVm) -> AsyncIterator[Watched]:
    """A client of a machine's monitor, with the capability `events` on."""
    client = QMPClient()
    host, _, port = vm.qmp.removeprefix("tcp:").rpartition(":")
    await client.connect(vm.socket_path or (host, int(port)))
    seen = Watched(client)
    await seen.on("events")
    try:
        yield seen
    finally:
        seen._task.cancel()
        with contextlib.suppress(EOFError, ConnectionError):
            await client.disconnect()


class Bare:
    """A client that sends bytes and reads lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> Any:
        """The next message, None at the end."""
        line = await self.reader.readline()
        return json.loads(line) if line else None

    async def ask(self, command: str, **arguments: object) -> Any:
        """Execute a command; its reply, events before it passed over."""
        self.writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        return await self.reply()

    async def reply(self) -> Any:
        """The next message that is no event."""
        while True:
            message = await self.line()
            if message is None or "event" not in message:
                return message


@contextlib.asynccontextmanager
async def connected(path: str, *, negotiated: bool = False) -> AsyncIterator[socket.socket]:
    """A socket that is connected to a monitor, and not read from once it has negotiated, if it is to."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, path)
        if negotiated:
            await loop.sock_recv(sock, 4096)
            await loop.sock_sendall(sock, b'{"execute": "qmp_capabilities"}')
            await loop.sock_recv(sock, 4096)
        yield sock


@contextlib.asynccontextmanager
async def bare(vm: ServedVm, *, negotiated: bool = True) -> AsyncIterator[Bare]:
    """A bare client, greeted."""
    reader, writer = await asyncio.open_unix_connection(vm.socket_path, limit=1 << 22)
    client = Bare(reader, writer)
    try:
        assert "QMP" in await client.line()
        if negotiated:
            assert await client.ask("qmp_capabilities") == {"return": {}}
        yield client
    finally:
        writer.close()


class Sending:
    """A client that sends file descriptors with its requests."""

    def __init__(self, sock: socket.socket, client: Bare) -> None:
        self._sock = sock
        self._client = client

    async def send(self, request: bytes, descriptors: tuple[int, ...] = ()) -> Any:
        """Send a request with descriptors; its reply."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._sock.sendmsg([request + b"\n"], rights)
        return await self._client.reply()


@contextlib.asynccontextmanager
async def sending(path: str, *, negotiated: bool = True) -> AsyncIterator[Sending]:
    """A client that sends file descriptors, greeted."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, path)
        reader, writer = await asyncio.open_unix_connection(sock=sock)
        await reader.readline()
        client = Sending(sock, Bare(reader, writer))
        if negotiated:
            assert await client.send(b'{"execute": "qmp_capabilities"}') == {"return": {}}
        yield client
        writer.close()


async def send_descriptors(path: str, requests: list[tuple[bytes, tuple[int, ...]]]) -> list[Any]:
    """Send requests, each with file descriptors, on a connection of their own; their replies."""
    async with sending(path, negotiated=False) as client:
        return [await client.send(*request) for request in requests]
