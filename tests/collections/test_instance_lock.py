"""One service at a time holds a store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iipserve.collections.store import Store, open_store
from iipserve.errors import ConfigError
from tests.collections.images import collection

HOLD = """
import sys
from iipserve.collections.store import open_store
store = open_store(sys.argv[1], sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def process_with(url: str, holder: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a store until it is ended."""
    command = [sys.executable, "-c", HOLD, url, holder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_service_is_told_which_one_has_the_store(
    store_url: str, opening: Callable[..., Store]
) -> None:
    opening(store_url, "host-a services.toml")
    with pytest.raises(ConfigError, match=r"in use by another service, host-a services\.toml: give each"):
        open_store(store_url, "host-b services.toml")


def test_processes_of_one_service_share_the_store(store_url: str, opening: Callable[..., Store]) -> None:
    with process_with(store_url, "one"):
        opening(store_url, "one").create(collection())
        opening(store_url, "one")
        with pytest.raises(ConfigError):
            open_store(store_url, "two")


def test_a_process_that_is_killed_gives_the_store_back(store_url: str, opening: Callable[..., Store]) -> None:
    with process_with(store_url, "one") as process:
        process.kill()
        process.wait()
    opening(store_url, "two")


def test_a_service_has_the_store_until_its_last_process_ends(
    store_url: str, opening: Callable[..., Store]
) -> None:
    first = opening(store_url, "one")
    with process_with(store_url, "one"):
        first.close()
        with pytest.raises(ConfigError):
            open_store(store_url, "two")
    opening(store_url, "two")


def test_tools_change_a_store_in_use(store_url: str, opening: Callable[..., Store]) -> None:
    service = opening(store_url, "one")
    opening(store_url).create(collection())
    assert service.version("aerial") > 0
    with pytest.raises(ConfigError):
        open_store(store_url, "two")


def test_a_lock_in_a_folder_that_cannot_be_written_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    open_store(str(path)).close()
    (tmp_path / "images.sqlite.lock").mkdir()
    with pytest.raises(ConfigError, match="cannot be locked"):
        open_store(str(path), "one")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_next_to_a_file_of_sqlite_are_those_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    open_store(str(path)).close()
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    (tmp_path / "images.sqlite.turns").unlink()
    store = open_store(str(path), "one")
    store.create(collection())
    for suffix in (".lock", ".turns"):
        status = os.stat(f"{path}{suffix}")
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12345, 54321, 0o640)
    store.close()
