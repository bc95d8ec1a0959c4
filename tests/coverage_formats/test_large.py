"""Files longer than 4 GB, memory while files are written, and several threads that write."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.coverage_formats import Raster, by_name, formats
from iipserve.geometry import Size
from tests.coverage_formats.rasters import file_of, raster, samples_of
from tests.coverage_formats.reading import read

rasterio = pytest.importorskip("rasterio")
from rasterio.windows import Window  # noqa: E402

HUGE = (40_000, 40_000)
STRIP = 256


class Nowhere:
    """An output that keeps nothing but its length."""

    length = 0

    def write(self, data: bytes | memoryview) -> None:
        self.length += len(data)

    def seek(self, position: int) -> None:
        pass


def beginning_of(given: Raster) -> bytes:
    pieces = by_name(given.encoding.format).pieces
    assert pieces is not None
    return bytes(next(pieces(given, ())))


@pytest.mark.parametrize("tile", [None, Size(512, 512)])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_gdal_finds_the_last_sample_of_a_file_of_gigabytes(
    tmp_path: Path, tile: Size | None, interleave: str
) -> None:
    """The file has holes in place of all samples but the last block."""
    given = raster(dtype="uint16", bands=3, size=HUGE, tile=tile, interleave=interleave)
    length = by_name("geotiff").length(given)
    assert length is not None
    assert length > 2 * 3 * HUGE[0] * HUGE[1]
    path = tmp_path / "huge.tif"
    path.write_bytes(beginning_of(given))
    with path.open("r+b") as file:
        file.truncate(length)
        file.seek(length - 1000)
        file.write(np.arange(500, dtype="<u2").tobytes())
    column, row, expected = (HUGE[0] - 1, HUGE[1] - 1, 499)
    if tile:
        # the last tile reaches past the edge, with its last row in the part that is not there
        assert os.path.getsize(path) == length
        column, row, expected = 0, 0, 0
    with rasterio.open(path) as file:
        found = file.read(3, window=Window(column, row, 1, 1))
        assert file.read(1, window=Window(0, 0, 1, 1))[0, 0] == 0
    assert found[0, 0] == expected


def test_netcdf_of_gigabytes_has_its_last_sample_where_gdal_finds_it(tmp_path: Path) -> None:
    given = raster("netcdf", dtype="int16", size=HUGE)
    length = by_name("netcdf").length(given)
    assert length is not None
    path = tmp_path / "huge.nc"
    path.write_bytes(beginning_of(given))
    with path.open("r+b") as file:
        file.truncate(length)
        file.seek(length - 2)
        file.write(b"\x12\x34")
    with rasterio.open(path) as file:
        assert file.read(1, window=Window(HUGE[0] - 1, HUGE[1] - 1, 1, 1))[0, 0] == 0x1234


def strips_of(given: Raster) -> Iterator[NDArray[Any]]:
    """Samples that are made when they are asked for."""
    for start in range(0, given.size.height, STRIP):
        rows = min(STRIP, given.size.height - start)
        yield np.full((rows, given.size.width, given.bands), start % 200, given.dtype)


def test_memory_of_texts_is_that_of_a_part_of_a_strip() -> None:
    given = raster("aaigrid", dtype="uint16", size=(300, 800))
    tracemalloc.start()
    try:
        by_name("aaigrid").write(given, [np.full((800, 300, 1), 54321, np.uint16)], output := Nowhere())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert output.length > 800 * 300 * 6
    assert peak <= 2 * given.raw_length + by_name("aaigrid").held(given)


@pytest.mark.parametrize(
    ("format", "encoding"),
    [
        ("geotiff", {}),
        ("geotiff", {"interleave": "band"}),
        ("geotiff", {"tile": Size(256, 256)}),
        ("geotiff", {"compression": "deflate", "predictor": "horizontal"}),
        ("geotiff", {"compression": "zstd", "tile": Size(256, 256), "interleave": "band"}),
        ("netcdf", {}),
        ("png", {}),
    ],
)
def test_memory_is_that_of_a_few_strips(format: str, encoding: dict[str, Any]) -> None:
    given = raster(format, dtype="uint16", bands=3, size=(2000, 6000), **encoding)
    strip = STRIP * 2000 * 3 * 2
    tracemalloc.start()
    try:
        output = Nowhere()
        by_name(format).write(given, strips_of(given), output)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert output.length > 0
    assert peak <= 2 * strip + by_name(format).held(given) + (8 << 20) < given.raw_length


@pytest.mark.parametrize("format", [*formats()])
def test_threads_write_the_same_files(format: str) -> None:
    given = raster(format, dtype="uint8", size=(90, 70), nodata=3, system="EPSG:3035")
    samples = samples_of(given)
    expected = file_of(given, samples)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: file_of(given, samples), range(12))) == {expected}


def test_an_empty_output_is_written_at_its_beginning() -> None:
    given = raster(compression="lzw")
    output = io.BytesIO()
    by_name("geotiff").write(given, [samples_of(given)], output)
    assert read(output.getvalue()).structure["COMPRESSION"] == "LZW"
