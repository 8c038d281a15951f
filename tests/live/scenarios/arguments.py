"""Arguments of the commands, good and bad: what is refused, with which words, and what is stored."""

from typing import Any, Final

from tests.live.scenarios.steps import SLOW, complete, look, migrate, reach, slow_start, tune
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm

ALONE = {"src": Vm()}

BAD_ARGUMENTS: Final[tuple[tuple[str, Any], ...]] = (
    ("migrate", None),
    ("migrate", {}),
    ("migrate", {"uri": 1}),
    ("migrate", {"uri": None}),
    ("migrate", {"uri": "bogus", "blk": 1}),
    ("migrate", {"uri": "bogus", "resume": "yes"}),
    ("migrate", {"uri": "bogus", "bogus": 1}),
    ("migrate-incoming", {}),
    ("migrate-incoming", {"uri": []}),
    ("migrate-recover", {"uri": {}}),
    ("migrate-continue", {}),
    ("migrate-continue", {"state": 1}),
    ("migrate-continue", {"state": "bogus"}),
    ("migrate_cancel", {"bogus": 1}),
    ("migrate-start-postcopy", {"bogus": 1}),
    ("migrate-set-capabilities", {}),
    ("migrate-set-capabilities", {"capabilities": {}}),
    ("migrate-set-capabilities", {"capabilities": [1]}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "events"}]}),
    ("migrate-set-capabilities", {"capabilities": [{"state": True}]}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "bogus", "state": True}]}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": 1}]}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True, "x": 1}]}),
    ("migrate-set-parameters", {"max-bandwidth": "fast"}),
    ("migrate-set-parameters", {"bogus": 1}),
    ("migrate-set-parameters", {"compress-wait-thread": 1}),
    ("migrate-set-parameters", {"multifd-compression": "zstd"}),
    ("migrate-set-parameters", {"tls-creds": 1}),
    ("xen-set-replication", {"enable": True}),
    ("calc-dirty-rate", {}),
    ("client_migrate_info", {"protocol": "spice"}),
)
"""Commands whose arguments are refused before anything else is looked at."""

PARAMETERS: Final[tuple[tuple[str, Any], ...]] = (
    ("announce-initial", 100000),
    ("announce-initial", 100001),
    ("announce-max", 1),
    ("announce-rounds", 1001),
    ("announce-step", 0),
    ("compress-level", 9),
    ("compress-level", 10),
    ("compress-level", 256),
    ("compress-threads", -1),
    ("decompress-threads", 0),
    ("compress-wait-thread", False),
    ("throttle-trigger-threshold", 0),
    ("cpu-throttle-initial", 99),
    ("cpu-throttle-initial", 0),
    ("cpu-throttle-increment", 100),
    ("max-cpu-throttle", 19),
    ("tls-creds", None),
    ("tls-hostname", "host"),
    ("max-bandwidth", -1),
    ("max-bandwidth", 0),
    ("max-bandwidth", 1.0),
    ("max-bandwidth", 2**64),
    ("downtime-limit", 2000000),
    ("downtime-limit", 2000001),
    ("downtime-limit", -1),
    ("x-checkpoint-delay", 4294967296),
    ("block-incremental", True),
    ("multifd-channels", 257),
    ("multifd-channels", 0),
    ("xbzrle-cache-size", 1000),
    ("xbzrle-cache-size", 4096),
    ("max-postcopy-bandwidth", 2**64 - 1),
    ("multifd-compression", "zlib"),
    ("multifd-zlib-level", 10),
    ("block-bitmap-mapping", []),
)
"""Parameters at and beyond the ends of their ranges, some of which are cut to fewer bits first."""


@scenario(ALONE)
def bad_arguments(s: Session) -> None:
    """Missing, superfluous and mistyped arguments of every migration command, none of which has an effect."""
    src = s.monitor("src", capabilities=("events",))
    for command, arguments in BAD_ARGUMENTS:
        src.execute(command, arguments)
    look(src)
    src.execute("query-migrate-capabilities")


@scenario()
def bad_arguments_meanwhile(s: Session) -> None:
    """The same in mid-migration: the arguments are looked at before the state is."""
    src, dst, _ = slow_start(s)
    for command, arguments in BAD_ARGUMENTS[::2]:
        src.execute(command, arguments)
    complete(src, dst)


@scenario(ALONE)
def parameters_at_their_limits(s: Session) -> None:
    """Every parameter at and beyond the ends of its range, each read back."""
    src = s.monitor("src")
    src.execute("query-migrate-parameters")
    for name, value in PARAMETERS:
        if "error" not in src.execute("migrate-set-parameters", {name: value}):
            src.execute("query-migrate-parameters")
    src.execute("migrate-set-parameters", {"max-bandwidth": 1, "downtime-limit": -1})
    src.execute("migrate-set-parameters")
    src.execute("query-migrate-parameters")


@scenario(ALONE)
def bitmap_mappings(s: Session) -> None:
    """Names of disks and bitmaps on the wire: good ones, and every kind of clash."""
    src = s.monitor("src")
    one = {"node-name": "n", "alias": "a", "bitmaps": [{"name": "b", "alias": "x"}]}
    for mapping in (
        [one],
        [one, one],
        [one | {"alias": "-"}],
        [one | {"bitmaps": []}],
        [one | {"bitmaps": [{"name": "b", "alias": "x"}, {"name": "b", "alias": "y"}]}],
        [one | {"bitmaps": [{"name": "b", "alias": "x"}, {"name": "c", "alias": "x"}]}],
        [one, one | {"node-name": "m"}],
        [one | {"node-name": ""}],
        [],
    ):
        tune(src, block_bitmap_mapping=mapping)
        src.execute("query-migrate-parameters")


@scenario()
def parameters_changed_meanwhile(s: Session) -> None:
    """Parameters are accepted and refused in mid-migration just as at any other time."""
    src, dst, _ = slow_start(s)
    for name, value in (
        ("downtime-limit", 500),
        ("downtime-limit", -1),
        ("max-bandwidth", SLOW + 1),
        ("max-cpu-throttle", 98),
        ("announce-rounds", 2),
        ("x-checkpoint-delay", 100),
    ):
        src.execute("migrate-set-parameters", {name: value})
        dst.execute("migrate-set-parameters", {name: value})
    src.execute("query-migrate-parameters")
    complete(src, dst)


@scenario(ALONE)
def deprecated_commands(s: Session) -> None:
    """The commands that parameters replace, with good and bad values."""
    src = s.monitor("src")
    for value in (0, 0.3, 2000, 2001, -1):
        src.execute("migrate_set_downtime", {"value": value})
    for value in (0, 1, 2**40, -1):
        src.execute("migrate_set_speed", {"value": value})
    for value in (0, 4096, 1000, 1 << 26, -4096):
        src.execute("migrate-set-cache-size", {"value": value})
    src.execute("query-migrate-cache-size")
    src.execute("query-migrate-parameters")


@scenario(ALONE)
def commands_in_a_fresh_vm(s: Session) -> None:
    """Every migration command where there is no migration."""
    src = s.monitor("src", capabilities=("events",))
    for command in ("migrate_cancel", "migrate-start-postcopy", "migrate-pause", "x-colo-lost-heartbeat"):
        src.execute(command)
    for command in ("query-colo-status", "query-dirty-rate", "query-xen-replication-status"):
        src.execute(command)
    src.execute("migrate-continue", {"state": "none"})
    src.execute("migrate-recover", {"uri": "unix:" + s.path("r")})
    src.execute("migrate-incoming", {"uri": "unix:" + s.path("r")})
    migrate(src, "unix:" + s.path("r"), resume=True)
    look(src)
    migrate(src, "exec:cat > /dev/null", detach=True)
    reach(src, "completed")
    look(src)
