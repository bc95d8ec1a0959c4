"""A folder of images that hold one pixel each."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    (images / "sub folder").mkdir(parents=True)
    (images / "a.img").write_bytes(b"MARKa")
    (images / "sub folder" / "é.img").write_bytes(b"MARKb")
    (tmp_path / "secret.img").write_bytes(b"MARKs")
    return images


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Is released by each thread that waits for what another one computes."""
    threads = threading.Semaphore(0)
    monkeypatch.setattr("iipserve.engine.single_flight.hand_over", threads.release)
    return threads
