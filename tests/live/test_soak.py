"""The soak run as a test: a thousand random sessions and all scenarios, without a fault."""

from pathlib import Path

import pytest
from tests.live.qemu import QemuInstall
from tests.live.scenarios import SCENARIOS
from tests.live.soak import FIRST_SEED, JOBS, SESSIONS, names_of, soak

pytestmark = [pytest.mark.live, pytest.mark.soak]


def test_soak(qemu52: QemuInstall, tmp_path: Path) -> None:
    summary = soak(qemu52, names_of(SESSIONS, FIRST_SEED), tmp_path, JOBS)
    print(summary)
    assert not summary.faulty
    assert summary.agreements == summary.points > 0
    assert summary.outcomes + len(summary.missed) == SESSIONS + len(SCENARIOS)
    assert len(summary.missed) < summary.outcomes / 20
