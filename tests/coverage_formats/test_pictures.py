"""PNG, JPEG and JPEG 2000 of samples."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from iipserve.coverage_formats import by_name
from tests.coverage_formats.rasters import ROTATED, ROTATED_POLE, file_of, key_of, raster, samples_of
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
        ("jp2", {"dtype": "float32"}, "float32"),
        ("jp2", {"bands": 65}, "64 bands"),
        ("jp2", {"system": key_of(ROTATED_POLE)}, "reference system"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    format: str, arguments: dict[str, object], message: str
) -> None:
    refusal = by_name(format).refusal(raster(format, **arguments))  # type: ignore[arg-type]
    assert refusal is not None
    assert message in refusal


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
def test_jpeg_2000_keeps_samples_and_place(dtype: str, bands: int) -> None:
    given = raster("jp2", dtype=dtype, bands=bands, is_rgb=bands == 3)
    samples = samples_of(given)
    found = read(file_of(given, samples), "JP2OpenJPEG")
    assert_same_bits(found.samples, samples)
    assert found.transform == tuple(given.grid.affine)
    assert found.crs.to_epsg() == 32633


def test_jpeg_2000_of_several_tiles_keeps_samples() -> None:
    given = raster("jp2", bands=2, size=(1100, 1060), system="EPSG:4326", affine=ROTATED)
    samples = np.indices((1060, 1100)).sum(axis=0)[:, :, None].repeat(2, axis=2).astype(np.uint8)
    body = file_of(given, samples)
    assert_same_bits(imagecodecs.jpeg2k_decode(body), samples)
    assert read(body, "JP2OpenJPEG").transform == tuple(ROTATED)


def test_jpeg_2000_keeps_the_color_table() -> None:
    palette = bytes(range(30))
    given = raster("jp2", palette=palette)
    samples = samples_of(given) % 10
    found = read(file_of(given, samples), "JP2OpenJPEG")
    assert_same_bits(found.samples, samples)
    assert found.colors is not None
    assert [found.colors[index][:3] for index in range(10)] == [
        tuple(palette[i : i + 3]) for i in range(0, 30, 3)
    ]


def test_jpeg_2000_of_a_quality_is_smaller() -> None:
    given, lossy = raster("jp2", size=(300, 300)), raster("jp2", size=(300, 300), quality=50)
    samples = samples_of(given)
    assert len(file_of(lossy, samples)) < len(file_of(given, samples)) * 2 / 3
