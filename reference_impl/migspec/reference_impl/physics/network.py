"""How fast a network is that has a delay and loses packets."""

from math import sqrt
from typing import Final

from migspec.reference_impl.options import Options

SEGMENT: Final = 1460
"""Bytes of user data in a packet."""
_MATHIS: Final = sqrt(3 / 2)


def throughput(options: Options) -> float:
    """Bytes a second that one TCP connection gets through.

    It is the network's bandwidth, unless packets are lost: then it is no more than a window that is halved at every
    loss lets through (Mathis, Semke, Mahdavi and Ott, 1997): the size of a segment times the root of 3/2, over the
    round trip times the root of the share that is lost.
    """
    bandwidth = float(max(1, options.bandwidth))
    hindrance = 2 * options.latency * sqrt(options.loss)
    return bandwidth if hindrance == 0 else max(1.0, min(bandwidth, SEGMENT * _MATHIS / hindrance))
