"""WebP files of Pillow: their sizes, and metadata written into them."""

from __future__ import annotations

import io
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iipserve.containers.webp import read_size, with_metadata
from tests.codecs.samples import EXIF, RGB_PROFILE, XMP

SIZES = [(1, 1), (2, 3), (300, 200), (16383, 1), (1, 16383)]
KINDS: list[dict[str, Any]] = [{"lossless": True}, {"quality": 50}, {"lossless": True, "exif": EXIF}]
METADATA = {"icc": RGB_PROFILE, "exif": EXIF, "xmp": XMP}


def written(size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    Image.fromarray(pixels, mode).save(file, "WEBP", **options)
    return file.getvalue()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_size(size: tuple[int, int], mode: str, options: dict[str, Any]) -> None:
    assert read_size(written(size, mode, **options)) == size


@pytest.mark.parametrize("options", KINDS)
def test_no_size_in_part_of_a_header(options: dict[str, Any]) -> None:
    body = written((300, 200), **options)
    assert all(read_size(body[:length]) in (None, (300, 200)) for length in range(40))
    assert read_size(body[:20]) is None
    assert read_size(b"RIFX" + body[4:]) is None
    assert read_size(body[:12] + b"ANIM" + body[16:]) is None


@pytest.mark.parametrize("names", [names for count in range(4) for names in combinations(METADATA, count)])
@pytest.mark.parametrize("options", KINDS[:2])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pillow_reads_metadata(names: tuple[str, ...], mode: str, options: dict[str, Any]) -> None:
    body = written((31, 40), mode, **options)
    added = {name: METADATA[name] if name in names else None for name in METADATA}
    with_it = with_metadata(body, (31, 40), **added)
    before, after = Image.open(io.BytesIO(body)), Image.open(io.BytesIO(with_it))
    assert after.mode == mode
    np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
    found = {
        "icc": after.info.get("icc_profile"),
        "exif": after.info.get("exif"),
        "xmp": after.info.get("xmp"),
    }
    if found["exif"]:
        found["exif"] = found["exif"].removeprefix(b"Exif\0\0")
    assert found == added
    assert (with_it == body) == (not names)
