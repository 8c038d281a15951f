"""Arenas for everything that can be explored, each with the lines that make it again in a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from migspec.cli.fuzzing.judging import LineJudge
from migspec.cli.fuzzing.live import LiveSubject
from migspec.cli.fuzzing.processes import Addresses, Launcher, of_qemu, of_words
from migspec.properties.stateful import PROPERTIES, Arena, Observed
from migspec.properties.stateful.subject import Subject
from migspec.spec.composition import Side
from migspec.spec.rows import QEMU_5_2_0

LIVE_PATIENCE: Final = 2.0
"""Seconds that are waited at the end of a run of processes for what must still come."""

VIRTUAL_PATIENCE: Final = 30.0
"""The same of machines in virtual time, where they cost little."""


def commands(
    source: str, destination: str, profile: str | None = None, properties: Sequence[Observed] = PROPERTIES
) -> Arena:
    """Two command lines, as a shell would read them.

    Raises `ValueError` for one that it would not.
    """
    made = f"commands({source!r}, {destination!r}, {profile!r})"
    return _live(of_words(source, destination), made, profile, properties)


def qemu(
    binary: str,
    profile: str | None = None,
    properties: Sequence[Observed] = PROPERTIES,
    environment: Mapping[str, str] | None = None,
) -> Arena:
    """A QEMU, perhaps with options of its own.

    Raises `ValueError` for words that a shell would not read.
    """
    made = f"qemu({binary!r}, {profile!r}" + (f", environment={dict(environment)!r})" if environment else ")")
    return _live(of_qemu(binary, environment), made, profile, properties)


def addresses(
    source: str, destination: str, profile: str | None = None, properties: Sequence[Observed] = PROPERTIES
) -> Arena:
    """Two VMs that are there, by the addresses of their monitors."""
    made = f"addresses({source!r}, {destination!r}, {profile!r})"
    return _live(Addresses(source, destination), made, profile, properties)


def model(
    profile: str | None = None,
    source_faults: Sequence[str] = (),
    destination_faults: Sequence[str] = (),
    properties: Sequence[Observed] = PROPERTIES,
) -> Arena:
    """Two modelled VMs in virtual time, with faults that happen to them.

    Raises `ValueError` for a script that is none.
    """
    # the model is large, and the others do without it
    from migspec.cli.fuzzing.virtual import VirtualSubject
    from migspec.reference_impl.faults import FaultError, parse

    try:
        for script in (*source_faults, *destination_faults):
            parse(script)
    except FaultError as error:
        raise ValueError(str(error)) from None
    faults = {Side.SOURCE: source_faults, Side.DESTINATION: destination_faults}
    subject = partial(VirtualSubject, profile or QEMU_5_2_0, faults)
    made = f"model({profile!r}, {list(source_faults)!r}, {list(destination_faults)!r})"
    return _arena(subject, made, profile, properties, VIRTUAL_PATIENCE)


def _live(launcher: Launcher, made: str, profile: str | None, properties: Sequence[Observed]) -> Arena:
    return _arena(lambda: LiveSubject(launcher), made, profile, properties, LIVE_PATIENCE)


def _arena(
    subject: Callable[[], Subject], made: str, profile: str | None, properties: Sequence[Observed], patience: float
) -> Arena:
    name = made.partition("(")[0]
    prelude = (
        f"from migspec.cli.fuzzing.arenas import {name}\n"
        "from migspec.properties.stateful import machine\n\n"
        f"Pair = machine({made})"
    )
    return Arena(subject, lambda: LineJudge(profile), tuple(properties), patience=patience, prelude=prelude)
