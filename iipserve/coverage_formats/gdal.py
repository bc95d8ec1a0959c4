"""GDAL by rasterio: imported on first use, its objects made by the thread that uses them, its files in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from iipserve.geo import crs, load
from iipserve.geo.definitions import wkt

SETTINGS = {
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_CACHEMAX": 32 << 20,
    "GDAL_NUM_THREADS": "1",
}
"""Of GDAL: no files but those that are named; bytes of blocks that are kept."""


@contextmanager
def settings(**more: Any) -> Iterator[None]:
    """GDAL as this package uses it, without its messages: what matters of them is in exceptions.

    Args:
        more: further settings, or others.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    load("rasterio")
    from rasterio import Env

    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    with Env(**(SETTINGS | more)):
        yield


@contextmanager
def memory_file(content: bytes = b"", **more: Any) -> Iterator[Any]:
    """A file in memory, which is gone afterwards whatever happens (rasterio's `MemoryFile`).

    Args:
        content: of the file.
        more: as of `settings`.
    """
    with settings(**more):
        from rasterio import MemoryFile

        with MemoryFile(content) as file:
            yield file


def gdal_crs(key: str) -> Any:
    """rasterio's value of a coordinate reference system.

    Args:
        key: of `geo.crs`.

    Raises:
        UnknownCrs: it is none.
    """
    from rasterio.crs import CRS

    if crs.has_code(key):
        return CRS.from_string(key)
    return CRS.from_wkt(wkt(key))


def anywhere() -> Any:
    """A transformation for files whose place does not matter: rasterio warns of files without."""
    from rasterio import Affine

    return Affine(1, 0, 1, 0, -1, 1)


def version() -> str:
    """GDAL's, for `--check`."""
    load("rasterio")
    import rasterio

    return f"GDAL {rasterio.__gdal_version__}"
