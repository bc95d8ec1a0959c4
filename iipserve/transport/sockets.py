"""Listening sockets: opened from addresses of the command line, or inherited from the parent process."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from iipserve.config.addresses import TcpAddress, UnixAddress
from iipserve.config.system_ids import group_number
from iipserve.errors import ConfigError

DEFAULT_BACKLOG = 2048
SOCKET_MODE = 0o666
"""Permissions of a Unix socket: any local user may connect, unless its folder forbids it."""
LISTENING_DESCRIPTOR = 0
"""The listening socket of FastCGI (FastCGI Specification 1.0, section 2.2)."""
FIRST_PASSED_DESCRIPTOR = 3
"""The first of systemd's sockets (sd_listen_fds(3))."""
MAX_DESCRIPTORS = 65536
MAX_UNSENT_LENGTH = 1 << 18
"""Bytes that a socket takes before they can be sent: the system would copy megabytes for each peer that does not read."""


def listen(
    address: TcpAddress | UnixAddress, backlog: int, mode: int = SOCKET_MODE, group: str = ""
) -> socket.socket:
    """Open a listening socket.

    Args:
        address: where to listen.
        backlog: connections that can wait to be accepted.
        mode: permissions of a Unix socket.
        group: name or number of the group of a Unix socket; empty for that of the process.

    Raises:
        ConfigError: the address or the group cannot be used.
    """
    try:
        if isinstance(address, UnixAddress):
            return _listen_unix(address.path, backlog, mode, group)
        return _listen_tcp(address, backlog)
    except OSError as error:
        raise ConfigError(f"cannot listen on {address}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """The system's message without the address that `create_server` adds."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _listen_tcp(address: TcpAddress, backlog: int) -> socket.socket:
    listener = _create_server(address, backlog)
    # Linux lets connections inherit it: a body does not wait until the client has acknowledged the head
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _create_server(address: TcpAddress, backlog: int) -> socket.socket:
    if not address.host and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", address.port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True
        )
    found = socket.getaddrinfo(
        address.host or "0.0.0.0", address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    # Of a name with both, take IPv4, as iipsrv does: clients of 127.0.0.1 must reach `localhost`.
    family, _, _, _, name = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return socket.create_server(name[:2], family=family, backlog=backlog)


def _listen_unix(path: str, backlog: int, mode: int, group: str) -> socket.socket:
    _clear_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # of a folder that is another user's, nothing may be changed by its name once it is there
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(path)
        if group:
            _give_to(path, group)
        listener.listen(backlog)
    except (OSError, ConfigError):
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def _give_to(path: str, group: str) -> None:
    """Change the group of a socket.

    Raises:
        ConfigError: there is no such group, or the process is not in it.
    """
    try:
        os.chown(path, -1, group_number(group), follow_symlinks=False)
    except (ValueError, PermissionError) as error:
        Path(path).unlink()
        known = isinstance(error, PermissionError)
        reason = "this user may not give a file to it" if known else str(error)
        raise ConfigError(f"SOCKET_GROUP is {group!r}; {reason}") from error


def _clear_stale(path: str) -> None:
    """Remove a socket file on which no process listens."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(0, "a file that is not a socket already exists there")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            try:
                probe.connect(path)
            except (ConnectionRefusedError, TimeoutError):
                Path(path).unlink()
                return
        raise FileExistsError(0, "another process already listens there")


def inherited_listener(descriptor: int) -> socket.socket | None:
    """The listening socket on an inherited descriptor; None if that is not one."""
    try:
        found = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    try:
        if found.type == socket.SOCK_STREAM and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return found
    except OSError:
        pass
    found.close()
    return None


def passed_listeners(environ: Mapping[str, str], process: int) -> list[socket.socket]:
    """Listening sockets of systemd's socket activation, if they are meant for this process."""
    if environ.get("LISTEN_PID") != str(process) or not environ.get("LISTEN_FDS", "").isdigit():
        return []
    descriptors = range(FIRST_PASSED_DESCRIPTOR, FIRST_PASSED_DESCRIPTOR + int(environ["LISTEN_FDS"]))
    return [found for found in map(inherited_listener, descriptors) if found is not None]


def set_options(sock: socket.socket) -> None:
    """Set what a connection needs, or a listener whose connections inherit it (on Linux); again at no cost but one call."""
    if sock.family == socket.AF_UNIX or sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_LENGTH)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def raise_descriptor_limit() -> None:
    """Raise the limit of open descriptors to what the system allows, at most `MAX_DESCRIPTORS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
