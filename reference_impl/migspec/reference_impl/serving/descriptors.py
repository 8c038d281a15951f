"""The file descriptors that clients have handed over to a machine, each closed once nobody has a use for it."""

import contextlib
import os
from collections.abc import Iterable


class Descriptors:
    """Those of one machine."""

    def __init__(self) -> None:
        self._mine: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._mine)

    def keep(self, descriptors: Iterable[int]) -> None:
        """Answer for descriptors from now on."""
        self._mine.update(descriptors)

    def sweep(self, used: Iterable[int]) -> None:
        """Close all but those that are in use."""
        unused = self._mine.difference(used)
        self._mine -= unused
        for descriptor in unused:
            with contextlib.suppress(OSError):
                os.close(descriptor)
