"""Served machines for the tests of others: in the event loop of the caller, or in a thread for callers that have none.

```
async with pair() as (source, destination):
    client = QMPClient()
    await client.connect(source.socket_path)

with served_pair() as (source, destination):
    subprocess.run(["qmp-shell", source.socket_path])
```

Sockets lie in a fresh folder that only its owner can enter, and are gone with the machines.
"""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

from migspec.reference_impl.host import Exit
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Scheduler
from migspec.reference_impl.serving import Permissions, Served

PATIENCE: Final = 30.0
"""Seconds that a caller in another thread waits for the thread that serves."""

SOURCE: Final = Options()
"""What the source of a pair is started with unless told otherwise."""
DESTINATION: Final = Options(incoming="defer")
"""What the destination of a pair is started with unless told otherwise: it waits for ``migrate-incoming``."""

T = TypeVar("T")


class ServedVm:
    """A machine that is served: the address of its monitor, and the machine itself."""

    def __init__(self, served: Served, qmp: str, folder: str) -> None:
        self.served = served
        self.qmp = qmp
        """Where its monitor is, as ``unix:PATH`` or ``tcp:HOST:PORT``."""
        self.folder = folder
        """A folder for sockets and files of the test, the same for both machines of a pair; it goes with them."""
        self._loop = asyncio.get_running_loop()

    @property
    def socket_path(self) -> str:
        """The path of its monitor's socket, empty if it is not a unix socket."""
        return self.qmp.removeprefix("unix:") if self.qmp.startswith("unix:") else ""

    @property
    def migration_uri(self) -> str:
        """A URI for the migration of a pair: `migrate-incoming` may listen on it, and `migrate` connect to it."""
        return f"unix:{self.folder}/migration"

    @property
    def machine(self) -> Machine:
        """The machine, to be touched in the thread of its loop alone; see `do`."""
        return self.served.machine

    @property
    def exit(self) -> Exit | None:
        """How its process has ended, None while it has not."""
        return self.machine.exit

    def do(self, what: Callable[[Machine], T]) -> T:
        """Do something to the machine, in the thread that serves it, and let the machine go on.

        Raises what `what` raises, and `TimeoutError` if the thread does not come to it.
        """
        if _running_loop() is self._loop:
            return self._do(what)
        return asyncio.run_coroutine_threadsafe(self._do_soon(what), self._loop).result(PATIENCE)

    async def _do_soon(self, what: Callable[[Machine], T]) -> T:
        return self._do(what)

    def _do(self, what: Callable[[Machine], T]) -> T:
        done = what(self.machine)
        self.served.poke()
        return done

    def cut(self) -> None:
        """Lose every connection of a migration, as if the network failed."""
        self.do(lambda _machine: self.served.cut())

    def kill(self) -> None:
        """Let the process be gone at once, as by SIGKILL."""
        self.do(self._kill)

    def _kill(self, machine: Machine) -> None:
        machine.kill()
        self.served.close()

    async def wait(self) -> Exit:
        """Wait in the loop that serves it until its process has ended; how it ended."""
        return await self.served.wait()

    def wait_for_end(self) -> Exit:
        """Wait in another thread until its process has ended; how it ended.

        Raises `TimeoutError` if it goes on.
        """
        return asyncio.run_coroutine_threadsafe(self.wait(), self._loop).result(PATIENCE)


@contextlib.asynccontextmanager
async def serve(
    options: Options = SOURCE,
    qmp: str | None = None,
    *,
    permissions: Permissions | None = None,
    scheduler: Scheduler | None = None,
    report: Callable[[str], None] = lambda _text: None,
) -> AsyncIterator[ServedVm]:
    """Serve one machine in the running loop, on `qmp` or on a unix socket of its own.

    Raises `AddressError` if `qmp` cannot be listened on.
    """
    with tempfile.TemporaryDirectory(prefix="migspec-") as folder:
        served = Served(options, permissions=permissions, scheduler=scheduler, report=report)
        try:
            address = served.listen_for_clients(qmp or f"unix:{folder}/qmp")
            yield ServedVm(served, address, folder)
        finally:
            served.close()
            await asyncio.sleep(0)  # let go of what was closed


@contextlib.asynccontextmanager
async def pair(
    source: Options = SOURCE,
    destination: Options = DESTINATION,
    *,
    permissions: Permissions | None = None,
) -> AsyncIterator[tuple[ServedVm, ServedVm]]:
    """Serve two machines in the running loop, each with a monitor on a unix socket of its own."""
    with tempfile.TemporaryDirectory(prefix="migspec-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            vms = []
            for name, options in (("source", source), ("destination", destination)):
                address = f"unix:{Path(folder, name)}"
                vm = await stack.enter_async_context(serve(options, address, permissions=permissions))
                vms.append(ServedVm(vm.served, vm.qmp, folder))
            yield vms[0], vms[1]


@contextlib.contextmanager
def served_pair(
    source: Options = SOURCE,
    destination: Options = DESTINATION,
    *,
    permissions: Permissions | None = None,
) -> Iterator[tuple[ServedVm, ServedVm]]:
    """Serve two machines in a thread of their own, for callers without an event loop."""
    up: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, tuple[ServedVm, ServedVm]]] = Future()

    async def main() -> None:
        finished = asyncio.Event()
        try:
            async with pair(source, destination, permissions=permissions) as vms:
                up.set_result((asyncio.get_running_loop(), finished, vms))
                await finished.wait()
        except BaseException as fault:
            if up.done():
                raise
            up.set_exception(fault)

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="migspec-served-pair", daemon=True)
    thread.start()
    loop, finished, vms = up.result(PATIENCE)
    try:
        yield vms
    finally:
        loop.call_soon_threadsafe(finished.set)
        thread.join(PATIENCE)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
