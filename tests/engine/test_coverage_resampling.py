"""Coverages on other grids: nearest is exact, means are of valid samples only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from iipserve.geo.extents import bounds_in
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.mapping import to_pixels
from iipserve.geometry import Region, Size
from iipserve.plan import Crop, Resampling, Warp
from tests.engine.coverages import CoverageFolder, grid_of
from tests.engine.maps import box, places, wrapped
from tests.geo_rasters import KINDS, positions, write_geotiff

WEIGHED = (Resampling.BILINEAR, Resampling.CUBIC, Resampling.AVERAGE)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> CoverageFolder:
    folder = tmp_path_factory.mktemp("kinds")
    for make in KINDS.values():
        make(folder)
    return CoverageFolder(folder)


# -- scaled windows --------------------------------------------------------------------------------


@given(
    x=st.integers(-30, 119), y=st.integers(-30, 79), width=st.integers(1, 150), height=st.integers(1, 110),
    across=st.integers(1, 300), down=st.integers(1, 300), kind=st.sampled_from(["utm", "south_up", "rotated", "pyramid"]),
)  # fmt: skip
def test_scaled_nearest_takes_the_samples_of_the_rule(
    kinds: CoverageFolder, kind: str, x: int, y: int, width: int, height: int, across: int, down: int
) -> None:
    """Sample i is pixel floor((i + 0.5) * scale) of the window, in integers."""
    columns = x + (2 * np.arange(across) + 1) * width // (2 * across)
    rows = y + (2 * np.arange(down) + 1) * height // (2 * down)
    found = kinds.read(f"{kind}.tif", Region(x, y, width, height), Size(across, down))
    inside = ((columns >= 0) & (columns < 120))[None, :] & ((rows >= 0) & (rows < 80))[:, None]
    np.testing.assert_array_equal(found[..., 0], np.where(inside, columns[None, :], 0))
    np.testing.assert_array_equal(found[..., 1], np.where(inside, rows[:, None], 0))


def test_half_size_takes_odd_samples(kinds: CoverageFolder) -> None:
    found = kinds.read("utm.tif", None, Size(60, 40))
    np.testing.assert_array_equal(found, np.moveaxis(positions()[:, 1::2, 1::2], 0, -1))


def test_windows_are_crops_and_other_grids_are_warps(kinds: CoverageFolder) -> None:
    _, geo = kinds.known("utm.tif")
    window = grid_of(geo, Region(10, 20, 30, 40))
    near = window._replace(affine=window.affine.shifted(4e-4, -4e-4))
    for target in (window, near):
        view = kinds.plan("utm.tif", target).view
        assert isinstance(view, Crop)
        assert (view.region, view.level) == (Region(10, 20, 30, 40), 0)
    shifted = window._replace(affine=window.affine.shifted(0.25, 0))
    mirrored = window._replace(affine=window.affine.shifted(30, 0).scaled(-1, 1))
    for target in (shifted, mirrored):
        assert isinstance(kinds.plan("utm.tif", target).view, Warp)
    np.testing.assert_array_equal(kinds.read("utm.tif", mirrored), kinds.read("utm.tif", window)[:, ::-1])


def test_smaller_levels_are_never_read(tmp_path: Path) -> None:
    """Overviews that lack most pixels."""
    pixels = np.random.default_rng(1).integers(0, 255, (1, 256, 256), np.uint8)
    write_geotiff(tmp_path / "a.tif", pixels, tile=32, overviews=(2, 4))
    folder = CoverageFolder(tmp_path)
    np.testing.assert_array_equal(folder.read("a.tif", None, Size(64, 64))[..., 0], pixels[0, 2::4, 2::4])
    means = pixels[0].reshape(64, 4, 64, 4).mean(axis=(1, 3))
    found = folder.read("a.tif", None, Size(64, 64), resampling=Resampling.AVERAGE)[..., 0]
    np.testing.assert_array_equal(found, np.floor(means + 0.5))


# -- means -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64", "float32", "float64"])
def test_averages_of_whole_pixels_are_means(dtype: str, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    pixels = random.integers(0, 100, (2, 96, 120)).astype(dtype)
    write_geotiff(tmp_path / "a.tif", pixels, tile=32)
    found = CoverageFolder(tmp_path).read("a.tif", None, Size(40, 32), resampling=Resampling.AVERAGE)
    means = np.moveaxis(pixels, 0, -1).astype(float).reshape(32, 3, 40, 3, 2).mean(axis=(1, 3))
    if dtype.startswith("float"):
        np.testing.assert_allclose(found, means, rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, np.floor(np.round(means, 9) + 0.5))


@pytest.mark.parametrize("resampling", [Resampling.BILINEAR, Resampling.CUBIC])
def test_interpolation_of_a_slope_is_the_slope(resampling: Resampling, tmp_path: Path) -> None:
    columns, rows = positions(60, 40, "float64")
    write_geotiff(tmp_path / "a.tif", 3 * columns - 2 * rows)
    region, size = Region(10, 10, 20, 20), Size(50, 70)
    found = CoverageFolder(tmp_path).read("a.tif", region, size, resampling=resampling)[..., 0]
    x = 10 + (np.arange(50) + 0.5) * 20 / 50 - 0.5
    y = 10 + (np.arange(70) + 0.5) * 20 / 70 - 0.5
    np.testing.assert_allclose(found, 3 * x[None, :] - 2 * y[:, None], atol=1e-9)


def direct_bilinear(pixels: NDArray[Any], valid: NDArray[Any], column: float, row: float) -> float | None:
    """The mean of four valid samples around a place, from the definition."""
    total = weight = 0.0
    for y in (np.floor(row - 0.5), np.floor(row - 0.5) + 1):
        for x in (np.floor(column - 0.5), np.floor(column - 0.5) + 1):
            part = (1 - abs(column - 0.5 - x)) * (1 - abs(row - 0.5 - y))
            at = int(np.clip(y, 0, pixels.shape[0] - 1)), int(np.clip(x, 0, pixels.shape[1] - 1))
            if valid[at]:
                total, weight = total + part * float(pixels[at]), weight + part
    return total / weight if weight > 0.5 / 255 else None


@pytest.mark.parametrize("missing", ["nodata", "nan", "mask"])
def test_bilinear_means_are_of_valid_samples(missing: str, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    pixels = random.normal(100, 20, (30, 40)).astype(np.float32)
    valid = random.random((30, 40)) < 0.6
    nodata = {"nodata": -1e30, "nan": np.nan, "mask": 7777}[missing]
    pixels[~valid] = nodata
    options: dict[str, Any] = {"nodata": {"nodata": -1e30}, "nan": {}, "mask": {"mask": valid}}[missing]
    write_geotiff(tmp_path / "a.tif", pixels, **options)
    region, size = Region(0, 0, 40, 30), Size(53, 47)
    found = CoverageFolder(tmp_path).read("a.tif", region, size, resampling=Resampling.BILINEAR)[..., 0]
    for row in range(47):
        for column in range(53):
            expected = direct_bilinear(pixels, valid, (column + 0.5) * 40 / 53, (row + 0.5) * 30 / 47)
            if expected is None:
                np.testing.assert_equal(found[row, column], np.float32(nodata))
            else:
                assert found[row, column] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("resampling", [*WEIGHED, Resampling.MODE])
@pytest.mark.parametrize("size", [Size(300, 200), Size(100, 67), Size(13, 9)])
def test_missing_data_leaks_into_nothing(resampling: Resampling, size: Size, tmp_path: Path) -> None:
    pixels = np.full((80, 120), 1000, np.int16)
    pixels[np.random.default_rng(9).random((80, 120)) < 0.4] = -32768
    write_geotiff(tmp_path / "a.tif", pixels, nodata=-32768)
    found = CoverageFolder(tmp_path).read("a.tif", None, size, resampling=resampling)
    assert set(np.unique(found)) <= {1000, -32768}
    assert 1000 in found


def test_classes_are_never_mixed(kinds: CoverageFolder) -> None:
    for resampling in Resampling:
        found = kinds.read("palette.tif", None, Size(17, 50), resampling=resampling)
        assert set(np.unique(found)) == {1, 5, 9}


def test_each_band_has_its_own_missing_data(tmp_path: Path) -> None:
    pixels = np.full((2, 40, 40), 10, np.uint8)
    pixels[0, :, :20], pixels[1, :, 20:] = 1, 2
    write_geotiff(tmp_path / "a.tif", pixels)
    folder = CoverageFolder(tmp_path)
    found = folder.read("a.tif", None, Size(20, 20), resampling=Resampling.AVERAGE, nodata=(1.0, 2.0))
    assert [set(np.unique(found[..., band])) for band in (0, 1)] == [{1, 10}, {2, 10}]
    outside = folder.read("a.tif", Region(-5, 0, 4, 4), nodata=(1.0, 2.0))
    assert [set(np.unique(outside[..., band])) for band in (0, 1)] == [{1}, {2}]
    # what the type cannot hold is not declared
    assert folder.plan("a.tif", nodata=(-1.0, 0.5)).description.bands[0].nodata is None


# -- other systems ---------------------------------------------------------------------------------


TARGETS = {
    "utm": "EPSG:3857", "wgs84": "EPSG:32632", "mercator": "EPSG:4326", "south_up": "EPSG:3857", "rotated": "EPSG:4326",
    "polar": "EPSG:3413", "cgcs2000": "EPSG:3857", "antimeridian": "EPSG:32660", "degrees_360": "EPSG:4326",
    "world": "EPSG:3857", "nan": "EPSG:3857", "nodata": "EPSG:4326", "sinusoidal": "EPSG:4326",
}  # fmt: skip


def target_for(source: Georeference, key: str, size: Size) -> GridRef:
    """A grid around an image in another system, a little wider than it."""
    bounds = box(source, key)
    margin_x, margin_y = bounds.width / 10, bounds.height / 10
    affine = Affine(
        bounds.width * 1.2 / size.width, 0, bounds.min_x - margin_x,
        0, -bounds.height * 1.2 / size.height, bounds.max_y + margin_y,
    )  # fmt: skip
    return GridRef(key, affine, size)


@pytest.mark.parametrize("kind", TARGETS)
def test_reprojected_nearest_is_exact(kinds: CoverageFolder, kind: str) -> None:
    info, geo = kinds.known(f"{kind}.tif")
    size = Size(333, 277)
    if kind == "world":
        bounds = (-2.0e7, 2.0e7)
        target = GridRef("EPSG:3857", Affine(4e7 / 333, 0, bounds[0], 0, -4e7 / 277, bounds[1]), size)
    else:
        target = target_for(geo.georeference, TARGETS[kind], size)
    found, whole = kinds.read(f"{kind}.tif", target), kinds.read(f"{kind}.tif")
    columns, rows = places(geo.georeference, target)
    if kind in ("degrees_360", "antimeridian", "world", "wgs84"):
        mapping = geo.georeference.mapping
        assert isinstance(mapping, Affine)
        columns = wrapped(columns, 360 / mapping.a)
    assert_nearest(found, whole, columns, rows, info.samples.nodata or 0)


def assert_nearest(
    found: NDArray[Any], whole: NDArray[Any], columns: NDArray[Any], rows: NDArray[Any], empty: float
) -> None:
    """Samples are those of the pixels that contain their places, and missing outside.

    Those within a thousandth of a pixel of an edge may be of either side.
    """
    with np.errstate(invalid="ignore"):
        sure = (np.abs(columns - np.rint(columns)) > 1e-3) & (np.abs(rows - np.rint(rows)) > 1e-3)
        inside = (columns >= 0) & (columns < whole.shape[1]) & (rows >= 0) & (rows < whole.shape[0])
    both, nowhere = sure & inside, (sure & ~inside) | ~(np.isfinite(columns) & np.isfinite(rows))
    assert both.sum() > 5_000
    np.testing.assert_array_equal(found[both], whole[rows[both].astype(int), columns[both].astype(int)])
    np.testing.assert_array_equal(found[nowhere], np.full_like(found[nowhere], empty))


@pytest.mark.parametrize("kind", ["gcps", "curved_gcps", "rpcs"])
def test_images_without_a_grid_are_warped(kinds: CoverageFolder, kind: str) -> None:
    _, geo = kinds.known(f"{kind}.tif")
    source = geo.georeference
    bounds = bounds_in(source, source.crs)
    assert bounds is not None
    target = GridRef.of_bounds(source.crs, bounds, Size(90, 70))
    found = kinds.read(f"{kind}.tif", target)
    xs, ys = target.affine.apply(*np.meshgrid(np.arange(90) + 0.5, np.arange(70) + 0.5))
    columns, rows = to_pixels(source.mapping, xs, ys)
    inside = (columns >= 0.01) & (columns < 119.99) & (rows >= 0.01) & (rows < 79.99)
    assert inside.sum() > 2000
    assert np.abs(found[inside][:, 0] + 0.5 - columns[inside]).max() < 0.51
    assert np.abs(found[inside][:, 1] + 0.5 - rows[inside]).max() < 0.51


def test_only_the_extent_of_the_layer_has_data(kinds: CoverageFolder) -> None:
    _, geo = kinds.known("nodata.tif")
    mapping = geo.georeference.mapping
    assert isinstance(mapping, Affine)
    left, top = mapping.apply(20.0, 10.0)
    right, bottom = mapping.apply(70.0, 60.0)
    extent = Bounds(left, bottom, right, top)
    found, whole = kinds.read("nodata.tif", extent=extent), kinds.read("nodata.tif").copy()
    hidden = np.ones(whole.shape[:2], bool)
    hidden[10:60, 20:70] = False
    whole[hidden] = -9999
    np.testing.assert_array_equal(found, whole)
    part = kinds.plan("nodata.tif", Region(25, 15, 10, 10), extent=extent)
    assert isinstance(part.view, Crop)
