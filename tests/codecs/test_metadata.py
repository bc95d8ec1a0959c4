"""Every format carries the metadata it can hold, and all formats agree."""

from __future__ import annotations

import io
from typing import NamedTuple

import pillow_jxl
import pytest
import pyvips
from PIL import ExifTags, Image

from iipserve import registry
from iipserve.codecs import Metadata
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import RGB_PROFILE, XMP, check_exif, exif_block, opened
from tests.contracts.encoder import picture

ENCODERS = registry.discover("iipserve.codecs", "ENCODER")
SCANNED = 300.0
"""Dots per inch of the original, as in its Exif block."""
SHOWN = 75.0
"""Dots per inch of the output."""


def block() -> bytes:
    """The sample block, for an image with orientation 6, scanned at 300 dpi."""
    found = Image.Exif()
    found.load(b"Exif\0\0" + exif_block())
    found[ExifTags.Base.Orientation] = 6
    found[ExifTags.Base.XResolution] = found[ExifTags.Base.YResolution] = SCANNED
    found[ExifTags.Base.ResolutionUnit] = 2
    return found.tobytes().removeprefix(b"Exif\0\0")


RESOLUTION = PhysicalResolution(SHOWN / 0.0254, SHOWN / 0.0254)
EVERYTHING = Metadata(RGB_PROFILE, XMP, block(), RESOLUTION, {"title": "A title"})


class Case(NamedTuple):
    """One way to write a file."""

    name: str
    quality: int
    scheme: str = ""
    bits: int = 8


CASES = [
    Case("jpeg", 75),
    Case("png", 1),
    Case("png", 1, bits=16),
    Case("webp", 50),
    Case("webp", -1),
    Case("avif", 50),
    Case("avif", -1),
    Case("jxl", -1),
    *(Case("tiff", 1, scheme) for scheme in ("none", "lzw", "deflate", "zstd")),
    *(Case("tiff", 75, scheme) for scheme in ("jpeg", "webp")),
    *(Case("tiff", 1, scheme, 16) for scheme in ("none", "lzw", "deflate", "zstd")),
]
BY_NAME = [
    pytest.param(case, id=" ".join(map(str, (case.name, case.quality, case.scheme, case.bits))))
    for case in CASES
]


def export(case: Case, metadata: Metadata = EVERYTHING) -> bytes:
    encoding = Encoding(case.name, case.quality, case.scheme, profile=True, metadata=True, bits=case.bits)
    return ENCODERS[case.name].encode(picture((40, 31), 3, case.bits), encoding, metadata)


def xmp_of(image: Image.Image, body: bytes) -> bytes:
    """Where Pillow and its JPEG XL plug-in keep it."""
    if image.format == "JXL":
        *_, boxes = pillow_jxl.Decoder(num_threads=0)(body)
        return bytes(next(box.data for box in boxes if box.box_type == b"xml "))
    return bytes(image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode())


@pytest.mark.parametrize("case", BY_NAME)
def test_pillow_finds_everything(case: Case) -> None:
    # without loading: its libtiff may lack a compression
    body = export(case)
    image = Image.open(io.BytesIO(body))
    if case.name != "jxl":  # whose colors are sRGB without a profile
        assert image.info["icc_profile"] == RGB_PROFILE
    assert xmp_of(image, body) == XMP
    exif = image.getexif()
    check_exif(exif)
    assert exif[ExifTags.Base.Orientation] == 1
    assert exif[ExifTags.Base.XResolution] == pytest.approx(SHOWN)
    if case.name in ("jpeg", "png", "tiff"):
        assert image.info["dpi"] == pytest.approx((SHOWN, SHOWN), abs=0.02)


@pytest.mark.parametrize("case", [case for case in BY_NAME if case.values[0].name != "jxl"])
def test_libvips_finds_everything(case: Case) -> None:
    image = pyvips.Image.new_from_buffer(export(case), "")
    assert image.get("icc-profile-data") == RGB_PROFILE
    if case.name in ("webp", "avif"):
        assert image.get("exif-ifd0-YResolution").startswith(f"{SHOWN:.0f}/1 ")
    else:
        assert (image.xres, image.yres) == pytest.approx((SHOWN / 25.4, SHOWN / 25.4), rel=0.001)
    assert not image.get_typeof("orientation") or image.get("orientation") == 1
    assert image.get("xmp-data") == XMP


@pytest.mark.parametrize("name", ["webp", "avif", "jxl"])
def test_resolution_makes_an_exif_block_where_there_is_no_other_place(name: str) -> None:
    exif = opened(export(Case(name, -1), Metadata(resolution=RESOLUTION))).getexif()
    assert exif[ExifTags.Base.XResolution] == pytest.approx(SHOWN)
    assert exif[ExifTags.Base.ResolutionUnit] == 2


@pytest.mark.parametrize("name", ["jpeg", "png", "tiff"])
def test_no_exif_block_is_made_where_there_is(name: str) -> None:
    image = opened(export(Case(name, 1), Metadata(resolution=RESOLUTION)))
    assert "exif" not in image.info
    assert image.info["dpi"] == pytest.approx((SHOWN, SHOWN), abs=0.02)


@pytest.mark.parametrize("case", BY_NAME)
def test_a_tile_carries_no_more_than_its_profile(case: Case) -> None:
    encoding = Encoding(case.name, case.quality, case.scheme, profile=True, bits=case.bits)
    body = ENCODERS[case.name].encode(picture((40, 31), 3, case.bits), encoding, EVERYTHING)
    image = Image.open(io.BytesIO(body))
    if case.name != "jxl":  # whose colors are sRGB without a profile
        assert image.info["icc_profile"] == RGB_PROFILE
    assert not {"xmp", "exif", "XML:com.adobe.xmp"} & image.info.keys()
    assert b"A maker of cameras" not in body
    assert b"A title" not in body
