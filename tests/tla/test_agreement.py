"""TLC on the module and the explorer on the tables find the same states."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.tla.compared import compare
from tests.tla.modules import files

from migspec.properties.explorer.environment import KILLS, Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.spec.composition import Side

SMALL = ("failover", "loans", "postcopy-quit")
"""The environments that are small enough for every run of the tests."""

SMALLER: tuple[Environment, ...] = (
    replace(ENVIRONMENTS["precopy"], name="precopy-cancelled", capabilities=(("return-path",),)),
    replace(
        ENVIRONMENTS["recovery"],
        name="recovery-killed",
        asks={Side.SOURCE: {"migrate": 1, "start-postcopy": 1, "resume": 1}, Side.DESTINATION: {}},
        befalls={KILLS[Side.DESTINATION]: 1},
    ),
)
"""Parts of others, for the same reason."""


def _agree(environment: Environment) -> None:
    compared = compare(environment)
    print(
        f"{environment.name}: {compared.explored.distinct:,} states, {compared.explored.generated:,} steps, "
        f"depth {compared.explored.depth}; {compared.outcome.cpu:.0f} s of TLC"
    )
    assert not "\n".join(compared.differences())


@pytest.mark.parametrize("name", SMALL)
def test_both_find_the_same_states(name: str) -> None:
    _agree(ENVIRONMENTS[name])


@pytest.mark.parametrize("environment", SMALLER, ids=lambda environment: environment.name)
def test_both_find_the_same_states_of_a_part(environment: Environment) -> None:
    _agree(environment)


@pytest.mark.soak
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_both_find_the_same_states_of_every_environment(name: str) -> None:
    _agree(ENVIRONMENTS[name])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_constants_are_those_of_the_environment(name: str) -> None:
    for path, text in files(ENVIRONMENTS[name]).items():
        assert path.is_file(), "python -m tests.tla.modules writes it"
        assert path.read_text() == text, "python -m tests.tla.modules writes it anew"
