"""A folder of images that hold one pixel each."""

from __future__ import annotations

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
