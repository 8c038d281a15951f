"""The constants of `spec/Migration.tla` in each environment: a small module and a configuration.

They lie in `spec/tla`, so that TLC can be run on them by hand; `python -m tests.tla.modules` writes them anew.  Where
they come from is one place, `migspec.properties.explorer.environments`, and a test compares them with it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.spec.composition import Side
from migspec.spec.state import FRESH, VARIABLES, assign

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "spec"
"""Where the modules written by hand are."""
CONFIGURED = SPEC / "tla"
"""Where those are that an environment makes."""

LEFT_OUT: frozenset[str] = frozenset({"session", "blocktime", "dirty-rate", "spice", "replication", "block-migration"})
"""The variables that the module does not have; each has the same value in every state of every environment."""

_WIDTH = 118
_CONSTANTS = ("Capabilities", "Starts", "Requests", "Troubles", "Often", "Without")


def field(variable: str) -> str:
    """How the module calls a variable."""
    head, *rest = variable.split("-")
    return head + "".join(part.capitalize() for part in rest)


def fields() -> Mapping[str, str]:
    """The variable behind each field of a VM in the module, but for its capabilities."""
    return {field(name): name for name in VARIABLES if name not in LEFT_OUT and not name.startswith("cap.")}


def module_name(environment: Environment) -> str:
    """The module of an environment."""
    return f"Migration_{environment.name.replace('-', '_')}"


def module_text(environment: Environment, extends: str = "Migration") -> str:
    """The module of an environment: its constants."""
    asks = {side: environment.asks.get(side, {}) for side in Side}
    troubles = {side: environment.troubles.get(side, {}) for side in Side}
    often = " @@ ".join(f'"{name}" :> {times}' for name, times in environment.counters().items())
    definitions = {
        "Capabilities": _set(_set(f'"{name}"' for name in chosen) for chosen in environment.capabilities),
        "Starts": _by_side({side: _start(environment, side) for side in Side}),
        "Requests": _by_side({side: _strings(asks[side]) for side in Side}),
        "Troubles": _by_side({side: _strings(troubles[side]) for side in Side}),
        "Often": often or "[nothing \\in {} |-> 0]",
        "Without": _strings(sorted(environment.without)),
    }
    assert tuple(definitions) == _CONSTANTS
    name = module_name(environment)
    dashes = "-" * ((76 - len(name) - 8) // 2)
    return "\n".join(
        [
            f"{dashes} MODULE {name} {dashes}",
            *(f"(* {line.ljust(_WIDTH - 6)} *)" for line in textwrap.wrap(environment.sentence, _WIDTH - 6)),
            f"EXTENDS {extends}, TLC",
            "",
            *(_wrapped(f"The{constant} == {value}") for constant, value in definitions.items()),
            "",
            "=" * 77,
            "",
        ]
    )


def configuration(
    environment: Environment,
    *,
    specification: str = "Safety",
    invariants: Iterable[str] = ("TypeOK",),
    properties: Iterable[str] = (),
) -> str:
    """The configuration with which TLC reads that module."""
    return (
        "\n".join(
            [
                f"SPECIFICATION {specification}",
                "CONSTANTS",
                *(f"  {constant} <- The{constant}" for constant in _CONSTANTS),
                f"  Pipelined = {environment.pipelined}",
                "  Linked = TRUE",
                *(f"INVARIANT {invariant}" for invariant in invariants),
                *(f"PROPERTY {name}" for name in properties),
            ]
        ).rstrip("\n")
        + "\n"
    )


def files(environment: Environment) -> Mapping[Path, str]:
    """The files of an environment, with what is in them."""
    name = module_name(environment)
    return {
        CONFIGURED / f"{name}.tla": module_text(environment),
        CONFIGURED / f"{name}.cfg": configuration(environment),
    }


def _start(environment: Environment, side: Side) -> str:
    """How a VM was started, as far as it differs from a fresh process.

    Raises `ValueError` for what the module does not know.
    """
    given = environment.states(side)[0]
    changes = {}
    for name, variable in VARIABLES.items():
        if name == "session" or name.startswith("cap."):
            continue
        value, usual = variable.known(given), variable.known(FRESH)
        if value == usual:
            continue
        if name in LEFT_OUT or value is None:
            raise ValueError(f"{environment.name}: the module has no {name}")
        changes[field(name)] = _value(variable.values, value)
    if not environment.states(side)[0] & assign(0, {"cap.events": "yes"}):
        raise ValueError(f"{environment.name}: the module has the capability events on")
    return (
        f"[Fresh EXCEPT {', '.join(f'!.{name} = {value}' for name, value in changes.items())}]" if changes else "Fresh"
    )


def _value(values: tuple[str, ...], value: str) -> str:
    if values == ("no", "yes"):
        return "TRUE" if value == "yes" else "FALSE"
    return f'"{value}"'


def _by_side(values: Mapping[Side, str]) -> str:
    return f"[{', '.join(f'{side} |-> {values[side]}' for side in Side)}]"


def _strings(names: Iterable[str]) -> str:
    return _set(f'"{name}"' for name in names)


def _set(members: Iterable[str]) -> str:
    return f"{{{', '.join(members)}}}"


def _wrapped(text: str) -> str:
    return "\n".join(
        textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    )


def main() -> None:
    """Write the files of every environment."""
    CONFIGURED.mkdir(exist_ok=True)
    for environment in ENVIRONMENTS.values():
        for path, text in files(environment).items():
            path.write_text(text)


if __name__ == "__main__":
    main()
