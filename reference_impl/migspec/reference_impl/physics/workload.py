"""What a guest does to its memory: the notation, and the writes that come of it.

A workload is a sum of terms, joined with ``+``:

| term | meaning |
|---|---|
| ``idle`` | writes nothing |
| ``uniform:RATE`` | writes RATE bytes a second to pages chosen at random from all memory |
| ``hot:SIZE:RATE`` | the same to a hot set of SIZE bytes, each such term to one of its own |
| ``bursts:RATE:ON:OFF`` | as ``uniform`` for ON seconds, then nothing for OFF seconds, and so on |
| ``zero:SHARE`` | this share of the memory holds zeroes alone at first; 0.77 unless given |

Rates and sizes are numbers with an optional K, M, G or T (of 1024). A page that is written counts as a whole. So
``zero:0.5+uniform:20M+hot:64M:1G`` is a guest with half of its memory in use, of which 64 MiB change all the time.

Writes are a fluid: of a set of W pages to which w random pages were written, W * (1 - exp(-w / W)) have changed. That
is exact on average, and needs no page to be looked at.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import expm1, inf, isfinite

from migspec.spec.parameters import PAGE_SIZE

DEFAULT_ZERO = 0.77
"""The share of zeroes in an idle guest of 128 MiB, of which some 30 MB are in use."""

_SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)", re.ASCII)


class WorkloadError(Exception):
    """A text is no workload: `text` is the whole, `term` what is wrong in it, and `problem` why."""

    def __init__(self, text: str, term: str, problem: str) -> None:
        super().__init__(f"workload {text!r}: {term!r} {problem}")
        self.text = text
        self.term = term
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Term:
    """Writes at `rate` bytes a second to a set of `size` bytes, 0 for all memory; `on` and `off` are seconds."""

    rate: float
    size: float = 0.0
    on: float = inf
    off: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A parsed workload: what is written, and the share of memory that holds zeroes at first."""

    terms: tuple[Term, ...] = ()
    zero: float = DEFAULT_ZERO


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes `rate` pages a second for `on` seconds out of `on` and `off`."""

    rate: float
    on: float = inf
    off: float = 0.0

    def written(self, until: float) -> float:
        """Pages written from time 0 on, by a guest that runs all the time."""
        if not isfinite(self.on) or self.off == 0:
            return self.rate * until
        rounds, rest = divmod(until, self.on + self.off)
        return self.rate * (rounds * self.on + min(rest, self.on))

    @property
    def mean(self) -> float:
        """Pages a second in the long run."""
        return self.rate if not isfinite(self.on) else self.rate * self.on / (self.on + self.off)


@dataclass(frozen=True, slots=True)
class Region:
    """A set of `pages` that are written alike."""

    pages: int
    writers: tuple[Writer, ...] = ()

    def written(self, until: float) -> float:
        """Pages written from time 0 on, the same page any number of times."""
        return sum(writer.written(until) for writer in self.writers)

    @property
    def mean(self) -> float:
        """Pages written a second in the long run."""
        return sum(writer.mean for writer in self.writers)

    def changed(self, written: float) -> float:
        """How many pages are another when `written` random ones were written."""
        return -self.pages * expm1(-written / self.pages) if written > 0 else 0.0


def parse(text: str) -> Workload:
    """Parse a workload. Raises `WorkloadError`."""
    terms: list[Term] = []
    zero = DEFAULT_ZERO
    for term in text.split("+"):
        kind, *arguments = term.strip().split(":")
        form = _FORMS.get(kind)
        if form is None:
            raise WorkloadError(text, term, f"is none of {', '.join(_FORMS)}")
        if len(arguments) != form.arguments:
            raise WorkloadError(text, term, f"needs {form.arguments} numbers after {kind}")
        numbers = [_quantity(text, term, argument) for argument in arguments]
        if form.fault(numbers):
            raise WorkloadError(text, term, form.wanted)
        if kind == "zero":
            zero = numbers[0]
        elif form.term is not None:
            terms.append(form.term(numbers))
    return Workload(tuple(terms), zero)


@dataclass(frozen=True, slots=True)
class _Form:
    """How many numbers a term has, what it becomes, and which numbers it refuses."""

    arguments: int
    term: Callable[[Sequence[float]], Term] | None = None
    fault: Callable[[Sequence[float]], bool] = lambda _numbers: False
    wanted: str = ""


_FORMS: Mapping[str, _Form] = {
    "idle": _Form(0),
    "uniform": _Form(1, lambda numbers: Term(numbers[0])),
    "hot": _Form(
        2,
        lambda numbers: Term(numbers[1], size=numbers[0]),
        lambda numbers: numbers[0] < PAGE_SIZE,
        f"needs a set of {PAGE_SIZE} bytes at least",
    ),
    "bursts": _Form(
        3,
        lambda numbers: Term(numbers[0], on=numbers[1], off=numbers[2]),
        lambda numbers: numbers[1] <= 0,
        "needs a time to write in",
    ),
    "zero": _Form(1, None, lambda numbers: numbers[0] > 1, "needs a share from 0 to 1"),
}


def _quantity(text: str, term: str, number: str) -> float:
    match = _QUANTITY.fullmatch(number)
    if match is None:
        raise WorkloadError(text, term, f"has {number!r} for a number")
    return float(match[1]) * (1 << _SUFFIXES[match[2]])


def regions_of(workload: Workload, pages: int) -> tuple[Region, ...]:
    """The regions of a memory of so many pages: the hot sets, in order, as far as there is room, and the rest."""
    everywhere = [term for term in workload.terms if not term.size]
    regions: list[Region] = []
    left = pages
    for term in workload.terms:
        size = min(left, int(term.size) // PAGE_SIZE)
        if size:
            regions.append(Region(size, (_writer(term, 1.0), *(_writer(each, size / pages) for each in everywhere))))
            left -= size
    if left:
        regions.append(Region(left, tuple(_writer(each, left / pages) for each in everywhere)))
    return tuple(regions)


def _writer(term: Term, share: float) -> Writer:
    return Writer(term.rate * share / PAGE_SIZE, term.on, term.off)
