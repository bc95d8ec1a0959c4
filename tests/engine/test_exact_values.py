"""Values under a click are those of coverages: samples of the file, also of types that pictures round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve import app
from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.values import WindowReader
from iipserve.geometry import Region, Size
from iipserve.plan import Document, ValuePlan, WindowRef, image_ref
from tests.engine.coverages import CoverageFolder
from tests.engine.test_coverages import noise
from tests.geo_rasters import write_geotiff
from tests.test_app import ask, body


@pytest.mark.parametrize("dtype", ["int8", "float16", "int64", "uint64", "float64", "int16"])
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
def test_values_are_the_samples_of_coverages(
    dtype: str, tile: tuple[int, int] | None, tmp_path: Path
) -> None:
    pixels = np.ascontiguousarray(np.moveaxis(noise(dtype, 4), 0, -1))
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=tile, photometric="rgb", extrasamples=["unassalpha"])
    folder = CoverageFolder(tmp_path)
    region, info = Region(5, 7, 60, 40), folder.library.info("a.tif")
    reader = WindowReader(folder.library, AdmissionControl(Config()), TileDecoder(MemoryCache(0)))
    for size in (region.size, Size(7, 9)):
        plan = ValuePlan((WindowRef(image_ref(info), 0, region, size),), lambda _: Document(b"", ""))
        (window,) = reader.windows(plan)
        expected = folder.read("a.tif", region, size, bands=[0, 1, 2])
        assert window.samples.dtype == np.dtype(dtype)
        assert window.samples.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("dtype", "value"), [("int64", 2**53 + 1), ("int64", -1), ("float64", 1 / 3), ("int8", -7)]
)
def test_values_are_told_as_they_are(dtype: str, value: float, tmp_path: Path) -> None:
    write_geotiff(tmp_path / "a.tif", np.full((1, 64, 64), value, dtype))
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    address = (
        "/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetFeatureInfo&LAYERS=a&QUERY_LAYERS=a&STYLES=&CRS=EPSG:32633&WIDTH=64"
        "&HEIGHT=64&BBOX=500000,4998720,501280,5000000&FORMAT=image/png&I=5&J=5&INFO_FORMAT=application/json"
    )
    text = body(ask(application, address)).decode()
    assert str(value) in text, text
    assert json.loads(text)
