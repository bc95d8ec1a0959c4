"""Where images are, compared with what GDAL reads of the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from iipserve.geo.extents import geographic_bounds
from iipserve.geo.georeference import Band, ControlPoints, RationalPolynomials
from iipserve.geo.grid import Affine
from iipserve.geo.mapping import to_pixels
from tests.engine.georeferences import Reader, geo_fields, opened, placed
from tests.geo_rasters import GRIDS, KINDS, UTM, positions, rasterio, write_geotiff


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


# -- GeoTIFF ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_files_lie_where_gdal_has_them(kind: str, tmp_path: Path, read: Reader) -> None:
    path = KINDS[kind](tmp_path)
    if kind == "plain":
        assert read(path.name) is None
        return
    found = placed(read(path.name))
    info = read.library.info(path.name)
    with opened(path) as dataset:
        mapping, key = found.georeference.mapping, found.georeference.crs
        assert found.georeference.size == (dataset.width, dataset.height) == info.size
        if dataset.gcps[0]:
            columns, rows = to_pixels(mapping, *np.array([(p.x, p.y) for p in dataset.gcps[0]]).T)
            places = np.array([(p.col, p.row) for p in dataset.gcps[0]])
            assert np.hypot(columns - places[:, 0], rows - places[:, 1]).max() < (
                3 if "curved" in kind else 1e-6
            )
            assert rasterio.crs.CRS.from_user_input(key) == dataset.gcps[1]
        elif dataset.rpcs:
            assert isinstance(mapping, RationalPolynomials)
            assert key == "EPSG:4326"
            assert mapping.offsets == (40, 60, 45.1, 15.05, 200)
            assert mapping.sample_numerator == tuple(dataset.rpcs.samp_num_coeff)
        else:
            assert mapping == dataset.transform[:6]
            assert rasterio.crs.CRS.from_user_input(key) == dataset.crs
        assert len(found.bands) == info.color_bands
    assert found.is_palette == (kind == "palette")


@pytest.mark.parametrize("kind", [kind for kind, (crs, _) in GRIDS.items() if crs and crs.startswith("EPSG")])
def test_a_code_of_the_file_is_the_key(kind: str, tmp_path: Path, read: Reader) -> None:
    path = KINDS[kind](tmp_path)
    assert placed(read(path.name)).georeference.crs == GRIDS[kind][0]


@pytest.mark.parametrize("kind", ["sinusoidal", "europa"])
def test_a_system_without_a_code_gets_none(kind: str, tmp_path: Path, read: Reader) -> None:
    path = KINDS[kind](tmp_path)
    assert placed(read(path.name)).georeference.crs.startswith("PROJCRS[")


@pytest.mark.parametrize("kind", ["utm_antimeridian", "antimeridian"])
def test_images_across_the_antimeridian_do_not_go_around_the_globe(
    kind: str, tmp_path: Path, read: Reader
) -> None:
    path = KINDS[kind](tmp_path)
    found = geographic_bounds(placed(read(path.name)).georeference)
    assert found is not None
    assert 160 < found.min_x < 180
    assert -180 < found.max_x < -160


def test_heights_are_left_out(tmp_path: Path, read: Reader) -> None:
    write_geotiff(tmp_path / "compound.tif", positions(), crs="EPSG:32633+5773")
    write_geotiff(tmp_path / "flat.tif", positions())
    assert placed(read("compound.tif")).georeference == placed(read("flat.tif")).georeference


def test_points_and_areas_have_the_same_corner(tmp_path: Path, read: Reader) -> None:
    """The twin with AREA_OR_POINT=Point gives the centers of pixels in its fields; GDAL writes and reads both alike."""
    point = KINDS["point"](tmp_path)
    KINDS["utm"](tmp_path)
    with tifffile.TiffFile(point) as file:
        assert file.pages[0].tags[33922].value[3:5] == (UTM.c + 10, UTM.f - 10)
    assert placed(read("point.tif")).georeference == placed(read("utm.tif")).georeference


def test_bands_have_the_names_units_and_scales_of_the_file(tmp_path: Path, read: Reader) -> None:
    KINDS["scaled"](tmp_path)
    assert placed(read("scaled.tif")).bands == (
        Band("temperature", "K", 0.1, 1000.0),
        Band("height", "m", 2.0, -5.0),
    )
    KINDS["utm"](tmp_path)
    assert placed(read("utm.tif")).bands == (Band("band1"), Band("band2"))


def test_names_of_bands_need_no_place(tmp_path: Path, read: Reader) -> None:
    write_geotiff(tmp_path / "named.tif", positions(), crs=None, transform=None, names=("a", "b"))
    (tmp_path / "named.tfw").write_text("20\n0\n0\n-20\n10\n-10\n")
    (tmp_path / "named.prj").write_text(rasterio.crs.CRS.from_epsg(32633).to_wkt())
    assert [band.name for band in placed(read("named.tif")).bands] == ["a", "b"]


def test_opacity_is_no_band(tmp_path: Path, read: Reader) -> None:
    KINDS["rgba"](tmp_path)
    KINDS["mask"](tmp_path)
    assert len(placed(read("rgba.tif")).bands) == 3
    assert len(placed(read("mask.tif")).bands) == 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [True, False])
def test_all_variants_of_tiff_are_read(order: str, bigtiff: bool, tmp_path: Path, read: Reader) -> None:
    options = {"endianness": "BIG" if order == ">" else "LITTLE", "bigtiff": "YES" if bigtiff else "NO"}
    write_geotiff(tmp_path / "variant.tif", positions(), **options)
    found = placed(read("variant.tif")).georeference
    assert (found.crs, found.mapping) == ("EPSG:32633", UTM[:6])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_images_lie_where_they_are_shown(orientation: int, tmp_path: Path, read: Reader) -> None:
    """GDAL places pixels as they are stored; each pixel made upright is where it is as stored."""
    path = _with_orientation(KINDS["rotated"](tmp_path), orientation)
    found = placed(read(path.name))
    source = read.library.source(_ref(read, path.name))
    width, height = found.georeference.size
    mapping = found.georeference.mapping
    assert isinstance(mapping, Affine)
    with opened(path) as dataset:
        for column, row in ((0, 0), (width - 1, 0), (3, height - 1)):
            tile = source.info.levels[0].tile
            pixels = source.read_tile(0, column // tile.width, row // tile.height)
            stored_row, stored_column = divmod(int(pixels[row % tile.height, column % tile.width, 0]), 120)
            expected = dataset.transform * (stored_column + 0.5, stored_row + 0.5)
            assert mapping.apply(column + 0.5, row + 0.5) == pytest.approx(expected, abs=1e-6)


def _ref(read: Reader, name: str) -> Any:
    from iipserve.plan import ImageRef

    info = read.library.info(name)
    return ImageRef(info.identifier, info.version)


def _with_orientation(path: Path, orientation: int) -> Path:
    """A GeoTIFF whose samples are the indices of its pixels, with the field Orientation."""
    tifffile.imwrite(
        path, np.arange(80 * 120, dtype=np.uint16).reshape(80, 120), metadata=None,
        extratags=[*geo_fields(path), (274, 3, 1, orientation, True)],
    )  # fmt: skip
    return path


def test_layers_of_a_stack_lie_where_the_first_does(tmp_path: Path, read: Reader) -> None:
    kept = geo_fields(KINDS["utm"](tmp_path))
    with tifffile.TiffWriter(tmp_path / "stack.tif") as writer:
        writer.write(np.zeros((80, 120), np.uint8), extratags=kept, metadata=None)
        writer.write(np.ones((80, 120), np.uint8), metadata=None)
        writer.write(np.ones((50, 70), np.uint8), metadata=None)
    from iipserve.image import Selector

    infos = [read.library.info("stack.tif", Selector(layer)) for layer in range(3)]
    found = [read.georeferences(info) for info in infos]
    assert placed(found[0]).georeference == placed(found[1]).georeference
    assert found[2] is None


# -- ground control points -------------------------------------------------------------------------


def test_exact_points_make_an_affine_mapping(tmp_path: Path, read: Reader) -> None:
    KINDS["gcps"](tmp_path)
    mapping = placed(read("gcps.tif")).georeference.mapping
    assert isinstance(mapping, Affine)
    expected = (
        rasterio.Affine.translation(500000, 5000000)
        * rasterio.Affine.rotation(-25)
        * rasterio.Affine.scale(20, -20)
    )
    assert mapping == pytest.approx(expected[:6], rel=1e-9, abs=1e-9)


def test_points_that_no_affine_fits_have_gdal_s_polynomial(tmp_path: Path, read: Reader) -> None:
    path = KINDS["curved_gcps"](tmp_path)
    mapping = placed(read("curved_gcps.tif")).georeference.mapping
    assert isinstance(mapping, ControlPoints)
    xs, ys = np.meshgrid(np.linspace(500200, 501800, 9), np.linspace(4998500, 5000000, 9))
    found = to_pixels(mapping, xs, ys)
    with opened(path) as dataset, rasterio.transform.GCPTransformer(dataset.gcps[0]) as gdal:
        rows, columns = gdal.rowcol(xs.ravel(), ys.ravel(), op=lambda value: value)
    np.testing.assert_allclose(found[0].ravel(), columns, atol=1e-3)
    np.testing.assert_allclose(found[1].ravel(), rows, atol=1e-3)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_points_lead_nowhere(count: int, tmp_path: Path, read: Reader) -> None:
    from tests.geo_rasters import control_points

    write_geotiff(tmp_path / "few.tif", positions(), gcps=control_points()[:count])
    assert read("few.tif") is None


def test_points_on_a_line_lead_nowhere(tmp_path: Path, read: Reader) -> None:
    from tests.geo_rasters import GroundControlPoint

    points = [GroundControlPoint(row=n * 10, col=n * 10, x=n, y=n) for n in range(5)]
    write_geotiff(tmp_path / "line.tif", positions(), gcps=points)
    assert read("line.tif") is None


# -- JPEG 2000 -------------------------------------------------------------------------------------

JP2_KINDS = ["utm", "wgs84", "polar", "south_up", "rotated", "mercator"]


@pytest.mark.parametrize("kind", JP2_KINDS)
@pytest.mark.parametrize("form", ["geojp2", "gmljp2", "both"])
def test_jpeg_2000_lies_where_its_tiff_twin_does(kind: str, form: str, tmp_path: Path, read: Reader) -> None:
    twin = KINDS[kind](tmp_path)
    path = _jp2(twin, GeoJP2="NO" if form == "gmljp2" else "YES", GMLJP2="NO" if form == "geojp2" else "YES")
    found, expected = placed(read(path.name)).georeference, placed(read(twin.name)).georeference
    assert (found.crs, found.size) == (expected.crs, expected.size)
    with opened(path) as dataset:
        assert tuple(found.mapping) == pytest.approx(dataset.transform[:6], rel=1e-9)
    if kind != "south_up" or form == "gmljp2":  # GDAL writes it as if it were north-up
        assert tuple(found.mapping) == pytest.approx(tuple(expected.mapping), rel=1e-9)


def test_gmljp2_of_version_2_is_read(tmp_path: Path, read: Reader) -> None:
    twin = KINDS["wgs84"](tmp_path)
    path = _jp2(twin, GeoJP2="NO", GMLJP2="NO", GMLJP2V2_DEF="YES")
    found = placed(read(path.name)).georeference
    assert found.crs == "EPSG:4326"
    assert found.mapping == pytest.approx(placed(read(twin.name)).georeference.mapping)


def _jp2(twin: Path, **options: str) -> Path:
    path = twin.with_suffix(".jp2")
    with opened(twin) as dataset:
        pixels = dataset.read()[:1].astype(np.uint8)
        profile = {"crs": dataset.crs, "transform": dataset.transform}
    with (
        rasterio.Env(GDAL_PAM_ENABLED=False),
        rasterio.open(
            path, "w", driver="JP2OpenJPEG", width=120, height=80, count=1, dtype="uint8", REVERSIBLE="YES", QUALITY="100",
            **profile, **options,
        ) as file,
    ):  # fmt: skip
        file.write(pixels)
    return path


def test_plain_jpeg_2000_lies_nowhere(tmp_path: Path, read: Reader) -> None:
    twin = KINDS["utm"](tmp_path)
    path = _jp2(twin, GeoJP2="NO", GMLJP2="NO")
    assert read(path.name) is None
