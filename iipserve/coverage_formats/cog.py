"""Cloud optimized GeoTIFF with smaller levels, by GDAL's driver (OGC 21-026)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iipserve.coverage_formats import CoverageFormat, Raster, Strips
from iipserve.coverage_formats.gdal import memory_file, version
from iipserve.coverage_formats.tiff_file import pieces as plain_pieces
from iipserve.coverage_formats.tiff_limits import refusal as refusal_of_tiff
from iipserve.geo.crs import quoted
from iipserve.geometry import Size
from iipserve.plan import CoverageEncoding

COMPRESSIONS: Mapping[str, str] = {
    "": "DEFLATE", "none": "NONE", "lzw": "LZW", "jpeg": "JPEG", "deflate": "DEFLATE", "zstd": "ZSTD",
}  # fmt: skip
"""Word of a request -> COMPRESS of the driver."""
PREDICTORS: Mapping[str, str] = {
    "": "NO", "none": "NO", "horizontal": "STANDARD", "floatingpoint": "FLOATING_POINT",
}  # fmt: skip
TILE, MIN_TILE, MAX_TILE = 512, 128, 4096
DEFAULT_QUALITY = 75
PLAIN = CoverageEncoding("geotiff")


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as COG, or None."""
    encoding = raster.encoding
    if encoding.compression not in COMPRESSIONS:
        known = ", ".join(filter(None, COMPRESSIONS))
        return f"the compression {quoted(encoding.compression)} is not written in a COG; write one of {known}"
    if encoding.tile and not (
        encoding.tile.width == encoding.tile.height and MIN_TILE <= encoding.tile.width <= MAX_TILE
    ):
        return f"tiles of a COG are square, with sides of {MIN_TILE} to {MAX_TILE} pixels"
    if encoding.interleave == "band":
        return "a COG is interleaved by pixel; ask for image/tiff"
    if raster.dtype.name == "float16":
        return "a COG does not hold samples of the type float16; ask for image/tiff"
    return refusal_of_tiff(raster)


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes]:
    """The file, made in memory from an uncompressed one."""
    with memory_file() as source, memory_file() as target:
        from rasterio.shutil import copy

        for piece in plain_pieces(raster._replace(encoding=PLAIN), strips):
            source.write(bytes(piece))
        copy(source.name, target.name, driver="COG", **_options(raster))
        yield bytes(target.getbuffer())


def _options(raster: Raster) -> dict[str, str]:
    """Of the driver. Classes are never averaged."""
    encoding = raster.encoding
    options = {
        "COMPRESS": COMPRESSIONS[encoding.compression],
        "BLOCKSIZE": str(encoding.tile.width if encoding.tile else TILE),
        "OVERVIEW_RESAMPLING": "NEAREST" if raster.description.palette else "AVERAGE",
        "BIGTIFF": "IF_SAFER",
    }
    if encoding.compression == "jpeg":
        options["QUALITY"] = str(encoding.quality or DEFAULT_QUALITY)
    else:
        options["PREDICTOR"] = PREDICTORS[encoding.predictor]
    return options


def held(raster: Raster) -> int:
    """Two files, the levels, and tiles of all bands as GDAL reads, packs and keeps them."""
    tile = (raster.encoding.tile or Size(TILE, TILE)).area * raster.bands * raster.dtype.itemsize
    return 4 * (raster.raw_length + tile)


COVERAGE_FORMAT = CoverageFormat(
    name="cog",
    title="COG",
    media_type="image/tiff;application=geotiff;profile=cloud-optimized",
    extension="tif",
    refusal=refusal,
    pieces=pieces,
    held=held,
    names=("cloud optimized geotiff",),
    gml_role="http://www.opengis.net/spec/GMLCOV_geotiff-coverages/1.0/conf/geotiff-coverage",
    position=10,
    library=version,
)
