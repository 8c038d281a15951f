"""The properties of the catalogue as `spec/MigrationProperties.tla` has them, and what TLC says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.tla import modules, tlc
from tests.tla.names import action_of

from migspec.properties.catalogue import Property
from migspec.properties.explorer.environment import Environment
from migspec.properties.temporal import Always, AlwaysStep, LeadsTo, Sometimes, SometimesStep
from migspec.spec.composition import Side

TEXT = (modules.SPEC / "MigrationProperties.tla").read_text()

_OF_A_SIDE = re.compile(r"State(Source|Destination)(\w+)")
_REACHED = re.compile(r"reached\.(outgoing|incoming)\.(.*)")


def formula(prop: Property, *, strict: bool = False) -> str:
    """What the module calls the formula of a property, or the one without exceptions."""
    return action_of(prop.id) + ("Strict" if strict and prop.exempt else "")


def written(prop: Property, *, strict: bool = False) -> str:
    """How the module begins that formula's definition."""
    name = formula(prop, strict=strict)
    of_a_side = _OF_A_SIDE.fullmatch(name)
    return f"\n{of_a_side[2]}(s) ==" if of_a_side else f"\n{name} =="


def _definition(prop: Property) -> str | None:
    """What has to be defined for a property that the module has for any side, or for any status."""
    name = formula(prop)
    of_a_side = _OF_A_SIDE.fullmatch(name)
    if of_a_side:
        return f'{name} == {of_a_side[2]}("{of_a_side[1].lower()}")'
    reached = _REACHED.fullmatch(prop.id)
    if reached:
        side = Side.SOURCE if reached[1] == "outgoing" else Side.DESTINATION
        return f'{name} == vm["{side}"].{reached[1]} # "{reached[2]}"'
    return None


def check(
    environment: Environment,
    props: Iterable[Property],
    *,
    strict: bool = False,
    covers: bool = False,
    specification: str = "",
) -> tlc.Outcome:
    """Let TLC check properties in an environment.

    Of one that says what must be possible it checks that it never is: it is violated where the property holds.
    `specification` names another one than that which the properties need.
    """
    invariants, properties, definitions = ["TypeOK"], [], []
    needed = "Safety"
    for prop in props:
        definition = _definition(prop)
        definitions += [definition] if definition else []
        match prop.strict:
            case Always() | Sometimes():
                invariants.append(formula(prop, strict=strict))
            case AlwaysStep():
                properties.append(formula(prop, strict=strict))
            case LeadsTo():
                properties.append(formula(prop, strict=strict))
                needed = "Spec"
            case SometimesStep():
                raise ValueError(f"{prop.id}: the coverage tells which steps are taken")
    name = modules.module_name(environment)
    text = modules.module_text(environment, extends="MigrationProperties")
    body, end = text.rstrip("\n").rsplit("\n", 1)
    return tlc.run(
        name,
        modules.configuration(
            environment, specification=specification or needed, invariants=invariants, properties=properties
        ),
        modules={name: "\n".join((body, *definitions, end, ""))},
        options=("-coverage", "1000") if covers else (),
    )


_COVERED = re.compile(r"^<(\w+) line \d+, col \d+ to line \d+, col \d+ of module \w+>: (\d+):(\d+)$", re.MULTILINE)


def taken(outcome: tlc.Outcome) -> frozenset[str]:
    """The actions that were taken, of a run that covers."""
    return frozenset(name for name, _, times in _COVERED.findall(outcome.output) if int(times)) - {"Init"}
