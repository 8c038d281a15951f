"""Every event that the specification owes can be sent, and is read back under the name by which it is owed."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.answers.recorded import text_of

from migspec.reference_impl.answers.interface import served
from migspec.spec.commands import CONTRACTS, envelope, machine, written
from migspec.spec.events import NoSuchEventError, event_of
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.validate import validate_event
from migspec.traces.reading import Reader

PROFILES = {QEMU_5_2_0, SEED}


def owed() -> Iterator[str]:
    for row in ROWS:
        if row.profiles & PROFILES:
            yield from (*row.leaves, *row.emits)
    for contract in (*CONTRACTS.values(), *written.CONTRACTS.values(), machine.OPEN, written.OPEN, envelope.CONTRACT):
        for case in contract.cases:
            if case.profiles & PROFILES:
                yield from (*case.leaves, *case.emits)


OWED = sorted({name for name in owed() if not name.startswith("=")})
READER = Reader(SCHEMA)


def read(name: str, data: object) -> tuple[str | None, object]:
    return READER.event(name, b"" if data is None else text_of(data).encode())


@pytest.mark.parametrize("name", OWED)
def test_what_is_owed_is_what_is_read(name: str) -> None:
    assert read(*event_of(name, passes=2)) == (name.removeprefix("!"), ())


@pytest.mark.parametrize("name", OWED)
def test_it_fits_the_schema_that_is_served(name: str) -> None:
    sent, data = event_of(name, passes=3, node="#block1")
    definition = served(QEMU_5_2_0).events[sent]
    assert list(validate_event(ABSENT if data is None else data, definition, served(QEMU_5_2_0))) == []


@given(st.integers(2, 2**31))
def test_the_number_of_a_pass(number: int) -> None:
    assert event_of("MIGRATION_PASS:n", passes=number) == ("MIGRATION_PASS", {"pass": number})
    assert event_of("MIGRATION_PASS:1", passes=number) == ("MIGRATION_PASS", {"pass": 1})


# as recorded from QEMU 5.2.0
EXAMPLES = {
    "SHUTDOWN:quit": '{"guest": false, "reason": "host-qmp-quit"}',
    "SHUTDOWN:host": '{"guest": false, "reason": "host-signal"}',
    "SHUTDOWN:guest": '{"guest": true, "reason": "guest-shutdown"}',
    "RESET": '{"guest": false, "reason": "host-qmp-system-reset"}',
    "UNPLUG_PRIMARY": '{"device-id": "primary"}',
    "COLO_EXIT:secondary-error": '{"mode": "secondary", "reason": "error"}',
    "WATCHDOG": '{"action": "pause"}',
    "GUEST_PANICKED": '{"action": "pause"}',
    "STOP": "null",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_as_a_real_one_sends_it(name: str) -> None:
    assert text_of(event_of(name)[1]) == EXAMPLES[name]


def test_a_guest_that_resets_itself() -> None:
    assert text_of(event_of("RESET", by_guest=True)[1]) == '{"guest": true, "reason": "guest-reset"}'


@pytest.mark.parametrize("name", ["", "NEWS", "=stage:idle", "SHUTDOWN", "SHUTDOWN:cat"])
def test_what_is_no_event(name: str) -> None:
    with pytest.raises(NoSuchEventError) as caught:
        event_of(name)
    assert caught.value.owed == name
