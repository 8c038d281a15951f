"""Records what real QEMUs tell of their schema: one compressed file a release.

    python -m tests.live.schemas [RELEASE]...

Without a release, all that can be had.  Ids are left out, so that a new recording differs only if the QEMU does.
"""

import argparse
import gzip
import json
import sys
from typing import Final

from tests.live.debian import Unavailable
from tests.live.process import QemuProcess
from tests.live.qemu import SUITES, QemuInstall, fetch
from tests.spec.told import RECORDED

_PACKED: Final = 9


def tell(install: QemuInstall) -> bytes:
    """What a fresh QEMU answers to query-qmp-schema, as one line."""
    with QemuProcess(install) as process, process.monitor() as monitor:
        reply = monitor.execute("query-qmp-schema")
    return json.dumps({"return": reply["return"]}, separators=(",", ":")).encode() + b"\n"


def main() -> int:
    """Record; return the exit status, 1 if a release cannot be had."""
    parser = argparse.ArgumentParser(description="Record what real QEMUs tell of their schema.")
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=", ".join(SUITES))
    status = 0
    for release in parser.parse_args().releases or SUITES:
        install = fetch(release)
        if isinstance(install, Unavailable):
            print(install.reason, file=sys.stderr)
            status = 1
        else:
            path = RECORDED / f"qemu-{release}.json.gz"
            path.write_bytes(gzip.compress(tell(install), _PACKED, mtime=0))
    return status


if __name__ == "__main__":
    sys.exit(main())
