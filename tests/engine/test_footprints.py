from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.engine.footprints import MAX_VERTICES, Footprint, footprint
from iipserve.engine.valid_area import valid_cells
from iipserve.geo.georeference import GeoImage
from iipserve.geo.grid import Affine
from iipserve.plan import image_ref
from tests.engine.georeferences import Reader, opened, placed
from tests.geo_rasters import GRIDS, HEIGHT, KINDS, UTM, WIDTH, positions, write_geotiff

pyproj = pytest.importorskip("pyproj")
shapely = pytest.importorskip("shapely")
pytest.importorskip("antimeridian")
from shapely.geometry import shape  # noqa: E402

ON_EARTH = sorted(GRIDS.keys() - {"plain", "europa"})
OTHERS = ["gcps", "rgba", "mask", "nodata", "nan", "palette"]


def found(folder: Path, name: str) -> tuple[Footprint | None, GeoImage | None]:
    reader = Reader(folder)
    info = reader.library.info(name)
    geo = reader.georeferences(info)
    if geo is None:
        return None, None
    valid = valid_cells(reader.library.source(image_ref(info, 0, geo.mask)))
    return footprint(geo.georeference, valid), geo


def outline(folder: Path, name: str) -> Any:
    found_one = found(folder, name)[0]
    assert found_one is not None
    return shape(found_one.geometry)


def centers(path: Path, geo: GeoImage, valid: NDArray[np.bool_]) -> Any:
    """Longitudes and latitudes of the centers of pixels, by PROJ; points between -180 and 180 degrees."""
    rows, columns = np.nonzero(valid)
    mapping = geo.georeference.mapping
    assert isinstance(mapping, Affine)
    xs, ys = mapping.apply(columns + 0.5, rows + 0.5)
    with opened(path) as file:
        system = file.crs.to_wkt() if file.crs else None
    lon, lat = pyproj.Transformer.from_crs(system, "OGC:CRS84", always_xy=True).transform(xs, ys)
    return shapely.points((lon + 180) % 360 - 180, lat)


@pytest.mark.parametrize("kind", ON_EARTH)
def test_all_pixels_are_inside_and_little_else(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    located, geo = found(tmp_path, path.name)
    assert located is not None
    polygons = shape(located.geometry)
    assert polygons.is_valid
    points = centers(path, placed(geo), np.ones((HEIGHT, WIDTH), bool))
    assert shapely.covers(polygons, points).all()
    # the outermost centers are half a pixel from the edges
    around = np.array(polygons.bounds)
    inner = np.array(shapely.total_bounds(points))
    part = np.tile([1 / (WIDTH - 1), 1 / (HEIGHT - 1)], 2)
    sides = np.tile(inner[2:] - inner[:2], 2)
    if kind not in ("utm_antimeridian", "antimeridian", "polar"):
        assert (np.abs(around - inner) <= 0.75 * sides * part + 1e-9).all()


@pytest.mark.parametrize("kind", ON_EARTH)
def test_boxes_are_around_the_footprint(kind: str, tmp_path: Path) -> None:
    located, _ = found(tmp_path, KINDS[kind](tmp_path).name)
    assert located is not None
    crosses = kind in ("antimeridian", "utm_antimeridian")
    assert len(located.boxes) == 1 + crosses
    boxes = shapely.union_all([shapely.box(*box) for box in located.boxes])
    assert boxes.covers(shape(located.geometry))
    assert boxes.bounds == shape(located.geometry).bounds
    if crosses:
        assert located.boxes[0].max_x == 180
        assert located.boxes[1].min_x == -180
        assert located.boxes[0][1::2] == located.boxes[1][1::2]


def test_rings_are_counterclockwise_and_closed(tmp_path: Path) -> None:
    """RFC 7946, 3.1.6."""
    for kind in ("utm", "antimeridian", "polar", "mask"):
        for polygon in shapely.get_parts(outline(tmp_path, KINDS[kind](tmp_path).name)):
            assert polygon.exterior.is_ccw
            assert not any(hole.is_ccw for hole in polygon.interiors)
            assert polygon.exterior.coords[0] == polygon.exterior.coords[-1]


def test_degrees_keep_their_corners(tmp_path: Path) -> None:
    located = outline(tmp_path, KINDS["wgs84"](tmp_path).name)
    assert located.equals(shapely.box(10, 49.2, 11.2, 50))


def test_degrees_up_to_360_are_those_up_to_180(tmp_path: Path) -> None:
    located = outline(tmp_path, KINDS["degrees_360"](tmp_path).name)
    np.testing.assert_allclose(located.bounds, (-170, 10 - 80 / 6, -150, 10))


def test_raster_around_a_pole_reaches_to_it(tmp_path: Path) -> None:
    located = outline(tmp_path, KINDS["polar"](tmp_path).name)
    assert located.bounds[0::2] == (-180, 180)
    assert located.bounds[3] == 90
    assert located.covers(shapely.points(np.arange(-180, 181, 10), 89.5)).all()


def test_world_is_one_box(tmp_path: Path) -> None:
    assert outline(tmp_path, KINDS["world"](tmp_path).name).equals(shapely.box(-180, -90, 180, 90))


@pytest.mark.parametrize("kind", ["plain", "europa"])
def test_no_place_on_the_earth_is_no_footprint(kind: str, tmp_path: Path) -> None:
    assert found(tmp_path, KINDS[kind](tmp_path).name)[0] is None


@pytest.mark.parametrize(("levels", "tile"), [((), None), ((2, 4, 8), 64)])
def test_pixels_without_data_are_outside(levels: tuple[int, ...], tile: int | None, tmp_path: Path) -> None:
    """A rotated picture in a frame, as satellite scenes are."""
    side = 900
    across, down = np.meshgrid(np.arange(side) - side / 2, np.arange(side) - side / 2)
    valid = (np.abs(across + 0.3 * down) < side * 0.3) & (np.abs(down - 0.3 * across) < side * 0.3)
    path = tmp_path / "scene.tif"
    pixels = np.where(valid, 500, 0).astype(np.uint16)
    write_geotiff(path, pixels, nodata=0, tile=tile, overviews=levels)
    located, geo = found(tmp_path, path.name)
    assert located is not None
    polygon = shape(located.geometry)
    assert shapely.get_num_coordinates(polygon) <= MAX_VERTICES
    assert shapely.covers(polygon, centers(path, placed(geo), valid)).all()
    outside = shapely.covers(polygon, centers(path, placed(geo), ~valid))
    assert outside.mean() < 0.06


def test_scattered_pixels_are_all_inside(tmp_path: Path) -> None:
    valid = np.random.default_rng(7).random((300, 400)) < 0.002
    path = write_geotiff(tmp_path / "noise.tif", valid.astype(np.uint8), nodata=0)
    located, geo = found(tmp_path, path.name)
    assert located is not None
    assert shapely.covers(shape(located.geometry), centers(path, placed(geo), valid)).all()
    assert shapely.get_num_coordinates(shape(located.geometry)) < 2000


def test_large_hole_is_left_out_and_small_ones_are_not(tmp_path: Path) -> None:
    valid = np.ones((400, 400), bool)
    valid[100:300, 100:300] = False
    valid[10:12, 10:12] = False
    path = write_geotiff(tmp_path / "hole.tif", positions(400, 400), mask=valid)
    located, geo = found(tmp_path, path.name)
    assert located is not None
    polygon = shape(located.geometry)
    assert [len(part.interiors) for part in shapely.get_parts(polygon)] == [1]
    assert shapely.covers(polygon, centers(path, placed(geo), valid)).all()
    assert polygon.area < 0.8 * polygon.envelope.area


def test_image_without_any_data_has_its_outline(tmp_path: Path) -> None:
    write_geotiff(tmp_path / "empty.tif", np.zeros((80, 120), np.uint8), nodata=0)
    write_geotiff(tmp_path / "full.tif", np.ones((80, 120), np.uint8), nodata=0)
    assert outline(tmp_path, "empty.tif").equals(outline(tmp_path, "full.tif"))


def test_two_parts_on_both_sides_of_180_degrees(tmp_path: Path) -> None:
    valid = np.zeros((HEIGHT, WIDTH), bool)
    valid[:, :20] = valid[:, 100:] = True
    crs, transform = GRIDS["antimeridian"]
    path = write_geotiff(tmp_path / "parts.tif", positions(), crs=crs, transform=transform, mask=valid)
    located, geo = found(tmp_path, path.name)
    assert located is not None
    assert shapely.covers(shape(located.geometry), centers(path, placed(geo), valid)).all()
    assert shape(located.geometry).area < 0.4 * 20 * HEIGHT / 6


@pytest.mark.parametrize("kind", OTHERS)
def test_footprint_is_valid_geojson(kind: str, tmp_path: Path) -> None:
    located, _ = found(tmp_path, KINDS[kind](tmp_path).name)
    assert located is not None
    assert located.geometry["type"] in ("Polygon", "MultiPolygon")
    assert shape(located.geometry).is_valid


def test_rotated_grid_is_no_box(tmp_path: Path) -> None:
    polygon = outline(tmp_path, KINDS["rotated"](tmp_path).name)
    assert polygon.area < 0.75 * polygon.envelope.area
    assert UTM.a == 20
