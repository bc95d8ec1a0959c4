"""PNG, JPEG and JPEG 2000 of samples."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from iipserve.coverage_formats import by_name
from tests.coverage_formats.rasters import file_of, raster, samples_of
from tests.coverage_formats.reading import assert_same_bits, read


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_png_keeps_samples(dtype: str, bands: int) -> None:
    given = raster("png", dtype=dtype, bands=bands)
    samples = samples_of(given)
    assert_same_bits(read(file_of(given, samples), "PNG").samples, samples)


def test_png_keeps_color_table_and_missing_sample() -> None:
    palette = bytes(range(90))
    given = raster("png", palette=palette, nodata=7)
    samples = samples_of(given)
    body = file_of(given, samples)
    found = read(body, "PNG")
    assert_same_bits(found.samples, samples)
    assert found.colors is not None
    assert [found.colors[index][:3] for index in range(30)] == [
        tuple(palette[i : i + 3]) for i in range(0, 90, 3)
    ]
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.mode == "P"
        opacity = np.asarray(picture.convert("RGBA"))[:, :, 3]
    assert np.array_equal(opacity == 0, samples[:, :, 0] == 7)


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 3), ("uint16", 40000)])
def test_png_declares_the_missing_sample_of_gray(dtype: str, nodata: int) -> None:
    given = raster("png", dtype=dtype, nodata=nodata)
    assert read(file_of(given, samples_of(given)), "PNG").nodata == nodata


@pytest.mark.parametrize("bands", [1, 3])
def test_jpeg_is_close(bands: int) -> None:
    given = raster("jpeg", bands=bands, size=(200, 150), quality=95)
    samples = samples_of(given)
    samples[:75] = samples[75:]
    found = read(file_of(given, samples), "JPEG").samples
    assert np.abs(found.astype(int) - samples).mean() < 6


@pytest.mark.parametrize(
    ("format", "arguments", "message"),
    [
        ("png", {"dtype": "int16"}, "int16"),
        ("png", {"dtype": "float32"}, "float32"),
        ("png", {"bands": 5}, "up to 4"),
        ("jpeg", {"dtype": "uint16"}, "uint16"),
        ("jpeg", {"bands": 4}, "1 or 3"),
        ("jpeg", {"palette": b"abc"}, "color table"),
        ("jpeg", {"size": (70000, 1)}, "65500"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    format: str, arguments: dict[str, object], message: str
) -> None:
    refusal = by_name(format).refusal(raster(format, **arguments))  # type: ignore[arg-type]
    assert refusal is not None
    assert message in refusal
