"""The sample that represents missing data, for files that declare one for all bands."""

from __future__ import annotations

from iipserve.coverage_formats import Raster


def common_nodata(raster: Raster) -> int | float | None:
    """The sample that represents missing data in all bands; None where there is none, or bands differ."""
    bands = raster.description.bands
    opaque = [band.nodata for index, band in enumerate(bands) if index != raster.description.opacity]
    first = opaque[0] if opaque else None
    if first is None or not all(other is not None and _same(first, other) for other in opaque):
        return None
    return first


def as_text(value: float) -> str:
    """Decimal digits from which the same number is read."""
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _same(first: float, other: float) -> bool:
    return first == other or (first != first and other != other)
