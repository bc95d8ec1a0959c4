"""netCDF of the classic data model (CDF-2) by the CF Conventions: a variable for each band, written here.

The file is made without GDAL's driver, which needs a name in a folder and all samples at once. CDF-5, which has more types of
integers, is not read by GDAL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from iipserve import __version__
from iipserve.codecs import Output
from iipserve.containers.netcdf import MAX_LENGTH, Layout, Value, Variable, lay_out
from iipserve.coverage_formats import CoverageFormat, Raster, Strips
from iipserve.geo import crs
from iipserve.geo.definitions import cf_attributes, wkt
from iipserve.plan import CoverageBand

MAPPING = "crs"
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
"""Names that variables have without change."""
MAX_BANDS = 4096
STORED = {
    "uint8": "int8", "int8": "int8", "uint16": "int16", "int16": "int16", "int32": "int32", "float32": "float32",
    "float64": "float64",
}  # fmt: skip
"""Type of samples -> that of variables. Unsigned ones are stored as signed, with the attribute `_Unsigned` (NUG, appendix B)."""


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as netCDF, or None."""
    if raster.dtype.name not in STORED:
        return f"netCDF does not hold samples of the type {raster.dtype.name}; ask for image/tiff"
    if raster.size.area * raster.dtype.itemsize > MAX_LENGTH:
        return "netCDF is written with bands of up to 4 GB; ask for a smaller part, or for image/tiff"
    if raster.bands > MAX_BANDS:
        return f"netCDF is written with up to {MAX_BANDS} bands, not {raster.bands}; ask for some of them"
    if not raster.grid.affine.is_rectilinear:
        return "netCDF is not written of rotated grids; ask for image/tiff"
    return None


def structure(raster: Raster) -> Layout:
    """Header and places of values: those of columns and rows first, then the bands."""
    across, down = _dimensions(raster)
    size, place = raster.size, cf_attributes(raster.grid.crs) if raster.is_placed else None
    variables = [
        Variable(down, "float64", (down,), place.y if place else {"axis": "Y"}),
        Variable(across, "float64", (across,), place.x if place else {"axis": "X"}),
    ]
    if place:
        variables.append(Variable(MAPPING, "int32", (), place.mapping | _for_gdal(raster)))
    taken = {variable.name for variable in variables}
    for index, band in enumerate(raster.description.bands):
        name = (
            band.name if VARIABLE_NAME.fullmatch(band.name) and band.name not in taken else f"Band{index + 1}"
        )
        taken.add(name)
        variables.append(Variable(name, STORED[raster.dtype.name], (down, across), _attributes(raster, band)))
    return lay_out(
        {down: size.height, across: size.width},
        {"Conventions": "CF-1.11", "history": f"iipserve/{__version__}"},
        variables,
    )


def _dimensions(raster: Raster) -> tuple[str, str]:
    if raster.is_placed and crs.is_geographic(raster.grid.crs):
        return "lon", "lat"
    return "x", "y"


def _for_gdal(raster: Raster) -> dict[str, Value]:
    """What GDAL reads first: the system, and the mapping without the rounding of coordinates."""
    a, b, c, d, e, f = raster.grid.affine
    return {
        "spatial_ref": wkt(raster.grid.crs),
        "GeoTransform": " ".join(repr(float(number)) for number in (c, a, b, f, d, e)),
    }


def _attributes(raster: Raster, band: CoverageBand) -> dict[str, Value]:
    attributes: dict[str, Value] = {"long_name": band.description or band.name}
    if raster.dtype.itemsize == 1 or raster.dtype.kind == "u":
        attributes["_Unsigned"] = "true" if raster.dtype.kind == "u" else "false"
    if band.unit:
        attributes["units"] = band.unit
    if raster.is_placed:
        attributes["grid_mapping"] = MAPPING
    if (band.scale, band.offset) != (1.0, 0.0):
        attributes |= {"scale_factor": band.scale, "add_offset": band.offset}
    # without one, GDAL reads NaN as the usual fill value
    nodata = math.nan if band.nodata is None and raster.dtype.kind == "f" else band.nodata
    if nodata is not None:
        attributes["_FillValue"] = raster.dtype.type(nodata).view(STORED[raster.dtype.name])
    return attributes


def length(raster: Raster) -> int | None:
    """Bytes of a file of one band, which is written in order."""
    return structure(raster).length if raster.bands == 1 else None


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes | memoryview]:
    """A file of one band from beginning to end."""
    layout, written = structure(raster), 0
    yield _before_bands(raster, layout)
    for strip in strips:
        data = _big_endian(strip[:, :, 0])
        written += len(data)
        yield data
    yield bytes(-written % 4)


def _before_bands(raster: Raster, layout: Layout) -> bytes:
    """The header, and the centers of rows and of columns."""
    a, _, c, _, e, f = raster.grid.affine
    rows = f + (np.arange(raster.size.height) + 0.5) * e
    columns = c + (np.arange(raster.size.width) + 0.5) * a
    parts: list[bytes | memoryview] = [layout.header, _big_endian(rows), _big_endian(columns)]
    return b"".join(parts).ljust(layout.offsets[-raster.bands], b"\0")


def save(raster: Raster, strips: Strips, output: Output) -> None:
    """Write a file of several bands, each strip in as many places."""
    layout, done = structure(raster), 0
    output.write(_before_bands(raster, layout))
    row_bytes = raster.size.width * raster.dtype.itemsize
    for strip in strips:
        for band, offset in enumerate(layout.offsets[-raster.bands :]):
            output.seek(offset + done * row_bytes)
            output.write(_big_endian(strip[:, :, band]))
        done += strip.shape[0]
    if missing := -(done * row_bytes) % 4:
        output.write(bytes(missing))


def _big_endian(values: NDArray[np.generic]) -> memoryview:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder(">")).view(np.uint8).data.cast("B")


COVERAGE_FORMAT = CoverageFormat(
    name="netcdf",
    title="netCDF",
    media_type="application/x-netcdf",
    extension="nc",
    refusal=refusal,
    pieces=pieces,
    save=save,
    length=length,
    held=lambda raster: 16 * sum(raster.size),
    media_types=("application/netcdf", "image/netcdf", "image/x-netcdf"),
    names=("netcdf", "netcdf3", "netcdf4"),
    position=50,
)
