"""Contracts of the pure functions of the specification, for a search that reads the code instead of drawing examples.

Each function here takes what a function of the specification takes, and tells whether that keeps a promise; its
preconditions are what the function asks for. CrossHair executes them with symbols in place of values and asks a solver
for a counterexample (`python -m tests.symbolic`); Hypothesis draws examples of the same. CrossHair's own model of text
is weakest beyond ASCII, so the contracts of addresses are about ASCII alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from icontract import ensure, require

from migspec.spec import uri
from migspec.spec.bitmaps import INVALID, BitmapAlias, NodeAlias, mapping_fault
from migspec.spec.conditions import Literal
from migspec.spec.lifecycle import ROWS
from migspec.spec.lifecycle.guards import DISKS_MAY_BE_AWAY, IN_PROGRESS, POSTCOPY_ALLOWED
from migspec.spec.parameters import CHECKS, LONGEST_DOWNTIME, SHORTHANDS, Value, judge_changes
from migspec.spec.profiles import PROFILES, profile_for
from migspec.spec.rows import Row
from migspec.spec.state import ANYTHING, VARIABLES, assign
from migspec.spec.wire.numbers import LARGEST, SMALLEST, printed_number, read_integer, same_id, spelled
from migspec.spec.wire.order import slot
from migspec.spec.wire.strings import printed, valid

Promise = TypeVar("Promise", bound=Callable[..., bool])


def _is_so(result: bool) -> bool:
    return result


def holds(function: Promise) -> Promise:
    """What every function here promises: that what it says is so."""
    return ensure(_is_so)(function)


_ROW: dict[str, Row] = {row.id: row for row in ROWS}
_DEVICE = _ROW["outgoing.pre-switchover-to-device"]
_RESTARTED = _ROW["guest.restarted"]
_STATUSES = VARIABLES["outgoing"].values
_STAGES = VARIABLES["stage"].values
_PERCENT, _CACHE, _LIMIT = (
    next(check for check in CHECKS if check.parameter == name)
    for name in ("cpu-throttle-initial", "xbzrle-cache-size", "max-cpu-throttle")
)


# ---- numbers of the wire ----


@require(lambda number: SMALLEST <= number <= LARGEST)
@holds
def an_integer_of_64_bits_is_printed_as_it_is(number: int) -> bool:
    """`printed_number` changes none."""
    return printed_number(number) == number


@require(lambda number: SMALLEST <= number <= LARGEST)
@holds
def an_integer_of_64_bits_is_spelled_in_full(number: int) -> bool:
    """`spelled` and `read_integer` are inverse."""
    return read_integer(spelled(number).encode()) == number


@holds
def an_id_is_the_same_as_itself(number: int) -> bool:
    """`same_id` is reflexive for numbers."""
    return same_id(number, number)


@require(lambda asked: SMALLEST <= asked <= LARGEST)
@require(lambda given: SMALLEST <= given <= LARGEST)
@holds
def different_ids_of_64_bits_are_told_apart(asked: int, given: int) -> bool:
    """`same_id` confuses no two integers of 64 bits."""
    return same_id(asked, given) == (asked == given)


@holds
def a_truth_is_no_number(number: int, truth: bool) -> bool:
    """`same_id` tells a Boolean from a number."""
    return not same_id(number, truth)


# ---- strings of the wire ----


@require(lambda point: 0xD800 <= point <= 0xDFFF)
@holds
def a_surrogate_is_no_character(point: int) -> bool:
    """`valid` refuses them all."""
    return not valid(point)


@require(lambda point: point > 0x10FFFF)
@holds
def what_is_beyond_unicode_is_no_character(point: int) -> bool:
    """`valid` refuses it."""
    return not valid(point)


@require(lambda byte: 0x20 <= byte < 0x7F)
@holds
def plain_bytes_are_printed_as_they_are(byte: int) -> bool:
    """`printed` leaves ASCII alone."""
    return printed(bytes([byte])) == chr(byte)


@holds
def a_slot_is_found_for_every_name(name: str) -> bool:
    """`slot` never fails, and gives no negative number."""
    return slot(name) >= 0


# ---- parameters ----


@holds
def a_percentage_is_admitted_from_1_to_99(value: int) -> bool:
    """`Check.admits` with two ends."""
    return _PERCENT.admits(value) == (1 <= value <= 99)


@require(lambda exponent: 12 <= exponent < 64)
@holds
def a_power_of_two_is_admitted(exponent: int) -> bool:
    """`Check.admits` of the cache's size."""
    return _CACHE.admits(1 << exponent)


@require(lambda high, low: 0 <= low < high < 64)
@holds
def a_sum_of_two_powers_is_not(high: int, low: int) -> bool:
    """`Check.admits` of what is no power of two."""
    return not _CACHE.admits((1 << high) + (1 << low))


@require(lambda initial: 1 <= initial <= 99)
@holds
def what_passes_without_a_value_passes_with_any(limit: int, initial: int) -> bool:
    """`Check.passes` is no more certain without what it does not know."""
    without = _LIMIT.passes({"max-cpu-throttle": limit})
    return without in (None, _LIMIT.passes({"max-cpu-throttle": limit, "cpu-throttle-initial": initial}))


@holds
def a_refusal_names_what_was_to_be_changed(value: int) -> bool:
    """`judge_changes` blames a parameter that is set."""
    changes: dict[str, Value] = {"cpu-throttle-increment": value}
    refusal = judge_changes(changes, {}).certain
    return refusal is None if 1 <= value <= 99 else refusal is not None and refusal.parameter in changes


@require(lambda seconds: not math.isnan(seconds))
@holds
def a_downtime_in_seconds_stays_in_reach(seconds: float) -> bool:
    """The shorthand of the downtime limit leaves what is too long just beyond what is admitted."""
    return -1000 <= SHORTHANDS["migrate_set_downtime"].changed(seconds) <= (LONGEST_DOWNTIME + 1) * 1000


@require(lambda seconds: not math.isnan(seconds))
@holds
def a_downtime_that_is_refused_is_out_of_reach(seconds: float) -> bool:
    """The shorthand refuses exactly what is negative or too long."""
    return (SHORTHANDS["migrate_set_downtime"].fault(seconds) is None) == (0 <= seconds <= LONGEST_DOWNTIME)


# ---- states ----


@require(lambda state: 0 <= state <= ANYTHING)
@holds
def an_assignment_sets_one_variable(state: int) -> bool:
    """`assign` leaves all other bits alone."""
    after = assign(state, {"stage": "held"})
    return (after ^ state) & ~VARIABLES["stage"].field == 0 and VARIABLES["stage"].of(after) == ("held",)


@require(lambda state: 0 <= state <= ANYTHING)
@holds
def a_step_may_be_taken_twice(state: int) -> bool:
    """`Row.after` is idempotent."""
    return _DEVICE.after(_DEVICE.after(state)) == _DEVICE.after(state)


@require(lambda state: 0 <= state <= ANYTHING)
@holds
def a_step_changes_what_its_row_says(state: int) -> bool:
    """`Row.after` changes the variables of `then` and no others."""
    changed = (_RESTARTED.after(state) ^ state) & ~VARIABLES["run"].field
    return changed == 0


# ---- conditions ----


@require(lambda state: 0 <= state <= ANYTHING)
@holds
def an_assumption_adds_nothing(state: int) -> bool:
    """`Condition.assume` only takes possibilities away."""
    return all(assumed & ~state == 0 for assumed in _RESTARTED.when.assume(state))


@require(lambda state: 0 <= state <= ANYTHING)
@holds
def an_assumption_holds_once_made(state: int) -> bool:
    """`Condition.assume` is idempotent for a single case."""
    return all(IN_PROGRESS.assume(assumed) == [assumed] for assumed in IN_PROGRESS.assume(state))


@require(lambda state: 0 <= state <= ANYTHING)
@holds
def nothing_blocks_what_can_be_assumed(state: int) -> bool:
    """`blockers` and `assume` agree."""
    return bool(POSTCOPY_ALLOWED.blockers(state)) != bool(POSTCOPY_ALLOWED.assume(state))


@require(lambda outgoing, incoming: 0 <= outgoing < len(_STATUSES) and 0 <= incoming < len(_STATUSES))
@holds
def a_guard_or_its_negation_can_be_assumed(outgoing: int, incoming: int) -> bool:
    """`~` leaves no state to neither."""
    state = assign(ANYTHING, {"outgoing": _STATUSES[outgoing], "incoming": _STATUSES[incoming]})
    return bool(DISKS_MAY_BE_AWAY.assume(state) or (~DISKS_MAY_BE_AWAY).assume(state))


@require(lambda index: 0 <= index < len(_STAGES))
@holds
def a_literal_is_negated_twice(index: int) -> bool:
    """`Literal.negated` is its own inverse, and excludes what it negates."""
    literal = Literal(VARIABLES["stage"], (_STAGES[index],))
    return literal.negated().negated() == literal and literal.bits & literal.negated().bits == 0


# ---- addresses ----


@require(lambda address: len(address) <= 12 and address.isascii())
@holds
def an_address_is_refused_or_may_pass(address: str) -> bool:
    """`outgoing` leaves no address without a verdict."""
    verdict = uri.outgoing(address)
    return verdict.may_pass or bool(verdict.refusals)


@require(lambda address: len(address) <= 12 and address.isascii())
@holds
def an_address_to_listen_on_is_refused_or_may_pass(address: str) -> bool:
    """`incoming` leaves none either."""
    verdict = uri.incoming(address)
    return verdict.may_pass or bool(verdict.refusals)


@require(lambda address: ":" not in address and address.isascii())
@holds
def an_address_without_a_colon_is_unknown(address: str) -> bool:
    """`outgoing` knows a scheme by its colon."""
    return uri.outgoing(address).kind is uri.UriKind.UNKNOWN


@require(lambda address: len(address) <= 10 and address.isascii())
@holds
def an_endpoint_of_an_address_may_be_migrated_to(address: str) -> bool:
    """`endpoint` finds nothing in what `outgoing` refuses."""
    return uri.endpoint(address) is None or uri.outgoing(address).may_pass


# ---- bitmaps and profiles ----


@holds
def a_name_that_is_mapped_twice_is_refused(name: str, alias: str, other: str) -> bool:
    """`mapping_fault` finds it, or another fault before it."""
    bitmaps = (BitmapAlias(name, alias), BitmapAlias(name, other))
    fault = mapping_fault((NodeAlias("node", "alias", bitmaps),))
    return fault is not None and fault.startswith(INVALID)


@require(lambda alias: not (alias[:1].isascii() and alias[:1].isalpha()))
@holds
def an_ill_formed_alias_is_refused(alias: str) -> bool:
    """`mapping_fault` wants a letter first."""
    return mapping_fault((NodeAlias("node", alias),)) is not None


@holds
def every_release_has_a_profile(release: str) -> bool:
    """`profile_for` never fails."""
    return profile_for(release) in PROFILES


CONTRACTS: tuple[Callable[..., bool], ...] = tuple(
    value
    for name, value in globals().items()
    if name.startswith(("a_", "an_", "different", "every", "what", "plain", "nothing"))
)
"""Every contract, in the order of this file."""
