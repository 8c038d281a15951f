"""The whole catalogue of rules: those of the specification and those that tie two VMs together."""

from __future__ import annotations

from collections.abc import Mapping

from migspec.properties.pairs import PAIR_RULES
from migspec.spec.rules import RULES, Rule

CATALOGUE: Mapping[str, Rule] = {**RULES, **{rule.id: rule for rule in PAIR_RULES}}
"""Every rule that a finding may name, by id."""
