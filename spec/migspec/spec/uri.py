"""Migration URIs: which ones QEMU refuses at once, with which words, and which it may accept.

`migrate` connects in the background, so it refuses only what it cannot parse; `migrate-incoming` and
`migrate-recover` listen before they answer, so the host has a say as well. A URI can be refused for its
scheme or for what follows it, and the difference shows: a `migrate` refused for its scheme leaves no
error-desc behind, one refused for its body leaves the same text. All refusals are of class GenericError.
Source, unless another is named: observed on QEMU 5.2.0.

QEMU scans addresses byte by byte into buffers of fixed size, which is why this module counts bytes: a
host has at most 64, and a port of more than 32 is cut, its rest passed over. Options after the address
are searched for by name and anything else between commas is ignored. What follows `tcp:` may again be
`unix:`, `fd:` or `vsock:`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class UriKind(StrEnum):
    """The scheme of a URI, spelled as before its colon; it must match to the letter."""

    TCP = "tcp"
    """TCP, or any socket address."""
    UNIX = "unix"
    """A UNIX domain socket."""
    VSOCK = "vsock"
    """A socket between host and guest."""
    RDMA = "rdma"
    """Remote direct memory access; a build may lack it."""
    EXEC = "exec"
    """The standard input or output of a shell command."""
    FD = "fd"
    """A file descriptor handed over before."""
    DEFER = "defer"
    """Not a URI but the word `defer`, which only listening knows."""
    UNKNOWN = "unknown"
    """Anything else."""


class Stage(StrEnum):
    """Which part of a URI a refusal is about."""

    SCHEME = "scheme"
    """The scheme is not known, or not in this build."""
    BODY = "body"
    """What follows the scheme is malformed, or cannot be had."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error with which a URI may be refused.

    `text` is the whole description if `exact`, else its beginning, the rest depending on the host.
    """

    stage: Stage
    text: str
    exact: bool = True

    def admits(self, description: str) -> bool:
        """Tell whether `description`, the `desc` of an error reply, is this error."""
        return description == self.text if self.exact else description.startswith(self.text)


@dataclass(frozen=True, slots=True)
class UriVerdict:
    """What may become of a URI: the refusals that are possible, and whether it may be accepted."""

    kind: UriKind
    refusals: tuple[Refusal, ...]
    may_pass: bool

    def stage(self, description: str) -> Stage | None:
        """Return what a refusal with this `desc` is about, None if this URI cannot be refused so."""
        return next((refusal.stage for refusal in self.refusals if refusal.admits(description)), None)


def outgoing(uri: str) -> UriVerdict:
    """Return what `migrate` may answer to `uri` once it gets as far as looking at it."""
    kind, body = _split(uri)
    match kind:
        case UriKind.UNKNOWN | UriKind.DEFER:
            return UriVerdict(UriKind.UNKNOWN, (_NO_SUCH_PROTOCOL,), may_pass=False)
        case UriKind.RDMA:
            return _rdma(body, _NO_SUCH_PROTOCOL)
        case UriKind.EXEC:
            return UriVerdict(kind, _SPAWN_FAILURES, may_pass=True)
        case UriKind.FD:
            return UriVerdict(kind, (_no_such_descriptor(body), *_SOCKET_QUERIES), may_pass=True)
    address = uri.removeprefix("tcp:")
    match _socket_address(address):
        case _Malformed(text):
            return UriVerdict(kind, (_body(text), *_builds_without(address)), may_pass=False)
    return UriVerdict(kind, _builds_without(address), may_pass=True)


def incoming(uri: str, *, deferred: bool | None = True) -> UriVerdict:
    """Return what `migrate-incoming` or `migrate-recover` may answer to `uri` once it looks at it.

    `deferred` tells whether the process was started with `-incoming defer`, which `migrate-incoming`
    has made sure of before; None if that is not known.
    """
    kind, body = _split(uri)
    match kind:
        case UriKind.UNKNOWN:
            return UriVerdict(kind, (_unknown_to_listener(uri),), may_pass=False)
        case UriKind.DEFER:
            refusals = () if deferred is False else (_ALREADY_DEFERRED,)
            return UriVerdict(kind, refusals, may_pass=deferred is not True)
        case UriKind.RDMA:
            return _rdma(body, _unknown_to_listener(uri))
        case UriKind.EXEC:
            return UriVerdict(kind, _SPAWN_FAILURES, may_pass=True)
        case UriKind.FD:
            return _incoming_descriptor(body)
    address = uri.removeprefix("tcp:")
    certain, possible = _listening(_socket_address(address))
    return UriVerdict(kind, (*certain, *possible, *_builds_without(address)), may_pass=not certain)


# ---- what a URI names ----


@dataclass(frozen=True, slots=True)
class Inet:
    """A TCP address; an empty host is any.

    `last_port` is the last that may be tried when listening, `flags` say of ``ipv4`` and ``ipv6`` whether they are
    switched on or off.
    """

    host: str
    port: str
    last_port: int | None
    flags: Mapping[str, bool]

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    """A UNIX domain socket."""

    path: str


@dataclass(frozen=True, slots=True)
class Vsock:
    """A vsock address; both parts are still text."""

    cid: str
    port: str

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.cid}:{self.port}"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A file descriptor, by name or number."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command."""

    line: str


Endpoint = Inet | Unix | Vsock | Descriptor | Command
"""What a URI names."""


def endpoint(uri: str) -> Endpoint | None:
    """What a URI names; None if it is malformed, or is of RDMA."""
    kind, body = _split(uri)
    match kind:
        case UriKind.EXEC:
            return Command(body)
        case UriKind.FD:
            return Descriptor(body)
        case UriKind.TCP | UriKind.UNIX | UriKind.VSOCK:
            address = _socket_address(uri.removeprefix("tcp:"))
            return None if isinstance(address, _Malformed) else address
    return None


NO_FAMILY: Final = "Cannot disable IPv4 and IPv6 at same time"
"""What is said of an address that may be of neither family."""


# ---- the socket addresses ----


@dataclass(frozen=True, slots=True)
class _Malformed:
    """An address that does not parse, with the error."""

    text: str


_Address = Inet | Unix | Vsock | Descriptor

_HOST: Final = {
    # first character of the address: how to read it, and the error if it cannot be read
    b":": (re.compile(rb":(?P<port>[^,]{1,32})"), "error parsing port in address '{}'"),
    b"[": (
        re.compile(rb"\[(?P<host>[^\]]{1,64})\]:(?P<port>[^,]{1,32})"),
        "error parsing IPv6 address '{}'",
    ),
}
_PLAIN_HOST: Final = (
    re.compile(rb"(?P<host>[^:]{1,64}):(?P<port>[^,]{1,32})"),
    "error parsing address '{}'",
)
_LAST_PORT: Final = re.compile(rb"[ \t\n\v\f\r]*[+-]?[0-9]+(?=,|\Z)")
_FLAGS: Final = ("ipv4", "ipv6", "keep-alive")
_FLAG_VALUES: Final = {b"": True, b"=on": True, b"=off": False}
_VSOCK: Final = re.compile(rb"(?P<cid>[^:]{1,32}):(?P<port>[^,]{1,32})")
_UNSIGNED: Final = re.compile(r"[ \t\n\v\f\r]*\+?[0-9]+", re.ASCII)
_LONGEST_UNIX_PATH: Final = 108  # bytes
_LONGEST_DESCRIPTOR: Final = 10  # digits


def _socket_address(text: str) -> _Address | _Malformed:
    for prefix, parse in _FAMILIES.items():
        if text.startswith(prefix):
            return parse(text.removeprefix(prefix))
    return _inet(text)


def _unix(path: str) -> Unix | _Malformed:
    return Unix(path) if path else _Malformed("invalid Unix socket address")


def _descriptor(name: str) -> Descriptor | _Malformed:
    return Descriptor(name) if name else _Malformed("invalid file descriptor address")


def _vsock(text: str) -> Vsock | _Malformed:
    raw = _encode(text)
    found = _VSOCK.match(raw)
    if not found:
        return _Malformed(f"error parsing address '{text}'")
    if found.end() < len(raw):
        return _Malformed(f"trailing characters in address '{text}'")
    return Vsock(_decode(found["cid"]), _decode(found["port"]))


_FAMILIES: Final[Mapping[str, Callable[[str], _Address | _Malformed]]] = {
    "unix:": _unix,
    "fd:": _descriptor,
    "vsock:": _vsock,
}


def _inet(text: str) -> Inet | _Malformed:
    raw = _encode(text)
    pattern, complaint = _HOST.get(raw[:1], _PLAIN_HOST)
    found = pattern.match(raw)
    if not found:
        return _Malformed(complaint.format(text))
    options = raw[found.end() :]
    _, last_port_given, last_port = options.partition(b",to=")
    last = _LAST_PORT.match(last_port)
    if last_port_given and not last:
        return _Malformed("error parsing to= argument")
    flags = {}
    for name in _FLAGS:
        _, given, rest = options.partition(f",{name}".encode())
        if given:
            value, _, after = rest.partition(b",")
            if value not in _FLAG_VALUES or after.startswith(b","):
                return _Malformed(f"error parsing '{name}' flag '{_decode(rest)}'")
            flags[name] = _FLAG_VALUES[value]
    host = _decode(found.groupdict().get("host", b""))
    return Inet(host, _decode(found["port"]), int(last[0]) if last else None, flags)


# ---- listening ----


def _listening(address: _Address | _Malformed) -> tuple[list[Refusal], list[Refusal]]:
    """Return the refusals one of which is certain, and those that the host may add."""
    match address:
        case _Malformed(text):
            return [_body(text)], []
        case Inet(host, flags=flags):
            if flags.get("ipv4") is False and flags.get("ipv6") is False:
                return [_body(NO_FAMILY)], []
            return [], [*_beginnings(f"address resolution failed for {host}:"), *_LISTEN_FAILURES]
        case Unix(path):
            if len(_encode(path)) > _LONGEST_UNIX_PATH:
                return [_body(f"UNIX socket path '{path}' is too long")], [*_UNIX_FAILURES]
            on_path = _beginnings(f"Failed to unlink socket {path}: ", f"Failed to bind socket to {path}: ")
            return [], [*_UNIX_FAILURES, *on_path, *_LISTEN_FAILURES]
        case Vsock(cid, port):
            for name, text in (("cid", cid), ("port", port)):
                if not _fits_32_bits(text):
                    return [_body(f"Failed to parse {name} '{text}'")], [*_VSOCK_FAILURES]
            return [], [*_VSOCK_FAILURES, *_LISTEN_FAILURES]
        case Descriptor(name):
            not_a_socket = _body(f"File descriptor '{name}' is not a socket")
            return [], [_no_such_descriptor(name), not_a_socket, *_DESCRIPTOR_FAILURES, *_SOCKET_QUERIES]


def _incoming_descriptor(name: str) -> UriVerdict:
    if name[:1] not in frozenset("0123456789"):
        return UriVerdict(UriKind.FD, (_no_such_descriptor(name), *_SOCKET_QUERIES), may_pass=True)
    digits = name.lstrip("0") or "0"
    if name.isascii() and name.isdigit() and len(digits) <= _LONGEST_DESCRIPTOR and int(digits) < 2**31:
        return UriVerdict(UriKind.FD, _SOCKET_QUERIES, may_pass=True)
    return UriVerdict(UriKind.FD, (_body(f"Invalid file descriptor number '{name}'"),), may_pass=False)


def _rdma(body: str, build_without: Refusal) -> UriVerdict:
    if isinstance(_inet(body), _Malformed):
        bad_address = _body(f"RDMA ERROR: bad RDMA migration address '{body}'")
        return UriVerdict(UriKind.RDMA, (bad_address, _NO_DISCARD, build_without), may_pass=False)
    return UriVerdict(UriKind.RDMA, (*_RDMA_FAILURES, _NO_DISCARD, build_without), may_pass=True)


# ---- the words ----


def _body(text: str) -> Refusal:
    return Refusal(Stage.BODY, text)


def _beginnings(*texts: str) -> tuple[Refusal, ...]:
    return tuple(Refusal(Stage.BODY, text, exact=False) for text in texts)


def _unknown_to_listener(uri: str) -> Refusal:
    return Refusal(Stage.SCHEME, f"unknown migration protocol: {uri}")


def _no_such_descriptor(name: str) -> Refusal:
    return _body(f"File descriptor named '{name}' has not been found")


def _builds_without(address: str) -> tuple[Refusal, ...]:
    return (_NO_VSOCK,) if address.startswith("vsock:") else ()


_NO_SUCH_PROTOCOL: Final = Refusal(Stage.SCHEME, "Parameter 'uri' expects a valid migration protocol")
_ALREADY_DEFERRED: Final = _body("Incoming migration already deferred")
_RDMA_FAILURES: Final = _beginnings("RDMA ERROR: ")
_LISTEN_FAILURES: Final = _beginnings(
    "Failed to create a socket",
    "Failed to bind socket: ",
    "Failed to listen on socket",
    "Failed to find an available port",
    "Unable to query local socket address",
)
# not observed, but possible on other hosts or builds; missing one here would be a false alarm
_NO_VSOCK: Final = _body("socket family AF_VSOCK unsupported")
_NO_DISCARD: Final = _body("RDMA: cannot disable RAM discard")
_SPAWN_FAILURES: Final = _beginnings("Unable to open /dev/null", "Unable to open pipe", "Unable to fork")
_SOCKET_QUERIES: Final = _beginnings("Unable to query local socket address", "Unable to query remote socket address")
_UNIX_FAILURES: Final = _beginnings("Failed to create Unix socket")
_VSOCK_FAILURES: Final = _beginnings("Failed to create socket")
_DESCRIPTOR_FAILURES: Final = _beginnings(
    "Unable to parse FD number", "socket_get_fd: too many connections", "Failed to listen on fd socket"
)


# ---- text and bytes ----


def _split(uri: str) -> tuple[UriKind, str]:
    if uri == UriKind.DEFER.value:
        return UriKind.DEFER, ""
    for kind in _SCHEMES:
        prefix = f"{kind.value}:"
        if uri.startswith(prefix):
            return kind, uri.removeprefix(prefix)
    return UriKind.UNKNOWN, uri


_SCHEMES: Final[Iterable[UriKind]] = (
    UriKind.TCP,
    UriKind.UNIX,
    UriKind.VSOCK,
    UriKind.RDMA,
    UriKind.EXEC,
    UriKind.FD,
)


def _encode(text: str) -> bytes:
    # QEMU keeps U+0000 as two bytes, so that it does not end the string
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


def _decode(raw: bytes) -> str:
    return raw.replace(b"\xc0\x80", b"\0").decode("utf-8", "replace")


def _fits_32_bits(text: str) -> bool:
    return bool(_UNSIGNED.fullmatch(text)) and int(text) < 2**32
