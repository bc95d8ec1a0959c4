"""What GDAL reads of a file, by rasterio."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")


class Read(NamedTuple):
    """A file as GDAL sees it."""

    samples: NDArray[Any]
    """Shape (height, width, bands)."""
    crs: Any
    transform: tuple[float, ...]
    nodata: float | None
    names: tuple[str | None, ...]
    units: tuple[str | None, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    colors: dict[int, tuple[int, ...]] | None
    profile: dict[str, Any]
    tags: dict[str, str]
    structure: dict[str, str]


def read(body: bytes, driver: str = "GTiff", **options: Any) -> Read:
    """The file, which must be of the driver's format."""
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        rasterio.Env(GDAL_PAM_ENABLED=False),
        rasterio.MemoryFile(body) as memory,
        memory.open(driver=driver, **options) as file,
    ):
        is_palette = file.colorinterp[0].name == "palette"
        return Read(
            np.moveaxis(file.read(), 0, 2),
            file.crs,
            tuple(file.transform[:6]),
            file.nodata,
            file.descriptions,
            file.units,
            file.scales,
            file.offsets,
            file.colormap(1) if is_palette else None,
            dict(file.profile),
            file.tags(),
            file.tags(ns="IMAGE_STRUCTURE"),
        )


def assert_same_bits(read: NDArray[Any], written: NDArray[Any]) -> None:
    """Samples are equal in every bit; of NaN too."""
    assert read.dtype == written.dtype
    assert read.shape == written.shape
    assert np.ascontiguousarray(read).tobytes() == np.ascontiguousarray(written).tobytes()
