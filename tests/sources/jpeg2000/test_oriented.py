"""JPEG 2000 of photographs stored on their side: Exif (2.32 section 4.6.4) or XMP in a uuid box."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from iipserve.geometry import Region, Size
from iipserve.image import PhysicalResolution
from iipserve.sources import Source
from iipserve.sources.jpeg2000 import FORMAT
from iipserve.sources.jpeg2000.boxes import ADOBE_EXIF_UUID, EXIF_UUID, XMP_UUID
from tests.contracts.source import SourceContract, open_source
from tests.images import smooth
from tests.sources.test_oriented import SEEN
from tests.tiff_corpus.jp2_files import box, write_boxes
from tests.tiff_corpus.tiff_writer import Samples

SIZE = (1301, 701)


def exif_box(orientation: int, uuid: bytes = EXIF_UUID) -> bytes:
    """A block with one field."""
    field = struct.pack(">HHHIHH", 1, 274, 3, 1, orientation, 0)
    return box(b"uuid", uuid + b"MM\0*\0\0\0\x08" + field + bytes(4))


def write(path: Path, stream: bytes, *boxes: bytes, header: bytes = b"") -> Source:
    write_boxes(path, stream, header)
    with path.open("r+b") as file:  # the codestream ends the file
        file.seek(0, 2)
        file.write(b"".join(boxes))
    return open_source(FORMAT, path)


@pytest.fixture(scope="module")
def stream() -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(smooth(SIZE), codecformat="j2k", reversible=True))


class TestUpright(SourceContract):
    format_name = "jpeg2000"

    @pytest.fixture(params=SEEN)
    def orientation(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    @pytest.fixture
    def levels(self, orientation: int, stream: bytes, tmp_path: Path) -> Sequence[Samples]:
        stored = write(tmp_path / "stored.jp2", stream)
        whole = [
            stored.read_window(number, Region(0, 0, level.size.width, level.size.height))  # type: ignore[attr-defined]
            for number, level in enumerate(stored.info.levels)
        ]
        return [SEEN[orientation](level) for level in whole]

    @pytest.fixture
    def source(self, orientation: int, stream: bytes, tmp_path: Path) -> Source:
        return write(tmp_path / "a.jp2", stream, exif_box(orientation))

    def test_full_size_is_the_picture(self, orientation: int, levels: Sequence[Samples]) -> None:
        assert np.array_equal(levels[0], SEEN[orientation](smooth(SIZE)))

    def test_decoded_tiles_are_worth_keeping(self, source: Source) -> None:
        assert source.keeps_decoded
        assert source.decoded_pixels(0, Region(0, 0, 10, 10)) <= 1024 * 1024


def test_adobes_box_counts_too(tmp_path: Path, stream: bytes) -> None:
    assert write(tmp_path / "a.jp2", stream, exif_box(6, ADOBE_EXIF_UUID)).info.size == Size(701, 1301)


ELEMENT = (
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><tiff:Orientation>{}</tiff:Orientation>'
)
ATTRIBUTE = (
    "<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation = '{}' tiff:Make='x'>"
)


def xmp_box(orientation: object, form: str = ATTRIBUTE) -> bytes:
    return box(b"uuid", XMP_UUID + form.format(orientation).encode())


@pytest.mark.parametrize("form", [ELEMENT, ATTRIBUTE])
@pytest.mark.parametrize("orientation", SEEN)
def test_xmp_alone_turns_too(tmp_path: Path, stream: bytes, orientation: int, form: str) -> None:
    source = write(tmp_path / "a.jp2", stream, xmp_box(orientation, form))
    expected = SEEN[orientation](smooth(SIZE))
    tile = source.read_tile(0, 0, 0)
    assert source.info.size == Size(expected.shape[1], expected.shape[0])
    assert np.array_equal(tile, expected[: tile.shape[0], : tile.shape[1]])
    # what is sent is upright
    assert source.info.xmp == xmp_box(1, form)[24:]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("in_exif", "size"), [(1, SIZE), (3, SIZE), (6, SIZE[::-1]), (9, SIZE[::-1])])
def test_exif_outweighs_xmp(
    tmp_path: Path, stream: bytes, in_exif: int, size: tuple[int, int], first: bool
) -> None:
    boxes = [exif_box(in_exif), xmp_box(8)]
    source = write(tmp_path / "a.jp2", stream, *boxes[:: 1 if first else -1])
    assert source.info.size == Size(*size)


def test_exif_without_orientation_leaves_it_to_xmp(tmp_path: Path, stream: bytes) -> None:
    field = struct.pack(">HHHIHH", 1, 296, 3, 1, 2, 0)
    block = box(b"uuid", EXIF_UUID + b"MM\0*\0\0\0\x08" + field + bytes(4))
    assert write(tmp_path / "a.jp2", stream, block, xmp_box(6)).info.size == Size(701, 1301)


@pytest.mark.parametrize("block", [xmp_box(9), xmp_box(""), xmp_box(66), xmp_box("6")[:60]])
def test_xmp_that_says_nothing_turns_nothing(tmp_path: Path, stream: bytes, block: bytes) -> None:
    assert write(tmp_path / "a.jp2", stream, block).info.size == Size(*SIZE)


@pytest.mark.parametrize("block", [exif_box(9), box(b"uuid", EXIF_UUID + b"MM\0*"), box(b"uuid", EXIF_UUID)])
def test_what_says_nothing_turns_nothing(tmp_path: Path, stream: bytes, block: bytes) -> None:
    assert write(tmp_path / "a.jp2", stream, block).info.size == Size(*SIZE)


def test_resolution_turns_too(tmp_path: Path, stream: bytes) -> None:
    resolution = box(b"res ", box(b"resc", struct.pack(">HHHHbb", 2, 1, 3, 1, 3, 3)))
    source = write(tmp_path / "a.jp2", stream, exif_box(6), header=resolution)
    assert source.info.resolution == PhysicalResolution(2000, 3000)


def test_high_throughput_tiles_count_whole(tmp_path: Path) -> None:
    """OpenJPEG decodes no part of them, so that a corner costs all."""
    stream = bytes(imagecodecs.htj2k_encode(smooth(SIZE), reversible=True))
    source = write(tmp_path / "a.jph", stream, exif_box(8))
    assert source.info.size == Size(701, 1301)
    corner = Region(0, 0, 10, 10)
    assert source.decoded_pixels(0, corner) >= 1301 * 701
    expected = np.rot90(smooth(SIZE), 1)
    tile = source.read_tile(0, 0, 0)
    assert np.array_equal(tile, expected[: tile.shape[0], : tile.shape[1]])
