"""What the service file says of WMS, and so of all maps: one source for documents and for requests."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.formats import Formats
from iipserve.geo import collection_settings, crs
from iipserve.geo.collection_settings import WMS
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.service.keys import (
    LISTED_CRS,
    MAP_FORMATS,
    MAX_LAYERS,
    MAX_SIDE,
    WMS_INFO_FORMATS,
    WMS_OPERATIONS,
    WMS_VERSIONS,
)
from iipserve.geometry import Size
from iipserve.protocols.feature_info.formats import is_written
from iipserve.protocols.map_tiles import formats_by_media_type

CAPABILITIES, MAPML = "GetCapabilities", "GetMapML"
OPERATIONS = (CAPABILITIES, *WMS_OPERATIONS)
"""All operations, in the order of documents."""
REQUESTS = "enable_request"
"""Item of the metadata of layers: which operations are answered for them, by their names."""
WHITE = (255, 255, 255)


class RootLayer(NamedTuple):
    """What documents say of the layer that all others are in."""

    name: str
    """By which all layers are asked for; empty for none."""
    title: str
    abstract: str
    keywords: tuple[str, ...]


# -- of the service --------------------------------------------------------------------------------


def operations(metadata: ServiceMetadata) -> tuple[str, ...]:
    """The operations that are answered, in the order of documents; none where the service is switched off."""
    if not metadata.options.get("wms.enabled", True):
        return ()
    chosen = [CAPABILITIES, *metadata.options.get("wms.operations", WMS_OPERATIONS)]
    if not answers_mapml(metadata):
        chosen = [name for name in chosen if name != MAPML]
    return tuple(name for name in OPERATIONS if name in chosen)


def answers_mapml(metadata: ServiceMetadata) -> bool:
    """Whether documents of MapML are answered: by WMS, by WMTS, and by their own paths."""
    options = metadata.options
    return bool(options.get("mapml.enabled", True)) and MAPML in options.get("wms.operations", WMS_OPERATIONS)


def formats(metadata: ServiceMetadata, known: Formats) -> dict[str, str]:
    """The formats of maps: name by media type, in the order of documents."""
    return formats_by_media_type(metadata.options.get("wms.formats", MAP_FORMATS), known)


def legend_formats(metadata: ServiceMetadata, known: Formats) -> dict[str, str]:
    """The formats of pictures of legends: name by media type, in the order of documents."""
    return formats_by_media_type(metadata.options.get("wms.legend_formats", MAP_FORMATS), known)


def info_formats(metadata: ServiceMetadata) -> tuple[str, ...]:
    """The formats of feature info: media types, in the order of documents."""
    if "GetFeatureInfo" not in operations(metadata):
        return ()
    chosen = metadata.options.get("wms.info_formats", WMS_INFO_FORMATS)
    return tuple(media for media in WMS_INFO_FORMATS if media in chosen and is_written(media))


def max_size(metadata: ServiceMetadata) -> Size:
    """Of maps, in pixels."""
    options = metadata.options
    return Size(options.get("wms.max_width", MAX_SIDE), options.get("wms.max_height", MAX_SIDE))


def max_layers(metadata: ServiceMetadata) -> int:
    """Of one map."""
    return int(metadata.options.get("wms.max_layers", MAX_LAYERS))


def background(metadata: ServiceMetadata) -> tuple[int, int, int]:
    """Red, green and blue of what shows where a map has no data, unless a request says otherwise."""
    red, green, blue = metadata.options.get("wms.background", WHITE)
    return red, green, blue


def answers_errors_with_their_status(metadata: ServiceMetadata) -> bool:
    """Whether exceptions have a status of HTTP that tells of an error, and not 200."""
    return bool(metadata.options.get("wms.exception_status", "ok") == "error")


def usual_version(metadata: ServiceMetadata) -> str:
    """Of capabilities that are asked for without a version."""
    return str(metadata.options.get("wms.version", WMS_VERSIONS[0]))


def reads_styles(metadata: ServiceMetadata) -> bool:
    """Whether styles of clients are used."""
    return bool(metadata.options.get("wms.sld", True))


def lists_plain_images(metadata: ServiceMetadata) -> bool:
    """Whether documents list images that are not on the ground."""
    return bool(metadata.options.get("wms.plain_images", False))


def root_layer(metadata: ServiceMetadata) -> RootLayer:
    """What documents say of the layer that all others are in: by default the same as of the service."""
    options = metadata.options
    return RootLayer(
        options.get("wms.root_name", ""),
        options.get("wms.root_title") or metadata.title,
        options.get("wms.root_abstract") or metadata.abstract,
        options.get("wms.root_keywords") or metadata.keywords,
    )


# -- of layers -------------------------------------------------------------------------------------


def layer_operations(layer: Layer, metadata: ServiceMetadata, service: str = WMS) -> tuple[str, ...]:
    """The operations that a service answers for a layer; without GetCapabilities, documents do not list it."""
    if not layer.is_in(service):
        return ()
    offered = operations(metadata)
    chosen = layer.metadata.get(REQUESTS)
    if chosen is not None:
        words = chosen.replace(",", " ").split()
        offered = tuple(name for name in offered if name in words)
    if not layer.is_in(collection_settings.MAPML):
        offered = tuple(name for name in offered if name != "GetMapML")
    if not layer.is_queryable:
        offered = tuple(name for name in offered if name != "GetFeatureInfo")
    return offered


def explicit_crs(layer: Layer, metadata: ServiceMetadata) -> tuple[str, ...] | None:
    """Keys of the only systems besides its own in which a layer is offered; None where any will do.

    Any will do that coordinates can be transformed to; documents list `LISTED_CRS` of them.
    """
    return layer.crs or metadata.options.get("wms.crs") or None


def crs_of(entry: LayerEntry, metadata: ServiceMetadata) -> tuple[str, ...]:
    """Keys of the systems in which documents list a layer, its own first; `image` alone for plain pictures.

    Args:
        entry: as `offered` gives it.
        metadata: of the service.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    return listed_crs(entry, explicit_crs(entry.layer, metadata))


def listed_crs(entry: LayerEntry, explicit: tuple[str, ...] | None) -> tuple[str, ...]:
    """Keys of the systems, its own first and others of a list, in which a layer has a place that documents can name.

    Args:
        entry: as `offered` gives it.
        explicit: keys of the list; None for `LISTED_CRS`.
    """
    own = entry.geo.georeference.crs
    if own == crs.IMAGE:
        return (own,)
    keys = dict.fromkeys((own, *(key for key in explicit or LISTED_CRS if key != crs.IMAGE)))
    return tuple(key for key in keys if crs.has_code(key) and entry.place_in(key) is not None)


def layer_info_formats(layer: Layer, metadata: ServiceMetadata) -> tuple[str, ...]:
    """The formats of feature info about a layer: those of the service, or of them those that its metadata lists, if any."""
    offered = info_formats(metadata)
    stated = [word.strip() for word in layer.metadata.get("getfeatureinfo_formatlist", "").split(",")]
    return tuple(media for media in offered if media in stated) or offered


def is_on_ground(entry: LayerEntry) -> bool:
    """Whether a layer, as `offered` gives it, is more than a plain picture."""
    return entry.geo.georeference.crs != crs.IMAGE


def offered(entry: LayerEntry, metadata: ServiceMetadata) -> LayerEntry:
    """A layer as it is offered: by its pixels where its image has a place in no system that has a name.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    return entry if crs_of(entry, metadata) else entry.in_pixel_space()


def accepts(key: str, entry: LayerEntry, metadata: ServiceMetadata) -> bool:
    """Whether a layer is offered in a system, listed or not.

    Args:
        key: of the system.
        entry: as `offered` gives it.
        metadata: of the service.
    """
    own = entry.geo.georeference.crs
    if crs.IMAGE in (own, key):
        return own == key
    explicit = explicit_crs(entry.layer, metadata)
    return key == own or explicit is None or key in explicit


def shown_in(key: str, text: str, entry: LayerEntry, metadata: ServiceMetadata) -> LayerEntry:
    """The layer as maps in a system show it.

    Args:
        key: of the system.
        text: its name as the client wrote it.
        entry: the layer.
        metadata: of the service.

    Raises:
        NoTransformation: the layer is not offered in that system, or has no place in it.
    """
    shown = offered(entry, metadata)
    if not accepts(key, shown, metadata):
        known = ", ".join(crs_of(shown, metadata))
        raise crs.NoTransformation(
            f"layer {crs.quoted(entry.layer.identifier)} is not offered in {crs.quoted(text)}; it is in {known}"
        )
    try:
        crs.transformer(key, shown.geo.georeference.crs)
    except crs.NoTransformation as error:
        raise crs.NoTransformation(
            f"layer {entry.layer.identifier!r} has no place in {crs.quoted(text)}: {error}"
        ) from error
    return shown
