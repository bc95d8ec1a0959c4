"""Files that are written, truncated or cannot be read while libvips reads them."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.sources.vips import FORMAT, file_reader
from tests.contracts.source import open_source
from tests.images import smooth
from tests.sources.vips.files import as_image

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF"]


@pytest.fixture(params=FORMATS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    image = as_image(smooth((1200, 1000)))
    image.save(tmp_path / "image", request.param)
    return tmp_path / "image"


class Spool:
    """A temporary file whose first write truncates the image."""

    def __init__(self, image: Path, file: Any) -> None:
        self.image = image
        self.file = file

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes) -> int:
        os.truncate(self.image, 0)
        return int(self.file.write(data))


def test_truncated_while_it_is_decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that libvips has mapped would end the process here."""
    expected = open_source(FORMAT, path).read_tile(0, 0, 3)
    source = open_source(FORMAT, path)
    real = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Spool(path, real()))
    try:
        pixels = source.read_tile(0, 0, 3)
    except DecodeError:
        return
    assert np.array_equal(pixels, expected)


def test_truncated_after_it_was_opened(path: Path) -> None:
    source = open_source(FORMAT, path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DecodeError):
        source.read_tile(0, 3, 3)


def test_failure_to_read_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(FORMAT, path)
    expected = open_source(FORMAT, path).read_tile(0, 0, 3)

    def fail(descriptor: int, count: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        with pytest.raises(OSError, match="Input/output error"):
            source.read_tile(0, 0, 3)
    assert np.array_equal(source.read_tile(0, 0, 3), expected)


@pytest.mark.parametrize("path", ["WEBP", "GIF"], indirect=True)
def test_files_that_libvips_holds_in_memory_are_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_HELD_BYTES", path.stat().st_size - 1)
    with pytest.raises(UnsupportedImage, match="bytes; at most"):
        open_source(FORMAT, path)
