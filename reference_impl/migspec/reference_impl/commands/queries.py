"""The queries of the state, and the measurement of the dirty rate.

None of them changes what it tells of.  In torn answers, a known defect, the host may overtake the making of one.
"""

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.contracts import Subject, under_contract


class QueryCommands(Subject):
    """The queries, and the measurement that one of them tells of."""

    @under_contract("query-migrate")
    def query_migrate(self, call: Call) -> Return:
        """Tell how the migrations stand: the outgoing side, and the incoming one while there was no other.

        Times are milliseconds, sizes bytes. Never refused.

        Clause: query-migrate.
        """
        return self.carry_out(call)

    @under_contract("query-status")
    def query_status(self, call: Call) -> Return:
        """Tell the run state of the guest. Never refused.

        Clause: query-status.
        """
        return self.carry_out(call)

    @under_contract("query-version")
    def query_version(self, call: Call) -> Return:
        """Tell the release. Never refused, but by a build that does not know it.

        Clause: query-version.
        """
        return self.carry_out(call)

    @under_contract("query-name")
    def query_name(self, call: Call) -> Return:
        """Tell the guest's name, if it has one. Never refused.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-uuid")
    def query_uuid(self, call: Call) -> Return:
        """Tell the machine's UUID. Never refused.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-target")
    def query_target(self, call: Call) -> Return:
        """Tell what the guest's processors are. Never refused.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-kvm")
    def query_kvm(self, call: Call) -> Return:
        """Tell whether the host's kernel runs the guest, which it does not here. Never refused.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-iothreads")
    def query_iothreads(self, call: Call) -> Return:
        """Tell the threads that serve devices, of which there are none. Never refused.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-colo-status")
    def query_colo_status(self, call: Call) -> Return:
        """Tell which half of a COLO pair this is, which it was last, and why it left. Never refused.

        Clause: query-colo-status.
        """
        return self.carry_out(call)

    @under_contract("calc-dirty-rate")
    def calc_dirty_rate(self, call: Call) -> Return:
        """Order a measurement of the dirty rate over `calc-time` seconds.

        Refused while one is under way, or beginning, and for a time outside 1 to 60.

        Clause: calc-dirty-rate.
        """
        return self.carry_out(call)

    @under_contract("query-dirty-rate")
    def query_dirty_rate(self, call: Call) -> Return:
        """Tell the latest measurement, in megabytes a second. Never refused.

        Clause: query-dirty-rate.
        """
        return self.carry_out(call)

    @under_contract("query-commands")
    def query_commands(self, call: Call) -> Return:
        """Tell the names of the commands. The specification leaves it open.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-events")
    def query_events(self, call: Call) -> Return:
        """Tell the names of the events. The specification leaves it open.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("query-qmp-schema")
    def query_qmp_schema(self, call: Call) -> Return:
        """Tell the schema of the interface. The specification leaves it open.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)
