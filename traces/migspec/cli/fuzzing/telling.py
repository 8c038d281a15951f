"""What is told of a campaign: as lines of text, or as one JSON object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from migspec.cli.fuzzing.campaign import Campaign, Finding
from migspec.properties.stateful import Grade, Outcome
from migspec.spec.commands import CONTRACTS
from migspec.spec.composition import Side
from migspec.spec.lifecycle import ROWS
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.report import Line, Piece, Tone, counted

_ABSENT: Final = ("unknown", "ended")
_INDENT: Final = "    "


def as_text(campaign: Campaign, profile: str) -> Iterator[Line]:
    """The summary of a campaign, then its findings."""
    outcome, limits = campaign.outcome, campaign.limits
    yield (
        Piece(f"seed {limits.seed}: ", Tone.PLACE),
        Piece(
            f"{counted(outcome.begun, 'run', 'runs')}, {outcome.whole} of full length, "
            f"{counted(outcome.steps, 'step', 'steps')}, {counted(outcome.messages, 'message', 'messages')} "
            f"in {campaign.seconds:.0f} s"
        ),
    )
    for side in Side:
        yield (Piece(f"{side}: "), Piece(_numbers(_statuses(outcome, side)), Tone.FAINT))
    for kind, (seen, every) in covered(outcome, profile).items():
        yield (Piece(f"{profile}: {seen} of {every} {kind} exercised"),)
    yield (Piece("done: "), Piece(_numbers(outcome.rules), Tone.FAINT))
    if outcome.known:
        yield (Piece(counted(len(outcome.known), "known defect", "known defects") + ", no findings:", Tone.UNSURE),)
    for known in sorted(outcome.known.values(), key=lambda each: each.rule):
        yield (
            Piece(f"{_INDENT}{known.rule}", Tone.UNSURE),
            Piece(f" in {counted(known.count, 'run', 'runs')}, seed {known.seed}: {known.message}", Tone.FAINT),
        )
    if not campaign.findings:
        yield (Piece("no violation", Tone.GOOD),)
    for number, finding in enumerate(campaign.findings, 1):
        yield from _finding(number, finding)


def _finding(number: int, finding: Finding) -> Iterator[Line]:
    objection = finding.objection
    yield (
        Piece(f"finding {number}: ", Tone.PLACE),
        Piece(objection.message, Tone.BAD),
        Piece(f" [{finding.rule}] seed {finding.seed}", Tone.FAINT),
    )
    for step in finding.run.program:
        yield (Piece(f"{_INDENT}{step}"),)
    for line in objection.explanation.splitlines():
        yield (Piece(f"{_INDENT}{line}", Tone.FAINT),)
    for file in finding.files:
        yield (Piece(f"{_INDENT}written: {file}"),)


def _statuses(outcome: Outcome, side: Side) -> Counter[str]:
    return Counter({status: count for (of, status), count in outcome.statuses.items() if of is side})


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(counts).most_common())


def covered(outcome: Outcome, profile: str) -> dict[str, tuple[int, int]]:
    """How many of each kind of rules were exercised, and how many there are; statuses were seen on either side."""
    rows = {row.id for row in ROWS if profile in row.profiles}
    cases = {case.id for contract in CONTRACTS.values() for case in contract.cases if profile in case.profiles}
    rules = {rule.id for rule in CATALOGUE.values() if profile in rule.profiles}
    exercised = outcome.exercised.keys()
    seen = {status for _, status in outcome.statuses if status not in _ABSENT}
    return {
        "statuses": (len(seen & set(MigrationStatus)), len(MigrationStatus)),
        "rows": (len(rows & exercised), len(rows)),
        "cases": (len(cases & exercised), len(cases)),
        "rules": (len(rules & exercised), len(rules)),
    }


def as_json(campaign: Campaign, profile: str) -> str:
    """The same as one object."""
    outcome = campaign.outcome
    return json.dumps(
        {
            "seed": campaign.limits.seed,
            "seconds": round(campaign.seconds, 1),
            "runs": outcome.begun,
            "whole": outcome.whole,
            "steps": outcome.steps,
            "messages": outcome.messages,
            "profile": profile,
            "covered": {kind: {"seen": seen, "of": of} for kind, (seen, of) in covered(outcome, profile).items()},
            "statuses": {side.value: dict(_statuses(outcome, side)) for side in Side},
            "done": dict(outcome.rules),
            "exercised": sorted(outcome.exercised.keys() & CATALOGUE.keys()),
            "known": [
                {"rule": known.rule, "runs": known.count, "seed": known.seed, "message": known.message}
                for known in sorted(outcome.known.values(), key=lambda each: each.rule)
            ],
            "findings": [
                {
                    "rule": finding.rule,
                    "seed": finding.seed,
                    "message": finding.objection.message,
                    "steps": [str(step) for step in finding.run.program],
                    "rules": sorted({found.rule for found in finding.run.objections(Grade.VIOLATION)}),
                    "files": list(finding.files),
                }
                for finding in campaign.findings
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
