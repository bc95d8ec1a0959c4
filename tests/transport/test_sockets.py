from __future__ import annotations

import grp
import os
import resource
import socket
import stat
from pathlib import Path

import pytest

from iipserve.config.addresses import TcpAddress, UnixAddress, parse_address
from iipserve.errors import ConfigError
from iipserve.transport.sockets import (
    inherited_listener,
    listen,
    passed_listeners,
    raise_descriptor_limit,
)

ADDRESSES = {
    "localhost:9000": TcpAddress("localhost", 9000),
    "127.0.0.1:0": TcpAddress("127.0.0.1", 0),
    ":9000": TcpAddress("", 9000),
    "[::1]:9000": TcpAddress("::1", 9000),
    "[::]:65535": TcpAddress("::", 65535),
    "images.example.org:80": TcpAddress("images.example.org", 80),
    "/run/iipserve.sock": UnixAddress("/run/iipserve.sock"),
    "iipserve.sock": UnixAddress("iipserve.sock"),
    "./a:9000": UnixAddress("./a:9000"),
    "/tmp/a:b": UnixAddress("/tmp/a:b"),
}


@pytest.mark.parametrize(("text", "expected"), ADDRESSES.items())
def test_address_is_read_and_written(text: str, expected: TcpAddress | UnixAddress) -> None:
    assert parse_address(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["", "host:", "host:port", ":65536", "a:b:80", "::1:80", "[::1]", ":-1", "a:1 "]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"PORT|65535"):
        parse_address(text)


def test_connections_send_small_pieces_at_once() -> None:
    """Without it a body waits up to 40 ms until the client has acknowledged the head."""
    with listen(TcpAddress("127.0.0.1", 0), 5) as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("address", "reached_as"),
    [
        (TcpAddress("127.0.0.1", 0), "127.0.0.1"),
        (TcpAddress("localhost", 0), "127.0.0.1"),
        (TcpAddress("", 0), "127.0.0.1"),
        pytest.param(
            TcpAddress("::1", 0),
            "::1",
            marks=pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="IPv6"),
        ),
        pytest.param(
            TcpAddress("", 0), "::1", marks=pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="IPv6")
        ),
    ],
)
def test_tcp_listener_is_reached(address: TcpAddress, reached_as: str) -> None:
    with listen(address, 5) as listener:
        socket.create_connection((reached_as, listener.getsockname()[1]), timeout=60).close()


def test_any_user_may_connect_to_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    umask = os.umask(0o077)
    try:
        with listen(UnixAddress(str(path)), 5):
            assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(umask)


def test_unix_socket_has_the_mode_and_group_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    group = os.getgroups()[-1] if os.getgroups() else os.getgid()
    with listen(UnixAddress(str(path)), 5, 0o640, str(group)):
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid) == (0o640, group)
    path.unlink()
    with listen(UnixAddress(str(path)), 5, 0o600, grp.getgrgid(os.getgid()).gr_name):
        assert path.stat().st_gid == os.getgid()


def test_group_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with pytest.raises(ConfigError, match="SOCKET_GROUP is 'no such group'; there is no group"):
        listen(UnixAddress(str(path)), 5, 0o660, "no such group")
    assert not path.exists()


def test_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "socket"))
    listen(address, 5).close()
    with listen(address, 5), socket.socket(socket.AF_UNIX) as client:
        client.connect(address.path)


def test_socket_in_use_is_not_taken_away(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "socket"))
    with listen(address, 5):
        with pytest.raises(ConfigError, match="another process"):
            listen(address, 5)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address.path)


def test_file_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("keep me")
    with pytest.raises(ConfigError, match="not a socket"):
        listen(UnixAddress(str(path)), 5)
    assert path.read_text() == "keep me"


@pytest.mark.parametrize(
    "address",
    [
        TcpAddress("203.0.113.1", 9000),
        TcpAddress("no-such-host.invalid", 9000),
        UnixAddress("/no/such/folder/socket"),
        UnixAddress("/" + "x" * 200),
    ],
)
def test_address_that_cannot_be_used_is_an_error(address: TcpAddress | UnixAddress) -> None:
    with pytest.raises(ConfigError, match="cannot listen on") as raised:
        listen(address, 5)
    assert "\n" not in str(raised.value)


def test_port_in_use_is_an_error() -> None:
    with listen(TcpAddress("127.0.0.1", 0), 5) as listener, pytest.raises(ConfigError, match="in use"):
        listen(TcpAddress("127.0.0.1", listener.getsockname()[1]), 5)


def test_inherited_listener_is_found() -> None:
    with listen(TcpAddress("127.0.0.1", 0), 5) as listener:
        found = inherited_listener(listener.fileno())
        assert found is not None
        with found:
            assert found.family == socket.AF_INET
            assert found.getsockname() == listener.getsockname()


def test_other_descriptors_are_no_listeners(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    with ours, theirs, datagrams, (tmp_path / "file").open("w") as file, socket.socket() as unbound:
        found = [inherited_listener(candidate.fileno()) for candidate in (ours, file, unbound, datagrams)]
    assert found == [None] * 4
    assert inherited_listener(9999) is None


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "41", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "42", "LISTEN_FDS": "x"},
    ],
)
def test_sockets_for_another_process_are_not_taken(environ: dict[str, str]) -> None:
    assert passed_listeners(environ, 42) == []


def test_descriptor_limit_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        raise_descriptor_limit()
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised == (min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
