"""Files of slide scanners and of several channels: which directories make up which image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from iipserve.errors import ImageNotFound
from iipserve.sources.tiff import FORMAT
from tests.contracts.source import open_source

Samples = NDArray[Any]
Sizes = list[tuple[int, int]]

TILES: dict[str, Any] = {"tile": (128, 128), "metadata": None, "compression": "zlib"}
STRIPS: dict[str, Any] = {"rowsperstrip": 64, "metadata": None, "compression": "zlib"}


def picture(width: int, height: int, seed: int, *, sparse: bool = False) -> Samples:
    """Blocks of different grays; if sparse, most are black."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 40 + 1, width // 40 + 1), np.uint8)
    if sparse:
        blocks[rng.random(blocks.shape) < 0.9] = 0
    return np.kron(blocks, np.ones((40, 40), np.uint8))[:height, :width]


def pyramid(full: Samples, count: int, factor: int = 2) -> list[Samples]:
    levels = [full]
    for _ in range(count - 1):
        last = levels[-1]
        height, width = (side // factor * factor for side in last.shape)
        cells = last[:height, :width].reshape(height // factor, factor, width // factor, factor)
        levels.append(cells.mean((1, 3)).round().astype(np.uint8))
    return levels


def sizes(levels: list[Samples]) -> Sizes:
    return [(level.shape[1], level.shape[0]) for level in levels]


def check_images(path: Path, expected: list[list[Samples]], names: list[str] | None = None) -> None:
    """The file lists these images with these levels, and each shows its own pixels."""
    for layer, levels in enumerate(expected):
        source = open_source(FORMAT, path, layer=layer)
        assert [(level.size.width, level.size.height) for level in source.info.levels] == sizes(levels)
        for number, level in enumerate(levels):
            tile = source.read_tile(number, 0, 0)[..., 0]
            assert np.array_equal(tile, level[: tile.shape[0], : tile.shape[1]])
        if names:
            assert [one.name for one in source.info.stack] == names
    with pytest.raises(ImageNotFound):
        open_source(FORMAT, path, layer=len(expected))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("by_level", [False, True])
def test_pyramids_of_several_channels(tmp_path: Path, by_level: bool, marked: bool, sparse: bool) -> None:
    channels = [pyramid(picture(700, 500, seed, sparse=sparse), 3) for seed in range(4)]
    order = [(channel, level) for channel in range(4) for level in range(3)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for channel, level in sorted(order, key=lambda one: one[::-1]) if by_level else order:
            writer.write(channels[channel][level], subfiletype=int(marked and level > 0), **TILES)
    check_images(tmp_path / "a.tif", channels)


def test_levels_after_several_images_belong_to_the_first(tmp_path: Path) -> None:
    first, second = pyramid(picture(700, 500, 1), 3), picture(700, 500, 2)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(first[0], **TILES)
        writer.write(second, **TILES)
        for level in first[1:]:
            writer.write(level, subfiletype=1, **TILES)
    check_images(tmp_path / "a.tif", [first, [second]])


@pytest.mark.parametrize("marked", [False, True])
def test_levels_after_several_images_belong_to_the_one_they_show(tmp_path: Path, marked: bool) -> None:
    images = [pyramid(picture(700, 500, seed), 3 if seed == 2 else 1) for seed in range(4)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for image in images:
            writer.write(image[0], **TILES)
        for level in images[2][1:]:
            writer.write(level, subfiletype=int(marked), **TILES)
    check_images(tmp_path / "a.tif", images)


@pytest.mark.parametrize("marked", [False, True])
def test_levels_of_images_of_several_shapes(tmp_path: Path, marked: bool) -> None:
    """All full sizes, one of them in strips, then all levels of half size, then those of a quarter."""
    shapes = [(700, 300), (300, 700), (650, 600), (700, 300)]
    images = [pyramid(picture(*shape, seed), 3) for seed, shape in enumerate(shapes)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for level in range(3):
            for image in images:
                options = STRIPS if image is images[2] else TILES
                writer.write(image[level], subfiletype=int(marked and level > 0), **options)
    check_images(tmp_path / "a.tif", [images[0], images[1], images[2][:1], images[3]])


def test_a_thumbnail_in_strips_of_the_size_of_a_level(tmp_path: Path) -> None:
    levels = pyramid(picture(700, 500, 1), 3)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(levels[0], **TILES)
        writer.write(levels[1], **STRIPS)
        for level in levels[1:]:
            writer.write(level, **TILES)
    check_images(tmp_path / "a.tif", [levels])


def leica(macro: tuple[int, int], *, view_first: bool = False) -> str:
    """The description of a file whose first image shows the whole slide (OpenSlide, openslide-vendor-leica.c)."""
    pixels = '<pixels sizeX="{}" sizeY="{}"><dimension sizeX="{}" sizeY="{}" r="0" ifd="0"/></pixels>'
    view = '<view sizeX="{}" sizeY="{}" offsetX="{}" offsetY="{}" spacingZ="0"/>'
    whole, part = [pixels.format(*macro, *macro), view.format(2600, 7600, 0, 0)], [
        pixels.format(900, 700, 900, 700), view.format(1600, 1200, 300, 900),
    ]  # fmt: skip
    images = "".join(
        f"<image name='x'>{''.join(one[:: -1 if view_first else 1])}</image>" for one in (whole, part)
    )
    return (
        '<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" uuid="u">'
        f'<collection name="c" sizeX="2600" sizeY="7600">{images}</collection></scn>'
    )


@pytest.mark.parametrize("view_first", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("big", [False, True])
def test_leicas_overview_follows_what_was_scanned(
    tmp_path: Path, big: bool, channels: int, view_first: bool
) -> None:
    macro = pyramid(picture(200, 580, 9), 2)
    scanned = [pyramid(picture(900, 700, seed), 3) for seed in range(channels)]
    with tifffile.TiffWriter(tmp_path / "a.scn", bigtiff=big) as writer:
        writer.write(macro[0], description=leica((200, 580), view_first=view_first), **TILES)
        writer.write(macro[1], **TILES)
        for level in range(3):
            for channel in scanned:
                writer.write(channel[level], **TILES)
    names = ["layer0", "macro", *[f"layer{number}" for number in range(2, channels + 1)]]
    check_images(tmp_path / "a.scn", [scanned[0], macro, *scanned[1:]], names)


def test_a_slide_of_leica_without_an_overview(tmp_path: Path) -> None:
    """An image that does not show the whole slide is the main one, even if it is first and small."""
    first, second = pyramid(picture(300, 250, 1), 2), pyramid(picture(900, 700, 2), 3)
    with tifffile.TiffWriter(tmp_path / "a.scn") as writer:
        for number, level in enumerate([*first, *second]):
            writer.write(level, description=None if number else leica((1, 1)), **TILES)
    check_images(tmp_path / "a.scn", [first, second])


def perkin_elmer(kind: str) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription><DescriptionVersion>1'
        f"</DescriptionVersion><ImageType>{kind}</ImageType></PerkinElmer-QPI-ImageDescription>"
    )


@pytest.mark.parametrize("channels", [1, 7])
def test_levels_of_perkin_elmer(tmp_path: Path, channels: int) -> None:
    """All channels of the full size, a thumbnail, all channels of each level, then overview and label."""
    pictures = [pyramid(picture(700, 500, seed, sparse=True), 4) for seed in range(channels)]
    thumbnail, overview, label = picture(140, 100, 50), picture(240, 500, 51), picture(180, 140, 52)
    with tifffile.TiffWriter(tmp_path / "a.qptiff", bigtiff=True) as writer:
        for level in range(4):
            kind = "ReducedResolution" if level else "FullResolution"
            for one in pictures:
                writer.write(one[level], description=perkin_elmer(kind), **TILES)
            if level == 0:
                writer.write(thumbnail, description=perkin_elmer("Thumbnail"), **STRIPS)
        writer.write(overview, description=perkin_elmer("Overview"), **STRIPS)
        writer.write(label, description=perkin_elmer("Label"), **STRIPS)
    names = [*[f"layer{number}" for number in range(channels)], "thumbnail", "macro", "label"]
    check_images(tmp_path / "a.qptiff", [*pictures, [thumbnail], [overview], [label]], names)


@pytest.mark.parametrize("options", [TILES, STRIPS])
def test_a_pyramid_that_begins_with_the_smallest_level(tmp_path: Path, options: dict[str, Any]) -> None:
    levels = pyramid(picture(900, 700, 1), 4)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for level in levels[::-1]:
            writer.write(level, **options)
    shown = open_source(FORMAT, tmp_path / "a.tif").info
    assert [(level.size.width, level.size.height) for level in shown.levels] == sizes(
        levels if options is TILES else levels[:1]
    )
    assert [one.name for one in shown.stack] == ["layer0", "thumbnail", "thumbnail", "thumbnail"]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_pyramids_in_sub_directories(tmp_path: Path, order: str, big: bool) -> None:
    pages = [pyramid(picture(700, 500, seed), 3) for seed in range(3)]
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=big, byteorder=order) as writer:  # type: ignore[arg-type]
        for page in pages:
            writer.write(page[0], subifds=2, **TILES)
            for level in page[1:]:
                writer.write(level, subfiletype=1, **TILES)
    check_images(tmp_path / "a.tif", pages)
