"""The folder of images that samples serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.images import smooth, write_tiff_pyramid


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    write_tiff_pyramid(folder / "a.tif", smooth((600, 500)), compression="jpeg")
    return folder
