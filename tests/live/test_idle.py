"""An idle QEMU answers each random request as the specification predicts, and the recording is judged so too."""

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.live.idle import COMMANDS, LOOSE, NEVER_SENT, SCHEMA, Idle, Outcome, draw, is_harmless, outcomes, run
from tests.live.qemu import QemuInstall

from migspec.properties.strategies import Drawn, DrawnRequest
from migspec.traces.catalogue import CATALOGUE

SAMPLE, SEED = 500, 20_201_124
MANY = 20_000
JOBS = 2


def request(command: str, **arguments: Any) -> DrawnRequest:
    return DrawnRequest({"execute": command, "arguments": arguments}, command, Drawn(arguments))


# -- without QEMU --


def test_the_same_seed_draws_the_same() -> None:
    assert draw(60, 1) == draw(60, 1) != draw(60, 2)


def test_every_command_is_drawn_but_those_that_are_left_out() -> None:
    drawn = Counter(one.command for one in draw(SAMPLE, SEED) if one.command in SCHEMA.commands)
    assert sorted(drawn) == COMMANDS
    assert not drawn.keys() & NEVER_SENT.keys()


@pytest.mark.parametrize(
    ("drawn", "harmless"),
    [
        (request("migrate", uri="exec:true"), False),
        (request("migrate", uri="exec:true", blk=1), True),
        (request("migrate", uri="nowhere"), True),
        (request("migrate-set-parameters", **{"tls-authz": None}), False),
        (request("migrate-set-parameters", **{"tls-creds": None}), True),
    ],
)
def test_what_would_do_harm_is_not_sent(drawn: DrawnRequest, harmless: bool) -> None:
    assert is_harmless(drawn) == harmless


@pytest.mark.parametrize(
    ("drawn", "message", "complaint"),
    [
        (request("stop"), {"return": {}}, ""),
        (request("stop"), {"return": {}, "id": None}, "the id is None"),
        (request("stop"), {"error": {"class": "GenericError", "desc": "no"}}, "the reply is none of: success"),
        (request("migrate_set_speed", value=1), {"return": {"x": 1}}, "the reply is none of: success"),
        (request("query-migrate"), {"return": {"status": "cancelled"}}, "the reply is none of: the answer to"),
        (request("query-migrate-cache-size"), {"return": 1 << 26}, ""),
        (request("query-migrate-cache-size"), {"return": 4096}, "the value is 4096, not 67108864"),
        (
            request("migrate-set-parameters", **{"max-cpu-throttle": 10}),
            {
                "error": {
                    "class": "GenericError",
                    "desc": "Parameter 'max_cpu_throttle' expects an integer in the range of "
                    "cpu_throttle_initial to 99",
                }
            },
            "",
        ),
        (
            request("migrate-set-parameters", **{"max-cpu-throttle": 10}),
            {"return": {}},
            "the reply is none of: error GenericError",
        ),
    ],
)
def test_a_wrong_reply_is_noticed(drawn: DrawnRequest, message: dict[str, Any], complaint: str) -> None:
    told = list(Idle().answered(drawn, message))
    assert [text[: len(complaint)] for text in told] == [complaint] * bool(complaint)


def test_what_is_set_is_expected_from_then_on() -> None:
    idle = Idle()
    assert list(idle.answered(request("migrate-set-cache-size", value=1 << 20), {"return": {}})) == []
    assert list(idle.answered(request("query-migrate-cache-size"), {"return": 1 << 20})) == []
    (told,) = idle.answered(request("query-migrate-cache-size"), {"return": 1 << 26})
    assert told == f"the value is {1 << 26}, not {1 << 20}"


def test_what_leaves_something_open_is_a_rule() -> None:
    assert LOOSE.keys() <= CATALOGUE.keys()


# -- with QEMU --


def summed(found: list[Outcome]) -> tuple[int, Counter[str]]:
    """How many requests got their reply, and which rules left something open; fails on every fault."""
    assert [fault for outcome in found for fault in outcome.faults] == []
    loose: Counter[str] = sum((outcome.loose for outcome in found), Counter())
    assert loose.keys() <= LOOSE.keys(), loose
    return sum(outcome.requests for outcome in found), loose


@pytest.mark.live
def test_replies_are_as_predicted(qemu52: QemuInstall, tmp_path: Path) -> None:
    count, _ = summed(list(outcomes(qemu52, SAMPLE, SEED, tmp_path)))
    assert count == SAMPLE


@pytest.mark.live
def test_an_unknown_scheme_takes_back_what_a_bad_address_has_left_on(qemu52: QemuInstall, tmp_path: Path) -> None:
    ask = (request("query-migrate-capabilities"), request("query-migrate-parameters"))
    bad, unknown = request("migrate", uri="vsock:", inc=True), request("migrate", uri="none")
    sent = [bad, *ask, request("migrate", uri="vsock:"), *ask, unknown, *ask, unknown, *ask]
    count, _ = summed([run(qemu52, sent, tmp_path / "t.jsonl")])
    assert count == len(sent)


@pytest.mark.live
@pytest.mark.soak
def test_many_replies_are_as_predicted(qemu52: QemuInstall, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"\nidle requests from seed {seed}", flush=True)
    began = time.monotonic()
    count, loose = summed(list(outcomes(qemu52, MANY, seed, tmp_path, JOBS)))
    print(f"{count} requests answered as predicted in {time.monotonic() - began:.0f} s")
    print(f"left open by the contracts: {json.dumps(dict(loose.most_common()))}")
    assert count == MANY
