"""Coverages of many images: rows of a shapefile, by place, time and attribute, compared with a mosaic by numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray

shapefile = pytest.importorskip("shapefile")
rasterio = pytest.importorskip("rasterio")

from rasterio.io import MemoryFile  # noqa: E402
from rasterio.transform import from_origin  # noqa: E402

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from iipserve.errors import ConfigError  # noqa: E402
from iipserve.geo.service import load  # noqa: E402
from iipserve.http import Request  # noqa: E402
from tests.geo_rasters import write_geotiff  # noqa: E402
from tests.protocols.wcs.documents import texts  # noqa: E402
from tests.schemas import validated  # noqa: E402

LEFT, TOP, PIXEL = 500000.0, 5000000.0, 20.0
TIMES = ("2001-06-01", "2002-06-01")
PLACES = {"west": (0, 0), "east": (60, 10)}
"""Columns and rows of the first pixels in the mosaic, of images of 80 x 50 pixels that overlap."""
WIDTH, HEIGHT = 140, 60
MISSING = -9999


def samples(name: str, time: str) -> NDArray[Any]:
    """Of one image: a hole of missing data is where the images overlap."""
    rows, columns = np.mgrid[:50, :80].astype(np.int16)
    pixels = 1000 * TIMES.index(time) + 100 * list(PLACES).index(name) + columns + rows
    if name == "east":
        pixels[5:15, 2:12] = MISSING
    return pixels.astype(np.int16)


def mosaic(*times: str) -> NDArray[Any]:
    """All images of some times, later ones over earlier ones where they have data."""
    result = np.full((HEIGHT, WIDTH), MISSING, np.int16)
    for time in times:
        for name, (column, row) in PLACES.items():
            pixels, part = samples(name, time), result[row : row + 50, column : column + 80]
            part[pixels != MISSING] = pixels[pixels != MISSING]
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("scenes")
    with shapefile.Writer(str(found / "index"), shapeType=shapefile.POLYGON) as writer:
        writer.field("location", "C", 80)
        writer.field("taken", "D")
        writer.field("Sensor", "C", 10)
        for time in TIMES:
            for name, (column, row) in PLACES.items():
                left, top = LEFT + column * PIXEL, TOP - row * PIXEL
                right, bottom = left + 80 * PIXEL, top - 50 * PIXEL
                path = found / f"{name}-{time}.tif"
                place = from_origin(left, top, PIXEL, PIXEL)
                write_geotiff(path, samples(name, time), transform=place, nodata=MISSING, tile=16)
                writer.poly([[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]])
                writer.record(path.name, time.replace("-", ""), name)
    (found / "index.prj").write_text(rasterio.CRS.from_epsg(32633).to_wkt())
    (found / "s.map").write_text(
        'MAP LAYER NAME scenes TYPE RASTER TILEINDEX "index.shp" TILEITEM "location" METADATA "wcs_timeitem" "taken" '
        '"wcs_timeposition" "2001-06-01,2002-06-01" END END '
        'LAYER NAME tiles TYPE POLYGON DATA "index" FILTERITEM "sensor" FILTER "west" END '
        'LAYER NAME west TYPE RASTER TILEINDEX "tiles" METADATA "wcs_timeitem" "taken" END END END'
    )
    (found / "s.toml").write_text(
        '[[layer]]\nidentifier = "scenes"\ntile_index = "index.shp"\nmetadata = { wcs_timeitem = "taken" }\n'
    )
    return found


@pytest.fixture(scope="module", params=["s.map", "s.toml"])
def app(folder: Path, request: pytest.FixtureRequest) -> Application:
    return build(Config(filesystem_prefix=f"{folder}/", services=str(folder / request.param)))


def answer(app: Application, **fields: str) -> Any:
    fields = {"SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": "scenes"} | fields
    query = "&".join(f"{name}={value}" for name, value in fields.items() if value)
    return app.handle(Request("GET", "/wcs", query, {"HTTP_HOST": "a.example"}))


def coverage(app: Application, **fields: str) -> NDArray[Any]:
    response = answer(app, **fields)
    assert response.status == 200, response.body
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    with MemoryFile(body) as memory, memory.open() as dataset:
        return np.asarray(dataset.read(1))


@pytest.mark.parametrize("time", TIMES)
def test_the_images_of_one_time(app: Application, time: str) -> None:
    assert np.array_equal(coverage(app, SUBSET=f'time("{time}")'), mosaic(time))
    old = {
        "VERSION": "1.0.0",
        "COVERAGE": "scenes",
        "COVERAGEID": "",
        "CRS": "EPSG:32633",
        "FORMAT": "GeoTIFF",
    }
    box = f"{LEFT:.0f},{TOP - HEIGHT * PIXEL:.0f},{LEFT + WIDTH * PIXEL:.0f},{TOP:.0f}"
    found = coverage(app, **old, BBOX=box, WIDTH=str(WIDTH), HEIGHT=str(HEIGHT), TIME=time)
    assert np.array_equal(found, mosaic(time))


def test_all_images_over_each_other_and_a_window_of_them(app: Application) -> None:
    assert np.array_equal(coverage(app), mosaic(*TIMES))
    low, high = LEFT + 50 * PIXEL, LEFT + 90 * PIXEL
    found = coverage(app, SUBSET=f"E({low},{high})&SUBSET=time(%222001-06-01%22)")
    assert np.array_equal(found, mosaic(TIMES[0])[:, 50:90])


def test_smaller_by_nearest_neighbor(app: Application) -> None:
    """Of each image the pixels that the same request has of it alone."""
    found = coverage(app, SUBSET='time("2002-06-01")', SCALEFACTOR="0.5")
    assert np.array_equal(found, mosaic(TIMES[1])[1::2, 1::2])


def test_where_no_image_is(app: Application) -> None:
    low, high = LEFT + 100 * PIXEL, LEFT + 120 * PIXEL
    top, bottom = TOP, TOP - 10 * PIXEL
    found = coverage(app, SUBSET=f"E({low},{high})&SUBSET=N({bottom},{top})")
    assert found.shape == (10, 20)
    assert (found == MISSING).all()


def test_ogc_api_gives_the_same(app: Application) -> None:
    asked = Request(
        "GET", "/ogc/collections/scenes/coverage", f"datetime={TIMES[0]}", {"HTTP_HOST": "a.example"}
    )
    response: Any = app.handle(asked)
    assert response.status == 200, response.body
    with MemoryFile(response.body) as memory, memory.open() as dataset:
        assert np.array_equal(dataset.read(1), mosaic(TIMES[0]))


@pytest.mark.parametrize("version", ["1.0.0", "1.1.2", "2.0.1"])
def test_only_images_inside_of_the_box_are_opened(
    app: Application, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is of those: the first one, which tells of the samples, and that of the box."""
    monkeypatch.setattr("iipserve.protocols.coverage_images.MAX_IMAGES", 2)
    west, east, south, north = (LEFT + 100 * PIXEL, LEFT + 110 * PIXEL, TOP - 40 * PIXEL, TOP - 30 * PIXEL)
    time = TIMES[0]
    box = f"{west},{south},{east},{north}"
    half = PIXEL / 2
    centers = f"{west + half},{south + half},{east - half},{north - half},urn:ogc:def:crs:EPSG::32633"
    fields: dict[str, dict[str, str]] = {
        "1.0.0": {
            "COVERAGE": "scenes", "CRS": "EPSG:32633", "FORMAT": "GeoTIFF", "BBOX": box, "WIDTH": "10", "HEIGHT": "10",
            "TIME": time,
        },
        "1.1.2": {"IDENTIFIER": "scenes", "FORMAT": "image/tiff", "BOUNDINGBOX": centers, "TIMESEQUENCE": time},
        "2.0.1": {"SUBSET": f"E({west},{east})&SUBSET=N({south},{north})&SUBSET=time(%22{time}%22)"},
    }  # fmt: skip
    response = answer(app, VERSION=version, **fields[version])
    assert response.status == 200, response.body
    body = response.body[response.body.index(b"II*\0") :]
    with MemoryFile(body) as memory, memory.open() as dataset:
        assert np.array_equal(dataset.read(1), mosaic(time)[30:40, 100:110])
    assert answer(app, VERSION="2.0.1", NEW=version).status in (400, 413)  # not answered before


def test_documents_describe_the_mosaic(app: Application) -> None:
    response = answer(app, REQUEST="DescribeCoverage")
    root = validated(response.body)
    assert texts(root, "//gml32:high") == [f"{WIDTH - 1} {HEIGHT - 1}"]
    assert texts(root, "//gml32:beginPosition | //gml32:endPosition") == list(TIMES)
    assert texts(root, "//gml32:upperCorner") == [f"{LEFT + WIDTH * PIXEL:.0f} {TOP:.0f}"]
    response = answer(app, REQUEST="GetCapabilities")
    assert "scenes" in texts(validated(response.body), "//wcs:CoverageId")


def test_a_time_that_there_is_not(app: Application) -> None:
    response = answer(app, SUBSET='time("1999-01-01")')
    assert response.status == 404
    assert etree.fromstring(response.body)[0].get("exceptionCode") == "InvalidSubsetting"


def test_an_attribute_chooses_rows(folder: Path) -> None:
    app = build(Config(filesystem_prefix=f"{folder}/", services=str(folder / "s.map")))
    found = coverage(app, COVERAGEID="west", SUBSET='time("2001-06-01")')
    assert np.array_equal(found, samples("west", TIMES[0]))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ('TILEINDEX "damaged"', "damaged is no shapefile"),
        ('TILEINDEX "index" TILEITEM "path"', "tile_item is 'path', but index has location, taken, sensor"),
    ],
)
def test_mistakes(folder: Path, layer: str, message: str) -> None:
    for end in ("shp", "dbf"):
        (folder / f"damaged.{end}").write_bytes(b"x" * 200)
    path = folder / "mistake.map"
    path.write_text(f"MAP LAYER NAME a TYPE RASTER {layer} END END")
    with pytest.raises(ConfigError, match=message):
        load(Config(services=str(path), filesystem_prefix=f"{folder}/"))


def test_a_layer_without_its_index_is_left_out(folder: Path) -> None:
    path = folder / "nothing.map"
    path.write_text('MAP LAYER NAME a TYPE RASTER TILEINDEX "nothing" END END')
    services = load(Config(services=str(path), filesystem_prefix=f"{folder}/"))
    assert services.layers == ()
    assert "there is no shapefile nothing" in services.notes[0]
    path = folder / "nothing.toml"
    path.write_text('[[layer]]\nidentifier = "a"\ntile_index = "nothing.shp"\n')
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Config(services=str(path), filesystem_prefix=f"{folder}/"))


def test_images_outside_of_the_folder_are_left_out(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names no image that is below"):
        load(Config(services=str(folder / "s.toml"), filesystem_prefix=f"{tmp_path}/"))


def test_a_filter_that_is_not_understood_is_refused(folder: Path) -> None:
    path = folder / "filter.map"
    path.write_text(
        'MAP LAYER NAME t TYPE POLYGON DATA "index" FILTER ([sensor] = "west") END LAYER NAME a TYPE RASTER TILEINDEX t END END'
    )
    with pytest.raises(ConfigError, match="more would be shown"):
        load(Config(services=str(path), filesystem_prefix=f"{folder}/"))
