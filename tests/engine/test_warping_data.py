"""What maps show of missing data, palettes, levels, and samples that are stretched for display."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geometry import Region, Size
from iipserve.plan import Crop, Resampling
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Convolve
from iipserve.processing.tone import SampleRange
from tests.engine.fakes import ArraySource, RegionSource
from tests.engine.maps import (
    box,
    drawn,
    image_source,
    places,
    plan_of_map,
    quarters,
    reader,
    warp_of,
    with_info,
)

PLACE = Georeference("EPSG:32633", Affine(20.0, 0.0, 500000.0, 0.0, -20.0, 5000000.0), Size(200, 160))
OWN = GridRef("EPSG:32633", PLACE.mapping, Size(200, 160))  # type: ignore[arg-type]
"""The grid of the image."""


def shifted(step: float = 1.0, size: tuple[int, int] = (200, 160), x: float = 0.3, y: float = 0.4) -> GridRef:
    """The image's grid, off its pixels."""
    return GridRef("EPSG:32633", OWN.affine.shifted(x, y).scaled(step, step), Size(*size))


# -- missing data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [OWN, shifted()], ids=["aligned", "warped"])
def test_nodata_of_all_bands_is_clear(target: GridRef) -> None:
    """Of two pixels with a 0, the one whose other bands are not 0 is data."""
    picture = np.full((160, 200, 3), 50, np.uint8)
    picture[:80], picture[80:, :100] = 0, (0, 120, 90)
    source = with_info(ArraySource([picture]), nodata=(0.0, 0.0, 0.0))
    found = drawn(source, PLACE, target, Resampling.NEAREST)
    assert found.shape[2] == 4
    assert (found[:79, :199, 3] == 0).all()
    assert (found[81:159, :199, 3] == 255).all()
    assert (found[81:159, 2:98] == (0, 120, 90, 255)).all()


@pytest.mark.parametrize("target", [OWN, shifted()], ids=["aligned", "warped"])
@pytest.mark.parametrize("declared", [(), (float("nan"),)], ids=["undeclared", "declared"])
def test_nan_is_clear_and_in_no_range(target: GridRef, declared: tuple[float, ...]) -> None:
    samples = np.tile(np.linspace(10, 20, 200, dtype=np.float32)[:, None], (160, 1, 1))
    samples[40:60] = np.nan
    source = with_info(ArraySource([samples]), nodata=declared)
    found = drawn(source, PLACE, target, Resampling.NEAREST)
    assert found.shape[2] == 2
    assert (found[41:59, :199, 1] == 0).all()
    assert (found[61:159, :199, 1] == 255).all()
    assert found[100, 1, 0] <= 2
    assert found[100, 198, 0] >= 253


@pytest.mark.parametrize(
    ("declared", "override", "clear"),
    [
        ((7.0,) * 3, None, 7),
        ((7.0,) * 3, (9.0,), 9),
        ((7.0,) * 3, (), None),
        ((), (9.0, 9.0, 9.0), 9),
        ((), (-9999.0,), None),
        ((), (1.5,), None),
    ],
    ids=["declared", "one for all", "none", "of each band", "outside of the type", "no integer"],
)
@pytest.mark.parametrize("target", [OWN, shifted()], ids=["aligned", "warped"])
def test_nodata_of_the_layer_replaces_that_of_the_file(
    target: GridRef, declared: tuple[float, ...], override: tuple[float, ...] | None, clear: int | None
) -> None:
    picture = np.repeat(np.arange(160, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(200, axis=1) // 10
    source = with_info(ArraySource([picture]), nodata=declared)
    found = drawn(source, PLACE, target, Resampling.NEAREST, nodata=override)[:159, :199]
    if clear is None:
        assert found.shape[2] == 3 or (found[..., 3] == 255).all()
    else:
        np.testing.assert_array_equal(found[..., 3] == 0, found[..., 0] == clear)
        assert (found[..., 3] == 0).any()


def test_gaps_have_soft_edges_and_lend_no_color() -> None:
    picture = np.full((160, 200, 1), 100, np.int16)
    picture[:, 100:] = -9999
    source = with_info(ArraySource([picture], ranges=((0.0, 200.0),)), nodata=(-9999.0,))
    found = drawn(source, PLACE, shifted(0.5, (200, 100), 80, 40), Resampling.BILINEAR)
    opaque = found[..., 1] > 0
    assert set(found[opaque][:, 0].tolist()) <= {127, 128}
    assert set(found[..., 1].ravel().tolist()) - {0, 255}, "the edge is between clear and opaque"


def test_jpeg_is_white_where_there_is_no_data() -> None:
    """Outside of the image and in gaps; opacity is composited by the renderer."""
    plan = plan_of_map(image_source(PLACE), PLACE, shifted(1.0, (64, 64), -30, -30), format="jpeg")
    assert plan.operations == ()
    found = reader(image_source(PLACE), plan).read()
    assert found.shape[2] == 4
    assert not found[:29, :29].any()


# -- palettes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("resampling", list(Resampling), ids=lambda each: each.value)
@pytest.mark.parametrize("step", [0.4, 1.3, 4.0, 7.7])
def test_palettes_show_their_colors_only(resampling: Resampling, step: float) -> None:
    colors = np.array([[200, 10, 10], [10, 200, 10], [10, 10, 200]], np.uint8)
    picture = colors[np.random.default_rng(1).integers(0, 3, (160, 200))]
    target = shifted(step, (40, 30))
    found = drawn(ArraySource([picture]), PLACE, target, resampling, is_palette=True)
    shown = found.reshape(-1, found.shape[2])
    shown = shown[shown[:, -1] == 255] if found.shape[2] == 4 else shown
    assert {tuple(color) for color in shown[:, :3].tolist()} == {tuple(color) for color in colors.tolist()}


# -- levels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "level"), [(0.5, 0), (1.0, 0), (1.99, 0), (2.0, 1), (3.9, 1), (4.0, 2), (30.0, 3)]
)
def test_pixels_of_the_level_are_not_larger_than_those_of_the_map(step: float, level: int) -> None:
    source = image_source(PLACE, levels=4)
    plan = plan_of_map(source, PLACE, shifted(step, (10, 10)))
    assert warp_of(plan).level == level
    assert warp_of(plan).resampling is (Resampling.AVERAGE if step >= 16 else Resampling.NEAREST)


def test_images_without_smaller_levels_are_averaged() -> None:
    """Stripes of black and white, of a pixel each, are gray at an eighth and not either of them."""
    picture = np.zeros((160, 200, 1), np.uint8)
    picture[:, ::2] = 255
    found = drawn(ArraySource([picture]), PLACE, shifted(8.0, (20, 15), 3, 3), Resampling.NEAREST)
    assert np.abs(found[..., 0].astype(int) - 128).max() <= 16


@pytest.mark.parametrize("step", [2.5, 3.0, 6.4])
def test_averages_are_those_of_the_covered_pixels(step: float) -> None:
    """Against the covered part of every pixel: after a reduction by whole factors, a little smoother."""
    waves = np.sin(np.arange(200)[None] / 9) * 50 + np.cos(np.arange(160)[:, None] / 7) * 50 + 120
    picture = np.rint(waves).astype(np.uint8)[..., None]
    target = shifted(step, (int(190 / step), int(150 / step)), 4, 4)
    found = drawn(ArraySource([picture]), PLACE, target, Resampling.AVERAGE)[..., 0].astype(float)
    expected = np.empty_like(found)
    for row, column in np.ndindex(found.shape):
        left, top = 4 + column * step, 4 + row * step
        across = np.clip(np.minimum(left + step, np.arange(200) + 1) - np.maximum(left, np.arange(200)), 0, 1)
        down = np.clip(np.minimum(top + step, np.arange(160) + 1) - np.maximum(top, np.arange(160)), 0, 1)
        expected[row, column] = down @ picture[..., 0] @ across / step**2
    assert np.abs(found - expected).mean() <= 2.5
    assert np.abs(found - expected).max() <= 8


def test_the_last_pixels_of_a_level_of_odd_size_are_averaged_too() -> None:
    """Reduced by whole factors, a level of 200 x 160 has 67 x 54 pixels, the last of which are of two and of one."""
    picture = np.full((160, 200, 1), 60, np.uint8)
    picture[:, 198:] = 200
    found = drawn(ArraySource([picture]), PLACE, shifted(3.0, (67, 54), 0, 0), Resampling.AVERAGE)
    assert (found[:53, 66] == (200, 255)).all()
    assert (found[:53, :66] == (60, 255)).all()
    # the center of the last row is half a pixel below the image
    assert not found[53].any()


@pytest.mark.parametrize(
    "target", [OWN, shifted(), shifted(3.0, (67, 54))], ids=["aligned", "warped", "reduced"]
)
def test_extent_of_the_layer_is_what_is_shown(target: GridRef) -> None:
    """From column 50 to 120, and from row 30 to 90."""
    extent = Bounds(501000.0, 4998200.0, 502400.0, 4999400.0)
    source = image_source(PLACE)
    found = drawn(source, PLACE, target, Resampling.NEAREST, extent=extent)
    columns, rows = places(PLACE, target)
    inside = (columns > 50) & (columns < 120) & (rows > 30) & (rows < 90)
    np.testing.assert_array_equal(found[..., 3] == 255, inside)


def test_map_inside_of_the_extent_is_aligned() -> None:
    extent = Bounds(501000.0, 4998200.0, 502400.0, 4999400.0)
    source, grid = image_source(PLACE), GridRef("EPSG:32633", OWN.affine.shifted(50, 30), Size(70, 60))
    assert isinstance(plan_of_map(source, PLACE, grid, extent=extent).view, Crop)
    wider = GridRef("EPSG:32633", OWN.affine.shifted(49, 30), Size(70, 60))
    assert warp_of(plan_of_map(source, PLACE, wider, extent=extent)).shown == Region(50, 30, 70, 60)


def test_sources_that_read_regions() -> None:
    """As libvips reads plain pictures: the same map as of tiles."""
    tiled = image_source(PLACE)
    for step in (1.3, 4.6):
        target = shifted(step, (40, 30))
        expected = drawn(tiled, PLACE, target)
        found = drawn(RegionSource(list(tiled.levels)), PLACE, target)
        np.testing.assert_allclose(found.astype(int), expected, atol=60 if step > 2 else 0)


# -- display ---------------------------------------------------------------------------------------


def test_neighbors_have_one_stretch() -> None:
    """Samples of 16 bits without a style: two tiles whose samples differ much, and the map of both."""
    samples = (np.arange(200)[None, :, None] * 30 + np.arange(160)[:, None, None]).astype(np.int16)
    source = ArraySource([samples])
    target = shifted(0.9, (128, 128))
    whole = drawn(source, PLACE, target)
    for x, y, quarter in quarters(target):
        np.testing.assert_array_equal(drawn(source, PLACE, quarter), whole[y : y + 64, x : x + 64])
    assert len(np.unique(whole)) > 100


@pytest.mark.parametrize(
    "operation",
    [Colormap("jet"), Convolve(((0.0, 0.2, 0.0), (0.2, 0.2, 0.2), (0.0, 0.2, 0.0)))],
    ids=["colors", "smoothed"],
)
def test_styles_are_of_the_image_and_not_of_the_tile(operation: Colormap | Convolve) -> None:
    rows, columns = np.mgrid[:160, :200]
    samples = (np.sin(columns / 11) * 40 + np.cos(rows / 13) * 40)[..., None].astype(np.float32)
    source, target = ArraySource([samples]), shifted(0.7, (128, 128), 20, 20)
    operations = (SampleRange(((None, -80.0, 80.0),)), operation)
    whole = drawn(source, PLACE, target, operations=operations)
    for x, y, quarter in quarters(target):
        part = drawn(source, PLACE, quarter, operations=operations)
        np.testing.assert_array_equal(part, whole[y : y + 64, x : x + 64])


def test_16_bits_are_kept() -> None:
    samples = (np.arange(200 * 160).reshape(160, 200, 1) * 2).astype(np.uint16)
    source, target = ArraySource([samples]), shifted(1.0, (190, 150), 0.25, 0.25)
    plan = plan_of_map(source, PLACE, target)
    wide = type(plan)(plan.view, plan.encoding._replace(bits=16), plan.operations)
    found = reader(source, wide).read()
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, samples[:150, :190])


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32633"])
def test_aligned_maps_are_crops_and_others_are_not(crs: str) -> None:
    source = image_source(PLACE)
    target = OWN if crs == "EPSG:32633" else GridRef.of_bounds(crs, box(PLACE, crs), Size(200, 160))
    assert isinstance(plan_of_map(source, PLACE, target).view, Crop) is (crs == "EPSG:32633")


def test_nodata_of_the_layer_is_in_no_range() -> None:
    """Samples from 0 to 159, and a sentinel that the file does not declare: without it, they are black to white."""
    samples = np.arange(160, dtype=np.int16)[:, None, None].repeat(200, axis=1)
    samples[20:40] = -9999
    source = ArraySource([samples])
    plain = drawn(source, PLACE, OWN)
    assert plain[5, 0, 0] > 240
    found = drawn(source, PLACE, OWN, nodata=(-9999.0,))
    assert found[0, 0, 0] == 0
    assert found[159, 0, 0] >= 254
    assert (found[20:40, :, 1] == 0).all()
