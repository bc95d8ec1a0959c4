"""Commands whose standard output ends before they do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iipserve.command_line.output import CLOSED
from tests.end_to_end.running import ROOT
from tests.images import smooth, write_tiff_pyramid

COMMANDS = (
    ["--check"],
    ["--help"],
    ["--version"],
    ["doctor", "a.tif"],
    ["warm", "--help"],
    ["collection", "--help"],
)


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "iipserve.fcgi"), *arguments]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((300, 200)), compression="jpeg")
    return tmp_path


def environ(folder: Path) -> dict[str, str]:
    return os.environ | {"FILESYSTEM_PREFIX": f"{folder}/", "LOGFILE": "-"}


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_reader_that_goes_away_ends_it_quietly(folder: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as output:
        done = subprocess.run(
            command(*arguments), cwd=folder, env=environ(folder), stdout=output, stderr=subprocess.PIPE,
            check=False,
        )  # fmt: skip
    # argparse itself ignores it where nothing is held back
    assert (done.returncode in (CLOSED, 0), done.stderr) == (True, b"")


def test_first_line_of_many(folder: Path) -> None:
    """`--check | head -1`: what was written before the reader went is what it read."""
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -1', "sh", *command("--check")], cwd=folder, env=environ(folder),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.count("\n"), done.stdout.startswith("iipserve "), done.stderr) == (1, True, "")


def test_full_disk_is_an_error(folder: Path) -> None:
    with open("/dev/full", "wb") as output:
        done = subprocess.run(
            command("--check"), cwd=folder, env=environ(folder), stdout=output, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1,
        "standard output cannot be written: No space left on device\n",
    )


def test_closed_output_is_no_fault(folder: Path) -> None:
    shell = ["sh", "-c", '"$@" >&-', "sh", *command("--check")]
    done = subprocess.run(shell, cwd=folder, env=environ(folder), stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
