"""Started for another user by a web server: with a HOME and a working folder that this user may not enter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import ROOT, needed, running, runs
from tests.end_to_end.test_front_ends import ask
from tests.images import gradient, write_jp2
from tests.other_users import PACKAGES, USER, folder_of_all, interpreter_of_all
from tests.ports import free_port
from tests.transport.client import connect


def unprivileged() -> list[str]:
    """A command that runs another without root's right to enter every folder; empty for other users."""
    if os.geteuid() != 0:
        return []
    command = [needed("setpriv"), "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    runs(*command, "true")
    return command


@pytest.fixture
def forbidden(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may enter, with a configuration of glymur that names a library that does not exist."""
    folder = tmp_path / "home"
    for place in (folder, folder / ".config" / "glymur"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "glymurrc").write_text("[library]\nopenjp2 = /no/such/library\n")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def launcher(folder: Path) -> list[str]:
    """The launcher in a folder that it may not look into; a user other than root cannot be there to begin with."""
    entering = ["sh", "-c", 'cd "$0" 2>/dev/null; exec "$@"', str(folder)]
    return [*entering, *unprivileged(), sys.executable, str(ROOT / "iipserve.fcgi")]


def test_check_reads_nothing_below_home(forbidden: Path, tmp_path: Path) -> None:
    environ = {
        "HOME": str(forbidden),
        "PATH": os.defpath,
        "LOGFILE": "-",
        "FILESYSTEM_PREFIX": f"{tmp_path}/",
    }
    shown = subprocess.run(
        [*launcher(forbidden), "--check"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "read: JPEG 2000 (OpenJPEG 2." in shown.stdout


def test_daemon_serves(forbidden: Path, tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", gradient((300, 200), 3))
    port = free_port()
    command = [*launcher(forbidden), "--http", f"127.0.0.1:{port}", "--workers", "1"]
    settings = {"HOME": str(forbidden), "FILESYSTEM_PREFIX": f"{tmp_path}/", "LOGFILE": "-"}
    with running(command, [port], tmp_path / "log", **settings):
        assert ask(f"http://127.0.0.1:{port}/iiif/a.jp2/full/max/0/default.jpg").status == 200


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><text x="5" y="20">A</text></svg>'
BEGINNINGS = (b"\xff\xd8", b"\x89PNG", b"<?xml")
"""Of JPEG, PNG and XML."""
MAPS = "/wms?SERVICE=WMS&REQUEST=GetCapabilities"
HOMES = {"of root": "/root", "that does not exist": "/nonexistent", "forbidden": "{home}", "unset": None}


@pytest.fixture
def images() -> Iterator[Path]:
    with folder_of_all() as folder:
        write_jp2(folder / "a.jp2", gradient((300, 200), 3))
        (folder / "a.svg").write_text(SVG)
        yield folder


@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES.keys())
def test_spawned_for_another_user(forbidden: Path, tmp_path: Path, images: Path, home: str | None) -> None:
    """`spawn-fcgi -u`, which keeps root's HOME: with formats whose libraries look for files of the user."""
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    pytest.importorskip("rasterio")
    interpreter, port = interpreter_of_all(), free_port()
    listening = [needed("spawn-fcgi"), "-n", "-a", "127.0.0.1", "-p", str(port), "-u", USER]
    command = [*listening, "--", interpreter, "-m", "iipserve"]
    settings = {
        "FILESYSTEM_PREFIX": f"{images}/",
        "LOGFILE": "-",
        "EXTRA_FORMATS": "svg",
        "PYTHONPATH": f"{ROOT}:{PACKAGES}",
    }
    if home is None:
        command = [needed("env"), "-u", "HOME", *command]
    else:
        settings["HOME"] = home.format(home=forbidden)
    with running(command, [port], tmp_path / "log", **settings), connect(("127.0.0.1", port)) as peer:
        for path in ("/iiif/a.jp2/full/max/0/default.jpg", "/iiif/a.svg/full/max/0/default.png", MAPS):
            answer = peer.ask(path)
            assert (answer.status, answer.body.startswith(BEGINNINGS)) == (200, True), path
