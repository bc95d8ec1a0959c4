"""What the service file says of coverages (WCS and OGC API - Coverages): one source for documents and for requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from iipserve import coverage_formats
from iipserve.errors import UnsupportedEncoding
from iipserve.geo import crs
from iipserve.geo.collection_settings import WCS
from iipserve.geo.coverages import NamedFormat
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.service.keys import (
    COMPRESSIONS,
    COVERAGE_FORMATS,
    COVERAGE_INTERPOLATIONS,
    COVERAGE_MAX_SIDE,
    LISTED_CRS,
    PREDICTORS,
    WCS_OPERATIONS,
)
from iipserve.geo.service.map_coverages import settings
from iipserve.geometry import Size
from iipserve.plan import MetadataItem
from iipserve.protocols import map_options

CAPABILITIES = "GetCapabilities"
OPERATIONS = (CAPABILITIES, *WCS_OPERATIONS)
"""All operations, in the order of documents."""
REQUESTS = "enable_request"
"""Item of the metadata of layers: which operations are answered for them, by their names."""
PREFIX = "wcs_"
"""Of items of the metadata of layers that are of coverages alone; they go before those without a prefix."""
NOT_IN_FIELD = re.compile(r"[\s,;:\[\]()]+")
"""What identifiers of fields cannot have, since RANGESUBSET is made of it (07-067r5, table 26)."""
MDI = re.compile(r"(?:BAND_(?P<band>[0-9]{1,5})_)?(?P<domain>[^_]+)_(?P<key>.+)")
"""What follows `mdi_` in an item of metadata: a band, a domain, and a name."""
DEFAULT_NAME = "WCS"
"""Name of the service."""
BANDS, RANGE_NAME = "bands", "range"
"""Names of the axis of bands and of the range set, where the service file says no others."""


def item(layer: Layer, keyword: str) -> str:
    """A further item of a layer, without spaces around it; empty where there is none.

    Args:
        layer: with its metadata.
        keyword: in lower case, without the prefix: `label`.
    """
    found = layer.metadata
    if not found:  # as of all images that no service file describes
        return ""
    return (found.get(PREFIX + keyword) or found.get(keyword, "")).strip()


def service_item(metadata: ServiceMetadata, keyword: str) -> str:
    """A further item of the service, without spaces around it; empty where there is none."""
    return str(metadata.options.get("wcs.metadata", {}).get(keyword, "")).strip()


def split(text: str) -> tuple[str, ...]:
    """The entries of a list, separated by commas or, without any, by spaces."""
    entries = text.split(",") if "," in text else text.split()
    return tuple(filter(None, (entry.strip() for entry in entries)))


# -- of the service --------------------------------------------------------------------------------


def operations(metadata: ServiceMetadata) -> tuple[str, ...]:
    """The operations that are answered, in the order of documents; none where the service is switched off."""
    if not metadata.options.get("wcs.enabled", True):
        return ()
    chosen = metadata.options.get("wcs.operations", WCS_OPERATIONS)
    return tuple(name for name in OPERATIONS if name == CAPABILITIES or name in chosen)


def formats(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Names of the formats of coverages that this server writes, in the order of documents."""
    known = coverage_formats.formats()
    return tuple(name for name in metadata.options.get("wcs.formats", COVERAGE_FORMATS) if name in known)


def native_format(metadata: ServiceMetadata) -> str:
    """Name of the format of requests that name none: that of the service file, where it is offered."""
    offered = formats(metadata)
    chosen = metadata.options.get("wcs.native_format", COVERAGE_FORMATS[0])
    return chosen if chosen in offered else offered[0]


def named_formats(metadata: ServiceMetadata) -> tuple[NamedFormat, ...]:
    """Formats with settings, under names of the service file: OUTPUTFORMAT of map files."""
    return tuple(metadata.options.get("wcs.named_formats", ()))


def interpolations(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Methods by which coverages are resampled, the default first: values of `plan.Resampling`."""
    return tuple(metadata.options.get("wcs.interpolations", COVERAGE_INTERPOLATIONS))


def max_size(metadata: ServiceMetadata) -> int:
    """Width and height of the largest coverage, in pixels."""
    return int(metadata.options.get("wcs.max_size", COVERAGE_MAX_SIDE))


def answers_errors_with_their_status(metadata: ServiceMetadata) -> bool:
    """Whether exceptions of 1.0.0 have a status of HTTP that tells of an error, and not 200."""
    return bool(metadata.options.get("wcs.exception_status", "ok") == "error")


def lists_plain_images(metadata: ServiceMetadata) -> bool:
    """Whether documents list images that are not on the ground."""
    return bool(metadata.options.get("wcs.plain_images", False))


def warns(metadata: ServiceMetadata) -> bool:
    """Whether documents have comments about what the service file leaves out, as those of MapServer."""
    return bool(metadata.options.get("wcs.warnings", False))


# -- of layers -------------------------------------------------------------------------------------


def layer_operations(layer: Layer, metadata: ServiceMetadata, service: str = WCS) -> tuple[str, ...]:
    """The operations that a service answers for a layer; without GetCapabilities, documents do not list it."""
    if not layer.is_in(service):
        return ()
    offered = operations(metadata)
    chosen = layer.metadata.get(PREFIX + REQUESTS)
    if chosen is None:
        return offered
    words = split(chosen)
    return tuple(name for name in offered if name in words)


def explicit_crs(layer: Layer, metadata: ServiceMetadata) -> tuple[str, ...] | None:
    """Keys of the only systems besides its own in which a layer is offered; None where any will do.

    Any will do that coordinates can be transformed to; documents list `LISTED_CRS` of them.
    """
    stated = tuple(filter(None, map(_key, split(item(layer, "srs")))))
    return stated or layer.crs or metadata.options.get("wcs.crs") or None


def _key(text: str) -> str | None:
    """The key of a system of a list; None of what is none."""
    try:
        return crs.parse(text).key
    except crs.UnknownCrs:
        return None


def crs_of(entry: LayerEntry, metadata: ServiceMetadata) -> tuple[str, ...]:
    """Keys of the systems in which documents list a layer, its own first; `image` alone for plain pictures.

    Args:
        entry: as `offered` gives it.
        metadata: of the service.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    return map_options.listed_crs(entry, explicit_crs(entry.layer, metadata))


def offered(entry: LayerEntry, metadata: ServiceMetadata) -> LayerEntry:
    """A layer as it is offered: by its pixels where its image has a place in no system that has a name.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    return entry if crs_of(entry, metadata) else entry.in_pixel_space()


def accepts(key: str, entry: LayerEntry, metadata: ServiceMetadata) -> bool:
    """Whether a coverage may be asked for in a system, listed or not.

    Args:
        key: of the system.
        entry: as `offered` gives it.
        metadata: of the service.
    """
    if crs.IMAGE in (entry.geo.georeference.crs, key):
        return key == crs.IMAGE
    explicit = explicit_crs(entry.layer, metadata)
    return explicit is None or key == entry.geo.georeference.crs or key in explicit


def is_on_ground(entry: LayerEntry) -> bool:
    """Whether a layer, as `offered` gives it, is more than a plain picture."""
    return map_options.is_on_ground(entry)


def layer_formats(layer: Layer, metadata: ServiceMetadata) -> tuple[str, ...]:
    """Names of the formats of a layer, in the order of documents: those that the service file states for it, else all.

    They are names of formats, and of `named_formats`.
    """
    found = (format_of(word, metadata) for word in item(layer, "formats").replace(",", " ").split())
    return tuple(dict.fromkeys(filter(None, found))) or every_format(metadata)


def format_of(text: str, metadata: ServiceMetadata) -> str | None:
    """The name of a format of `named_formats`, or of any other that is offered, in any spelling; None where there is none."""
    for each in named_formats(metadata):
        if text.strip().lower() == each.name.lower():
            return each.name
    try:
        name = coverage_formats.find(text).name
    except UnsupportedEncoding:
        return None
    return name if name in formats(metadata) else None


def layer_settings(layer: Layer, name: str, format: NamedFormat) -> NamedFormat:
    """A format with the settings that items of the layer state for it: `outputformat_NAME_creationoption_COMPRESS`.

    Args:
        layer: with its metadata.
        name: as the request has it, or that of the format.
        format: without them.
    """
    options = {key.upper(): value for key, value in _items_of_format(layer, name, format, "creationoption")}
    stated = settings(options)
    if (
        stated.get("compression", "none") not in COMPRESSIONS
        or stated.get("predictor", "none") not in PREDICTORS
    ):
        return format
    return format._replace(**stated | ({"tile": Size(*stated["tile"])} if "tile" in stated else {}))


def layer_metadata(
    layer: Layer, name: str, format: NamedFormat, bands: Sequence[int]
) -> tuple[MetadataItem, ...]:
    """Items of metadata that those of the layer state for files of a format: `outputformat_NAME_mdi_default_KEY`.

    Names and domains are in upper case; `BAND_2_default_KEY` is of the second band.

    Args:
        layer: with its metadata.
        name: as the request has it, or that of the format.
        format: of the file.
        bands: of the result, as indices of those of the layer.
    """
    found: list[MetadataItem] = []
    for key, value in _items_of_format(layer, name, format, "mdi"):
        if match := MDI.fullmatch(key.upper()):
            domain = "" if match["domain"] == "DEFAULT" else match["domain"]
            number = int(match["band"]) if match["band"] else None
            places = [None] if number is None else [i for i, band in enumerate(bands) if band + 1 == number]
            found += [MetadataItem(match["key"], value, domain, place) for place in places]
    return tuple(found)


def _items_of_format(layer: Layer, name: str, format: NamedFormat, kind: str) -> Iterator[tuple[str, str]]:
    """The ends of keys, and the values, of items of a layer about a format."""
    starts = {f"{PREFIX}outputformat_{each}_{kind}_" for each in (name.strip().lower(), format.name.lower())}
    for key, value in layer.metadata.items():
        for start in starts:
            if key.startswith(start):
                yield key[len(start) :], value


def layer_native_format(layer: Layer, metadata: ServiceMetadata) -> str:
    """Name of the format of requests for a layer that name none; one of `layer_formats`."""
    offered = layer_formats(layer, metadata)
    for text in (item(layer, "nativeformat"), item(layer, "native_format"), native_format(metadata)):
        if text and (name := format_of(text, metadata)) in offered:
            return str(name)
    return offered[0]


def band_axis(layer: Layer) -> str:
    """Name of the range axis of 1.0.0 that selects bands: that of the service file, else `bands`."""
    axes = split(item(layer, "rangeset_axes"))
    of_bands = [axis for axis in axes if item(layer, f"{axis.lower()}_rangeitem") == "_bands"]
    return next(iter((*of_bands, *(axis for axis in axes if axis.lower() == BANDS))), BANDS)


def field_name(layer: Layer) -> str:
    """Identifier of the field of 1.1, and name of the range set of 1.0.0."""
    return item(layer, "rangeset_name") or RANGE_NAME


def field_identifier(layer: Layer) -> str:
    """Identifier of the one field of 1.1, without characters that requests write around it."""
    return NOT_IN_FIELD.sub("_", field_name(layer))


# -- what documents say of the service ---------------------------------------------------------------


def described(metadata: ServiceMetadata) -> ServiceMetadata:
    """What documents of coverages say of the service: items of its own go before those of all services."""

    def said(*keywords: str) -> str:
        return next(filter(None, (service_item(metadata, keyword) for keyword in keywords)), "")

    return replace(
        metadata,
        title=said("label", "title") or metadata.title,
        abstract=said("abstract", "description") or metadata.abstract,
        keywords=split(said("keywordlist", "keywords")) or metadata.keywords,
        fees=said("fees") or metadata.fees,
        access_constraints=said("accessconstraints") or metadata.access_constraints,
    )


def service_name(metadata: ServiceMetadata) -> str:
    """Name of the service in documents of 1.0.0."""
    return service_item(metadata, "name") or metadata.options.get("wcs.name") or DEFAULT_NAME


def every_format(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Names of all formats, with those of the service file that have settings."""
    return tuple(dict.fromkeys((*formats(metadata), *(each.name for each in named_formats(metadata)))))


def service_systems(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Keys of the systems in which all coverages on Earth may be asked for, besides each one's own."""
    return tuple(metadata.options.get("wcs.crs") or LISTED_CRS)
