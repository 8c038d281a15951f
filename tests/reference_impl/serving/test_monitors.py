"""Monitors: real clients, and clients that mean harm beside one that must not notice."""

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.reference_impl.serving.clients import bare, connected, run, watched

from migspec.reference_impl.library import pair, serve
from migspec.reference_impl.options import Options
from migspec.reference_impl.serving import AddressError, monitors

STATUS = b'{"execute": "query-status"}\n'


@pytest.mark.parametrize("address", ["unix:{folder}/qmp", "tcp:127.0.0.1:0", "tcp::0"])
def test_a_real_client_is_served_on(address: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(Options(), address.format(folder=tmp_path)) as vm, watched(vm) as client:
            assert (await client.ask("query-status"))["status"] == "running"
            await client.ask("stop")
            await client.hears("STOP")
            assert (await client.ask("query-status"))["status"] == "paused"
            if vm.socket_path:
                assert stat.S_IMODE(os.stat(vm.socket_path).st_mode) == 0o600
        assert not list(tmp_path.iterdir())

    run(main())


def test_qmp_shell(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve() as vm:
            shell = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("qmp-shell"),
                vm.socket_path,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"HOME": str(tmp_path)},
            )
            said, _ = await shell.communicate(b"query-status\nmigrate uri=bogus\n")
            assert b"Connected to QEMU 5.2.0" in said
            assert b'"status": "running"' in said
            assert b"expects a valid migration protocol" in said

    run(main())


def test_a_second_client_waits_until_the_first_has_gone() -> None:
    async def main() -> None:
        async with serve() as vm, bare(vm) as first, connected(vm.socket_path) as second:
            assert "return" in await first.ask("query-status")
            with pytest.raises(BlockingIOError):
                second.recv(1)
            first.writer.close()
            assert b"QMP" in await asyncio.get_running_loop().sock_recv(second, 4096)

    run(main())


def test_every_monitor_is_told_of_events_and_negotiates_for_itself() -> None:
    async def main() -> None:
        async with serve() as vm:
            vm.served.listen_for_clients(f"unix:{vm.folder}/other")
            other = type(vm)(vm.served, f"unix:{vm.folder}/other", vm.folder)
            async with watched(vm) as first, watched(other) as second:
                await first.ask("stop")
                await first.hears("STOP")
                await second.hears("STOP")

    run(main())


def test_requests_that_come_together_are_answered_in_order() -> None:
    async def main() -> None:
        async with serve() as vm, bare(vm) as client:
            client.writer.write(b"".join(b'{"execute": "query-status", "id": %d}' % number for number in range(300)))
            assert [(await client.line())["id"] for _ in range(300)] == list(range(300))

    run(main())


def test_the_same_address_is_not_served_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(Options(), f"unix:{tmp_path}/qmp") as vm:
            with pytest.raises(AddressError, match="in use"):
                async with serve(Options(), f"unix:{tmp_path}/qmp"):
                    pass
            async with bare(vm):
                pass

    run(main())


# --- clients that mean harm


async def garbage(path: str) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(os.urandom(200_000))
    writer.write(b"\xff{]}" * 1000)
    await asyncio.sleep(0)
    writer.close()


async def half_a_line(path: str) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"execute": "qmp_capabilities"}\n{"execute": "qu')
    await writer.drain()
    writer.close()


async def brackets(path: str) -> None:
    """Send 64 MiB, or as many as are taken in a while."""
    reader, writer = await asyncio.open_unix_connection(path)

    async def read() -> None:
        while await reader.read(1 << 20):
            pass

    reading = asyncio.create_task(read())
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.5):
            for _ in range(1024):
                writer.write(b"[" * (64 << 10))
                await writer.drain()
    reading.cancel()
    writer.transport.abort()


async def gone_in_mid_reply(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        await asyncio.get_running_loop().sock_connect(sock, path)
        for _ in range(20):
            await asyncio.get_running_loop().sock_sendall(
                sock, b'{"execute": "qmp_capabilities"}\n{"execute": "query-qmp-schema"}\n'
            )


async def flood_of_requests(path: str) -> None:
    """Ask and never read, until the server takes no more."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, path)
        data = b'{"execute": "qmp_capabilities"}\n' + b'{"execute": "query-qmp-schema"}\n' * 200_000
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.get_running_loop().sock_sendall(sock, data)


@pytest.mark.parametrize("harm", [garbage, half_a_line, brackets, gone_in_mid_reply, flood_of_requests])
def test_a_client_that_means_harm_harms_nobody_else(harm: Callable[[str], Awaitable[None]]) -> None:
    async def main() -> None:
        async with pair() as (victim, neighbour), bare(neighbour) as calm:
            victim.served.listen_for_clients(f"unix:{victim.folder}/second")
            second = type(victim)(victim.served, f"unix:{victim.folder}/second", victim.folder)
            async with bare(second) as beside:
                evil = asyncio.ensure_future(harm(victim.socket_path))
                while not evil.done():
                    assert "return" in await calm.ask("query-status")
                    assert "return" in await beside.ask("query-status")
                await evil
                async with bare(victim) as next_client:
                    assert "return" in await next_client.ask("query-status")

    run(main())


def test_a_client_that_leaves_events_unread_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "UNREAD", 4 << 10)

    async def main() -> None:
        async with serve() as vm:
            vm.served.listen_for_clients(f"unix:{vm.folder}/second")
            second = type(vm)(vm.served, f"unix:{vm.folder}/second", vm.folder)
            async with bare(second) as busy, connected(vm.socket_path, negotiated=True):
                rounds = 0
                while len(vm.served._clients) == 2:
                    await busy.ask("stop")
                    await busy.ask("cont")
                    rounds += 1
                    assert rounds < 20_000
                assert "return" in await busy.ask("query-status")

    run(main())
