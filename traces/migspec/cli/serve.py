"""`migspec serve`: a modelled VM as a process of its own, with QMP monitors on sockets.

Here are the options.  What they are made into, and all that serves, is in `migspec.cli.serving`, which is loaded only
when it is wanted: the model is large, and the other commands do without it.
"""

from __future__ import annotations

import argparse
import importlib
import os

from migspec.cli.command import Command, Exit

CONTRACTS = "MIGSPEC_CONTRACTS"
"""The environment variable that switches the contracts of the model, when it is loaded."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--qmp", "-qmp", action="append", default=[], metavar="ADDRESS", help="a monitor; may be given again")
    add("--incoming", "-incoming", default="", metavar="URI", help="wait for a migration there, or `defer`")
    add("--stopped", "-S", action="store_true", help="do not start the guest")
    add("--memory", "-m", default="128M", metavar="SIZE", help="the guest's RAM; a number alone is in MiB")
    add("--smp", "-smp", default="1", metavar="N", help="the guest's CPUs")
    add("--name", "-name", default="", help="the guest's name")
    add("--uuid", "-uuid", default="", help="the machine's UUID")
    add(
        "--disk",
        action="append",
        default=[],
        metavar="node=NAME,size=SIZE[,bitmaps=A+B][,written=RATE][,zero=SHARE]",
        help="a disk, its dirty bitmaps, the bytes a second written to it, and the share of it that is zeroes",
    )
    add("--workload", default="idle", metavar="SPEC", help="what the guest writes, as in zero:0.5+hot:64M:1G")
    add("--bandwidth", default="1250M", metavar="RATE", help="bytes a second of the network")
    add("--latency", default="0.2ms", metavar="TIME", help="delay of the network one way")
    add("--loss", default="0", metavar="SHARE", help="the share of the network's packets that is lost, as in 0.001")
    add("--shared", default="0", metavar="SIZE", help="how much of the RAM lies in shared files")
    add("--failover", action="store_true", help="the guest has a failover pair, with a primary to be unplugged")
    add("--spice", action="store_true", help="there is a SPICE server")
    add("--profile", default="qemu-5.2.0", metavar="PROFILE", help="whose behaviour: qemu-5.2.0, or seed (no defects)")
    add("--seed", default="0", metavar="N", help="decides what is left to chance")
    add("--shuffle", metavar="SHARE", help="let threads take turns in any order, and this share of open races happen")
    add("--fault", action="append", default=[], metavar="SCRIPT", help="what goes wrong; `list` lists it all")
    add("--faults", action="store_true", help="list what can go wrong, and end")
    add("--control", default="", metavar="unix:PATH", help="a socket that takes faults while it runs")
    add("--allow-exec", action="store_true", help="let exec: URIs run their commands")
    add("--contracts", choices=("on", "off"), default="on", help="whether the model's contracts are checked")


def _run(chosen: argparse.Namespace) -> Exit:
    os.environ[CONTRACTS] = chosen.contracts
    code: Exit = importlib.import_module("migspec.cli.serving").run(chosen)
    return code


COMMAND = Command(
    "serve",
    description="Stand in for QEMU: serve a modelled VM over QMP, until it is told to quit, Ctrl-C or SIGTERM.",
    add_arguments=_add_arguments,
    run=_run,
    epilog="ADDRESS is unix:PATH or tcp:HOST:PORT; the host of tcp::PORT is the loopback. Sizes, and rates in bytes a"
    " second, may end in K, M, G or T (of 1024), times in us, ms or s. The options are spelt as QEMU's where it has"
    " them. The process ends as QEMU's would: with 0 when told to, with 1 when its incoming migration fails, by a"
    " signal where it crashes.",
)
"""Serves a modelled VM."""
