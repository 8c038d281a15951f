"""`migspec explore`: every state that two VMs and their link can reach in an environment, and what holds of them."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from migspec.cli.command import Command, Exit, add_color, whole
from migspec.cli.console import speaker
from migspec.cli.output import write
from migspec.properties.catalogue import PROPERTIES
from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition, Explored
from migspec.properties.explorer.summary import Ruling, Share, applicable, asked_for, dot, rulings, shares
from migspec.properties.explorer.written import trace_of
from migspec.traces.format import TraceError
from migspec.traces.report import Line, Piece, Tone

STANDARD = "standard"
"""The environment that is explored unless another is asked for."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("environment", nargs="?", default=STANDARD, metavar="ENVIRONMENT", help=f"default: {STANDARD}")
    add("--list", action="store_true", help="list the environments and the properties")
    add(
        "--property",
        action="append",
        default=[],
        metavar="ID",
        help="look at this property only, or at what one exemption excuses; may be repeated",
    )
    add("--no-properties", action="store_true", help="count only")
    add("--strict", action="store_true", help="excuse nothing: known defects break properties too")
    add("--at-most", type=whole, metavar="N", help="stop after the layer in which N states are passed")
    add("--trace", metavar="FILE", help="write the shortest way to the first fault as a trace that check can read")
    add("--dot", metavar="FILE", help="draw the graph by status, for Graphviz")
    add("--json", action="store_true", help="one object a property; the last line has the counts")
    add_color(parser)


def _run(chosen: argparse.Namespace) -> Exit:
    complain: Callable[[str], NoReturn] = chosen.usage_error
    say = speaker(chosen.color, as_objects=chosen.json)
    if chosen.list:
        _list(say, as_objects=chosen.json)
        return Exit.CONFORMS
    if chosen.environment not in ENVIRONMENTS:
        complain(f"there is no environment {chosen.environment}; --list names them")
    try:
        asked = tuple(map(asked_for, chosen.property))
    except KeyError as error:
        complain(f"there is no property {error.args[0]}; --list names them")
    composition = Composition(ENVIRONMENTS[chosen.environment])
    started = time.process_time()
    explored = composition.explore(at_most=chosen.at_most)
    seconds = time.process_time() - started
    properties = () if chosen.no_properties else asked or applicable(composition.environment)
    found = list(rulings(composition, explored, properties, strict=chosen.strict))
    if chosen.dot:
        _write(chosen.dot, dot(composition, explored))
    if chosen.trace:
        _write_trace(chosen.trace, composition, found)
    if chosen.json:
        _tell_objects(composition, explored, found, seconds)
    else:
        _tell(say, composition, explored, found, seconds)
    missing = chosen.property and any(not ruling.verdict.holds for ruling in found)
    return Exit.VIOLATES if missing or any(ruling.is_broken for ruling in found) else Exit.CONFORMS


def _list(say: Callable[[Line], None], *, as_objects: bool) -> None:
    for environment in ENVIRONMENTS.values():
        if as_objects:
            write(json.dumps({"environment": environment.name, "sentence": environment.sentence}))
        else:
            say((Piece(environment.name, Tone.PLACE), Piece(f"  {environment.sentence}")))
    for prop in PROPERTIES.values():
        if as_objects:
            write(json.dumps({"property": prop.id, "sentence": prop.sentence, "clause": prop.clause}))
        else:
            say((Piece(prop.id, Tone.PLACE), Piece(f"  {prop.sentence}")))
            for exemption in prop.exempt:
                say((Piece(f"  {exemption.id}", Tone.UNSURE), Piece(f"  {exemption.standing}: {exemption.sentence}")))


def _write(path: str, lines: Iterable[str]) -> None:
    """Write lines to a file.

    Raises `TraceError` where it cannot be written.
    """
    try:
        Path(path).write_text("".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise TraceError(path, None, f"cannot be written ({error.strerror})", "a file that can be") from None


def _write_trace(path: str, composition: Composition, found: list[Ruling]) -> None:
    for ruling in found:
        shown = (verdict for _, verdict in ruling.shown)
        for verdict in (ruling.verdict, *shown) if not ruling.verdict.holds else (*shown, ruling.verdict):
            if verdict.way:
                _write(path, trace_of(composition, verdict.way, ruling.of.id))
                return


def _tell(
    say: Callable[[Line], None],
    composition: Composition,
    explored: Explored,
    found: list[Ruling],
    seconds: float,
) -> None:
    environment: Environment = composition.environment
    say((Piece(environment.name, Tone.PLACE), Piece(f": {environment.sentence}")))
    complete = "" if explored.is_complete else ", stopped before the end"
    say(
        (
            Piece(f"{explored.distinct} states, {explored.generated} steps, {explored.depth} deep{complete}"),
            Piece(f" ({seconds:.1f} s)", Tone.FAINT),
        )
    )
    rows = [("source", "destination", "states", "steps")]
    rows += [_cells(share) for share in shares(composition, explored)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        left = "  ".join(cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True))
        right = "  ".join(cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True))
        say((Piece(f"  {left}  {right}"),))
    for ruling in found:
        _tell_ruling(say, composition, ruling)
    broken = sum(ruling.is_broken for ruling in found)
    defects = sum(len(ruling.defects) for ruling in found)
    unreached = sum(ruling.possible and not ruling.verdict.holds for ruling in found)
    holds = len(found) - broken - unreached
    say(
        (
            Piece(f"properties: {holds} hold", Tone.GOOD if not broken else Tone.PLAIN),
            Piece(f", {broken} broken", Tone.BAD if broken else Tone.PLAIN),
            Piece(f", {unreached} of what this environment does not bring about; known defects shown: {defects}"),
        )
    )


def _cells(share: Share) -> tuple[str, str, str, str]:
    return share.statuses.outgoing, share.statuses.incoming, str(share.states), str(share.steps)


def _tell_ruling(say: Callable[[Line], None], composition: Composition, ruling: Ruling) -> None:
    prop = ruling.of
    if ruling.is_broken:
        say((Piece(f"{prop.id}: broken: {prop.sentence}", Tone.BAD),))
        steps = composition.steps_along(ruling.verdict.way)
        for edge in steps:
            if edge.name:
                say((Piece(f"    {edge.side or 'link'}: {edge.name}"),))
        if ruling.verdict.trap is not None:
            cycle = len(ruling.verdict.trap.cycle)
            say((Piece(f"    and then {f'the last {cycle} states over and over' if cycle else 'nothing more'}"),))
    for exemption, verdict in ruling.shown:
        tone = Tone.UNSURE if exemption in (known for known, _ in ruling.defects) else Tone.FAINT
        kind = str(exemption.standing)
        steps_count = len(verdict.way) - 1
        say((Piece(f"{exemption.id}: {kind}, after {steps_count} steps: {exemption.sentence}", tone),))


def _tell_objects(composition: Composition, explored: Explored, found: list[Ruling], seconds: float) -> None:
    for ruling in found:
        write(
            json.dumps(
                {
                    "property": ruling.of.id,
                    "sentence": ruling.of.sentence,
                    "holds": ruling.verdict.holds,
                    "steps": [edge.name for edge in composition.steps_along(ruling.verdict.way)],
                    "exempt": {exemption.id: len(verdict.way) - 1 for exemption, verdict in ruling.shown},
                }
            )
        )
    write(
        json.dumps(
            {
                "environment": composition.environment.name,
                "distinct": explored.distinct,
                "generated": explored.generated,
                "depth": explored.depth,
                "complete": explored.is_complete,
                "seconds": round(seconds, 2),
                "statuses": [
                    {**share.statuses._asdict(), "states": share.states, "steps": share.steps}
                    for share in shares(composition, explored)
                ],
            }
        )
    )


COMMAND = Command(
    "explore",
    description="Find every state that a source, a destination and the link between them can reach in a bounded "
    "environment, and say which properties hold of them.",
    add_arguments=_add_arguments,
    run=_run,
    epilog="Ends with 1 if a property is broken, or if one that was asked for does not hold; a way there, the "
    "shortest, is printed. A known defect breaks nothing unless --strict is given.",
)
"""Explores the states of a migration."""
