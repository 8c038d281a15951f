"""States packed into an integer: no bit is shared, what is set can be read, and ignorance is the union."""

import ast
import inspect
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec import state as module
from migspec.spec.state import ANYTHING, FRESH, VARIABLES, Variable, assign, describe
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus, RunState

NAMES = st.sampled_from(tuple(VARIABLES))
STATES = st.fixed_dictionaries(
    {name: st.sets(st.sampled_from(variable.values), min_size=1) for name, variable in VARIABLES.items()}
)
DOMAINS = [
    value
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, StrEnum) and value.__module__ == module.__name__
]


@given(STATES)
def test_what_is_set_can_be_read(values: dict[str, set[str]]) -> None:
    state = assign(0, values)
    assert {name: set(variable.of(state)) for name, variable in VARIABLES.items()} == values


@given(STATES, NAMES, st.data())
def test_setting_one_variable_leaves_the_others(values: dict[str, set[str]], name: str, data: st.DataObject) -> None:
    before = assign(0, values)
    wanted = data.draw(st.sampled_from(VARIABLES[name].values))
    after = assign(before, {name: wanted})
    assert VARIABLES[name].known(after) == wanted
    assert (before ^ after) & ~VARIABLES[name].field == 0


@given(STATES, STATES)
def test_a_union_of_states_is_a_bitwise_or(left: dict[str, set[str]], right: dict[str, set[str]]) -> None:
    both = assign(0, left) | assign(0, right)
    assert both == assign(0, {name: left[name] | right[name] for name in VARIABLES})


@given(STATES)
def test_known_is_the_one_value_that_is_left(values: dict[str, set[str]]) -> None:
    state = assign(0, values)
    for name, variable in VARIABLES.items():
        assert variable.known(state) == (next(iter(values[name])) if len(values[name]) == 1 else None)


@given(STATES)
def test_a_description_says_as_much_as_is_known(values: dict[str, set[str]]) -> None:
    shown = describe(assign(0, values), VARIABLES)
    assert list(shown) == list(VARIABLES)
    for name, text in shown.items():
        everything = values[name] == set(VARIABLES[name].values)
        assert text == "?" if everything else set(text.split("|")) == values[name]


def test_fields_lie_side_by_side_without_a_gap() -> None:
    fields = [variable.field for variable in VARIABLES.values()]
    assert sum(fields) == ANYTHING == (1 << ANYTHING.bit_length()) - 1
    assert [field.bit_count() for field in fields] == [len(variable.values) for variable in VARIABLES.values()]


def test_a_fresh_process_is_wholly_known() -> None:
    assert all(variable.known(FRESH) for variable in VARIABLES.values())
    assert describe(FRESH) == {
        "outgoing": "none",
        "stage": "idle",
        "incoming": "none",
        "load": "none",
        "run": "running",
    }
    assert {VARIABLES[f"cap.{name}"].known(FRESH) for name in MigrationCapability} == {"no"}


def test_values_are_the_wire_spellings() -> None:
    assert VARIABLES["outgoing"].values == VARIABLES["incoming"].values == tuple(MigrationStatus)
    assert VARIABLES["run"].values == tuple(RunState)


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=lambda variable: variable.name)
def test_every_variable_says_what_it_tells(variable: Variable) -> None:
    assert variable.doc.endswith(".")
    assert len(set(variable.values)) == len(variable.values)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.__name__)
def test_every_value_says_what_it_means(domain: type[StrEnum]) -> None:
    body = ast.parse(inspect.getsource(domain)).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = [
        node.value.value for node in body.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    assert len(docs) == 1 + len(domain)
    assert all(isinstance(doc, str) and doc.endswith((".", ".\n    ")) for doc in docs)


def test_unknown_names_and_values_are_refused() -> None:
    with pytest.raises(KeyError, match="weather"):
        assign(FRESH, {"weather": "fine"})
    with pytest.raises(KeyError, match="weather"):
        describe(FRESH, ("weather",))
    with pytest.raises(ValueError, match="not in tuple"):
        assign(FRESH, {"run": "walking"})
