"""Texts survive being kept: put together again they are what they were."""

import json

from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.picture.texts import LONGEST, Texts, joined, likeness, size_of, split

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANYTHING,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "data", "7", "a b"]), inner, max_size=2)
    ),
    max_leaves=4,
)
MESSAGES = st.builds(lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only), VALUES, st.booleans())


@given(st.one_of(ANYTHING, MESSAGES))
def test_what_was_split_is_put_together_again(text: str) -> None:
    pieces, values = split(text)
    assert joined(pieces, values) == text


@given(st.lists(st.one_of(ANYTHING, MESSAGES), max_size=4))
def test_what_is_kept_can_be_told_again(texts: list[str]) -> None:
    kept = Texts()
    places = [kept.add(text, 1) for text in texts]
    again = [joined(kept.templates[place.template], place.values) for place in places if place]
    assert again == texts


@given(st.integers(), st.integers(), st.floats(0, 1e9), st.floats(0, 1e9))
def test_messages_that_differ_in_numbers_are_kept_once(a: int, b: int, x: float, y: float) -> None:
    kept = Texts()
    for identity, number, rate in (("libvirt-1", a, x), ("b-77-c", b, y)):
        kept.add(json.dumps({"return": {"remaining": number, "mbps": rate, "n0": [number]}, "id": identity}), 1)
    assert len(kept.templates) == 1


def test_messages_that_differ_in_a_word_are_kept_both() -> None:
    kept = Texts()
    for status in ("active", "completed"):
        kept.add(json.dumps({"return": {"status": status}, "id": 1}), 1)
    assert len(kept.templates) == 2


@given(st.one_of(ANYTHING, MESSAGES), st.one_of(ANYTHING, MESSAGES))
def test_alike_is_what_has_the_same_pieces(one: str, other: str) -> None:
    if split(one)[0] == split(other)[0]:
        assert likeness(one) == likeness(other)


@given(ANYTHING)
def test_the_size_of_a_text_is_that_which_it_takes(text: str) -> None:
    written = json.dumps(text).replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    assert size_of(text) == len(written) + len(",")


def test_a_long_text_is_cut_with_a_note() -> None:
    kept = Texts()
    place = kept.add("x" * (LONGEST + 12), 7)
    assert place is not None
    text = joined(kept.templates[place.template], place.values)
    assert text.startswith("x" * LONGEST)
    assert text.endswith("[12 more characters are in line 7 of the log]")


def test_what_there_is_no_room_for_is_counted() -> None:
    kept = Texts(most=20)
    assert kept.add("eight by", 1) is not None
    assert kept.add("something else", 2) is None
    assert kept.add("eight by", 3) is not None
    assert kept.omitted == 1
