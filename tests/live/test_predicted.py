"""QEMU answers each random request as the specification predicts, idle or migrating, and is judged to have done so."""

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pytest
from tests.live.predicted import LOOSE, Outcome, Predicted, draw, outcomes, run
from tests.live.qemu import QemuInstall
from tests.live.situations import DESTINATION, HOLDING, IDLE, SCHEMA, SITUATIONS, SOURCE, Situation, objection

from migspec.properties.strategies import Drawn, DrawnRequest
from migspec.traces.catalogue import CATALOGUE

SEED: Final = 20_201_124
SAMPLE: Final = 350
EACH: Final = 50
"""Requests to a process in the sample: few, so that all sets of capabilities have their turn."""

MANY: Final[Mapping[str, int]] = {"idle": 6_000, "source": 7_000, "destination": 7_000}
JOBS: Final = 2

EVERY: Final = [pytest.param(situation, id=name) for name, situation in SITUATIONS.items()]


def request(command: str, **arguments: Any) -> DrawnRequest:
    return DrawnRequest({"execute": command, "arguments": arguments}, command, Drawn(arguments))


def setting(**parameters: Any) -> DrawnRequest:
    return request("migrate-set-parameters", **{name.replace("_", "-"): value for name, value in parameters.items()})


def switching(name: str, state: bool = True) -> DrawnRequest:
    return request("migrate-set-capabilities", capabilities=[{"capability": name, "state": state}])


def predicted(situation: Situation, *capabilities: str) -> Predicted:
    return Predicted(situation.state(capabilities), situation.values())


def error(text: str) -> dict[str, Any]:
    return {"error": {"class": "GenericError", "desc": text}}


# -- without QEMU --


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (list(islice(draw(seed), 60)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("situation", EVERY)
def test_of_every_command_something_is_sent(situation: Situation) -> None:
    state = situation.state(situation.capabilities[0])
    sent = {one.command for one in islice(draw(SEED), 700) if not objection(situation, one, state)}
    assert SCHEMA.commands.keys() <= sent


MIGRATION = "exec:true"


@pytest.mark.parametrize(
    ("situation", "drawn", "why"),
    [
        (IDLE, request("migrate", uri=MIGRATION), "stage may change"),
        (IDLE, request("migrate", uri=MIGRATION, blk=1), ""),
        (IDLE, request("migrate", uri="nowhere"), ""),
        (IDLE, request("migrate_cancel"), ""),
        (IDLE, request("quit"), "life may change"),
        (IDLE, request("quit", now=True), ""),
        (IDLE, setting(tls_authz=None), "life may change"),
        (IDLE, setting(tls_creds=None), ""),
        (IDLE, setting(max_bandwidth=0), ""),
        (IDLE, setting(multifd_channels=9), ""),
        (IDLE, switching("multifd"), ""),
        (IDLE, request("calc-dirty-rate", **{"calc-time": 1}), "dirty-rate may change"),
        (IDLE, request("calc-dirty-rate", **{"calc-time": 61}), ""),
        (IDLE, request("xen-save-devices-state", filename="x"), "a file would be written or loaded"),
        (SOURCE, request("migrate", uri=MIGRATION), ""),
        (SOURCE, request("migrate_cancel"), "outgoing may change"),
        (SOURCE, request("migrate_cancel", now=True), ""),
        (SOURCE, request("migrate-continue", state="active"), ""),
        (SOURCE, request("migrate-start-postcopy"), ""),
        (SOURCE, setting(tls_authz=None), "life may change"),
        (SOURCE, setting(max_bandwidth=HOLDING[-1]), ""),
        (SOURCE, setting(max_bandwidth=HOLDING[-1] + 1), "the bandwidth would let the migration go"),
        (SOURCE, setting(max_bandwidth=HOLDING[-1] + 1, max_cpu_throttle=100), ""),
        (SOURCE, request("migrate_set_speed", value=0), "the bandwidth would let the migration go"),
        (SOURCE, setting(downtime_limit=2_000_000), ""),
        (SOURCE, setting(multifd_channels=9), ""),
        (SOURCE, switching("multifd"), ""),
        (SOURCE, request("stop"), ""),
        (DESTINATION, request("migrate", uri=MIGRATION), ""),
        (DESTINATION, request("migrate_cancel"), ""),
        (DESTINATION, switching("multifd"), "switched-late may change"),
        (DESTINATION, switching("compress"), "switched-late may change"),
        (DESTINATION, switching("compress", state=False), ""),
        (DESTINATION, setting(max_bandwidth=0), ""),
        (DESTINATION, setting(decompress_threads=9), ""),
        (DESTINATION, request("cont"), ""),
    ],
)
def test_what_would_end_the_situation_is_not_sent(situation: Situation, drawn: DrawnRequest, why: str) -> None:
    assert objection(situation, drawn, situation.state(())) == why


@pytest.mark.parametrize(
    ("situation", "capability", "drawn", "why"),
    [
        (SOURCE, "multifd", setting(multifd_channels=9), "the number of threads in use would change, a known defect"),
        (SOURCE, "compress", setting(multifd_channels=9), ""),
        (SOURCE, "postcopy-ram", request("migrate-start-postcopy"), "switch-asked may change"),
        (
            DESTINATION,
            "compress",
            setting(decompress_threads=9),
            "the number of threads in use would change, a known defect",
        ),
        (DESTINATION, "postcopy-ram", request("migrate-start-postcopy"), ""),
    ],
)
def test_it_depends_on_the_capabilities(situation: Situation, capability: str, drawn: DrawnRequest, why: str) -> None:
    assert objection(situation, drawn, situation.state((capability,))) == why


PROGRESS = {"setup-time": 1, "total-time": 1, "expected-downtime": 1}


@pytest.mark.parametrize(
    ("situation", "drawn", "message", "complaint"),
    [
        (IDLE, request("stop"), {"return": {}}, ""),
        (IDLE, request("stop"), {"return": {}, "id": None}, "the id is None"),
        (IDLE, request("stop"), error("no"), "the reply is none of: success"),
        (IDLE, request("migrate_set_speed", value=1), {"return": {"x": 1}}, "the reply is none of: success"),
        (IDLE, request("query-migrate"), {"return": {"status": "cancelled"}}, "the reply is none of: the answer to"),
        (IDLE, request("query-migrate-cache-size"), {"return": 1 << 26}, ""),
        (IDLE, request("query-migrate-cache-size"), {"return": 4096}, "the value is 4096, not 67108864"),
        (
            IDLE,
            setting(max_cpu_throttle=10),
            error("Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99"),
            "",
        ),
        (IDLE, setting(max_cpu_throttle=10), {"return": {}}, "the reply is none of: error GenericError"),
        (IDLE, setting(max_cpu_throttle=1, multifd_compression="zstd"), error("Invalid parameter 'zstd'"), ""),
        (SOURCE, switching("events"), error("There's a migration process in progress"), ""),
        (SOURCE, switching("events"), {"return": {}}, "the reply is none of: error GenericError"),
        (SOURCE, request("query-migrate"), {"return": {}}, "the reply is none of: the answer to"),
        (SOURCE, request("query-migrate"), {"return": {"status": "failed"}}, "the reply is none of: the answer to"),
        (DESTINATION, switching("events"), {"return": {}}, ""),
        (DESTINATION, request("migrate", uri="tcp:"), error("Guest is waiting for an incoming migration"), ""),
        (DESTINATION, request("query-migrate"), {"return": {"status": "active"}}, "the reply is none of: the answer"),
        (
            DESTINATION,
            request("query-migrate"),
            {"return": {"status": "active", "socket-address": [{"type": "unix", "path": "/x"}]}},
            "",
        ),
    ],
)
def test_a_wrong_reply_is_noticed(
    situation: Situation, drawn: DrawnRequest, message: dict[str, Any], complaint: str
) -> None:
    told = list(predicted(situation).answered(drawn, message))
    assert [text[: len(complaint)] for text in told] == [complaint] * bool(complaint)


def test_what_is_set_is_expected_from_then_on() -> None:
    idle = predicted(IDLE)
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
@pytest.mark.parametrize("situation", EVERY)
def test_replies_are_as_predicted(situation: Situation, qemu52: QemuInstall, tmp_path: Path) -> None:
    count, _ = summed(list(outcomes(qemu52, situation, SAMPLE, SEED, tmp_path, each=EACH)))
    assert count == SAMPLE


@pytest.mark.live
def test_an_unknown_scheme_takes_back_what_a_bad_address_has_left_on(qemu52: QemuInstall, tmp_path: Path) -> None:
    bad, unknown = request("migrate", uri="vsock:", inc=True), request("migrate", uri="none")
    sent = [bad, request("migrate", uri="vsock:"), unknown, unknown]
    count, _ = summed([run(qemu52, IDLE, sent, tmp_path / "t.jsonl")])
    assert count == len(sent)


@pytest.mark.live
def test_a_second_negotiation_is_refused_after_its_arguments_were_checked(qemu52: QemuInstall, tmp_path: Path) -> None:
    every: list[dict[str, Any]] = [{"x": 1}, {"enable": "oob"}, {"enable": ["x"]}, {"enable": ["oob"]}, {}]
    sent = [request("qmp_capabilities", **arguments) for arguments in every]
    count, _ = summed([run(qemu52, IDLE, sent, tmp_path / "t.jsonl")])
    assert count == len(sent)


@pytest.mark.live
def test_the_largest_cache_is_shown_as_a_negative_size(qemu52: QemuInstall, tmp_path: Path) -> None:
    sent = [setting(xbzrle_cache_size=1 << 63), request("query-migrate"), request("query-migrate-cache-size")]
    turn = next(turn for turn, on in enumerate(SOURCE.capabilities) if "xbzrle" in on)
    trace = tmp_path / "t.jsonl"
    count, _ = summed([run(qemu52, SOURCE, sent, trace, turn=turn)])
    assert count == len(sent)
    assert f'"cache-size": {-(1 << 63)}' in trace.read_text()


@pytest.mark.live
def test_qmp_has_no_snapshots(qemu52: QemuInstall, tmp_path: Path) -> None:
    sent = [request("savevm", name="s"), request("loadvm", name="s"), request("query-status")]
    count, _ = summed([run(qemu52, IDLE, sent, tmp_path / "t.jsonl")])
    assert count == len(sent)


@pytest.mark.live
def test_the_end_of_a_situation_is_noticed(qemu52: QemuInstall, tmp_path: Path) -> None:
    careless = replace(SOURCE, kept=frozenset[str]())
    outcome = run(qemu52, careless, [request("migrate_cancel")], tmp_path / "t.jsonl")
    assert outcome.faults[0].startswith("src is in cancel")


@pytest.mark.live
@pytest.mark.soak
@pytest.mark.parametrize("situation", EVERY)
def test_many_replies_are_as_predicted(situation: Situation, qemu52: QemuInstall, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"\n{situation.name}: random requests from seed {seed}", flush=True)
    began = time.monotonic()
    found = list(outcomes(qemu52, situation, MANY[situation.name], seed, tmp_path, jobs=JOBS))
    count, loose = summed(found)
    left_out: Counter[str] = sum((outcome.left_out for outcome in found), Counter())
    print(f"{situation.name}: {count} requests answered as predicted in {time.monotonic() - began:.0f} s")
    print(f"left open by the contracts: {json.dumps(dict(loose.most_common()))}")
    print(f"not sent: {json.dumps(dict(left_out.most_common()))}")
    assert count == MANY[situation.name]
