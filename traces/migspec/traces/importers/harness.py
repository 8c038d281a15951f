"""What QEMU's own tests write between messages, and into them: it shows that a log is one of a test, which may run
several QEMUs.
"""

from __future__ import annotations

import re
from typing import Final

OF_QTEST: Final = re.compile(rb"\[[IRS] [+ ]?\d+\.\d+\] ")
"""How a line of `-qtest-log` begins."""
OF_TESTS: Final = re.compile(
    OF_QTEST.pattern + rb"|# (?:random seed|starting QEMU): |# Start of |QA output created by "
    rb'|\{"secs": -?\d+, "usecs": -?\d+\}, "event": '
)
"""How a line begins that only a test writes."""
TIME_PLACEHOLDER: Final = re.compile(rb'"(?:USECS|SECS)"')
"""What stands for a part of an event's time."""
PLACEHOLDER: Final = re.compile(TIME_PLACEHOLDER.pattern + rb"|\b(?:TEST_DIR|SOCK_DIR|TEST_IMG)\b")
"""What stands for anything that is different every time."""
