"""Workers that grow too much finish their requests and are replaced."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from iipserve.config import Config, memory
from iipserve.transport import worker_memory
from iipserve.transport.worker_memory import MemoryLimit
from tests.ports import free_port
from tests.transport.processes import Command, HeldRequest, alive, echo, fetch, until


def growth(made: str) -> int:
    """By how many bytes of its own a process grows that makes something and keeps it; a new one, which has no memory to use
    again."""
    code = f"""
import mmap
from iipserve.transport.worker_memory import own_bytes
before = own_bytes()
{made}
print(own_bytes() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout)


def test_own_memory_is_that_of_written_pages() -> None:
    assert 45_000_000 < growth("held = b'x' * 50_000_000") < 80_000_000


def test_memory_shared_with_others_is_not_its_own() -> None:
    written = "shared = mmap.mmap(-1, 50_000_000); [shared.write(b'x' * 1_000_000) for _ in range(50)]"
    assert growth(written) < 20_000_000


def test_default_is_half_more_than_the_other_settings_allow() -> None:
    config = Config(
        max_metadata_cache_size=1000, max_image_cache_size=100, max_map_tiles_size=50, max_render_memory=850
    )
    assert memory.allowed_bytes(config) == 70e6 + 10e6 + 1000 * 1_024_000 + 256 * 2**20
    assert memory.replaced_bytes(config) == 1.5 * memory.allowed_bytes(config)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_worker_memory": 1000.0}, 1_024_000_000),
        ({"max_worker_memory": -1.0}, math.inf),
        ({"max_metadata_cache_size": -1}, math.inf),
        ({"max_metadata_cache_size": -1, "max_worker_memory": 1000.0}, 1_024_000_000),
    ],
)
def test_settings(settings: dict[str, float], expected: float) -> None:
    assert memory.replaced_bytes(Config(**settings)) == expected  # type: ignore[arg-type]


def test_limit_is_never_below_what_a_new_worker_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be replaced again and again."""
    monkeypatch.setattr(worker_memory, "own_bytes", lambda: 100_000_000)
    limit = MemoryLimit(Config(max_worker_memory=1.0))
    assert limit.excess() is None
    monkeypatch.setattr(worker_memory, "own_bytes", lambda: 150_000_001)
    assert limit.excess() == 150_000_001


def test_worker_that_grows_is_replaced_and_finishes_its_requests(tmp_path: Path) -> None:
    """Another one answers while it does."""
    port = free_port()
    command = Command(tmp_path, "--bind", f"127.0.0.1:{port}", WORKERS="1", MAX_WORKER_MEMORY="200")
    try:
        first = until(lambda: echo(("127.0.0.1", port)))["pid"]
        held = HeldRequest(tmp_path, partial(fetch, ("127.0.0.1", port)))
        assert fetch(("127.0.0.1", port), "/hold/300") == b"held"
        until(lambda: echo(("127.0.0.1", port))["pid"] != first)
        assert not held.is_answered()
        held.finish()
        assert held.body() == b"done"
        until(lambda: not alive(first))
        (line,) = [line for line in command.log.read_text().splitlines() if "MAX_WORKER_MEMORY)" in line]
        assert f"worker {first} finishes and is replaced: it uses 3" in line
    finally:
        command.stop()
