"""Fields of TIFF files that describe samples (TIFF 6.0; GDAL's GeoTIFF driver)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from iipserve.codecs.tiff import ycbcr_fields
from iipserve.containers import tags
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Field
from iipserve.containers.ifd_writer import integers, text
from iipserve.containers.tags import Compression, Photometric
from iipserve.coverage_formats import Raster
from iipserve.coverage_formats.nodata import as_text, common_nodata

ORDER = "<"
SHORT, LONG = FieldType.SHORT, FieldType.LONG
SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}
"""numpy's kind of type -> SampleFormat (TIFF 6.0, 19)."""
UNSPECIFIED, UNASSOCIATED_ALPHA = 0, 2
"""ExtraSamples."""
GDAL_METADATA = 42112
MAX_PALETTE_BITS = 8


def sample_fields(raster: Raster, compression: Compression, is_planar: bool) -> list[Field]:
    """What the samples are: their type, their number, their colors."""
    bands, bits = raster.bands, raster.description.bits if compression in tags.CCITT_SCHEMES else 0
    photometric = _photometric(raster, compression, is_planar)
    fields = [
        integers(ORDER, tags.IMAGE_WIDTH, LONG, raster.size.width),
        integers(ORDER, tags.IMAGE_LENGTH, LONG, raster.size.height),
        integers(ORDER, tags.BITS_PER_SAMPLE, SHORT, *(bits or raster.dtype.itemsize * 8,) * bands),
        integers(ORDER, tags.COMPRESSION, SHORT, compression),
        integers(ORDER, tags.PHOTOMETRIC, SHORT, photometric),
        integers(ORDER, tags.SAMPLES_PER_PIXEL, SHORT, bands),
        integers(ORDER, tags.PLANAR_CONFIGURATION, SHORT, 2 if is_planar else 1),
        integers(ORDER, tags.SAMPLE_FORMAT, SHORT, *(SAMPLE_FORMATS[raster.dtype.kind],) * bands),
    ]
    colors = 3 if photometric in (Photometric.RGB, Photometric.YCBCR) else 1
    if bands > colors:
        kinds = (
            UNASSOCIATED_ALPHA if index == raster.description.opacity else UNSPECIFIED
            for index in range(colors, bands)
        )
        fields.append(integers(ORDER, tags.EXTRA_SAMPLES, SHORT, *kinds))
    if photometric == Photometric.YCBCR:
        fields += ycbcr_fields(ORDER)
    if photometric == Photometric.PALETTE:
        fields.append(_color_map(raster))
    return fields


def _photometric(raster: Raster, compression: Compression, is_planar: bool) -> Photometric:
    description = raster.description
    if compression == Compression.JPEG and raster.bands == 3 and not is_planar:
        return Photometric.YCBCR
    if (
        description.palette
        and raster.bands == 1
        and raster.dtype == np.uint8
        and compression != Compression.JPEG
    ):
        return Photometric.PALETTE
    if description.is_rgb and raster.bands >= 3:
        return Photometric.RGB
    return Photometric.BLACK_IS_ZERO


def _color_map(raster: Raster) -> Field:
    """All reds, all greens, all blues, of 16 bits (TIFF 6.0, 5)."""
    colors = np.zeros((1 << MAX_PALETTE_BITS, 3), "<u2")
    palette = np.frombuffer(raster.description.palette, np.uint8).reshape(-1, 3)[: len(colors)]
    colors[: len(palette)] = palette.astype(np.uint16) * 257
    return Field(tags.COLOR_MAP, SHORT, colors.T.tobytes())


def value_fields(raster: Raster) -> list[Field]:
    """What the samples mean: missing data, names, units, scale and offset."""
    fields = []
    if items := "".join(_items(raster)):
        fields.append(text(GDAL_METADATA, f"<GDALMetadata>\n{items}</GDALMetadata>\n"))
    nodata = common_nodata(raster)
    if nodata is not None:
        fields.append(text(tags.GDAL_NODATA, as_text(nodata)))
    return fields


def _items(raster: Raster) -> Iterator[str]:
    """GDAL's metadata of bands, where it says more than nothing."""
    for index, band in enumerate(raster.description.bands):
        if (band.scale, band.offset) != (1.0, 0.0):
            yield _item("OFFSET", index, "offset", as_text(band.offset))
            yield _item("SCALE", index, "scale", as_text(band.scale))
        if band.unit:
            yield _item("UNITTYPE", index, "unittype", band.unit)
        if band.name and band.name != f"band{index + 1}":
            yield _item("DESCRIPTION", index, "description", band.name)
    for item in raster.description.items:
        yield _item(item.name, item.band, "", item.value, item.domain)


def _item(name: str, index: int | None, role: str, content: str, domain: str = "") -> str:
    # escaped twice, since GDAL writes and reads it so
    printable = "".join(character for character in content if character.isprintable())
    said = {"name": name, "sample": "" if index is None else str(index), "role": role, "domain": domain}
    attributes = "".join(f" {key}={quoteattr(value)}" for key, value in said.items() if value)
    return f"  <Item{attributes}>{escape(escape(printable))}</Item>\n"
