"""Single-field corruptions: what was found before is still found, and what slips through has its reason."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from tests.faults.corruptions import Corruption, corruptions, is_found, outcomes
from tests.faults.slack import SLACK, SLACK_TEXT, as_text, reason_for, stale, unexplained

EVERY = 17
"""Of so many corruptions one is judged in the usual tests."""

LISTED = re.compile(r"^\| (?P<kind>.+?) \| (?:`(?P<member>.+)`|the message) \| (?P<what>.+?) \| \d+ of \d+ \|$")


def listed() -> set[tuple[str, str, str]]:
    """What the document says may slip through: the kind of message, the member and the corruption."""
    matches = filter(None, map(LISTED.match, SLACK_TEXT.read_text().splitlines()))
    return {(match["kind"], match["member"] or "", match["what"]) for match in matches}


def judged(chosen: list[Corruption]) -> list[bool]:
    """Whether each is found, judged in other processes, which have none of the tests' type checks."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(is_found, chosen, chunksize=16))


def test_every_kind_of_message_is_corrupted_in_every_member() -> None:
    every = list(corruptions())
    assert len(every) > 3000
    assert len({corruption.target.kind for corruption in every}) > 60
    assert len({corruption.target for corruption in every}) > 350


def test_a_corruption_changes_one_line() -> None:
    for corruption in list(corruptions())[:: EVERY * 5]:
        whole = corruption.lines()
        assert sum(a != b for a, b in zip(whole, corruption.recorded(), strict=True)) == 1


def test_what_the_document_does_not_list_is_found() -> None:
    known = listed()
    chosen = [c for c in list(corruptions())[::EVERY] if (c.target.kind, c.target.member, c.what) not in known]
    chosen.sort(key=lambda corruption: (corruption.place.trace, corruption.place.index))
    missed = [f"{c.target}, {c.what}: {c.place}" for c, found in zip(chosen, judged(chosen), strict=True) if not found]
    assert not missed


def test_all_that_is_listed_has_a_reason() -> None:
    targets = {(c.target.kind, c.target.member): c.target for c in corruptions()}
    assert listed()
    assert all(reason_for(targets[kind, member], what) for kind, member, what in listed())


def test_every_reason_is_in_the_document() -> None:
    text = SLACK_TEXT.read_text()
    assert all(f"## {slack.reason}\n" in text for slack in SLACK)


@pytest.mark.soak
def test_the_document_is_current() -> None:
    found = outcomes()
    print(f"\n{sum(count for count, _ in found.values())} of {sum(n for _, n in found.values())} corruptions found")
    assert unexplained(found) == []
    assert stale(found) == []
    assert as_text(found) == SLACK_TEXT.read_text()
