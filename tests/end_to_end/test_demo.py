"""`scripts/demo` as it is used: on a terminal, where Ctrl-C ends it at any moment, and its set-up too."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.documentation.clone import Clone
from tests.end_to_end.running import ROOT, needed
from tests.ports import free_port
from tests.transport.processes import until

INTERRUPT = b"\x03"
SECONDS = 120.0
Condition = Callable[[str], bool]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A fresh clone, set up."""
    return Clone(tmp_path, [])


@pytest.fixture
def silent() -> Iterator[tuple[str, threading.Event]]:
    """The address of a server that takes connections and never answers, and whether it has taken one."""
    taken = threading.Event()
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                taken.set()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()


class Shown(NamedTuple):
    """How a command ended on a terminal."""

    status: int
    before: str
    """Its output up to the moment at which something was typed."""
    after: str


def terminal() -> str:
    """The command that runs another one on a terminal; skips the test where the system gives none."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        pytest.skip(f"the system has no pseudo-terminal: {error}")
    return needed("script")


def on_terminal(clone: Clone, command: str, typed: bytes, when: Condition, **environ: str) -> Shown:
    """Status and output of a command on a terminal, at which something is typed once a condition is met.

    Args:
        clone: where it runs.
        command: a line of the shell.
        typed: by the user.
        when: is asked again and again, with the output so far.
        environ: further variables.
    """
    process = subprocess.Popen(
        [terminal(), "-qefc", command, "/dev/null"], cwd=clone.folder, env=clone.environ | environ,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    keyboard, output = process.stdin, process.stdout
    assert keyboard
    assert output
    os.set_blocking(output.fileno(), False)
    shown = ""

    def is_met() -> bool:
        nonlocal shown
        shown += (output.read() or b"").decode(errors="replace")
        return when(shown) or process.poll() is not None

    try:
        until(is_met)
        assert process.poll() is None, shown
        os.write(keyboard.fileno(), typed)
        os.set_blocking(output.fileno(), True)
        rest, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
        keyboard.close()
        output.close()
    return Shown(process.returncode, shown, rest.decode(errors="replace"))


def processes_of(clone: Clone) -> list[str]:
    """Command lines of the processes that run something of the clone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(clone.folder) in line:
            found.append(line)
    return found


def ends_at_once(clone: Clone, shown: Shown) -> None:
    """It ended by Ctrl-C, without a complaint of any of its programs, and nothing of it is left."""
    assert shown.status == 130, shown.before + shown.after
    for word in ("Traceback", "KeyboardInterrupt", "npm ERR", "npm error", "ERROR", "Terminated"):
        assert word not in shown.after
    until(lambda: not processes_of(clone))
    assert not list((clone.folder / ".cache").glob("demo-*"))


def test_interrupted_while_it_serves(clone: Clone) -> None:
    port = free_port()
    shown = on_terminal(
        clone, f"scripts/demo --port {port} map.tif", INTERRUPT, lambda text: "Ctrl-C ends it" in text
    )
    ends_at_once(clone, shown)
    assert f"http://127.0.0.1:{port}/" in shown.before


def test_interrupted_while_the_server_starts(clone: Clone) -> None:
    def is_starting(_: str) -> bool:
        return any("iipserve.fcgi" in line for line in processes_of(clone))

    ends_at_once(
        clone, on_terminal(clone, f"scripts/demo --port {free_port()} map.tif", INTERRUPT, is_starting)
    )


def test_interrupted_while_images_are_made(clone: Clone) -> None:
    ends_at_once(clone, on_terminal(clone, "scripts/demo", INTERRUPT, lambda text: "Making Nemo" in text))
    assert not (clone.folder / ".cache/gallery/Invented landscape.tif").exists()


def test_interrupted_while_pip_installs(clone: Clone, silent: tuple[str, threading.Event]) -> None:
    address, taken = silent
    for stamp in (clone.folder / ".venv").glob(".installed-*"):
        stamp.unlink()
    shown = on_terminal(
        clone, "scripts/demo map.tif", INTERRUPT, lambda _: taken.is_set(), **only_index(address)
    )
    ends_at_once(clone, shown)
    assert not list((clone.folder / ".venv").glob(".installed-*"))


def only_index(address: str) -> dict[str, str]:
    """Variables with which pip asks this index alone."""
    return {"PIP_INDEX_URL": address, "PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1"}


def test_environment_of_another_python_is_made_anew(
    clone: Clone, silent: tuple[str, threading.Event]
) -> None:
    """As after an upgrade of the system: the packages are where the new version does not look for them."""
    (packages,) = (clone.folder / ".venv/lib").glob("python3*")
    packages.rename(packages.with_name("python3.1"))
    address, taken = silent
    status, output, _ = on_terminal(
        clone, "scripts/setup", INTERRUPT, lambda _: taken.is_set(), **only_index(address)
    )
    assert status == 130
    assert "Making the virtual environment .venv with Python 3." in output
    assert [path.name for path in packages.parent.glob("python3*")] != ["python3.1"]


def test_interrupted_while_npm_installs(clone: Clone, silent: tuple[str, threading.Event]) -> None:
    needed("npm")
    address, taken = silent
    (clone.folder / ".venv/share").unlink()
    environ = {"npm_config_registry": address, "NPM_CONFIG_USERCONFIG": "/dev/null"}
    ends_at_once(
        clone, on_terminal(clone, "scripts/demo map.tif", INTERRUPT, lambda _: taken.is_set(), **environ)
    )
    assert (clone.folder / ".venv/share/iipserve/.unfinished").exists(), "so that the next run begins anew"


@pytest.fixture
def without_wrk() -> None:
    """A host on which `scripts/setup --bench` would install Debian's package wrk."""
    needed("apt-get")
    if os.geteuid() != 0:
        pytest.skip("apt-get is used by root only")
    if subprocess.run(["sh", "-c", "command -v wrk"], capture_output=True, check=False).returncode == 0:
        pytest.skip("wrk is installed")


@pytest.fixture
def apt(silent: tuple[str, threading.Event], tmp_path: Path) -> dict[str, str]:
    """Variables with which apt-get finds no server that answers, and changes no lists of the host."""
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "status").touch()
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] {silent[0]} stable main\n")
    (tmp_path / "apt.conf").write_text(
        f'Dir::State::lists "{tmp_path}/lists"; Dir::State::status "{tmp_path}/status"; '
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list"; Dir::Etc::sourceparts "-"; '
        'Acquire::http::Proxy "DIRECT"; APT::Sandbox::User "root";'
    )
    return {"APT_CONFIG": f"{tmp_path}/apt.conf"}


@pytest.mark.usefixtures("without_wrk")
def test_interrupted_while_apt_installs(
    clone: Clone, silent: tuple[str, threading.Event], apt: dict[str, str]
) -> None:
    shown = on_terminal(clone, "scripts/setup --bench --yes", INTERRUPT, lambda _: silent[1].is_set(), **apt)
    ends_at_once(clone, shown)


@pytest.mark.usefixtures("without_wrk")
@pytest.mark.parametrize("typed", [b"n\n", b"no\n", b"\x04"])
def test_apt_is_asked_for_on_a_terminal(
    clone: Clone, silent: tuple[str, threading.Event], apt: dict[str, str], typed: bytes
) -> None:
    status, before, after = on_terminal(
        clone, "scripts/setup --bench", typed, lambda text: "[Y/n]" in text, **apt
    )
    assert (status, silent[1].is_set()) == (0, False)
    assert "  wrk                   the benchmark" in before
    assert "To install them: sudo apt-get install" in after


@pytest.mark.usefixtures("without_wrk")
def test_question_can_be_interrupted(clone: Clone, apt: dict[str, str]) -> None:
    shown = on_terminal(clone, "scripts/setup --bench", INTERRUPT, lambda text: "[Y/n]" in text, **apt)
    ends_at_once(clone, shown)


def test_help_needs_no_set_up(tmp_path: Path) -> None:
    demo = shutil.copy(ROOT / "scripts/demo", tmp_path)
    for option in ("--help", "-h"):
        done = subprocess.run([demo, option], capture_output=True, text=True, check=True)
        assert "scripts/demo [--port PORT]" in done.stdout
        assert done.stderr == ""


WRONG = {
    "--port": "--port needs a number from 1 to 65535, not none",
    "--port 70000": "--port needs a number from 1 to 65535, not 70000",
    "--port=http": "--port needs a number from 1 to 65535, not http",
    "--frobnicate": "there is no option --frobnicate; scripts/demo --help lists them",
    "README.md no/such/folder": "no/such/folder does not exist",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_a_sentence(arguments: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"scripts/demo {arguments}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"demo: {WRONG[arguments]}\n")


def test_port_that_is_taken_is_a_sentence(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            ["sh", "-c", f"scripts/demo --port {port} map.tif"], cwd=clone.folder, env=clone.environ,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    sentence = f"demo: port {port} is taken; give another one with --port, or none\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(sentence)
    assert "Traceback" not in done.stderr
