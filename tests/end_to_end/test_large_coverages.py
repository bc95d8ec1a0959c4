"""A coverage of 2 GB: every sample arrives, and the worker holds a small part of them."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")

from tests.end_to_end.running import daemon  # noqa: E402
from tests.end_to_end.test_large_exports import peak, worker_of  # noqa: E402
from tests.geo_rasters import UTM  # noqa: E402
from tests.ports import free_port  # noqa: E402

WIDTH, HEIGHT, TILE = 16_400, 32_768, 512
"""2.15 GB of float32."""
MARKS = ((0, 0), (WIDTH // 2, 17), (WIDTH - TILE, HEIGHT - TILE), (5000, HEIGHT - TILE))
"""Columns and rows of the parts that have data; the file has no others."""
MAX_MEMORY = 220
"""Megabytes of the worker; Python 3.14 takes more than those before."""
ADDRESS = "/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID=large&FORMAT=image/tiff&GEOTIFF:COMPRESSION=Deflate"
"""Compressed, so that the test does not wait for the disk; without compression the benchmark measures it."""


def mark_of(number: int) -> np.ndarray:
    """The samples of one of the parts."""
    return np.random.default_rng(number).random((TILE, TILE), np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sparse file, a few megabytes on the disk."""
    images = tmp_path_factory.mktemp("images")
    with rasterio.open(
        images / "large.tif", "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=1, dtype="float32", crs="EPSG:32633",
        transform=UTM, tiled=True, blockxsize=TILE, blockysize=TILE, SPARSE_OK=True, BIGTIFF="YES",
    ) as file:  # fmt: skip
        for number, (column, row) in enumerate(MARKS):
            window = rasterio.windows.Window(column, row, TILE, TILE)
            file.write(mark_of(number), 1, window=window)
    return images


@pytest.fixture
def ports(folder: Path, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Of FastCGI and of HTTP, of a new daemon with one worker."""
    fastcgi, web = free_port(), free_port()
    arguments = ("--bind", f"127.0.0.1:{fastcgi}", "--http", f"127.0.0.1:{web}")
    with daemon(folder, tmp_path, *arguments, ports=[fastcgi, web], TMPDIR=str(tmp_path)):
        yield fastcgi, web


def test_a_coverage_of_two_gigabytes(ports: tuple[int, int], tmp_path: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ports[1], timeout=120)
    connection.request("GET", ADDRESS)
    path = tmp_path / "answer.tif"
    with connection.getresponse() as answer, path.open("wb") as file:
        assert answer.status == 200
        shutil.copyfileobj(answer, file, 1 << 20)
        length = answer.headers["Content-Length"]
    connection.close()
    assert peak(worker_of(ports[0])) < MAX_MEMORY
    assert int(length) == path.stat().st_size
    with rasterio.open(path) as found:
        assert (found.width, found.height, found.dtypes[0]) == (WIDTH, HEIGHT, "float32")
        for number, (column, row) in enumerate(MARKS):
            window = rasterio.windows.Window(column, row, TILE, TILE)
            np.testing.assert_array_equal(found.read(1, window=window), mark_of(number))
