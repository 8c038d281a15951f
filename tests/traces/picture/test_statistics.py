"""The numbers of a migration, however many there are."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.picture.marks import Kind, Mark
from migspec.traces.picture.statistics import STATISTICS, Series


def answer(line: int, returned: Any) -> Mark:
    return Mark(Kind.REPLY, line, float(line), "a", "", "query-migrate", content={"return": returned})


def names(series: Series) -> list[str]:
    return [STATISTICS[i].name for i in series.drawn()]


@given(st.integers(1, 60), st.integers(2, 9))
def test_samples_are_bounded_and_in_order(count: int, most: int) -> None:
    series = Series(most)
    for line in range(1, count + 1):
        series.add(answer(line, {"ram": {"remaining": line}}))
    lines = [line for line, _, _ in series.samples]
    assert lines == sorted(lines)
    assert len(lines) <= most
    assert lines[-1] > count - 2 * series.stride


def test_every_other_sample_goes_where_there_are_too_many() -> None:
    series = Series(4)
    for line in range(1, 7):
        series.add(answer(line, {"ram": {"remaining": line}}))
    assert [line for line, _, _ in series.samples] == [1, 3, 5, 6]
    assert series.stride == 2


def test_what_changes_is_drawn() -> None:
    series = Series()
    series.add(answer(1, {"ram": {"remaining": 9, "transferred": 1, "mbps": 0}, "cpu-throttle-percentage": 20}))
    series.add(answer(2, {"ram": {"remaining": 3, "transferred": 7, "mbps": 0}, "cpu-throttle-percentage": 30}))
    assert names(series) == ["remaining", "transferred", "CPU throttle"]


def test_an_answer_without_statistics_ends_a_curve() -> None:
    series = Series()
    for line, returned in enumerate([{}, {"ram": {"remaining": 1}}, {}, {}, {"ram": {"remaining": 2}}], 1):
        series.add(answer(line, returned))
    assert [line for line, _, _ in series.samples] == [2, 3, 5]
    assert series.samples[1][2] == (None,) * len(STATISTICS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.dictionaries(st.sampled_from(["ram", "remaining", "disk", "mbps"]), inner),
        max_leaves=5,
    )
)
def test_no_answer_raises(returned: Any) -> None:
    series = Series()
    series.add(answer(1, returned))
    series.add(answer(2, returned))
    assert series.drawn() == []
