"""Files of all kinds of images, asked for by WCS in all formats: the samples of the file, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("rasterio")

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.coverage_formats import by_name, formats
from iipserve.http import Request, Response
from tests.coverage_formats.reading import Read, assert_same_bits, read
from tests.geo_rasters import positions, write_geotiff
from tests.properties.images import body_of
from tests.schemas import validated

DRIVERS = {"geotiff": "GTiff", "cog": "GTiff", "png": "PNG", "jp2": "JP2OpenJPEG"}
COLORS = {index: (index * 30, 5, 9, 255) for index in range(7)}
HELD = {
    "rgb": {"geotiff", "cog", "png", "jpeg", "jp2", "netcdf", "gml"},
    "opaque": {"geotiff", "cog", "png", "jp2", "netcdf", "gml"},
    "described": {"geotiff", "cog", "jp2", "netcdf", "gml"},
    "palette": {"geotiff", "cog", "png", "jp2", "netcdf", "aaigrid", "gml"},
    "bits": {"geotiff", "cog", "png", "jpeg", "jp2", "netcdf", "aaigrid", "gml"},
    "floats": {"geotiff", "cog", "netcdf", "gml"},
    "long": {"geotiff", "cog", "aaigrid", "gml"},
}
"""The formats that hold each kind."""


def samples_of() -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(1)
    floats = positions(dtype="float32") / np.float32(3)
    floats[0, 3] = np.nan
    return {
        "rgb": random.integers(0, 256, (3, 80, 120), np.uint8),
        "opaque": random.integers(0, 256, (4, 80, 120), np.uint8),
        "described": positions(dtype="int16") - np.int16(50),
        "palette": positions(dtype="uint8")[:1] % 7,
        "bits": positions(dtype="uint8")[:1] % 2,
        "floats": floats,
        "long": positions(dtype="uint64")[1:] + np.uint64(2**60 + 1),
    }


SAMPLES = samples_of()


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("kinds")
    options: dict[str, dict[str, Any]] = {
        "rgb": {"photometric": "rgb"},
        "opaque": {"photometric": "rgb", "alpha": True},
        "described": {
            "nodata": 5,
            "scales": (0.1, 1),
            "offsets": (2, 0),
            "units": ("m", "K"),
            "names": ("a b", "c"),
        },
        "palette": {"photometric": "palette", "colormap": COLORS, "nodata": 3},
        "bits": {"nbits": 1},
        "floats": {"nodata": np.nan},
        "long": {},
    }
    for kind, samples in SAMPLES.items():
        write_geotiff(folder / f"{kind}.tif", samples, **options[kind])
    made = build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


def asked(application: Application, kind: str, format: str, **more: str) -> Response:
    fields = {
        "service": "WCS",
        "version": "2.0.1",
        "request": "GetCoverage",
        "coverageid": kind,
        "format": format,
        **more,
    }
    query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    return application.handle(Request("GET", "/wcs", query, {"HTTP_HOST": "a.example"}))


def read_of(application: Application, kind: str, format: str, **more: str) -> Read:
    response = asked(application, kind, by_name(format).media_type, **more)
    assert response.status == 200, response.body
    assert dict(response.headers)["Content-Type"] == by_name(format).media_type
    return read(body_of(response), DRIVERS[format])


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("format", [*formats()])
def test_a_format_holds_the_samples_of_the_file_or_says_why_not(
    application: Application, kind: str, format: str
) -> None:
    response = asked(application, kind, by_name(format).media_type)
    if format not in HELD[kind]:
        assert response.status == 400
        assert b"ask for" in body_of(response)
    elif format in DRIVERS:
        assert_same_bits(read(body_of(response), DRIVERS[format]).samples, np.moveaxis(SAMPLES[kind], 0, 2))
    else:
        assert response.status == 200


def test_a_geotiff_tells_what_the_file_tells(application: Application) -> None:
    for format in ("geotiff", "cog"):
        found = read_of(application, "described", format)
        assert (found.names, found.units, found.nodata) == (("a b", "c"), ("m", "K"), 5)
        assert (found.scales, found.offsets) == ((0.1, 1), (2, 0))
        found = read_of(application, "described", format, rangesubset="c,a_b,c")
        assert (found.names, found.scales) == (("c", "a b", "c"), (1, 0.1, 1))
        assert np.isnan(read_of(application, "floats", format).nodata or 0)


def test_gml_is_named_as_the_coverage(application: Application) -> None:
    root = validated(
        body_of(
            asked(application, "described", "application/gml+xml", subset="i(0,9)", subsettingcrs="imageCRS")
        )
    )
    assert root.get("{http://www.opengis.net/gml/3.2}id") == "described"


@pytest.mark.parametrize("format", ["geotiff", "cog", "png", "jp2"])
def test_color_tables_are_kept(application: Application, format: str) -> None:
    colors = read_of(application, "palette", format).colors
    assert colors is not None
    assert [colors[index][:3] for index in COLORS] == [color[:3] for color in COLORS.values()]


def test_images_of_one_bit_are_compressed_by_huffman_codes(application: Application) -> None:
    found = read_of(application, "bits", "geotiff", compression="Huffman")
    assert found.structure["COMPRESSION"] == "CCITTRLE"
    assert_same_bits(found.samples, np.moveaxis(SAMPLES["bits"], 0, 2))


def test_parameters_of_the_geotiff_extension_have_their_effect(application: Application) -> None:
    more = {
        "geotiff:compression": "Deflate",
        "geotiff:predictor": "FloatingPoint",
        "geotiff:interleave": "Band",
    }
    tiles = {"geotiff:tiling": "true", "geotiff:tilewidth": "64", "geotiff:tileheight": "32"}
    found = read_of(application, "floats", "geotiff", **more, **tiles)
    assert (found.structure["COMPRESSION"], found.structure["PREDICTOR"]) == ("DEFLATE", "3")
    assert (found.profile["interleave"], found.profile["blockxsize"], found.profile["blockysize"]) == (
        "band",
        64,
        32,
    )
    assert_same_bits(found.samples, np.moveaxis(SAMPLES["floats"], 0, 2))
