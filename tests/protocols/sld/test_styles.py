"""Pictures of styles of documents, against formulas in numpy over the samples of the file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from PIL import Image

from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.layer import LayerEntry, Style
from iipserve.protocols.maps import MapView, plan_map
from iipserve.protocols.sld.document import UserStyle, read
from iipserve.protocols.sld.styles import style_of
from iipserve.protocols.sld.xml import StyleRefused
from tests.geo_rasters import HEIGHT, KINDS, WIDTH, positions, write_geotiff
from tests.protocols.feature_info.asking import Rasters
from tests.protocols.sld.documents import color_map, document, enhanced, gray, rgb
from tests.protocols.test_legends import SERVER

COLUMNS, ROWS = positions(dtype="float64")
RAMP = color_map((0, "#000000"), (40, "#ff8000"), (80, "#0000ff"))


@pytest.fixture
def rasters(tmp_path: Path) -> Rasters:
    return Rasters(tmp_path)


def style(text: bytes, entry: LayerEntry, scale: float | None = 1000.0) -> Style | None:
    (layer,) = read(text)
    assert isinstance(layer.style, UserStyle)
    return style_of(layer.style, entry, scale)


def picture(rasters: Rasters, entry: LayerEntry, symbolizer: str) -> NDArray[Any]:
    """The whole raster, RGBA, shown with a symbolizer."""
    found = style(document(symbolizer), entry)
    assert found is not None
    geo = entry.geo.georeference
    assert isinstance(geo.mapping, Affine)
    view = MapView(entry.layer, found, GridRef(geo.crs, geo.mapping, geo.size), "png")
    body: Any = rasters.renderer.render(plan_map(view, entry.info, entry.geo, SERVER)).body
    return np.asarray(Image.open(BytesIO(body)).convert("RGBA"))


def ramp(values: NDArray[Any]) -> NDArray[Any]:
    known = [0, 40, 80]
    return np.stack(
        [np.interp(values, known, each) for each in ((0, 255, 0), (0, 128, 0), (0, 0, 255))], axis=-1
    )


@pytest.mark.parametrize("band", [1, 2])
def test_a_ramp_over_a_band(band: int, rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["utm"](rasters.folder))
    found = picture(rasters, entry, gray(band) + RAMP)
    expected = ramp(COLUMNS if band == 1 else ROWS)
    assert np.abs(found[..., :3] - expected).max() <= 0.5
    assert (found[..., 3] == 255).all()


def test_values_are_physical(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["scaled"](rasters.folder))
    colors = color_map((1000.3, "#010203"), (1002, "#040506"), type="values")
    found = picture(rasters, entry, gray("temperature") + colors)
    assert (found[:, 3] == (1, 2, 3, 255)).all()
    assert (found[:, 20] == (4, 5, 6, 255)).all()
    assert (np.delete(found, (3, 20), axis=1)[..., 3] == 0).all()


@pytest.mark.parametrize("kind", ["nodata", "nan", "mask"])
def test_missing_data_is_clear(kind: str, rasters: Rasters) -> None:
    entry = rasters.layer(KINDS[kind](rasters.folder))
    found = picture(rasters, entry, RAMP)
    rows, columns = (slice(20, 50), slice(30, 90)) if kind == "mask" else (slice(10, 20), slice(40, 60))
    there = np.ones((HEIGHT, WIDTH), bool)
    there[rows, columns] = False
    np.testing.assert_array_equal(found[..., 3], np.where(there, 255, 0))
    assert np.abs(found[there][:, :3] - ramp(COLUMNS)[there]).max() <= 0.5


def test_opacity_of_entries_and_of_the_whole(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["utm"](rasters.folder))
    steps = color_map((50, "#ff0000"), (60, "#00ff00"), type="intervals", opacity="0.5")
    found = picture(rasters, entry, f"<Opacity>0.5</Opacity>{steps}")
    assert (found[:, :50] == (255, 0, 0, 64)).all()
    assert (found[:, 50:60] == (0, 255, 0, 64)).all()
    assert (found[:, 60:, 3] == 0).all()


def test_channels_normalized_each_by_itself(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["utm"](rasters.folder))
    each = enhanced("<Normalize/><GammaValue>2</GammaValue>")
    found = picture(rasters, entry, rgb(2, 1, 2, enhancements=(each, enhanced("<Normalize/>"), each)))
    rows, columns = ROWS / (HEIGHT - 1), COLUMNS / (WIDTH - 1)
    expected = np.stack([np.sqrt(rows), columns, np.sqrt(rows)], axis=-1) * 255
    assert np.abs(found[..., :3] - expected).max() <= 1


def test_normalized_together(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["utm"](rasters.folder))
    found = picture(rasters, entry, rgb(2, 1, 2) + enhanced("<Normalize/>"))
    expected = np.stack([ROWS, COLUMNS, ROWS], axis=-1) / (WIDTH - 1) * 255
    assert np.abs(found[..., :3] - expected).max() <= 1


def test_a_range_that_is_stated(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["scaled"](rasters.folder))
    options = (
        '<VendorOption name="minValue">15</VendorOption><VendorOption name="maxValue">115</VendorOption>'
    )
    found = picture(rasters, entry, gray(2, enhanced(f"<Normalize>{options}</Normalize>")))
    expected = (ROWS * 2 - 5 - 15).clip(0, 100) / 100 * 255
    assert np.abs(found[..., 0] - expected).max() <= 1


def test_channels_as_they_are_shown_change_nothing(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["rgba"](rasters.folder))
    for text in ("", rgb(1, 2, 3), "<Opacity>1</Opacity>", enhanced("<GammaValue>1.0</GammaValue>")):
        found = style(document(text), entry)
        assert found is not None
        assert found.operations == ()


def test_scales(rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["utm"](rasters.folder))
    limits = "<MinScaleDenominator>100</MinScaleDenominator><MaxScaleDenominator>1e3</MaxScaleDenominator>"
    text = document("", rule=limits)
    assert style(text, entry, 99.9) is None
    assert style(text, entry, 100) is not None
    assert style(text, entry, 1000) is None
    assert style(text, entry, None) is not None
    twice = document("</RasterSymbolizer><RasterSymbolizer>")
    with pytest.raises(StyleRefused, match="2 rules"):
        style(twice, entry, 5.0)


@pytest.mark.parametrize("band", ["0", "3", "-1", "green", "1.5", "9" * 50, ""])
def test_bands_that_do_not_exist(band: str, rasters: Rasters) -> None:
    entry = rasters.layer(KINDS["scaled"](rasters.folder))
    with pytest.raises(StyleRefused, match="temperature, height, or 1 to 2"):
        style(document(gray(band)), entry)


def test_samples_of_four_bits(rasters: Rasters) -> None:
    samples = (positions()[0] % 16).astype(np.uint8)
    entry = rasters.layer(write_geotiff(rasters.folder / "four.tif", samples, nbits=4))
    found = picture(rasters, entry, color_map((3, "#0000ff"), (15, "#ff0000"), type="values"))
    np.testing.assert_array_equal(found[..., 3] > 0, (samples == 3) | (samples == 15))
    assert (found[samples == 15] == (255, 0, 0, 255)).all()
