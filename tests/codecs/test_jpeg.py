"""JPEG output: pixels, markers, metadata."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Mapping
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
import pyvips
from micro_reader_codecs import jpeg_decode_into

from iipserve.codecs import Metadata, jpeg
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import (
    GRAY_PROFILE,
    RGB_PROFILE,
    XMP,
    check_exif,
    exif_block,
    opened,
    read_pillow,
    read_rust,
    read_vips,
    with_bands,
)
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, picture

EXPORT = Encoding("jpeg", 90, profile=True, metadata=True)


class TestJpeg(EncoderContract):
    encoder = jpeg.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {"q75": Encoding("jpeg", 75), "q100": Encoding("jpeg", 100)}
    longest_side = 65500

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {
            "pillow": read_pillow,
            "imagecodecs": lambda body: with_bands(imagecodecs.jpeg8_decode(body)),
            "rust": read_rust(jpeg_decode_into, bands, bits),
            "libvips": read_vips,
        }


def segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment up to the scan, by the grammar of ITU-T T.81 B.1.1."""
    assert body[:2] == b"\xff\xd8"
    offset = 2
    while True:
        mark, marker, length = struct.unpack_from(">BBH", body, offset)
        assert mark == 0xFF
        yield marker, body[offset + 4 : offset + 2 + length]
        if marker == 0xDA:
            return
        offset += 2 + length


def export(metadata: Metadata, bands: int = 3) -> bytes:
    return jpeg.encode(picture((40, 30), bands), EXPORT, metadata)


@pytest.mark.parametrize("quality", [1, 50, 95, 100])
def test_chroma_is_halved_at_every_quality(quality: int) -> None:
    body = jpeg.encode(picture((40, 30), 3), Encoding("jpeg", quality), EVERYTHING)
    frame = dict(segments(body))[0xC0]
    assert [frame[at] for at in (7, 10, 13)] == [0x22, 0x11, 0x11]


@pytest.mark.parametrize(("quality", "same_as"), [(0, 1), (-5, 1), (101, 100)])
def test_quality_is_kept_in_range(quality: int, same_as: int) -> None:
    pixels = picture((40, 30), 3)
    bodies = {jpeg.encode(pixels, Encoding("jpeg", value), EVERYTHING) for value in (quality, same_as)}
    assert len(bodies) == 1


def test_metadata_read_back() -> None:
    image = opened(export(EVERYTHING))
    assert image.info["icc_profile"] == RGB_PROFILE
    assert image.info["xmp"] == XMP
    assert image.info["dpi"] == (300, 300)
    check_exif(image.getexif())


def test_metadata_read_back_by_libvips() -> None:
    image = pyvips.Image.new_from_buffer(export(EVERYTHING), "", fail_on="warning")
    assert image.get("icc-profile-data") == RGB_PROFILE
    assert image.get("xmp-data") == XMP
    assert image.xres == pytest.approx(11.811, abs=0.001)
    assert "A maker of cameras" in image.get("exif-ifd0-Make")


def test_gray_profile_goes_into_gray() -> None:
    assert opened(export(Metadata(icc=GRAY_PROFILE), bands=1)).info["icc_profile"] == GRAY_PROFILE


def test_exif_of_either_byte_order() -> None:
    check_exif(opened(export(Metadata(exif=exif_block(">")))).getexif())


@pytest.mark.parametrize("length", [65_519, 65_520, 200_000, 255 * 65_519])
def test_long_profile_is_cut_into_numbered_chunks(length: int) -> None:
    profile = RGB_PROFILE + bytes(length - len(RGB_PROFILE))
    body = export(Metadata(icc=profile))
    chunks = [content for marker, content in segments(body) if marker == 0xE2]
    assert len(chunks) == -(-length // 65_519)
    assert opened(body).info["icc_profile"] == profile


def test_profile_too_long_for_jpeg_is_left_out() -> None:
    profile = RGB_PROFILE + bytes(255 * 65_519)
    assert 0xE2 not in dict(segments(export(Metadata(icc=profile))))


def test_exif_too_long_for_jpeg_is_left_out() -> None:
    assert 0xE1 not in dict(segments(export(Metadata(exif=exif_block() + bytes(65_530)))))


def test_long_xmp_is_extended() -> None:
    """XMP specification part 3, section 1.1.3.1, read literally."""
    filler = b"".join(b"<!-- %d -->" % number for number in range(20_000))
    rdf = XMP[XMP.index(b"<x:xmpmeta") : XMP.index(b"<?xpacket end")]
    whole = rdf.replace(b"</rdf:RDF>", filler + b"</rdf:RDF>")
    packet = XMP.replace(rdf, whole)
    contents = [content for marker, content in segments(export(Metadata(xmp=packet))) if marker == 0xE1]
    standard = contents[0].removeprefix(b"http://ns.adobe.com/xap/1.0/\0")
    guid = re.search(rb'xmpNote:HasExtendedXMP="([0-9A-F]{32})"', standard)
    assert guid is not None
    parts: dict[int, bytes] = {}
    for content in contents[1:]:
        rest = content.removeprefix(b"http://ns.adobe.com/xmp/extension/\0")
        assert rest[:32] == guid[1]
        length, offset = struct.unpack(">II", rest[32:40])
        assert length == len(whole)
        parts[offset] = rest[40:]
    joined = b"".join(parts[offset] for offset in sorted(parts))
    assert joined == whole
    assert hashlib.md5(joined).hexdigest().upper().encode() == guid[1]


DENSITIES = [
    pytest.param(11811.023622, 11811.023622, (1, 300, 300), id="300 dpi"),
    pytest.param(2834.645669, 2834.645669, (1, 72, 72), id="72 dpi"),
    pytest.param(10000.0, 5000.0, (1, 254, 127), id="254 dpi is 100 a cm: both exact"),
    pytest.param(11800.0, 11800.0, (2, 118, 118), id="118 a cm, exact only in cm"),
    pytest.param(2952.7559, 2952.7559, (1, 75, 75), id="75 dpi"),
    pytest.param(29.0, 29.0, (1, 1, 1), id="0.74 dpi rounds to 1"),
    pytest.param(1.0, 1.0, (0, 1, 1), id="below one a unit"),
    pytest.param(9e6, 9e6, (0, 1, 1), id="above 65535 a unit"),
    pytest.param(5e6, 5e6, (2, 50000, 50000), id="too many an inch"),
]


@pytest.mark.parametrize(("x", "y", "density"), DENSITIES)
def test_density(x: float, y: float, density: tuple[int, int, int]) -> None:
    body = export(Metadata(resolution=PhysicalResolution(x, y)))
    assert struct.unpack_from(">BHH", dict(segments(body))[0xE0], 7) == density


def test_no_application_segment_but_jfif_without_metadata() -> None:
    body = jpeg.encode(picture((40, 30), 3), Encoding("jpeg", 75), EVERYTHING)
    assert [marker for marker, _ in segments(body) if 0xE0 <= marker <= 0xEF] == [0xE0]


def test_large_picture_in_one_piece() -> None:
    pixels = picture((3000, 2000), 3)
    assert np.abs(read_pillow(jpeg.encode(pixels, EXPORT, EVERYTHING)).astype(int) - pixels).max() < 12
