"""`migspec fuzz`: do everything to a pair of VMs, in any order, and see whether they keep to the specification.

Here are the options.  What they are made into is in `migspec.cli.fuzzing`.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from migspec.cli.command import Command, Exit, add_color, add_format, seconds, whole
from migspec.cli.console import speaker
from migspec.cli.fuzzing import arenas, telling
from migspec.cli.fuzzing.campaign import Limits, campaign
from migspec.cli.fuzzing.display import Display
from migspec.cli.output import write
from migspec.cli.serve import CONTRACTS
from migspec.properties.stateful import Arena, SubjectError
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.record import Address, RecordError

_SECONDS: Final = 60.0
_MANY: Final = 10**9
_STEPS: Final = 50
_SEEDS: Final = 1_000_000

_EPILOG = """\
What is explored is one of these:
  --qemu 'BINARY [OPTION...]'                  two processes of a QEMU, with small guests
  --source CMD --destination CMD               two processes of command lines; {qmp} in one stands for the path of its
                                               monitor, without it `-qmp unix:PATH,server=on,wait=off` is added; the
                                               destination gets `-incoming`, too
  --qmp-source ADDR --qmp-destination ADDR     two VMs that are there, which end with the first run that ends them
  --model                                      the model, in virtual time

The same seed does the same again, as far as the VMs do.  A run is judged by the profile of the release that the VMs
name, unless --profile says otherwise.

exit codes:
  0    no violation; known defects of the release are listed, and are none
  1    at least one violation
  2    the command line is wrong
  3    the VMs cannot be started or reached, or what is found cannot be written
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--qemu", metavar="BINARY", help="a QEMU, perhaps with options")
    add("--source", metavar="CMD", help="the command line of the source")
    add("--destination", metavar="CMD", help="the command line of the destination")
    add("--qmp-source", metavar="ADDR", help="the source's monitor: unix:PATH or tcp:HOST:PORT")
    add("--qmp-destination", metavar="ADDR", help="the destination's monitor")
    add("--model", action="store_true", help="the model, in virtual time")
    add("--fault", action="append", default=[], metavar="SCRIPT", help="with --model: what goes wrong with the source")
    add("--seconds", type=seconds, default=_SECONDS, metavar="S", help="begin no run after so long (default: 60)")
    add("--runs", type=whole, default=_MANY, metavar="N", help="make so many runs (default: as many as there is time)")
    add("--steps", type=whole, default=_STEPS, metavar="N", help="steps of a run (default: 50)")
    add("--seed", type=_seed, metavar="N", help="decides the runs; without it, chance does, and it is told")
    add("--profile", choices=PROFILES, help="what to judge by; without it, what the VMs' release asks for")
    add("-o", "--output", type=Path, metavar="DIR", help="a folder for scripts, traces and reports")
    add_format(parser, {"json": "one object"})
    add_color(parser)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return int(text)


def _run(chosen: argparse.Namespace) -> Exit:
    arena = _arena(chosen)
    seed = random.randrange(_SEEDS) if chosen.seed is None else chosen.seed
    limits = Limits(chosen.seconds, chosen.runs, chosen.steps, seed)
    with Display(limits) as shown:
        done = campaign(arena, limits, chosen.output, shown.tell)
    profile = chosen.profile or QEMU_5_2_0
    as_object = chosen.format == "json"
    say = speaker(chosen.color, as_objects=as_object)
    if as_object:
        write(telling.as_json(done, profile))
    else:
        for line in telling.as_text(done, profile):
            say(line)
    return Exit.VIOLATES if done.findings else Exit.CONFORMS


def _arena(chosen: argparse.Namespace) -> Arena:
    """What is to be explored; a wrong choice is a usage error."""
    refuse: Callable[[str], NoReturn] = chosen.usage_error
    pairs = {
        "--source and --destination": (chosen.source, chosen.destination),
        "--qmp-source and --qmp-destination": (chosen.qmp_source, chosen.qmp_destination),
    }
    for names, pair in pairs.items():
        if (pair[0] is None) != (pair[1] is None):
            refuse(f"{names} go together")
    given = [chosen.qemu is not None, chosen.model, *(pair[0] is not None for pair in pairs.values())]
    if sum(given) != 1:
        refuse("one of --qemu, --source, --qmp-source and --model is needed")
    if chosen.fault and not chosen.model:
        refuse("--fault goes with --model; a served VM has a --fault of its own")
    if chosen.model:
        os.environ[CONTRACTS] = "off"
    try:
        return _made(chosen)
    except (ValueError, RecordError) as error:
        refuse(str(error))


def _made(chosen: argparse.Namespace) -> Arena:
    if chosen.model:
        return arenas.model(chosen.profile, chosen.fault)
    if chosen.qemu is not None:
        return arenas.qemu(chosen.qemu, chosen.profile)
    if chosen.source is not None:
        return arenas.commands(chosen.source, chosen.destination, chosen.profile)
    for address in (chosen.qmp_source, chosen.qmp_destination):
        Address.parse(address)
    return arenas.addresses(chosen.qmp_source, chosen.qmp_destination, chosen.profile)


COMMAND = Command(
    "fuzz",
    description="Do everything to a pair of VMs, in any order, and see whether they keep to the specification.",
    add_arguments=_add_arguments,
    run=_run,
    epilog=_EPILOG,
    formatter=argparse.RawDescriptionHelpFormatter,
    errors=(SubjectError,),
)
"""Explores a live implementation."""
