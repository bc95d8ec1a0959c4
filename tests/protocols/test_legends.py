"""Legends have the colors that maps have for the same values."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from lxml import etree
from PIL import Image

from iipserve import registry
from iipserve.app import build
from iipserve.config import Config
from iipserve.formats import Formats
from iipserve.geo.layer import LayerEntry, Style
from iipserve.geometry import Region, Size
from iipserve.http import Request
from iipserve.plan import Crop, Document, Encoding, RenderPlan, StatisticsPlan, image_ref
from iipserve.processing import Operation
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Hillshade
from iipserve.processing.legend import drawn
from iipserve.processing.tone import Gamma, Invert, SampleRange
from iipserve.protocols import Server
from iipserve.protocols.legends import (
    SCALE,
    legend_size,
    plan_legend,
    plan_legend_document,
    shows_scale,
)
from tests.geo_rasters import KINDS, positions, write_geotiff
from tests.protocols.feature_info.asking import Rasters

SERVER = Server(
    Config(), Formats(each.format for each in registry.discover("iipserve.codecs", "ENCODER").values())
)
VIRIDIS = Style("viridis", operations=(Colormap("viridis"),))
BAR = (slice(10, 138), slice(10, 30))
"""Rows and columns of the bar in a scale of the usual size."""


@pytest.fixture
def rasters(tmp_path: Path) -> Rasters:
    return Rasters(tmp_path)


def pixels_of(rasters: Rasters, plan: RenderPlan) -> NDArray[np.uint8]:
    body = rasters.renderer.render(plan).body
    assert isinstance(body, bytes)
    return np.asarray(Image.open(BytesIO(body)))


def picture(rasters: Rasters, entry: LayerEntry, style: Style, size: Size | None = None) -> NDArray[np.uint8]:
    return pixels_of(rasters, plan_legend(entry, style, "png", SERVER, size))


def description(rasters: Rasters, entry: LayerEntry, style: Style) -> dict[str, Any]:
    plan = plan_legend_document(entry, style)
    document = plan if isinstance(plan, Document) else plan.describe(rasters.renderer.statistics(plan.image))
    (legend,) = json.loads(document.body)["Legend"]
    found: dict[str, Any] = legend
    return found


def entries(rasters: Rasters, entry: LayerEntry, style: Style) -> list[dict[str, str]]:
    (rule,) = description(rasters, entry, style)["rules"]
    found: list[dict[str, str]] = rule["symbolizers"][0]["Raster"]["colormap"]["entries"]
    return found


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


STYLES: dict[str, tuple[Operation, ...]] = {
    "default": (),
    "viridis": (Colormap("viridis"),),
    "jet": (Colormap("jet"),),
    "range": (SampleRange(((None, 40.0, 90.0),)), Colormap("magma")),
    "gamma": (Gamma(0.5), Invert(), Colormap("hot")),
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("name", sorted(STYLES))
def test_values_have_the_colors_of_the_map(name: str, dtype: str, rasters: Rasters) -> None:
    """The map of a raster that holds the values of the legend."""
    style = Style(name, operations=STYLES[name])
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", positions(120, 2, dtype)[0]))
    legend = entries(rasters, entry, style)
    values = [float(each["quantity"]) for each in legend]
    assert values == sorted(values)
    inside = [
        each for each in legend if float(each["quantity"]) <= 119 and float(each["quantity"]).is_integer()
    ]
    assert inside
    whole = Crop(image_ref(entry.info), 0, Region.of_size(entry.info.size), entry.info.size)
    shown = pixels_of(rasters, RenderPlan(whole, Encoding("png", 1), style.operations))
    shown = shown if shown.ndim == 3 else np.repeat(shown[..., np.newaxis], 3, axis=2)
    for each in inside:
        assert rgb(each["color"]) == tuple(shown[0, int(float(each["quantity"]))])


def test_the_bar_goes_from_the_lowest_to_the_highest(rasters: Rasters) -> None:
    table = Path(__file__).parents[2] / "iipserve/processing/colormaps/viridis.csv"
    assert table.is_file()
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", positions(dtype="uint8")[0]))
    legend = picture(rasters, entry, VIRIDIS)
    assert legend.shape == (SCALE.height, SCALE.width, 3)
    bar = legend[BAR]
    # the ends of the published table: #440154 and #fde725
    assert tuple(bar[-1, 0]) == pytest.approx((0x44, 0x01, 0x54), abs=1)
    assert tuple(bar[0, 0]) == pytest.approx((0xFD, 0xE7, 0x25), abs=1)
    assert (bar == bar[:, :1]).all()
    gray = picture(rasters, entry, Style("default"))[BAR][:, 0, 0].astype(int)
    assert (np.diff(gray) < 0).all()


def test_labels_are_physical(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["scaled"](rasters.folder))
    legend = entries(rasters, entry, Style("range", operations=(SampleRange(((0, 0.0, 100.0),)),)))
    assert [legend[index]["label"] for index in (0, 5, 10)] == ["1000 K", "1005 K", "1010 K"]
    assert [float(each["quantity"]) for each in legend] == pytest.approx(
        [1000 + index for index in range(11)]
    )


def test_values_of_fewer_bits_are_as_stored(rasters: Rasters) -> None:
    pixels = positions(dtype="uint8")[0] % 16
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels, nbits=4))
    assert [entries(rasters, entry, VIRIDIS)[end]["label"] for end in (0, -1)] == ["0", "15"]


def test_the_range_is_the_one_that_is_displayed(rasters: Rasters) -> None:
    heights = np.linspace(-500.0, 1500.0, 2400, dtype=np.float32).reshape(40, 60)
    heights[0, :5] = -9999
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", heights, nodata=-9999))
    legend = entries(rasters, entry, VIRIDIS)
    assert float(legend[0]["quantity"]) == pytest.approx(float(heights[0, 5]))
    assert float(legend[-1]["quantity"]) == 1500.0


def test_a_negative_scale_puts_the_lowest_value_below(rasters: Rasters) -> None:
    depth = replace(
        positive := rasters.layer(write_geotiff(rasters.folder / "a.tif", positions(dtype="uint8")[0]))
    )
    down = replace(depth, geo=replace(depth.geo, bands=(depth.geo.bands[0]._replace(scale=-1.0),)))
    above, below = picture(rasters, positive, VIRIDIS)[BAR], picture(rasters, down, VIRIDIS)[BAR]
    np.testing.assert_array_equal(above[::-1], below)


def test_labels_follow_the_range(rasters: Rasters) -> None:
    """Something is written next to each mark, and other values are written otherwise."""
    colors = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    legend = np.asarray(drawn(colors, 0.0, 1.0, "", SCALE))
    for part in (0, 1, 2, 3, 4):
        row = round(137 - part * 127 / 4)
        assert legend[row - 5 : row + 6, 38:].min() < 100
        assert (legend[row, 31:35] == 0).all()
    assert (legend == drawn(colors, 0.0, 1.0, "", SCALE)).all()
    assert (legend[BAR] == drawn(colors, 0.0, 5000.0, "", SCALE)[BAR]).all()
    assert (legend != drawn(colors, 0.0, 5000.0, "", SCALE)).any()
    with_unit = drawn(colors, 0.0, 1.0, "µg/m³", SCALE)
    assert (legend != with_unit).any()
    assert (with_unit == drawn(colors, 0.0, 1.0, "ug/m3", SCALE)).all()
    assert drawn(colors, 0.0, 1.0, "千米\x00", SCALE).shape == legend.shape


@pytest.mark.parametrize("size", [(1, 1), (2048, 3), (30, 400), (40, 44), (500, 500), (1, 2000)])
def test_legends_of_any_size(size: tuple[int, int], rasters: Rasters) -> None:
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", positions(dtype="uint8")[0]))
    assert picture(rasters, entry, VIRIDIS, Size(*size)).shape[:2] == size[::-1]


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("style", [Style("default"), VIRIDIS], ids=lambda style: style.name)
def test_every_kind_of_raster_has_a_legend_of_the_size_that_is_stated(
    kind: str, style: Style, rasters: Rasters
) -> None:
    entry = rasters.layer(KINDS[kind](rasters.folder))
    expected = legend_size(entry, style)
    assert picture(rasters, entry, style).shape[:2] == (expected.height, expected.width)
    assert description(rasters, entry, style)["layerName"] == kind


def test_images_of_one_value(rasters: Rasters) -> None:
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", np.full((5, 5), 7.0, np.float32)))
    assert picture(rasters, entry, VIRIDIS).shape == (SCALE.height, SCALE.width, 3)
    assert entries(rasters, entry, VIRIDIS)


def test_colors_have_a_small_picture(rasters: Rasters) -> None:
    pixels = np.stack([*positions(300, 200, "uint8"), positions(300, 200, "uint8")[0]])
    entry = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels, photometric="RGB"))
    assert not shows_scale(entry.info, Style("default"))
    assert shows_scale(entry.info, VIRIDIS)
    assert not shows_scale(
        entry.info, Style("relief", operations=(Hillshade(0.0, 45.0), Colormap("viridis")))
    )
    sample = picture(rasters, entry, Style("default"))
    assert sample.shape == (43, 64, 3)
    assert description(rasters, entry, Style("default"))["rules"] == []
    assert isinstance(plan_legend_document(entry, VIRIDIS), StatisticsPlan)


# -- in WMTS ---------------------------------------------------------------------------------------


def test_the_legends_of_capabilities(tmp_path: Path) -> None:
    (tmp_path / "maps & more").mkdir()
    KINDS["utm"](tmp_path)
    KINDS["wgs84"](tmp_path / "maps & more")
    write_geotiff(
        tmp_path / "rgb.tif", np.stack([*positions(), positions()[0]]).astype("uint8"), photometric="RGB"
    )
    app = build(Config(filesystem_prefix=f"{tmp_path}/"))

    def get(path: str) -> Any:
        return app.handle(Request("GET", path, "", {"HTTP_HOST": "maps.example"}))

    root = etree.fromstring(get("/wmts/1.0.0/WMTSCapabilities.xml").body)
    legends = root.findall(".//{*}LegendURL")
    assert len(legends) == 3
    for legend in legends:
        address = legend.get("{http://www.w3.org/1999/xlink}href")
        assert address.startswith("http://maps.example/wmts/")
        response = get(address.removeprefix("http://maps.example"))
        assert dict(response.headers)["Content-Type"] == legend.get("format")
        with Image.open(BytesIO(response.body)) as opened:
            assert opened.size == (int(legend.get("width")), int(legend.get("height")))
    for path in ("/wmts/utm/legend.png", "/wmts/utm//legend.png", "/wmts/utm/default/LEGEND.JPG"):
        assert get(path).status == 200, path
    assert json.loads(get("/wmts/utm/default/legend.json").body)["Legend"][0]["layerName"] == "utm"
    for path in (
        "x/default/legend.png",
        "utm/x/legend.png",
        "utm/default/legend.exe",
        "legend.png",
        "/legend.png",
    ):
        assert get(f"/wmts/{path}").status == 404, path
