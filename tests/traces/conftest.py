"""What the tests of this folder share: the corpus, judged once in a session.

Nothing of ours is imported before it is asked for: typeguard could not check it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from migspec.traces.findings import Report


@pytest.fixture(scope="session")
def judged() -> dict[str, Report]:
    """The recordings by path, judged by the profile of their release."""
    from tests.traces.corpus import RECORDED, judge_all

    return judge_all(RECORDED)


@pytest.fixture(scope="session")
def judged_as_written() -> dict[str, Report]:
    """The same, judged by the written contract."""
    from tests.traces.corpus import RECORDED, WRITTEN, judge_all

    return judge_all(RECORDED, WRITTEN)


@pytest.fixture(scope="session")
def judged_with_others() -> dict[str, Report]:
    """The recordings of unseen clients, with such admitted."""
    from tests.traces.corpus import ADMITTED, OTHER_CLIENTS, judge_all

    return judge_all(OTHER_CLIENTS, ADMITTED)
