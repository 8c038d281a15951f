"""The addresses of migrations: what a URI names, and the sockets that listen there, with failures in QEMU's words.

What a URI names, and whether it is well-formed, is the business of `migspec.spec.uri`.  Source of the words: observed
on QEMU 5.2.0, see there.
"""

import errno
import os
import socket
from collections.abc import Mapping
from typing import Final

from migspec.reference_impl.answers.words import no_connection
from migspec.reference_impl.serving.addresses import (
    LONGEST_PATH,
    listen_on_path,
    listen_on_port,
    listen_with,
    new_socket,
)
from migspec.spec import uri
from migspec.spec.uri import Command, Endpoint, Inet, Unix, Vsock

BACKLOG: Final = 1
"""Connections that may wait at a migration's address."""


class EndpointError(Exception):
    """An address that cannot be listened on or connected to, with QEMU's text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


SockAddr = tuple[socket.AddressFamily, str | tuple[int | str, ...]]
"""A family of sockets and an address of it."""


def endpoint(address: str) -> Endpoint:
    """What a URI names that `migspec.spec.uri` lets pass.

    Raises `EndpointError` for what it does not, for two families that are both switched off, and for a NUL in what the
    system is to name.
    """
    target = uri.endpoint(address)
    if target is None:
        raise EndpointError(f"error parsing address '{address}'")
    if isinstance(target, Inet) and target.flags.get("ipv4") is target.flags.get("ipv6") is False:
        raise EndpointError(uri.NO_FAMILY)
    if "\0" in address:
        _refuse_nul(target)
    return target


def _refuse_nul(target: Endpoint) -> None:
    # QEMU writes U+0000 as two bytes, of which a name may consist; here it would end the name, or be refused as a fault
    match target:
        case Command():
            raise EndpointError("Unable to fork: Invalid argument (a NUL character)")
        case Unix():
            raise EndpointError("Failed to create Unix socket: Invalid argument (a NUL character)")
        case Inet():
            raise EndpointError(f"address resolution failed for {target.name}: Name or service not known")


def _family(flags: Mapping[str, bool]) -> socket.AddressFamily | None:
    """The one family that an address may be of; None if either will do."""
    four, six = flags.get("ipv4"), flags.get("ipv6")
    if four == six:
        return None
    return socket.AF_INET if four or six is False else socket.AF_INET6


def candidates(target: Inet | Vsock | Unix) -> list[SockAddr]:
    """What to connect to, in order; a name may have to be looked up, which can take its time.

    Raises `EndpointError` if it comes to nothing.
    """
    match target:
        case Unix(path):
            if len(os.fsencode(path)) > LONGEST_PATH:
                raise EndpointError(f"UNIX socket path '{path}' is too long")
            return [(socket.AF_UNIX, path)]
        case Vsock():
            return [_vsock(target)]
        case Inet():
            return _resolve(target, target.host, socket.AI_ADDRCONFIG)


def is_numeric(target: Inet) -> bool:
    """Whether host and port are numbers, so that nothing has to be looked up."""
    try:
        socket.getaddrinfo(target.host, target.port, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    except (OSError, UnicodeError):
        return False
    return True


def _resolve(target: Inet, host: str | None, flags: int) -> list[SockAddr]:
    try:
        found = socket.getaddrinfo(host, target.port, _family(target.flags) or 0, socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "Name or service not known"
        raise EndpointError(f"address resolution failed for {target.name}: {why}") from None
    return [(family, (str(where[0]), *where[1:])) for family, _, _, _, where in found]


def _vsock(target: Vsock) -> SockAddr:
    for name, text in (("cid", target.cid), ("port", target.port)):
        if not (text.isascii() and text.isdecimal() and int(text) < 1 << 32):
            raise EndpointError(f"Failed to parse {name} '{text}'")
    return socket.AF_VSOCK, (int(target.cid), int(target.port))


def not_connected(target: Inet | Vsock | Unix, error: OSError) -> str:
    """What QEMU says of a connection that could not be made."""
    return no_connection(target.path if isinstance(target, Unix) else target.name, error.strerror or str(error))


def listen(target: Inet | Vsock | Unix) -> list[socket.socket]:
    """Listen on everything that an address comes to and that can be had; a host that is not named is the loopback.

    Raises `EndpointError` if nothing can be had.
    """
    match target:
        case Unix(path):
            return [_listen_on_path(path)]
        case Vsock():
            family, where = _vsock(target)
            return [_listen_on_vsock(family, where)]
        case Inet():
            return _listen_on_inet(target)


def _listen_on_path(path: str) -> socket.socket:
    if len(os.fsencode(path)) > LONGEST_PATH + 1:
        raise EndpointError(f"UNIX socket path '{path}' is too long")
    try:
        return listen_on_path(path, BACKLOG)
    except OSError as error:
        raise EndpointError(f"Failed to bind socket to {path}: {error.strerror or error}") from None


def _listen_on_vsock(family: socket.AddressFamily, where: str | tuple[int | str, ...]) -> socket.socket:
    done = "create"
    try:
        with new_socket(family) as listener:
            done = "bind"
            return listen_with(listener, where, BACKLOG)
    except OSError as error:
        raise EndpointError(f"Failed to {done} socket: {error.strerror}") from None


def _listen_on_inet(target: Inet) -> list[socket.socket]:
    found = _resolve(target, target.host or None, 0)
    listeners: list[socket.socket] = []
    fault = ""
    for family, where in found:
        assert isinstance(where, tuple)
        try:
            listeners.append(_listen_on_ports(family, str(where[0]), int(where[1]), target.last_port))
        except EndpointError as error:
            fault = fault or error.text
    if not listeners:
        raise EndpointError(fault)
    return listeners


def _listen_on_ports(family: socket.AddressFamily, host: str, first: int, last: int | None) -> socket.socket:
    in_use = ""
    for port in range(first, max(first, last or first) + 1):
        try:
            return listen_on_port(family, (host, port), BACKLOG)
        except OverflowError:
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise EndpointError(f"Failed to bind socket: {error.strerror or error}") from None
            in_use = error.strerror or ""
    raise EndpointError(f"Failed to find an available port: {in_use or 'Address already in use'}")
