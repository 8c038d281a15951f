"""A real QEMU is asked for its schema, and it is that of its profile."""

import gzip

import pytest
from tests.live.process import QemuProcess
from tests.live.qemu import QemuInstall
from tests.live.schemas import tell
from tests.spec.told import RECORDED

from migspec.cli import main

pytestmark = pytest.mark.live


def test_it_tells_what_was_recorded(qemu52: QemuInstall) -> None:
    assert tell(qemu52) == gzip.decompress((RECORDED / "qemu-5.2.0.json.gz").read_bytes())


def test_its_schema_is_that_of_its_profile(qemu52: QemuInstall, capsys: pytest.CaptureFixture[str]) -> None:
    with QemuProcess(qemu52) as process:
        assert main(["schema", "--qmp", f"unix:{process.sockets[0]}"]) == 0
    assert ": same as qemu-5.2.0 (1 note)\n" in capsys.readouterr().out
