"""Several hosts on one: network namespaces with addresses of their own, joined by a bridge. Needs root."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.running import needed

NETWORK = "10.77.0"
CLONE_NEWNET = 0x40000000
SECONDS = 120.0


class Host:
    """A namespace on the bridge, and the servers in it."""

    def __init__(self, name: str, number: int, work: Path) -> None:
        self.name = name
        self.address = f"{NETWORK}.{number}"
        self.work = work
        self._servers: dict[str, tuple[list[str], int, dict[str, str]]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, kind: str, command: Sequence[str] = (), port: int = 0, **environ: str) -> None:
        """Start a server that listens on a port; again, with the same command, if none is given."""
        if command:
            self._servers[kind] = list(command), port, environ
        known, port, environ = self._servers[kind]
        with (self.work / f"{self.name}-{kind}.log").open("ab") as log:
            self._processes[kind] = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *known],
                env=os.environ | environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((self.address, port), 5).close()
                return
            assert time.monotonic() < end, f"{kind} does not listen on {self.address}"
            time.sleep(0.01)

    def kill(self, kind: str) -> None:
        """End a server at once, with its workers, and wait until all are gone."""
        process = self._processes[kind]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        end = time.monotonic() + SECONDS
        while _runs(self.name, process.pid):
            assert time.monotonic() < end, f"{kind} does not end"
            time.sleep(0.01)

    def kill_all(self) -> None:
        """End all servers at once."""
        for kind in self._processes:
            self.kill(kind)

    @property
    def link(self) -> str:
        """The name of its end on the bridge."""
        return self.name[-12:]

    def cut_off(self) -> None:
        """Drop all packets from and to the host."""
        _ip("link", "set", self.link, "down")

    def join(self) -> None:
        """Pass packets again."""
        _ip("link", "set", self.link, "up")

    def log(self, kind: str) -> str:
        """What a server has written."""
        return (self.work / f"{self.name}-{kind}.log").read_text(errors="replace")


def _runs(namespace: str, group: int) -> bool:
    """Whether processes of a group run in a namespace; those that have ended, but that nobody has waited for, do not."""
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
    for number in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(int(number)) == group:
                return True
    return False


def _ip(*arguments: str) -> None:
    """Run `ip`; the test is skipped where the kernel lacks what it asks for."""
    tried = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"ip {' '.join(arguments)} fails: {tried.stderr.strip()}")


@contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread, and the threads and processes that it starts, are in a namespace until the block ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{name}") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            pytest.skip(f"a network namespace cannot be entered: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            assert not libc.setns(before.fileno(), CLONE_NEWNET)


@contextmanager
def hosts(count: int, work: Path) -> Iterator[list[Host]]:
    """So many hosts; the block runs on one more, with the address `NETWORK.1`, which reaches all of them."""
    if os.geteuid():
        pytest.skip("network namespaces need root")
    needed("ip")
    prefix = f"i{os.getpid()}"
    with ExitStack() as stack:
        front = f"{prefix}-0"
        made = [Host(f"{prefix}-{number}", 10 + number, work) for number in range(1, count + 1)]
        for name in (front, *(host.name for host in made)):
            _ip("netns", "add", name)
            stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        stack.enter_context(inside(front))
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "bridge", "type", "bridge")
        _ip("addr", "add", f"{NETWORK}.1/24", "dev", "bridge")
        _ip("link", "set", "bridge", "up")
        for host in made:
            _ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", host.link, "master", "bridge", "up")
            for words in (
                ("addr", "add", f"{host.address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
            ):
                _ip("-n", host.name, *words)
            _ip("-n", host.name, "link", "set", "lo", "up")
            stack.callback(_end, host)
        yield made


def _end(host: Host) -> None:
    with contextlib.suppress(KeyError):
        host.kill_all()


def memcached_of(host: Host) -> list[str]:
    """The command of memcached on a host, at its usual port."""
    program = shutil.which("memcached")
    if program is None:
        pytest.skip("the program memcached is not installed")
    return [program, "-l", host.address, "-U", "0", "-m", "16", "-t", "1", "-u", "nobody"]
