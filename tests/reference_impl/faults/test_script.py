"""The language of fault scripts: what it has comes back, and whatever else is refused in one sentence."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl import decisions
from migspec.reference_impl.faults.model import (
    EVERY,
    Action,
    After,
    Becomes,
    Clear,
    Cut,
    DropRecovery,
    Executes,
    Fail,
    Fault,
    GuestDoes,
    Hang,
    Happen,
    Hold,
    HostHas,
    Kill,
    KillPeer,
    Late,
    Now,
    Refuse,
    Sends,
    Sent,
    TakeRow,
    Terminate,
    Trigger,
)
from migspec.reference_impl.faults.script import FaultError, parse, parse_action
from migspec.reference_impl.faults.words import (
    ACTIONS,
    CASE_IDS,
    COMMANDS,
    EVENTS,
    GUEST_EVENTS,
    HOLDABLE,
    HOST_TROUBLES,
    KNOWN_DEFECTS,
    PLAIN_TRIGGERS,
    PRESETS,
    ROW_IDS,
    TRIGGERS,
)
from migspec.spec.state import VARIABLES

seconds = st.integers(1000, 10**9).map(lambda micros: micros / 10**6)
values = st.sampled_from([(name, value) for name in VARIABLES if name != "session" for value in VARIABLES[name].values])
texts = st.text(st.characters(codec="utf-8", exclude_characters=";"), min_size=1).map(str.strip).filter(bool)


TIMED: st.SearchStrategy[Trigger] = st.one_of(
    seconds.map(After),
    st.integers(1, 100_000).map(lambda thousandths: Sent(thousandths / 1000)),
    values.map(lambda pair: Becomes(*pair)),
    st.sampled_from(sorted(EVENTS)).map(Sends),
    st.sampled_from(sorted(COMMANDS)).map(Executes),
)
WHAT: st.SearchStrategy[Action] = st.one_of(
    st.sampled_from([Cut(), Refuse(), KillPeer(), Kill(), Terminate(), Hang(), DropRecovery(), Fail(), Clear()]),
    texts.map(Refuse),
    seconds.map(Late),
    st.sampled_from(sorted(ROW_IDS)).map(TakeRow),
    st.sampled_from(sorted(CASE_IDS)).map(Happen),
    st.sampled_from(sorted(HOLDABLE)).map(Hold),
    st.sampled_from(sorted(GUEST_EVENTS)).map(GuestDoes),
    st.sampled_from(sorted(HOST_TROUBLES)).map(HostHas),
)
FAULTS: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Fault, st.just(Now()), WHAT),
    st.builds(Fault, TIMED, WHAT, st.one_of(st.just(1), st.just(EVERY), st.integers(2, 999_999))),
)


@given(st.lists(FAULTS, min_size=1, max_size=4), st.sampled_from([";", "; ", " ;", ";;"]))
def test_what_a_script_says_can_be_said_again(faults: list[Fault], separator: str) -> None:
    assert parse(separator.join(map(str, faults))) == tuple(faults)


@given(WHAT)
def test_an_action_alone_happens_now(action: Action) -> None:
    assert parse(str(action)) == (Fault(Now(), action),)
    assert parse_action(str(action)) == action


PIECES = st.lists(
    st.sampled_from(["at", "=", "40%", "40", "%", ":", "cut", "#", "2", "every", "0", ";", " ", "now", "after", "2.5s"])
    | st.sampled_from(["outgoing", "active", "refuse", "take", "hang", "fail", "outgoing.commit", "event", "STOP", "é"])
)


@given(st.one_of(st.text(), PIECES.map("".join)))
def test_any_text_is_a_script_or_refused_with_its_place(text: str) -> None:
    faults, refused = parsed(text)
    if refused is None:
        assert parse(";".join(map(str, faults))) == faults
        return
    assert refused.script == text
    assert 0 <= refused.position <= len(text)
    assert text[refused.position :].startswith(refused.found)
    assert refused.expected in str(refused)
    assert "\n" not in str(refused)


def parsed(text: str) -> tuple[tuple[Fault, ...], FaultError | None]:
    try:
        return parse(text), None
    except FaultError as error:
        return (), error


def is_unit(text: str, at: int) -> bool:
    """Whether this is the unit of a time, which may be left out."""
    return text[at] == "s" and text[at - 1].isdecimal()


@given(FAULTS, st.data())
def test_a_letter_less_is_noticed_or_means_something_else(fault: Fault, data: st.DataObject) -> None:
    text = str(fault)
    at = data.draw(st.integers(0, len(text) - 1).filter(lambda place: not is_unit(text, place)))
    try:
        shorter = parse(text[:at] + text[at + 1 :])
    except FaultError:
        return
    assert shorter != (fault,)


@pytest.mark.parametrize(
    ("script", "position", "found", "expected"),
    [
        ("", 0, "", "a fault, such as at=40%:cut"),
        (" ; ", 0, "", "a fault, such as at=40%:cut"),
        ("at=40:cut", 3, "40", "at=40%"),
        ("at=0%:cut", 3, "0%", "at=40%"),
        ("at=101%:cut", 3, "101%", "at=40%"),
        ("at:cut", 2, "", "at=40%"),
        ("at=:cut", 3, "", "at=40%"),
        ("now=1:cut", 4, "1", "now alone"),
        ("now#2:cut", 4, "2", "no count, for now is once"),
        ("at=40%#0:cut", 7, "0", "a number from 1 on, or every"),
        ("at=40%#:cut", 7, "", "a number from 1 on, or every"),
        ("at=40%", 6, "", "a colon and an action after at=40%"),
        ("outgoing=activ:cut", 9, "activ", "outgoing= and a value: active"),
        ("after=0.0001s:cut", 6, "0.0001s", "after=2.5s"),
        ("event=STOPPED:cut", 6, "STOPPED", "event= and an event"),
        ("command=migrat:cut", 8, "migrat", "such as migrate"),
        ("session=ready:cut", 0, "session", "a time: after, at,"),
        ("at=40%:cutt", 7, "cutt", "an action: case, clear, cut,"),
        ("at=40%: cut=1", 12, "1", "cut alone"),
        ("now:cut; at=40%:", 16, "", "an action: case,"),
        ("take=outgoing.comit", 5, "outgoing.comit", "such as outgoing.commit"),
        ("hold=itering", 5, "itering", "iterating"),
        ("refuse=", 7, "", "refuse, or refuse=TEXT"),
        ("now:link-lost", 4, "link-lost", "an action"),
    ],
)
def test_a_wrong_script_is_refused(script: str, position: int, found: str, expected: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse(script)
    assert (caught.value.position, caught.value.found) == (position, found)
    assert caught.value.expected.startswith(expected) or expected in caught.value.expected
    assert str(caught.value).startswith(f"fault script {script!r}, character {position + 1}: found ")


def test_presets_are_scripts_of_their_own() -> None:
    for name, preset in PRESETS.items():
        assert parse(name) == parse(preset.script)
        assert preset.sentence.endswith(".")
    assert parse("link-lost;now:hang") == (*parse("at=40%:cut"), Fault(Now(), Hang()))


def test_known_defects_are_actions_by_their_ids() -> None:
    for name in KNOWN_DEFECTS:
        action = TakeRow(name) if name in ROW_IDS else Happen(name)
        assert parse(name) == (Fault(Now(), action),)
        assert parse(f"outgoing=active:{name}") == (Fault(Becomes("outgoing", "active"), action),)


def test_no_word_is_both_a_trigger_and_an_action() -> None:
    assert not set(TRIGGERS) & set(ACTIONS)
    assert not (set(TRIGGERS) | set(ACTIONS)) & set(PRESETS)
    assert set(PLAIN_TRIGGERS) <= set(TRIGGERS)
    assert not set(ROW_IDS) & set(CASE_IDS)


def test_each_trouble_of_the_host_decides_something() -> None:
    asked = re.findall(r'(?:on_wish|wanted)\("([^"]+)"\)', inspect.getsource(decisions))
    assert set(asked) == set(HOST_TROUBLES)
