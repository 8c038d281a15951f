"""Random sessions: commands good and bad to both sides of one to three migrations, with chance in everything.

All choices come from one `random.Random`.  A walk repeats its intent, not its trace: QEMU's threads and the
machine have a say too.  What is known to crash or hang QEMU by itself is left out, for it would show nothing
new: switching multifd or compression during a migration, a null tls-authz, resuming to nobody, and
migrating twice with a disk, and migrating again before the last migration has wound up.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.live.monitor import Message, Monitor
from tests.live.qemu import QemuInstall
from tests.live.scenarios.steps import SETTLING
from tests.live.session import Session, Vm

from migspec.spec.lifecycle.guards import ENDED_STATUSES

BUDGET: Final = 2.2
"""Seconds after which a walk begins nothing new."""

PATIENCE: Final = 0.5
"""Seconds that a reply may take; a VM that takes longer is left alone from then on."""

STATES: Final = (
    "none",
    "setup",
    "active",
    "pre-switchover",
    "device",
    "postcopy-active",
    "completed",
    "cancelled",
    "bogus",
)

GOAL_STATES: Final = frozenset(("none", *ENDED_STATUSES))
"""The outgoing status of a VM that may begin another migration."""

BAD_ADDRESSES: Final = ("bogus", "tcp:foo", "fd:nofd", "unix:", "unix:/nonexistent/m", "tcp:127.0.0.1:1", "")

BAD_REQUESTS: Final[tuple[tuple[str, Any], ...]] = (
    ("no-such-command", None),
    ("migrate", {}),
    ("migrate", {"uri": 1}),
    ("migrate-continue", None),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "bogus", "state": True}]}),
    ("migrate-set-parameters", {"downtime-limit": -1}),
    ("migrate-set-parameters", {"cpu-throttle-initial": 100}),
    ("query-migrate", {"bogus": 1}),
    ("client_migrate_info", {"protocol": "spice", "hostname": "x"}),
    ("x-colo-lost-heartbeat", None),
)

QUERIES: Final = (
    *("query-migrate",) * 9,
    *("query-status",) * 4,
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-colo-status",
    "query-dirty-rate",
)


def walk_vms(seed: int) -> Mapping[str, Vm]:
    """Return the VMs that the walk of this seed needs."""
    rng = Random(f"vms {seed}")
    stopped = [("-S",) if rng.random() < chance else () for chance in (0.12, 0.3, 0.3)]
    monitors = 2 if rng.random() < 0.2 else 1
    vms = {
        "src": Vm(stopped[0], monitors=monitors, dirty=8 if rng.random() < 0.15 else 0),
        "dst": Vm(stopped[1], incoming="defer", monitors=monitors),
    }
    if vms["src"].dirty:
        vms["dst"] = Vm(stopped[1], incoming="defer", monitors=monitors, dirty=8)
    elif rng.random() < 0.35:
        vms["other"] = Vm(stopped[2], incoming="defer")
    return vms


def record_walk(install: QemuInstall, trace: Path, seed: int, steps: int = 36) -> Session:
    """Record the walk of this seed, and return its session with what QEMU itself logged."""
    with Session(install, trace, walk_vms(seed), f"walk-{seed}", f"A random session, seed {seed}.") as session:
        random_walk(session, seed, steps)
    return session


def random_walk(session: Session, seed: int, steps: int = 36) -> Path:
    """Walk through a session that was made with `walk_vms` of the same seed; return the path of its trace."""
    _Walk(session, Random(seed), steps).run()
    return session.trace


class _Walk:
    def __init__(self, session: Session, rng: Random, steps: int) -> None:
        self.session = session
        self.rng = rng
        self.steps = steps
        self.deadline = time.monotonic() + BUDGET
        self.monitors: dict[str, list[Monitor]] = {}
        self.uri = ""
        self.addresses = 0
        self.actions: tuple[tuple[float, Callable[[str], None]], ...] = (
            (12, self.query),
            (0.9, self.cancel),
            (1.5, self.go_on),
            (1.5, self.start_postcopy),
            (0.8, self.break_postcopy),
            (0.8, self.migrate_again),
            (1.2, self.stop_or_cont),
            (0.3, self.reset),
            (1.5, self.tune),
            (0.6, self.change_capabilities),
            (1.2, self.bad_request),
            (0.6, self.pipeline),
            (0.4, self.reconnect),
            (0.15, self.end_process),
            (0.3, self.human),
        )

    def run(self) -> None:
        """One migration attempt for each destination, then perhaps one more to nowhere."""
        for vm in self.session.processes:
            self.connect(vm)
        destinations = [vm for vm in self.session.processes if vm != "src"]
        if self.rng.random() < 0.3:
            self.attempt(None)
        for destination in destinations:
            self.attempt(destination)
        if self.rng.random() < 0.5:
            self.attempt(None)
        if self.rng.random() < 0.3:
            for vm in self.session.processes:
                self.ask(vm, "quit")

    # -- talking --

    def over(self) -> bool:
        """Tell whether the walk has taken long enough."""
        return time.monotonic() > self.deadline

    def connect(self, vm: str) -> None:
        oob = self.rng.random() < 0.3
        count = len([name for name in self.session.recorder.addresses if name.partition("/")[0] == vm])
        self.monitors[vm] = [self.session.monitor(vm, number, oob=oob) for number in range(count)]
        if self.rng.random() < 0.85:
            self.capabilities(vm, {"events": True})

    def ask(self, vm: str, command: str, arguments: Mapping[str, Any] | None = None) -> Message:
        """Send a command by one of the VM's monitors; return an empty reply where there is none."""
        if not self.monitors.get(vm):
            return {}
        monitor = self.rng.choice(self.monitors[vm])
        try:
            return monitor.wait_reply(monitor.send_command(command, arguments), PATIENCE)
        except TimeoutError:
            self.monitors[vm] = []
        except (EOFError, OSError):
            self.lost(vm)
        return {}

    def lost(self, vm: str) -> None:
        """Take note that a VM has closed its monitors, usually for it has ended."""
        self.monitors[vm] = []
        with contextlib.suppress(TimeoutError):
            self.session.ended(vm, PATIENCE)

    def status(self, vm: str) -> str:
        """Ask for the migration status; `gone` where nobody answers."""
        reply = self.ask(vm, "query-migrate")
        return str(reply["return"].get("status", "none")) if "return" in reply else "gone"

    def rest(self, longest: float = 0.12) -> None:
        time.sleep(self.rng.random() * self.rng.choice((0.0, 0.2, 1.0)) * longest)

    # -- one attempt --

    def attempt(self, destination: str | None) -> None:
        if self.over():
            return
        self.prepare(destination)
        self.ask("src", "migrate", {"uri": self.uri})
        vms = ["src", "src", destination or "src"]
        weights = [weight for weight, _ in self.actions]
        if self.rng.random() < 0.3:
            self.start_postcopy("src")
        for _ in range(self.rng.randrange(self.steps // 2, self.steps)):
            if self.over():
                return
            self.rest()
            [(_, action)] = self.rng.choices(self.actions, weights)
            action(self.rng.choice(vms))
            if self.rng.random() < 0.15 and self.status("src") in GOAL_STATES | {"gone"}:
                break
        self.wind_down(destination)

    def prepare(self, destination: str | None) -> None:
        """Set both sides up, and let the destination listen."""
        time.sleep(SETTLING)
        if self.session.vms["src"].dirty and self.status("src") == "completed":
            self.ask("src", "cont")  # to send a disk that has been given away crashes QEMU
        chances = {
            "postcopy-ram": 0.35,
            "pause-before-switchover": 0.3,
            "return-path": 0.2,
            "xbzrle": 0.1,
            "auto-converge": 0.1,
            "release-ram": 0.05,
            "late-block-activate": 0.05,
        }
        states = {name: self.rng.random() < chance for name, chance in chances.items()}
        states["multifd"] = not states["postcopy-ram"] and destination is not None and self.rng.random() < 0.04
        if destination is None:
            states |= {"postcopy-ram": False, "return-path": False}  # a pipe has no way back
        for vm in ("src", destination):
            if vm is not None:
                self.capabilities(vm, states)
        bandwidth = int(10 ** self.rng.uniform(4.6, 7.5))
        limits = {"max-bandwidth": bandwidth, "downtime-limit": self.rng.choice((1, 300, 300, 2000))}
        if self.rng.random() < 0.5:
            limits["max-postcopy-bandwidth"] = int(10 ** self.rng.uniform(5, 8))
        self.ask("src", "migrate-set-parameters", limits)
        self.uri = self.listen(destination) if destination else self.nowhere()

    def nowhere(self) -> str:
        return self.rng.choice(("exec:cat > /dev/null", "exec:exit 1", *BAD_ADDRESSES))

    def listen(self, destination: str) -> str:
        """Let the destination listen, perhaps after a refused try, and return the address."""
        if self.rng.random() < 0.1:
            self.ask(destination, "migrate-incoming", {"uri": self.rng.choice(BAD_ADDRESSES[:4])})
        if self.rng.random() < 0.2:
            self.ask(destination, "migrate-incoming", {"uri": "tcp:127.0.0.1:0"})
            answer = self.ask(destination, "query-migrate").get("return", {})
            addresses = answer.get("socket-address") or [{"port": "1"}]
            return f"tcp:127.0.0.1:{addresses[0]['port']}"
        uri = self.address()
        self.ask(destination, "migrate-incoming", {"uri": uri})
        return uri

    def address(self) -> str:
        self.addresses += 1
        return "unix:" + self.session.path(f"m{self.addresses}")

    def wind_down(self, destination: str | None) -> None:
        """Help the migration to an end, whatever it waits for."""
        limits = {"max-bandwidth": 1 << 30, "max-postcopy-bandwidth": 0, "downtime-limit": 2000}
        self.ask("src", "migrate-set-parameters", limits)
        while not self.over() and (status := self.status("src")) not in GOAL_STATES | {"gone"}:
            if status == "pre-switchover":
                self.ask("src", "migrate-continue", {"state": status})
            elif status == "postcopy-active":  # a limit set before the switch does not hold after it
                self.ask("src", "migrate-set-parameters", {"max-postcopy-bandwidth": 0})
            elif status == "postcopy-paused" and not self.recover(destination):
                break
            time.sleep(0.02 + self.rng.random() * 0.06)
        for vm in ("src", destination):
            if vm is not None:
                self.ask(vm, "query-status")
                self.ask(vm, "query-migrate")

    def recover(self, destination: str | None) -> bool:
        """Recover a broken postcopy phase, if the destination will have it."""
        if destination is None:
            return False
        uri = self.address()
        if "return" not in self.ask(destination, "migrate-recover", {"uri": uri}):
            return False
        return "return" in self.ask("src", "migrate", {"uri": uri, "resume": True})

    # -- actions --

    def capabilities(self, vm: str, states: Mapping[str, bool]) -> None:
        entries = [{"capability": name, "state": state} for name, state in states.items()]
        self.ask(vm, "migrate-set-capabilities", {"capabilities": entries})

    def query(self, vm: str) -> None:
        self.ask(vm, self.rng.choice(QUERIES))

    def cancel(self, vm: str) -> None:
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            self.ask(vm, "migrate_cancel")

    def go_on(self, vm: str) -> None:
        state = "pre-switchover" if self.rng.random() < 0.6 else self.rng.choice(STATES)
        self.ask(vm, "migrate-continue", {"state": state})

    def start_postcopy(self, vm: str) -> None:
        self.ask(vm, "migrate-start-postcopy")

    def break_postcopy(self, vm: str) -> None:
        self.ask(vm, "migrate-pause")

    def migrate_again(self, vm: str) -> None:
        """Ask for a migration where there may be one; only where it does no harm if there is none."""
        arguments = {"uri": self.rng.choice(BAD_ADDRESSES)}
        status = self.status(vm)
        if status in GOAL_STATES:
            time.sleep(SETTLING)
        if self.rng.random() < 0.2 and status != "postcopy-paused":
            self.ask(vm, "migrate-recover", arguments)
        else:
            self.ask(vm, "migrate", arguments)

    def stop_or_cont(self, vm: str) -> None:
        self.ask(vm, self.rng.choice(("stop", "cont")))

    def reset(self, vm: str) -> None:
        self.ask(vm, "system_reset")

    def tune(self, vm: str) -> None:
        name, value = self.rng.choice(
            (
                ("max-bandwidth", int(10 ** self.rng.uniform(4.8, 9))),
                ("max-postcopy-bandwidth", int(10 ** self.rng.uniform(5, 9))),
                ("downtime-limit", self.rng.choice((0, 1, 300, 2000))),
                ("max-cpu-throttle", self.rng.choice((50, 99))),
            )
        )
        self.ask(vm, "migrate-set-parameters", {name: value})

    def change_capabilities(self, vm: str) -> None:
        names = self.rng.sample(("events", "xbzrle", "return-path", "zero-blocks"), 2)
        self.capabilities(vm, {name: name == "events" or self.rng.random() < 0.5 for name in names})

    def bad_request(self, vm: str) -> None:
        self.ask(vm, *self.rng.choice(BAD_REQUESTS))

    def pipeline(self, vm: str) -> None:
        """Send several commands without waiting, and then wait for the last."""
        if not self.monitors.get(vm):
            return
        monitor = self.rng.choice(self.monitors[vm])
        commands = self.rng.choices(
            ("query-migrate", "query-status", "stop", "cont", "migrate_cancel", "migrate-start-postcopy"),
            (10, 4, 1, 1, 0.7, 1),
            k=self.rng.randrange(3, 9),
        )
        try:
            numbers = [monitor.send_command(command) for command in commands]
            monitor.wait_reply(numbers[-1], PATIENCE)
        except TimeoutError:
            self.monitors[vm] = []
        except (EOFError, OSError):
            self.lost(vm)

    def reconnect(self, vm: str) -> None:
        """Close the VM's monitors and open them again, if it is still there."""
        if not self.monitors.get(vm) or self.session.processes[vm].exit_status is not None:
            return
        for monitor in self.monitors[vm]:
            monitor.close()
        self.rest()
        self.monitors[vm] = []
        if self.rng.random() < 0.9:
            try:
                self.connect(vm)
            except (EOFError, OSError):
                self.lost(vm)

    def end_process(self, vm: str) -> None:
        """End a VM in one of three ways."""
        way = self.rng.choice((signal.SIGKILL, signal.SIGTERM, None))
        if way is None:
            self.ask(vm, "quit")
        with contextlib.suppress(TimeoutError):
            if way is None:
                self.session.ended(vm, PATIENCE)
            elif self.session.processes[vm].exit_status is None:
                self.session.kill(vm, way, PATIENCE)
        self.monitors[vm] = []

    def human(self, vm: str) -> None:
        line = self.rng.choice(("info migrate", "info status", "stop", "cont", "migrate_cancel"))
        self.ask(vm, "human-monitor-command", {"command-line": line})
