"""What the tests of this folder share: the corpus, judged once in a session."""

from __future__ import annotations

import pytest
from tests.traces.corpus import ADMITTED, OTHER_CLIENTS, RECORDED, WRITTEN, judge_all

from migspec.traces.findings import Report


@pytest.fixture(scope="session")
def judged() -> dict[str, Report]:
    """The recordings by path, judged by the profile of their release."""
    return judge_all(RECORDED)


@pytest.fixture(scope="session")
def judged_as_written() -> dict[str, Report]:
    """The same, judged by the written contract."""
    return judge_all(RECORDED, WRITTEN)


@pytest.fixture(scope="session")
def judged_with_others() -> dict[str, Report]:
    """The recordings of unseen clients, with such admitted."""
    return judge_all(OTHER_CLIENTS, ADMITTED)
