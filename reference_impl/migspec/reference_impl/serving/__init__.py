"""Machines on sockets: monitors for real QMP clients, and migrations over real connections, in wall-clock time.

`served` joins a machine to the event loop; around it are its `monitors` and `channels`, and the `addresses`,
`endpoints`, `pipes` and `descriptors` that they are made of.  `process` is for a process that serves one machine.
"""

from migspec.reference_impl.serving.addresses import Address, AddressError
from migspec.reference_impl.serving.links import Permissions
from migspec.reference_impl.serving.process import leave, serve_until_end
from migspec.reference_impl.serving.served import Served

__all__ = ["Address", "AddressError", "Permissions", "Served", "leave", "serve_until_end"]
