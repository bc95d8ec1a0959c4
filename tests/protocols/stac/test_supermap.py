"""Resources of collections as the client of SuperMap's image services asks for them."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve import app
from iipserve.errors import InvalidRequest
from iipserve.http import Response
from iipserve.processing.color import Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.stretching import Ends, GaussianStretch, StatisticsStretch
from iipserve.processing.terrain import Terrain, TerrainFunction
from iipserve.processing.tone import Brightness, Contrast, Gamma, SampleRange
from iipserve.processing.value_colormap import ValueColormap
from iipserve.protocols.stac.rendering_rules import rendering_rule
from tests.protocols.stac.services import HOST, ROOT, ask, read
from tests.protocols.stac.test_changes import change, folder, service, value
from tests.test_app import body as body_of
from tests.test_app import header

__all__ = ["folder", "service"]

TILE = "x=550&y=355&z=10"
"""Of WebMercatorQuad, in which the image `mercator` begins."""
WORLD = 2 * math.pi * 6378137


@pytest.fixture
def collection(service: app.Application, folder: Path) -> app.Application:
    from tests.geo_rasters import KINDS

    KINDS["mercator"](folder / "scenes")
    value(change(service, "POST", "collections/c/items", {"href": "scenes/mercator.tif"}), 201)
    return service


def pixels(response: Response) -> NDArray[np.uint8]:
    assert response.status == 200, body_of(response)
    return np.asarray(Image.open(io.BytesIO(body_of(response))).convert("RGBA"))


def tile(service: app.Application, parameters: str = "", extension: str = "png") -> Response:
    return ask(service, f"{ROOT}collections/c/tile.{extension}?{TILE}{parameters}")


def test_tiles_are_those_of_other_services(collection: app.Application) -> None:
    shown = tile(collection, "&transparent=true&cacheEnabled=true")
    xyz = ask(collection, f"http://{HOST}/xyz/c/10/550/355.png")
    assert xyz.status == 200
    assert body_of(shown) == body_of(xyz)
    assert header(shown, "ETag") == header(xyz, "ETag")
    opacity = pixels(shown)[..., 3]
    assert (opacity.min(), opacity.max()) == (0, 255)


def test_tiles_that_are_not_transparent(collection: app.Application) -> None:
    clear, opaque = pixels(tile(collection)), pixels(tile(collection, "&transparent=false"))
    assert opaque[..., 3].min() == 255
    np.testing.assert_array_equal(opaque[clear[..., 3] == 255], clear[clear[..., 3] == 255])
    assert (opaque[clear[..., 3] == 0] == 255).all()
    assert header(tile(collection, extension="jpg"), "Content-Type") == "image/jpeg"


def test_tiles_of_some_images(collection: app.Application) -> None:
    everything = pixels(tile(collection))
    sequence = 1
    for parameters in (
        "&names=mercator.tif",
        f"&ids={sequence}",
        "&sqlFilter=" + quote("id = 'mercator.tif'"),
    ):
        np.testing.assert_array_equal(pixels(tile(collection, parameters)), everything)
    for parameters in ("&names=other.tif", "&sqlFilter=" + quote("id = 'x'")):
        assert pixels(tile(collection, parameters))[..., 3].max() == 0
    assert tile(collection, "&ids=99").status == 404
    for parameters in (
        "&ids=a",
        "&ids=1;2",
        "&sqlFilter=1;DROP TABLE x",
        "&sqlFilter=" + quote("id = 'a' OR"),
    ):
        assert tile(collection, parameters).status == 400


def test_a_tile_outside_of_the_images_is_clear(collection: app.Application) -> None:
    """The client knows no limits, and would show an error for each tile that is next to them."""
    shown = pixels(ask(collection, f"{ROOT}collections/c/tile.png?x=0&y=0&z=3"))
    assert shown.shape == (256, 256, 4)
    assert not shown[..., 3].any()


@pytest.mark.parametrize("parameters", ["x=a&y=1&z=1", "y=1&z=1", "x=1&z=1", "x=1&y=1&z=", "x=1.5&y=1&z=1"])
def test_numbers_of_tiles_that_are_none(collection: app.Application, parameters: str) -> None:
    assert ask(collection, f"{ROOT}collections/c/tile.png?{parameters}").status == 400


@pytest.mark.parametrize("parameters", ["x=-1&y=1&z=1", "x=1&y=1&z=99", f"x={'9' * 30}&y=1&z=1"])
def test_no_tile_there(collection: app.Application, parameters: str) -> None:
    assert ask(collection, f"{ROOT}collections/c/tile.png?{parameters}").status == 404
    assert ask(collection, f"{ROOT}collections/d/tile.png?{TILE}").status == 404


def test_a_rendering_rule_changes_the_picture(collection: app.Application) -> None:
    rule = {"displayMode": "Stretched", "displayBands": "1", "colorScheme": ["255,0,0", "0,0,255"]}
    shown = pixels(tile(collection, "&renderingRule=" + quote(json.dumps(rule))))
    red, green, blue, opacity = np.moveaxis(shown[shown[..., 3] == 255].astype(int), -1, 0)
    assert len(opacity)
    assert (green == 0).all()
    np.testing.assert_allclose(red + blue, 255, atol=1)
    refused = tile(collection, "&renderingRule=" + quote('{"gridFunctions": [{"x": 1}]}'))
    assert value(refused, 400)["description"].startswith("girdFuncName of renderingRule")


def test_statistics(collection: app.Application, folder: Path) -> None:
    found = read(collection, f"{ROOT}collections/c/statistics.json")
    assert (found["collectionId"], found["count"]) == ("c", 1)
    assert found["totalSize"] == (folder / "scenes" / "mercator.tif").stat().st_size
    (box,) = found["extent"]
    assert box == read(collection, f"{ROOT}collections/c/items/mercator.tif")["bbox"]
    assert ask(collection, f"{ROOT}collections/d/statistics").status == 404


def test_tile_info(collection: app.Application) -> None:
    found = read(collection, f"{ROOT}collections/c/tileInfo.json")
    assert (found["epsgCode"], found["tileWidth"], found["tileHeight"]) == (3857, 256, 256)
    np.testing.assert_allclose([found["origin"]["x"], found["origin"]["y"]], [-WORLD / 2, WORLD / 2])
    expected = WORLD / 256 / 2.0 ** np.arange(len(found["resolutions"]))
    np.testing.assert_allclose(found["resolutions"], expected)
    np.testing.assert_allclose(found["scaleDenominators"], expected / 0.00028)
    bounds = found["bounds"]
    assert bounds["left"] < bounds["right"]
    assert bounds["leftBottom"] == {"x": bounds["left"], "y": bounds["bottom"]}


def test_legends(collection: app.Application) -> None:
    found = read(collection, f"{ROOT}collections/c/legend.json")
    assert found["Legend"][0]["layerName"] == "c"
    rule = quote(json.dumps({"colorTable": ["5: 255,0,0", "9: 0,0,255"], "displayMode": "STRETCHED"}))
    shown = read(collection, f"{ROOT}collections/c/legend.json?renderingRule={rule}")
    raster = shown["Legend"][0]["rules"][0]["symbolizers"][0]["Raster"]
    assert [entry["color"] for entry in raster["colormap"]["entries"]] == ["#FF0000", "#0000FF"]
    assert pixels(ask(collection, f"{ROOT}collections/c/legend.png?renderingRule={rule}")).size


def test_a_legend_of_slopes_is_in_degrees(collection: app.Application) -> None:
    rule = quote(json.dumps({"gridFunctions": [{"girdFuncName": "GFSlope"}]}))
    shown = read(collection, f"{ROOT}collections/c/legend.json?renderingRule={rule}")
    entries = shown["Legend"][0]["rules"][0]["symbolizers"][0]["Raster"]["colormap"]["entries"]
    assert [entries[0]["label"], entries[-1]["label"]] == ["0 °", "90 °"]
    assert [entries[0]["color"], entries[-1]["color"]] == ["#000000", "#FFFFFF"]
    assert pixels(ask(collection, f"{ROOT}collections/c/legend.png?renderingRule={rule}")).size


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "operations"),
    [
        ({}, ()),
        ({"displayMode": "COMPOSITE", "displayBands": [2, 1, 0]}, (Twist(((0, 0, 1), (0, 1), (1,))),)),
        ({"displayMode": "Stretched", "displayBands": 1}, (Twist(((0, 1),)),)),
        ({"stretchOption": {"stretchType": "MINIMUMMAXIMUM"}}, (StatisticsStretch(Ends.EXTREMES),)),
        (
            {"stretchOption": {"stretchType": "standarddeviation"}},
            (StatisticsStretch(Ends.DEVIATION, 2.0, 2.0),),
        ),
        (
            {
                "stretchOption": {"stretchType": "STANDARDDEVIATION", "stdevCoefficient": 1.5},
                "brightness": -20,
            },
            (StatisticsStretch(Ends.DEVIATION, 1.5, 1.5), Brightness(-0.2)),
        ),
        (
            {"stretchOption": {"stretchType": "PERCENTCLIP", "minPercent": 0.5, "maxPercent": 2}},
            (StatisticsStretch(Ends.PERCENT, 0.5, 2.0),),
        ),
        (
            {"stretchOption": {"stretchType": "GAUSSIAN", "useMedianValue": True}},
            (StatisticsStretch(Ends.EXTREMES), GaussianStretch(3.0, True)),
        ),
        (
            {
                "gridFunctions": [
                    {"girdFuncName": "GFHillShade", "Azimuth": 10, "Altitude": 20, "ZFactor": 0.5}
                ]
            },
            (Terrain(TerrainFunction.HILLSHADE, 0, 0.5, 10, 20), SampleRange(((None, 0, 255),))),
        ),
        (
            {"displayBands": 2, "gridFunctions": [{"girdFuncName": "GFSlope", "Altitude": 45, "ZFactor": 1}]},
            (Terrain(TerrainFunction.SLOPE, 2), SampleRange(((None, 0, 90),))),
        ),
        (
            {"gridFunctions": [{"gridFuncName": "gfaspect", "Azimuth": 360}], "gamma": 2},
            (Terrain(TerrainFunction.ASPECT), SampleRange(((None, 0, 360),)), Gamma(0.5)),
        ),
        ({"stretchOption": {"stretchType": "NONE"}, "gamma": 1, "contrast": 0, "brightness": 0}, ()),
        ({"gamma": 2, "contrast": -50}, (Gamma(0.5), Contrast(0.5))),
    ],
)
def test_operations_of_rules(rule: dict[str, Any], operations: Any) -> None:
    assert rendering_rule(json.dumps(rule)).style.operations == operations


def test_colors_of_rules() -> None:
    scheme = rendering_rule('{"colorScheme": ["0,0,0", "255,0,10"]}').style.operations[-1]
    assert isinstance(scheme, Colormap)
    table = np.frombuffer(scheme.table, np.uint8).reshape(256, 3)
    np.testing.assert_array_equal(table[:, 0], np.arange(256))
    assert table[-1].tolist() == [255, 0, 10]
    colors = rendering_rule('{"colorTable": ["700: 0,255,0,9", "500: 255,0,0"]}').style.operations[-1]
    assert isinstance(colors, ValueColormap)
    assert (colors.quantities, colors.colors) == ((500, 700), ((255, 0, 0, 255), (0, 255, 0, 9)))


def test_samples_without_data_of_rules() -> None:
    assert rendering_rule('{"noData": "0,0,0", "noDataTransparent": true}').nodata == (0, 0, 0)
    assert rendering_rule('{"noData": 5, "noDataTransparent": false}').nodata is None
    colored = rendering_rule('{"noData": 5, "noDataColor": "10,20,30", "noDataTransparent": false}')
    assert (colored.nodata, colored.background) == ((5,), (10, 20, 30))
    assert rendering_rule('{"noDataColor": "10,20,30", "noDataTransparent": true}').background is None
    assert rendering_rule('{"backgroundValue": "-9999"}').nodata == (-9999,)
    assert rendering_rule('{"interpolationMode": "HIGHQUALITYBILINEAR"}').resampling == "bilinear"
    assert rendering_rule('{"noData": 1, "backgroundValue": 2}').nodata == (1,)
    background = rendering_rule('{"noData": 5, "backgroundValue": 5, "backgroundColor": "1,2,3"}')
    assert (background.nodata, background.background) == ((5,), (1, 2, 3))


def test_directions_are_not_averaged() -> None:
    rule = '{"gridFunctions": [{"girdFuncName": "GFAspect"}], "interpolationMode": "HIGHQUALITYBILINEAR"}'
    assert rendering_rule(rule).resampling == "mode"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", "[" * 5000, '{"displayMode": "x"}', '{"displayBands": "a"}', '{"displayBands": [1, 2]}',
        '{"displayBands": [-1]}', '{"displayBands": [1e9]}', '{"displayBands": [0.5]}', '{"displayBands": [{}]}',
        '{"gamma": 0}', '{"gamma": -1}', '{"gamma": NaN}', '{"gamma": "x"}', '{"gamma": true, "contrast": 900}',
        '{"stretchOption": 5}', '{"stretchOption": {"stretchType": "GAUSSIAN", "gaussianCoefficient": 0}}', '{"colorScheme": "x"}', '{"colorScheme": []}',
        '{"colorScheme": ["1,2"]}', '{"colorScheme": ["1,2,999"]}', '{"colorTable": ["a: 1,2,3"]}', '{"colorTable": ["1"]}',
        '{"noData": "x"}', '{"noData": {}}', '{"interpolationMode": 5}', '{"brightness": 500}', '{"noData": "1_0"}',
        '{"gamma": ' + "9" * 400 + "}", '{"stretchOption": {"stretchType": "PERCENTCLIP", "minPercent": 60, "maxPercent": 40}}',
        '{"stretchOption": {"stretchType": "PERCENTCLIP", "minPercent": -1}}', '{"noDataColor": {"red": 1}}', '{"noDataColor": "1,2"}',
        '{"stretchOption": {"stretchType": "STANDARDDEVIATION", "stdevCoefficient": 0}}', '{"backgroundColor": 1}',
        '{"backgroundColor": "1,2,3", "noDataColor": "1,2,4"}', '{"noDataTransparent": "x", "noData": 1}', '{"gridFunctions": 5}',
        '{"gridFunctions": [5]}', '{"gridFunctions": [{"girdFuncName": 5}]}', '{"gridFunctions": [{"girdFuncName": "GFOrtho"}]}',
        '{"gridFunctions": [{"girdFuncName": "GFHillShade", "Azimuth": 361}]}', '{"gridFunctions": [{"girdFuncName": "GFSlope", "ZFactor": 0}]}',
        '{"gridFunctions": [{"girdFuncName": "GFSlope"}], "displayBands": "0,1,2"}',
        '{"gridFunctions": [{"girdFuncName": "GFSlope"}], "stretchOption": {"stretchType": "GAUSSIAN"}}',
    ],
)  # fmt: skip
def test_malformed_rules_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        rendering_rule(text)
