"""The vocabulary: words compare as text, each explains itself, none is written twice."""

import inspect
import pickle

import pytest

from migspec.spec import vocabulary
from migspec.spec.schema.enums import docstrings
from migspec.spec.vocabulary import (
    ErrorClass,
    MigrationCapability,
    MigrationStatus,
    MultiFDCompression,
    RunState,
    Vocabulary,
)

CLASSES = [
    value
    for value in vars(vocabulary).values()
    if isinstance(value, type) and issubclass(value, Vocabulary) and value is not Vocabulary
]
WORDS = [word for words in CLASSES for word in words]


@pytest.mark.parametrize("words", CLASSES, ids=lambda words: words.__name__)
def test_every_class_and_every_member_says_what_it_means(words: type[Vocabulary]) -> None:
    assert inspect.getdoc(words) != inspect.getdoc(Vocabulary)
    docs = docstrings(words)
    assert list(docs) == [word.name for word in words]
    assert all(doc.endswith(".") for doc in docs.values())


@pytest.mark.parametrize("word", WORDS, ids=repr)
def test_a_word_is_its_spelling(word: Vocabulary) -> None:
    assert word == word.value == str(word)
    assert type(word)(word.value) is word
    assert pickle.loads(pickle.dumps(word)) is word


@pytest.mark.parametrize("words", CLASSES, ids=lambda words: words.__name__)
def test_no_member_is_an_alias_of_another(words: type[Vocabulary]) -> None:
    assert len(words.__members__) == len(words)


def test_a_word_that_is_not_in_the_class_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        MigrationStatus("nonsense")


def test_age_and_condition_stand_beside_the_spelling() -> None:
    assert MigrationStatus.POSTCOPY_ACTIVE.value == "postcopy-active"
    assert MigrationStatus.POSTCOPY_ACTIVE.since == "2.5"
    assert MigrationStatus.ACTIVE.since is None
    assert MultiFDCompression.ZSTD.condition == "defined(CONFIG_ZSTD)"
    assert [word for word in WORDS if word.condition] == [MultiFDCompression.ZSTD]


def test_the_sizes_that_the_schema_gives() -> None:
    sizes = {words.__name__: len(words) for words in CLASSES}
    assert sizes == {
        "MigrationStatus": 14,
        "MigrationCapability": 18,
        "MultiFDCompression": 3,
        "MigrationParameter": 27,
        "COLOMessage": 7,
        "COLOMode": 3,
        "FailoverStatus": 5,
        "COLOExitReason": 4,
        "DirtyRateStatus": 3,
        "RunState": 17,
        "ErrorClass": 5,
        "QmpCapability": 1,
        "SocketAddressType": 4,
        "ShutdownCause": 10,
    }


def test_words_keep_the_order_of_the_schema() -> None:
    assert list(MultiFDCompression) == ["none", "zlib", "zstd"]
    assert list(MigrationCapability)[-1] == "validate-uuid"
    assert list(RunState)[-1] == "preconfig"
    assert list(ErrorClass)[1:3] == ["CommandNotFound", "DeviceNotActive"]
