"""GetFeatureInfo of WMTS, through the application: places, formats and faults."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from lxml import etree
from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Request, Response
from tests.geo_rasters import KINDS, positions, write_geotiff

GML_TYPE = "application/gml+xml; version=3.1"
ORIGIN, CELL = (1487158.8223163895, 6144314.081675608), 152.8740565703525
"""Of the raster `mercator`: the corner of tile 550/355 of zoom 10, and its pixels."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """A server of one raster of most kinds."""
    folder = tmp_path_factory.mktemp("rasters")
    for make in KINDS.values():
        make(folder)
    pixels = (positions(768, 512)[0] // 3).astype(np.uint8)
    write_geotiff(folder / "gray.tif", pixels, tile=256, overviews=(2, 4))
    return build(Config(filesystem_prefix=f"{folder}/"))


def get(app: Application, path: str, query: str = "") -> Response:
    return app.handle(Request("GET", path, query, {"HTTP_HOST": "maps.example"}))


def ask(app: Application, layer: str, **parameters: Any) -> Response:
    """GetFeatureInfo by parameters; a pixel of the tile of zoom 10 at the corner of `mercator` unless others are given."""
    wanted = {
        "service": "WMTS", "version": "1.0.0", "request": "GetFeatureInfo", "layer": layer, "style": "default",
        "format": "image/png", "tilematrixset": "WebMercatorQuad", "tilematrix": "10", "tilerow": "355",
        "tilecol": "550", "i": "3", "j": "4", "infoformat": "application/json",
    } | parameters  # fmt: skip
    return get(app, "/wmts", urlencode({name: value for name, value in wanted.items() if value is not None}))


def at_point(app: Application, layer: str, **parameters: Any) -> Response:
    """GetFeatureInfo by a point or a box."""
    wanted = {"request": "GetFeatureInfo", "service": "WMTS", "layer": layer, "zoomlevel": "10"} | parameters
    return get(app, "/wmts", urlencode(wanted))


def properties(response: Response) -> dict[str, Any]:
    assert response.status == 200, response.body
    (feature,) = json.loads(bytes(response.body))["features"]  # type: ignore[arg-type]
    found: dict[str, Any] = feature["properties"]
    return found


def stored(response: Response) -> list[Any]:
    """Samples by band, in the order of the file."""
    return [each["raw"] for each in reversed(properties(response)["bands"])]


def fault(response: Response) -> tuple[int, str | None, str | None]:
    """Status, code and locator."""
    exception = etree.fromstring(response.body)[0]
    return int(response.status), exception.get("exceptionCode"), exception.get("locator")


# -- places ----------------------------------------------------------------------------------------


def test_a_pixel_of_a_tile(app: Application) -> None:
    for i, j in ((0, 0), (3, 4), (119, 79)):
        found = ask(app, "mercator", i=i, j=j)
        assert stored(found) == [i, j]
        assert properties(found)["crs"] == "EPSG:3857"
        assert properties(found)["x"] == pytest.approx(ORIGIN[0] + (i + 0.5) * CELL)
    area = properties(ask(app, "mercator", i=10, j=20))["area"]
    assert (area["column"], area["row"], area["width"], area["height"]) == (8, 18, 5, 5)


def test_a_pixel_of_a_finer_matrix_than_the_layer_has_tiles_of(app: Application) -> None:
    """As GDAL asks, which takes the finest matrix of the set."""
    found = ask(app, "mercator", tilematrix=13, tilerow=355 * 8, tilecol=550 * 8, i=8 * 3 + 2, j=8 * 4 + 7)
    assert stored(found) == [3, 4]


def test_a_pixel_of_a_tile_by_its_path(app: Application) -> None:
    for style in ("/default", ""):
        for extension in ("json", "xml", "html", "txt", "gml"):
            path = f"/wmts/mercator{style}/WebMercatorQuad/10/355/550/4/3.{extension}"
            response = get(app, path)
            assert response.status == 200, path
            if extension == "json":
                assert stored(response) == [3, 4]


@pytest.mark.parametrize(
    "kind", ["mercator", "wgs84", "utm", "cgcs2000", "rotated", "degrees_360", "south_up"]
)
def test_a_pixel_outside_of_the_image_has_nothing(kind: str, app: Application) -> None:
    # the level at which the whole world is one tile: the image is none of its corners
    for i in (0, 255):
        response = ask(app, kind, tilematrix="0", tilerow="0", tilecol="0", i=i, j=i)
        assert response.status == 200
        assert json.loads(bytes(response.body))["features"] == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x", "gray"])
def test_a_pixel_of_the_image_s_own_grid(name: str, app: Application) -> None:
    layer = "gray" if name == "gray" else "pyramid"
    for matrix_set in ("native", f"{layer}:native"):
        found = ask(
            app,
            layer,
            tilematrixset=matrix_set,
            tilematrix=_finest(app, layer),
            tilerow=0,
            tilecol=0,
            i=7,
            j=9,
        )
        assert stored(found)[0] == (7 // 3 if layer == "gray" else 7)


def _finest(app: Application, layer: str) -> str:
    for index in range(10):
        response = ask(app, layer, tilematrixset="native", tilematrix=index, tilerow=0, tilecol=0)
        if response.status != 200:
            return str(index - 1)
    raise AssertionError("the image is small")


def test_the_value_is_that_of_the_picture(app: Application) -> None:
    """The picture of the set's tile is the samples themselves: gray of 8 bits without a style."""
    finest = _finest(app, "gray")
    query = {
        "service": "WMTS", "version": "1.0.0", "request": "GetTile", "layer": "gray", "style": "default",
        "format": "image/png", "tilematrixset": "native", "tilematrix": finest, "tilerow": "1", "tilecol": "2",
    }  # fmt: skip
    picture = Image.open(BytesIO(bytes(get(app, "/wmts", urlencode(query)).body)))  # type: ignore[arg-type]
    pixels = np.asarray(picture.convert("L"))
    for i, j in ((0, 0), (100, 31), (255, 255), (3, 200)):
        found = ask(app, "gray", tilematrixset="native", tilematrix=finest, tilerow=1, tilecol=2, i=i, j=j)
        assert stored(found) == [pixels[j, i]]


@pytest.mark.parametrize(
    ("kind", "srid", "x", "y", "expected"),
    [
        ("utm", "", 500030, 4999930, [1, 3]),
        ("utm", "32633", 500030, 4999930, [1, 3]),
        ("utm", "EPSG:32633", 500000, 5000000, [0, 0]),
        ("wgs84", "", 10.055, 49.955, [5, 4]),
        ("wgs84", "4326", 10.055, 49.955, [5, 4]),
        ("wgs84", "8307", 10.055, 49.955, [5, 4]),
        ("mercator", "900913", ORIGIN[0] + 10.5 * CELL, ORIGIN[1] - 20.5 * CELL, [10, 20]),
    ],
)
def test_a_point(kind: str, srid: str, x: float, y: float, expected: list[int], app: Application) -> None:
    found = at_point(app, kind, x=x, y=y, SRID=srid, infoformat="application/json")
    assert stored(found) == expected


def test_a_box(app: Application) -> None:
    box = at_point(app, "utm", bbox="500000,4999800,500200,5000000", infoformat="application/json")
    found = properties(box)
    assert (found["area"]["width"], found["area"]["height"]) == (10, 10)
    (row, column) = found["bands"]
    assert (row["minimum"], row["maximum"], column["mean"], column["pixels"]) == (0, 9, 4.5, 100)


def test_plain_pictures_by_their_pixels(app: Application) -> None:
    found = at_point(app, "plain", x=5.5, y=-7.5, zoomlevel=0, infoformat="application/json")
    assert stored(found) == [5, 7]


def test_the_class_of_a_palette(app: Application) -> None:
    """The sample that the file has, not the color that it is shown in."""
    for column, expected in ((3, 1), (40, 5), (119, 9)):
        found = at_point(app, "palette", x=500005 + 20 * column, y=4999930, infoformat="application/json")
        assert stored(found) == [expected]
    found = at_point(app, "palette", bbox="500000,4999800,501000,5000000", infoformat="application/json")
    (band,) = properties(found)["bands"]
    assert (band["minimum"], band["maximum"], band["pixels"]) == (1, 5, 500)


def test_a_class_whose_color_is_that_of_another_is_not_guessed(tmp_path: Path) -> None:
    colors = {0: (0, 0, 0, 255), 1: (9, 9, 9, 255), 2: (9, 9, 9, 255), 3: (7, 7, 7, 255)}
    classes = np.array([[1, 2, 3, 3]], np.uint8)
    write_geotiff(tmp_path / "a.tif", classes, colormap=colors, photometric="palette")
    server = build(Config(filesystem_prefix=f"{tmp_path}/"))
    for column, expected in enumerate([None, None, 3, 3]):
        found = at_point(server, "a", x=500005 + 20 * column, y=4999990, infoformat="application/json")
        assert (stored(found), properties(found)["nodata"]) == ([expected], False)


# -- formats and sub-layers ------------------------------------------------------------------------


def test_xml_is_the_answer_to_points_without_a_format(app: Application) -> None:
    response = at_point(app, "utm", x=500030, y=4999930)
    assert dict(response.headers)["Content-Type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(response.body)
    assert [(each.get("name"), each.findtext("feature/Value")) for each in root] == [
        ("band2", "3"),
        ("band1", "1"),
    ]


@pytest.mark.parametrize(
    "text",
    [GML_TYPE, "application/gml xml; version=3.1", "application/gml+xml;version=3.1", "APPLICATION/GML+XML"],
)
def test_gml_by_any_spelling(text: str, app: Application) -> None:
    for written in (quote(text, safe=""), text.replace(" ", "%20"), text.replace(" ", "+")):
        query = f"service=WMTS&request=GetFeatureInfo&layer=utm&zoomlevel=3&x=500030&y=4999930&infoformat={written}"
        response = get(app, "/wmts", query)
        assert response.status == 200
        assert dict(response.headers)["Content-Type"] == GML_TYPE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("height", ["height"]),
        ("temperature,height", ["height", "temperature"]),
        (" temperature , height ", ["height", "temperature"]),
        ("band1", ["temperature"]),
        ("", ["height", "temperature"]),
    ],
)
def test_sub_layers(text: str, expected: list[str], app: Application) -> None:
    root = etree.fromstring(at_point(app, "scaled", x=500030, y=4999930, childLayer=text).body)
    assert [each.get("name") for each in root] == expected


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"i": 256}, (400, "PointIJOutOfRange", "I")),
        ({"i": -1}, (400, "PointIJOutOfRange", "I")),
        ({"j": 256}, (400, "PointIJOutOfRange", "J")),
        ({"j": 10**30}, (400, "InvalidParameterValue", "J")),
        ({"i": "x"}, (400, "InvalidParameterValue", "I")),
        ({"i": None}, (400, "MissingParameterValue", "I")),
        ({"infoformat": None}, (400, "MissingParameterValue", "infoformat")),
        ({"infoformat": "image/png"}, (400, "InvalidParameterValue", "infoformat")),
        ({"tilerow": 1024}, (400, "InvalidParameterValue", "TileRow")),
        ({"tilecol": 1024}, (400, "InvalidParameterValue", "TileCol")),
        ({"tilematrix": "99"}, (400, "InvalidParameterValue", "TileMatrix")),
        ({"tilematrixset": "x"}, (400, "InvalidParameterValue", "TileMatrixSet")),
        ({"style": "x"}, (400, "InvalidParameterValue", "Style")),
        ({"layer": "x"}, (400, "InvalidParameterValue", "layer")),
    ],
)
def test_faults_of_tiles(
    parameters: dict[str, Any], expected: tuple[int, str, str], app: Application
) -> None:
    assert fault(ask(app, **({"layer": "mercator"} | parameters))) == expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"SRID": "1"}, (400, "InvalidParameterValue", "SRID")),
        ({"SRID": "\x01<"}, (400, "InvalidParameterValue", "SRID")),
        ({"zoomlevel": "99"}, (400, "InvalidParameterValue", "zoomlevel")),
        ({"zoomlevel": "-1"}, (400, "InvalidParameterValue", "zoomlevel")),
        ({"childLayer": "nothing"}, (400, "InvalidParameterValue", "childLayer")),
        ({"infoformat": "text/pdf"}, (400, "InvalidParameterValue", "infoformat")),
        ({"x": "nan"}, (400, "InvalidParameterValue", "x")),
        ({"layer": "plain", "SRID": "4326", "zoomlevel": "0"}, (400, "InvalidParameterValue", "SRID")),
    ],
)
def test_faults_of_points(
    parameters: dict[str, Any], expected: tuple[int, str, str], app: Application
) -> None:
    assert fault(at_point(app, **({"layer": "utm", "x": "500030", "y": "4999930"} | parameters))) == expected


@pytest.mark.parametrize("number", ["1e8", "1e15", "1e308", "-1e308", "1e-320", "0", "-0.0"])
@pytest.mark.parametrize("srid", ["", "4326", "3857", "32661"])
def test_points_of_any_magnitude_have_an_answer(number: str, srid: str, app: Application) -> None:
    for kind in ("utm", "world", "polar", "gcps"):
        assert at_point(app, kind, x=number, y=number, SRID=srid).status == 200
        assert (
            at_point(app, kind, bbox=f"-{number.lstrip('-')},0,{number.lstrip('-')},1", SRID=srid).status
            == 200
        )


def test_samples_are_not_given_beside_a_watermark(tmp_path: Path) -> None:
    KINDS["utm"](tmp_path)
    Image.new("L", (8, 8), 99).save(tmp_path / "mark.png")
    settings = {"filesystem_prefix": f"{tmp_path}/", "watermark": str(tmp_path / "mark.png")}
    marked = build(Config(**settings, watermark_probability=1.0, watermark_opacity=0.5))  # type: ignore[arg-type]
    assert at_point(marked, "utm", zoomlevel=0, x=5.5, y=-5.5).status == 403
