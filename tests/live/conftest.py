"""One QEMU for all live tests, or one reason why there is none."""

import pytest
from tests.live.qemu import QemuInstall, Unavailable, fetch


@pytest.fixture(scope="session")
def qemu52() -> QemuInstall:
    """QEMU 5.2.0, fetched on first use; skips, saying why, where it cannot be had."""
    install = fetch("5.2.0")
    if isinstance(install, Unavailable):
        pytest.skip(install.reason)
    return install
