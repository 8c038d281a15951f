"""The framer sees as many texts in a stream as a real QEMU answers."""

import random

import pytest
from tests.live.monitor import Monitor
from tests.live.process import QemuProcess
from tests.live.qemu import QemuInstall

from migspec.traces.framing import Framer

pytestmark = pytest.mark.live

TOKENS = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"a"', b"'b'", b'"x', b"1", b"2.5e3", b"01", b"-", b"1.", b"e+"),
    *(b"tru", b"true", b" ", b"\t", b"\r", b"\n", b"\\", b'"\\""', b"'\\''", b"#", b" 1 ", b"\xc0", b"\xc3"),
    *(b'{"execute":"query-name"}', b'{"a":1}', b"{'a':\"'\"}", b"\x00", b"\x1b", b"\x7f", b"\xfe", b"\xff"),
]
LAST = b'\xff\n{"execute":"query-status","id":"last"}'


def test_one_reply_for_each_text(qemu52: QemuInstall) -> None:
    draw = random.Random(20)
    with QemuProcess(qemu52) as process:
        for _ in range(200):
            stream = b"".join(draw.choice(TOKENS) for _ in range(draw.randint(1, 8)))
            with Monitor(process.sockets[0]) as monitor:
                monitor.negotiate()
                monitor.send_raw(stream + LAST)
                monitor.wait_reply("last")
                answered = len(monitor.replies) - 1
            framer = Framer()
            texts = framer.feed(stream + LAST)
            assert len(texts) - framer.skipped == answered, (stream, texts, monitor.replies)
            assert framer.finish() == []
