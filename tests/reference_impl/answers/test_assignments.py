"""Words for people become the values that a real QEMU made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl.answers.assignments import Assignment, assignment
from migspec.spec.parameters import DEFAULTS, PARAMETERS, Value

TOO_LARGE = "Value '{}' is out of range for parameter '{}'"
NO_SIZE = (
    "Parameter '{}' expects a non-negative number below 2^64\r\nOptional suffix k, M, G, T, P or E means kilo-, mega-,"
    " giga-, tera-, peta-\r\nand exabytes, respectively."
)

# as observed on QEMU 5.2.0
ACCEPTED: dict[tuple[str, str], Value] = {
    ("max-bandwidth", "1"): 1 << 20,
    ("max-bandwidth", "1.5"): 3 << 19,
    ("max-bandwidth", "10k"): 10240,
    ("max-bandwidth", "5B"): 5,
    ("max-bandwidth", "1G"): 1 << 30,
    ("announce-max", "1.5k"): 1536,
    ("xbzrle-cache-size", "0x1000"): 4096,
    ("xbzrle-cache-size", "64M"): 64 << 20,
    ("max-postcopy-bandwidth", "1"): 1,
    ("compress-level", "010"): 8,
    ("compress-level", "+3"): 3,
    ("cpu-throttle-initial", "0x10"): 16,
    ("compress-threads", "300"): 44,
    ("x-checkpoint-delay", "4294967297"): 1,
    ("compress-wait-thread", "y"): True,
    ("block-incremental", "n"): False,
    ("multifd-compression", "zlib"): "zlib",
    ("tls-creds", "null"): "null",
    ("tls-authz", "a b"): "a b",
}
REFUSED = {
    ("max-bandwidth", "zz"): "Invalid size zz",
    ("max-bandwidth", "-1"): "Invalid size -1",
    ("max-bandwidth", "16777216T"): "Invalid size 16777216T",
    ("xbzrle-cache-size", "zz"): NO_SIZE.format("xbzrle-cache-size"),
    ("xbzrle-cache-size", "64Mx"): NO_SIZE.format("xbzrle-cache-size"),
    ("announce-max", "-1"): TOO_LARGE.format("-1", "announce-max"),
    ("xbzrle-cache-size", str(2**64)): TOO_LARGE.format(2**64, "xbzrle-cache-size"),
    ("compress-level", "zz"): "Parameter 'compress-level' expects int64",
    ("compress-level", str(2**63)): "Parameter 'compress-level' expects int64",
    ("downtime-limit", "1.5"): "Parameter 'downtime-limit' expects int64",
    ("x-checkpoint-delay", "5-7"): "Parameter 'x-checkpoint-delay' expects int64",
    ("compress-level", "99"): "Parameter 'compress_level' expects is invalid, it should be in the range of 0 to 9",
    ("cpu-throttle-initial", "-1"): "Parameter 'cpu_throttle_initial' expects an integer in the range of 1 to 99",
    ("compress-wait-thread", "TRUE"): "Parameter 'compress-wait-thread' expects 'on' or 'off'",
    ("block-incremental", "maybe"): "Parameter 'block-incremental' expects 'on' or 'off'",
    ("multifd-compression", "NONE"): "Invalid parameter 'NONE'",
    ("block-bitmap-mapping", "x"): "The block-bitmap-mapping parameter can only be set through QMP",
}


@pytest.mark.parametrize(("name", "word"), ACCEPTED)
def test_a_word_that_is_accepted(name: str, word: str) -> None:
    assert assignment(name, word, DEFAULTS) == Assignment({name: ACCEPTED[name, word]})
    assert assignment(name, word, DEFAULTS).output == ""


@pytest.mark.parametrize(("name", "word"), REFUSED)
def test_a_word_that_is_refused(name: str, word: str) -> None:
    assert assignment(name, word, DEFAULTS) == Assignment(fault=REFUSED[name, word])
    assert assignment(name, word, DEFAULTS).output == f"Error: {REFUSED[name, word]}\r\n"


def test_what_is_ignored_changes_nothing() -> None:
    assert assignment("multifd-zlib-level", "3", DEFAULTS) == Assignment()


def test_the_values_in_force_count() -> None:
    assert assignment("max-cpu-throttle", "50", DEFAULTS).changes == {"max-cpu-throttle": 50}
    assert assignment("max-cpu-throttle", "50", {**DEFAULTS, "cpu-throttle-initial": 60}).fault != ""


@given(st.sampled_from(tuple(PARAMETERS)), st.text() | st.integers().map(str))
def test_any_word_is_accepted_or_refused(name: str, word: str) -> None:
    made = assignment(name, word, DEFAULTS)
    assert not (made.changes and made.fault)
    assert made.changes.keys() <= {name}


@given(st.integers(0, 2**44 - 1))
def test_a_bandwidth_without_a_unit_is_in_mebibytes(size: int) -> None:
    assert assignment("max-bandwidth", str(size), DEFAULTS).changes == {"max-bandwidth": size << 20}
