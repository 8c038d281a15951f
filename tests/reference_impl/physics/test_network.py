"""The speed of a network with a delay and losses."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics.network import SEGMENT, throughput

OPTIONS = st.builds(
    Options,
    bandwidth=st.integers(1, 1 << 40),
    latency=st.floats(0, 10),
    loss=st.floats(0, 1),
)


@given(OPTIONS)
def test_nothing_is_faster_than_the_network_or_stands_still(options: Options) -> None:
    assert 1 <= throughput(options) <= options.bandwidth


@given(OPTIONS, st.floats(0, 1))
def test_more_loss_is_never_faster(options: Options, loss: float) -> None:
    less, more = sorted((options.loss, loss))
    assert throughput(replace(options, loss=more)) <= throughput(replace(options, loss=less))


def test_the_usual_example() -> None:
    """One packet in ten thousand over 100 ms there and back lets less than 2 MB/s through."""
    assert 1_700_000 < throughput(Options(bandwidth=1 << 30, latency=0.05, loss=0.0001)) < 1_800_000
    assert throughput(Options(loss=0.0)) == Options().bandwidth
    assert SEGMENT == 1460
