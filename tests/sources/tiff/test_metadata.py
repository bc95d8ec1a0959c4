"""Metadata of TIFF files, as other software reads and writes it."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from iipserve.image import ImageInfo, PhysicalResolution
from tests.contracts.source import open_source
from tests.images import gradient, write_tiff_pyramid
from tests.sources.tiff.files import TILED, renumber_field

ICC = bytes(16) + b"RGB " + bytes(16) + b"acsp" + bytes(200)
PIXELS = gradient((100, 80))


def ascii_tag(tag: int, value: bytes) -> tuple[Any, ...]:
    return (tag, 2, len(value), value, True)


def info_of(path: Path, **options: Any) -> ImageInfo:
    write_tiff_pyramid(path / "a.tif", PIXELS, **options)
    return open_source(TILED, path / "a.tif", "some name").info


def test_names_identifier_version_and_format(tmp_path: Path) -> None:
    info = info_of(tmp_path)
    state = (tmp_path / "a.tif").stat()
    assert (info.identifier, info.format) == ("some name", "tiff")
    assert (info.version.mtime_ns, info.version.length) == (state.st_mtime_ns, state.st_size)


def test_a_file_without_metadata(tmp_path: Path) -> None:
    info = info_of(tmp_path)
    assert (info.icc, info.xmp, info.exif, info.resolution) == (None, None, None, None)
    assert dict(info.text) == {}


TEXTS = [
    ("creator", 315), ("rights", 33432), ("date", 306), ("description", 270), ("title", 269),
    ("pagename", 285), ("software", 305), ("make", 271), ("model", 272),
]  # fmt: skip


def test_texts(tmp_path: Path) -> None:
    tags = [
        ascii_tag(tag, f"the {name}".encode() + b"\0") for name, tag in TEXTS if tag not in (270, 305, 306)
    ]
    info = info_of(
        tmp_path,
        extra_tags=tags,
        description="the description",
        software="the software",
        datetime="2024:05:06 07:08:09",
    )
    expected = {name: f"the {name}" for name, _ in TEXTS} | {"date": "2024:05:06 07:08:09"}
    assert dict(info.text) == expected


CODINGS = [
    pytest.param("Grüße".encode() + b"\0", "Grüße", id="UTF-8"),
    pytest.param("Grüße".encode("latin-1") + b"\0", "Grüße", id="Latin-1"),
    pytest.param(b"two\0parts\0", "two\nparts", id="two strings"),
    pytest.param(b"no end", "no end", id="no NUL"),
    pytest.param(b"bell\x07 and\ttab\0", "bell and\ttab", id="control characters"),
    pytest.param(b"  spaces  \0", "spaces", id="spaces"),
    pytest.param(b"\x81\x8d\0", "\N{REPLACEMENT CHARACTER}" * 2, id="no text"),
]


@pytest.mark.parametrize(("value", "text"), CODINGS)
def test_texts_are_decoded_safely(tmp_path: Path, value: bytes, text: str) -> None:
    assert info_of(tmp_path, extra_tags=[ascii_tag(315, value)]).text["creator"] == text


@pytest.mark.parametrize("value", [b"\0", b"\0\0\0\0\0\0", b"   \0"])
def test_empty_texts_are_absent(tmp_path: Path, value: bytes) -> None:
    assert "creator" not in info_of(tmp_path, extra_tags=[ascii_tag(315, value)]).text


def test_scale(tmp_path: Path) -> None:
    assert info_of(tmp_path, extra_tags=[(37439, 12, 1, 0.25, True)]).text["scale"] == "0.25"


RESOLUTIONS = [
    pytest.param((100.0, 50.0), "centimeter", (10_000, 5_000), id="per centimetre"),
    pytest.param((300.0, 300.0), "inch", (300 / 0.0254, 300 / 0.0254), id="per inch"),
    pytest.param((300.0, 300.0), "none", None, id="without unit"),
]


@pytest.mark.parametrize(("resolution", "unit", "expected"), RESOLUTIONS)
def test_resolution(
    tmp_path: Path, resolution: tuple[float, float], unit: str, expected: tuple[float, float] | None
) -> None:
    found = info_of(tmp_path, resolution=resolution, resolution_unit=unit).resolution
    assert found == pytest.approx(expected) if expected is None else isinstance(found, PhysicalResolution)
    if found and expected:
        assert (found.x, found.y) == pytest.approx(expected)


@pytest.mark.parametrize("terms", [(0, 1), (1, 0), (0, 0)])
def test_resolutions_without_sense_are_absent(tmp_path: Path, terms: tuple[int, int]) -> None:
    tag = (65001, 5, 1, terms, True)
    write_tiff_pyramid(tmp_path / "a.tif", PIXELS, extra_tags=[tag], resolution=(10, 10))
    renumber_field(tmp_path / "a.tif", 282, 65002)
    renumber_field(tmp_path / "a.tif", 65001, 282)
    assert open_source(TILED, tmp_path / "a.tif").info.resolution is None


RANGES = [
    pytest.param([], ((0, 255),) * 3, id="none declared"),
    pytest.param(
        [(340, 1, 3, (1, 2, 3)), (341, 1, 3, (101, 102, 103))], ((1, 101), (2, 102), (3, 103)), id="each"
    ),
    pytest.param([(340, 3, 1, 16), (341, 3, 1, 235)], ((16, 235),) * 3, id="one for all"),
    pytest.param([(341, 12, 3, (9.5, 99.5, 199.5))], ((0, 9.5), (0, 99.5), (0, 199.5)), id="maximum only"),
    pytest.param([(340, 12, 1, math.nan), (341, 12, 1, math.inf)], ((0, 255),) * 3, id="no numbers"),
    pytest.param([(340, 3, 1, 9), (341, 3, 1, 9)], ((0, 255),) * 3, id="empty"),
    pytest.param([(341, 3, 2, (9, 10))], ((0, 255),) * 3, id="two for three bands"),
]


@pytest.mark.parametrize(("tags", "expected"), RANGES)
def test_band_ranges(
    tmp_path: Path, tags: list[tuple[Any, ...]], expected: tuple[tuple[float, float], ...]
) -> None:
    assert info_of(tmp_path, extra_tags=[(*tag, True) for tag in tags]).band_ranges == expected


def test_profile(tmp_path: Path) -> None:
    assert info_of(tmp_path, icc=ICC).icc == ICC


OTHER_SPACES = [ICC.replace(b"RGB ", space) for space in (b"GRAY", b"CMYK", b"Lab ")]


@pytest.mark.parametrize("icc", [b"too short", bytes(300), *OTHER_SPACES])
def test_what_is_no_profile_is_left_out(tmp_path: Path, icc: bytes) -> None:
    assert info_of(tmp_path, icc=icc).icc is None


def test_xmp(tmp_path: Path) -> None:
    packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/">Grüße</x:xmpmeta>'.encode()
    assert info_of(tmp_path, extra_tags=[(700, 1, len(packet), packet, True)]).xmp == packet


@pytest.mark.parametrize("packet", [b"\xff\xfe<\0x\0", b"\0\0\0\0"])
def test_what_is_no_utf8_is_no_xmp(tmp_path: Path, packet: bytes) -> None:
    assert info_of(tmp_path, extra_tags=[(700, 1, len(packet), packet, True)]).xmp is None


class TestExif:
    FIELDS: ClassVar[dict[int, Any]] = {
        ExifTags.Base.ExposureTime: IFDRational(1, 250),
        ExifTags.Base.ISOSpeedRatings: 400,
        ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
        ExifTags.Base.LensModel: "A lens of a long name",
        ExifTags.Base.MakerNote: b"offsets inside",
    }

    def write(self, path: Path, byteorder: str) -> None:
        """A tiled file that points to a directory as Pillow writes it."""
        exif = Image.Exif()
        exif.endian = byteorder
        exif.get_ifd(ExifTags.IFD.Exif).update(self.FIELDS)
        block = exif.tobytes()[6:]
        write_tiff_pyramid(
            path, PIXELS, tile=(64, 64), byteorder=byteorder, extra_tags=[(65000, 4, 1, 0xABCDEF12, True)]
        )
        data = path.read_bytes()
        order = "little" if byteorder == "<" else "big"
        # offsets inside the block are from its start: it is appended as far as they say from the start of the file
        moved = self.moved(block, len(data) + len(data) % 2, order)
        data = data.replace((0xABCDEF12).to_bytes(4, order), moved[0].to_bytes(4, order))
        path.write_bytes(data + bytes(len(data) % 2) + moved[1])
        renumber_field(path, 65000, 34665)

    def moved(self, block: bytes, base: int, order: str) -> tuple[int, bytes]:
        """Offset of the Exif directory in the file, and the block with its offsets counted from `base`."""
        whole = bytearray(block)

        def number(at: int, length: int) -> int:
            return int.from_bytes(whole[at : at + length], order)  # type: ignore[arg-type]

        first = number(4, 4)
        exif = number(first + 2 + 8, 4)
        lengths = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
        for at in range(exif + 2, exif + 2 + 12 * number(exif, 2), 12):
            if lengths[number(at + 2, 2)] * number(at + 4, 4) > 4:
                whole[at + 8 : at + 12] = (number(at + 8, 4) + base).to_bytes(4, order)  # type: ignore[arg-type]
        return exif + base, bytes(whole)

    @pytest.mark.parametrize("byteorder", ["<", ">"])
    def test_is_carried_over_as_a_file_of_its_own(self, tmp_path: Path, byteorder: str) -> None:
        self.write(tmp_path / "a.tif", byteorder)
        block = open_source(TILED, tmp_path / "a.tif").info.exif
        assert block is not None
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + block)
        fields = exif.get_ifd(ExifTags.IFD.Exif)
        assert fields[ExifTags.Base.ExposureTime] == pytest.approx(1 / 250)
        assert fields[ExifTags.Base.ISOSpeedRatings] == 400
        assert fields[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
        assert fields[ExifTags.Base.LensModel] == "A lens of a long name"
        assert ExifTags.Base.MakerNote not in fields
        with tifffile.TiffFile(io.BytesIO(block)) as file:
            assert file.byteorder == byteorder

    @pytest.mark.parametrize("offset", [1, 8, 10**9])
    def test_that_leads_nowhere_is_absent(self, tmp_path: Path, offset: int) -> None:
        write_tiff_pyramid(tmp_path / "a.tif", PIXELS, extra_tags=[(65000, 4, 1, offset, True)])
        renumber_field(tmp_path / "a.tif", 65000, 34665)
        info = open_source(TILED, tmp_path / "a.tif").info
        assert info.exif is None or len(info.exif) < 65536


def test_metadata_does_not_disturb_the_pixels(tmp_path: Path) -> None:
    write_tiff_pyramid(tmp_path / "a.tif", PIXELS, icc=ICC, description="x" * 5000, resolution=(1, 1))
    assert np.array_equal(open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0), PIXELS)
