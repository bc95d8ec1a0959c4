"""GetMap with SLD_BODY: the picture of what the document says."""

from __future__ import annotations

import json
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

from iipserve.app import Application, build
from iipserve.config import Config
from tests.geo_rasters import KINDS, positions
from tests.protocols.sld.documents import color_map, document, gray
from tests.protocols.wms.test_feature_info import fault, get

MAP = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "utm", "STYLES": "", "CRS": "EPSG:32633",
    "BBOX": "500000,4998400,502400,5000000", "WIDTH": "120", "HEIGHT": "80", "FORMAT": "image/png",
    "TRANSPARENT": "TRUE",
}  # fmt: skip
IDENTIFIED = ("utm", "scaled", "nodata", "nan", "mask", "pyramid")
STEPS = gray(2) + color_map((20, "#ff0000"), (60, "#00ff00"), type="intervals")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder: Path = tmp_path_factory.mktemp("sld")
    for kind in IDENTIFIED:
        KINDS[kind](folder)
    return build(Config(filesystem_prefix=f"{folder}/"))


def picture(app: Application, text: bytes, **changes: str | None) -> NDArray[Any]:
    body = get(app, MAP, SLD_BODY=text.decode(), **changes).body
    return np.asarray(Image.open(BytesIO(body)).convert("RGBA"))


@pytest.mark.parametrize("style", ["", "own"])
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_colors_by_value(style: str, version: str, app: Application) -> None:
    found = picture(app, document(STEPS, version=version), STYLES=style)
    rows = positions()[1]
    expected = np.zeros((80, 120, 4), np.uint8)
    expected[rows < 60] = (0, 255, 0, 255)
    expected[rows < 20] = (255, 0, 0, 255)
    clear = found[..., 3] == 0
    np.testing.assert_array_equal(clear, rows >= 60)
    np.testing.assert_array_equal(found[~clear], expected[~clear])


def test_nothing_is_drawn_at_other_scales(app: Application) -> None:
    # pixels of 20 m: 1 : 71428
    text = document(STEPS, rule="<MaxScaleDenominator>71428</MaxScaleDenominator>")
    assert not picture(app, text)[..., 3].any()
    assert (picture(app, text, TRANSPARENT="FALSE", BGCOLOR="0x102030") == (16, 32, 48, 255)).all()
    text = document(STEPS, rule="<MaxScaleDenominator>71429</MaxScaleDenominator>")
    assert picture(app, text)[..., 3].any()


def test_what_is_not_understood_is_an_exception(app: Application) -> None:
    response = get(app, MAP, SLD_BODY=document("<ShadedRelief/>").decode())
    assert fault(response) == "StyleNotDefined"
    assert b"ShadedRelief" in response.body
    assert fault(get(app, MAP, SLD_BODY="<x/>")) == "StyleNotDefined"
    assert fault(get(app, MAP, SLD_BODY=document("").decode(), STYLES="other")) == "StyleNotDefined"
    assert fault(get(app, MAP, SLD_BODY=document(gray(7)).decode())) == "StyleNotDefined"
    assert fault(get(app, MAP, SLD="http://a.example/b.sld")) == "OperationNotSupported"


def test_layers_that_the_document_does_not_have_are_drawn_as_ever(app: Application) -> None:
    other = get(app, MAP, SLD_BODY=document(STEPS, layer="other").decode())
    assert other.body == get(app, MAP).body


@pytest.mark.parametrize("kind", IDENTIFIED)
def test_the_value_gives_the_color_of_the_picture(kind: str, app: Application) -> None:
    """In another system than the image's, of pixels smaller than its own, past its edges."""
    base = 1000 if kind == "scaled" else 0
    limits = [base + each for each in ((4.05, 8.0) if kind == "scaled" else (40.5, 81.0))]
    text = document(
        color_map((limits[0], "#ff0000"), (limits[1], "#00ff00"), type="intervals"), layer=kind
    ).decode()
    place = {"LAYERS": kind, "CRS": "EPSG:3857", "BBOX": "1669642,5643292,1673341,5645866"}
    size = {"WIDTH": "300", "HEIGHT": "210"}
    asked = {**MAP, **place, **size, "SLD_BODY": text}
    found = np.asarray(Image.open(BytesIO(get(app, asked).body)).convert("RGBA"))
    seen = set()
    for i, j in np.random.default_rng(6).integers(0, 210, (25, 2)).tolist():
        changes = {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": kind, "INFO_FORMAT": "application/json"}
        answer = json.loads(get(app, asked, **changes, I=str(i), J=str(j)).body)["features"]
        values = [each["properties"] for each in answer if not each["properties"]["nodata"]]
        value = values[0]["bands"][-1]["value"] if values else None
        if value is None or value >= limits[1]:
            assert found[j, i, 3] == 0
        else:
            expected = (255, 0, 0, 255) if value < limits[0] else (0, 255, 0, 255)
            assert tuple(found[j, i].tolist()) == expected
        seen.add(tuple(found[j, i].tolist()))
    assert len(seen) > 1
