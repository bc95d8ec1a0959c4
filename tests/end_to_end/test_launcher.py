"""`iipserve.fcgi` as web servers start it: no shell, no PATH, through a link, from anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iipserve import __version__
from tests.end_to_end.running import ROOT, needed, runs

LAUNCHER = ROOT / "iipserve.fcgi"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
LINE_START = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,000 \[\d+\] CRITICAL "


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


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing package": (
        lambda folder: write_main(folder, "import a_package_that_is_not_installed\n"),
        "the Python package a_package_that_is_not_installed is missing; {folder}/scripts/setup installs it",
    ),
    "package that cannot be loaded": (
        lambda folder: write_main(
            folder, "raise ImportError('libexample.so: cannot open shared object file')\n"
        ),
        "a Python package cannot be used (libexample.so: cannot open shared object file); "
        "delete .venv and run {folder}/scripts/setup",
    ),
    "interpreter that is gone": (
        lambda folder: point_to(folder, Path("/no/such/python3.11")),
        "the Python of .venv, /no/such/python3.11, is gone, or this user may not run it; "
        "{folder}/scripts/setup makes it anew",
    ),
    "interpreter of another version": (
        lambda folder: (
            next(folder.glob(".venv/lib/python3*")).rename(folder / ".venv/lib/python3.1") and None
        ),
        f"the packages of .venv are for another version of Python than {VERSION}; {{folder}}/scripts/setup makes it anew",
    ),
    "folder that is no environment": (
        lambda folder: (folder / ".venv/pyvenv.cfg").unlink(),
        "{folder}/.venv is no virtual environment any more; delete it and run {folder}/scripts/setup",
    ),
}
"""What is done to a checkout, and the sentence that says so."""


def write_main(folder: Path, text: str) -> None:
    (folder / "iipserve" / "__main__.py").write_text(text)


def point_to(folder: Path, interpreter: Path) -> None:
    link = folder / ".venv" / "bin" / "python"
    link.unlink()
    link.symlink_to(interpreter)


@pytest.fixture(params=BROKEN)
def broken(request: pytest.FixtureRequest, checkout: Path) -> tuple[Path, str]:
    """The launcher of a checkout that cannot be used, and the sentence."""
    spoil, sentence = BROKEN[request.param]
    spoil(checkout)
    return checkout / "iipserve.fcgi", sentence.format(folder=checkout)


def test_what_is_wrong_is_a_sentence_here_and_in_the_log(broken: tuple[Path, str], tmp_path: Path) -> None:
    launcher, sentence = broken
    log = tmp_path / "log"
    shown = run([str(launcher)], LOGFILE=str(log), PATH=os.environ["PATH"])
    assert (shown.returncode, shown.stdout, shown.stderr) == (1, "", f"iipserve: {sentence}\n")
    assert re.fullmatch(rf"{LINE_START}{re.escape(sentence)}\n", log.read_text())


def test_spawned_over_fastcgi_the_log_has_it(broken: tuple[Path, str], tmp_path: Path) -> None:
    """Where standard error goes nowhere."""
    launcher, sentence = broken
    log, socket = tmp_path / "log", tmp_path / "socket"
    command = [needed("spawn-fcgi"), "-n", "-s", str(socket), "--", str(launcher)]
    done = subprocess.run(
        command,
        env={"LOGFILE": str(log), "PATH": os.environ["PATH"]},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 1
    assert log.read_text().endswith(f"] CRITICAL {sentence}\n")


@pytest.fixture
def launcher_without_python(checkout: Path, tmp_path: Path) -> Path:
    """On a system that has no python3, and whose folder for temporary files is that of the test."""
    shutil.rmtree(checkout / ".venv")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "readlink").symlink_to(needed("readlink"))
    launcher = checkout / "iipserve.fcgi"
    text = launcher.read_text()
    assert "/usr/local/bin:/usr/bin:/bin" in text
    assert "/tmp/iipsrv.log" in text
    text = text.replace("/usr/local/bin:/usr/bin:/bin", str(tmp_path / "bin"))
    launcher.write_text(text.replace("/tmp/iipsrv.log", str(tmp_path / "iipsrv.log")))
    return launcher


@pytest.mark.parametrize("setting", ["own.log", None])
def test_log_has_that_there_is_no_python(
    launcher_without_python: Path, tmp_path: Path, setting: str | None
) -> None:
    log = tmp_path / (setting or "iipsrv.log")
    shown = run([str(launcher_without_python)], PATH="", **({"LOGFILE": str(log)} if setting else {}))
    assert shown.returncode == 1
    assert "python3 is not installed" in shown.stderr
    assert log.read_text() == shown.stderr


@pytest.mark.parametrize("log", ["", "-", "syslog", "/dev/null", "/no/such/folder/log"])
def test_no_file_is_made_where_there_is_no_python(
    launcher_without_python: Path, tmp_path: Path, log: str
) -> None:
    shown = run([str(launcher_without_python)], PATH="", LOGFILE=log)
    assert (shown.returncode, shown.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "iipsrv.log").exists()


@pytest.mark.parametrize("log", ["", "-", "/dev/stderr", "/no/such/folder/log"])
def test_log_that_cannot_be_written_is_no_matter(checkout: Path, log: str) -> None:
    write_main(checkout, "import a_package_that_is_not_installed\n")
    shown = run([str(checkout / "iipserve.fcgi")], LOGFILE=log)
    assert (shown.returncode, shown.stderr.count("\n")) == (1, 1)


def test_python_that_is_too_old_is_named(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    script = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_path(sys.argv[1])"
    shown = run([sys.executable, "-c", script, str(checkout / "iipserve.fcgi")], LOGFILE="-")
    needed_version = (
        f"Python 3.9 is too old: 3.11 or later is needed; {checkout}/scripts/setup makes .venv with one"
    )
    assert (shown.returncode, shown.stderr) == (1, f"iipserve: {needed_version}\n")


@pytest.mark.parametrize("name", ["python3.8", "python3.9", "python3.10"])
def test_older_python_reads_it(checkout: Path, name: str) -> None:
    interpreter = needed(name)
    runs(interpreter, "-c", "")
    shutil.rmtree(checkout / ".venv")
    shown = run([interpreter, str(checkout / "iipserve.fcgi")], LOGFILE="-", PATH=os.environ["PATH"])
    assert shown.stderr.startswith(f"iipserve: Python {name.removeprefix('python')} is too old")


def test_it_is_the_command() -> None:
    shown = run([sys.executable, str(LAUNCHER)])
    assert (shown.stdout, shown.returncode) == (f"iipserve {__version__}\n", 0)
