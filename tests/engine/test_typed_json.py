"""Values survive JSON, and nothing that is not of their types is read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.engine.catalog_scan import CatalogImage
from iipserve.engine.typed_json import decoder, encode
from iipserve.geo.georeference import (
    Band,
    ControlPoint,
    ControlPoints,
    GeoImage,
    Georeference,
    RationalPolynomials,
    in_pixel_space,
)
from iipserve.geo.grid import Affine
from iipserve.geometry import Size
from iipserve.image import Angles, ColorSpace, ImageInfo, ImageName, ImageVersion, Level, Selector, StackLayer
from tests.engine.fakes import marked_library

TWENTY = tuple(map(float, range(20)))
MAPPINGS = [
    Affine(20, 0, 500_000, 0, -20.5, 5e6),
    ControlPoints((ControlPoint(0, 1.5, -2, 3), ControlPoint(1, 2, 3, 4)), 0),
    RationalPolynomials(TWENTY[:5], TWENTY[:5], TWENTY, TWENTY, TWENTY, TWENTY, 12.5),  # type: ignore[arg-type]
]


def _info(**changes: Any) -> ImageInfo:
    values: dict[str, Any] = {
        "identifier": "影像/a.tif", "format": "tiff", "version": ImageVersion(1, 2, 3, 4, "x"),
        "levels": (Level(Size(30, 20), Size(16, 16)), Level(Size(15, 10), Size(16, 16))), "tile": Size(16, 16),
        "bands": 2, "dtype": "float32", "bits": 32, "color_space": ColorSpace.GRAY, "has_alpha": True,
        "band_ranges": ((0.0, 1.5),), "nodata": (-9999.0,), "text": MappingProxyType({"title": "ä"}),
        "selector": Selector(2), "stack": (StackLayer("a", 0.5), StackLayer("b", 1.0, True)), "angles": None,
    }  # fmt: skip
    return ImageInfo(**(values | changes))


def _through_json(value: Any, hint: Any) -> Any:
    return decoder(hint)(json.loads(json.dumps(encode(value))))


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: type(mapping).__name__)
def test_georeferences_survive(mapping: Any) -> None:
    georeference = Georeference("EPSG:32633", mapping, Size(30, 20))
    geo = GeoImage(georeference, (Band("a", "m", 0.5, 1.0), Band("b")), is_palette=True)
    assert _through_json(geo, GeoImage) == geo
    assert type(_through_json(geo, GeoImage).georeference.mapping) is type(mapping)


@pytest.mark.parametrize(
    "changes", [{}, {"angles": Angles((0, 10), (90,)), "stack": ()}, {"color_space": ColorSpace.SRGB}]
)
def test_information_on_images_survives(changes: dict[str, Any]) -> None:
    info = _info(**changes)
    assert vars(_through_json(info, ImageInfo)) == vars(info)


@pytest.mark.parametrize("value", [None, b"", b"\x00\xff profile"])
def test_bytes_survive(value: bytes | None) -> None:
    assert _through_json(_info(icc=value), ImageInfo).icc == value


def test_nan_survives() -> None:
    assert math.isnan(_through_json(_info(nodata=(math.nan,)), ImageInfo).nodata[0])


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, True), (int, 1.0), (int, "1"), (float, "1"), (float, None), (str, 1), (bool, 1), (Size, [1, 2]),
        (Size, ["Size", 1]), (Size, ["Size", 1, 2, 3]), (Size, ["Level", 1, 2]), (Size, {"width": 1}), (Size, None),
        (ColorSpace, "red"), (tuple[int, ...], [1, "2"]), (tuple[int, ...], 3), (tuple[int, str], [1]),
        (bytes | None, "x"), (bytes, 3), (bytes, "é"), (bytes, None), (int | None, "x"), (GeoImage, []), (GeoImage, ["GeoImage"]), (ImageName, ["ImageName", "a", [0, 1]]),
    ],
)  # fmt: skip
def test_what_is_of_another_type_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (that is all that is promised)
        decoder(hint)(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_nothing_else_is_raised(value: Any) -> None:
    for wrapped in (value, ["CatalogImage", value, value, value], ["ImageInfo", *[value] * 22]):
        with pytest.raises(ValueError):  # noqa: PT011 (that is all that is promised)
            decoder(CatalogImage)(wrapped)


def test_every_field_of_a_catalog_has_a_form(folder: Path) -> None:
    info = marked_library(folder).info("a.img")
    image = CatalogImage(ImageName("a.img"), info, in_pixel_space(info))
    read = _through_json(image, CatalogImage)
    assert (read.name, vars(read.info), read.geo) == (image.name, vars(info), image.geo)
