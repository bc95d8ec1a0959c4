"""`iipserve.fcgi` as web servers start it: no shell, no PATH, through a link, from anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iipserve import __version__
from tests.end_to_end.running import ROOT

LAUNCHER = ROOT / "iipserve.fcgi"


def run(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, "--version"],
        env=environ,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the launcher with a package that shows who runs it, and a `.venv` of its own."""
    folder = tmp_path / "a checkout"
    (folder / "iipserve").mkdir(parents=True)
    shutil.copy(LAUNCHER, folder)
    (folder / "iipserve" / "__init__.py").touch()
    (folder / "iipserve" / "__main__.py").write_text(
        "import sys\ndef main():\n    print(sys.prefix)\n    print(sys.argv[1:])\n    return 3\n"
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    return folder


@pytest.mark.parametrize(
    "environ", [{}, {"PATH": ""}, {"PATH": "/nonexistent"}, {"PATH": os.defpath}], ids=repr
)
def test_it_starts_whatever_the_path(checkout: Path, environ: dict[str, str]) -> None:
    shown = run([str(checkout / "iipserve.fcgi")], **environ)
    assert (shown.stdout, shown.stderr) == (f"{checkout}/.venv\n['--version']\n", "")
    assert shown.returncode == 3


def test_it_starts_through_a_link(checkout: Path, tmp_path: Path) -> None:
    link, further = tmp_path / "iipsrv.fcgi", tmp_path / "bin" / "iipsrv"
    link.symlink_to(checkout / "iipserve.fcgi")
    further.parent.mkdir()
    further.symlink_to("../iipsrv.fcgi")
    for name in (link, further):
        assert run([str(name)]).stdout.startswith(f"{checkout}/.venv\n")


def test_another_interpreter_gives_way_to_the_checkout_s(checkout: Path) -> None:
    shown = run([sys.executable, str(checkout / "iipserve.fcgi")])
    assert shown.stdout.startswith(f"{checkout}/.venv\n")


def test_without_venv_the_interpreter_that_runs_it_is_used(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    assert run([sys.executable, str(checkout / "iipserve.fcgi")]).stdout.startswith(f"{sys.prefix}\n")


def test_missing_package_is_named_with_what_installs_it(checkout: Path) -> None:
    (checkout / "iipserve" / "__main__.py").write_text("import a_package_that_is_not_installed\n")
    shown = run([str(checkout / "iipserve.fcgi")])
    assert (shown.returncode, shown.stdout) == (1, "")
    needed = "the Python package a_package_that_is_not_installed is missing"
    assert shown.stderr == f"iipserve: {needed}; {checkout}/scripts/setup installs it\n"


def test_it_is_the_command() -> None:
    shown = run([sys.executable, str(LAUNCHER)])
    assert (shown.stdout, shown.returncode) == (f"iipserve {__version__}\n", 0)
