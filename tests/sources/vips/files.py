"""Files that libvips opens, and their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iipserve import libvips
from iipserve.errors import UnsupportedImage
from iipserve.geometry import Region
from iipserve.sources import Source
from iipserve.sources.vips import FORMAT
from tests.contracts.source import open_source
from tests.images import Picture

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def as_image(picture: Picture) -> Image.Image:
    return Image.fromarray(picture if picture.shape[2] > 1 else picture[:, :, 0], MODES[picture.shape[2]])


def whole(source: Source) -> Picture:
    """The whole picture."""
    pixels = source.read_region(0, Region.of_size(source.info.size), source.info.size)
    assert pixels.dtype == np.uint8
    return pixels  # type: ignore[return-value]


def open_if_known(path: Path, operation: str) -> Source | None:
    """The opened file; None if this libvips was built without its loader, after checking that the error says so."""
    if libvips.knows(operation):
        return open_source(FORMAT, path)
    with pytest.raises(UnsupportedImage, match=r"the installed libvips .* cannot read"):
        open_source(FORMAT, path)
    return None
