"""Requests that scripts/fuzz once made the server fail with."""

from __future__ import annotations

from pathlib import Path

import pytest

from iipserve.app import build
from tests.images import gradient, write_tiff_pyramid
from tests.properties.answers import flaw
from tests.properties.images import ask, settings

REQUESTS = [
    # pictures one pixel wide or high that are turned or mirrored: numpy calls them contiguous, whatever their strides
    *(
        f"/iiif/3/image.tif/10,20,{width},{height}/max/{turn}/{quality}.{format}"
        for width, height in ((1, 1), (1, 9), (9, 1))
        for turn in ("!0", "90", "180", "!270", "45")
        for quality in ("default", "gray", "bitonal")
        for format in ("jpg", "png", "webp", "avif", "tif")
    ),
    "/iip?FIF=image.tif&CNV=[1,2,1,2,4,2,1,2,1]&ROT=180&WID=1&COL=binary&CVT=jpeg",
    "/iip?FIF=image.tif&RGN=0.5,0.4,0.1,0.3&WID=1&ROT=-90&CVT=webp",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz-cases")
    write_tiff_pyramid(made / "image.tif", gradient((100, 80)), tile=(64, 64))
    return made


@pytest.mark.parametrize("address", REQUESTS)
def test_request_is_answered(folder: Path, address: str) -> None:
    response = ask(build(settings(folder)), address)
    assert response.status == 200
    assert flaw(response, None, str(folder)) is None
