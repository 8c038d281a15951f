"""Parameters and capabilities are told as a real QEMU tells them, of any values."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.answers.recorded import answers, text_of

from migspec.reference_impl.answers.settings import capabilities_told, parameters_told, read_by
from migspec.spec.bitmaps import BitmapAlias, NodeAlias
from migspec.spec.commands.queries import contradictions, listing
from migspec.spec.parameters import DEFAULTS, PARAMETERS, READ, Value, missing, read_values
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.schema.model import IntegerType
from migspec.spec.schema.validate import validate_reply
from migspec.spec.state import FRESH, assign
from migspec.spec.vocabulary import MigrationCapability, MultiFDCompression

NODES = st.builds(
    NodeAlias, st.text(), st.text(), st.lists(st.builds(BitmapAlias, st.text(), st.text()), max_size=3).map(tuple)
)


def values_of(name: str) -> st.SearchStrategy[Value]:
    type_ = PARAMETERS[name].read.type
    if name == "multifd-compression":
        return st.sampled_from([word.value for word in MultiFDCompression])
    if isinstance(type_, IntegerType):
        return st.integers(type_.minimum, type_.maximum)
    if name == "block-bitmap-mapping":
        return st.just(ABSENT) | st.lists(NODES, max_size=3).map(tuple)
    return st.booleans() if isinstance(PARAMETERS[name].default, bool) else st.text()


VALUES = st.fixed_dictionaries({name: values_of(name) for name in PARAMETERS})


@given(VALUES)
def test_what_is_told_fits_and_says_the_values(values: dict[str, Value]) -> None:
    told = parameters_told(values)
    assert list(validate_reply(told, QEMU_5_2_0.commands[READ], QEMU_5_2_0)) == []
    assert missing(told) == []
    assert read_values(told) == values


def test_the_defaults_are_those_of_a_fresh_process() -> None:
    told = text_of(parameters_told(DEFAULTS))
    assert told in answers()[READ]
    assert json.loads(told).keys() == PARAMETERS.keys() - {"block-bitmap-mapping"}


def test_every_recorded_answer_can_be_told_again() -> None:
    for text in answers()[READ]:
        assert text_of(parameters_told(read_values(json.loads(text)))) == text


@given(st.integers(0, 2**64 - 1))
def test_a_size_is_returned_as_a_signed_number(size: int) -> None:
    told = read_by("query-migrate-cache-size", {**DEFAULTS, "xbzrle-cache-size": size})
    assert (told - size) % 2**64 == 0
    assert -(2**63) <= told < 2**63


CAPABILITIES = st.fixed_dictionaries({capability.value: st.booleans() for capability in MigrationCapability})


@given(CAPABILITIES, st.booleans())
def test_every_capability_is_listed_that_the_build_has(on: dict[str, bool], blocks: bool) -> None:
    states = {f"cap.{name}": "yes" if state else "no" for name, state in on.items()}
    state = assign(FRESH, {**states, "block-migration": "yes" if blocks else "no"})
    told = capabilities_told(state)
    assert list(validate_reply(told, QEMU_5_2_0.commands["query-migrate-capabilities"], QEMU_5_2_0)) == []
    assert list(contradictions("query-migrate-capabilities", told)) == []
    listed = {str(entry["capability"]): entry["state"] is True for entry in told}
    assert listing(listed.items()).holds(state)
    assert listed == {name: state for name, state in on.items() if blocks or name != "block"}


def test_every_recorded_list_can_be_told_again() -> None:
    for text in answers()["query-migrate-capabilities"]:
        on = {f"cap.{entry['capability']}": "yes" if entry["state"] else "no" for entry in json.loads(text)}
        assert text_of(capabilities_told(assign(FRESH, on))) == text
