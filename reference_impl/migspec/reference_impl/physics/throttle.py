"""Auto-converge: when the guest is slowed down, and by how much.

At a collection of dirty pages that is more than a second after the last look, what the guest has dirtied since is held
against what was sent. When it was too much for the second time, the throttle takes a step. Source: the release's
behaviour as recorded; the step with `cpu-throttle-tailslow` follows the schema's text.
"""

from dataclasses import dataclass

from migspec.reference_impl.physics.settings import Settings, flag, number
from migspec.spec.vocabulary import MigrationParameter as P

PERIOD = 1.0
"""Seconds that a period lasts at least."""


@dataclass(slots=True)
class Throttle:
    """How often the guest was too fast since the last step."""

    _too_fast: int = 0

    def step(self, settings: Settings, throttle: int, dirtied: int, sent: int) -> int:
        """The throttle after a period in which so many bytes were dirtied and sent."""
        tolerated = sent * number(settings, P.THROTTLE_TRIGGER_THRESHOLD) // 100
        if dirtied <= tolerated:
            return throttle
        self._too_fast += 1
        if self._too_fast < 2:
            return throttle
        self._too_fast = 0
        most = number(settings, P.MAX_CPU_THROTTLE)
        if not throttle:
            return number(settings, P.CPU_THROTTLE_INITIAL)
        increment = number(settings, P.CPU_THROTTLE_INCREMENT)
        if flag(settings, P.CPU_THROTTLE_TAILSLOW):
            speed = 100 - throttle
            increment = min(increment, int(speed - speed * tolerated / dirtied))
        return max(1, min(throttle + increment, most))
