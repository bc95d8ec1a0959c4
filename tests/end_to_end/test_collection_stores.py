"""Services with stores of collections: who has a store, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import ROOT, daemon
from tests.ports import free_port
from tests.transport.processes import until

pytest.importorskip("sqlalchemy")
SERVICE = '[collections]\nname = "{name}"\nstore = "shared.sqlite"\n'


def service_file(folder: Path, name: str) -> Path:
    """A service file whose store is `shared.sqlite` next to it."""
    path = folder / f"{name}.toml"
    path.write_text(SERVICE.format(name=name))
    return path


def test_a_second_service_with_a_store_does_not_start_and_says_why(tmp_path: Path) -> None:
    first, second = (service_file(tmp_path, name) for name in ("first", "second"))
    ports = [free_port(), free_port()]
    address = f"127.0.0.1:{ports[0]}"
    with daemon(tmp_path, tmp_path, "--http", address, ports=ports[:1], WORKERS="2", SERVICES=str(first)):
        _until_held(tmp_path / "shared.sqlite.lock")
        command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--http", f"127.0.0.1:{ports[1]}"]
        environ = os.environ | {"FILESYSTEM_PREFIX": f"{tmp_path}/", "LOGFILE": "-", "WORKERS": "1"}
        environ["SERVICES"] = str(second)
        ended = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    assert ended.returncode == 1
    assert "the store is in use by another service" in ended.stderr
    assert str(first) in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def _until_held(lock: Path) -> None:
    """Wait for the first worker, which takes the store when it starts: its name is in the lock then."""
    until(lambda: lock.exists() and lock.read_text() != "")
