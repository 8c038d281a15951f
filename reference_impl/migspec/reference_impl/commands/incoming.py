"""The commands of the incoming side, and the pause that either side of a postcopy may ask for."""

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.contracts import Subject, under_contract


class IncomingCommands(Subject):
    """The commands of the incoming side."""

    @under_contract("migrate-incoming")
    def migrate_incoming(self, call: Call) -> Return:
        """Listen at `uri` in a process that was started with ``-incoming defer``.

        Refused without that option, after it has succeeded once, and for a `uri` that cannot be listened on, which
        comes after the event `setup` and may be tried again.

        Clause: migrate-incoming.
        """
        return self.carry_out(call)

    @under_contract("migrate-recover")
    def migrate_recover(self, call: Call) -> Return:
        """Listen at `uri` for the second connection of a paused postcopy.

        Refused where the incoming side is not paused, where it was given since the pause, and for a `uri` that cannot
        be listened on, which uses up the one try.

        Clause: migrate-recover.
        """
        return self.carry_out(call)

    @under_contract("migrate-pause")
    def migrate_pause(self, call: Call) -> Return:
        """Shut the connection of a postcopy, on either side; its thread notices a moment later.

        Refused outside `postcopy-active`, and where the connection cannot be shut.

        Clause: migrate-pause.
        """
        return self.carry_out(call)
