"""What a person is shown is what a real QEMU showed, of the same answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.answers.test_migration import ALL, STATES

from migspec.reference_impl.answers.human import View, output, shown
from migspec.reference_impl.answers.lines import Question
from migspec.reference_impl.answers.migration import migration_told
from migspec.reference_impl.answers.settings import capabilities_told
from migspec.reference_impl.calls import Failure, Return
from migspec.reference_impl.options import Options
from migspec.spec.bitmaps import BitmapAlias, NodeAlias
from migspec.spec.parameters import DEFAULTS, Value
from migspec.spec.state import FRESH, assign
from migspec.spec.vocabulary import RunState

MIGRATIONS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden/info_migrate.json").read_text())
"""Answers of QEMU 5.2.0 to query-migrate and what it showed at the same moment."""


def view(
    run: str = "running",
    migration: dict[str, Any] | None = None,
    state: int = FRESH,
    name: str = "",
    **values: Value,
) -> View:
    changed = {key.replace("_", "-"): value for key, value in values.items()}
    return View(run, migration or {}, capabilities_told(state), {**DEFAULTS, **changed}, Options(name=name))


@pytest.mark.parametrize("seen", MIGRATIONS, ids=lambda seen: str(seen["scenario"]))
def test_migrations(seen: dict[str, Any]) -> None:
    assert shown("info migrate", view(migration=seen["answer"])) == seen["text"]


def test_the_status() -> None:
    assert shown("info status", view()) == "VM status: running\r\n"
    assert shown("info status", view("paused")) == "VM status: paused\r\n"
    assert shown("info status", view("inmigrate")) == "VM status: paused (inmigrate)\r\n"


CAPABILITIES = (
    "xbzrle: off\r\nrdma-pin-all: off\r\nauto-converge: off\r\nzero-blocks: off\r\ncompress: off\r\nevents: on\r\n"
    "postcopy-ram: off\r\nx-colo: off\r\nrelease-ram: off\r\nblock: off\r\nreturn-path: off\r\n"
    "pause-before-switchover: off\r\nmultifd: off\r\ndirty-bitmaps: off\r\npostcopy-blocktime: off\r\n"
    "late-block-activate: off\r\nx-ignore-shared: off\r\nvalidate-uuid: off\r\n"
)

PARAMETERS = (
    "announce-initial: 1024 ms\r\nannounce-max: 550 ms\r\nannounce-rounds: 5\r\nannounce-step: 100 ms\r\n"
    "compress-level: 1\r\ncompress-threads: 44\r\ncompress-wait-thread: on\r\ndecompress-threads: 2\r\n"
    "throttle-trigger-threshold: 50\r\ncpu-throttle-initial: 16\r\ncpu-throttle-increment: 10\r\n"
    "cpu-throttle-tailslow: off\r\nmax-cpu-throttle: 99\r\ntls-creds: 'null'\r\ntls-hostname: ''\r\n"
    "max-bandwidth: 1073741824 bytes/second\r\ndowntime-limit: 300 ms\r\nx-checkpoint-delay: 1 ms\r\n"
    "block-incremental: on\r\nmultifd-channels: 2\r\nmultifd-compression: none\r\nxbzrle-cache-size: 65536 bytes\r\n"
    "max-postcopy-bandwidth: 1\r\ntls-authz: ''\r\n"
)

MAPPING = "block-bitmap-mapping:\r\n  'n' -> 'a'\r\n    'b' -> 'c'\r\n    'd' -> 'e'\r\n  'm' -> 'z'\r\n"
NODES = (NodeAlias("n", "a", (BitmapAlias("b", "c"), BitmapAlias("d", "e"))), NodeAlias("m", "z"))


def test_settings() -> None:
    assert shown("info migrate_capabilities", view(state=assign(FRESH, {"cap.events": "yes"}))) == CAPABILITIES
    changed = view(
        announce_initial=1024,
        compress_threads=44,
        cpu_throttle_initial=16,
        tls_creds="null",
        max_bandwidth=1 << 30,
        x_checkpoint_delay=1,
        block_incremental=True,
        xbzrle_cache_size=65536,
        max_postcopy_bandwidth=1,
    )
    assert shown("info migrate_parameters", changed) == PARAMETERS
    assert shown("info migrate_parameters", view(block_bitmap_mapping=NODES)).endswith("tls-authz: ''\r\n" + MAPPING)
    assert shown("info migrate_cache_size", changed) == "xbzrel cache size: 64 kbytes\r\n"


def test_who_it_is() -> None:
    assert shown("info version", view()) == "5.2.0Debian 1:5.2+dfsg-11+deb11u3\r\n"
    assert shown("info kvm", view()) == "kvm support: disabled\r\n"
    assert shown("info uuid", view()) == "00000000-0000-0000-0000-000000000000\r\n"
    assert shown("info name", view()) == ""
    assert shown("info name", view(name="a")) == "a\r\n"


def test_commands_and_complaints() -> None:
    assert output(Return({})) == ""
    text = "Migration not in expected state: failed"
    assert output(Failure(text)) == f"Error: {text}\r\n"
    assert shown("foo", view()) == "unknown command: 'foo'\r\n"
    assert shown("migrate_cancel", view()) == ""


@given(STATES, st.sampled_from(RunState), st.sampled_from(Question))
def test_every_state_can_be_shown(state: int, run: RunState, asked: str) -> None:
    text = shown(f"info {asked}", view(run, migration_told(state, ALL), state))
    assert text == "" or text.endswith("\r\n")
    assert asked == "name" or text
