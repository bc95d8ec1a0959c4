"""GML with the samples in it: a coverage of the GML Application Schema for Coverages (OGC 09-146r2), of limited size."""

from __future__ import annotations

from collections.abc import Iterator

from iipserve.coverage_formats import CoverageFormat, Raster, Strips
from iipserve.coverage_formats.sample_text import digits, held, parts
from iipserve.geo import crs
from iipserve.geo.gmlcov import coverage_document

MAX_SAMPLES = 1_000_000
IDENTIFIER = "coverage"
"""`gml:id` of a coverage that has none."""


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as GML, or None."""
    count = raster.size.area * raster.bands
    if count > MAX_SAMPLES:
        return f"GML holds up to {MAX_SAMPLES} samples, these are {count}; ask for fewer, or for image/tiff"
    if raster.dtype.kind not in "uif":
        return f"GML does not hold samples of the type {raster.dtype.name}"
    if raster.is_placed and not crs.has_code(raster.grid.crs):
        return "GML names coordinate reference systems by a code, which this one does not have; ask for image/tiff"
    return None


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes]:
    """The document from beginning to end."""
    document = coverage_document(
        raster.description.identifier or IDENTIFIER, raster.grid, raster.description.bands
    )
    yield document.head
    separator = ""
    for strip in parts(strips):
        tuples = zip(*(digits(strip[:, :, band]) for band in range(raster.bands)), strict=True)
        text = " ".join(map(",".join, tuples))
        # as XML Schema writes them, and documents the missing one
        yield (separator + text.replace("nan", "NaN").replace("inf", "INF")).encode()
        separator = " "
    yield document.tail


COVERAGE_FORMAT = CoverageFormat(
    name="gml",
    title="GML",
    media_type="application/gml+xml",
    extension="gml",
    refusal=refusal,
    pieces=pieces,
    held=lambda raster: held(raster.size.width, raster.bands),
    media_types=("text/xml;subtype=gml", "application/xml;subtype=gml", "text/gml", "text/xml"),
    names=("gmlcov",),
    is_named=True,
    gml_role="http://www.opengis.net/spec/GMLCOV/1.0/conf/gml-coverage",
    position=70,
)
