"""The commands that set and read capabilities and parameters.

Sizes are bytes and bytes a second, times milliseconds, but for `migrate_set_downtime`, which takes seconds.
"""

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.contracts import Subject, under_contract


class SettingsCommands(Subject):
    """The commands of capabilities and parameters."""

    @under_contract("migrate-set-capabilities")
    def migrate_set_capabilities(self, call: Call) -> Return:
        """Switch capabilities on or off, all of the list or none; the last entry of one counts.

        Refused in an outgoing migration in progress, for what the build lacks, and for postcopy-ram together with
        x-ignore-shared or on a host that cannot do it.

        Clause: migrate-set-capabilities.
        """
        return self.carry_out(call)

    @under_contract("query-migrate-capabilities")
    def query_migrate_capabilities(self, call: Call) -> Return:
        """List every capability of the build, in the order of the enumeration. Never refused.

        Clause: query-migrate-capabilities.
        """
        return self.carry_out(call)

    @under_contract("migrate-set-parameters")
    def migrate_set_parameters(self, call: Call) -> Return:
        """Store new parameters, all or none, each cut to the width of its storage before it is checked.

        Refused where the merged set does not pass a check, the first that fails telling. A `tls-authz` of null ends the
        process without a reply (a known defect).

        Clause: migrate-set-parameters.
        """
        return self.carry_out(call)

    @under_contract("query-migrate-parameters")
    def query_migrate_parameters(self, call: Call) -> Return:
        """Tell the parameters in force, all but a mapping of bitmaps that was never set. Never refused.

        Clause: query-migrate-parameters.
        """
        return self.carry_out(call)

    @under_contract("migrate_set_downtime")
    def migrate_set_downtime(self, call: Call) -> Return:
        """Store `value`, in seconds, as downtime-limit, in milliseconds.

        Refused below 0 and above 2000 seconds.

        Clause: migrate_set_downtime (deprecated).
        """
        return self.carry_out(call)

    @under_contract("migrate_set_speed")
    def migrate_set_speed(self, call: Call) -> Return:
        """Store `value`, in bytes a second, as max-bandwidth. Never refused.

        Clause: migrate_set_speed (deprecated).
        """
        return self.carry_out(call)

    @under_contract("migrate-set-cache-size")
    def migrate_set_cache_size(self, call: Call) -> Return:
        """Store `value`, in bytes, as xbzrle-cache-size.

        Refused for what is no power of two, or less than a page.

        Clause: migrate-set-cache-size (deprecated).
        """
        return self.carry_out(call)

    @under_contract("query-migrate-cache-size")
    def query_migrate_cache_size(self, call: Call) -> Return:
        """Tell xbzrle-cache-size, in bytes, as a signed number. Never refused.

        Clause: query-migrate-cache-size (deprecated).
        """
        return self.carry_out(call)
