"""Which image of a file is shown first, which directories are copies of it by their pixels, and padded levels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.errors import ImageNotFound
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo
from iipserve.sources import Source
from iipserve.sources.tiff import FORMAT
from iipserve.sources.tiles import join_tiles
from tests.contracts.source import open_source
from tests.images import Picture, halved, size_of, smooth
from tests.tiff_corpus.layout import DEFLATE, RGB, Layout
from tests.tiff_corpus.strips import striped_page
from tests.tiff_corpus.tiff_writer import ASCII, SHORT, Page, Samples, write_tiff

FULL = smooth((640, 480))
HALF, QUARTER = halved(FULL), halved(halved(FULL))
OTHER = np.ascontiguousarray(HALF[::-1, ::-1])
"""Of the size of `HALF`."""
LABEL = smooth((90, 120), 1)


def page(pixels: Samples, *, tiled: bool, kind: int = 0, description: str = "") -> Page:
    """A directory; an empty description is left out."""
    fields: Any = {270: (ASCII, description.encode() + b"\0")} if description else {}
    bits, photometric = 8 * pixels.dtype.itemsize, RGB if pixels.shape[2] == 3 else 1
    layout = Layout(bits, photometric=photometric, compression=DEFLATE, fields=fields)
    return (layout.page if tiled else striped_page)(*(() if tiled else (layout,)), pixels, kind=kind)


def tiles(pixels: Samples, kind: int = 0, description: str = "") -> Page:
    return page(pixels, tiled=True, kind=kind, description=description)


def strips(pixels: Samples, kind: int = 0, description: str = "") -> Page:
    return page(pixels, tiled=False, kind=kind, description=description)


def images_of(path: Path) -> list[Source]:
    """Every image that the file lists; the index after the last is refused."""
    first = open_source(FORMAT, path)
    count = max(1, len(first.info.stack))
    with pytest.raises(ImageNotFound):
        open_source(FORMAT, path, layer=count)
    return [first, *(open_source(FORMAT, path, layer=layer) for layer in range(1, count))]


def written(path: Path, *pages: Page) -> list[Source]:
    write_tiff(path / "a.tif", list(pages))
    return images_of(path / "a.tif")


def names(info: ImageInfo) -> list[str]:
    return [layer.name for layer in info.stack]


def sizes(source: Source) -> list[Size]:
    return [level.size for level in source.info.levels]


def pixels_of(source: Source, level: int = 0) -> Any:
    region = Region.of_size(source.info.levels[level].size)
    return join_tiles(source.info, level, region, source.read_tile)


# -- copies by their pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_an_unmarked_smaller_image_is_a_copy_if_it_shows_the_same(
    tmp_path: Path, tiled: bool, kind: str
) -> None:
    full, half, other = (pixels.astype(kind) for pixels in (FULL, HALF, OTHER))
    if kind == "f4":
        full, half, other = (pixels / 255 for pixels in (full, half, other))
    layout = Layout(8 * full.dtype.itemsize, 3 if kind == "f4" else 1, photometric=RGB, compression=DEFLATE)

    def one(pixels: Samples) -> Page:
        return layout.page(pixels) if tiled else striped_page(layout, pixels)

    copies = written(tmp_path, one(full), one(half))
    assert [sizes(image) for image in copies] == [
        [size_of(FULL), size_of(HALF)] if tiled else [size_of(FULL)]
    ]
    pages = written(tmp_path, one(full), one(other))
    assert [image.info.size for image in pages] == [size_of(FULL), size_of(OTHER)]
    assert np.array_equal(pixels_of(pages[1]), other)


def written_lines(seed: int, lines: int) -> Picture:
    """A white page with lines of dark words."""
    rng = np.random.default_rng(seed)
    sheet = np.full((900, 640, 1), 255, np.uint8)
    for top in rng.choice(40, lines, replace=False) * 20 + 40:
        left = int(rng.integers(40, 300))
        inked = rng.random(int(rng.integers(100, 300))) < 0.6
        sheet[top : top + 12, left : left + len(inked), 0] = np.where(inked, 20, 255)
    return sheet


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("lines", [1, 4, 30])
def test_written_pages_of_half_size_are_distinguished(tmp_path: Path, tiled: bool, lines: int) -> None:
    sheet, other = written_lines(1, lines), written_lines(2, lines)
    for smaller, count in [
        (halved(sheet), 1),
        (sheet[::2, ::2], 1),
        (halved(other), 2),
        (other[::2, ::2], 2),
    ]:
        assert len(written(tmp_path, page(sheet, tiled=tiled), page(smaller, tiled=tiled))) == count


@pytest.mark.parametrize("tiled", [False, True])
def test_pages_of_other_ratios_are_images_of_their_own(tmp_path: Path, tiled: bool) -> None:
    pictures = [
        smooth((70, 60)),
        smooth((90, 80)),
        smooth((70, 60))[::-1].copy(),
        smooth((50, 43)),
        smooth((70, 60), 1),
    ]
    images = written(tmp_path, *(page(pixels, tiled=tiled) for pixels in pictures))
    assert len(images) == len(pictures)
    for image, pixels in zip(images, pictures, strict=True):
        assert np.array_equal(pixels_of(image), pixels)


@pytest.mark.parametrize("tiled", [False, True])
def test_pages_of_one_pixel(tmp_path: Path, tiled: bool) -> None:
    pictures = [np.full((1, 1, 1), value, np.uint8) for value in (10, 200, 10)]
    images = written(tmp_path, *(page(pixels, tiled=tiled) for pixels in pictures))
    assert [int(pixels_of(image)[0, 0, 0]) for image in images] == [10, 200, 10]


def test_a_replaced_file_is_compared_again(tmp_path: Path) -> None:
    raw = Layout(photometric=RGB)
    assert len(written(tmp_path, raw.page(FULL), raw.page(HALF))) == 1
    assert len(written(tmp_path, raw.page(FULL), raw.page(OTHER))) == 2


def test_marked_levels_are_not_decoded(tmp_path: Path) -> None:
    damaged = [
        Page(one.fields, [b"damaged"] * len(one.tiles))
        for one in (tiles(FULL), tiles(HALF, 1), tiles(QUARTER, 1))
    ]
    (image,) = written(tmp_path, *damaged)
    assert sizes(image) == [size_of(FULL), size_of(HALF), size_of(QUARTER)]


def test_images_that_cannot_be_opened_are_not_listed(tmp_path: Path) -> None:
    unknown = [
        Page({**one.fields, 259: (SHORT, [50002])}, one.tiles, striped=one.striped)
        for one in (tiles(FULL), strips(FULL))
    ]
    images = written(tmp_path, tiles(FULL), unknown[0], strips(FULL), unknown[1], tiles(FULL[::-1].copy()))
    assert names(images[0].info) == ["layer0", "layer1", "layer2"]
    for image, pixels in zip(images, [FULL, FULL, FULL[::-1]], strict=True):
        assert np.array_equal(pixels_of(image), pixels)


# -- which image is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("small", [tiles, strips])
@pytest.mark.parametrize("large", [tiles, strips])
@pytest.mark.parametrize("kind", [0, 1])
def test_a_thumbnail_before_the_picture_follows_it(tmp_path: Path, small: Any, large: Any, kind: int) -> None:
    images = written(tmp_path, small(QUARTER, kind), large(FULL))
    assert names(images[0].info) == ["layer0", "thumbnail"]
    for image, pixels in zip(images, [FULL, QUARTER], strict=True):
        assert np.array_equal(pixels_of(image), pixels)


def test_levels_in_the_order_of_their_size(tmp_path: Path) -> None:
    images = written(tmp_path, tiles(QUARTER, 1), tiles(HALF, 1), tiles(FULL))
    assert sizes(images[0]) == [size_of(FULL), size_of(HALF), size_of(QUARTER)]


def test_a_smaller_page_with_other_content_stays_first(tmp_path: Path) -> None:
    images = written(tmp_path, strips(OTHER), strips(FULL))
    assert [image.info.size for image in images] == [size_of(OTHER), size_of(FULL)]


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (("Label Image", "Probability_Image"), ["layer0", "label", "map"]),
        (("Macro", "Label"), ["layer0", "macro", "label"]),
        (("", ""), ["layer0", "layer1", "layer2"]),
    ],
)
def test_labels_before_a_slide_follow_it(
    tmp_path: Path, described: tuple[str, str], expected: list[str]
) -> None:
    first, second = (strips(LABEL, description=text) for text in described)
    images = written(
        tmp_path, first, second, tiles(FULL, 0, "level=0 mag=40"), tiles(HALF, 1, "level=1 mag=20")
    )
    assert names(images[0].info) == expected
    assert sizes(images[0]) == [size_of(FULL), size_of(HALF)]
    assert np.array_equal(pixels_of(images[2]), LABEL)


def test_labels_are_not_aligned_with_the_other_images(tmp_path: Path) -> None:
    images = written(tmp_path, strips(LABEL, description="Label"), tiles(FULL), tiles(FULL[::-1].copy()))
    assert names(images[0].info) == ["layer0", "label", "layer2"]
    aligned = [[selector.layer for selector in image.info.aligned_selectors] for image in images]
    assert aligned == [[0, 2], [1], [0, 2]]


def test_labels_alone_are_shown_largest_first(tmp_path: Path) -> None:
    images = written(tmp_path, strips(LABEL, description="Label"), strips(FULL, description="Macro"))
    assert names(images[0].info) == ["macro", "label"]


def test_a_slide_of_aperio(tmp_path: Path) -> None:
    """Levels are not marked, and not compared either: those here show something else."""
    head = "Aperio Image Library v11.2.1 \r\n"
    images = written(
        tmp_path,
        tiles(FULL, description=head + "640x480 [0,0 640x480] (128x128) JPEG/RGB Q=30|MPP = 0.5"),
        strips(QUARTER, description=head + "640x480 -> 160x120 - |MPP = 0.5"),
        tiles(OTHER, description=head + "640x480 [0,0 640x480] (128x128) -> 320x240 JPEG/RGB Q=65"),
        strips(LABEL, 1, description=head + "label 90x120"),
        strips(QUARTER, 9, description=head + "macro 160x120"),
    )  # fmt: skip
    assert names(images[0].info) == ["layer0", "thumbnail", "label", "macro"]
    assert sizes(images[0]) == [size_of(FULL), size_of(OTHER)]
    assert [image.info.size for image in images[1:]] == [size_of(QUARTER), size_of(LABEL), size_of(QUARTER)]


# -- levels filled up to whole tiles -------------------------------------------------------------------

TILE = 128


def filled_up(pixels: Picture) -> Picture:
    """White to the right and below, up to whole tiles."""
    height, width = (-side % TILE for side in pixels.shape[:2])
    return np.pad(pixels, ((0, height), (0, width), (0, 0)), constant_values=255)


def philips(count: int) -> str:
    """The description of a slide with levels that are halves."""
    spacing = "".join(
        f'<Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028">&quot;{value:.8f}&quot; &quot;{value:.8f}&quot;</Attribute>'
        for value in (0.00025 * 2**level for level in range(count))
    )
    return f'<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">{spacing}</DataObject>'


def levels_of(size: tuple[int, int], count: int) -> Sequence[Picture]:
    levels = [smooth(size)]
    while len(levels) < count:
        levels.append(halved(levels[-1]))
    return levels


@pytest.mark.parametrize("size", [(768, 768), (1024, 640), (896, 1280)])
@pytest.mark.parametrize("described", [False, True])
def test_padding_of_levels_is_cut_off(tmp_path: Path, size: tuple[int, int], described: bool) -> None:
    levels = levels_of(size, 4)
    pages = [
        tiles(filled_up(pixels), int(number > 0), philips(4) if described and not number else "")
        for number, pixels in enumerate(levels)
    ]
    (image,) = written(tmp_path, *pages)
    assert sizes(image) == [size_of(pixels) for pixels in levels]
    for number, pixels in enumerate(levels):
        assert np.array_equal(pixels_of(image, number), pixels)


def test_levels_of_whole_tiles_at_other_ratios_are_kept(tmp_path: Path) -> None:
    full = smooth((768, 768))
    third = full.reshape(256, 3, 256, 3, 3).mean((1, 3)).round().astype(np.uint8)
    (image,) = written(tmp_path, tiles(full), tiles(third, 1))
    assert sizes(image) == [Size(768, 768), Size(256, 256)]


def test_a_level_that_shows_something_else_is_left_out(tmp_path: Path) -> None:
    """Of whole tiles, but of no size that padding explains with these pixels."""
    (image,) = written(tmp_path, tiles(smooth((1024, 640))), tiles(smooth((256, 256))[::-1].copy(), 1))
    assert sizes(image) == [Size(1024, 640)]
