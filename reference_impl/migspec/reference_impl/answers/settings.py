"""What is told of parameters and capabilities.  Types and values are the specification's; the form is QEMU's."""

from collections.abc import Mapping

from migspec.spec.bitmaps import BitmapMapping
from migspec.spec.parameters import PARAMETERS, READ_BY, Value
from migspec.spec.schema import ABSENT
from migspec.spec.schema.model import INT
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationCapability


def parameters_told(values: Mapping[str, Value]) -> dict[str, object]:
    """The answer to query-migrate-parameters, of the values in force; one that was never set is left out.

    Raises `KeyError` where the value of a parameter is missing.
    """
    told = {name: values[name] for name in PARAMETERS}
    return {name: _on_the_wire(value) for name, value in told.items() if value is not ABSENT}


def _on_the_wire(value: Value) -> object:
    return mapping_told(value) if isinstance(value, tuple) else value


def mapping_told(mapping: BitmapMapping) -> list[dict[str, object]]:
    """A mapping of bitmaps as a list of BitmapMigrationNodeAlias."""
    return [
        {
            "node-name": node.node_name,
            "alias": node.alias,
            "bitmaps": [{"name": bitmap.name, "alias": bitmap.alias} for bitmap in node.bitmaps],
        }
        for node in mapping
    ]


def read_by(command: str, values: Mapping[str, Value]) -> int:
    """The answer to a deprecated query of one size, which is returned as a signed number.

    Raises `KeyError` for any other command.
    """
    value = values[READ_BY[command]]
    size = value if isinstance(value, int) else 0
    return size - (1 << 64) if size > INT.maximum else size


def capabilities_told(state: int) -> list[dict[str, object]]:
    """The answer to query-migrate-capabilities in a known state; a build without block migration leaves it out."""
    lacks_blocks = VARIABLES["block-migration"].known(state) == "no"
    return [
        {"capability": capability.value, "state": VARIABLES[f"cap.{capability.value}"].known(state) == "yes"}
        for capability in MigrationCapability
        if not (lacks_blocks and capability is MigrationCapability.BLOCK)
    ]
