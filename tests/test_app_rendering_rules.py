"""Rules by which SuperMap's client has tiles of collections shown, against numpy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import app
from tests.geo_rasters import from_origin, write_geotiff
from tests.published import NAME, NORTH, SIDE, STEP, WEST, YEARS, Published
from tests.test_app import ask, picture
from tests.test_app_mosaics import add

TILE = f"/stac/collections/{NAME}/tile.png?z=12&x=2219&y=1471"
NEAREST = {"interpolationMode": "NEARESTNEIGHBOR"}


class Shown:
    """A collection of two random images, of which the finer one is the first, and one sample is missing in places."""

    def __init__(self, folder: Path) -> None:
        self.published = Published(folder)
        self.published.store.delete_items(NAME, [f"{year}.tif" for year in YEARS])
        random = np.random.default_rng(4)
        self.first = random.normal(100, 15, (SIDE, SIDE)).clip(1, 255).astype(np.uint8)
        second = random.normal(130, 30, (SIDE, SIDE)).clip(1, 255).astype(np.uint8)
        second[40:60] = 0
        for index, (pixels, step) in enumerate(((self.first, STEP), (second, 1.5 * STEP))):
            place = from_origin(WEST + index * SIDE * STEP, NORTH, step, step)
            write_geotiff(self.published.images / f"{index}.tif", pixels, transform=place)
            add(self.published, [f"{index}.tif"], 2020)
        self.application: app.Application = self.published.application()

    def tile(self, rule: dict[str, Any]) -> NDArray[np.float64]:
        """Red, green, blue and opacity by a rule, of the nearest samples."""
        address = f"{TILE}&renderingRule={quote(json.dumps({**NEAREST, **rule}))}"
        return np.asarray(picture(ask(self.application, address)).convert("RGBA")).astype(float)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    found = Shown(tmp_path_factory.mktemp("images"))
    yield found
    found.published.store.close()


def limits(pixels: NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
    """Black and white of each stretch, by numpy."""
    ordered = np.sort(pixels.ravel()).astype(float)
    deviation = pixels.std()
    return {
        "MINIMUMMAXIMUM": (ordered[0], ordered[-1]),
        "STANDARDDEVIATION": (pixels.mean() - 1.5 * deviation, pixels.mean() + 1.5 * deviation),
        "PERCENTCLIP": (ordered[int(len(ordered) * 0.02)], ordered[-1 - int(len(ordered) * 0.05)]),
    }


@pytest.mark.parametrize("kind", ["MINIMUMMAXIMUM", "STANDARDDEVIATION", "PERCENTCLIP"])
def test_both_images_are_stretched_by_the_statistics_of_the_first(shown: Shown, kind: str) -> None:
    plain = shown.tile({})
    there = plain[..., 3] == 255
    assert len(np.unique(plain[there][:, 0])) > 100
    low, high = limits(shown.first)[kind]
    option = {"stretchType": kind, "stdevCoefficient": 1.5, "minPercent": 2, "maxPercent": 5}
    stretched = shown.tile({"stretchOption": option})
    expected = np.clip((plain[there][:, 0] - low) / (high - low), 0, 1) * 255
    assert np.abs(stretched[there][:, 0] - expected).max() <= 1
    np.testing.assert_array_equal(stretched[..., 3], plain[..., 3])


def test_one_image_alone_is_stretched_as_both_together(shown: Shown) -> None:
    rule = {"stretchOption": {"stretchType": "STANDARDDEVIATION"}}
    together = shown.tile(rule)
    address = f"{TILE}&names=1.tif&renderingRule={quote(json.dumps({**NEAREST, **rule}))}"
    alone = np.asarray(picture(ask(shown.application, address)).convert("RGBA"))
    there = alone[..., 3] == 255
    assert there.any()
    np.testing.assert_array_equal(alone[there], together[there])


def test_brightness_follows_contrast(shown: Shown) -> None:
    plain = shown.tile({})
    there = plain[..., 3] == 255
    found = shown.tile({"contrast": 20, "brightness": -10})
    expected = np.clip(plain[there][:, 0] * 1.2 - 25.5, 0, 255)
    assert np.abs(found[there][:, 0] - expected).max() <= 1


def test_a_color_shows_where_no_image_has_data(shown: Shown) -> None:
    plain = shown.tile({})
    clear = shown.tile({"noData": 0})
    missing = clear[..., 3] == 0
    assert (missing & (plain[..., 3] == 255)).any()
    colored = shown.tile({"noData": 0, "noDataColor": "10,20,30", "noDataTransparent": False})
    np.testing.assert_array_equal(
        colored[missing], np.broadcast_to((10, 20, 30, 255), colored[missing].shape)
    )
    np.testing.assert_array_equal(colored[~missing], plain[~missing])


@pytest.mark.parametrize("around_median", [True, False])
def test_samples_of_both_images_are_distributed_as_those_of_the_first_normally(
    shown: Shown, around_median: bool
) -> None:
    plain = shown.tile({})
    there = plain[..., 3] == 255
    option = {
        "stretchType": "GAUSSIAN",
        "gaussianCoefficient": 2.5,
        "useMedianValue": around_median,
    }
    found = shown.tile({"stretchOption": option})[there][:, 0]
    known, quantile = shown.first.ravel(), NormalDist().inv_cdf
    values = np.unique(known)
    below = [((known < value).sum() + (known == value).sum() / 2) / known.size for value in values]
    gray = 0.5 if around_median else float(np.interp(known.mean(), values, below))
    normal = [0.5 + (quantile(float(part)) - quantile(gray)) / 5 for part in below]
    expected = np.clip(np.interp(plain[there][:, 0], values, normal), 0, 1) * 255
    assert np.abs(found - expected).max() <= 1
    assert len(np.unique(found)) > 30


def test_the_color_of_a_background_shows_where_no_image_has_other_samples(shown: Shown) -> None:
    clear = shown.tile({"backgroundValue": "0"})
    missing = clear[..., 3] == 0
    colored = shown.tile({"backgroundValue": "0", "backgroundColor": "1,2,3"})
    np.testing.assert_array_equal(colored[missing], np.broadcast_to((1, 2, 3, 255), colored[missing].shape))
    np.testing.assert_array_equal(colored[~missing], clear[~missing])
    rule = {"backgroundValue": "0", "backgroundColor": "1,2,3", "backgroundTransparent": True}
    np.testing.assert_array_equal(shown.tile(rule), clear)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"gridFunctions": [{"girdFuncName": "GFOrtho"}]}, "GFOrtho"),
        ({"gridFunctions": [{"girdFuncName": "GFOverlay"}]}, "girdFuncName"),
        ({"gridFunctions": [{"girdFuncName": "GFSlope"}, {"girdFuncName": "GFAspect"}]}, "gridFunctions"),
        ({"gridFunctions": [{"girdFuncName": "GFSlope"}], "displayBands": "3"}, "band 3"),
        ({"noDataColor": "1,2,3", "backgroundColor": "1,2,4"}, "backgroundColor"),
        ({"stretchOption": {"stretchType": "EQUALIZE"}}, "stretchType"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(shown: Shown, rule: Any, name: str) -> None:
    response = ask(shown.application, f"{TILE}&renderingRule={quote(json.dumps(rule))}")
    assert response.status == 400
    assert name.encode() in bytes(response.body)  # type: ignore[arg-type]
