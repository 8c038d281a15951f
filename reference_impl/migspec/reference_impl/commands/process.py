"""The commands of the monitor, the guest and the process, and lines for the human monitor."""

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.contracts import Subject, under_contract


class ProcessCommands(Subject):
    """The commands of monitor, guest and process."""

    @under_contract("qmp_capabilities")
    def qmp_capabilities(self, call: Call) -> Return:
        """End the negotiation of the monitor, with out-of-band execution if `enable` asks for it.

        Refused once a connection has negotiated, and for out-of-band execution where the monitor has none.

        Clause: qmp_capabilities.
        """
        return self.carry_out(call)

    @under_contract("stop")
    def stop(self, call: Call) -> Return:
        """Stop the guest; one that waits for its state will not start when it has it. Never refused.

        Clause: stop.
        """
        return self.carry_out(call)

    @under_contract("cont")
    def cont(self, call: Call) -> Return:
        """Let the guest run; one that waits for its state will start when it has it.

        Refused after a shutdown without a reset, while a migration has it stopped, during a dump, and where its disks
        cannot be taken back.

        Clause: cont.
        """
        return self.carry_out(call)

    @under_contract("quit")
    def quit(self, call: Call) -> Return:
        """End the process soon after the reply. Never refused.

        Clause: quit.
        """
        return self.carry_out(call)

    @under_contract("system_reset")
    def system_reset(self, call: Call) -> Return:
        """Reset the guest, a little after the reply. The specification leaves it open.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("system_wakeup")
    def system_wakeup(self, call: Call) -> Return:
        """Wake a guest that has suspended itself. The specification leaves it open.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("savevm")
    def savevm(self, call: Call) -> Return:
        """Write a snapshot of the guest; a line of the human monitor alone.

        It uses the outgoing status, from `setup` to `completed`, and stops a guest that runs meanwhile. Refused without
        a disk that can hold it. Errors are texts in a success.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("loadvm")
    def loadvm(self, call: Call) -> Return:
        """Bring the guest back to a snapshot; a line of the human monitor alone.

        Refused without such a snapshot. Errors are texts in a success.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)

    @under_contract("human-monitor-command")
    def human_monitor_command(self, call: Call) -> Return:
        """A line of the human monitor that moves no migration; the reply is its output, a text.

        Observed on QEMU 5.2.0.
        """
        return self.carry_out(call)
