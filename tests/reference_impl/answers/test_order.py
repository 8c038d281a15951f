"""Members come in the order in which a real QEMU prints them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.answers.recorded import answers
from tests.spec.told import recorded

from migspec.reference_impl.answers.order import in_order, place

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_nothing_but_the_order_changes(value: object) -> None:
    assert in_order(value) == value


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_is_that_of_the_places(value: dict[str, int]) -> None:
    ordered = in_order(value)
    assert isinstance(ordered, dict)
    places = [place(name) for name in ordered]
    assert places == sorted(places)
    assert all(0 <= number < 512 for number in places)


@given(st.permutations(["status", "ram", "total-time", "setup-time", "id", "return"]))
def test_what_was_put_in_first_does_not_matter(names: list[str]) -> None:
    assert json.dumps(in_order(dict.fromkeys(names))) == json.dumps(in_order(dict.fromkeys(sorted(names))))


@pytest.mark.parametrize("release", ["5.2.0", "7.2"])
def test_the_schema_of_a_real_one_is_in_order(release: str) -> None:
    entries = recorded(release)
    assert json.dumps(in_order(entries)) == json.dumps(entries)


def test_every_recorded_answer_is_in_order() -> None:
    texts = [text for told in answers().values() for text in told]
    assert [text for text in texts if json.dumps(in_order(json.loads(text))) != text] == []
    assert len(texts) > 500
