"""As which files this installation writes coverages."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from iipserve.coverage_formats import CoverageFormat, Raster
from iipserve.geo.georeference import PIXEL_SPACE
from iipserve.geo.grid import Affine, GridRef
from iipserve.geometry import Size
from iipserve.plan import CoverageBand, CoverageDescription, CoverageEncoding

SIZE = Size(8, 8)
GRID = GridRef(PIXEL_SPACE, Affine(1.0, 0.0, 0.0, 0.0, -1.0, 0.0), SIZE)


def coverage_lines(formats: Mapping[str, CoverageFormat]) -> list[str]:
    """A line for each format of coverages, with what writes it, or why it cannot."""
    return [_line(format) for _, format in sorted(formats.items())]


def _line(format: CoverageFormat) -> str:
    description = CoverageDescription("uint8", (CoverageBand("band1"),))
    raster = Raster(description, GRID, CoverageEncoding(format.name))
    try:
        library = f" ({format.library()})" if format.library else ""
        format.write(raster, [np.zeros((*SIZE, 1), np.uint8)], io.BytesIO())
    except Exception as error:
        # libraries raise all kinds of errors
        return f"coverages not written: {format.name} ({type(error).__name__}: {error})"
    return f"coverages written: {format.name}{library}"
