"""When a guest that has just arrived is announced on its networks."""

from itertools import accumulate

from migspec.reference_impl.physics.settings import Settings, number
from migspec.spec.vocabulary import MigrationParameter as P


def announcements(settings: Settings) -> tuple[float, ...]:
    """The delays of the announcements, in seconds after the guest has started.

    There are `announce-rounds`, the first after `announce-initial`. Each pause is by `announce-step` longer than the
    one before it, but none is longer than `announce-max`. Source: the schema's text on these parameters.
    """
    first, step = number(settings, P.ANNOUNCE_INITIAL), number(settings, P.ANNOUNCE_STEP)
    longest = number(settings, P.ANNOUNCE_MAX)
    pauses = (min(longest, first + step * turn) for turn in range(number(settings, P.ANNOUNCE_ROUNDS)))
    return tuple(milliseconds / 1000 for milliseconds in accumulate(pauses))
