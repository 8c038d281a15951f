"""The pytest plugin: a fixture that gives a test two served machines.

```
def test_recovery(migspec_pair):
    source, destination = migspec_pair
    manage(source.qmp, destination.qmp)
```

pytest loads it in every session of whoever has migspec installed, so it imports nothing of migspec before it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from migspec.reference_impl.library import ServedVm


@pytest.fixture
def migspec_pair() -> Iterator[tuple[ServedVm, ServedVm]]:
    """A source and a destination that waits for ``migrate-incoming``, served for the time of one test."""
    from migspec.reference_impl.library import served_pair

    with served_pair() as vms:
        yield vms
