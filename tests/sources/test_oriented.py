"""Images stored in another order of rows and columns, against numpy's flips and transpositions."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from iipserve.errors import DecodeError
from iipserve.geometry import Region, Size
from iipserve.image import PhysicalResolution
from iipserve.sources import Source
from iipserve.sources.oriented import ORIENTATIONS, OrientedSource, upright
from tests.contracts.source import SourceContract, open_source
from tests.images import gradient, pyramid, write_jpeg_pyramid, write_tiff_pyramid
from tests.sources.tiff.files import TILED, overwrite, tile_place
from tests.tiff_corpus.tiff_writer import Samples

SEEN: Mapping[int, Callable[[Samples], Samples]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored.transpose(1, 0, 2), 2),
    8: lambda stored: np.rot90(stored, 1),
}
"""By Orientation (Exif 2.32 section 4.6.4): stored pixels -> upright pixels."""


def orientation_tag(orientation: int) -> tuple[int, int, int, int, bool]:
    return (274, 3, 1, orientation, True)


@pytest.mark.parametrize("orientation", SEEN)
def test_the_table_is_what_pillow_does(orientation: int) -> None:
    stored = gradient((37, 23))
    image = Image.fromarray(stored)
    image.getexif()[274] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=image.getexif())
    with Image.open(buffer) as file:
        seen = np.asarray(ImageOps.exif_transpose(file))
    assert np.array_equal(SEEN[orientation](stored), seen)


class TestUprightTiles(SourceContract):
    format_name = "tiff"

    @pytest.fixture(params=SEEN)
    def orientation(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    @pytest.fixture(params=[3, 1], ids=["RGB", "gray"])
    def levels(self, orientation: int, request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[Samples]:
        stored = pyramid(gradient((333, 251), request.param), (64, 48))
        tags = [orientation_tag(orientation)]
        write_tiff_pyramid(tmp_path / "a.tif", stored, tile=(64, 48), compression="lzw", extra_tags=tags)
        return [SEEN[orientation](level) for level in stored]

    @pytest.fixture
    def source(self, levels: Sequence[Samples], tmp_path: Path) -> Source:
        return open_source(TILED, tmp_path / "a.tif")


def source_of(path: Path, orientation: int, **options: object) -> Source:
    tags = [orientation_tag(orientation), *options.pop("extra_tags", ())]  # type: ignore[misc]
    write_tiff_pyramid(path, gradient((300, 200)), tile=(128, 64), extra_tags=tags, **options)  # type: ignore[arg-type]
    return open_source(TILED, path)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_sizes_and_tiles_are_those_that_are_seen(tmp_path: Path, orientation: int) -> None:
    info = source_of(tmp_path / "a.tif", orientation).info
    across = orientation >= 5
    assert info.size == (Size(200, 300) if across else Size(300, 200))
    assert info.tile == (Size(64, 128) if across else Size(128, 64))
    assert {level.tile for level in info.levels} == {info.tile}


@pytest.mark.parametrize(("orientation", "expected"), [(3, (1000, 500)), (6, (500, 1000)), (7, (500, 1000))])
def test_resolution_is_that_of_the_seen_sides(
    tmp_path: Path, orientation: int, expected: tuple[float, float]
) -> None:
    info = source_of(tmp_path / "a.tif", orientation, resolution=(10.0, 5.0)).info
    assert info.resolution == PhysicalResolution(*expected)


XMP = [
    pytest.param('<rdf:Description tiff:Orientation="6"/>', '<rdf:Description tiff:Orientation="1"/>', id="attribute"),
    pytest.param("<tiff:Orientation>8</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>", id="element"),
    pytest.param("<a>6</a>", "<a>6</a>", id="none"),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "expected"), XMP)
def test_the_packet_does_not_ask_for_another_turn(tmp_path: Path, packet: str, expected: str) -> None:
    tag = (700, 1, len(packet), packet.encode(), True)
    assert source_of(tmp_path / "a.tif", 6, extra_tags=[tag]).info.xmp == expected.encode()


@pytest.mark.parametrize("orientation", [0, 1, 9, 65535])
def test_no_orientation_changes_nothing(tmp_path: Path, orientation: int) -> None:
    source = source_of(tmp_path / "a.tif", orientation)
    assert not isinstance(source, OrientedSource)
    assert upright(source, orientation) is source


def test_no_stored_tiles(tmp_path: Path) -> None:
    tags = [orientation_tag(3)]
    write_jpeg_pyramid(tmp_path / "a.tif", gradient((256, 256)), tile=(128, 128), extra_tags=tags)
    assert open_source(TILED, tmp_path / "a.tif").stored_tile(0, 0, 0, "jpeg", profile=False) is None


def test_the_smaller_levels_are_turned_as_the_full_one(tmp_path: Path) -> None:
    """Only the first directory's field counts."""
    stored = pyramid(gradient((300, 200)), (128, 128))
    tags = [orientation_tag(8)]
    write_tiff_pyramid(tmp_path / "a.tif", stored, tile=(128, 128), extra_tags=tags)
    source = open_source(TILED, tmp_path / "a.tif")
    assert np.array_equal(source.read_tile(1, 0, 0), SEEN[8](stored[1])[:128, :128])


def test_a_tile_that_is_damaged_spoils_only_those_made_of_it(tmp_path: Path) -> None:
    source_of(tmp_path / "a.tif", 3, compression="lzw")
    # the last of 3 x 4 tiles, which is seen first
    offset, count = tile_place(tmp_path / "a.tif", 11)
    overwrite(tmp_path / "a.tif", offset, bytes(count))
    source = open_source(TILED, tmp_path / "a.tif")
    with pytest.raises(DecodeError):
        source.read_tile(0, 0, 0)
    assert np.array_equal(source.read_tile(0, 2, 3), gradient((300, 200))[:8, :44][::-1, ::-1])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_regions_lead_to_the_stored_pixels(orientation: int) -> None:
    stored = gradient((50, 30))
    seen = SEEN[orientation](stored)
    turn, region = ORIENTATIONS[orientation], Region(3, 5, 11, 7)
    place = turn.stored_region(region, Size(50, 30))
    part = stored[place.y : place.bottom, place.x : place.right]
    assert np.array_equal(turn.pixels(part), seen[5:12, 3:14])
    assert turn.size(Size(50, 30)) == Size(seen.shape[1], seen.shape[0])
