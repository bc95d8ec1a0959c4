"""ASCII grid and GML: samples as digits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iipserve.coverage_formats import by_name
from iipserve.geo.grid import Affine
from iipserve.plan import CoverageBand
from tests.coverage_formats.rasters import DEGREES, ROTATED, SOUTH_UP, TYPES, file_of, raster, samples_of
from tests.coverage_formats.reading import read
from tests.schemas import validated

SPACES = {
    "gml": "http://www.opengis.net/gml/3.2",
    "gmlcov": "http://www.opengis.net/gmlcov/1.0",
    "swe": "http://www.opengis.net/swe/2.0",
}


@pytest.mark.parametrize("dtype", TYPES)
def test_digits_of_an_ascii_grid_are_the_samples(dtype: str) -> None:
    given = raster("aaigrid", dtype=dtype)
    samples = samples_of(given)
    lines = file_of(given, samples).decode().splitlines()
    head, rows = lines[:6], lines[6:]
    assert [line.split()[0] for line in head] == ["ncols", "nrows", "xllcorner", "yllcorner", "dx", "dy"]
    if dtype.startswith("float"):
        parsed = np.array([line.split() for line in rows], np.float64).astype(dtype)
    else:
        parsed = np.array([[int(word) for word in line.split()] for line in rows], dtype)
    np.testing.assert_array_equal(parsed, samples[:, :, 0])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_gdal_reads_an_ascii_grid(dtype: str) -> None:
    given = raster(
        "aaigrid", dtype=dtype, system="EPSG:4326", affine=DEGREES, nodata=-1 if dtype[0] != "u" else 0
    )
    samples = samples_of(given)
    samples[~np.isfinite(samples)] = 0
    found = read(
        file_of(given, samples),
        "AAIGrid",
        DATATYPE="Float64" if dtype == "float64" else "Float32" if dtype[0] == "f" else "Int32",
    )
    np.testing.assert_array_equal(found.samples, samples)
    assert found.transform == pytest.approx(DEGREES, rel=1e-14)
    assert found.nodata == given.description.bands[0].nodata


def test_pixels_of_an_ascii_grid_that_are_square() -> None:
    given = raster("aaigrid", affine=Affine(30.0, 0, 7.0, 0, -30.0, 1e6))
    body = file_of(given, samples_of(given))
    assert b"cellsize 30.0\n" in body
    assert read(body, "AAIGrid").transform == (30.0, 0, 7.0, 0, -30.0, 1e6)


def document_of(given, samples):  # type: ignore[no-untyped-def]
    return validated(file_of(given, samples))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("bands", [1, 3])
def test_tuples_of_gml_are_the_samples(dtype: str, bands: int) -> None:
    given = raster("gml", dtype=dtype, bands=bands, size=(20, 15))
    samples = samples_of(given)
    text = document_of(given, samples).findtext(".//gml:tupleList", namespaces=SPACES)
    tuples = [part.split(",") for part in text.split(" ")]
    number = float if dtype.startswith("float") else int
    parsed = np.array(
        [[number(word) for word in each] for each in tuples],
        np.float64 if dtype.startswith("float") else dtype,
    )
    np.testing.assert_array_equal(parsed.astype(dtype).reshape(15, 20, bands), samples)
    assert ("NaN" in text) == dtype.startswith("float")


def test_grid_of_gml_is_that_of_the_samples_in_the_order_of_its_system() -> None:
    given = raster("gml", system="EPSG:4326", affine=DEGREES, size=(8, 4))
    root = document_of(given, samples_of(given))
    assert root.tag.endswith("}RectifiedGridCoverage")
    assert root.findtext(".//gml:high", namespaces=SPACES) == "7 3"

    def numbers(path: str) -> list[list[float]]:
        return [[float(word) for word in each.text.split()] for each in root.iterfind(path, SPACES)]

    assert numbers(".//gml:pos") == [pytest.approx([49.95, 10.05])]
    assert numbers(".//gml:offsetVector") == [[0, 0.1], [-0.1, 0]]
    assert numbers(".//gml:lowerCorner") == [pytest.approx([49.6, 10])]
    assert numbers(".//gml:upperCorner") == [pytest.approx([50, 10.8])]
    assert root.find(".//gml:Envelope", SPACES).get("srsName") == "http://www.opengis.net/def/crs/EPSG/0/4326"


def test_rotated_grids_of_gml_have_oblique_steps() -> None:
    root = document_of(given := raster("gml", affine=ROTATED, size=(4, 4)), samples_of(given))
    steps = [each.text for each in root.iterfind(".//gml:offsetVector", SPACES)]
    assert steps == ["17.3 10", "10 -17.3"]


def test_pixel_space_of_gml_is_a_grid_without_place() -> None:
    root = document_of(given := raster("gml", system="image", size=(4, 4)), samples_of(given))
    assert root.tag.endswith("}GridCoverage")
    assert root.find(".//gml:Grid", SPACES) is not None
    assert not list(root.iterfind(".//gml:origin", SPACES))


def test_fields_of_gml_tell_of_the_bands() -> None:
    bands = (
        CoverageBand("1st <band>", "W.m-2", nodata=math.nan),
        CoverageBand("1st >band<", "per cent", nodata=-9999, description="the second"),
    )
    root = document_of(
        given := raster("gml", dtype="float32", described=bands, size=(4, 4)), samples_of(given)
    )
    fields = root.findall(".//swe:field", SPACES)
    assert [field.get("name") for field in fields] == ["_1st__band_", "_1st__band__2"]
    assert [each.get("code") for each in root.iterfind(".//swe:uom", SPACES)] == ["W.m-2", "per_cent"]
    assert [each.text for each in root.iterfind(".//swe:nilValue", SPACES)] == ["NaN", "-9999"]
    assert [each.text for each in root.iterfind(".//swe:description", SPACES)] == ["1st <band>", "the second"]


@pytest.mark.parametrize(
    ("format", "arguments", "message"),
    [
        ("aaigrid", {"bands": 2}, "1 band"),
        ("aaigrid", {"affine": ROTATED}, "rotated"),
        ("aaigrid", {"affine": SOUTH_UP}, "north to south"),
        ("gml", {"size": (1001, 1000)}, "1000000"),
        ("gml", {"system": "GEOGCRS[...]"}, "code"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    format: str, arguments: dict[str, object], message: str
) -> None:
    refusal = by_name(format).refusal(raster(format, **arguments))  # type: ignore[arg-type]
    assert refusal is not None
    assert message in refusal
