"""Arguments of which more is known than their type: addresses, capabilities, parameters and mappings of bitmaps.

Their form is valid. What is drawn leans to the edges of what a VM accepts, and to both sides of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from migspec.properties.strategies.sending import Sender, Special, accepted_numbers
from migspec.properties.strategies.values import Values, accepts
from migspec.spec import bitmaps
from migspec.spec.parameters import CHECKS, PARAMETERS, SET, Check, Parameter
from migspec.spec.schema import Schema
from migspec.spec.schema.model import IntegerType
from migspec.spec.vocabulary import MigrationParameter

ADDRESSES = (
    *("", ":", "tcp", "tcp:", "tcp::", "tcp:localhost", "tcp:[::1", "tcp:127.0.0.1:0,to=x"),
    *("TCP:127.0.0.1:0", " tcp:127.0.0.1:0", "unix", "UNIX:x", "vsock:", "vsock:x", "fd", "exec"),
    *("rdma", "file:x", "defer", "deferred", "udp:127.0.0.1:0", "127.0.0.1:0", "tcp:127.0.0.1:0,ipv4=x"),
)
"""Addresses that an outgoing migration cannot use, most of them for their form."""


def addresses(_schema: Schema) -> st.SearchStrategy[str]:
    """Texts in place of an address, none of which leads anywhere."""
    return st.sampled_from(ADDRESSES)


def capability_lists(schema: Schema) -> st.SearchStrategy[list[dict[str, Any]]]:
    """What migrate-set-capabilities may be given: empty, and with repetitions and contradictions too."""
    words = [value.name for value in schema.enums["MigrationCapability"].values if not value.condition]
    entry = st.fixed_dictionaries({"capability": st.sampled_from(words), "state": st.booleans()})
    return st.lists(entry, max_size=2) | st.lists(entry, max_size=6) | st.lists(entry, max_size=2).map(lambda e: e * 2)


def _numbers_for(parameter: Parameter, check: Check | None) -> Values:
    """The numbers around the edges of what a parameter may hold, and others that are cut to the same."""
    assert isinstance(parameter.written.type, IntegerType)
    type_ = parameter.written.type
    ends = {check.least, check.most} if check else {0}
    if check and check.power_of_two:
        ends |= {1 << bits for bits in (11, 12, 13, 20, 62, 63)}
    near = {end + step for end in ends for step in (-1, 0, 1)}
    width = parameter.values or 0
    all_ = {number + turn * width for number in near for turn in (-1, 0, 1)}
    most = st.sampled_from(sorted(number for number in all_ if accepts(type_, number)))
    if check and not check.power_of_two:
        most |= st.integers(check.least, check.most)
    return most | accepted_numbers(type_)


_CHECK_OF: Mapping[str, Check] = {check.parameter.value: check for check in CHECKS}


@cache
def parameter_values(name: str, schema: Schema) -> Values:
    """What one parameter may be set to as far as its form goes, leaning to the edges of its range."""
    parameter = PARAMETERS[name]
    if isinstance(parameter.written.type, IntegerType):
        return _numbers_for(parameter, _CHECK_OF.get(name))
    if name == MigrationParameter.BLOCK_BITMAP_MAPPING:
        return bitmap_mappings(schema)
    return Sender(schema).accepted(parameter.written.type)


def parameter_sets(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """What migrate-set-parameters may be given: a few parameters, some of them out of range."""
    names = st.lists(st.sampled_from(sorted(PARAMETERS)), max_size=4, unique=True)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({name: parameter_values(name, schema) for name in chosen})
    )


def _of_bytes(length: int) -> st.SearchStrategy[str]:
    """Names of that many bytes: of as many letters, or of fewer that take two bytes each."""
    return st.sampled_from(["a" * length, "é" * (length // 2) + "a" * (length % 2)])


def _lengths_around(longest: int) -> st.SearchStrategy[str]:
    return st.sampled_from([longest, longest + 1]).flatmap(_of_bytes)


_FEW = st.sampled_from(["a", "b", "c"])
_ILL_FORMED = st.sampled_from(["", "1a", "-a", "a b", "é", "a/b", "_a"])
_WELL_FORMED = st.sampled_from(["A", "a1", "a-b", "a.b", "a_b"])


def bitmap_mappings(_schema: Schema) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Mappings of dirty bitmaps: names twice, ill-formed, empty, and of just the longest and of more bytes."""
    bitmap = st.fixed_dictionaries(
        {
            "name": _FEW | st.just("") | _lengths_around(bitmaps.LONGEST_BITMAP_NAME),
            "alias": _FEW | st.just("") | _lengths_around(bitmaps.LONGEST_ALIAS),
        }
    )
    node = st.fixed_dictionaries(
        {
            "node-name": _FEW | st.just("") | _lengths_around(bitmaps.LONGEST_NODE_NAME),
            "alias": _FEW | _WELL_FORMED | _ILL_FORMED | _lengths_around(bitmaps.LONGEST_ALIAS),
            "bitmaps": st.lists(bitmap, max_size=3),
        }
    )
    plain = st.fixed_dictionaries({"node-name": _FEW, "alias": _FEW, "bitmaps": st.lists(bitmap, max_size=2)})
    return st.lists(plain, max_size=3) | st.lists(node, max_size=3)


SPECIAL: Mapping[tuple[str, str], Special] = {
    (SET, ""): parameter_sets,
    ("migrate-set-capabilities", "capabilities"): capability_lists,
    **{(command, "uri"): addresses for command in ("migrate", "migrate-incoming", "migrate-recover")},
}
"""The arguments that are made by a strategy of their own; an empty name stands for all of a command's."""
