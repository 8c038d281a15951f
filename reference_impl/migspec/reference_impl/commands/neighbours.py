"""The commands next door: SPICE, descriptors and devices, and those of Xen and disk replication."""

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.contracts import Subject, under_contract


class NeighbourCommands(Subject):
    """The commands that a client needs beside those of migration."""

    @under_contract("client_migrate_info")
    def client_migrate_info(self, call: Call) -> Return:
        """Tell the viewers of SPICE where to reconnect once the guest has moved; the ports are not looked at.

        Refused for another protocol, where SPICE is not served, without a port, and where the SPICE server refuses.

        Clause: client_migrate_info.
        """
        return self.carry_out(call)

    @under_contract("getfd")
    def getfd(self, call: Call) -> Return:
        """Give a name to the file descriptor that comes with the request.

        Refused without one, and for a name that begins with a digit.

        Clause: getfd.
        """
        return self.carry_out(call)

    @under_contract("closefd")
    def closefd(self, call: Call) -> Return:
        """Close a file descriptor that has a name. Refused where none has it.

        Clause: closefd.
        """
        return self.carry_out(call)

    @under_contract("device_add")
    def device_add(self, call: Call) -> Return:
        """Plug a device in.

        Refused while the guest migrates, COLO included, unless it is the hidden primary of a failover pair, and for
        reasons of the device.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("device_del")
    def device_del(self, call: Call) -> Return:
        """Ask the guest to let a device go.

        Refused while the guest migrates, COLO included, but for the primary of a failover pair, and for reasons of the
        device.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("xen-save-devices-state")
    def xen_save_devices_state(self, call: Call) -> Return:
        """Write the state of the devices to `filename`; a running guest is stopped for the duration.

        Refused where the file cannot be written. Unless `live` is false a guest that does not run gives up its disks;
        to do so once more aborts the process (a known defect).

        Clause: xen-save-devices-state.
        """
        return self.carry_out(call)

    @under_contract("xen-load-devices-state")
    def xen_load_devices_state(self, call: Call) -> Return:
        """Read the state of the devices back from `filename`.

        Refused while the guest runs, and for a file that cannot be read or does not fit.

        Clause: xen-load-devices-state.
        """
        return self.carry_out(call)

    @under_contract("xen-set-global-dirty-log")
    def xen_set_global_dirty_log(self, call: Call) -> Return:
        """Switch the logging of dirtied memory on or off. Never refused.

        Clause: xen-set-global-dirty-log.
        """
        return self.carry_out(call)

    @under_contract("xen-set-replication")
    def xen_set_replication(self, call: Call) -> Return:
        """Start or stop disk replication, where there is any.

        Refused by a build without it, for a `failover` of what is not being stopped, and by a disk that replicates.

        Clause: xen-set-replication.
        """
        return self.carry_out(call)

    @under_contract("query-xen-replication-status")
    def query_xen_replication_status(self, call: Call) -> Return:
        """Tell whether disk replication works. Refused by a build without it.

        Clause: query-xen-replication-status.
        """
        return self.carry_out(call)

    @under_contract("xen-colo-do-checkpoint")
    def xen_colo_do_checkpoint(self, call: Call) -> Return:
        """Let disk replication take a checkpoint, where there is any. Refused by a build without it.

        Clause: xen-colo-do-checkpoint.
        """
        return self.carry_out(call)
