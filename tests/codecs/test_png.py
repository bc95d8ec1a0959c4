"""PNG output: pixels, filters, chunks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
import pyvips
from micro_reader_codecs import png_decode_into

from iipserve import __version__
from iipserve.codecs import Metadata, png
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from tests.codecs.samples import (
    GRAY_PROFILE,
    RGB_PROFILE,
    XMP,
    check_exif,
    opened,
    read_pillow,
    read_rust,
    read_vips,
    with_bands,
)
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, cut, picture
from tests.images import gradient

EXPORT = Encoding("png", 1, profile=True, metadata=True)


class TestPng(EncoderContract):
    encoder = png.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {
        f"level {level}": Encoding("png", level) for level in (0, 1, 2, 6, 9)
    }
    lossless = frozenset(encodings)

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        readers = {
            "libpng": lambda body: with_bands(imagecodecs.png_decode(body)),
            "rust": read_rust(png_decode_into, bands, bits),
            "libvips": read_vips,
        }
        # Pillow cuts 16 bits down to 8
        return readers if bits == 16 else readers | {"pillow": read_pillow}


def chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk, checksums checked (PNG specification section 5.3)."""
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    offset = 8
    while offset < len(body):
        length, name = struct.unpack_from(">I4s", body, offset)
        content = body[offset + 8 : offset + 8 + length]
        assert struct.unpack_from(">I", body, offset + 8 + length)[0] == zlib.crc32(name + content)
        yield name, content
        offset += 12 + length


def export(metadata: Metadata, bands: int = 3) -> bytes:
    return png.encode(picture((40, 30), bands), EXPORT, metadata)


NOISE = np.random.default_rng(1).integers(0, 256, (41, 67, 4), np.uint8)


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_pixels_without_pattern(level: int, bands: int) -> None:
    pixels = np.ascontiguousarray(NOISE[:, :, :bands])
    np.testing.assert_array_equal(read_pillow(png.encode(pixels, Encoding("png", level), Metadata())), pixels)


@pytest.mark.parametrize("level", [0, 1, 6])
def test_large_picture_is_cut_into_blocks(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(png, "ADAPTIVE_ROWS", 7)
    pixels = gradient((701, 500), 4)
    body = png.encode(pixels, Encoding("png", level), Metadata())
    np.testing.assert_array_equal(read_pillow(body), pixels)
    np.testing.assert_array_equal(imagecodecs.png_decode(body), pixels)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("heights", [(1,), (13, 2), (500,)], ids=str)
def test_strips_are_filtered_like_the_whole(
    level: int, heights: tuple[int, ...], bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a row is filtered by the last one of the strip before; in one stream over several chunks."""
    monkeypatch.setattr(png, "BLOCK_BYTES", 10_000)
    pixels = gradient((701, 500), 4) if bits == 8 else picture((701, 500), 4, 16)
    output = io.BytesIO()
    png.encode_rows(cut(pixels, heights), pixels.shape, Encoding("png", level), Metadata(), output)
    np.testing.assert_array_equal(imagecodecs.png_decode(output.getvalue()), pixels)
    found = data_of(output.getvalue())
    assert level or len(found) > 1
    assert zlib.decompress(b"".join(found)) == zlib.decompress(
        b"".join(data_of(png.encode(pixels, Encoding("png", level), Metadata())))
    )


def data_of(body: bytes) -> list[bytes]:
    """The contents of the chunks of pixels."""
    return [content for name, content in chunks(body) if name == b"IDAT"]


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("level", [1, 6])
def test_16_bits_are_big_endian_and_filtered_by_whole_pixels(level: int, bands: int) -> None:
    """PNG specification sections 7.2 and 9.2, undone here step by step."""
    pixels = picture((37, 5), bands, 16)
    body = png.encode(pixels, Encoding("png", level, bits=16), Metadata())
    found = dict(chunks(body))
    assert struct.unpack(">IIBB", found[b"IHDR"][:10]) == (37, 5, 16, {1: 0, 2: 4, 3: 2, 4: 6}[bands])
    rows = zlib.decompress(found[b"IDAT"])
    length, distance, above = 37 * bands * 2, bands * 2, bytes(37 * bands * 2)
    for number in range(5):
        kind, *row = rows[number * (length + 1) : (number + 1) * (length + 1)]
        for at in range(length):
            left = row[at - distance] if at >= distance else 0
            row[at] = (row[at] + {1: left, 2: above[at]}[kind]) % 256
        above = bytes(row)
        np.testing.assert_array_equal(np.frombuffer(above, ">u2").reshape(37, bands), pixels[number])


def test_level_0_stores() -> None:
    pixels = gradient((200, 100))
    assert len(png.encode(pixels, Encoding("png", 0), Metadata())) > pixels.nbytes


def test_higher_levels_are_not_larger() -> None:
    pixels = gradient((512, 512))
    lengths = [len(png.encode(pixels, Encoding("png", level), Metadata())) for level in (0, 1, 2, 9)]
    assert lengths == sorted(lengths, reverse=True)


def test_filters_are_chosen_by_row() -> None:
    """Rows that repeat the one above are cheapest as "up", ramps along the row as "sub"."""
    pixels = np.zeros((4, 300, 1), np.uint8)
    pixels[:2] = NOISE.reshape(-1)[:300, np.newaxis]
    pixels[2:] = (np.arange(300) * np.array([[1], [3]]) % 256)[:, :, np.newaxis]
    data = b"".join(
        content
        for name, content in chunks(png.encode(pixels, Encoding("png", 6), Metadata()))
        if name == b"IDAT"
    )
    assert list(zlib.decompress(data)[::301]) == [1, 2, 1, 1]


def test_metadata_read_back() -> None:
    image = opened(export(EVERYTHING))
    assert image.info["icc_profile"] == RGB_PROFILE
    assert image.info["XML:com.adobe.xmp"].encode() == XMP
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert image.info["Title"] == "A title"
    assert image.info["Author"] == "Zoë Ångström"
    assert image.info["Copyright"] == "© nobody"
    assert image.info["Creation Time"] == "2001:02:03 04:05:06"
    assert image.info["Software"] == f"iipserve/{__version__}"
    check_exif(image.getexif())


def test_metadata_read_back_by_libvips() -> None:
    image = pyvips.Image.new_from_buffer(export(EVERYTHING), "", fail_on="warning")
    assert image.get("icc-profile-data") == RGB_PROFILE
    assert image.get("xmp-data") == XMP
    assert image.xres == pytest.approx(11.811, abs=0.001)
    assert "A maker of cameras" in image.get("exif-ifd0-Make")


def test_metadata_precede_the_pixels() -> None:
    names = [name for name, _ in chunks(export(EVERYTHING))]
    assert names[0] == b"IHDR"
    assert set(names[1:-2]) == {b"iCCP", b"pHYs", b"eXIf", b"tEXt", b"iTXt"}
    assert names[-2:] == [b"IDAT", b"IEND"]


def test_tile_carries_only_its_profile() -> None:
    body = png.encode(picture((40, 30), 3), Encoding("png", 1, profile=True), EVERYTHING)
    assert [name for name, _ in chunks(body)] == [b"IHDR", b"iCCP", b"IDAT", b"IEND"]


def test_gray_profile_goes_into_gray() -> None:
    profile = dict(chunks(export(Metadata(icc=GRAY_PROFILE), bands=2)))[b"iCCP"]
    assert zlib.decompress(profile.removeprefix(b"ICC\0\0")) == GRAY_PROFILE


RESOLUTIONS = [
    pytest.param(2952.7559, 2952.7559, (2953, 2953), id="75 dpi"),
    pytest.param(11811.02, 5905.5, (11811, 5906), id="halves go up"),
    pytest.param(0.4, 100.0, None, id="below one"),
    pytest.param(3e9, 100.0, None, id="beyond four bytes"),
]


@pytest.mark.parametrize(("x", "y", "pixels_per_metre"), RESOLUTIONS)
def test_physical_size(x: float, y: float, pixels_per_metre: tuple[int, int] | None) -> None:
    found = dict(chunks(export(Metadata(resolution=PhysicalResolution(x, y)))))
    if pixels_per_metre is None:
        assert b"pHYs" not in found
    else:
        assert struct.unpack(">IIB", found[b"pHYs"]) == (*pixels_per_metre, 1)


def test_text_that_png_cannot_hold_is_mended() -> None:
    text = {"title": "a\0b\ud800", "creator": "", "keywords": "no place for these"}
    info = opened(export(Metadata(text=text))).info
    assert info["Title"] == "ab?"
    assert "Author" not in info
