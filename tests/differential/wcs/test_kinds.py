"""Coverages of rasters of every kind: samples and what files tell of them, as GDAL reads both of the file and of the answer."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")

from rasterio.io import MemoryFile  # noqa: E402

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from tests.differential.wcs.reading import file_in  # noqa: E402
from tests.differential.wcs.ways import Asked, answer  # noqa: E402
from tests.geo_rasters import KINDS  # noqa: E402

UPRIGHT = ("utm", "point", "pyramid", "scaled", "nodata", "nan", "mask", "rgba", "palette", "plain")
"""Kinds whose pixels are those of their coverage."""
ADDRESSES = {
    "1.1.2": "/wcs?SERVICE=WCS&VERSION=1.1.2&REQUEST=GetCoverage&IDENTIFIER={}&FORMAT=image/tiff&BOUNDINGBOX=",
    "2.0.1": "/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID={}",
    "OGC API": "/ogc/collections/{}/coverage",
}
BOX = "500010,4998410,502390,4999990,urn:ogc:def:crs:EPSG::32633"
PLAIN_BOX = "0,0,119,79,urn:ogc:def:crs:OGC::imageCRS"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kinds")
    for make in KINDS.values():
        make(made)
    return made


@pytest.fixture(scope="module")
def application(folder: Path) -> Iterator[Application]:
    made = build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


def description_of(file: Any) -> dict[str, Any]:
    """What a file tells of its samples and its place."""
    return {
        "transform": file.transform, "crs": file.crs, "nodata": repr(file.nodatavals), "scales": file.scales,
        "offsets": file.offsets, "units": [unit or "" for unit in file.units], "dtypes": file.dtypes,
        "colors": file.colormap(1) if file.count == 1 and file.colorinterp[0].name == "palette" else None,
        "alpha": [each.name == "alpha" for each in file.colorinterp],
    }  # fmt: skip


@pytest.mark.parametrize("way", ADDRESSES)
@pytest.mark.parametrize("kind", UPRIGHT)
def test_a_copy_tells_what_the_file_tells(
    application: Application, folder: Path, kind: str, way: str
) -> None:
    box = (PLAIN_BOX if kind == "plain" else BOX) if way == "1.1.2" else ""
    content = file_in(answer(application, Asked(ADDRESSES[way].format(kind) + box)))
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(folder / f"{kind}.tif") as source,
        MemoryFile(content) as memory,
        memory.open() as found,
    ):
        assert found.read().tobytes() == source.read().tobytes()
        assert description_of(found) == description_of(source)
        if kind == "scaled":
            assert found.descriptions == source.descriptions


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_coverage(application: Application, kind: str) -> None:
    """Of rasters that are rotated, or placed by points, on a north-up grid that documents describe."""
    described = answer(application, Asked(f"/ogc/collections/{kind}?f=json"))
    assert isinstance(described.body, bytes)
    extent = json.loads(described.body).get("extent", {}).get("spatial", {})
    content = file_in(answer(application, Asked(ADDRESSES["2.0.1"].format(kind))))
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        MemoryFile(content) as memory,
        memory.open() as found,
    ):
        samples = found.read()
        assert samples.any()
        assert found.transform.e < 0 or kind in ("plain", "europa")
        if "grid" in extent:
            counts = {axis["cellsCount"] for axis in extent["grid"]}
            assert counts == {found.width, found.height}


def test_feature_info_is_the_sample(application: Application) -> None:
    """The number under a click is the sample of the coverage at that place."""
    random = np.random.default_rng(5)
    for kind in ("utm", "scaled", "nan", "rotated", "wgs84", "south_up"):
        content = file_in(answer(application, Asked(ADDRESSES["2.0.1"].format(kind))))
        with MemoryFile(content) as memory, memory.open() as file:
            samples, transform, crs = file.read(), file.transform, file.crs.to_string()
            names = [name or f"band{number}" for number, name in enumerate(file.descriptions, start=1)]
        rows, columns = samples.shape[1:]
        for _ in range(5):
            column, row = int(random.integers(5, columns - 5)), int(random.integers(5, rows - 5))
            west, north = transform * (column, row)
            east, south = transform * (column + 1, row + 1)
            query = {
                "SERVICE": "WMS", "VERSION": "1.1.1", "REQUEST": "GetFeatureInfo", "LAYERS": kind, "QUERY_LAYERS": kind,
                "STYLES": "", "SRS": crs, "BBOX": f"{west!r},{south!r},{east!r},{north!r}", "WIDTH": 1, "HEIGHT": 1, "X": 0,
                "Y": 0, "INFO_FORMAT": "application/json", "FORMAT": "image/png",
            }  # fmt: skip
            response = answer(application, Asked(f"/wms?{urlencode(query)}"))
            assert isinstance(response.body, bytes)
            found = json.loads(response.body)["features"]
            values = {band["name"]: band["raw"] for each in found for band in each["properties"]["bands"]}
            sample = dict(zip(names, samples[:, row, column].tolist(), strict=True))
            if found:
                assert values == sample, (kind, column, row)
            else:
                assert kind == "rotated", "only a rotated raster leaves places of its coverage without data"
                assert not any(sample.values())
