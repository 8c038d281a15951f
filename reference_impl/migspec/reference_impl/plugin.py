"""The pytest plugin: a fixture that gives a test two served machines.

```
def test_recovery(migspec_pair):
    source, destination = migspec_pair
    manage(source.qmp, destination.qmp)
```
"""

from collections.abc import Iterator

import pytest

from migspec.reference_impl.library import ServedVm, served_pair


@pytest.fixture
def migspec_pair() -> Iterator[tuple[ServedVm, ServedVm]]:
    """A source and a destination that waits for ``migrate-incoming``, served for the time of one test."""
    with served_pair() as vms:
        yield vms
