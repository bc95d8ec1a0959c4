"""GeoTIFF, in strips or tiles, compressed or not, with samples of any type."""

from __future__ import annotations

import imagecodecs

from iipserve.coverage_formats import CoverageFormat
from iipserve.coverage_formats.tiff_file import held, length, pieces, save
from iipserve.coverage_formats.tiff_limits import refusal

COVERAGE_FORMAT = CoverageFormat(
    name="geotiff",
    title="GeoTIFF",
    media_type="image/tiff",
    extension="tif",
    refusal=refusal,
    pieces=pieces,
    save=save,
    length=length,
    held=held,
    media_types=("image/geotiff", "image/x-geotiff", "application/geotiff"),
    names=("GTiff", "tiff", "geotiff_int16", "geotiff_float32", "geotiff_16"),
    gml_role="http://www.opengis.net/spec/GMLCOV_geotiff-coverages/1.0/conf/geotiff-coverage",
    position=0,
    library=lambda: f"imagecodecs {imagecodecs.__version__}",
)
