"""Rasters of all kinds with samples, and files of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from iipserve.coverage_formats import Raster, by_name
from iipserve.geo import crs
from iipserve.geo.grid import Affine, GridRef
from iipserve.geometry import Size
from iipserve.plan import CoverageBand, CoverageDescription, CoverageEncoding

NORTH_UP = Affine(20.0, 0.0, 500000.0, 0.0, -25.0, 5000000.0)
DEGREES = Affine(0.1, 0.0, 10.0, 0.0, -0.1, 50.0)
ROTATED = Affine(17.3, 10.0, 500000.0, 10.0, -17.3, 5000000.0)
SOUTH_UP = Affine(20.0, 0.0, 500000.0, 0.0, 20.0, 4990000.0)
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")

SYSTEMS = {
    "sinusoidal": "+proj=sinu +R=6371007.181 +units=m",
    "geostationary": "+proj=geos +h=35785831 +sweep=y +lon_0=9.5",
    "with a shift of its datum": "+proj=laea +lat_0=10 +lon_0=20 +towgs84=10,20,30 +ellps=bessel",
    "of Europa": "+proj=eqc +R=1560800",
    "in feet": "+proj=tmerc +lat_0=1 +lon_0=2 +k=0.9 +units=us-ft",
    "between two points": "+proj=tpeqd +lat_1=60 +lat_2=65 +lon_1=0 +lon_2=10",
}
"""Systems without a code."""
ROTATED_POLE = "+proj=ob_tran +o_proj=longlat +o_lat_p=39.25 +o_lon_p=0 +lon_0=18 +R=6371229"
"""That keys of GeoTIFF do not define."""


def key_of(definition: str) -> str:
    """The key of a system by its definition for PROJ."""
    key = crs.key_of_wkt(pyproj.CRS(definition).to_wkt())
    assert key is not None
    return key


def raster(
    format: str = "geotiff",
    *,
    dtype: str = "uint8",
    bands: int = 1,
    size: tuple[int, int] = (70, 50),
    system: str = "EPSG:32633",
    affine: Affine = NORTH_UP,
    nodata: float | None = None,
    described: tuple[CoverageBand, ...] | None = None,
    palette: bytes = b"",
    bits: int = 0,
    is_rgb: bool = False,
    opacity: int | None = None,
    **encoding: Any,
) -> Raster:
    """A raster of a format; further arguments are fields of its encoding."""
    listed = described or tuple(CoverageBand(f"band{index + 1}", nodata=nodata) for index in range(bands))
    return Raster(
        CoverageDescription(dtype, listed, palette, bits, is_rgb, opacity),
        GridRef(system, affine, Size(*size)),
        CoverageEncoding(format, **encoding),
    )


def samples_of(raster: Raster, *, seed: int = 7) -> NDArray[Any]:
    """Samples of all bits of their type, smooth in half of the image: shape (height, width, bands)."""
    size, dtype = raster.size, raster.dtype
    shape = (size.height, size.width, raster.bands)
    random = np.random.default_rng(seed)
    if dtype.kind == "f":
        noise = random.normal(scale=1e4 if dtype.itemsize == 2 else 1e6, size=shape).astype(dtype)
        noise[0, :4, 0] = [np.nan, np.inf, -np.inf, -0.0][: size.width]
    else:
        limits = np.iinfo(dtype)
        noise = random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        noise[0, :2, 0] = [limits.min, limits.max][: size.width]
    smooth = np.add.outer(np.arange(size.height), np.arange(size.width))[:, :, None] + np.arange(raster.bands)
    noise[size.height // 2 :] = (smooth[size.height // 2 :] % 120).astype(dtype)
    return noise


def uneven(samples: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The samples in strips of 1, 2, 3 ... rows."""
    start, rows = 0, 1
    while start < samples.shape[0]:
        yield samples[start : start + rows]
        start, rows = start + rows, rows + 1


def file_of(raster: Raster, samples: NDArray[Any]) -> bytes:
    """The file that the raster's format writes, which keeps what it promises."""
    format = by_name(raster.encoding.format)
    assert format.refusal(raster) is None
    output = io.BytesIO()
    format.write(raster, uneven(samples), output)
    body = output.getvalue()
    length = format.length(raster)
    if length is not None:
        assert format.pieces is not None
        assert length == len(body) == len(b"".join(format.pieces(raster, [samples])))
    return body
