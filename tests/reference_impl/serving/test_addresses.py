"""Where monitors listen: what is an address, and whose the sockets are."""

import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl.serving.addresses import Address, AddressError, Listener, is_stale

addresses = st.one_of(
    st.builds(
        Address, st.just(socket.AF_UNIX), st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40)
    ),
    st.builds(
        Address, st.just(socket.AF_INET), st.tuples(st.sampled_from(["127.0.0.1", "host"]), st.integers(0, 65535))
    ),
    st.builds(Address, st.just(socket.AF_INET6), st.tuples(st.sampled_from(["::1", "fe80::2"]), st.integers(0, 65535))),
)


@given(addresses)
def test_an_address_is_read_as_it_is_written(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(st.text(max_size=20))
def test_everything_else_is_refused_with_what_was_expected(text: str) -> None:
    try:
        address = Address.parse(text)
    except AddressError as error:
        refused: AddressError | None = error
    else:
        refused = None
        assert address == Address.parse(str(address))
    assert refused is None or (refused.address == text and refused.expected in str(refused))


def test_no_host_is_the_loopback() -> None:
    assert Address.parse("tcp::4444") == Address(socket.AF_INET, ("127.0.0.1", 4444))


@pytest.mark.parametrize(
    "text", ["", "unix:", "unix", "/tmp/x", "tcp:", "tcp:host", "tcp:host:", "tcp:h:65536", "tcp:h:²"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError, match="expected unix:PATH or tcp:HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize("text", ["unix:\0abs", "unix:a\0b", "tcp:\0:1"])
def test_a_nul_is_in_no_address(text: str) -> None:
    with pytest.raises(AddressError, match="NUL"):
        Address.parse(text)


def test_a_port_of_nought_becomes_a_real_one() -> None:
    address = Address.parse("tcp::0")
    with address.listen(1) as listener:
        real = address.real(listener)
        assert real.where == listener.getsockname()
        assert str(real) != str(address)


def test_a_socket_is_its_owners_alone_from_the_moment_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "qmp"
    modes: list[int] = []

    class Watching(socket.socket):
        def bind(self, address: Any, /) -> None:
            super().bind(address)
            modes.append(stat.S_IMODE(path.stat().st_mode))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Watching)
        Address.parse(f"unix:{path}").listen(1).close()
    assert modes == [0o600]


def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    address = Address.parse(f"unix:{tmp_path / 'qmp'}")
    address.listen(1).close()
    with address.listen(1) as listener:
        with pytest.raises(AddressError, match="in use"):
            address.listen(1)
        assert listener.getsockname() == str(tmp_path / "qmp")
    assert is_stale(str(tmp_path / "qmp"))


def test_looking_whether_a_socket_is_dead_connects_to_nobody(tmp_path: Path) -> None:
    with Address.parse(f"unix:{tmp_path / 'qmp'}").listen(1) as listener:
        assert not is_stale(str(tmp_path / "qmp"))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "qmp"
    path.write_text("precious")
    with pytest.raises(AddressError):
        Address.parse(f"unix:{path}").listen(1)
    assert path.read_text() == "precious"


def test_a_path_that_is_too_long_is_refused() -> None:
    with pytest.raises(AddressError, match="too long"):
        Address.parse("unix:/tmp/" + "x" * 200).listen(1)


def test_a_listener_removes_its_own_file_and_no_other(tmp_path: Path) -> None:
    address = Address.parse(f"unix:{tmp_path / 'qmp'}")
    first = Listener(address.listen(1))
    (tmp_path / "qmp").unlink()
    second = Listener(address.listen(1))
    first.close()
    assert (tmp_path / "qmp").is_socket()
    second.close()
    assert not (tmp_path / "qmp").exists()
