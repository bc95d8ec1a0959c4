"""COG: samples, place, and the order that makes it one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from iipserve.coverage_formats import by_name
from iipserve.errors import DecodeError
from iipserve.geometry import Size
from iipserve.plan import CoverageBand
from tests.coverage_formats.rasters import DEGREES, ROTATED, TYPES, file_of, raster, samples_of
from tests.coverage_formats.reading import assert_same_bits, read


@pytest.mark.parametrize("dtype", TYPES)
def test_samples_are_kept(dtype: str) -> None:
    given = raster("cog", dtype=dtype, bands=2)
    samples = samples_of(given)
    assert_same_bits(read(file_of(given, samples)).samples, samples)


@pytest.mark.parametrize("compression", ["none", "lzw", "zstd", "deflate"])
def test_it_is_a_cog_of_the_asked_compression(compression: str) -> None:
    given = raster(
        "cog",
        size=(600, 300),
        compression=compression,
        tile=Size(128, 128),
        system="EPSG:4326",
        affine=DEGREES,
    )
    samples = samples_of(given)
    body = file_of(given, samples)
    found = read(body)
    assert_same_bits(found.samples, samples)
    assert found.structure["LAYOUT"] == "COG"
    assert found.structure.get("COMPRESSION", "NONE") == compression.upper()
    assert found.transform == tuple(DEGREES)
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        assert file.pages.first.tilewidth == 128
        assert [page.imagewidth for page in file.pages] == [600, 300, 150, 75][: len(file.pages)]
        assert len(file.pages) > 1


def test_meaning_and_place_are_kept() -> None:
    bands = (CoverageBand("height", "m", 0.1, 5.0, -9999), CoverageBand("slope", nodata=-9999))
    found = read(
        file_of(given := raster("cog", dtype="int16", described=bands, affine=ROTATED), samples_of(given))
    )
    assert (found.names, found.units) == (("height", "slope"), ("m", None))
    assert (found.scales, found.offsets, found.nodata) == ((0.1, 1.0), (5.0, 0.0), -9999)
    assert found.transform == tuple(ROTATED)


def test_pixel_space_has_no_place() -> None:
    found = read(file_of(given := raster("cog", system="image"), samples_of(given)))
    assert (found.crs, found.transform) == (None, (1, 0, 0, 0, 1, 0))


def test_an_error_of_reading_is_that_of_the_file() -> None:
    def broken() -> Iterator[NDArray[Any]]:
        yield samples_of(given)[:10]
        raise DecodeError("the file is damaged")

    given = raster("cog")
    with pytest.raises(DecodeError, match="damaged"):
        by_name("cog").write(given, broken(), io.BytesIO())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compression": "packbits"}, "packbits"),
        ({"interleave": "band"}, "by pixel"),
        ({"tile": Size(256, 128)}, "square"),
        ({"tile": Size(64, 64)}, "128"),
        ({"dtype": "float16"}, "float16"),
        ({"dtype": "complex64"}, "complex64"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(arguments: dict[str, object], message: str) -> None:
    refusal = by_name("cog").refusal(raster("cog", **arguments))  # type: ignore[arg-type]
    assert refusal is not None
    assert message in refusal


def test_classes_of_smaller_levels_are_classes_of_the_file() -> None:
    palette = bytes(range(60))
    given = raster("cog", size=(700, 700), palette=palette)
    samples = np.where(samples_of(given) % 2, 3, 17).astype(np.uint8)
    with tifffile.TiffFile(io.BytesIO(file_of(given, samples))) as file:
        assert len(file.pages) > 1
        assert file.pages.first.photometric == 3
        for page in file.pages:
            assert set(np.unique(page.asarray())) <= {3, 17}
