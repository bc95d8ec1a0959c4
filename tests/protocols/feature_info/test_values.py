"""Values under a point are those of the array, for every kind of raster; statistics are those of its window."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

import pyproj
import rasterio

from iipserve.geo.grid import Bounds, GridRef
from iipserve.geometry import Size
from iipserve.protocols.feature_info.places import Place, pixel_of_grid, point_of_level
from tests.geo_rasters import GRIDS, HEIGHT, KINDS, WIDTH, positions, write_geotiff
from tests.protocols.feature_info.asking import Rasters, at, at_pixel

PLACES = ((0.5, 0.5), (WIDTH - 0.5, HEIGHT - 0.5), (37.25, 21.75), (60.001, 40.999), (119.999, 0.001))


@pytest.fixture
def rasters(tmp_path: Path) -> Rasters:
    return Rasters(tmp_path)


@pytest.mark.parametrize("kind", [*GRIDS, "point", "pyramid"])
def test_the_sample_under_a_point_of_the_image(kind: str, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    for column, row in PLACES:
        assert rasters.stored(layer, at_pixel(layer, column, row)) == [int(column), int(row)]


@pytest.mark.parametrize("kind", ["utm", "wgs84", "mercator", "rotated", "sinusoidal", "south_up", "feet"])
def test_the_sample_under_a_point_in_another_system(kind: str, rasters: Rasters) -> None:
    """Compared with GDAL's index of the point that pyproj transforms."""
    path = KINDS[kind](rasters.folder)
    layer = rasters.layer(path)
    with rasterio.open(path) as file:
        array = file.read()
        to_geographic = pyproj.Transformer.from_crs(file.crs, "EPSG:4326", always_xy=True)
        for column, row in ((3.5, 70.25), (60.75, 40.125), (110.375, 5.5)):
            x, y = rasterio.transform.AffineTransformer(file.transform).xy(row, column, offset="ul")
            longitude, latitude = to_geographic.transform(x, y)
            expected = array[:, int(row), int(column)].tolist()
            assert rasters.stored(layer, at("EPSG:4326", longitude, latitude)) == expected


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32"])
def test_samples_of_every_type_are_written_as_stored(dtype: str, rasters: Rasters) -> None:
    limits = np.finfo(dtype) if dtype == "float32" else np.iinfo(dtype)
    pixels = np.array([[limits.min, limits.max], [7, 1]], dtype)
    if dtype == "float32":
        pixels[1] = 0.1, 1e-7
    layer = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels))
    for row in range(2):
        for column in range(2):
            (value,) = rasters.stored(layer, at_pixel(layer, column + 0.5, row + 0.5))
            assert np.array(value).astype(dtype) == pixels[row, column]
            assert repr(value) == (
                str(pixels[row, column]) if dtype != "float32" else repr(float(str(pixels[row, column])))
            )


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_samples_of_fewer_bits_are_as_stored(bits: int, rasters: Rasters) -> None:
    pixels = (positions(dtype="uint8")[0] + positions(dtype="uint8")[1]) % (1 << bits)
    path = write_geotiff(rasters.folder / "a.tif", pixels, nbits=bits)
    layer = rasters.layer(path)
    for column, row in ((0, 0), (5, 2), (119, 79)):
        assert rasters.stored(layer, at_pixel(layer, column + 0.5, row + 0.5)) == [pixels[row, column]]
    whole = rasters.properties(layer, at_pixel(layer, 60, 40, 100))["bands"][0]
    assert (whole["maximum"], whole["mean"]) == (pixels.max(), pytest.approx(pixels.mean()))
    marked = rasters.layer(path, nodata=(1.0,))
    row, column = np.argwhere(pixels == 1)[7].tolist()
    assert b'"features": []' in rasters.document(marked, at_pixel(layer, column + 0.5, row + 0.5)).body


def test_physical_values(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["scaled"](rasters.folder))
    height, temperature = rasters.properties(layer, at_pixel(layer, 37.5, 20.5, 1.5))["bands"]
    assert (temperature["name"], temperature["unit"], temperature["raw"]) == ("temperature", "K", 37)
    assert temperature["value"] == pytest.approx(37 * 0.1 + 1000)
    assert (height["name"], height["unit"], height["raw"], height["value"]) == ("height", "m", 20, 35.0)
    assert (height["minimum"], height["maximum"], height["mean"]) == (33.0, 37.0, 35.0)


def test_a_negative_scale_exchanges_the_extremes(rasters: Rasters) -> None:
    path = write_geotiff(rasters.folder / "a.tif", positions()[0], scales=(-2.0,), offsets=(100.0,))
    layer = rasters.layer(path)
    (band,) = rasters.properties(layer, at_pixel(layer, 10.5, 10.5, 2.5))["bands"]
    assert (band["minimum"], band["maximum"], band["value"]) == (76.0, 84.0, 80.0)


def test_statistics_are_those_of_the_window(rasters: Rasters) -> None:
    pixels = np.random.default_rng(1).integers(0, 60000, (2, 80, 120)).astype(np.uint16)
    layer = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels))
    found = rasters.properties(layer, at_pixel(layer, 50.5, 30.5, 2.5))
    assert found["area"] == {"column": 48, "row": 28, "width": 5, "height": 5, "level": 0, "exact": True}
    for band, expected in zip(reversed(found["bands"]), pixels[:, 28:33, 48:53], strict=True):
        assert (band["minimum"], band["maximum"], band["pixels"]) == (expected.min(), expected.max(), 25)
        assert band["mean"] == pytest.approx(expected.mean(), rel=1e-12)


def test_the_area_ends_with_the_image(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    found = rasters.properties(layer, at_pixel(layer, 0.5, 79.5, 2.5))
    assert found["area"] | {"level": 0} == {
        "column": 0, "row": 77, "width": 3, "height": 3, "level": 0, "exact": True,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["nodata", "nan"])
def test_missing_samples_count_nowhere(kind: str, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    # the gap is in the columns 40 to 59 of the rows 10 to 19
    found = rasters.properties(layer, at_pixel(layer, 40.5, 15.5, 2.5))
    assert found["nodata"] is True
    assert [(each["raw"], each["value"]) for each in found["bands"]] == [(None, None)] * 2
    row, column = found["bands"]
    assert (column["minimum"], column["maximum"], column["mean"], column["pixels"]) == (38, 39, 38.5, 10)
    assert (row["minimum"], row["maximum"], row["pixels"]) == (13, 17, 10)
    inside = rasters.document(layer, at_pixel(layer, 50.5, 15.5, 2.5))
    assert json.loads(inside.body)["features"] == []


def test_masked_samples_count_nowhere(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["mask"](rasters.folder))
    found = rasters.properties(layer, at_pixel(layer, 29.5, 35.5, 2.5))
    assert (found["nodata"], found["bands"][0]["raw"]) == (False, 35)
    assert found["bands"][1]["maximum"] == 29
    assert found["bands"][1]["pixels"] == 15


def test_clear_pixels_have_no_values_and_opacity_is_no_band(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["rgba"](rasters.folder))
    assert rasters.stored(layer, at_pixel(layer, 59.5, 3.5)) == [59, 3, 77]
    assert json.loads(rasters.document(layer, at_pixel(layer, 60.5, 3.5)).body)["features"] == []


def test_missing_data_of_all_bands_only(rasters: Rasters) -> None:
    pixels = np.full((3, 8, 8), 9, np.uint8)
    pixels[:, 1, 2], pixels[:, 3, 4] = 0, (0, 120, 90)
    layer = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels, nodata=0))
    assert rasters.stored(layer, at_pixel(layer, 4.5, 3.5)) == [0, 120, 90]
    assert json.loads(rasters.document(layer, at_pixel(layer, 2.5, 1.5)).body)["features"] == []


def test_missing_data_that_the_layer_declares(rasters: Rasters) -> None:
    path = write_geotiff(rasters.folder / "a.tif", positions()[0])
    layer = rasters.layer(path, nodata=(7.0,))
    assert json.loads(rasters.document(layer, at_pixel(layer, 7.5, 1.5)).body)["features"] == []
    assert rasters.stored(layer, at_pixel(layer, 8.5, 1.5)) == [8]


def test_infinite_samples_are_null_in_json(rasters: Rasters) -> None:
    pixels = np.full((1, 3, 3), np.inf, np.float32)
    pixels[0, 0, 0] = 2
    layer = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels))
    (band,) = rasters.properties(layer, at_pixel(layer, 1.5, 1.5, 1.5))["bands"]
    assert (band["raw"], band["minimum"], band["maximum"], band["pixels"]) == (None, 2.0, 2.0, 1)
    assert b"inf" in rasters.document(layer, at_pixel(layer, 1.5, 1.5), "text/plain").body


# -- places ----------------------------------------------------------------------------------------


def test_outside_of_the_image_there_is_nothing(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["wgs84"](rasters.folder))
    outside = [(-0.001, 5), (120.001, 5), (5, -0.001), (5, 80.001), (-1e9, 5), (1e300, 1e300)]
    for column, row in outside:
        place = at_pixel(layer, column, row)
        assert json.loads(rasters.document(layer, place).body) == {
            "type": "FeatureCollection",
            "features": [],
        }
    for x, y in ((math.inf, 0.0), (math.nan, 50.0), (10.5, 91.0), (1e308, -1e308)):
        assert b'"features": []' in rasters.document(layer, at("EPSG:3857", x, y)).body


def test_the_pixel_of_a_tile_is_its_center(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    # a tile twice as fine as the image, from its pixel 10, 20 on
    grid = GridRef.of_bounds("EPSG:32633", Bounds(500200, 4999200, 500600, 4999600), Size(40, 40))
    for i, j in ((0, 0), (1, 1), (39, 0), (7, 22)):
        place = pixel_of_grid(grid, i, j)
        assert place.point == (500200 + (i + 0.5) * 10, 4999600 - (j + 0.5) * 10)
        assert rasters.stored(layer, place) == [10 + i // 2, 20 + j // 2]
    assert rasters.properties(layer, pixel_of_grid(grid, 6, 6))["area"] | {"level": 0} == {
        "column": 12, "row": 22, "width": 3, "height": 3, "level": 0, "exact": True,
    }  # fmt: skip


def test_the_area_of_a_level_is_five_of_its_pixels() -> None:
    assert point_of_level((1000.0, 500.0), "EPSG:3857", "EPSG:3857", (10.0, 20.0)) == Place(
        "EPSG:3857", Bounds(975.0, 450.0, 1025.0, 550.0), (1000.0, 500.0), "EPSG:3857"
    )


def test_a_point_on_an_edge_is_of_the_next_pixel_whatever_the_level_s_system(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    for column in range(120):
        place = point_of_level((500000.0 + 20 * column, 5000000.0), "EPSG:32633", "EPSG:3857", (30.0, 30.0))
        assert rasters.stored(layer, place) == [column, 0]


def test_a_box_reports_its_middle_and_all_of_it(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    found = rasters.properties(layer, Place("EPSG:32633", Bounds(499000, 4999800, 500200, 5001000)))
    assert (found["column"], found["row"]) == (5, 5)
    assert found["area"] | {"level": 0} == {
        "column": 0, "row": 0, "width": 10, "height": 10, "level": 0, "exact": True,
    }  # fmt: skip
    assert (found["x"], found["y"]) == (500110.0, 4999890.0)


def test_coordinates_of_the_point(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    found = json.loads(rasters.document(layer, at("EPSG:32633", 500015.0, 4999975.0)).body)["features"][0]
    assert (found["properties"]["x"], found["properties"]["y"]) == (500015.0, 4999975.0)
    assert (found["properties"]["column"], found["properties"]["row"]) == (0, 1)
    assert found["properties"]["crs"] == "EPSG:32633"
    expected = pyproj.Transformer.from_crs(32633, 4326, always_xy=True).transform(500015.0, 4999975.0)
    assert found["geometry"] == {"type": "Point", "coordinates": pytest.approx(list(expected), abs=1e-9)}


@pytest.mark.parametrize(
    ("kind", "longitude", "expected"),
    [
        ("degrees_360", -169.9, 0),
        ("degrees_360", 190.1, 0),
        ("antimeridian", -179.9, 60),
        ("world", 185.0, 1),
    ],
)
def test_places_go_around_the_globe(kind: str, longitude: float, expected: int, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    assert rasters.stored(layer, at("EPSG:4326", longitude, 1.0))[0] == expected
    feature = json.loads(rasters.document(layer, at("EPSG:4326", longitude, 1.0)).body)["features"][0]
    assert feature["geometry"]["coordinates"][0] == pytest.approx(math.remainder(longitude, 360), abs=1e-9)


@pytest.mark.parametrize("kind", ["plain", "europa"])
def test_what_is_not_on_the_earth_has_no_longitude(kind: str, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    (feature,) = json.loads(rasters.document(layer, at_pixel(layer, 3.5, 4.5)).body)["features"]
    assert feature["geometry"] is None
    assert (feature["properties"]["column"], feature["properties"]["row"]) == (3, 4)


def test_only_the_extent_of_the_layer_is_reported(rasters: Rasters) -> None:
    path = KINDS["utm"](rasters.folder)
    layer = rasters.layer(path, extent=Bounds(500200, 4999000, 500600, 4999600))
    found = rasters.properties(layer, at_pixel(layer, 10.5, 20.5, 2.5))
    assert (found["area"]["column"], found["area"]["row"]) == (10, 20)
    for column, row in ((9.5, 20.5), (10.5, 19.5), (30.5, 20.5)):
        assert b'"features": []' in rasters.document(layer, at_pixel(layer, column, row)).body


def test_control_points(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["gcps"](rasters.folder))
    with rasterio.open(rasters.folder / "gcps.tif") as file:
        points = file.gcps[0]
    transform = rasterio.transform.from_gcps(points)
    for column, row in ((3.5, 4.5), (100.25, 70.75)):
        x = transform.a * column + transform.b * row + transform.c
        y = transform.d * column + transform.e * row + transform.f
        assert rasters.stored(layer, at("EPSG:32633", x, y)) == [int(column), int(row)]


# -- large areas -----------------------------------------------------------------------------------


def large(folder: Path, **options: Any) -> tuple[Path, np.ndarray]:
    pixels = (positions(1000, 700)[0] // 4).astype(np.uint8)
    return write_geotiff(folder / "large.tif", pixels, tile=64, **options), pixels


def test_a_large_area_is_measured_in_a_smaller_level(rasters: Rasters) -> None:
    path, _ = large(rasters.folder, overviews=(2, 4), resampling=rasterio.enums.Resampling.average)
    layer = rasters.layer(path)
    found = rasters.properties(layer, at_pixel(layer, 500.5, 350.5, 2000))
    assert found["area"] == {
        "column": 0, "row": 0, "width": 1000, "height": 700, "level": 2, "exact": False,
    }  # fmt: skip
    (band,) = found["bands"]
    assert band["pixels"] == 250 * 175
    assert (band["raw"], band["minimum"], band["maximum"]) == (125, 0, 249)
    assert band["mean"] == pytest.approx(124.5, abs=0.1)


def test_a_large_area_without_smaller_levels_is_measured_at_spread_pixels(rasters: Rasters) -> None:
    path, pixels = large(rasters.folder)
    layer = rasters.layer(path)
    found = rasters.properties(layer, at_pixel(layer, 500.5, 350.5, 2000))
    (band,) = found["bands"]
    assert not found["area"]["exact"]
    assert band["pixels"] == 250 * 175
    assert band["mean"] == pytest.approx(float(pixels.mean()), abs=0.5)
