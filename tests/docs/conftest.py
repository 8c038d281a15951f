"""The build that the tests of this folder share.

Nothing of migspec may be imported here, as in the file of all tests: it would come before typeguard's import hook.
"""

import pytest
from tests.docs.building import Built, build_sample


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sample of the documentation."""
    return build_sample(tmp_path_factory.mktemp("docs"))
