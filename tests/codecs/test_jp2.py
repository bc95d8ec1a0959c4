"""JPEG 2000 output: pixels, tiles, boxes, metadata."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest

from iipserve.codecs import NO_METADATA, Metadata, jp2
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from iipserve.sources.jpeg2000.openjpeg_library import glymur
from tests.codecs.samples import EXIF, GRAY_PROFILE, RGB_PROFILE, XMP, opened, read_pillow, with_bands
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, cut, picture
from tests.images import Picture, gradient

LOSSLESS = Encoding("jp2", -1)


def read_openjpeg(body: bytes) -> Picture:
    return with_bands(imagecodecs.jpeg2k_decode(body))


class TestJpeg2000(EncoderContract):
    encoder = jp2.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {
        "lossless": LOSSLESS,
        "q100": Encoding("jp2", 100),
        "q75": Encoding("jp2", 75),
        "q0": Encoding("jp2", 0),
    }
    lossless = frozenset({"lossless", "q100"})
    tolerance = 70, 12
    agreement = 1
    longest_side = 200_000

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {"imagecodecs": read_openjpeg, "pillow": read_pillow}


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1025, 1030), (1024, 1024), (2049, 3), (2, 1025)], ids=str)
def test_tiles_are_joined_without_loss(size: tuple[int, int], bands: int) -> None:
    """Tiles of 1024 pixels, those at the edges of any size down to a pixel."""
    pixels = gradient(size, bands)
    body = jp2.encode(pixels, LOSSLESS, NO_METADATA)
    np.testing.assert_array_equal(read_openjpeg(body), pixels)
    np.testing.assert_array_equal(read_pillow(body), pixels)


def test_tiles_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(jp2.encode(gradient((2500, 1100)), Encoding("jp2", 75), NO_METADATA))
    size = glymur.Jp2k(path).get_codestream().segment[1]
    assert (size.xsiz, size.ysiz, size.xtsiz, size.ytsiz) == (2500, 1100, 1024, 1024)


@pytest.mark.parametrize("quality", [-1, 75])
def test_strips_make_the_same_tiles(quality: int) -> None:
    pixels, output = gradient((1100, 2100)), io.BytesIO()
    jp2.encode_rows(cut(pixels, (300, 7)), pixels.shape, Encoding("jp2", quality), NO_METADATA, output)
    assert output.getvalue() == jp2.encode(pixels, Encoding("jp2", quality), NO_METADATA)


def test_loss_is_that_of_the_quality() -> None:
    """The peak signal-to-noise ratio is at least what `signal_to_noise` states."""
    pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    lengths = []
    for quality in (0, 50, 75, 99):
        body = jp2.encode(pixels, Encoding("jp2", quality), NO_METADATA)
        error = np.square(read_openjpeg(body).astype(float) - pixels).mean()
        assert 10 * np.log10(255**2 / error) > 30 + quality // 5 - 1
        lengths.append(len(body))
    assert lengths == sorted(set(lengths))


@pytest.mark.parametrize(
    ("bands", "profile"), [(1, GRAY_PROFILE), (2, GRAY_PROFILE), (3, RGB_PROFILE), (4, RGB_PROFILE)]
)
def test_metadata_read_back(tmp_path: Path, bands: int, profile: bytes) -> None:
    metadata = Metadata(profile, XMP, EXIF, PhysicalResolution(11811.0, 5905.5))
    path = tmp_path / "a.jp2"
    path.write_bytes(
        jp2.encode(picture((40, 31), bands), Encoding("jp2", 75, profile=True, metadata=True), metadata)
    )
    boxes = {box.box_id: box for box in glymur.Jp2k(path).box}
    header = {box.box_id: box for box in boxes["jp2h"].box}
    assert header["colr"].icc_profile == profile
    assert (header["ihdr"].height, header["ihdr"].width, header["ihdr"].num_components) == (31, 40, bands)
    capture = header["res "].box[0]
    assert (capture.vertical_resolution, capture.horizontal_resolution) == pytest.approx(
        (5905.5, 11811), rel=1e-4
    )
    assert ("cdef" in header) == (bands in (2, 4))
    uuids = [box for box in glymur.Jp2k(path).box if box.box_id == "uuid"]
    assert uuids[0].raw_data == XMP
    assert b"A maker of cameras" in uuids[1].raw_data


@pytest.mark.parametrize(("bands", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_colors_are_declared(bands: int, mode: str) -> None:
    image = opened(jp2.encode(picture((40, 31), bands), LOSSLESS, NO_METADATA))
    assert image.mode == mode


@pytest.mark.parametrize("resolution", [0.001, 1.0, 2834.6, 65535.0, 65536.0, 1e9])
def test_resolutions_of_any_magnitude(resolution: float) -> None:
    metadata = Metadata(resolution=PhysicalResolution(resolution, resolution))
    body = jp2.encode(picture((4, 3), 1), Encoding("jp2", 75, metadata=True), metadata)
    start = body.index(b"resc") + 4
    down, one, across, also_one, exponent_down, exponent_across = struct.unpack(
        ">4H2b", body[start : start + 10]
    )
    assert (one, also_one, down, exponent_down) == (1, 1, across, exponent_across)
    assert down * 10.0**exponent_down == pytest.approx(resolution, rel=1e-4)


def test_texts_have_no_place() -> None:
    with_texts = jp2.encode(
        picture((9, 9), 3), Encoding("jp2", 75, metadata=True), Metadata(text=EVERYTHING.text)
    )
    assert with_texts == jp2.encode(picture((9, 9), 3), Encoding("jp2", 75), NO_METADATA)
