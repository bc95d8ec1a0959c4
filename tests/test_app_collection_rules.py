"""Coverages and feature info of collections whose rule makes one value of those of all images, against numpy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import app
from tests.geo_rasters import from_origin, write_geotiff
from tests.published import NAME, NORTH, STEP, WEST, YEARS, Published
from tests.test_app import ask, body
from tests.test_app_coverages import samples
from tests.test_app_mosaics import add

WIDTH, HEIGHT, SIDE = 100, 80, 60
"""Of the mosaic, and of each image, in pixels."""
PLACES = ((0, 0), (40, 20), (20, 10), (25, 15))
"""Column and row of the first pixel of each image, in the order in which they are added."""
RULES = ("mean", "min", "max")
WCS = f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID={NAME}"

PART = f"&SUBSET=E({WEST + 30 * STEP},{WEST + 90 * STEP})&SUBSET=N({NORTH - 70 * STEP},{NORTH - 5 * STEP})"
"""Columns 30 to 89 and rows 5 to 69."""
INFO = (
    f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetFeatureInfo&LAYERS={NAME}&QUERY_LAYERS={NAME}&STYLES=&CRS=EPSG:32633"
    f"&BBOX={WEST},{NORTH - HEIGHT * STEP},{WEST + WIDTH * STEP},{NORTH}&WIDTH={WIDTH}&HEIGHT={HEIGHT}"
)


class Case(NamedTuple):
    """Images of one type on one grid."""

    published: Published
    application: app.Application
    stack: NDArray[np.float64]
    """Shape (images, bands, rows, columns) of the mosaic: NaN where an image has no data."""
    dtype: str
    empty: float
    """The sample where no image has data."""

    def use(self, rule: str) -> None:
        """Change the rule of the collection."""
        self.published.store.replace(replace(self.published.store.collection(NAME), rule=rule))

    def expected(self, rule: str, chosen: tuple[int, ...] = (0, 1, 2, 3)) -> NDArray[Any]:
        """The mosaic by numpy alone, shape (bands, rows, columns)."""
        stack = self.stack[list(chosen)]
        none = np.isnan(stack).all(axis=0)
        known = np.where(none, 0, stack)
        function = {"mean": np.nanmean, "min": np.nanmin, "max": np.nanmax}[rule]
        merged = np.where(none, self.empty, function(known, axis=0))
        return (np.rint(merged) if np.dtype(self.dtype).kind != "f" else merged).astype(self.dtype)


def case(folder: Path, dtype: str, nodata: float | None, bands: int = 1, **more: Any) -> Case:
    """A published collection of four random images: some samples of each are missing, and some of the last are masked."""
    published = Published(folder)
    published.store.delete_items(NAME, [f"{year}.tif" for year in YEARS])
    random = np.random.default_rng(17)
    stack = np.full((len(PLACES), bands, HEIGHT, WIDTH), np.nan)
    for index, (column, row) in enumerate(PLACES):
        pixels = random.integers(0, 200, (bands, SIDE, SIDE)).astype(dtype)
        known = pixels.astype(float)
        if nodata is not None:
            missing = random.random(pixels.shape) < 0.2
            pixels[missing], known[missing] = nodata, np.nan
            known[pixels == nodata] = np.nan
        mask = None
        if index == len(PLACES) - 1:
            mask = random.random((SIDE, SIDE)) < 0.7
            known[:, ~mask] = np.nan
        place = from_origin(WEST + column * STEP, NORTH - row * STEP, STEP, STEP)
        write_geotiff(
            published.images / f"{index}.tif", pixels, transform=place, nodata=nodata, mask=mask, **more
        )
        add(published, [f"{index}.tif"], 2020 + index)
        stack[index, :, row : row + SIDE, column : column + SIDE] = known
    return Case(published, published.application(), stack, dtype, nodata or 0)


KINDS = [
    pytest.param("uint8", None, 1, {}, id="uint8"),
    pytest.param("uint8", 7, 3, {"photometric": "RGB", "tile": 16}, id="color with missing data"),
    pytest.param("int16", -9999, 2, {"compress": "deflate"}, id="int16"),
    pytest.param("float32", float("nan"), 1, {"tile": 32}, id="float32 with NaN"),
    pytest.param("float64", -1e30, 1, {}, id="float64"),
    pytest.param("uint32", None, 1, {}, id="uint32"),
]


@pytest.mark.parametrize(("dtype", "nodata", "bands", "options"), KINDS)
def test_coverages_have_what_the_rule_makes_of_all_images(
    tmp_path: Path, dtype: str, nodata: float | None, bands: int, options: dict[str, Any]
) -> None:
    made = case(tmp_path, dtype, nodata, bands, **options)
    tolerance = 1e-6 if np.dtype(dtype).kind == "f" else 0
    for rule in RULES:
        made.use(rule)
        expected = made.expected(rule)
        for address in (WCS, f"/ogc/collections/{NAME}/coverage?f=geotiff"):
            found = samples(ask(made.application, address))
            assert found.dtype == np.dtype(dtype)
            np.testing.assert_allclose(found, expected, rtol=tolerance)
        found = samples(ask(made.application, WCS + PART))
        np.testing.assert_allclose(found, expected[:, 5:70, 30:90], rtol=tolerance)
    made.published.store.close()


@pytest.fixture(scope="module")
def bytes_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    made = case(tmp_path_factory.mktemp("images"), "uint8", 7, 2)
    yield made
    made.published.store.close()


@pytest.mark.parametrize("rule", RULES)
def test_feature_info_has_what_the_rule_makes_of_all_images(bytes_case: Case, rule: str) -> None:
    bytes_case.use(rule)
    expected = bytes_case.expected(rule)
    names = np.array([f"{index}.tif" for index in range(len(PLACES))])
    random = np.random.default_rng(3)
    seen = set()
    for column, row in zip(random.integers(0, WIDTH, 25), random.integers(0, HEIGHT, 25), strict=True):
        here = bytes_case.stack[..., row, column]
        under = names[~np.isnan(here).all(axis=1)][::-1].tolist()
        features = info(bytes_case.application, column, row)["features"]
        values = [band["value"] for band in features[0]["properties"]["bands"]] if features else [None, None]
        known = [
            None if np.isnan(own).all() else int(one)
            for own, one in zip(here.T, expected[:, row, column], strict=True)
        ]
        assert sorted(values, key=str) == sorted(known, key=str)
        assert (features[0]["properties"].get("images", []) if features else []) == under
        seen.add(len(under))
    assert seen >= {0, 1, 2, 3}


def info(application: app.Application, column: int, row: int) -> Any:
    """Feature info of a pixel of the mosaic."""
    return json.loads(body(ask(application, f"{INFO}&I={column}&J={row}&INFO_FORMAT=application/json")))
