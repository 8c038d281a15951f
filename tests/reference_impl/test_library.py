"""The library: pairs for asynchronous and for synchronous tests, and the fixture."""

import asyncio
import socket
import stat
import threading
from pathlib import Path

import pytest
from tests.reference_impl.serving.clients import bare, run

from migspec.reference_impl.host import Exit
from migspec.reference_impl.library import pair, serve, served_pair
from migspec.reference_impl.options import Options
from migspec.reference_impl.serving import AddressError

pytest_plugins = ["pytester"]


def greeting_of(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        return sock.recv(4096)


def test_a_pair_in_the_callers_loop_leaves_nothing_behind() -> None:
    async def main() -> str:
        async with pair() as (source, destination):
            folder = Path(source.folder)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert {path.name for path in folder.iterdir()} == {"source", "destination"}
            async with bare(source) as client:
                assert (await client.ask("query-status"))["return"]["status"] == "running"
            async with bare(destination) as client:
                assert (await client.ask("query-status"))["return"]["status"] == "inmigrate"
            return source.folder

    assert not Path(run(main())).exists()


def test_a_pair_in_a_thread_serves_whoever_has_no_loop() -> None:
    before = set(threading.enumerate())
    with served_pair() as (source, destination):
        for vm in (source, destination):
            assert b"QMP" in greeting_of(vm.socket_path)
        assert source.do(lambda machine: machine.value("run")) == "running"
        source.do(lambda machine: machine.terminate())
        assert source.wait_for_end() is Exit.QUIT
        destination.kill()
        assert destination.exit is Exit.KILLED
        assert destination.wait_for_end() is Exit.KILLED
        with pytest.raises(OSError, match="No such file"):
            greeting_of(destination.socket_path)
    assert set(threading.enumerate()) <= before
    assert not Path(source.folder).exists()


def test_what_cannot_be_served_is_told_to_the_caller(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(Options(), "unix:/no/such/folder/qmp"):
            pass

    with pytest.raises(AddressError):
        run(main())


def test_a_machine_told_to_quit_says_its_last_words_and_is_gone() -> None:
    async def main() -> None:
        async with serve() as vm, bare(vm) as client:
            client.writer.write(b'{"execute": "quit"}\n')
            assert await client.line() == {"return": {}}
            assert (await client.line())["event"] == "SHUTDOWN"
            assert await client.line() is None
            assert await vm.wait() is Exit.QUIT
            assert not Path(vm.socket_path).exists()
            await asyncio.sleep(0)

    run(main())


def test_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import socket

        def test_pair(migspec_pair):
            for vm in migspec_pair:
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(vm.socket_path)
                    assert b"QMP" in sock.recv(4096)
                    assert vm.qmp == "unix:" + vm.socket_path
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:xdist")
    done.assert_outcomes(passed=1)
