"""The enumerations of the schema, made from the classes in `migspec.spec.vocabulary`.

Spelling, age and build condition of a value are read from its class, its meaning from the docstring
below it; only what belongs to the enumeration as a whole is added here.
"""

import ast
import inspect
from functools import cache
from typing import Final

from migspec.spec import vocabulary
from migspec.spec.schema.model import Enum, EnumValue, Origin
from migspec.spec.vocabulary import Vocabulary


@cache
def _all_docstrings() -> dict[str, dict[str, str]]:
    try:
        tree = ast.parse(inspect.getsource(vocabulary))
    except OSError:  # shipped as bytecode only
        return {}
    return {
        definition.name: _docstrings_below(definition)
        for definition in tree.body
        if isinstance(definition, ast.ClassDef)
    }


def _docstrings_below(definition: ast.ClassDef) -> dict[str, str]:
    found = {}
    for statement, below in zip(definition.body, definition.body[1:], strict=False):
        match statement, below:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str() as doc)):
                found[name] = inspect.cleandoc(doc)
    return found


def docstrings(words: type[Vocabulary]) -> dict[str, str]:
    """Return the docstring below each member of `words`, by the member's Python name.

    Empty where the source is not installed; Python keeps such docstrings nowhere else.
    """
    return _all_docstrings().get(words.__name__, {})


def _enum(words: type[Vocabulary], since: str | None, *, name: str | None = None, origin: Origin = Origin.SEED) -> Enum:
    docs = docstrings(words)
    return Enum(
        name=name or words.__name__,
        doc=inspect.getdoc(words) or "",
        since=since,
        origin=origin,
        values=tuple(
            EnumValue(word.value, docs.get(word.name, ""), since=word.since, condition=word.condition) for word in words
        ),
    )


MIGRATION_STATUS: Final = _enum(vocabulary.MigrationStatus, "2.3")
MIGRATION_CAPABILITY: Final = _enum(vocabulary.MigrationCapability, "1.2")
MULTIFD_COMPRESSION: Final = _enum(vocabulary.MultiFDCompression, "5.0")
MIGRATION_PARAMETER: Final = _enum(vocabulary.MigrationParameter, "2.4")
COLO_MESSAGE: Final = _enum(vocabulary.COLOMessage, "2.8")
COLO_MODE: Final = _enum(vocabulary.COLOMode, "2.8")
FAILOVER_STATUS: Final = _enum(vocabulary.FailoverStatus, "2.8")
COLO_EXIT_REASON: Final = _enum(vocabulary.COLOExitReason, "3.1")
DIRTY_RATE_STATUS: Final = _enum(vocabulary.DirtyRateStatus, "5.2")

RUN_STATE: Final = _enum(vocabulary.RunState, None, origin=Origin.EXTERNAL)
QMP_CAPABILITY: Final = _enum(vocabulary.QmpCapability, "2.12", name="QMPCapability", origin=Origin.EXTERNAL)
SOCKET_ADDRESS_TYPE: Final = _enum(vocabulary.SocketAddressType, "2.9", origin=Origin.EXTERNAL)
SHUTDOWN_CAUSE: Final = _enum(vocabulary.ShutdownCause, None, origin=Origin.EXTERNAL)
