"""Migration URIs: every text that was seen, the limits of QEMU's scanner, and no URI without a verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec.uri import Refusal, Stage, UriKind, incoming, outgoing

PIECES = st.sampled_from(
    ["127.0.0.1", "h" * 40, ":1", ":", ",", "[", "]", ",to=", ",ipv4", ",ipv6", "=on", "=off", "7", "é", "\0"]
)
SCHEMES = st.sampled_from(["tcp:", "unix:", "vsock:", "rdma:", "exec:", "fd:", "tcp:[", "tcp:h:1", "defer"])
URIS = st.text() | st.builds(str.__add__, SCHEMES, st.lists(PIECES, max_size=6).map("".join))
NO_PROTOCOL = "Parameter 'uri' expects a valid migration protocol"


@given(URIS)
def test_every_uri_has_a_verdict(uri: str) -> None:
    for verdict in (outgoing(uri), incoming(uri), incoming(uri, deferred=None)):
        assert verdict.may_pass or verdict.refusals
        for refusal in verdict.refusals:
            assert verdict.stage(refusal.text) is refusal.stage or not refusal.exact


@given(URIS)
def test_both_ends_agree_about_addresses_that_cannot_be_parsed(uri: str) -> None:
    source, destination = outgoing(uri), incoming(uri)
    if source.kind is not UriKind.UNKNOWN and not source.may_pass:
        bodies = [refusal for refusal in source.refusals if refusal.stage is Stage.BODY]
        assert set(bodies) <= set(destination.refusals)
        assert not destination.may_pass


@given(st.text())
def test_only_known_schemes_get_past_the_scheme(rest: str) -> None:
    uri = f"x{rest}"
    assert outgoing(uri).refusals == (Refusal(Stage.SCHEME, NO_PROTOCOL),)
    assert incoming(uri).refusals == (Refusal(Stage.SCHEME, f"unknown migration protocol: {uri}"),)


@given(st.integers(1, 2**31 - 1).map(str))
def test_listening_takes_any_number_for_a_descriptor(number: str) -> None:
    assert incoming(f"fd:{number}").stage(f"File descriptor named '{number}' has not been found") is None
    assert incoming(f"fd:{number}").may_pass


# ---- observed on QEMU 5.2.0 ----

REFUSED_BY_SCHEME = [
    "",
    "defer",
    "unix",
    "FD:x",
    "Unix:/x",
    "TCP:h:1",
    "file:/x",
    " tcp:127.0.0.1:1",
    "foo:\0x",
]

REFUSED_BY_BODY = [
    ("unix:", "invalid Unix socket address"),
    ("tcp:", "error parsing address ''"),
    ("tcp:foo", "error parsing address 'foo'"),
    ("tcp:127.0.0.1:", "error parsing address '127.0.0.1:'"),
    ("tcp:tcp:", "error parsing address 'tcp:'"),
    ("tcp:a:,to=1", "error parsing address 'a:,to=1'"),
    ("tcp:é", "error parsing address 'é'"),
    ("tcp:a\0b", "error parsing address 'a\0b'"),
    ("tcp:" + "h" * 65 + ":1", f"error parsing address '{'h' * 65}:1'"),
    ("tcp:" + "é" * 33 + ":1", f"error parsing address '{'é' * 33}:1'"),
    ("tcp::", "error parsing port in address ':'"),
    ("tcp::,", "error parsing port in address ':,'"),
    ("tcp:[::1", "error parsing IPv6 address '[::1'"),
    ("tcp:[::1]", "error parsing IPv6 address '[::1]'"),
    ("tcp:[]:1", "error parsing IPv6 address '[]:1'"),
    ("tcp:h:1,to=x", "error parsing to= argument"),
    ("tcp:h:1,to=5x", "error parsing to= argument"),
    ("tcp:h:1,to=", "error parsing to= argument"),
    ("tcp:h:1,ipv4=maybe", "error parsing 'ipv4' flag '=maybe'"),
    ("tcp:h:1,ipv4=on,,ipv6", "error parsing 'ipv4' flag '=on,,ipv6'"),
    ("tcp:h:1,ipv4foo,to=5", "error parsing 'ipv4' flag 'foo,to=5'"),
    ("tcp:h:1,ipv4=\0", "error parsing 'ipv4' flag '=\0'"),
    ("tcp:h:1,ipv6=maybe,x=y", "error parsing 'ipv6' flag '=maybe,x=y'"),
    ("tcp:h:1,keep-alive=x", "error parsing 'keep-alive' flag '=x'"),
    ("tcp:unix:", "invalid Unix socket address"),
    ("tcp:fd:", "invalid file descriptor address"),
    ("vsock:", "error parsing address ''"),
    ("vsock:1", "error parsing address '1'"),
    ("vsock::", "error parsing address ':'"),
    ("vsock:1:2,x", "trailing characters in address '1:2,x'"),
    ("tcp:vsock:1:2,x", "trailing characters in address '1:2,x'"),
    ("rdma:", "RDMA ERROR: bad RDMA migration address ''"),
]

ACCEPTED = [
    "unix:/no/such",
    "unix:" + "a" * 1000,
    "tcp:127.0.0.1:1",
    "tcp:127.0.0.1:99999",
    "tcp:127.0.0.1:abc",
    "tcp::1",
    "tcp:,:1",
    "tcp:[::1]:1",
    "tcp:" + "h" * 64 + ":1",
    "tcp:" + "é" * 32 + ":1",
    "tcp:h:" + "1" * 33,
    "tcp:h:é:1",
    "tcp:h:1,to= 5",
    "tcp:h:1,to=+5,ipv4",
    "tcp:h:1,to=99999999999999999999",
    "tcp:h:1,ipv4=off,ipv6=off",
    "tcp:h:1,keep-alive",
    "tcp:h:1,bogus",
    "tcp:tcp:127.0.0.1:1",
    "tcp:unix:/x",
    "tcp:fd:foo",
    "vsock:1:2",
    "vsock:x:1",
    "exec:",
]


@pytest.mark.parametrize("uri", REFUSED_BY_SCHEME)
def test_migrate_refuses_the_scheme(uri: str) -> None:
    verdict = outgoing(uri)
    assert (verdict.kind, verdict.may_pass) == (UriKind.UNKNOWN, False)
    assert verdict.stage(NO_PROTOCOL) is Stage.SCHEME


@pytest.mark.parametrize(("uri", "text"), REFUSED_BY_BODY)
def test_both_ends_refuse_the_body(uri: str, text: str) -> None:
    for verdict in (outgoing(uri), incoming(uri)):
        assert not verdict.may_pass
        assert verdict.stage(text) is Stage.BODY


@pytest.mark.parametrize("uri", ACCEPTED)
def test_migrate_accepts_what_it_can_parse(uri: str) -> None:
    assert outgoing(uri).may_pass
    assert outgoing(uri).stage(NO_PROTOCOL) is None


@pytest.mark.parametrize("name", ["", "7", "foo", "a\0b"])
def test_migrate_looks_descriptors_up_by_name(name: str) -> None:
    verdict = outgoing(f"fd:{name}")
    assert verdict.may_pass
    assert verdict.stage(f"File descriptor named '{name}' has not been found") is Stage.BODY


LISTENING_REFUSED = [
    ("", "unknown migration protocol: ", Stage.SCHEME),
    ("foo\0", "unknown migration protocol: foo\0", Stage.SCHEME),
    ("defer", "Incoming migration already deferred", Stage.BODY),
    ("tcp:127.0.0.1:1,ipv4=off,ipv6=off", "Cannot disable IPv4 and IPv6 at same time", Stage.BODY),
    ("unix:" + "a" * 109, f"UNIX socket path '{'a' * 109}' is too long", Stage.BODY),
    ("unix:" + "a" * 107 + "\0", f"UNIX socket path '{'a' * 107}\0' is too long", Stage.BODY),
    ("unix:" + "é" * 55, f"UNIX socket path '{'é' * 55}' is too long", Stage.BODY),
    ("vsock:x:1", "Failed to parse cid 'x'", Stage.BODY),
    ("vsock:1:x", "Failed to parse port 'x'", Stage.BODY),
    ("vsock:4294967296:1", "Failed to parse cid '4294967296'", Stage.BODY),
    ("fd:7x", "Invalid file descriptor number '7x'", Stage.BODY),
    ("fd:2147483648", "Invalid file descriptor number '2147483648'", Stage.BODY),
    ("fd:99999999999", "Invalid file descriptor number '99999999999'", Stage.BODY),
    ("fd:" + "9" * 5000, f"Invalid file descriptor number '{'9' * 5000}'", Stage.BODY),
]

LISTENING_DEPENDS = [
    ("unix:/nonexist/x", "Failed to bind socket to /nonexist/x: No such file or directory"),
    ("tcp:unix:/nonexist/x", "Failed to bind socket to /nonexist/x: No such file or directory"),
    ("tcp:fd:7", "File descriptor named '7' has not been found"),
    ("tcp:h:abc", "address resolution failed for h:abc: Servname not supported for ai_socktype"),
    ("tcp:9.9.9.9:1", "Failed to bind socket: Cannot assign requested address"),
    ("tcp:h:5,to=4", "Failed to create a socket: Cannot assign requested address"),
    ("vsock:99:2", "Failed to bind socket: Cannot assign requested address"),
    ("rdma:127.0.0.1:1", "RDMA ERROR: could not create rdma event channel"),
    ("fd:-1", "File descriptor named '-1' has not been found"),
    ("fd:", "File descriptor named '' has not been found"),
]


@pytest.mark.parametrize(("uri", "text", "stage"), LISTENING_REFUSED)
def test_listening_refuses(uri: str, text: str, stage: Stage) -> None:
    assert not incoming(uri).may_pass
    assert incoming(uri).stage(text) is stage


@pytest.mark.parametrize(("uri", "text"), LISTENING_DEPENDS)
def test_listening_depends_on_the_host(uri: str, text: str) -> None:
    assert incoming(uri).may_pass
    assert incoming(uri).stage(text) is Stage.BODY


@pytest.mark.parametrize("uri", ["tcp:h:0,keep-alive=on", "tcp:h:99999", "unix:" + "a" * 108, "exec:", "fd:077"])
def test_listening_may_accept(uri: str) -> None:
    assert incoming(uri).may_pass


def test_defer_depends_on_how_the_process_was_started() -> None:
    assert not incoming("defer", deferred=True).may_pass
    assert incoming("defer", deferred=False).refusals == ()
    assert incoming("defer", deferred=None).may_pass
    assert incoming("defer", deferred=None).refusals


def test_a_build_may_lack_a_scheme() -> None:
    assert outgoing("rdma:h:1").stage(NO_PROTOCOL) is Stage.SCHEME
    assert incoming("rdma:h:1").stage("unknown migration protocol: rdma:h:1") is Stage.SCHEME
    assert outgoing("vsock:1:2").stage("socket family AF_VSOCK unsupported") is Stage.BODY


def test_a_text_that_belongs_to_another_uri_is_no_refusal_of_this_one() -> None:
    assert outgoing("tcp:h:1").stage("error parsing address 'foo'") is None
    assert incoming("unix:/a").stage("Failed to bind socket to /b: Permission denied") is None
