"""The values of parameters in a trace: learned, set, refused, and read back over one monitor or several."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.talk import Json, Talk, Wire, found

from migspec.spec.parameters import DEFAULTS, READ, SET
from migspec.spec.schema import ABSENT
from migspec.traces.findings import Grade
from migspec.traces.messages import decode_line
from migspec.traces.settings import Settings, Span

FRESH: Json = {name: value for name, value in DEFAULTS.items() if value is not ABSENT}


def values(**changes: Any) -> Json:
    """An answer to query-migrate-parameters: that of a fresh process, with changes."""
    return FRESH | {name.replace("_", "-"): value for name, value in changes.items()}


def ignore(_line: int, _rule: str) -> None:
    """Heed no rule that was exercised."""


def violations(talk: Talk, *, other_clients: bool = False) -> list[tuple[int, str]]:
    return talk.violations(other_clients=other_clients)


def fresh(mon: str = "", talk: Talk | None = None) -> tuple[Talk, Wire]:
    talk = talk or Talk()
    return talk, talk.wire("src", mon).fresh()


# ---- one monitor ----


def test_what_was_set_is_read_back() -> None:
    talk, src = fresh()
    src.done(SET, downtime_limit=100).done(READ, values(downtime_limit=100))
    assert violations(talk) == []


def test_what_was_set_must_be_read_back() -> None:
    talk, src = fresh()
    src.done(SET, downtime_limit=100).done(READ, values(downtime_limit=300))
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


def test_what_was_not_set_keeps_its_value() -> None:
    talk, src = fresh()
    src.done(READ, values()).done(SET, downtime_limit=100).done(READ, values(downtime_limit=100, compress_level=2))
    assert violations(talk) == [(talk.line, f"{READ}.compress-level")]


def test_one_wrong_answer_is_one_finding() -> None:
    talk, src = fresh()
    src.done(READ, values()).done(READ, values(max_bandwidth=1)).done(READ, values(max_bandwidth=1))
    assert violations(talk) == [(talk.line - 2, f"{READ}.max-bandwidth")]


def test_the_first_answer_is_believed_whatever_the_defaults_are() -> None:
    talk, src = fresh()
    src.done(READ, values(compress_level=9)).done(READ, values(compress_level=9))
    assert violations(talk) == []


def test_what_was_refused_changes_nothing() -> None:
    text = "Parameter 'compress_level' expects is invalid, it should be in the range of 0 to 9"
    talk, src = fresh()
    src.done(READ, values()).request(SET, downtime_limit=5, compress_level=10).error(text)
    src.done(READ, values(downtime_limit=5))
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


def test_a_number_is_cut_to_its_width_which_is_noted() -> None:
    talk, src = fresh()
    src.done(SET, compress_level=258).done(READ, values(compress_level=2))
    assert violations(talk) == []
    assert found(talk.judge(), Grade.DEFECT) == [(talk.line - 2, f"{SET}.narrowed")]


def test_a_level_of_multifd_keeps_its_value_which_is_noted() -> None:
    talk, src = fresh()
    src.done(READ, values()).done(SET, multifd_zlib_level=9).done(READ, values())
    assert violations(talk) == []
    assert found(talk.judge(), Grade.DEFECT) == [(talk.line - 2, f"{SET}.ignored")]


def test_null_is_read_back_as_nothing() -> None:
    talk, src = fresh()
    src.done(SET, tls_creds="x").done(SET, tls_creds=None).done(READ, values(tls_creds="x"))
    assert violations(talk) == [(talk.line, f"{READ}.tls-creds")]


def test_a_mapping_is_read_back_in_its_order_and_cannot_vanish() -> None:
    mapping = [{"node-name": n, "alias": n, "bitmaps": [{"name": "b", "alias": "c"}]} for n in ("n", "m")]
    talk, src = fresh()
    src.done(READ, values()).done(SET, block_bitmap_mapping=mapping)
    src.done(READ, values(block_bitmap_mapping=mapping)).done(READ, values(block_bitmap_mapping=mapping[::-1]))
    src.done(READ, values())
    rule = f"{READ}.block-bitmap-mapping"
    assert violations(talk) == [(talk.line - 2, rule), (talk.line, rule)]


def test_every_parameter_is_told() -> None:
    answer = values()
    del answer["max-bandwidth"]
    talk, src = fresh()
    src.done(READ, answer)
    assert violations(talk) == [(talk.line, f"{READ}.complete")]


def test_the_deprecated_commands_set_and_read_the_same_values() -> None:
    talk, src = fresh()
    src.done("migrate_set_downtime", value=0.25).done("migrate_set_speed", value=-1)
    src.done("migrate-set-cache-size", value=8192).done("query-migrate-cache-size", 8192)
    src.done(READ, values(downtime_limit=250, max_bandwidth=2**64 - 1, xbzrle_cache_size=8192))
    assert violations(talk) == []
    src.done("query-migrate-cache-size", 4096)
    assert violations(talk) == [(talk.line, "query-migrate-cache-size.value")]


def test_block_incremental_is_known_to_the_states() -> None:
    talk, src = fresh()
    src.done(SET, block_incremental=True).done(READ, values())
    assert violations(talk) == [(talk.line, f"{READ}.block-incremental")]


# ---- refusals that depend on what is in force ----

TOO_LOW = "Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99"


def test_a_throttle_below_the_initial_one_is_refused() -> None:
    talk, src = fresh()
    src.done(READ, values()).request(SET, max_cpu_throttle=19).error(TOO_LOW)
    assert violations(talk) == []


def test_a_throttle_below_the_initial_one_cannot_be_accepted() -> None:
    talk, src = fresh()
    src.done(READ, values()).done(SET, max_cpu_throttle=19)
    assert violations(talk) == [(talk.line, f"{SET}.max-cpu-throttle.range")]


def test_a_throttle_above_the_initial_one_cannot_be_refused() -> None:
    talk, src = fresh()
    src.done(SET, cpu_throttle_initial=10, max_cpu_throttle=90).request(SET, max_cpu_throttle=19).error(TOO_LOW)
    assert violations(talk) == [(talk.line, f"{SET}.max-cpu-throttle.range")]


@pytest.mark.parametrize("accepted", [True, False])
def test_where_the_initial_throttle_is_not_known_both_may_be(accepted: bool) -> None:
    talk, src = fresh()
    src.request(SET, max_cpu_throttle=19)
    src = src.reply() if accepted else src.error(TOO_LOW)
    assert violations(talk) == []


# ---- several monitors, and what is not seen ----


def test_a_value_set_on_one_monitor_is_read_on_another() -> None:
    talk, a = fresh("a")
    b = talk.wire("src", "b").connected(events=False)
    a.done(READ, values()).done(SET, downtime_limit=7)
    b.done(READ, values())
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


@pytest.mark.parametrize(("told", "wrong"), [(300, False), (7, False), (8, True)])
def test_while_a_value_is_being_set_the_other_monitor_reads_either(told: int, wrong: bool) -> None:
    talk, a = fresh("a")
    b = talk.wire("src", "b").connected(events=False)
    a.done(READ, values()).request(SET, downtime_limit=7)
    b.done(READ, values(downtime_limit=told))
    assert violations(talk) == ([(talk.line, f"{READ}.downtime-limit")] if wrong else [])


def test_once_the_new_value_was_read_the_old_one_is_gone() -> None:
    talk, a = fresh("a")
    b = talk.wire("src", "b").connected(events=False)
    a.done(READ, values()).request(SET, downtime_limit=7)
    b.done(READ, values(downtime_limit=7)).done(READ, values())
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


def test_pipelined_commands_of_one_monitor_take_effect_in_their_order() -> None:
    talk, src = fresh()
    src.request(SET, downtime_limit=1).request(READ).request(SET, downtime_limit=2).reply()
    src.reply(values(downtime_limit=2))
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


def test_the_human_monitor_may_set_anything() -> None:
    talk, src = fresh()
    line = {"command-line": "migrate_set_parameter downtime-limit 9"}
    src.done(READ, values()).done("human-monitor-command", "", **line).done(READ, values(downtime_limit=9))
    src.done(READ, values())
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


def test_other_clients_may_set_anything() -> None:
    talk, src = fresh()
    src.done(READ, values()).done(READ, values(downtime_limit=9))
    assert violations(talk, other_clients=True) == []
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


def test_another_process_has_values_of_its_own() -> None:
    talk, src = fresh()
    src.done(READ, values()).done("quit").event("SHUTDOWN", guest=False, reason="host-qmp-quit").end()
    talk.wire("src").fresh().done(READ, values(downtime_limit=9))
    assert violations(talk) == []


def test_who_was_away_does_not_know_what_was_set_meanwhile() -> None:
    talk, src = fresh()
    src.done(READ, values()).end(by="client").connected(events=False).done(READ, values(downtime_limit=9))
    src.done(READ, values())
    assert violations(talk) == [(talk.line, f"{READ}.downtime-limit")]


# ---- the register itself ----


def told(settings: Settings, span: Span, returned: Json) -> list[str]:
    """The rules that an answer to query-migrate-parameters breaks, besides that of its completeness."""
    message = {"vm": "v", "dir": "<-", "msg": {"return": returned}}
    answer = decode_line(json.dumps(message).encode()).msg
    faults = settings.answered(span, READ, answer, span.answered)
    return [fault.rule for fault in faults if fault.rule != f"{READ}.complete"]


def test_a_monitor_older_than_the_trace_may_have_been_told_before() -> None:
    settings = Settings("qemu-5.2.0", ignore)
    settings.late(1)
    assert told(settings, Span(0, 2, 3), {"downtime-limit": 1}) == []
    assert told(settings, Span(0, 4, 5), {"downtime-limit": 2}) == []
    settings.caught_up([1], 6)
    assert told(settings, Span(0, 7, 8), {"downtime-limit": 3}) == []
    assert told(settings, Span(0, 9, 10), {"downtime-limit": 4}) == [f"{READ}.downtime-limit"]


def test_what_was_forgotten_is_learned_anew() -> None:
    settings = Settings("qemu-5.2.0", ignore)
    assert told(settings, Span(0, 2, 3), {"downtime-limit": 1}) == []
    settings.forget()
    assert settings.certain("downtime-limit", Span(0, 4, 5)) is None
    assert told(settings, Span(0, 4, 5), {"downtime-limit": 2}) == []
    assert settings.certain("downtime-limit", Span(0, 6, 7)) == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1), st.integers(0, 3)), max_size=14), st.randoms())
def test_whatever_a_register_does_is_accepted(operations: list[tuple[bool, int, int]], random: Any) -> None:
    """Two monitors write and read one register; each operation takes effect at some moment between its two lines."""
    settings = Settings("qemu-5.2.0", ignore)
    waiting: dict[int, list[tuple[bool, int]]] = {0: [], 1: []}
    for writes, monitor, value in operations:
        waiting[monitor].append((writes, value))
    stored, line = 300, 0
    sent: dict[int, tuple[int, bool, int, bool, int]] = {}
    while sent or any(waiting.values()):
        line += 1
        monitor = random.choice([m for m in (0, 1) if waiting[m] or m in sent])
        if monitor not in sent:
            writes, value = waiting[monitor].pop(0)
            if writes:
                settings.asked(monitor, line, SET, b'{"downtime-limit":%d}' % value)
            sent[monitor] = (line, writes, value, False, 0)
            continue
        asked, writes, value, done, read = sent[monitor]
        if not done:
            stored = value if writes else stored
            sent[monitor] = (asked, writes, value, True, stored)
            continue
        del sent[monitor]
        span = Span(monitor, asked, line)
        if not writes:
            assert told(settings, span, {"downtime-limit": read}) == []
            continue
        success = decode_line(b'{"vm":"v","dir":"<-","msg":{"return":{}}}').msg
        oldest = min((other[0] for other in sent.values()), default=line)
        assert list(settings.answered(span, SET, success, oldest)) == []
