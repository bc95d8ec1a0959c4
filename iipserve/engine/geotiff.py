"""Where a GeoTIFF is located, and what its bands are called, as GDAL reads it.

GDAL (rasterio) is given the fields that say so, copied into a file of one pixel in memory, and nothing else of the file:
neither its directories nor its pixels, no other files, no other format than GeoTIFF.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Directory, Field
from iipserve.containers.ifd_writer import integers, pack_file, reals
from iipserve.containers.tags import (
    BITS_PER_SAMPLE,
    COMPRESSION,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    PHOTOMETRIC,
    PLANAR_CONFIGURATION,
    ROWS_PER_STRIP,
    SAMPLES_PER_PIXEL,
    STRIP_BYTE_COUNTS,
    STRIP_OFFSETS,
    Compression,
    Photometric,
)
from iipserve.coverage_formats.gdal import memory_file
from iipserve.geo import crs
from iipserve.geo.file_mappings import is_usable, of_control_points
from iipserve.geo.georeference import Band, ControlPoint, Mapping, RationalPolynomials
from iipserve.geo.grid import Affine
from iipserve.geo.placement import Placement

log = logging.getLogger(__name__)

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, GEO_KEYS, GEO_DOUBLES, GEO_TEXTS = (
    33550, 33922, 34264, 34735, 34736, 34737,
)  # fmt: skip
RPC_COEFFICIENTS, GDAL_METADATA = 50844, 42112
PLACING = (PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, RPC_COEFFICIENTS)
"""Fields that lead from pixels to places."""
DESCRIBING = (GEO_KEYS, GEO_DOUBLES, GEO_TEXTS, GDAL_METADATA)
MAX_FIELD = 1 << 20
"""Bytes of a field that GDAL gets."""
MAX_BANDS = 4096
"""Bands whose names are read."""
ANY_TRANSFORMATION = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0, *[0.0] * 9, 1.0)
"""Given to GDAL where a file has none, and not used; GDAL warns of files without."""
SETTINGS = {"GDAL_CACHEMAX": 1 << 20, "OSR_USE_NON_DEPRECATED": "NO"}


def read_geotiff(directory: Directory) -> Placement:
    """What the fields of a directory say; nothing where they say nothing, or are damaged.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    placing = [tag for tag in PLACING if tag in directory]
    if not placing and GEO_KEYS not in directory and GDAL_METADATA not in directory:
        return Placement()
    try:
        with _opened(_copied(directory, placing)) as dataset:
            bands = _bands(dataset)
            mapping, system = _place(dataset) if placing else (None, dataset.crs)
            return Placement(_key(system), mapping, bands)
    except _errors() as error:
        log.info("a georeference cannot be read: %s", error)
        return Placement()


def _copied(directory: Directory, placing: list[int]) -> bytes:
    """A file of one pixel with the fields of a directory."""
    order = directory.reader.byte_order
    bands = min(max(1, directory.integer(SAMPLES_PER_PIXEL, 1)), MAX_BANDS)
    shorts: dict[int, list[int]] = {
        IMAGE_WIDTH: [1], IMAGE_LENGTH: [1], BITS_PER_SAMPLE: [8] * bands, COMPRESSION: [Compression.NONE],
        PHOTOMETRIC: [Photometric.BLACK_IS_ZERO], SAMPLES_PER_PIXEL: [bands], ROWS_PER_STRIP: [1], PLANAR_CONFIGURATION: [1],
        STRIP_OFFSETS: [0], STRIP_BYTE_COUNTS: [0],
    }  # fmt: skip
    fields = [integers(order, tag, FieldType.SHORT, *values) for tag, values in shorts.items()]
    for tag in (*placing, *DESCRIBING):
        entry = directory.entries.get(tag)
        value = directory.value(entry) if entry else None
        if entry and value and len(value) <= MAX_FIELD:
            fields.append(
                Field(tag, FieldType(entry.type), _ascii(value) if entry.type == FieldType.ASCII else value)
            )
    if not placing:
        fields.append(reals(order, TRANSFORMATION, *ANY_TRANSFORMATION))
    return pack_file(order, fields)


def _ascii(text: bytes) -> bytes:
    """A text whose parts GDAL may quote in messages, which must be valid UTF-8 even where they are cut off.

    In GDAL's metadata, which is XML, other characters become references. In texts of keys, whose positions matter, they
    are lost.
    """
    if text.startswith(b"<"):
        return text.decode("utf-8", "replace").encode("ascii", "xmlcharrefreplace")
    return bytes(byte if byte < 128 else ord("?") for byte in text)


@contextmanager
def _opened(file: bytes) -> Iterator[Any]:
    """The dataset of a GeoTIFF in memory."""
    with memory_file(file, **SETTINGS) as memory, memory.open(driver="GTiff") as dataset:
        yield dataset


def _errors() -> tuple[type[Exception], ...]:
    """What rasterio raises for damaged georeferences."""
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    return (RasterioError, NotGeoreferencedWarning, ValueError, OverflowError)


def _key(system: Any) -> str | None:
    return crs.key_of_wkt(system.to_wkt(version="WKT2_2019")) if system else None


def _place(dataset: Any) -> tuple[Mapping | None, Any]:
    """The mapping of a dataset, and rasterio's value of the system to which it leads."""
    points, system = dataset.gcps
    if points:
        return of_control_points(
            [ControlPoint(each.col, each.row, each.x, each.y) for each in points]
        ), system
    transform = Affine(*dataset.transform[:6])
    if not dataset.transform.is_identity:
        return (transform if is_usable(transform) else None), dataset.crs
    if dataset.rpcs:
        from rasterio.crs import CRS

        return _polynomials(dataset.rpcs), CRS.from_epsg(4326)
    return None, dataset.crs


def _polynomials(rpcs: Any) -> RationalPolynomials | None:
    """The coefficients, for the height that their author takes for the middle."""
    kinds = ("line", "samp", "lat", "long", "height")
    offsets, scales = (tuple(getattr(rpcs, f"{kind}_{what}") for kind in kinds) for what in ("off", "scale"))
    polynomials = RationalPolynomials(
        offsets,
        scales,
        tuple(rpcs.line_num_coeff),
        tuple(rpcs.line_den_coeff),
        tuple(rpcs.samp_num_coeff),
        tuple(rpcs.samp_den_coeff),
        height=rpcs.height_off,
    )
    return polynomials if is_usable(polynomials) else None


def _bands(dataset: Any) -> tuple[Band, ...]:
    return tuple(
        Band(
            name or f"band{index + 1}",
            unit or "",
            scale if math.isfinite(scale) and scale != 0 else 1.0,
            offset if math.isfinite(offset) else 0.0,
        )
        for index, (name, unit, scale, offset) in enumerate(
            zip(dataset.descriptions, dataset.units, dataset.scales, dataset.offsets, strict=True)
        )
    )
