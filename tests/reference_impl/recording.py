"""Writes down what crossed the monitors of a world, and has it judged."""

from pathlib import Path

from migspec.reference_impl.virtual import Ended, World
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.findings import Report
from migspec.traces.format import Direction, Header, TraceWriter, VmInfo
from migspec.traces.judge import Options, judge_file


def write(world: World, path: Path) -> None:
    """The whole record of a world as a trace."""
    vms = {name: VmInfo(None, "qemu", "5.2.0") for name in world.hosts}
    monitors = {name: len(host.clients) for name, host in world.hosts.items()}
    with TraceWriter(path, Header(vms, "model", "")) as writer:
        for entry in world.record:
            if isinstance(entry, Ended):
                for number in range(monitors[entry.vm]):
                    writer.end(entry.vm, _mon(number), entry.how.value, t=entry.at)
                continue
            direction = Direction.TO_SERVER if entry.sent else Direction.TO_CLIENT
            writer.message(entry.vm, direction, dict(entry.message), entry.at, _mon(entry.monitor))


def _mon(number: int) -> str | None:
    return f"m{number}" if number else None


def judged(world: World, folder: Path, profile: str = QEMU_5_2_0) -> Report:
    """What the judge says of the record of a world."""
    path = folder / "model.jsonl"
    write(world, path)
    return judge_file(str(path), Options(profile=profile))
