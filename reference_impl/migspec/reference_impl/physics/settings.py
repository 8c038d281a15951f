"""Capabilities and parameters as physics reads them: live, and of the type that each has."""

from typing import Protocol

from migspec.spec.parameters import Value
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter


class Settings(Protocol):
    """A live view of what is set in one process; any value may be another one at the next look."""

    def capability(self, name: MigrationCapability) -> bool:
        """Whether a capability is on."""

    def parameter(self, name: MigrationParameter) -> Value:
        """The value of a parameter that is in force."""


class SettingTypeError(Exception):
    """A parameter has a value of another type than the schema gives it: `name`, `value`, and the type `wanted`."""

    def __init__(self, name: MigrationParameter, value: object, wanted: str) -> None:
        super().__init__(f"parameter {name.value} is {value!r}, which is no {wanted}")
        self.name = name
        self.value = value
        self.wanted = wanted


def number(settings: Settings, name: MigrationParameter) -> int:
    """A parameter that is a number. Raises `SettingTypeError` for anything else."""
    value = settings.parameter(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SettingTypeError(name, value, "number")
    return value


def flag(settings: Settings, name: MigrationParameter) -> bool:
    """A parameter that is true or false. Raises `SettingTypeError` for anything else."""
    value = settings.parameter(name)
    if not isinstance(value, bool):
        raise SettingTypeError(name, value, "truth value")
    return value


def word(settings: Settings, name: MigrationParameter) -> str:
    """A parameter that is text. Raises `SettingTypeError` for anything else."""
    value = settings.parameter(name)
    if not isinstance(value, str):
        raise SettingTypeError(name, value, "text")
    return value
