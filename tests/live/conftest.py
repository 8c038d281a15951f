"""One QEMU for all live tests, or one reason why there is none."""

from collections.abc import Generator

import pytest
from tests.live.debian import Unavailable
from tests.live.qemu import QemuInstall, fetch


@pytest.fixture(scope="session")
def qemu52() -> QemuInstall:
    """QEMU 5.2.0, fetched on first use; skips, saying why, where it cannot be had."""
    install = fetch("5.2.0")
    if isinstance(install, Unavailable):
        pytest.skip(install.reason)
    return install


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give all tests that a fixture skips one place, so that the summary says the reason once."""
    report = yield
    if report.when == "setup" and report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (__file__, 0, report.longrepr[2])
    return report
