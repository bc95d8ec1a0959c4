"""The watermark: formulas, bands, depths, place and chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level
from iipserve.processing import Context, pipeline
from iipserve.processing.statistics import Statistics
from iipserve.processing.watermark import AdditiveMark, Mark, OverMark, Watermark, trimmed
from tests.images import Picture, gradient

MARK = gradient((20, 10), 4)
"""Every color and opacity is another."""
MAXIMUM = {8: 255, 16: 65535}
TILE = Size(256, 256)


def read_only_image(size: tuple[int, int], bands: int, bits: int) -> NDArray[np.generic]:
    """A picture that cannot be written to."""
    pixels: NDArray[np.generic] = gradient(size, bands)
    if bits == 16:
        pixels = (
            pixels.astype(np.uint16) * 256 + np.arange(size[0], dtype=np.uint16)[:, np.newaxis] % 251
        ).astype(np.uint16)
    pixels.flags.writeable = False
    return pixels


def watermark(mark: Mark, *, probability: float = 1.0, block: int = 0, seed: str = "") -> Watermark:
    return Watermark("fingerprint", mark, probability, block, seed)


def no_statistics() -> Statistics:
    raise AssertionError("nothing is to be measured")


def context(tile: Size = TILE, seed: str = "digest") -> Context:
    info = ImageInfo(
        "name",
        "fake",
        ImageVersion(0, 0),
        (Level(Size(2000, 1000), tile),),
        tile,
        3,
        "uint8",
        8,
        ColorSpace.SRGB,
    )
    return Context(info, no_statistics, seed)


@pytest.mark.parametrize("opacity", [1.0, 0.6, 0.1])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_light_is_added(bands: int, bits: int, opacity: float) -> None:
    """pixel = min(most, pixel + trunc(color * opacity * alpha)), gray by the mark's red (iipsrv)."""
    pixels = read_only_image((20, 10), bands, bits)
    result = watermark(AdditiveMark(MARK, opacity))(pixels)
    color = np.floor(MARK[..., :3] * (MARK[..., 3:] / 255) * opacity + 1e-9).astype(int)
    light = color[..., :1] if bands < 3 else color
    expected = pixels.astype(int).copy()
    count = light.shape[2]
    expected[..., :count] = np.minimum(MAXIMUM[bits], expected[..., :count] + light * (MAXIMUM[bits] // 255))
    assert result.dtype == pixels.dtype
    np.testing.assert_array_equal(result, expected)


def test_black_shows_nothing_and_white_everything() -> None:
    mark = np.zeros((10, 20, 4), np.uint8)
    mark[..., 3] = 255
    mark[:, 10:, :3] = 255
    result = watermark(AdditiveMark(mark, 1.0))(read_only_image((20, 10), 3, 8))
    np.testing.assert_array_equal(result[:, :10], gradient((20, 10))[:, :10])
    assert (result[:, 10:] == 255).all()


@pytest.mark.parametrize("opacity", [1.0, 0.6, 0.1])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_mark_covers(bands: int, bits: int, opacity: float) -> None:
    """Porter and Duff's "over", in double precision."""
    pixels = read_only_image((20, 10), bands, bits)
    result = watermark(OverMark(MARK, opacity))(pixels)
    below = pixels / MAXIMUM[bits]
    color = MARK[..., :1] / 255 if bands < 3 else MARK[..., :3] / 255
    alpha = MARK[..., 3:] / 255 * opacity
    count = color.shape[2]
    under = below[..., count:] if bands > count else np.ones_like(alpha)
    total = alpha + under * (1 - alpha)
    expected = (color * alpha + below[..., :count] * under * (1 - alpha)) / total
    if bands > count:
        expected = np.concatenate((expected, total), axis=2)
    assert result.dtype == pixels.dtype
    assert np.abs(result - expected * MAXIMUM[bits]).max() <= 0.5 + 0.01 * (bits == 16) + 1e-3


def mark_of(color: tuple[int, int, int, int], size: tuple[int, int] = (20, 10)) -> Picture:
    return np.full((size[1], size[0], 4), color, np.uint8)


class Case(NamedTuple):
    """One pixel under one color of a mark."""

    below: tuple[int, ...]
    color: tuple[int, int, int, int]
    opacity: float
    result: tuple[int, ...]


COVERED = [
    pytest.param(Case((7, 8, 9), (200, 100, 50, 255), 1, (200, 100, 50)), id="opaque"),
    pytest.param(Case((7, 8, 9), (200, 100, 50, 0), 1, (7, 8, 9)), id="clear"),
    pytest.param(Case((7, 8, 9), (200, 100, 50, 255), 0, (7, 8, 9)), id="without strength"),
    pytest.param(Case((0, 100, 255), (255, 0, 255, 255), 0.2, (51, 80, 255)), id="a fifth"),
    pytest.param(Case((7, 8, 9, 0), (0, 0, 0, 0), 1, (7, 8, 9, 0)), id="clear on clear keeps its color"),
    pytest.param(Case((7, 8, 9, 0), (200, 100, 50, 51), 1, (200, 100, 50, 51)), id="on clear"),
    pytest.param(Case((7, 8, 9, 255), (200, 100, 50, 255), 1, (200, 100, 50, 255)), id="on opaque"),
    pytest.param(Case((0, 0, 0, 51), (255, 255, 255, 51), 1, (142, 142, 142, 92)), id="faint on faint"),
    pytest.param(Case((9, 0), (200, 1, 2, 255), 0.2, (200, 51)), id="gray on clear"),
]


@pytest.mark.parametrize("case", COVERED)
def test_covered_pixel(case: Case) -> None:
    pixels = np.full((10, 20, len(case.below)), case.below, np.uint8)
    result = watermark(OverMark(mark_of(case.color), case.opacity))(pixels)
    assert {tuple(map(int, pixel)) for pixel in result.reshape(-1, len(case.below))} == {case.result}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [AdditiveMark, OverMark])
def test_opacity_of_clear_pixels(kind: type[Mark], bits: int) -> None:
    """Light does not make clear pixels seen; colors are added all the same, in case they are asked for."""
    pixels = np.zeros((10, 20, 4), f"u{bits // 8}")
    result = watermark(kind(mark_of((200, 100, 50, 255)), 1.0))(pixels)
    assert (result[..., 3] == (0 if kind is AdditiveMark else MAXIMUM[bits])).all()
    assert (result[..., 0] == 200 * MAXIMUM[bits] // 255).all()


@pytest.mark.parametrize("kind", [AdditiveMark, OverMark])
@pytest.mark.parametrize("size", [(20, 10), (5, 10), (20, 3), (1, 1), (7, 4)], ids=str)
def test_a_larger_mark_is_cut_to_what_shows_most(size: tuple[int, int], kind: type[Mark]) -> None:
    """The first window in order of rows that holds as many visible pixels as any."""
    width, height = size
    shape = np.zeros((10, 20), bool)
    shape[2:7, 3:9] = shape[6:9, 12:18] = True
    mark = 255 - MARK
    mark[~shape] = 0
    counts = {
        (top, left): shape[top : top + height, left : left + width].sum()
        for top in range(11 - height)
        for left in range(21 - width)
    }
    top, left = max(counts, key=lambda place: counts[place])
    pixels = read_only_image(size, 3, 8)
    result = watermark(kind(mark, 1.0), seed="any")(pixels)
    part = mark[top : top + height, left : left + width]
    np.testing.assert_array_equal(result, watermark(kind(part, 1.0))(pixels))
    assert (result != pixels).any()


def visible(kind: type[Mark], opacity: float) -> NDArray[np.bool_]:
    """Where a mark on a gray background is seen: black, white, faint and clear columns."""
    mark = np.array(
        [[[0, 0, 0, 255], [255, 255, 255, 255], [255, 255, 255, 2], [255, 255, 255, 0]]], np.uint8
    )
    pixels = np.full((1, 4, 3), 100, np.uint8)
    seen: NDArray[np.bool_] = (watermark(kind(mark, opacity))(pixels) != pixels).any(axis=2)
    np.testing.assert_array_equal(kind.visible(mark, opacity), seen)
    return seen


@pytest.mark.parametrize("opacity", [1.0, 0.2])
def test_visible_part_of_a_mark(opacity: float) -> None:
    assert visible(AdditiveMark, opacity).tolist() == [[False, True, opacity == 1, False]]
    assert visible(OverMark, opacity).tolist() == [[True, True, opacity == 1, False]]


@pytest.mark.parametrize("side", [3, 16, 40, 64, 200])
def test_no_region_is_clean_because_of_the_border_of_a_mark(side: int) -> None:
    """A ring in a clear square: its corners, edges and center show nothing."""
    y, x = np.mgrid[-50:50, -50:50]
    mark = np.zeros((100, 100, 4), np.uint8)
    mark[(x**2 + y**2 < 30**2) & (x**2 + y**2 > 20**2)] = 255
    ring = trimmed(mark, AdditiveMark.visible(mark, 1.0))
    assert ring.shape == (59, 59, 4)
    operation = watermark(AdditiveMark(ring, 1.0)).bound(context(Size(side, side)))
    picture = operation(blank(300, 300))
    for row in range(0, 300, 2 * side):
        for column in range(0, 300, 2 * side):
            assert picture[row : row + 2 * side, column : column + 2 * side].any(), (row, column)


def test_what_a_mark_of_nothing_is_trimmed_to() -> None:
    assert not trimmed(MARK, np.zeros((10, 20), bool)).size


@pytest.mark.parametrize("kind", [AdditiveMark, OverMark])
def test_pixels_are_not_changed(kind: type[Mark]) -> None:
    pixels = gradient((100, 80)).copy()
    before = pixels.copy()
    result = watermark(kind(MARK, 1.0), seed="x")(pixels)
    np.testing.assert_array_equal(pixels, before)
    assert result.flags.c_contiguous
    assert (result != pixels).any()


def places(pixels: Picture) -> list[tuple[int, int]]:
    """Left and top of each white mark of 20 x 10 on black, none touching another."""
    left = np.diff(pixels[..., 0].astype(int), axis=1, prepend=0) > 0
    top = np.diff(pixels[..., 0].astype(int), axis=0, prepend=0) > 0
    rows, columns = np.nonzero(left & top)
    return list(zip(columns.tolist(), rows.tolist(), strict=True))


WHITE = AdditiveMark(mark_of((255, 255, 255, 255)), 1.0)


def blank(width: int, height: int) -> Picture:
    return np.zeros((height, width, 1), np.uint8)


def test_same_plan_same_picture() -> None:
    operation = watermark(WHITE).bound(context())
    pictures = {operation(blank(1500, 700)).tobytes() for _ in range(3)}
    pictures.add(watermark(WHITE).bound(context())(blank(1500, 700)).tobytes())
    assert len(pictures) == 1


def test_another_plan_another_place() -> None:
    found = {tuple(places(watermark(WHITE).bound(context(seed=f"{n}"))(blank(256, 256)))) for n in range(50)}
    assert len(found) > 45


def test_marks_are_anywhere_in_the_free_space() -> None:
    found = []
    for number in range(400):
        found += places(watermark(WHITE).bound(context(seed=f"{number}"))(blank(30, 15)))
    assert len(found) == 400
    columns, rows = (np.bincount([place[axis] for place in found]) for axis in (0, 1))
    assert len(columns) == 30 - 20 + 1
    assert len(rows) == 15 - 10 + 1
    # uniform: within four standard deviations of a binomial distribution
    for counts in (columns, rows):
        share = 1 / len(counts)
        assert np.abs(counts - 400 * share).max() < 4 * np.sqrt(400 * share * (1 - share))


BLOCKS = [
    pytest.param(Size(256, 256), (512, 512), 1, id="as large as a block"),
    pytest.param(Size(256, 256), (513, 512), 2, id="a pixel wider"),
    pytest.param(Size(256, 256), (300, 1100), 3, id="higher"),
    pytest.param(Size(256, 256), (1100, 1100), 9, id="both"),
    pytest.param(Size(128, 64), (513, 200), 3, id="by the longer side of the tile"),
]


@pytest.mark.parametrize(("tile", "size", "count"), BLOCKS)
def test_one_mark_in_each_block(tile: Size, size: tuple[int, int], count: int) -> None:
    """Those cut short at the edges included (iipsrv)."""
    side = 2 * max(tile.width, tile.height)
    result = watermark(WHITE).bound(context(tile))(blank(*size))
    marked = [
        (row, column)
        for row in range(0, size[1], side)
        for column in range(0, size[0], side)
        if result[row : row + side, column : column + side].any()
    ]
    assert len(marked) == count
    # no mark crosses into the next block
    assert (result > 0).sum() == sum(
        min(20, size[0] - column) * min(10, size[1] - row) for row, column in marked
    )


def test_blocks_have_chances_of_their_own() -> None:
    result = watermark(WHITE, probability=0.5).bound(context(Size(16, 16)))(blank(640, 640))
    inside = {(column // 32, row // 32): (column % 32, row % 32) for column, row in places(result)}
    assert 140 < len(inside) < 260, "of 400"
    assert len(set(inside.values())) > 50


@pytest.mark.parametrize(("probability", "low", "high"), [(0.0, 0, 0), (0.2, 50, 150), (1.0, 400, 400)])
def test_probability(probability: float, low: int, high: int) -> None:
    marked = sum(
        bool(watermark(WHITE, probability=probability).bound(context(seed=f"{n}"))(blank(64, 64)).any())
        for n in range(400)
    )
    assert low <= marked <= high


def test_nothing_is_copied_where_nothing_is_marked() -> None:
    pixels = blank(64, 64)
    assert watermark(WHITE, probability=0)(pixels) is pixels


def test_binding() -> None:
    operation = watermark(WHITE)
    bound = operation.bound(context(Size(128, 192), "digest"))
    assert (bound.block, bound.seed) == (384, "digest")
    assert (bound.mark, bound.probability) == (operation.mark, operation.probability)


def test_the_fingerprint_represents_mark_and_settings() -> None:
    """In keys: no pixels are compared, hashed or printed."""
    one, same = watermark(WHITE), watermark(AdditiveMark(MARK, 0.5), probability=0.5, block=7, seed="x")
    assert one == same
    assert hash(one) == hash(same)
    assert repr(one) == "Watermark(fingerprint='fingerprint')"
    assert one != Watermark("other", WHITE, 1.0)


def test_traits() -> None:
    operation = watermark(WHITE)
    assert operation.keeps_profile
    assert not operation.works_by_rows
    assert operation.output_size(Size(3, 2)) == Size(3, 2)
    assert pipeline.ORDER[-1] is Watermark


def test_the_region_of_a_mark_is_inside_the_image() -> None:
    """For any block and any size of mark."""
    for seed in range(300):
        width, height = 1 + seed * 7 % 90, 1 + seed * 13 % 70
        operation = watermark(WHITE, block=32, seed=f"{seed}")
        for region in operation.regions(Size(width, height)):
            assert region.clipped(Size(width, height)) == region
            assert isinstance(region, Region)
