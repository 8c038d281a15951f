"""Something that behaves as the specification says: a model of migrating VMs, and a QMP server on top of it.

The model takes its steps from the rows and contracts of `migspec.spec` and adds none of its own.  The server
lends it a monitor, so that a client can be tested without a QEMU.

The package is empty so far: there is neither a model nor a server in it yet.
"""
