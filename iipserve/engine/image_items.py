"""From a file to an item of a collection: where it is, when it was taken, what its samples are."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from iipserve.collections.edits import ORIGIN
from iipserve.collections.identifiers import checked
from iipserve.collections.values import Item, Json
from iipserve.engine.files import ATTEMPTS, ImageChanged
from iipserve.engine.footprints import Footprint, footprint
from iipserve.engine.image_dates import NO_RULES, DateRules, Period, period_of
from iipserve.engine.image_files import OpenedFile
from iipserve.engine.image_metadata import metadata_of
from iipserve.engine.layer_names import is_side_file
from iipserve.engine.library import Library
from iipserve.engine.valid_area import valid_cells
from iipserve.errors import Overloaded, UnsupportedImage
from iipserve.geo.georeference import PIXEL_SPACE, GeoImage
from iipserve.geo.grid import Affine
from iipserve.geo.pixel_size import pixel_size
from iipserve.image import ColorSpace, ImageInfo, ImageName
from iipserve.plan import image_ref

BLOCK = 1 << 20
"""Bytes that are hashed at once."""
MAX_CHECKSUM = 1 << 30
"""Bytes of the longest file of which a checksum is made, unless stated: a second or two."""
MAX_PIXELS = 1 << 28
"""Pixels that are read to find a footprint, unless stated: some seconds for an image without small levels."""
MULTIHASH_SHA256 = "1220"
"""Precedes the hexadecimal digits of SHA-256 in a multihash (STAC's extension File)."""
VISIBLE = 10.0
"""Maps show an image up to so many times the pixel size of its coarsest level, if that has more than `SMALL` pixels."""
SMALL = 2048 * 2048
MARKUP = b"<"
"""Begins files that name other files (VRT), and SVG, which has no samples."""
CLOUD_COVER = ("cloudcover", "cloud_cover", "cloud_coverage_assessment")
PLATFORM = ("satelliteid", "platform", "spacecraft_id")
"""Items of metadata, as GDAL and data providers call them."""
COMMON_NAMES = ("red", "green", "blue")

GeoImageOf = Callable[[ImageInfo], GeoImage | None]


@dataclass(frozen=True, slots=True)
class ItemOptions:
    """How a file becomes an item."""

    collection: str = ""
    """That it is for."""
    id: str = ""
    """Of the item; empty: the name of the file, without folders."""
    dates: DateRules = NO_RULES
    max_checksum: int | None = MAX_CHECKSUM
    """Bytes of files of which a checksum is made; None: of all."""
    reads_pixels: bool = True
    """The footprint is that of the pixels that have data; else that of the whole image."""
    max_pixels: int | None = MAX_PIXELS
    """Pixels that are read for that, at most; None: any number."""
    properties: Json = field(default_factory=dict)
    """Further ones, which win over those of the file."""


NO_OPTIONS = ItemOptions()


def read_item(
    name: ImageName, library: Library, geo_image: GeoImageOf, options: ItemOptions = NO_OPTIONS
) -> Item:
    """What a collection tells of an image.

    A plain picture, and one of another body than the Earth, has no footprint.

    Args:
        name: of the image, taken literally.
        library: of the images.
        geo_image: where an image is located (`protocols.Server.geo_image`).
        options: what the file does not say.

    Raises:
        InvalidRequest: the identifier could lead out of the folder, or cannot be that of an item.
        ImageNotFound, ImageUnavailable, Overloaded, UnsupportedImage, DecodeError: as `Library.info`.
        NotInstalled: the extra `collections` is not.
    """
    item_id = checked(options.id or name.identifier.rpartition("/")[2])
    for _ in range(ATTEMPTS):
        try:
            return _read(name, item_id, library, geo_image, options)
        except ImageChanged:
            continue
    raise Overloaded(f"{name.identifier!r} is being replaced; ask again")


def _read(
    name: ImageName, item_id: str, library: Library, geo_image: GeoImageOf, options: ItemOptions
) -> Item:
    if is_side_file(name.identifier):
        raise UnsupportedImage(f"{name.identifier!r} belongs to another image")
    info = library.info(*name, literal=True)
    geo = geo_image(info)
    if geo is not None and geo.georeference.crs == PIXEL_SPACE:
        geo = None
    with library.files.opened(info) as file:
        if file.read_at(1, 0) == MARKUP:
            raise UnsupportedImage(f"{name.identifier!r} is a text, which may name other files")
        metadata = metadata_of(info, file)
        known = _File(file.length, file.mtime_ns, _checksum(file, options.max_checksum))
    period = period_of(name.identifier, metadata, known.mtime_ns, options.dates)
    place = None if geo is None else _placed(info, geo, library, options)
    return _item(
        item_id,
        info,
        geo,
        place,
        known,
        period,
        {**_properties(metadata, period), **options.properties},
        options,
    )


class _File(NamedTuple):
    """What is known of a file as such."""

    length: int
    mtime_ns: int
    checksum: str


def _placed(info: ImageInfo, geo: GeoImage, library: Library, options: ItemOptions) -> Footprint | None:
    source = library.source(image_ref(info, 0, geo.mask))
    return footprint(
        geo.georeference, valid_cells(source, options.max_pixels) if options.reads_pixels else None
    )


def _checksum(file: OpenedFile, maximum: int | None) -> str:
    """The multihash of the whole file; empty if it is longer than that."""
    if maximum is not None and file.length > maximum:
        return ""
    digest = hashlib.sha256()
    for offset in range(0, file.length, BLOCK):
        digest.update(file.read_at(BLOCK, offset))
    return f"{MULTIHASH_SHA256}{digest.hexdigest()}"


def _item(
    item_id: str,
    info: ImageInfo,
    geo: GeoImage | None,
    place: Footprint | None,
    file: _File,
    period: Period,
    properties: Mapping[str, Any],
    options: ItemOptions,
) -> Item:
    georeference = geo.georeference if geo else None
    size = pixel_size(georeference) if georeference and place else None
    coarsest = None if size is None else size * info.size.width / info.levels[-1].size.width
    moment = period.moment
    return Item(
        collection=options.collection,
        id=item_id,
        href=info.identifier,
        size=file.length,
        mtime_ns=file.mtime_ns,
        checksum=file.checksum,
        driver=info.format,
        width=info.size.width,
        height=info.size.height,
        bands=tuple(_bands(info, geo)),
        dtype=info.samples.dtype,
        nodata=info.samples.nodata,
        crs=georeference.crs if georeference else "",
        transform=georeference.mapping if georeference and isinstance(georeference.mapping, Affine) else None,
        geometry=dict(place.geometry) if place else None,
        bounds=place.boxes if place else (),
        gsd_min=size,
        gsd_max=coarsest,
        visible_max=None if coarsest is None or info.levels[-1].size.area <= SMALL else coarsest * VISIBLE,
        datetime=moment,
        start=None if moment else period.start,
        end=None if moment else period.end,
        properties=dict(properties),
    )


def _bands(info: ImageInfo, geo: GeoImage | None) -> Iterator[Json]:
    """The bands without opacity, as STAC 1.1 has them; of a palette the one of its indices."""
    samples = info.samples
    named = geo.bands if geo and not geo.is_palette else ()
    is_palette = geo is not None and geo.is_palette
    count = samples.bands - (samples.opacity is not None)
    for index in range(count):
        band: dict[str, Any] = {"name": f"band{index + 1}", "data_type": samples.dtype}
        if index < len(named):
            known = named[index]
            band["name"] = known.name
            band |= {"unit": known.unit} if known.unit else {}
            if (known.scale, known.offset) != (1.0, 0.0):
                band |= {"raster:scale": known.scale, "raster:offset": known.offset}
        if samples.nodata is not None:
            band["nodata"] = "nan" if math.isnan(samples.nodata) else samples.nodata
        if info.color_space is ColorSpace.SRGB and not is_palette and index < len(COMMON_NAMES):
            band["eo:common_name"] = COMMON_NAMES[index]
        yield band


def _properties(metadata: Mapping[str, str], period: Period) -> dict[str, Any]:
    """Properties that metadata state, in STAC's words."""
    found: dict[str, Any] = {ORIGIN: period.origin}
    for name in CLOUD_COVER:
        with suppress(ValueError):
            cover = float(metadata.get(name, ""))
            if 0 <= cover <= 100:
                found.setdefault("eo:cloud_cover", cover)
    platform = next((metadata[name] for name in PLATFORM if metadata.get(name)), "")
    return found | ({"platform": platform.lower()} if platform else {})
