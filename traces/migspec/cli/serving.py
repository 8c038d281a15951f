"""What `migspec serve` does: options made of words, and a machine that is served until its process would end."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn
from uuid import UUID

from migspec.cli.command import Exit
from migspec.cli.output import complain, write
from migspec.reference_impl.amendments import SHOWN
from migspec.reference_impl.faults import FaultError, Faults, parse
from migspec.reference_impl.faults.words import ACTIONS, KNOWN_DEFECTS, PLAIN_TRIGGERS, PRESETS, TRIGGERS
from migspec.reference_impl.host import Exit as ModelExit
from migspec.reference_impl.options import MIB, Disk, Options
from migspec.reference_impl.physics.workload import WorkloadError
from migspec.reference_impl.physics.workload import parse as parse_workload
from migspec.reference_impl.scheduling import Shuffled
from migspec.reference_impl.serving import Address, AddressError, Permissions, Served, leave, serve_until_end
from migspec.reference_impl.serving.steering import ControlDoor
from migspec.spec import uri

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(us|ms|s)", re.ASCII)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_MOST_CPUS = 255
_LONGEST_DELAY = 60.0
_MOST_MEMORY = 1 << 50
_QEMU_SERVER = frozenset({"server", "server=on", "nowait", "wait=off"})
"""What QEMU's spelling of a monitor's address says of a server that waits for nobody, as every one here."""
_DISK_KEYS = ("node", "size", "bitmaps", "written", "zero")


class OptionError(Exception):
    """A word of the command line is wrong: which option has it, and what would be right."""

    def __init__(self, option: str, word: str, expected: str) -> None:
        super().__init__(f"{option} {word}: expected {expected}")
        self.option = option
        self.word = word
        self.expected = expected


def run(chosen: argparse.Namespace) -> Exit:
    """Serve the machine that the arguments describe; does not return once it has served one."""
    if not chosen.faults and "list" not in chosen.fault:
        return _run_machine(chosen)
    for line in fault_list():
        write(line)
    return Exit.CONFORMS


def _run_machine(chosen: argparse.Namespace) -> NoReturn:
    refuse: Callable[[str], NoReturn] = chosen.usage_error
    try:
        options = options_of(chosen)
        qmp = [_monitor(address) for address in chosen.qmp]
        control = _control(chosen.control)
        for script in chosen.fault:
            parse(script)
    except (OptionError, WorkloadError, FaultError) as error:
        refuse(str(error))
    if not qmp:
        refuse("the following arguments are required: --qmp")
    try:
        how = asyncio.run(_serve(options, qmp, chosen, control))
    except (AddressError, FaultError) as error:
        refuse(str(error))
    leave(how)


async def _serve(options: Options, qmp: Sequence[str], chosen: argparse.Namespace, control: str) -> ModelExit:
    doors: list[ControlDoor] = []

    def listening(served: Served, addresses: tuple[str, ...]) -> None:
        faults = Faults(served.machine)
        for script in chosen.fault:
            faults.add(script)
        if control:
            doors.append(ControlDoor(served, faults, control))
        for address in addresses:
            _say(f"qmp: listening on {address}")
        for door in doors:
            _say(f"control: listening on {door.address}")
        served.poke()

    descriptor = options.incoming.removeprefix("fd:")
    inherited = frozenset({int(descriptor)} if options.incoming.startswith("fd:") and descriptor.isdecimal() else ())
    rare = None if chosen.shuffle is None else _share("--shuffle", chosen.shuffle)
    scheduler = None if rare is None else Shuffled(options.seed, rare=rare)
    permissions = Permissions(exec=chosen.allow_exec, inherited=inherited)
    try:
        return await serve_until_end(
            options, qmp, permissions=permissions, scheduler=scheduler, report=complain, listening=listening
        )
    finally:
        for door in doors:
            door.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- options


def options_of(chosen: argparse.Namespace) -> Options:
    """What the machine is started with.

    Raises `OptionError` for a word that is wrong, and `WorkloadError` for a workload that is none.
    """
    memory = _size("--memory", chosen.memory.removeprefix("size="), unit=MIB)
    shared = _size("--shared", chosen.shared)
    if not MIB <= memory <= _MOST_MEMORY:
        raise OptionError("--memory", chosen.memory, "1 MiB of RAM at least, and 1024 TiB at most")
    if shared > memory:
        raise OptionError("--shared", chosen.shared, "no more than --memory")
    if chosen.profile not in SHOWN:
        raise OptionError("--profile", chosen.profile, " or ".join(SHOWN))
    bandwidth = _size("--bandwidth", chosen.bandwidth)
    if not bandwidth:
        raise OptionError("--bandwidth", chosen.bandwidth, "one byte a second at least")
    parse_workload(chosen.workload)
    disks = tuple(_disk(text) for text in chosen.disk)
    nodes = [disk.node for disk in disks]
    for text, node in zip(chosen.disk, nodes, strict=True):
        if nodes.count(node) > 1:
            raise OptionError("--disk", text, "each node once")
    return Options(
        incoming=_incoming(chosen.incoming),
        stopped=chosen.stopped,
        memory=memory,
        vcpus=_number("--smp", chosen.smp.removeprefix("cpus="), 1, _MOST_CPUS),
        profile=chosen.profile,
        name=chosen.name.removeprefix("guest=").partition(",")[0],
        uuid=_uuid(chosen.uuid) if chosen.uuid else Options().uuid,
        workload=chosen.workload,
        bandwidth=bandwidth,
        latency=_time("--latency", chosen.latency),
        loss=_share("--loss", chosen.loss),
        disks=disks,
        shared=shared,
        failover=chosen.failover,
        spice=chosen.spice,
        seed=_number("--seed", chosen.seed, 0, (1 << 63) - 1),
    )


def _size(option: str, text: str, *, unit: int = 1) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise OptionError(option, text, "a size, such as 256M")
    suffix = match[2].upper()
    return int(float(match[1]) * (1 << _POWERS[suffix] if suffix else unit))


def _time(option: str, text: str) -> float:
    match = _TIME.fullmatch(text)
    seconds = float(match[1]) * _UNITS[match[2]] if match is not None else None
    if seconds is None or seconds > _LONGEST_DELAY:
        raise OptionError(option, text, "a time of a minute at most, such as 0.2ms")
    return seconds


def _number(option: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
        raise OptionError(option, text, f"a number from {least} to {most}")
    return int(text)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise OptionError("--uuid", text, "a UUID, such as 12345678-9abc-def0-1234-56789abcdef0") from None


def _incoming(text: str) -> str:
    if text in ("", "defer"):
        return text
    verdict = uri.incoming(text, deferred=False)
    if not verdict.may_pass:
        raise OptionError("--incoming", text, f"defer or an address ({verdict.refusals[0].text})")
    return text


def _monitor(text: str) -> str:
    address, *rest = text.split(",")
    if any(word not in _QEMU_SERVER for word in rest):
        raise OptionError("--qmp", text, "an address, followed by nothing or by ,server=on,wait=off")
    _check("--qmp", text, address)
    return address


def _control(text: str) -> str:
    scheme, _, path = text.partition(":")
    if text and (scheme != "unix" or not path):
        raise OptionError("--control", text, "unix:PATH")
    return text


def _check(option: str, text: str, address: str) -> None:
    try:
        Address.parse(address)
    except AddressError as error:
        raise OptionError(option, text, error.expected) from None


def _disk(text: str) -> Disk:
    given: dict[str, str] = {}
    for setting in text.split(","):
        key, equals, value = setting.partition("=")
        if key not in _DISK_KEYS or not equals or not value or key in given:
            raise OptionError("--disk", text, f"each of {', '.join(_DISK_KEYS)} once at most, as in node=NAME,size=1G")
        given[key] = value
    if "node" not in given or "size" not in given:
        raise OptionError("--disk", text, "a node and a size, as in node=NAME,size=1G")
    return Disk(
        node=given["node"],
        size=_size("--disk size", given["size"]),
        bitmaps=tuple(given["bitmaps"].split("+")) if "bitmaps" in given else (),
        written=_size("--disk written", given["written"]) if "written" in given else 0,
        zero=_share("--disk zero", given.get("zero", "0")),
    )


def _share(option: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise OptionError(option, text, "a share from 0 to 1")
    return share


# --- the list of faults


def fault_list() -> Iterator[str]:
    """What can go wrong, a line a word."""
    yield "A fault is WHEN:ACTION, or an ACTION alone, which happens at once; several are joined with semicolons."
    yield "WHEN#2 is the second time, WHEN#every each time."
    yield from _section("When:", ((TRIGGERS[name].shape, TRIGGERS[name].sentence) for name in PLAIN_TRIGGERS))
    yield "  Any other variable of the state is a trigger, too; the control socket shows them all."
    yield from _section("What:", ((form.shape, form.sentence) for form in ACTIONS.values()))
    yield from _section(
        "Ready-made:", ((name, f"{preset.sentence} ({preset.script})") for name, preset in PRESETS.items())
    )
    yield from _section(
        "Known defects of QEMU 5.2, as actions:", ((name, rule.sentence) for name, rule in KNOWN_DEFECTS.items())
    )


def _section(title: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield ""
    yield title
    rows = tuple(entries)
    width = max(len(word) for word, _ in rows)
    for word, sentence in rows:
        yield f"  {word:<{width}}  {sentence}"
