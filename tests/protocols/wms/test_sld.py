"""GetMap with SLD_BODY: the picture of what the document says."""

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
STEPS = gray(2) + color_map((20, "#ff0000"), (60, "#00ff00"), type="intervals")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder: Path = tmp_path_factory.mktemp("sld")
    KINDS["utm"](folder)
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
