"""Migrations through TLS: good ones, and every way in which the two sides do not agree on it.

Most use keys known to both sides (PSK).  Those with certificates need the program `openssl`.
"""

import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import (
    SLOW,
    WAIT,
    arrived,
    cancel,
    finish_postcopy,
    listen,
    look,
    migrate,
    reach,
    resume,
    tune,
)
from tests.live.scenarios.table import add, scenario
from tests.live.session import Session, Vm, pause

HOST: Final = "127.0.0.1"
"""The host that the destination's certificate names, and that a unix socket has to be given."""

Parameters = Mapping[str, str]

SOURCE: Final[Parameters] = MappingProxyType({"tls_creds": "tls", "tls_hostname": HOST})
"""What the source of a migration through TLS is told."""

DESTINATION: Final[Parameters] = MappingProxyType({"tls_creds": "tls"})
"""What its destination is told."""

KEYS: Final = {"one": "00112233445566778899aabbccddeeff", "other": "ffeeddccbbaa99887766554433221100"}
"""The keys, by the folder that holds them."""

_SUBJECTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "server": ("authority", ("authority",)),
        "client": ("authority", ("authority",)),
        "intruder": ("stranger", ("authority", "stranger")),
        "sceptic": ("stranger", ("stranger",)),
    }
)
"""Who has a certificate: the authority that signed it, and those that its owner trusts."""

_HOSTS: Final = f"subjectAltName=IP:{HOST},DNS:{HOST}\n"


def write_keys(folder: Path) -> None:
    """Write the keys, each into a folder of its own."""
    for name, key in KEYS.items():
        (folder / name).mkdir()
        (folder / name / "keys.psk").write_text(f"qemu:{key}\n")


def write_certificates(folder: Path) -> None:
    """Let openssl make certificates for a server and a client, and for a client that nobody knows.

    Raises `RuntimeError` where there is no openssl.
    """
    if shutil.which("openssl") is None:
        raise RuntimeError("the program openssl is not there")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "extensions").write_text(_HOSTS)
    for name in ("authority", "stranger"):
        openssl("req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    for name, (signer, trusted) in _SUBJECTS.items():
        (folder / name).mkdir()
        role = "server" if name == "server" else "client"
        openssl("req", "-new", *curve, "-keyout", f"{name}/{role}-key.pem", "-out", "request", "-subj", f"/CN={name}")
        sign = ("-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial", "-extfile", "extensions")
        openssl("x509", "-req", *sign, "-in", "request", "-out", f"{name}/{role}-cert.pem")
        known = "".join((folder / f"{authority}.pem").read_text() for authority in trusted)
        (folder / name / "ca-cert.pem").write_text(known)


def _vm(credentials: str, write: Callable[[Path], object], *, waits: bool) -> Vm:
    only = ("-object", "authz-simple,id=nobody,identity=CN=nobody")
    return Vm(("-object", "tls-creds-" + credentials, *only), "defer" if waits else None, prepare=write)


def _psk(endpoint: str, key: str = "one", *, waits: bool) -> Vm:
    return _vm(f"psk,id=tls,endpoint={endpoint},dir={{dir}}/{key}", write_keys, waits=waits)


_STILL: Final = Vm((*_psk("server", waits=True).arguments, "-S"), "defer", prepare=write_keys)


def _x509(endpoint: str, subject: str, *, waits: bool) -> Vm:
    return _vm(f"x509,id=tls,endpoint={endpoint},dir={{dir}}/{subject}", write_certificates, waits=waits)


def _psk_pair(source: str = "client", destination: str = "server", key: str = "one") -> Mapping[str, Vm]:
    """Return a pair whose credentials are for these endpoints, and the source's with this key."""
    return MappingProxyType({"src": _psk(source, key, waits=False), "dst": _psk(destination, waits=True)})


def _x509_pair(subject: str = "client") -> Mapping[str, Vm]:
    """Return a pair whose source is this client."""
    return MappingProxyType(
        {"src": _x509("client", subject, waits=False), "dst": _x509("server", "server", waits=True)}
    )


def _open(
    s: Session, src: Parameters, dst: Parameters, *capabilities: str, unix: bool = True
) -> tuple[Monitor, Monitor, str]:
    """Connect to both, set their parameters, and let the destination listen.

    Returns both monitors and the URI for `migrate`.
    """
    source, destination = (s.monitor(vm, capabilities=("events", *capabilities)) for vm in ("src", "dst"))
    tune(source, **src)
    tune(destination, **dst)
    uri = "unix:" + s.path("m")
    if unix:
        listen(destination, uri)
    else:
        listen(destination, f"tcp:{HOST}:0")
        address = destination.execute("query-migrate")["return"]["socket-address"][0]
        uri = f"tcp:{HOST}:{address['port']}"
    return source, destination, uri


def _succeeds(*capabilities: str, unix: bool = True) -> Callable[[Session], None]:
    def act(s: Session) -> None:
        src, dst, uri = _open(s, SOURCE, DESTINATION, *capabilities, unix=unix)
        migrate(src, uri)
        reach(src, "completed")
        reach(dst, "completed")
        look(src, dst)

    return act


def _fails(src: Parameters = SOURCE, dst: Parameters = DESTINATION, *, ends: bool = False) -> Callable[[Session], None]:
    """Return a scenario that fails; `ends`: the destination with it."""

    def act(s: Session) -> None:
        source, destination, uri = _open(s, src, dst)
        tune(source, max_bandwidth=SLOW)
        migrate(source, uri)
        reach(source, "failed")
        look(source)
        if ends:
            destination.wait_closed(WAIT)
            s.ended("dst")
        else:
            pause(0.2)
            look(destination)
            listen(destination, uri)

    return act


for _name, _note, _pair, _act in (
    ("psk-over-unix", "Both sides have the same key.", _psk_pair(), _succeeds()),
    ("psk-over-tcp", "Both sides have the same key, and meet over TCP.", _psk_pair(), _succeeds(unix=False)),
    ("x509-over-unix", "Both sides have certificates of one authority.", _x509_pair(), _succeeds()),
    (
        "x509-over-tcp",
        "Both sides have certificates of one authority, and meet over TCP.",
        _x509_pair(),
        _succeeds(unix=False),
    ),
    ("return-path", "The way back goes through TLS as well.", _psk_pair(), _succeeds("return-path")),
    ("multifd", "Every channel goes through TLS.", _psk_pair(), _succeeds("multifd")),
    (
        "unknown-credentials-at-source",
        "The source is told to use credentials that it does not have.",
        _psk_pair(),
        _fails(src={**SOURCE, "tls_creds": "nope"}),
    ),
    (
        "unknown-credentials-at-destination",
        "The destination is told to use credentials that it does not have, and is useless but alive.",
        _psk_pair(),
        _fails(dst={"tls_creds": "nope"}),
    ),
    (
        "only-at-source",
        "The destination takes the first message of TLS for a stream, which ends it.",
        _psk_pair(),
        _fails(dst={}, ends=True),
    ),
    (
        "only-at-destination",
        "The source sends without TLS, and the destination hangs up.",
        _psk_pair(),
        _fails(src={}),
    ),
    ("psk-keys-differ", "Each side has another key.", _psk_pair(key="other"), _fails()),
    (
        "wrong-endpoint-at-source",
        "The credentials of the source are those of a server.",
        _psk_pair(source="server"),
        _fails(),
    ),
    (
        "wrong-endpoint-at-destination",
        "The credentials of the destination are those of a client.",
        _psk_pair(destination="client"),
        _fails(),
    ),
    (
        "no-host-name",
        "Over a unix socket the source has to be told a host name.",
        _psk_pair(),
        _fails(src={"tls_creds": "tls"}),
    ),
    (
        "x509-wrong-host-name",
        "The certificate is another host's, which the source finds when the destination already loads.",
        _x509_pair(),
        _fails(src={**SOURCE, "tls_hostname": "elsewhere"}, ends=True),
    ),
    ("x509-server-unknown", "The source does not know the issuer.", _x509_pair("sceptic"), _fails()),
    ("x509-client-unknown", "The destination does not know the issuer.", _x509_pair("intruder"), _fails()),
    (
        "x509-client-not-authorised",
        "The destination knows the client and does not let it in.",
        _x509_pair(),
        _fails(dst={**DESTINATION, "tls_authz": "nobody"}),
    ),
    (
        "x509-unknown-authorisation",
        "The destination is told to ask somebody whom it does not have.",
        _x509_pair(),
        _fails(dst={**DESTINATION, "tls_authz": "nope"}),
    ),
):
    add(f"tls-{_name}", _note, _pair, _act)


def _slow(s: Session, *capabilities: str) -> tuple[Monitor, Monitor]:
    src, dst, uri = _open(s, SOURCE, DESTINATION, *capabilities)
    tune(src, max_bandwidth=SLOW, max_postcopy_bandwidth=SLOW)
    migrate(src, uri)
    reach(src, "active")
    reach(dst, "active")
    return src, dst


@scenario(_psk_pair())
def tls_cancelled(s: Session) -> None:
    """An active migration through TLS is cancelled."""
    src, dst = _slow(s)
    look(src, dst)
    cancel(src)
    reach(src, "cancelled")
    look(src)
    dst.wait_closed(WAIT)
    s.ended("dst")


@scenario(_psk_pair())
def tls_cancelled_while_connecting(s: Session) -> None:
    """The cancel follows the migrate command in the same write, before TLS is set up."""
    src, _, uri = _open(s, SOURCE, DESTINATION)
    src.send_command("migrate", {"uri": uri})
    cancel(src)
    src.wait_event(_final, WAIT)
    look(src)


@scenario(_psk_pair())
def tls_destination_killed(s: Session) -> None:
    """The destination is killed in active."""
    src, dst = _slow(s)
    s.kill("dst")
    dst.wait_closed(WAIT)
    reach(src, "failed")
    look(src)


@scenario(_psk_pair())
def tls_postcopy(s: Session) -> None:
    """A postcopy phase goes through TLS as well."""
    src, dst = _slow(s, "postcopy-ram")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    reach(dst, "postcopy-active")
    finish_postcopy(src, dst)


@scenario({"src": _psk("client", waits=False), "dst": _STILL})
def tls_postcopy_recovered(s: Session) -> None:
    """A postcopy phase through TLS is broken by command and recovered, through TLS again."""
    src, dst = _slow(s, "postcopy-ram")
    src.execute("migrate-start-postcopy")
    reach(src, "postcopy-active")
    reach(dst, "postcopy-active")
    arrived(dst)
    src.execute("migrate-pause")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    look(src, dst)
    resume(src, dst, "unix:" + s.path("r"), oob=False)
    look(src, dst)
    finish_postcopy(src, dst)


@scenario(_psk_pair())
def tls_with_a_silent_peer(s: Session) -> None:
    """The peer accepts and says nothing: no command is answered until it has gone."""
    src = s.monitor("src", capabilities=("events",))
    tune(src, **SOURCE)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(s.path("p"))
        listener.listen()
        migrate(src, "unix:" + s.path("p"))
        pause(0.2)
        late = [src.send_command(command) for command in ("query-status", "migrate_cancel", "query-migrate")]
        try:
            src.wait_reply(late[0], 0.5)
        except TimeoutError:
            pass
        else:
            raise RuntimeError("the source answered")
    for identity in late:
        src.wait_reply(identity, WAIT)
    pause(0.3)
    look(src)


@scenario(_psk_pair())
def tls_unknown_credentials_over_a_command(s: Session) -> None:
    """Over a command the attempt has failed before the reply says that it was accepted; without TLS it succeeds."""
    src = s.monitor("src", capabilities=("events",))
    tune(src, **{**SOURCE, "tls_creds": "nope"})
    migrate(src, "exec:cat > /dev/null")
    src.wait_event(_final, WAIT)
    look(src)
    tune(src, tls_creds="")
    migrate(src, "exec:cat > /dev/null")
    src.wait_event(_final, WAIT)
    look(src)


@scenario(_psk_pair())
def tls_unknown_credentials_over_a_descriptor(s: Session) -> None:
    """The same with a descriptor in place of the command, polled only."""
    src = s.monitor("src")
    tune(src, **{**SOURCE, "tls_creds": "nope"})
    with open(s.path("file"), "wb") as file:
        src.send_fd(file.fileno(), "file")
    migrate(src, "fd:file")
    look(src)


def _final(event: dict[str, dict[str, str]]) -> bool:
    return event.get("data", {}).get("status") in ("failed", "completed", "cancelled")
