"""`migspec record`: stand between QMP clients and their VMs, and write down what crosses."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from migspec.cli.command import Command, Exit
from migspec.traces.record import Address, RecordError, main_loop


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--qmp", action="append", required=True, metavar="NAME=ADDRESS", help="a monitor to record")
    add("-o", "--output", required=True, metavar="FILE", help="the trace; what is there is overwritten")
    add(
        "--listen",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="where clients of that monitor connect to; unix:PATH is understood too",
    )


def _run(chosen: argparse.Namespace) -> Exit:
    complain: Callable[[str], NoReturn] = chosen.usage_error
    targets = _named(chosen.qmp, "--qmp", "NAME=ADDRESS", complain)
    listen = _named(chosen.listen, "--listen", "NAME=PATH", complain)
    for name, address in targets.items():
        try:
            Address.parse(address)
        except RecordError as error:
            complain(f"--qmp {name}={address}: {error.problem}, expected {error.expected}")
    for name in listen:
        if name not in targets:
            complain(f"--listen {name}: there is no --qmp of that name")
    main_loop(targets, chosen.output, listen={name: path.removeprefix("unix:") for name, path in listen.items()})
    return Exit.CONFORMS


def _named(settings: Sequence[str], option: str, form: str, complain: Callable[[str], NoReturn]) -> dict[str, str]:
    """What an option that may be repeated gives to each name."""
    values: dict[str, str] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if not name.partition("/")[0] or not value:
            complain(f"{option} {setting}: expected {form}")
        if name in values:
            complain(f"{option} {setting}: {name} is there twice")
        values[name] = value
    return values


COMMAND = Command(
    "record",
    description="Stand between QMP clients and their VMs, and write down what crosses, until Ctrl-C.",
    add_arguments=_add_arguments,
    run=_run,
    epilog="NAME is a VM's, or VM/MONITOR where it has several. ADDRESS is unix:PATH or tcp:HOST:PORT.",
    errors=(RecordError,),
)
"""Records QMP monitors."""
