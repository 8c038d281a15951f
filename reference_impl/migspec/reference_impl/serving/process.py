"""A process that serves one machine: from its addresses to its exit status, which is the one that QEMU's would have."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from migspec.reference_impl.host import Exit
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Scheduler
from migspec.reference_impl.serving.links import Permissions
from migspec.reference_impl.serving.served import Served

_TERMINATING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def serve_until_end(
    options: Options,
    qmp: Sequence[str],
    *,
    permissions: Permissions | None = None,
    scheduler: Scheduler | None = None,
    report: Callable[[str], None],
    listening: Callable[[Served, tuple[str, ...]], None] = lambda _served, _addresses: None,
) -> Exit:
    """Serve a machine with monitors on the addresses `qmp` until it ends; how it has ended.

    SIGINT, SIGTERM and SIGHUP let it end as they do QEMU.  `report` is given what QEMU prints to its standard error,
    `listening` the machine and the real addresses once clients may come.  Raises `AddressError` for an address that
    cannot be served.
    """
    served = Served(options, permissions=permissions, scheduler=scheduler, report=report)
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        served.machine.terminate()
        served.poke()

    try:
        addresses = tuple(served.listen_for_clients(address) for address in qmp)
        for number in _TERMINATING:
            loop.add_signal_handler(number, terminate)
        listening(served, addresses)
        return await served.wait()
    finally:
        for number in _TERMINATING:
            loop.remove_signal_handler(number)
        served.close()


def leave(how: Exit) -> NoReturn:
    """End this process as `how` says: with the exit code, or by the signal, without a core file."""
    sys.stdout.flush()
    sys.stderr.flush()
    if how.value < 0:
        number = signal.Signals(-how.value)
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        if number is not signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(how.value if how.value >= 0 else 128 - how.value)
