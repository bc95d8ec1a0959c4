"""OGC API - Tiles 1.0 (20-057): tile sets of layers, tile matrix sets (17-083r4)."""

from __future__ import annotations

from iipserve.geo.layer import LayerEntry
from iipserve.geo.matrixset import LinkedSet, MatrixLimits, TileMatrix, TileMatrixSet
from iipserve.protocols.ogcapi.addresses import REL
from iipserve.protocols.resource_links import JSON, Addresses, Json, link
from iipserve.protocols.tilejson import TILEJSON_SET

TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
MATRIX_SETS = "http://www.opengis.net/spec/tms/2.0/conf/"
CONFORMANCE = (
    *(TILES + name for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "oas30")),
    *(MATRIX_SETS + name for name in ("tilematrixset", "json-tilematrixset", "tilesetmetadata")),
    *(
        MATRIX_SETS + name
        for name in ("json-tilesetmetadata", "tilematrixsetlimits", "json-tilematrixsetlimits")
    ),
)
FORMAT_CLASSES = {"png": "png", "jpeg": "jpeg", "tiff": "tiff"}
"""Conformance classes of formats, by their names."""
TILESET_PATHS = ("map", "tiles")


def tileset_segments(layer: str, style: str | None, *more: str) -> tuple[str, ...]:
    """The path of the tile sets of a layer, or below it."""
    styled = () if style is None else ("styles", style)
    return ("collections", layer, *styled, *TILESET_PATHS, *more)


# -- tile matrix sets ------------------------------------------------------------------------------


def matrix_set_item(matrix_set: TileMatrixSet, addresses: Addresses) -> Json:
    """A set in the list of sets (20-057, section 9.2)."""
    found: Json = {"id": matrix_set.identifier, "title": matrix_set.title, "crs": matrix_set.crs_uri}
    if matrix_set.uri:
        found["uri"] = matrix_set.uri
    href = addresses.of("tileMatrixSets", matrix_set.identifier)
    return {**found, "links": [link(href, "self", title=matrix_set.title)]}


def matrix_set_document(matrix_set: TileMatrixSet) -> Json:
    """The definition of a set (17-083r4, section 7.1, schema `tileMatrixSet.json`)."""
    found: Json = {"id": matrix_set.identifier, "title": matrix_set.title}
    if matrix_set.uri:
        found["uri"] = matrix_set.uri
    found["crs"] = matrix_set.crs_uri
    if matrix_set.ordered_axes:
        found["orderedAxes"] = list(matrix_set.ordered_axes)
    if matrix_set.well_known_scale_set:
        found["wellKnownScaleSet"] = matrix_set.well_known_scale_set
    found["tileMatrices"] = [_matrix(matrix_set, matrix) for matrix in matrix_set.matrices]
    return found


def _matrix(matrix_set: TileMatrixSet, matrix: TileMatrix) -> Json:
    return {
        "id": matrix.identifier,
        "scaleDenominator": matrix.scale_denominator,
        "cellSize": matrix.cell_size,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": list(matrix_set.in_axis_order(*matrix.top_left)),
        "tileWidth": matrix.tile.width,
        "tileHeight": matrix.tile.height,
        "matrixWidth": matrix.columns,
        "matrixHeight": matrix.rows,
    }


# -- tile sets -------------------------------------------------------------------------------------


def tileset_item(
    entry: LayerEntry, linked: LinkedSet, style: str | None, addresses: Addresses, *, is_short: bool = True
) -> Json:
    """A tile set in the list of those of a layer (20-057, section 8.2), or the beginning of its description."""
    matrix_set, layer = linked.set, entry.layer
    href = addresses.of(*tileset_segments(layer.identifier, style, matrix_set.identifier))
    scheme = addresses.of("tileMatrixSets", matrix_set.identifier)
    return {
        "title": f"{layer.displayed_title} in {matrix_set.title}" if matrix_set.uri else matrix_set.title,
        "dataType": "map",
        "crs": matrix_set.crs_uri,
        "tileMatrixSetURI": matrix_set.uri or scheme,
        "links": [
            *([link(href, "self", title="The tile set")] if is_short else []),
            link(scheme, f"{REL}tiling-scheme", title="The tile matrix set"),
        ],
    }


def tileset_document(
    entry: LayerEntry,
    linked: LinkedSet,
    style: str | None,
    addresses: Addresses,
    media_types: dict[str, str],
) -> Json:
    """The description of a tile set (17-083r4, section 8, schema `tileSet.json`).

    Args:
        entry: the layer.
        linked: the set.
        style: that the path names; None for the default one.
        addresses: of resources.
        media_types: extension of each format of tiles by media type.
    """
    segments = tileset_segments(entry.layer.identifier, style, linked.set.identifier)
    found = tileset_item(entry, linked, style, addresses, is_short=False)
    for media_type, extension in media_types.items():
        href = f"{addresses.of(*segments)}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f={extension}"
        found["links"].append(link(href, "item", media_type, f"Tiles as {extension}", templated=True))
    if linked.set.identifier == TILEJSON_SET:
        href = addresses.of(*segments, query="f=tilejson")
        found["links"].append(link(href, "alternate", JSON, "This tile set as TileJSON"))
    collection = addresses.of("collections", entry.layer.identifier)
    found["links"].append(link(collection, f"{REL}geodata", title=entry.layer.displayed_title))
    found["tileMatrixSetLimits"] = [_limits(limits) for limits in linked.limits]
    found["boundingBox"] = _bounding_box(linked)
    return found


def _limits(limits: MatrixLimits) -> Json:
    return {
        "tileMatrix": limits.matrix.identifier,
        "minTileRow": limits.min_row,
        "maxTileRow": limits.max_row,
        "minTileCol": limits.min_column,
        "maxTileCol": limits.max_column,
    }


def _bounding_box(linked: LinkedSet) -> Json:
    """Corners in the axis order of the set (17-083r4, section 6.2.1.2)."""
    order, bounds = linked.set.in_axis_order, linked.bounds
    found: Json = {
        "lowerLeft": list(order(bounds.min_x, bounds.min_y)),
        "upperRight": list(order(bounds.max_x, bounds.max_y)),
        "crs": linked.set.crs_uri,
    }
    if linked.set.ordered_axes:
        found["orderedAxes"] = list(linked.set.ordered_axes)
    return found
