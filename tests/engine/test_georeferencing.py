"""Where images lie, compared with what GDAL reads of the same files."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.files import ImageChanged
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.library import Library
from iipserve.errors import ImageNotFound
from iipserve.geo.extents import geographic_bounds
from iipserve.geo.georeference import Band, ControlPoints, GeoImage, RationalPolynomials
from iipserve.geo.grid import Affine
from iipserve.geo.mapping import to_pixels
from tests.geo_rasters import GRIDS, KINDS, UTM, copy, positions, rasterio, write_geotiff


class Reader:
    """Reads images of one folder."""

    def __init__(self, folder: Path) -> None:
        config = Config(filesystem_prefix=f"{folder}/")
        self.library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
        self.georeferences = Georeferences(config)

    def __call__(self, name: str) -> GeoImage | None:
        return self.georeferences(self.library.info(name))


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def _opened(path: Path) -> Any:
    with warnings.catch_warnings(action="ignore"):
        return rasterio.open(path)


def _placed(image: GeoImage | None) -> GeoImage:
    assert image is not None
    return image


# -- GeoTIFF ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_files_lie_where_gdal_has_them(kind: str, tmp_path: Path, read: Reader) -> None:
    path = KINDS[kind](tmp_path)
    if kind == "plain":
        assert read(path.name) is None
        return
    found = _placed(read(path.name))
    info = read.library.info(path.name)
    with _opened(path) as dataset:
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
    assert _placed(read(path.name)).georeference.crs == GRIDS[kind][0]


@pytest.mark.parametrize("kind", ["sinusoidal", "europa"])
def test_a_system_without_a_code_gets_none(kind: str, tmp_path: Path, read: Reader) -> None:
    path = KINDS[kind](tmp_path)
    assert _placed(read(path.name)).georeference.crs.startswith("PROJCRS[")


@pytest.mark.parametrize("kind", ["utm_antimeridian", "antimeridian"])
def test_images_across_the_antimeridian_do_not_go_around_the_globe(
    kind: str, tmp_path: Path, read: Reader
) -> None:
    path = KINDS[kind](tmp_path)
    found = geographic_bounds(_placed(read(path.name)).georeference)
    assert found is not None
    assert 160 < found.min_x < 180
    assert -180 < found.max_x < -160


def test_heights_are_left_out(tmp_path: Path, read: Reader) -> None:
    write_geotiff(tmp_path / "compound.tif", positions(), crs="EPSG:32633+5773")
    write_geotiff(tmp_path / "flat.tif", positions())
    assert _placed(read("compound.tif")).georeference == _placed(read("flat.tif")).georeference


def test_points_and_areas_have_the_same_corner(tmp_path: Path, read: Reader) -> None:
    """The twin with AREA_OR_POINT=Point gives the centers of pixels in its fields; GDAL writes and reads both alike."""
    point = KINDS["point"](tmp_path)
    KINDS["utm"](tmp_path)
    with tifffile.TiffFile(point) as file:
        assert file.pages[0].tags[33922].value[3:5] == (UTM.c + 10, UTM.f - 10)
    assert _placed(read("point.tif")).georeference == _placed(read("utm.tif")).georeference


def test_bands_have_the_names_units_and_scales_of_the_file(tmp_path: Path, read: Reader) -> None:
    KINDS["scaled"](tmp_path)
    assert _placed(read("scaled.tif")).bands == (
        Band("temperature", "K", 0.1, 1000.0),
        Band("height", "m", 2.0, -5.0),
    )
    KINDS["utm"](tmp_path)
    assert _placed(read("utm.tif")).bands == (Band("band1"), Band("band2"))


def test_names_of_bands_need_no_place(tmp_path: Path, read: Reader) -> None:
    write_geotiff(tmp_path / "named.tif", positions(), crs=None, transform=None, names=("a", "b"))
    (tmp_path / "named.tfw").write_text("20\n0\n0\n-20\n10\n-10\n")
    (tmp_path / "named.prj").write_text(rasterio.crs.CRS.from_epsg(32633).to_wkt())
    assert [band.name for band in _placed(read("named.tif")).bands] == ["a", "b"]


def test_opacity_is_no_band(tmp_path: Path, read: Reader) -> None:
    KINDS["rgba"](tmp_path)
    KINDS["mask"](tmp_path)
    assert len(_placed(read("rgba.tif")).bands) == 3
    assert len(_placed(read("mask.tif")).bands) == 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [True, False])
def test_all_variants_of_tiff_are_read(order: str, bigtiff: bool, tmp_path: Path, read: Reader) -> None:
    options = {"endianness": "BIG" if order == ">" else "LITTLE", "bigtiff": "YES" if bigtiff else "NO"}
    write_geotiff(tmp_path / "variant.tif", positions(), **options)
    found = _placed(read("variant.tif")).georeference
    assert (found.crs, found.mapping) == ("EPSG:32633", UTM[:6])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_images_lie_where_they_are_shown(orientation: int, tmp_path: Path, read: Reader) -> None:
    """GDAL places pixels as they are stored; each pixel made upright lies where it does as stored."""
    path = _with_orientation(KINDS["rotated"](tmp_path), orientation)
    found = _placed(read(path.name))
    source = read.library.source(_ref(read, path.name))
    width, height = found.georeference.size
    mapping = found.georeference.mapping
    assert isinstance(mapping, Affine)
    with _opened(path) as dataset:
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
        extratags=[*_geo_fields(path), (274, 3, 1, orientation, True)],
    )  # fmt: skip
    return path


def _geo_fields(path: Path) -> list[tuple[int, int, int, Any, bool]]:
    """The georeference of a file, for tifffile."""
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        found = [tags[code] for code in (33550, 33922, 34264, 34735, 34736, 34737) if code in tags]
        return [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in found]


def test_layers_of_a_stack_lie_where_the_first_does(tmp_path: Path, read: Reader) -> None:
    kept = _geo_fields(KINDS["utm"](tmp_path))
    with tifffile.TiffWriter(tmp_path / "stack.tif") as writer:
        writer.write(np.zeros((80, 120), np.uint8), extratags=kept, metadata=None)
        writer.write(np.ones((80, 120), np.uint8), metadata=None)
        writer.write(np.ones((50, 70), np.uint8), metadata=None)
    from iipserve.image import Selector

    infos = [read.library.info("stack.tif", Selector(layer)) for layer in range(3)]
    found = [read.georeferences(info) for info in infos]
    assert _placed(found[0]).georeference == _placed(found[1]).georeference
    assert found[2] is None


# -- ground control points -------------------------------------------------------------------------


def test_exact_points_make_an_affine_mapping(tmp_path: Path, read: Reader) -> None:
    KINDS["gcps"](tmp_path)
    mapping = _placed(read("gcps.tif")).georeference.mapping
    assert isinstance(mapping, Affine)
    expected = (
        rasterio.Affine.translation(500000, 5000000)
        * rasterio.Affine.rotation(-25)
        * rasterio.Affine.scale(20, -20)
    )
    assert mapping == pytest.approx(expected[:6], rel=1e-9, abs=1e-9)


def test_points_that_no_affine_fits_have_gdal_s_polynomial(tmp_path: Path, read: Reader) -> None:
    path = KINDS["curved_gcps"](tmp_path)
    mapping = _placed(read("curved_gcps.tif")).georeference.mapping
    assert isinstance(mapping, ControlPoints)
    xs, ys = np.meshgrid(np.linspace(500200, 501800, 9), np.linspace(4998500, 5000000, 9))
    found = to_pixels(mapping, xs, ys)
    with _opened(path) as dataset, rasterio.transform.GCPTransformer(dataset.gcps[0]) as gdal:
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
    found, expected = _placed(read(path.name)).georeference, _placed(read(twin.name)).georeference
    assert (found.crs, found.size) == (expected.crs, expected.size)
    with _opened(path) as dataset:
        assert tuple(found.mapping) == pytest.approx(dataset.transform[:6], rel=1e-9)
    if kind != "south_up" or form == "gmljp2":  # GDAL writes it as if it were north-up
        assert tuple(found.mapping) == pytest.approx(tuple(expected.mapping), rel=1e-9)


def test_gmljp2_of_version_2_is_read(tmp_path: Path, read: Reader) -> None:
    twin = KINDS["wgs84"](tmp_path)
    path = _jp2(twin, GeoJP2="NO", GMLJP2="NO", GMLJP2V2_DEF="YES")
    found = _placed(read(path.name)).georeference
    assert found.crs == "EPSG:4326"
    assert found.mapping == pytest.approx(_placed(read(twin.name)).georeference.mapping)


def _jp2(twin: Path, **options: str) -> Path:
    path = twin.with_suffix(".jp2")
    with _opened(twin) as dataset:
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


# -- files beside the image ------------------------------------------------------------------------

WORLD = "0.5\n0.1\n-0.2\n-0.25\n100.25\n49.875\n"


@pytest.mark.parametrize(
    ("image", "beside"),
    [("a.jpg", "a.jgw"), ("a.jpg", "a.jpgw"), ("a.jpg", "a.wld"), ("a.png", "a.pgw"), ("a.tif", "a.tfw"), ("a.jpeg", "a.jgw"),
     ("a.webp", "a.wpw"), ("a.JPG", "a.JGW"), ("a.b.png", "a.b.wld")],
)  # fmt: skip
def test_world_files_place_pictures(image: str, beside: str, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30), (9, 99, 199)).save(tmp_path / image)
    assert read(image) is None
    (tmp_path / beside).write_text(WORLD)
    (tmp_path / image).with_suffix(".prj").write_text(
        rasterio.crs.CRS.from_epsg(4490).to_wkt(version="WKT1_ESRI")
    )
    read.georeferences.clear()
    found = _placed(read(image)).georeference
    assert found.crs == "EPSG:4490"
    assert isinstance(found.mapping, Affine)
    # the last two numbers are the center of the first pixel
    assert found.mapping.apply(0.5, 0.5) == pytest.approx((100.25, 49.875))
    assert found.mapping == pytest.approx((0.5, -0.2, 100.1, 0.1, -0.25, 49.95))
    if beside.endswith("w"):
        with _opened(tmp_path / image) as dataset:
            expected = dataset.transform if not dataset.transform.is_identity else None
        assert expected is None or found.mapping == pytest.approx(expected[:6])


def test_a_world_file_alone_says_too_little(tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(WORLD)
    assert read("a.png") is None


def test_changes_beside_an_image_are_noticed(tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.wld").write_text(WORLD)
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4326).to_wkt())
    first = _placed(read("a.png")).georeference
    (tmp_path / "a.wld").write_text(WORLD.replace("100.25", "-70.25"))
    second = _placed(read("a.png")).georeference
    assert isinstance(first.mapping, Affine)
    assert second.mapping == first.mapping._replace(c=-70.4)
    (tmp_path / "a.prj").unlink()
    assert read("a.png") is None


def test_the_file_itself_wins(tmp_path: Path, read: Reader) -> None:
    KINDS["utm"](tmp_path)
    before = read("utm.tif")
    (tmp_path / "utm.tfw").write_text(WORLD)
    read.georeferences.clear()
    assert read("utm.tif") == before


@pytest.mark.parametrize(
    "text", ["", "1", "1\n2\n3", "a\nb\nc\nd\ne\nf", "nan\n0\n0\n-1\n0\n0", "0\n0\n0\n0\n0\n0", "1e400\n0\n0\n-1\n0\n0", "\0" * 90,
             "1\n1\n1\n1\n5\n5", "\xff\xfe" * 500],
)  # fmt: skip
def test_damaged_world_files_place_nothing(text: str, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.wld").write_bytes(text.encode("latin-1"))
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4326).to_wkt())
    assert read("a.png") is None


# -- GDAL's auxiliary files ------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kind", ["utm", "rotated", "sinusoidal", "curved_gcps"])
def test_auxiliary_files_of_gdal_place_pictures(driver: str, kind: str, tmp_path: Path, read: Reader) -> None:
    twin = KINDS[kind](tmp_path)
    path = tmp_path / f"a.{driver.lower()}"
    with _opened(twin) as dataset:
        columns, rows = dataset.read().astype(np.uint8)
        place = {"gcps": dataset.gcps[0], "crs": dataset.gcps[1]} if dataset.gcps[0] else {
            "transform": dataset.transform, "crs": dataset.crs,
        }  # fmt: skip
    memory = write_geotiff(tmp_path / "source.tif", np.stack([columns, rows, rows]), **place, scales=(0.5, 2, 1),
                           offsets=(1, 2, 0), units=("m", "", ""), names=("a", "b", ""), photometric="RGB")  # fmt: skip
    with rasterio.Env(GDAL_PAM_ENABLED=True):
        copy(memory, path, driver=driver)
    assert (tmp_path / f"{path.name}.aux.xml").exists()
    found, expected = _placed(read(path.name)), _placed(read(twin.name))
    assert found.georeference.crs == expected.georeference.crs
    # as text
    assert _numbers(found) == pytest.approx(_numbers(expected), rel=1e-5)
    assert found.bands[:2] == (Band("a", "m", 0.5, 1.0), Band("b", "", 2.0, 2.0))


def _numbers(image: GeoImage) -> list[float]:
    mapping = image.georeference.mapping
    if isinstance(mapping, ControlPoints):
        return [mapping.order, *(number for point in mapping.points for number in point)]
    assert isinstance(mapping, Affine)
    return [*mapping]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<",
        b"<PAMDataset/>",
        b"<PAMDataset><GeoTransform>0,1,0,0,0,-1</GeoTransform></PAMDataset>",
        b"<PAMDataset><GeoTransform>0,1,0,0,0</GeoTransform><PAMRasterBand><Scale>x</Scale></PAMRasterBand></PAMDataset>",
        b"<PAMDataset><GCPList><GCP Pixel='1'/></GCPList></PAMDataset>",
        b"\xff" * 100,
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><PAMDataset><SRS>&b;</SRS></PAMDataset>",
    ],
)
def test_damaged_auxiliary_files_place_nothing(document: bytes, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.png.aux.xml").write_bytes(document)
    assert read("a.png") is None


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.wld").write_text(WORLD)
    (folder / "a.wld").symlink_to(tmp_path / "secret.wld")
    (folder / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4326).to_wkt())
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    os.mkfifo(folder / "b.wld")
    Image.new("RGB", (40, 30)).save(folder / "b.png")
    read = Reader(folder)
    assert read("a.png") is None
    assert read("b.png") is None


# -- versions, and hostile files -------------------------------------------------------------------


def test_a_replaced_file_is_not_confused_with_the_old_one(tmp_path: Path, read: Reader) -> None:
    KINDS["utm"](tmp_path)
    old = read.library.info("utm.tif")
    write_geotiff(tmp_path / "new.tif", positions(), crs="EPSG:32634")
    (tmp_path / "new.tif").rename(tmp_path / "utm.tif")
    with pytest.raises(ImageChanged):
        read.georeferences(old)
    assert _placed(read("utm.tif")).georeference.crs == "EPSG:32634"
    gone = read.library.info("utm.tif")
    (tmp_path / "utm.tif").unlink()
    assert read.georeferences(gone) is not None, (
        "remembered by version; the library proves that it is current"
    )
    with pytest.raises(ImageNotFound):
        Reader(tmp_path).georeferences(gone)


def test_each_version_is_read_once(tmp_path: Path, read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    KINDS["utm"](tmp_path)
    first = read("utm.tif")
    monkeypatch.setattr("iipserve.engine.georeferencing._read_file", _never)
    assert read("utm.tif") is first


def test_threads_and_processes_read_at_once(tmp_path: Path) -> None:
    """GDAL's and PROJ's objects are never shared: images of different systems, read by a fork, then by threads.

    In an interpreter of its own: the fork of one in which another thread is inside GDAL, if only to end, may wait for
    ever for a lock of that thread.
    """
    kinds = ["utm", "wgs84", "polar", "sinusoidal", "curved_gcps", "rpcs", "feet", "scaled"]
    names = [KINDS[kind](tmp_path).name for kind in kinds]
    subprocess.run([sys.executable, "-c", READ_AT_ONCE, tmp_path, *names], check=True, timeout=300)


READ_AT_ONCE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tests.engine.test_georeferencing import Reader

folder, names = Path(sys.argv[1]), sys.argv[2:]
expected = [Reader(folder)(name) for name in names]

def read_all(shift):
    order = [*range(shift, len(names)), *range(shift)] * 3
    return all(Reader(folder)(names[index]) == expected[index] for index in order)

child = os.fork()
if not child:
    os._exit(0 if read_all(0) else 1)
assert os.waitpid(child, 0)[1] == 0
with ThreadPoolExecutor(8) as pool:
    assert all(pool.map(read_all, range(8)))
"""
"""Arguments: folder, and names of images in it."""


def _never(*args: object) -> None:
    raise AssertionError


FIELDS: dict[str, tuple[int, str, Callable[[], list[float]]]] = {
    "no scale": (33550, "d", lambda: [0.0, 0.0, 0.0]),
    "nan": (33550, "d", lambda: [float("nan")] * 3),
    "infinite tie point": (33922, "d", lambda: [0, 0, 0, float("inf"), 0, 0]),
    "singular": (34264, "d", lambda: [1, 1, 0, 5, 1, 1, 0, 5, *[0] * 7, 1]),
    "huge": (34264, "d", lambda: [1e308, 0, 0, 1e308, 0, -1e308, 0, 1e308, *[0] * 7, 1]),
    "tiny": (34264, "d", lambda: [1e-308, 0, 0, 0, 0, -1e-308, 0, 0, *[0] * 7, 1]),
    "short": (34264, "d", lambda: [1.0, 2.0]),
    "keys that lead out": (34735, "H", lambda: [1, 1, 0, 100, 3072, 34737, 60000, 60000]),
    "keys that are none": (34735, "H", lambda: [65535] * 40),
    "unknown code": (34735, "H", lambda: [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 65000]),
    "many points": (33922, "d", lambda: [float(n % 7) for n in range(6 * 5000)]),
}  # fmt: skip


@pytest.mark.parametrize("damage", FIELDS)
def test_damaged_fields_place_nothing(damage: str, tmp_path: Path, read: Reader) -> None:
    tag, code, values = FIELDS[damage]
    kept = {field[0]: field for field in _geo_fields(KINDS["utm"](tmp_path))}
    if tag != 34735 and damage != "no scale":
        kept = {34735: kept[34735]}
    numbers = values()
    kept[tag] = (tag, 12 if code == "d" else 3, len(numbers), tuple(numbers), True)
    tifffile.imwrite(
        tmp_path / "damaged.tif", np.zeros((80, 120), np.uint8), extratags=list(kept.values()), metadata=None
    )
    assert read("damaged.tif") is None


@pytest.mark.parametrize("name", ["GDAL_METADATA", "geo keys"])
@pytest.mark.parametrize("seed", range(20))
def test_random_fields_do_no_harm(name: str, seed: int, tmp_path: Path, read: Reader) -> None:
    random = np.random.default_rng(seed)
    content = random.integers(0, 256, 500).astype(np.uint8).tobytes()
    tag = (
        (42112, 2, 500, content, True)
        if name == "GDAL_METADATA"
        else (34735, 3, 250, np.frombuffer(content, "H").tolist(), True)
    )
    place = (34264, 12, 16, (20, 0, 0, 5, 0, -20, 0, 5, *[0] * 7, 1), True)
    tifffile.imwrite(
        tmp_path / "random.tif", np.zeros((80, 120), np.uint8), extratags=[tag, place], metadata=None
    )
    found = read("random.tif")
    assert found is None or found.georeference.mapping is not None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"\0" * 50,
        b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><RectifiedGrid><pos>&c;</pos></RectifiedGrid>",
        b"<RectifiedGrid><pos>1 x</pos><offsetVector>1 0</offsetVector><offsetVector>0 1</offsetVector></RectifiedGrid>",
        b"<RectifiedGrid srsName='/etc/passwd'><pos>1 2</pos><offsetVector>1 0</offsetVector><offsetVector>0 1</offsetVector></RectifiedGrid>",
        b"<RectifiedGrid srsName='EPSG:4326'><pos>1 2</pos><offsetVector>1 0</offsetVector></RectifiedGrid>",
        b"<a>" * 5000,
    ],
)
def test_damaged_gml_places_nothing(document: bytes) -> None:
    from iipserve.geo.gmljp2 import read_gml

    found = read_gml(document)
    assert found.crs is None or found.mapping is None
