"""Documents about rasters of every kind, as the application reads them: valid, and what GDAL says of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

rasterio = pytest.importorskip("rasterio")

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from iipserve.http import Request  # noqa: E402
from tests.geo_rasters import GRIDS, KINDS  # noqa: E402
from tests.protocols.wcs.documents import texts  # noqa: E402
from tests.schemas import validated  # noqa: E402

OFF_EARTH = ("plain", "europa")
UPRIGHT = [name for name in GRIDS if name not in (*OFF_EARTH, "south_up", "rotated", "sinusoidal")]
NAMES = {"1.0.0": "COVERAGE", "1.1.2": "IDENTIFIERS", "2.0.1": "COVERAGEID"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("rasters")
    for make in KINDS.values():
        make(found)
    return found


@pytest.fixture(scope="module")
def app(folder: Path) -> Application:
    return build(Config(filesystem_prefix=f"{folder}/"))


def document(app: Application, **fields: str) -> Any:
    query = "&".join(f"{name}={value}" for name, value in ({"SERVICE": "WCS"} | fields).items())
    response: Any = app.handle(Request("GET", "/wcs", query, {"HTTP_HOST": "a.example"}))
    return validated(response.body)


@pytest.mark.parametrize("version", NAMES)
def test_capabilities_list_every_raster_on_earth(app: Application, version: str) -> None:
    root = document(app, REQUEST="GetCapabilities", VERSION=version)
    found = {
        each.text for each in root.iter() if str(each.tag).endswith(("}CoverageId", "}Identifier", "}name"))
    }
    assert found >= {name for name in KINDS if name not in OFF_EARTH}
    assert not found & {*OFF_EARTH}


@pytest.mark.parametrize("version", NAMES)
@pytest.mark.parametrize("name", KINDS)
def test_descriptions_are_valid(app: Application, version: str, name: str) -> None:
    root = document(app, REQUEST="DescribeCoverage", VERSION=version, **{NAMES[version]: name})
    is_refused = version == "1.0.0" and name in OFF_EARTH
    assert ("Exception" in root.tag) == is_refused


@pytest.mark.parametrize("name", UPRIGHT)
def test_grids_are_those_of_the_files(app: Application, folder: Path, name: str) -> None:
    root = document(app, REQUEST="DescribeCoverage", VERSION="1.0.0", COVERAGE=name)
    with rasterio.open(folder / f"{name}.tif") as dataset:
        center = dataset.transform * (0.5, 0.5)
        steps = [(dataset.transform.a, 0.0), (0.0, dataset.transform.e)]
        size = f"{dataset.width - 1} {dataset.height - 1}"
        code = f"EPSG:{dataset.crs.to_epsg()}"
    assert texts(root, "//gml:high") == [size]
    assert texts(root, "//wcs10:nativeCRSs") == [code]
    (origin,) = texts(root, "//gml:origin/gml:pos")
    assert [*map(float, origin.split())] == pytest.approx(center, rel=1e-12)
    for text, step in zip(texts(root, "//gml:offsetVector"), steps, strict=True):
        assert [*map(float, text.split())] == pytest.approx(step, rel=1e-12)


@pytest.mark.parametrize("name", ["scaled", "nodata", "nan", "palette", "rgba", "utm"])
def test_bands_are_those_of_the_files(app: Application, folder: Path, name: str) -> None:
    root = document(app, REQUEST="DescribeCoverage", VERSION="2.0.1", COVERAGEID=name)
    with rasterio.open(folder / f"{name}.tif") as dataset:
        count, names, units, nodata = dataset.count, dataset.descriptions, dataset.units, dataset.nodata
    fields = texts(root, "//swe:field/@name")
    assert len(fields) == count
    assert [found for found, known in zip(fields, names, strict=True) if known] == [*filter(None, names)]
    codes = texts(root, "//swe:uom/@code")
    assert [found for found, known in zip(codes, units, strict=True) if known] == [*filter(None, units)]
    nils = {float(each) for each in texts(root, "//swe:nilValue")}
    assert nils == ({nodata} if nodata is not None else set())
