"""GetTile: which tile of which set a request means, and the plan of its picture."""

from __future__ import annotations

import re
from typing import NamedTuple

from iipserve.geo.grid import GridRef
from iipserve.geo.layer import Layer, LayerEntry, Style
from iipserve.geo.linked_sets import china_sets, link, with_all_matrices
from iipserve.geo.matrixset import LinkedSet, MatrixLimits, TileMatrix
from iipserve.geo.ows.exceptions import INVALID_VALUE
from iipserve.plan import RenderPlan
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_maps import plan_layer
from iipserve.protocols.map_tiles import answers_empty_tiles, entry_of, formats, offered_set, offered_sets
from iipserve.protocols.maps import MapView
from iipserve.protocols.wmts import china, options
from iipserve.protocols.wmts.faults import (
    COLUMN,
    FORMAT,
    MATRIX,
    MATRIX_SET,
    OUT_OF_RANGE,
    ROW,
    STYLE,
    nothing_there,
)
from iipserve.protocols.wmts.query import TileAddress, TileQuery

PARAMETER = re.compile(r"\s*(?:;.*)?", re.DOTALL)


class LocatedTile(NamedTuple):
    """A tile that exists."""

    entry: LayerEntry
    """The layer, with the georeference by which it has the set."""
    matrix_set: LinkedSet
    limits: MatrixLimits
    """Of its matrix."""
    grid: GridRef
    """Its pixels."""


def offered(entry: LayerEntry, server: Server, *, is_china: bool) -> tuple[LayerEntry, tuple[LinkedSet, ...]]:
    """A layer and its sets, in the order of documents; see `offered_sets`."""
    metadata = server.catalog().metadata
    if not is_china:
        return offered_sets(entry, metadata)
    links = (link(entry, each) for each in china_sets(options.china_scale(metadata)))
    return entry, tuple(each for each in links if each is not None)


def locate(
    address: TileAddress,
    entry: LayerEntry,
    server: Server,
    *,
    is_china: bool,
    is_restful: bool,
    code: str = OUT_OF_RANGE,
) -> LocatedTile:
    """The tile that a request names.

    Args:
        address: as in the request.
        entry: the layer.
        server: its catalog.
        is_china: in the sets of the Chinese map platform.
        is_restful: named by a path: what does not exist is 404, not 400.
        code: of a row or a column that the matrix does not have.

    Raises:
        OwsError: there is no such set, matrix or tile.
    """
    entry, linked = _set(address, entry, server, is_china=is_china)
    if linked is None:
        raise nothing_there(
            INVALID_VALUE,
            f"layer {entry.layer.identifier!r} has no tile matrix set {address.matrix_set!r}",
            MATRIX_SET,
            is_restful=is_restful,
        )
    linked = with_all_matrices(entry, linked)
    matrix = linked.set.matrix(address.matrix)
    if matrix is None:
        raise nothing_there(
            INVALID_VALUE,
            f"{linked.set.identifier} has no tile matrix {address.matrix!r}",
            MATRIX,
            is_restful=is_restful,
        )
    _check_range(address, matrix, code, is_restful=is_restful)
    limits = linked.limits_of(matrix.identifier)
    assert limits is not None  # of every matrix
    return LocatedTile(entry, linked, limits, linked.set.grid(matrix, address.column, address.row))


def _set(
    address: TileAddress, entry: LayerEntry, server: Server, *, is_china: bool
) -> tuple[LayerEntry, LinkedSet | None]:
    if not is_china:
        return offered_set(entry, server.catalog().metadata, address.matrix_set)
    name = china.set_identifier(address.matrix_set)
    entry, linked = offered(entry, server, is_china=True)
    return entry, next((each for each in linked if each.set.answers_to(name)), None)


def _check_range(address: TileAddress, matrix: TileMatrix, code: str, *, is_restful: bool) -> None:
    for value, count, locator in (
        (address.row, matrix.rows, ROW),
        (address.column, matrix.columns, COLUMN),
    ):
        if not 0 <= value < count:
            raise nothing_there(
                code,
                f"{locator} {value} is outside of matrix {matrix.identifier!r}; it has 0 to {count - 1}",
                locator,
                is_restful=is_restful,
            )


def check_limits(address: TileAddress, located: LocatedTile, code: str, *, is_restful: bool) -> None:
    """See that a tile shows something of its layer.

    Raises:
        OwsError: `code`: it is outside the limits.
    """
    if located.limits.has_tile(address.column, address.row):
        return
    text, locator = _outside(address, located.limits)
    raise nothing_there(code, text, locator, is_restful=is_restful)


def _outside(address: TileAddress, limits: MatrixLimits) -> tuple[str, str]:
    if not limits.min_row <= address.row <= limits.max_row:
        value, first, last, locator = address.row, limits.min_row, limits.max_row, ROW
    else:
        value, first, last, locator = address.column, limits.min_column, limits.max_column, COLUMN
    where = f"matrix {limits.matrix.identifier!r}"
    return f"{locator} {value} is outside of the layer; in {where} it has {first} to {last}", locator


def style_of(layer: Layer, name: str, *, is_restful: bool) -> Style:
    """The style of that name; empty is the default.

    Raises:
        OwsError: the layer has no such style.
    """
    style = layer.style(name)
    if style is None:
        known = ", ".join(each.name for each in layer.styles)
        raise nothing_there(
            INVALID_VALUE,
            f"layer {layer.identifier!r} has no style {name!r}; it has {known}",
            STYLE,
            is_restful=is_restful,
        )
    return style


def format_of(query: TileQuery, server: Server) -> str:
    """The name of the output format.

    A path has an extension, a parameter a media type: in any case, with or without its parameters. An extension is
    understood as a parameter too, as is `tiles` in requests of the Chinese map platform.

    Raises:
        OwsError: it is not offered.
    """
    offered = formats(server.catalog().metadata, server.formats)
    text = query.format.strip().lower()
    if query.is_china and text == china.ANY_FORMAT:
        return next(iter(offered.values()))
    name = offered.get(text.partition(";")[0].strip().replace("image/jpg", "image/jpeg"))
    if name is None:
        format = server.formats.by_tile_extension.get(text)
        name = format.name if format is not None and format.media_type in offered else None
    if name is None:
        raise nothing_there(
            INVALID_VALUE,
            f"format {query.format!r} is not offered; {', '.join(offered)} are",
            FORMAT,
            is_restful=query.is_restful,
        )
    return name


def plan_tile(query: TileQuery, images: Images, server: Server) -> RenderPlan:
    """The plan of a tile.

    Raises:
        OwsError: the style, format, set, matrix or tile does not exist.
    """
    restful = query.is_restful
    style = style_of(query.layer, query.tile.style, is_restful=restful)
    format = format_of(query, server)
    entry = entry_of(query.layer, images, server)
    located = locate(query.tile, entry, server, is_china=query.is_china, is_restful=restful)
    if not answers_empty_tiles(server.catalog().metadata):
        check_limits(query.tile, located, OUT_OF_RANGE, is_restful=restful)
    view = MapView(query.layer, style, located.grid, format, None, transparent=True)
    return plan_layer(view, located.entry, images, server)
