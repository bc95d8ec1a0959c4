"""GetFeatureInfo: which place a request means, and the plan of what there is."""

from __future__ import annotations

from iipserve.geo import crs
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import LayerEntry
from iipserve.geo.matrixset import TileMatrix, TileMatrixSet
from iipserve.geo.ows.exceptions import INVALID_VALUE, OperationNotSupported, OwsError
from iipserve.plan import ValuePlan
from iipserve.protocols import Images, Server
from iipserve.protocols.feature_info.collections import queried
from iipserve.protocols.feature_info.formats import UnknownInfoFormat, writer
from iipserve.protocols.feature_info.places import Place, key_of_srid, pixel_of_grid, point_of_level
from iipserve.protocols.feature_info.planning import UnknownChild
from iipserve.protocols.feature_info.planning import plan_feature_info as plan_values
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.wmts import options
from iipserve.protocols.wmts.faults import INFO_FORMAT, POINT_OUT_OF_RANGE, nothing_there
from iipserve.protocols.wmts.query import Box, FeatureInfoQuery, PixelOfTile, Point
from iipserve.protocols.wmts.tiles import locate, offered, style_of

OPERATION = "GetFeatureInfo"
"""As locator of its faults."""


def plan_feature_info(query: FeatureInfoQuery, images: Images, server: Server) -> ValuePlan:
    """The plan of what there is at a place.

    Raises:
        OwsError: the layer is not asked about, or a value of a parameter does not exist.
    """
    if not query.layer.is_queryable:
        raise OperationNotSupported(f"layer {query.layer.identifier!r} is not queryable", OPERATION)
    try:
        write = writer(query.info_format)
    except UnknownInfoFormat as error:
        raise nothing_there(INVALID_VALUE, str(error), INFO_FORMAT, is_restful=query.is_restful) from error
    offered_formats = options.info_formats(server.catalog().metadata)
    if write not in map(writer, offered_formats):
        text = f"infoformat {query.info_format!r} is not offered; {', '.join(offered_formats)} are"
        raise nothing_there(INVALID_VALUE, text, INFO_FORMAT, is_restful=query.is_restful)
    entry = entry_of(query.layer, images, server)
    if isinstance(query.place, PixelOfTile):
        entry, place, grid = _pixel(query, query.place, entry, server)
    else:
        entry, place = _free_place(query, query.place, entry, server)
        grid = None
    try:
        return plan_values([queried(entry, place, grid, images, server)], place, write, query.children)
    except UnknownChild as error:
        raise OwsError(INVALID_VALUE, str(error), "childLayer") from error


def _pixel(
    query: FeatureInfoQuery, pixel: PixelOfTile, entry: LayerEntry, server: Server
) -> tuple[LayerEntry, Place, GridRef | None]:
    """The layer as a tile shows it, a pixel of the tile, and its grid.

    Raises:
        OwsError: style, set, matrix, tile or pixel does not exist. A row or column that is none of the matrix is no
            TileOutOfRange here (CITE). Tiles outside of the limits have an answer: clients ask in finer matrices, too.
    """
    restful = query.is_restful
    style_of(query.layer, pixel.tile.style, is_restful=restful)
    located = locate(
        pixel.tile, entry, server, is_china=query.is_china, is_restful=restful, code=INVALID_VALUE
    )
    size = located.grid.size
    for name, value, count in (("I", pixel.i, size.width), ("J", pixel.j, size.height)):
        if not 0 <= value < count:
            raise nothing_there(
                POINT_OUT_OF_RANGE,
                f"{name} {value} is outside of the tile; it has pixels 0 to {count - 1}",
                name,
                is_restful=restful,
            )
    return located.entry, pixel_of_grid(located.grid, pixel.i, pixel.j), located.grid


def _free_place(
    query: FeatureInfoQuery, place: Point | Box, entry: LayerEntry, server: Server
) -> tuple[LayerEntry, Place]:
    """A point or box at a level, and the layer as its first set shows it.

    Raises:
        OwsError: there is no such level, or no such coordinate reference system.
    """
    entry, linked = offered(entry, server, is_china=query.is_china)
    if not linked:
        raise OperationNotSupported(
            f"layer {query.layer.identifier!r} has no tile matrix set here", OPERATION
        )
    matrix_set = linked[0].set
    matrix = _level(matrix_set, place.zoom_level)
    try:
        key = key_of_srid(place.srid) if place.srid else entry.geo.georeference.crs
        if isinstance(place, Box):
            crs.transformer(key, entry.geo.georeference.crs)
            return entry, Place(key, place.bounds)
        cell = matrix.affine.a, -matrix.affine.e
        return entry, point_of_level((place.x, place.y), key, matrix_set.crs, cell)
    except (crs.UnknownCrs, crs.NoTransformation) as error:
        raise OwsError(INVALID_VALUE, str(error), "SRID") from error


def _level(matrix_set: TileMatrixSet, index: int) -> TileMatrix:
    count = len(matrix_set.matrices)
    if not 0 <= index < count:
        raise OwsError(
            INVALID_VALUE,
            f"zoomlevel {index} does not exist; {matrix_set.identifier} has 0 to {count - 1}",
            "zoomlevel",
        )
    return matrix_set.matrices[index]
