"""One QEMU for all live tests, and one browser, or one reason why there is none."""

from collections.abc import Generator, Iterator

import pytest
from tests.live.chromium import Browser, running
from tests.live.debian import Unavailable
from tests.live.qemu import QemuInstall, fetch


@pytest.fixture(scope="session")
def qemu52() -> QemuInstall:
    """QEMU 5.2.0, fetched on first use; skips, saying why, where it cannot be had."""
    install = fetch("5.2.0")
    if isinstance(install, Unavailable):
        pytest.skip(install.reason)
    return install


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium; skips, saying why, where it cannot be had."""
    with running() as found:
        if isinstance(found, Unavailable):
            pytest.skip(found.reason)
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give all tests that a fixture skips one place, so that the summary says the reason once."""
    report = yield
    if report.when == "setup" and report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (__file__, 0, report.longrepr[2])
    return report
