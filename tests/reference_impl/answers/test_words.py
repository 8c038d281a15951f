"""The text of an error is always one of those that are meant, and the one that is known if one is."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import REQUESTS, request

from migspec.reference_impl.answers.words import text_of
from migspec.spec.commands import CONTRACTS
from migspec.spec.contracts import Case, Words
from migspec.spec.state import FRESH, assign

URIS = ("tcp:a:1", "unix:/a", "vsock:1:2", "exec:cat", "fd:a", "fd:1", "rdma:a:1", "tcp:", "unix:", "bad", "tcp:fd:1")
EVERY = (
    *REQUESTS,
    *(request(command, {"uri": uri}) for command in ("migrate", "migrate-incoming", "migrate-recover") for uri in URIS),
    request("device_add", {"driver": "zz"}),
    request("device_del", {"id": "zz"}),
    request("closefd", {"fdname": "a"}),
    request("xen-save-devices-state", {"filename": "/a"}),
    request("xen-load-devices-state", {"filename": "/a"}),
    request("xen-set-replication", {"enable": True, "primary": True}),
    request("xen-colo-do-checkpoint"),
    request("human-monitor-command", {"command-line": "loadvm a"}),
    request("calc-dirty-rate", {"calc-time": 99}),
)


def cases() -> Iterator[tuple[Case, Words]]:
    for asked in EVERY:
        contract = CONTRACTS.get(asked.command)
        for case in contract.cases if contract else ():
            words = case.words(asked, FRESH) if callable(case.words) else case.words
            if words is not None and words != Words() and case.asks(asked):
                yield case, words


@pytest.mark.parametrize(("case", "words"), list(cases()), ids=lambda part: getattr(part, "id", ""))
def test_every_refusal_has_words(case: Case, words: Words) -> None:
    assert words.admit(text_of(words, rule=case.id, state=FRESH, given={}))


WORDS = st.builds(
    Words,
    st.frozensets(st.text(min_size=1), max_size=3),
    st.lists(st.text(min_size=1), max_size=3).map(tuple),
    st.booleans(),
    st.frozensets(st.text(), max_size=3),
    st.text(max_size=5),
)


@given(WORDS, st.text(), st.text())
def test_what_is_meant_is_said(words: Words, said: str, reason: str) -> None:
    text = text_of(words, said=said, reason=reason)
    if words.exact or words.beginnings or words.anything:
        assert words.admit(text)
    if said and words.admit(said):
        assert text == said


def test_the_reason_of_the_host_comes_before_other_texts() -> None:
    words = Words(frozenset({"An IO error has occurred"}), ("Unable to open /a: ",))
    assert text_of(words, reason="Is a directory") == "Unable to open /a: Is a directory"
    assert text_of(words) == "An IO error has occurred"


# as observed on QEMU 5.2.0
def test_what_a_real_one_says() -> None:
    anything = Words(anything=True)
    assert text_of(anything, rule="device_add.refused", given={"driver": "zz"}) == (
        "'zz' is not a valid device model name"
    )
    assert text_of(anything, rule="device_del.refused", given={"id": "zz"}) == (
        "Device zz is already in the process of unplug"
    )
    assert text_of(anything, rule="savevm.refused") == "No block device can accept snapshots"
    assert text_of(anything, rule="loadvm.refused") == "No block device supports snapshots"
    assert text_of(Words(beginnings=("Failed to get ", "Could not "))) == 'Failed to get "write" lock'
    assert text_of(Words(beginnings=("RDMA ERROR: ",))) == "RDMA ERROR: could not create CM channel"
    assert text_of(Words(beginnings=("Failed to bind socket to /x: ",))) == (
        "Failed to bind socket to /x: No such file or directory"
    )


def test_which_side_could_not_be_paused() -> None:
    words = Words(frozenset({"Failed to pause source migration", "Failed to pause destination migration"}))
    rule = "migrate-pause.no-shutdown"
    source = assign(FRESH, {"outgoing": "postcopy-active"})
    destination = assign(FRESH, {"incoming": "postcopy-active"})
    assert text_of(words, rule=rule, state=source) == "Failed to pause source migration"
    assert text_of(words, rule=rule, state=destination) == "Failed to pause destination migration"
    assert text_of(words) == "Failed to pause destination migration"
