"""The commands that start, steer and end an outgoing migration, or take over from one in COLO."""

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.contracts import Subject, under_contract


class OutgoingCommands(Subject):
    """The commands of the outgoing side."""

    @under_contract("migrate")
    def migrate(self, call: Call) -> Return:
        """Start to migrate the guest to `uri`, or with `resume` take a paused postcopy up again.

        The attempt is in `setup` from now on, and connects after the reply; over a pipe or a descriptor before it.

        Refused in a migration in progress, while the guest waits for its state, for `blk` and `inc` where block
        migration is configured already or not in the build, for a `uri` that cannot be parsed, and for a `resume`
        of what is not paused or has freed its pages. A bad `uri` of a new attempt fails that attempt, with events.

        Clause: migrate; observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("migrate_cancel")
    def migrate_cancel(self, call: Call) -> Return:
        """Give up the outgoing migration: its status is `cancelling` until its thread has noticed.

        Never refused; without a migration in progress, COLO included, it does nothing.

        Clause: migrate_cancel.
        """
        return self.carry_out(call)

    @under_contract("migrate-continue")
    def migrate_continue(self, call: Call) -> Return:
        """End the wait in `pre-switchover`; in any other status that is named right, it does nothing.

        Refused unless `state` is the outgoing status.

        Clause: migrate-continue.
        """
        return self.carry_out(call)

    @under_contract("migrate-start-postcopy")
    def migrate_start_postcopy(self, call: Call) -> Return:
        """Ask for postcopy: the migration thread switches as soon as it finds the request.

        Refused without the capability postcopy-ram or dirty-bitmaps, and before the first migration. After the end of
        one it does nothing.

        Clause: migrate-start-postcopy.
        """
        return self.carry_out(call)

    @under_contract("x-colo-lost-heartbeat")
    def x_colo_lost_heartbeat(self, call: Call) -> Return:
        """Take over alone: the other half of the COLO pair counts as lost.

        Refused where neither side is in COLO, and after a failover was ordered.

        Clause: x-colo-lost-heartbeat.
        """
        return self.carry_out(call)
