"""ASCII grid of Esri: one band as text. The format has no place for the coordinate reference system."""

from __future__ import annotations

import math
from collections.abc import Iterator

from iipserve.coverage_formats import CoverageFormat, Raster, Strips
from iipserve.coverage_formats.nodata import as_text, common_nodata
from iipserve.coverage_formats.sample_text import digits, held, parts

SQUARE = 1e-9
"""Relative difference of the sides of pixels that are called square."""


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as an ASCII grid, or None."""
    if raster.bands != 1:
        return f"an ASCII grid holds 1 band, these are {raster.bands}; ask for one of them, or for image/tiff"
    if raster.dtype.kind not in "uif":
        return f"an ASCII grid does not hold samples of the type {raster.dtype.name}"
    if not raster.grid.affine.is_north_up:
        return "an ASCII grid has rows from north to south and is not rotated; ask for image/tiff"
    return None


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes]:
    """The file from beginning to end."""
    yield _header(raster).encode()
    for strip in parts(strips):
        lines = (" ".join(digits(row)) for row in strip)
        yield ("\n".join(lines) + "\n").encode()


def _header(raster: Raster) -> str:
    across, down, bounds = raster.grid.affine.a, -raster.grid.affine.e, raster.grid.bounds
    lines = [
        f"ncols {raster.size.width}",
        f"nrows {raster.size.height}",
        f"xllcorner {bounds.min_x!r}",
        f"yllcorner {bounds.min_y!r}",
    ]
    if math.isclose(across, down, rel_tol=SQUARE):
        lines.append(f"cellsize {across!r}")
    else:
        # as GDAL writes and reads other pixels
        lines += [f"dx {across!r}", f"dy {down!r}"]
    nodata = common_nodata(raster)
    if nodata is not None:
        lines.append(f"NODATA_value {as_text(nodata)}")
    return "\n".join(lines) + "\n"


COVERAGE_FORMAT = CoverageFormat(
    name="aaigrid",
    title="ArcGrid",
    media_type="text/x-esri-ascii-grid",
    extension="asc",
    refusal=refusal,
    pieces=pieces,
    held=lambda raster: held(raster.size.width, 1),
    media_types=(
        "image/x-aaigrid",
        "application/x-ogc-aaigrid",
        "application/arcgrid",
        "application/x-esri-ascii-grid",
        "text/plain;subtype=aaigrid",
    ),
    names=("aaigrid", "ascii grid", "ascii", "arc_ascii"),
    position=60,
)
