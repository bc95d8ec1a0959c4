"""What the store tells of an image whose file cannot be read: enough to describe its collection."""

from __future__ import annotations

from iipserve.collections.values import Item
from iipserve.geo.georeference import Band, GeoImage, in_pixel_space
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level, full_range

TILE = Size(256, 256)
DECODED = {"int8": "int16", "int64": "int32", "uint64": "uint32", "float16": "float32", "float64": "float32"}
"""Types of samples as they are decoded, where that is another than in the file."""
BITS = {"uint8": 8, "uint16": 16, "int16": 16, "uint32": 32, "int32": 32, "float32": 32}
"""Of types as they are decoded."""
COMMON_NAME = "eo:common_name"
"""Of a band that is one of red, green and blue."""


def stated_header(item: Item) -> tuple[ImageInfo, GeoImage] | None:
    """An image as its item tells of it, without opacity and palette, and nowhere; None where the item does not tell its samples."""
    size, dtype = Size(item.width, item.height), DECODED.get(item.dtype, item.dtype)
    if not (item.bands and dtype in BITS and size.area):
        return None
    known = full_range(dtype, BITS[dtype])
    info = ImageInfo(
        item.href,
        item.driver,
        ImageVersion(0, 0, fingerprint=f"{item.collection} {item.id} {item.revision}"),
        (Level(size, TILE),),
        TILE,
        len(item.bands),
        dtype,
        BITS[dtype],
        ColorSpace.SRGB if COMMON_NAME in item.bands[0] else ColorSpace.GRAY,
        band_ranges=(known,) * len(item.bands) if known else (),
        nodata=() if item.nodata is None else (float(item.nodata),) * len(item.bands),
    )
    bands = tuple(
        Band(
            str(band.get("name", f"band{index}")),
            str(band.get("unit", "")),
            float(band.get("raster:scale", 1.0)),
            float(band.get("raster:offset", 0.0)),
        )
        for index, band in enumerate(item.bands, 1)
    )
    return info, GeoImage(in_pixel_space(info).georeference, bands)
