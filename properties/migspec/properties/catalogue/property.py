"""The form of a property: a formula with a name, where it comes from, and the exceptions that are known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from migspec.properties.temporal import Action, Always, AlwaysStep, Formula, LeadsTo, Predicate
from migspec.spec.rows import Standing


@dataclass(frozen=True)
class Exempt:
    """A way in which QEMU 5.2.0 does not keep to a property.

    `when` are the moments that are excused, of a property of steps the moment before; `steps` the names of the steps
    that are. A known defect is listed wherever it shows itself; what is by design is not.
    """

    id: str
    sentence: str
    when: Predicate | None = None
    steps: frozenset[str] = frozenset()
    standing: Standing = Standing.DEFECT


@dataclass(frozen=True)
class Property:
    """A property of a migration between two VMs.

    `strict` is the formula without exceptions, which the known defects break. `clause` is the part of the schema that
    says so, empty if none does. `environments` are the names of those in which it is worth looking, all if empty.
    """

    id: str
    sentence: str
    strict: Formula
    clause: str = ""
    exempt: tuple[Exempt, ...] = ()
    environments: tuple[str, ...] = ()

    @property
    def formula(self) -> Formula:
        """The formula with everything excused that is known."""
        formula = self.strict
        for exemption in self.exempt:
            formula = excused(formula, exemption)
        return formula

    def without(self, exemption: Exempt) -> Property:
        """The property with one exemption less: what breaks it shows that exemption."""
        kept = tuple(other for other in self.exempt if other is not exemption)
        return replace(self, exempt=kept)


def excused(formula: Formula, exemption: Exempt) -> Formula:
    """A formula that does not speak of what is exempt.

    Raises `TypeError` for one that says what must be possible: there is nothing to be excused of.
    """
    match formula:
        case Always(predicate) if exemption.when is not None:
            return Always(predicate | exemption.when)
        case LeadsTo(first, then) if exemption.when is not None:
            return LeadsTo(first, then | exemption.when)
        case AlwaysStep(action):
            concerns, names = action.concerns, exemption.steps
            before = action.before
            if exemption.when is not None:
                before = ~exemption.when if before is None else before & ~exemption.when
            return AlwaysStep(
                Action(lambda taken: taken.name not in names and concerns(taken), before, action.after, action.keeps)
            )
    raise TypeError(f"{exemption.id} excuses nothing of {formula}")
