"""Which directories make up which image: pyramids, layers of stacks, whole slides, masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.errors import ImageNotFound, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.tiff import FORMAT
from tests.contracts.source import open_source
from tests.images import gradient, halved
from tests.sources.tiff.directories import Directory, page_of
from tests.sources.tiff.files import TILED
from tests.tiff_corpus.layout import DEFLATE, JPEG2000, LZW, MASK, RGB, Layout, scenes, whole
from tests.tiff_corpus.samples import jpeg2000
from tests.tiff_corpus.tiff_writer import LONG, SHORT, Page, write_tiff

# -- which directory is what -------------------------------------------------------------------------


F, H, Q = (400, 300), (200, 150), (100, 75)

CLASSIFIED: list[Any] = [
    pytest.param([Directory(F)], [[F]], id="one picture"),
    pytest.param([Directory(F), Directory(H), Directory(Q)], [[F, H, Q]], id="unmarked levels"),
    pytest.param([Directory(F), Directory(H, 1), Directory(Q, 1)], [[F, H, Q]], id="marked levels"),
    pytest.param([Directory(F, 2), Directory(H, 3), Directory(Q, 3)], [[F, H, Q]], id="levels of a page"),
    pytest.param([Directory(F, None), Directory(H, None, old_kind=2)], [[F, H]], id="levels marked the old way"),
    pytest.param([Directory(F, None), Directory(F, None, old_kind=3)], [[F], [F]], id="pages marked the old way"),
    pytest.param([Directory(F), Directory(F), Directory(F)], [[F], [F], [F]], id="unmarked pages"),
    pytest.param([Directory(F, 2), Directory(H, 2), Directory(Q, 2)], [[F], [H], [Q]], id="marked pages of any size"),
    pytest.param(
        [Directory(F), Directory(H), Directory(Q), Directory(F), Directory(H), Directory(Q)],
        [[F, H, Q], [F, H, Q]],
        id="each page before its unmarked levels",
    ),
    pytest.param(
        [Directory(F, 2), Directory(H, 1), Directory(F, 2), Directory(H, 1), Directory(Q, 1)],
        [[F, H], [F, H, Q]],
        id="each page before its marked levels",
    ),
    pytest.param(
        [Directory(F, 2), Directory(F, 2), Directory(H, 1), Directory(Q, 1)],
        [[F, H, Q], [F]],
        id="levels after all pages are the first one's",
    ),
    pytest.param(
        [Directory(F, below=(Directory(H, 1),)), Directory(F, below=(Directory(H, 1), Directory(Q, 1)))],
        [[F, H], [F, H, Q]],
        id="SubIFDs of each page",
    ),
    pytest.param(
        [Directory(F, below=(Directory(H, 1),)), Directory(H, below=(Directory(Q, 1),))],
        [[F, H], [H, Q]],
        id="a smaller picture with SubIFDs is one of its own",
    ),
    pytest.param(
        [Directory(F, below=(Directory(H, 1),)), Directory(Q, 1)],
        [[F, H]],
        id="SubIFDs before further directories",
    ),
    pytest.param(
        [Directory(F), Directory(H, tiled=False), Directory(F, tiled=False), Directory(Q)],
        [[F, Q], [H], [F]],
        id="untiled images are pages",
    ),
    pytest.param(
        [Directory(F), Directory((800, 600)), Directory(H)],
        [[(800, 600), F, H], [F]],
        id="a smaller copy before the image",
    ),
    pytest.param([Directory(F, bands=3), Directory(H), Directory(Q, bands=3)], [[F, Q], [H]], id="other bands"),
    pytest.param(
        [Directory(F, bands=3), Directory(F)], [[F], [F]], id="pictures of a stack may differ in bands"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("directories", "expected"), CLASSIFIED)
def test_roles_of_directories(
    tmp_path: Path, directories: list[Directory], expected: list[list[tuple[int, int]]]
) -> None:
    pages = [page_of(directory, 10 + number) for number, directory in enumerate(directories)]
    write_tiff(tmp_path / "a.tif", pages)
    first = open_source(FORMAT, tmp_path / "a.tif")
    assert len(first.info.stack) == (len(expected) if len(expected) > 1 else 0)
    for layer, sizes in enumerate(expected):
        info = open_source(FORMAT, tmp_path / "a.tif", layer=layer).info
        assert [level.size for level in info.levels] == [Size(*size) for size in sizes]


def test_each_picture_has_its_own_pixels(tmp_path: Path) -> None:
    directories = [Directory(F), Directory(H), Directory(F), Directory(H)]
    write_tiff(tmp_path / "a.tif", [page_of(one, 10 + number) for number, one in enumerate(directories)])
    for layer, values in enumerate([(10, 11), (12, 13)]):
        source = open_source(FORMAT, tmp_path / "a.tif", layer=layer)
        assert [int(source.read_tile(level, 0, 0)[0, 0, 0]) for level in (0, 1)] == list(values)


def test_a_picture_that_cannot_be_read_does_not_spoil_the_others(tmp_path: Path) -> None:
    good = page_of(Directory(F), 1)
    strange = Page({**good.fields, 259: (SHORT, [50002])}, good.tiles)
    write_tiff(tmp_path / "a.tif", [good, strange, good])
    assert len(open_source(FORMAT, tmp_path / "a.tif").info.stack) == 2
    assert open_source(FORMAT, tmp_path / "a.tif", layer=1).read_tile(0, 0, 0).any()
    with pytest.raises(ImageNotFound, match="the file has 2"):
        open_source(FORMAT, tmp_path / "a.tif", layer=2)
    write_tiff(tmp_path / "b.tif", [strange, good])
    with pytest.raises(UnsupportedImage, match="50002"):
        open_source(FORMAT, tmp_path / "b.tif")


# -- whole slides ------------------------------------------------------------------------------------


def without_tiles(page: Page, kind: int) -> Page:
    """Scanners add thumbnails, labels and overviews of the slide in strips."""
    fields = {tag: value for tag, value in page.fields.items() if tag not in (322, 323)}
    return Page({**fields, 254: (LONG, [kind])}, page.tiles)


@pytest.mark.parametrize("compression", [33003, 33005, JPEG2000, LZW])
def test_a_whole_slide_with_steps_of_four(tmp_path: Path, compression: int) -> None:
    full = gradient((1000, 760))
    quarter = halved(halved(full))
    sixteenth = halved(halved(quarter))
    encode = None if compression == LZW else jpeg2000
    layout = Layout(photometric=RGB, compression=compression, encode=encode)
    small = Layout(photometric=RGB).page(gradient((120, 90)))
    pages = [layout.page(full), without_tiles(small, 0), layout.page(quarter), layout.page(sixteenth)]
    write_tiff(tmp_path / "a.svs", [*pages, without_tiles(small, 1), without_tiles(small, 9)])
    source = open_source(FORMAT, tmp_path / "a.svs")
    assert [level.size for level in source.info.levels] == [Size(1000, 760), Size(250, 190), Size(62, 47)]
    assert len(source.info.stack) == 2  # the small image that is not marked shows something else
    for level, pixels in enumerate((full, quarter, sixteenth)):
        assert np.array_equal(source.read_tile(level, 0, 0), pixels[:128, :128])


# -- transparency masks ------------------------------------------------------------------------------


def masked_pages(sizes: Sequence[int], masks: Sequence[int], bits: int = 16) -> list[Page]:
    """These levels, and masks of these levels, whose left half is opaque."""
    levels = whole(scenes(1), bits)
    mask_layout = Layout(1, photometric=MASK, compression=DEFLATE)
    pages = [Layout(bits).page(levels[number], kind=int(number > 0)) for number in sizes]
    for number in masks:
        height, width, _ = levels[number].shape
        half = np.broadcast_to(np.arange(width)[None, :, None] < width // 2, (height, width, 1))
        pages.append(mask_layout.page(half.astype(np.uint8), kind=5 if number else 4))
    return pages


def test_a_mask_of_16_bits_is_opacity_of_16_bits(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", masked_pages([0, 1], [0, 1]))
    source = open_source(TILED, tmp_path / "a.tif")
    assert (source.info.bands, source.info.has_alpha, len(source.info.levels)) == (2, True, 2)
    assert source.info.band_ranges == ((0, 65535), (0, 65535))
    edge = source.read_tile(0, 2, 0)[:, :, 1]
    assert edge.dtype == np.uint16
    assert np.all(edge[:, : 300 - 256] == 65535)
    assert not edge[:, 300 - 256 :].any()


def test_a_level_without_its_mask_is_left_out(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", masked_pages([0, 1, 2], [0, 2]))
    source = open_source(TILED, tmp_path / "a.tif")
    assert [level.size for level in source.info.levels] == [Size(600, 450), Size(150, 112)]


def test_a_mask_of_a_smaller_level_alone_is_none(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", masked_pages([0, 1], [1]))
    info = open_source(TILED, tmp_path / "a.tif").info
    assert (info.bands, info.has_alpha, len(info.levels)) == (1, False, 1)


def test_opacity_of_its_own_comes_before_a_mask(tmp_path: Path) -> None:
    pixels = gradient((600, 450), 4)
    mask = masked_pages([], [0])[0]
    write_tiff(tmp_path / "a.tif", [Layout(photometric=RGB, extra=(2,)).page(pixels), mask])
    assert np.array_equal(open_source(TILED, tmp_path / "a.tif").read_tile(0, 4, 3), pixels[384:, 512:])
