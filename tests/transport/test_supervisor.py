"""The command as a tree of processes: start, respawn, reload, hang, end."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.transport.client import ask_all, connect, request
from tests.transport.processes import (
    ROOT,
    SECONDS,
    Command,
    HeldRequest,
    alive,
    echo,
    echo_http,
    fetch,
    fetch_http,
    until,
)
from tests.transport.stub import PIECE, TILE

Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Command] = []

    def run(*arguments: str, **settings: str) -> Command:
        started.append(Command(tmp_path, *arguments, **settings))
        return started[-1]

    yield run
    for command in started:
        command.stop()


@pytest.fixture
def port() -> int:
    return free_port()


def test_fastcgi_and_http_at_once(start: Start, port: int) -> None:
    http = free_port()
    command = start("--bind", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http}")
    over_fastcgi = until(lambda: echo(("127.0.0.1", port)))
    over_http = echo_http(http, "/echo/a%2Fb?c=%20")
    assert over_fastcgi["pid"] == over_http["pid"] != command.process.pid
    assert (over_fastcgi["over_http"], over_http["over_http"]) == (False, True)
    assert (over_http["path"], over_http["query"]) == ("/echo/a%2Fb", "c=%20")
    command.signal(signal.SIGTERM)
    assert command.end() == (0, "")


def test_unix_socket_is_open_to_all_and_removed_at_the_end(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    command = start("--bind", str(path))
    assert until(lambda: echo(str(path)))
    assert path.stat().st_mode & 0o777 == 0o666
    command.signal(signal.SIGTERM)
    assert command.end() == (0, "")
    assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_as_soon_as_the_socket_listens_is_an_ordinary_end(
    start: Start, tmp_path: Path, number: int
) -> None:
    path = tmp_path / "socket"
    command = start("--http", str(path))
    until(path.exists)
    command.signal(number)
    assert command.end() == (0, "")
    assert not path.exists()


def test_http_alone(start: Start, port: int) -> None:
    start("--http", f"127.0.0.1:{port}")
    assert until(lambda: echo_http(port))["over_http"]


def test_http_answers_are_those_of_the_application(start: Start, port: int) -> None:
    start("--http", f"127.0.0.1:{port}")
    until(lambda: echo_http(port))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/pieces/30") as answer:
        assert answer.read() == b"".join(number.to_bytes(4, "big") + PIECE[4:] for number in range(30))
        assert answer.headers["Server"] == "iipserve"
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}/tile", method="HEAD")
    ) as answer:
        assert (answer.headers["Content-Length"], answer.read()) == (str(len(TILE)), b"")
    with pytest.raises(urllib.error.HTTPError, match="500") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/raise")
    refused.value.close()


def test_half_an_http_request_is_given_up(start: Start, port: int) -> None:
    start("--http", f"127.0.0.1:{port}", REQUEST_TIMEOUT="1")
    until(lambda: echo_http(port))
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost")
        assert client.recv(100) == b""
    assert echo_http(port)


def test_workers_share_the_connections(start: Start, port: int) -> None:
    start("--bind", f"127.0.0.1:{port}", WORKERS="2", THREADS="64")
    address = ("127.0.0.1", port)
    until(lambda: echo(address))
    processes: set[int] = set()
    until(lambda: processes.add(echo(address)["pid"]) or len(processes) == 2)
    peers = [connect(address) for _ in range(40)]
    held = [json.loads(peer.ask("/echo").body)["pid"] for peer in peers]
    first = held.count(min(processes))
    for peer in peers:
        peer.sock.close()
    assert 8 <= first <= 32  # a busy machine wakes a worker late, and the other one takes what was left to it


def test_500_connections_on_two_workers(start: Start, port: int) -> None:
    start("--bind", f"127.0.0.1:{port}", WORKERS="2", THREADS="16")
    until(lambda: echo(("127.0.0.1", port)))
    peers = [connect(("127.0.0.1", port)) for _ in range(500)]
    for _ in range(3):
        assert {answer.body for answer in ask_all(peers, "/tile")} == {TILE}
    for peer in peers:
        peer.sock.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_worker_that_dies_is_replaced(start: Start, port: int, number: int) -> None:
    command = start("--bind", f"127.0.0.1:{port}")
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    os.kill(first, number)
    assert until(lambda: not alive(first) and echo(("127.0.0.1", port)))["pid"] not in (
        first,
        command.process.pid,
    )


def test_crash_of_the_application_costs_only_its_worker(start: Start, port: int) -> None:
    start("--bind", f"127.0.0.1:{port}")
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    with connect(("127.0.0.1", port)) as peer:
        peer.send(request("/crash"))
        assert peer.receive_all() == []
    assert until(lambda: echo(("127.0.0.1", port)))["pid"] != first


def test_worker_that_hangs_is_replaced(start: Start, port: int, tmp_path: Path) -> None:
    command = start("--bind", f"127.0.0.1:{port}", REQUEST_TIMEOUT="1", SILENCE="1")
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    with connect(("127.0.0.1", port)) as peer:
        peer.send(request("/sleep/60"))
        assert peer.receive_all() == []
    assert until(lambda: echo(("127.0.0.1", port)))["pid"] != first
    assert not alive(first)
    assert "WORKER TIMEOUT" in command.log.read_text()


@pytest.mark.parametrize("over", ["fastcgi", "http"])
def test_term_lets_requests_finish(start: Start, port: int, tmp_path: Path, over: str) -> None:
    command = start("--bind" if over == "fastcgi" else "--http", f"127.0.0.1:{port}")
    ask = partial(fetch, ("127.0.0.1", port)) if over == "fastcgi" else partial(fetch_http, port)
    until(lambda: ask("/tile"))
    held = HeldRequest(tmp_path, ask)
    command.signal(signal.SIGTERM)
    held.finish(after=1.0)
    assert command.end() == (0, "")
    assert held.body() == b"done"


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_term_refuses_connections_while_requests_finish(
    start: Start, port: int, tmp_path: Path, workers: str
) -> None:
    command = start("--bind", f"127.0.0.1:{port}", WORKERS=workers, REQUEST_TIMEOUT="600")
    until(lambda: echo(("127.0.0.1", port)))
    held = HeldRequest(tmp_path, partial(fetch, ("127.0.0.1", port)))
    command.signal(signal.SIGTERM)
    until(lambda: is_refused(port))
    assert not held.is_answered()
    held.finish()
    assert held.body() == b"done"
    assert command.end() == (0, "")


@pytest.mark.parametrize("seconds", [0, 0.02, 0.1, 0.2])
def test_term_ends_it_while_workers_start(start: Start, port: int, seconds: float) -> None:
    command = start("--bind", f"127.0.0.1:{port}", WORKERS="6", REQUEST_TIMEOUT="1000")
    arbiter = command.process.pid
    until(lambda: Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text())
    time.sleep(seconds)
    command.signal(signal.SIGTERM)
    assert command.end() == (0, "")


def test_int_ends_at_once(start: Start, port: int, tmp_path: Path) -> None:
    command = start("--bind", f"127.0.0.1:{port}", REQUEST_TIMEOUT="1000")
    until(lambda: echo(("127.0.0.1", port)))
    with connect(("127.0.0.1", port)) as peer:
        peer.send(request(f"/once{tmp_path}/never"))
        until((tmp_path / "never.begun").exists)
        command.signal(signal.SIGINT)
        assert command.end() == (0, "")


def test_hup_replaces_workers_while_requests_go_on(start: Start, port: int, tmp_path: Path) -> None:
    command = start("--bind", f"127.0.0.1:{port}", WORKERS="2")
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    held = HeldRequest(tmp_path, partial(fetch, ("127.0.0.1", port)))
    command.signal(signal.SIGHUP)
    held.finish(after=1.0)
    until(lambda: not alive(first))
    for _ in range(50):
        assert until(lambda: echo(("127.0.0.1", port)))["pid"] != first
    assert held.body() == b"done"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file without which no worker becomes ready, if it is the suffix; with `.begun` behind its name, made by one that waits."""
    path = tmp_path / "gate"
    path.touch()
    return path


def shut(gate: Path) -> Path:
    """Let further workers wait; the file that the next one makes."""
    gate.unlink()
    begun = Path(f"{gate}.begun")
    begun.unlink()
    return begun


def test_hup_ends_workers_once_new_ones_serve(start: Start, port: int, gate: Path) -> None:
    command = start("--bind", f"127.0.0.1:{port}", FILESYSTEM_SUFFIX=str(gate))
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    begun = shut(gate)
    command.signal(signal.SIGHUP)
    until(begun.exists)
    assert {echo(("127.0.0.1", port))["pid"] for _ in range(20)} == {first}
    gate.touch()
    until(lambda: not alive(first))
    assert echo(("127.0.0.1", port))["pid"] != first


def test_hup_during_a_reload_follows_it(start: Start, port: int, gate: Path) -> None:
    """There are never more workers that start than are wanted."""
    command = start("--bind", f"127.0.0.1:{port}", FILESYSTEM_SUFFIX=str(gate), VERBOSITY="4")
    until(lambda: echo(("127.0.0.1", port)))
    begun = shut(gate)
    command.signal(signal.SIGHUP)
    until(begun.exists)
    for number in (2, 3):
        command.signal(signal.SIGHUP)
        until(lambda: command.log.read_text().count("Handling signal: hup") == number)  # noqa: B023
    assert command.log.read_text().count("Booting worker") == 2
    gate.touch()
    until(lambda: command.log.read_text().count("Booting worker") == 3)


@pytest.mark.parametrize("failure", ["mistake", "error"])
def test_workers_that_cannot_start_leave_the_others_alone(
    start: Start, port: int, gate: Path, failure: str
) -> None:
    command = start("--bind", f"127.0.0.1:{port}", FILESYSTEM_SUFFIX=str(gate))
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    gate.write_text(failure)
    command.signal(signal.SIGHUP)
    until(lambda: command.log.read_text().count("a worker cannot start; another one tries") >= 2)
    assert echo(("127.0.0.1", port))["pid"] == first
    gate.write_text("")
    until(lambda: not alive(first))
    assert echo(("127.0.0.1", port))["pid"] != first
    command.signal(signal.SIGTERM)
    assert command.end()[0] == 0


def test_a_server_whose_first_workers_cannot_start_ends(start: Start, port: int, gate: Path) -> None:
    gate.write_text("error")
    code, err = start("--bind", f"127.0.0.1:{port}", FILESYSTEM_SUFFIX=str(gate), WORKERS="2").end()
    assert code == 1
    assert "it cannot be built" in err


def test_workers_end_when_the_arbiter_is_gone(start: Start, port: int) -> None:
    command = start("--bind", f"127.0.0.1:{port}")
    worker = until(lambda: echo(("127.0.0.1", port)))["pid"]
    command.process.kill()
    until(lambda: not alive(worker))


def test_usr1_and_usr2_change_nothing(start: Start, port: int) -> None:
    command = start("--bind", f"127.0.0.1:{port}")
    first = until(lambda: echo(("127.0.0.1", port)))["pid"]
    command.signal(signal.SIGUSR1)
    command.signal(signal.SIGUSR2)
    until(lambda: "USR2 is ignored" in command.log.read_text())
    assert echo(("127.0.0.1", port))["pid"] == first


@pytest.mark.parametrize("workers", ["1", "2", "5"])
def test_settings_the_application_rejects_end_the_start(start: Start, port: int, workers: str) -> None:
    code, err = start("--bind", f"127.0.0.1:{port}", FILESYSTEM_SUFFIX="invalid", WORKERS=workers).end()
    assert code == 1
    assert "Traceback" not in err
    assert err.splitlines()[0] == "FILESYSTEM_SUFFIX is 'invalid'; any other value will do"


def test_address_in_use_ends_the_start(start: Start, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        code, err = start("--bind", f"127.0.0.1:{port}").end()
    assert (code, err) == (1, f"cannot listen on 127.0.0.1:{port}: Address already in use\n")


def test_configuration_of_gunicorn_is_not_read(start: Start, port: int, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 7\nraise SystemExit('read')\n")
    home = tmp_path / "home"
    home.mkdir()
    command = start(
        "--bind",
        f"127.0.0.1:{port}",
        GUNICORN_CMD_ARGS="--workers 5 --bind 127.0.0.1:1 --access-logfile -",
        WEB_CONCURRENCY="6",
        HOME=str(home),
        XDG_RUNTIME_DIR=str(home),
        VERBOSITY="2",
    )
    seen = until(lambda: echo(("127.0.0.1", port)))
    children = Path(f"/proc/{command.process.pid}/task/{command.process.pid}/children").read_text().split()
    assert children == [str(seen["pid"])]
    command.signal(signal.SIGTERM)
    assert command.end() == (0, "")
    assert list(home.iterdir()) == []
    messages = [line.split(" ", 4)[4] for line in command.log.read_text().splitlines()]
    assert [message.split()[0] for message in messages] == [
        "iipserve", "FILESYSTEM_PREFIX", "VERBOSITY", "LOGFILE", "WORKERS", "THREADS", "GET", "iipserve",
    ]  # fmt: skip
    assert messages[-2].startswith("GET /echo 200 ")


@pytest.mark.parametrize("arguments", [[], ["--bind", "unused"]], ids=["alone", "in place of --bind"])
def test_sockets_of_systemd_are_served(port: int, tmp_path: Path, arguments: list[str]) -> None:
    """As systemd starts it: the socket on descriptor 3, LISTEN_PID the process itself."""
    listener = socket.create_server(("127.0.0.1", port))
    script = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid());"
        "os.environ['LISTEN_FDS'] = '1'; os.set_inheritable(3, True);"
        f"os.execv(sys.executable, [sys.executable, '-m', 'tests.transport.stub', *{arguments}])"
    )
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-c", script, str(listener.fileno())],
        cwd=ROOT,
        pass_fds=[listener.fileno()],
        env=os.environ | {"LOGFILE": str(tmp_path / "log"), "WORKERS": "2"},
        stdin=subprocess.DEVNULL,
    )
    with process, listener:
        try:
            seen = {until(lambda: echo(("127.0.0.1", port)))["pid"] for _ in range(20)}
            assert process.pid not in seen
        finally:
            process.terminate()
        assert process.wait(SECONDS) == 0
    assert not (ROOT / "unused").exists()
