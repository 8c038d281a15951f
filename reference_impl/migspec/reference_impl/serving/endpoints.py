"""The addresses of migrations: what a URI names, and the sockets that listen there, with failures in QEMU's words.

Whether a URI is well-formed is the business of `migspec.spec.uri`; here it is, and the parts that a socket needs are
taken out of it.  Source of the words: observed on QEMU 5.2.0, see `migspec.spec.uri`.
"""

import errno
import os
import re
import socket
from dataclasses import dataclass
from typing import Final

from migspec.reference_impl.serving.addresses import LONGEST_PATH, listen_on_path, listen_on_port
from migspec.spec.uri import UriKind

BACKLOG: Final = 1
"""Connections that may wait at a migration's address."""

_INET: Final = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:]*)):(?P<port>[^,]{1,32})")
_TO: Final = re.compile(r",to=\s*\+?([0-9]+)")
_OFF: Final = "=off"


@dataclass(frozen=True, slots=True)
class Unix:
    """A unix socket."""

    path: str


@dataclass(frozen=True, slots=True)
class Inet:
    """A TCP address; `to` is the last port that may be tried when listening, `families` what it may be resolved to."""

    host: str
    port: str
    to: int | None
    family: socket.AddressFamily | None

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Vsock:
    """A socket between host and guest."""

    cid: str
    port: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A file descriptor, by name or number."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command."""

    line: str


Endpoint = Unix | Inet | Vsock | Descriptor | Command


class EndpointError(Exception):
    """An address that cannot be listened on or connected to, with QEMU's text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


SockAddr = tuple[socket.AddressFamily, str | tuple[int | str, ...]]
"""A family of sockets and an address of it."""


def endpoint(uri: str) -> Endpoint:
    """What a URI names that `migspec.spec.uri` lets pass.

    Raises `EndpointError` for two families that are both switched off, and for a NUL in what the system is to name.
    """
    target = _parsed(uri)
    if "\0" in uri:
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


def _parsed(uri: str) -> Endpoint:
    for scheme, kind in ((f"{UriKind.EXEC}:", Command), (f"{UriKind.FD}:", Descriptor)):
        if uri.startswith(scheme):
            return kind(uri.removeprefix(scheme))
    address = uri.removeprefix(f"{UriKind.TCP}:")
    if address.startswith("unix:"):
        return Unix(address.removeprefix("unix:"))
    if address.startswith("fd:"):
        return Descriptor(address.removeprefix("fd:"))
    if address.startswith("vsock:"):
        cid, _, port = address.removeprefix("vsock:").partition(":")
        return Vsock(cid, port.partition(",")[0])
    found = _INET.match(address)
    if found is None:
        raise EndpointError(f"error parsing address '{address}'")
    options = address[found.end() :]
    last = _TO.search(options)
    host = found["six"] if found["six"] is not None else found["host"]
    return Inet(host, found["port"], int(last[1]) if last else None, _family(options))


def _family(options: str) -> socket.AddressFamily | None:
    wanted: dict[str, bool] = {}
    for name in ("ipv4", "ipv6"):
        _, given, rest = options.partition(f",{name}")
        if given:
            wanted[name] = not rest.startswith(_OFF)
    four, six = wanted.get("ipv4"), wanted.get("ipv6")
    if four is False and six is False:
        raise EndpointError("Cannot disable IPv4 and IPv6 at same time")
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
        found = socket.getaddrinfo(host, target.port, target.family or 0, socket.SOCK_STREAM, flags=flags)
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
    match target:
        case Unix(path):
            name = path
        case Inet():
            name = target.name
        case Vsock(cid, port):
            name = f"{cid}:{port}"
    return f"Failed to connect to '{name}': {error.strerror or error}"


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
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise EndpointError(f"Failed to create socket: {error.strerror}") from None
    try:
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise EndpointError(f"Failed to bind socket: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def _listen_on_inet(target: Inet) -> list[socket.socket]:
    found = _resolve(target, target.host or None, 0)
    listeners: list[socket.socket] = []
    fault = ""
    for family, where in found:
        assert isinstance(where, tuple)
        try:
            listeners.append(_listen_on_ports(family, str(where[0]), int(where[1]), target.to))
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
