"""A guest and a link worth watching: when the hidden steps of a migration are ready, and what numbers it shows.

Physics knows nothing of QMP or of the lifecycle's rules. It is told what happened, and asked what comes next and what
the numbers are; all is computed in seconds of the caller's clock and bytes, from event to event. `workload` describes
guests, `effects` tells for each capability and parameter what heeds it.
"""

from migspec.reference_impl.physics.announcements import announcements
from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.physics.incoming import IncomingWork
from migspec.reference_impl.physics.outgoing import OutgoingWork, Ready, What
from migspec.reference_impl.physics.settings import Settings, SettingTypeError
from migspec.reference_impl.physics.workload import WorkloadError

__all__ = [
    "Guest",
    "IncomingWork",
    "OutgoingWork",
    "Ready",
    "SettingTypeError",
    "Settings",
    "What",
    "WorkloadError",
    "announcements",
]
