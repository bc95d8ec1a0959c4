"""Turns of writers to a file of SQLite."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iipserve.collections.write_turns import WriteTurns
from iipserve.errors import StoreUnavailable
from tests.transport.processes import until

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from iipserve.collections.write_turns import WriteTurns
with WriteTurns(sys.argv[1], 240).turn():
    print("mine", flush=True)
    sys.stdin.read()
"""


def is_next(path: str) -> bool:
    """Whether somebody waits who is the next one, by the list of locks of the system."""
    inode = f":{os.stat(path + '.turns').st_ino} "
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines() if inode in line]
    return any(lock[-2:] == ["0", "0"] for lock in locks)


def test_who_waits_writes_before_one_that_wants_to_write_again(tmp_path: Path) -> None:
    path = str(tmp_path / "images.sqlite")
    first, second = WriteTurns(path, 240), WriteTurns(path, 240)
    order: list[str] = []

    def write_once() -> None:
        with second.turn():
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with first.turn():
            order.append("first")
            waiting = pool.submit(write_once)
            until(lambda: is_next(path))
        with first.turn():
            order.append("first")
        waiting.result()
    assert order == ["first", "second", "first"]


def test_a_turn_that_does_not_come_in_time_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "images.sqlite")
    with WriteTurns(path, 240).turn():
        with pytest.raises(StoreUnavailable), WriteTurns(path, 0).turn():
            pass
        with pytest.raises(StoreUnavailable), WriteTurns(path, 0.05).turn():
            pass
    with WriteTurns(path, 0).turn():
        pass


def test_the_turn_of_a_killed_process_ends_with_it(tmp_path: Path) -> None:
    path = str(tmp_path / "images.sqlite")
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"mine\n"
        with pytest.raises(StoreUnavailable), WriteTurns(path, 0).turn():
            pass
        process.kill()
    with WriteTurns(path, 240).turn():
        pass


def test_a_folder_that_is_not_there_has_no_turns(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable), WriteTurns(str(tmp_path / "none" / "turns"), 0).turn():
        pass
