"""Migrations between two served machines over real connections, driven by qemu.qmp's client."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.reference_impl.serving.clients import Watched, bare, run, send_descriptors, sending, watched

from migspec.reference_impl.host import Exit
from migspec.reference_impl.library import DESTINATION, ServedVm, pair, serve
from migspec.reference_impl.options import MIB, Options
from migspec.reference_impl.serving import Permissions

SMALL = Options(memory=32 * MIB)
WAITING = Options(memory=32 * MIB, incoming="defer")
# a workload and a bandwidth with which precopy does not end by itself
BUSY = Options(memory=512 * MIB, bandwidth=16 * MIB, workload="uniform:1G")
BUSY_DESTINATION = Options(memory=512 * MIB, bandwidth=16 * MIB, incoming="defer")
Both = tuple[ServedVm, Watched, ServedVm, Watched]


@contextlib.asynccontextmanager
async def two(
    source: Options = SMALL, destination: Options = WAITING, permissions: Permissions | None = None
) -> AsyncIterator[Both]:
    async with (
        pair(source, destination, permissions=permissions) as (src, dst),
        watched(src) as src_client,
        watched(dst) as dst_client,
    ):
        yield src, src_client, dst, dst_client


@pytest.mark.parametrize(
    "uri", ["unix:{folder}/m", "tcp:unix:{folder}/m", "tcp:127.0.0.1:0", "tcp::0", "tcp:localhost:0"]
)
def test_precopy_over(uri: str) -> None:
    async def main() -> None:
        async with two() as (_, source, dst, destination):
            await destination.ask("migrate-incoming", uri=uri.format(folder=dst.folder))
            there = dst.served.listens_on[0]
            await source.ask("migrate", uri=there)
            await source.sees("completed")
            await destination.sees("completed")
            assert (await source.ask("query-migrate"))["status"] == "completed"
            assert (await destination.ask("query-status"))["status"] == "running"
            assert dst.served.listens_on == ()
            if there.startswith("unix:"):
                assert not Path(there.removeprefix("unix:")).exists()

    run(main())


def test_the_real_ports_are_told() -> None:
    async def main() -> None:
        async with serve(DESTINATION) as vm, watched(vm) as client:
            await client.ask("migrate-incoming", uri="tcp:127.0.0.1:0")
            (told,) = (await client.ask("query-migrate"))["socket-address"]
            assert f"tcp:{told['host']}:{told['port']}" == vm.served.listens_on[0]
            assert told["port"] != "0"

    run(main())


async def into_postcopy(source: Watched, destination: Watched, uri: str) -> None:
    for client in (source, destination):
        await client.on("postcopy-ram")
    await destination.ask("migrate-incoming", uri=uri)
    await source.ask("migrate", uri=uri)
    await source.sees("active")
    await source.ask("migrate-start-postcopy")
    await source.sees("postcopy-active")
    await destination.sees("postcopy-active")


def test_postcopy_that_loses_its_link_and_recovers() -> None:
    async def main() -> None:
        async with two(BUSY, BUSY_DESTINATION) as (src, source, dst, destination):
            await into_postcopy(source, destination, dst.migration_uri)
            src.cut()
            await source.sees("postcopy-paused")
            await destination.sees("postcopy-paused")
            await destination.ask("migrate-recover", uri=dst.migration_uri)
            await source.ask("migrate", uri=dst.migration_uri, resume=True)
            for client in (source, destination):
                await client.sees("postcopy-recover")
                await client.sees("postcopy-active")
            await source.ask("migrate-set-parameters", max_postcopy_bandwidth=0)
            await source.ask("migrate-pause")
            await source.sees("postcopy-paused")
            await destination.sees("postcopy-paused")

    run(main())


def test_postcopy_completes() -> None:
    async def main() -> None:
        options = Options(memory=64 * MIB, bandwidth=128 * MIB, workload="uniform:1G")
        async with two(options, Options(memory=64 * MIB, incoming="defer")) as (_, source, dst, destination):
            await into_postcopy(source, destination, dst.migration_uri)
            await source.sees("completed")
            await destination.sees("completed")

    run(main())


def test_a_cancelled_migration_ends_the_destination() -> None:
    async def main() -> None:
        async with two(BUSY, BUSY_DESTINATION) as (_, source, dst, destination):
            await destination.ask("migrate-incoming", uri=dst.migration_uri)
            await source.ask("migrate", uri=dst.migration_uri)
            await source.sees("active")
            await source.ask("migrate_cancel")
            await source.sees("cancelled")
            await destination.sees("failed")
            assert await dst.wait() is Exit.FAILED

    run(main())


def test_a_killed_destination_fails_the_source() -> None:
    async def main() -> None:
        async with two(BUSY, BUSY_DESTINATION) as (_, source, dst, destination):
            await destination.ask("migrate-incoming", uri=dst.migration_uri)
            await source.ask("migrate", uri=dst.migration_uri)
            await source.sees("active")
            dst.kill()
            await source.sees("failed")
            assert (await source.ask("query-status"))["status"] == "running"

    run(main())


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"[" * 100_000])
def test_whoever_connects_makes_a_destination_fail(said: bytes) -> None:
    async def main() -> None:
        async with serve(WAITING) as vm, watched(vm) as client:
            await client.ask("migrate-incoming", uri=vm.migration_uri)
            _, writer = await asyncio.open_unix_connection(vm.migration_uri.removeprefix("unix:"))
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()
            await client.sees("active")
            await client.sees("failed")
            assert await vm.wait() is Exit.FAILED

    run(main())


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("unix:/no/such", "Failed to connect to '/no/such': No such file or directory"),
        ("unix:/" + "x" * 200, f"UNIX socket path '/{'x' * 200}' is too long"),
        ("tcp:127.0.0.1:1", "Failed to connect to '127.0.0.1:1': Connection refused"),
        ("tcp:127.0.0.1:abc", "address resolution failed for 127.0.0.1:abc: Servname not supported for ai_socktype"),
        ("tcp:127.0.0.1:1,ipv4=off,ipv6=off", "Cannot disable IPv4 and IPv6 at same time"),
        ("vsock:x:1", "Failed to parse cid 'x'"),
        ("exec:cat > /dev/null", "Unable to write to command: Broken pipe"),
        ("exec:\0", "Unable to fork: Invalid argument (a NUL character)"),
        ("unix:\0abstract", "Failed to create Unix socket: Invalid argument (a NUL character)"),
        ("tcp:\0:1", "address resolution failed for \0:1: Name or service not known"),
    ],
)
def test_a_migration_that_cannot_connect_fails_in_qemus_words(uri: str, text: str) -> None:
    async def main() -> None:
        async with serve(SMALL) as vm, watched(vm) as client:
            await client.ask("migrate", uri=uri)
            await client.sees("failed")
            told = await client.ask("query-migrate")
            assert (told["status"], told["error-desc"]) == ("failed", text)

    run(main())


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("unix:/no/such", "Failed to bind socket to /no/such: No such file or directory"),
        ("unix:/" + "x" * 200, f"UNIX socket path '/{'x' * 200}' is too long"),
        ("tcp:198.51.100.1:4444", "Failed to bind socket: Cannot assign requested address"),
        ("tcp:127.0.0.1:abc", "address resolution failed for 127.0.0.1:abc: Servname not supported for ai_socktype"),
        ("tcp:127.0.0.1:{busy}", "Failed to find an available port: Address already in use"),
        ("tcp:127.0.0.1:1,ipv4=off,ipv6=off", "Cannot disable IPv4 and IPv6 at same time"),
        ("exec:\0", "Unable to fork: Invalid argument (a NUL character)"),
        ("unix:\0abstract", "Failed to create Unix socket: Invalid argument (a NUL character)"),
        ("tcp:\0:1", "address resolution failed for \0:1: Name or service not known"),
    ],
)
def test_a_destination_that_cannot_listen_refuses_in_qemus_words(uri: str, text: str) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            async with serve(WAITING) as vm, bare(vm) as client:
                answer = await client.ask("migrate-incoming", uri=uri.format(busy=busy.getsockname()[1]))
                assert answer == {"error": {"class": "GenericError", "desc": text}}
                assert await client.ask("migrate-incoming", uri=vm.migration_uri) == {"return": {}}

    run(main())


def test_the_next_free_port_of_a_range_is_taken() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            async with serve(WAITING) as vm, bare(vm) as client:
                assert "return" in await client.ask("migrate-incoming", uri=f"tcp:127.0.0.1:{port},to={port + 20}")
                assert port < int(vm.served.listens_on[0].rpartition(":")[2]) <= port + 20

    run(main())


def request(command: str, **arguments: object) -> bytes:
    return f'{{"execute": "{command}", "arguments": {str(arguments).replace(chr(39), chr(34))}}}'.encode()


async def completed(vm: ServedVm) -> None:
    """Poll until a migration is completed, by a client that comes when it is under way."""
    async with bare(vm) as client:
        while (await client.ask("query-migrate"))["return"].get("status") != "completed":
            await asyncio.sleep(0.02)


async def over_descriptors(src: ServedVm, dst: ServedVm, ends: tuple[int, int]) -> list[Any]:
    """Hand each machine one end, and migrate over them."""
    replies: list[Any] = []
    for vm, command, end in ((dst, "migrate-incoming", ends[1]), (src, "migrate", ends[0])):
        replies += await send_descriptors(
            vm.socket_path,
            [
                (b'{"execute": "qmp_capabilities"}', ()),
                (request("getfd", fdname="link"), (end,)),
                (request(command, uri="fd:link"), ()),
            ],
        )
    return replies


@pytest.mark.parametrize("kind", ["socket", "pipe"])
def test_a_migration_over_descriptors_that_were_handed_over(kind: str) -> None:
    async def main() -> None:
        async with pair(SMALL, WAITING) as (src, dst):
            if kind == "socket":
                left, right = socket.socketpair()
                ends = left.detach(), right.detach()
            else:
                right_end, left_end = os.pipe()
                ends = left_end, right_end
            assert await over_descriptors(src, dst, ends) == [{"return": {}}] * 6
            for end in ends:
                os.close(end)
            for vm in (src, dst):
                await completed(vm)
            assert src.machine.descriptors == {}

    run(main())


def test_a_migration_into_a_file_and_out_of_it() -> None:
    async def main() -> None:
        async with pair(SMALL, WAITING) as (src, dst):
            path = Path(dst.folder, "saved")
            out, back = os.O_WRONLY | os.O_CREAT, os.O_RDONLY
            for vm, command, flags in ((src, "migrate", out), (dst, "migrate-incoming", back)):
                end = os.open(path, flags, 0o600)
                await send_descriptors(
                    vm.socket_path,
                    [
                        (b'{"execute": "qmp_capabilities"}', ()),
                        (request("getfd", fdname="file"), (end,)),
                        (request(command, uri="fd:file"), ()),
                    ],
                )
                os.close(end)
                await completed(vm)
            assert path.stat().st_size > 0

    run(main())


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_descriptors_that_nobody_uses_are_closed() -> None:
    async def main() -> None:
        async with serve(SMALL) as vm:
            with open(os.devnull, "rb") as file:
                handed = (file.fileno(),)
                before = open_descriptors()
                replies = await send_descriptors(
                    vm.socket_path,
                    [
                        (b'{"execute": "qmp_capabilities"}', ()),
                        (request("getfd", fdname="kept"), handed),
                        (request("getfd", fdname="kept"), handed),
                        (request("getfd", fdname="given-back"), handed),
                        (request("closefd", fdname="given-back"), ()),
                        (b'{"execute": "query-status"}', handed * 3),
                        (request("getfd", fdname="also-kept"), handed),
                        (b'{"execute": "query-status"}', handed * 5),
                    ],
                )
                assert all("return" in reply for reply in replies)
                async with bare(vm, negotiated=False):  # the client before is gone
                    pass
                while vm.machine.descriptors or open_descriptors() - before:
                    await asyncio.sleep(0.01)
        assert open_descriptors() <= before

    run(main())


def test_a_name_of_a_descriptor_belongs_to_one_monitor() -> None:
    async def main() -> None:
        async with serve(SMALL) as vm:
            there = vm.served.listen_for_clients(f"unix:{vm.folder}/other").removeprefix("unix:")
            with open(os.devnull, "rb") as file:
                handed = (file.fileno(),)
                before = open_descriptors()
                async with sending(vm.socket_path) as first, sending(there) as second:
                    assert await first.send(request("getfd", fdname="one"), handed) == {"return": {}}
                    assert await first.send(request("getfd", fdname="both"), handed) == {"return": {}}
                    assert await second.send(request("getfd", fdname="both"), handed) == {"return": {}}
                    for command, name in (("closefd", {"fdname": "one"}), ("migrate", {"uri": "fd:one"})):
                        assert "error" in await second.send(request(command, **name))
                    assert await second.send(request("closefd", fdname="both")) == {"return": {}}
                    assert await first.send(request("closefd", fdname="both")) == {"return": {}}
                    assert {name for _, name in vm.machine.descriptors} == {"one"}
                while vm.machine.descriptors or open_descriptors() - before:
                    await asyncio.sleep(0.01)

    run(main())


def test_many_clients_leave_no_descriptors() -> None:
    async def main() -> None:
        async with serve(SMALL) as vm:
            with open(os.devnull, "rb") as file:
                before = open_descriptors()
                for number in range(50):
                    async with sending(vm.socket_path) as client:
                        await client.send(request("getfd", fdname=f"name-{number}"), (file.fileno(),))
                while vm.machine.descriptors or open_descriptors() - before:
                    await asyncio.sleep(0.01)

    run(main())


async def peer_of(vm: ServedVm, client: Watched) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Let a machine migrate to the test; the test's end of the connection, once the header has come on it."""
    arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
    path = f"{vm.folder}/peer"
    server = await asyncio.start_unix_server(lambda *ends: arrived.set_result(ends), path)
    await client.ask("migrate", uri=f"unix:{path}")
    reader, writer = await arrived
    server.close()
    assert b"header" in await reader.readline()
    return reader, writer


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n", b'{"type":"accepts","pages":0}\n'])
def test_a_source_takes_a_connection_with_garbage_for_lost(said: bytes) -> None:
    async def main() -> None:
        async with serve(BUSY) as vm, watched(vm) as client:
            reader, writer = await peer_of(vm, client)
            await client.sees("active")
            writer.write(said)
            await client.sees("failed")
            assert await reader.read() == b""
            writer.close()

    run(main())


def test_what_a_command_prints_is_no_concern_of_the_stream(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(SMALL, permissions=Permissions(exec=True)) as vm, watched(vm) as client:
            await client.ask("migrate", uri=f"exec:echo begun; cat > {tmp_path / 'saved'}")
            await client.sees("completed")

    run(main())
    assert (tmp_path / "saved").stat().st_size > 0


def test_after_garbage_the_end_is_still_found() -> None:
    async def main() -> None:
        async with two(BUSY, BUSY_DESTINATION) as (_, source, dst, destination):
            there, here = Path(dst.folder, "there"), dst.migration_uri
            relayed: list[asyncio.StreamWriter] = []

            async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                back, on = await asyncio.open_unix_connection(here.removeprefix("unix:"))
                relayed.extend((writer, on))
                await asyncio.gather(pass_on(reader, on), pass_on(back, writer))

            async with await asyncio.start_unix_server(relay, there):
                for client in (source, destination):
                    await client.on("postcopy-ram")
                await destination.ask("migrate-incoming", uri=here)
                await source.ask("migrate", uri=f"unix:{there}")
                await source.sees("active")
                await source.ask("migrate-start-postcopy")
                await destination.sees("postcopy-active")
                relayed[1].write(b"garbage\n")
                relayed[1].write(b"garbage" * 50_000)
                await relayed[1].drain()
                for writer in relayed:
                    writer.close()
                await destination.sees("postcopy-paused")
                await source.sees("postcopy-paused")

    run(main())


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on whatever comes, until the end of either."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
    writer.close()


def test_a_stranger_cannot_kill_a_destination() -> None:
    async def main() -> None:
        async with serve(WAITING) as vm, watched(vm) as client:
            await client.ask("migrate-incoming", uri=vm.migration_uri)
            _, writer = await asyncio.open_unix_connection(vm.migration_uri.removeprefix("unix:"))
            writer.write(b'{"type":"kill"}\n')
            await client.sees("failed")
            assert await vm.wait() is Exit.FAILED
            writer.close()

    run(main())


def test_a_destination_may_kill_its_source() -> None:
    async def main() -> None:
        async with serve(BUSY) as vm, watched(vm) as client:
            _, writer = await peer_of(vm, client)
            writer.write(b'{"type":"kill"}\n')
            assert await vm.wait() is Exit.KILLED
            writer.close()

    run(main())


def test_a_command_is_run_only_where_that_is_permitted(tmp_path: Path) -> None:
    async def main(permissions: Permissions | None, path: Path) -> None:
        async with two(permissions=permissions) as (_, source, _, destination):
            await source.ask("migrate", uri=f"exec:cat > {path}")
            await source.until(lambda: source.statuses[-1:] in (["failed"], ["completed"]))
            if permissions is None:
                assert source.statuses[-1] == "failed"
                return
            assert source.statuses[-1] == "completed"
            await destination.ask("migrate-incoming", uri=f"exec:cat {path}")
            await destination.sees("completed")

    run(main(None, tmp_path / "refused"))
    assert not (tmp_path / "refused").exists()
    run(main(Permissions(exec=True), tmp_path / "permitted"))
    assert (tmp_path / "permitted").stat().st_size > 0
