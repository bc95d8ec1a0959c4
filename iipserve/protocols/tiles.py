"""What IIP, DeepZoom, Zoomify and IIIF have in common: plans for tiles of an advertised grid, and small rules."""

from __future__ import annotations

from iipserve.config import Config
from iipserve.errors import TileNotFound
from iipserve.geometry import Region, Size, TileGrid, ceil_div
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Encoding, RenderPlan, image_ref
from iipserve.pyramid import place_tile

MAX_SQUARE_TILE = 1024
USUAL_TILE = 256
ANGLE_DECIMALS = 6
"""Angles are told apart this far: less turns no picture by a visible part of a pixel."""


def square_tile(info: ImageInfo) -> Size:
    """The tile of protocols that know only square ones: the file's own if it is square and not too large."""
    tile = info.tile
    if tile.width == tile.height and tile.width <= MAX_SQUARE_TILE:
        return tile
    return Size(USUAL_TILE, USUAL_TILE)


def grid_tile(grid_size: Size, tile: Size, column: int, row: int) -> Region:
    """One tile of a level.

    Raises:
        TileNotFound: it lies outside the grid.
    """
    region = TileGrid(grid_size, tile).region(column, row)
    if region is None:
        columns, rows = ceil_div(grid_size.width, tile.width), ceil_div(grid_size.height, tile.height)
        raise TileNotFound(
            f"column {column}, row {row} lies outside the level, which has columns 0 to {columns - 1} "
            f"and rows 0 to {rows - 1}"
        )
    return region


def plan_tile(
    info: ImageInfo,
    config: Config,
    grid_size: Size,
    region: Region,
    encoding: Encoding,
) -> RenderPlan:
    """The plan for one tile of an advertised level of `grid_size`."""
    placement = place_tile(info, grid_size, region)
    image = image_ref(info, quality_layers(info, config) if info.quality_layers > 1 else 0)
    return RenderPlan(image, placement.level, placement.region, placement.size, encoding)


def quality_layers(info: ImageInfo, config: Config, asked: int = 0) -> int:
    """How many JPEG 2000 quality layers are decoded; 0 is all (iipsrv's MAX_LAYERS and LYR).

    Args:
        info: the image.
        config: MAX_LAYERS: above 0 is the most, -1 leaves it to the client, 0 is half unless asked.
        asked: by the client; 0 or less is no wish.
    """
    available, most = info.quality_layers, config.max_layers
    if most > 0:
        layers = asked if 0 < asked < most else most
    else:
        layers = asked if asked > 0 else available if most < 0 else ceil_div(available, 2)
    return 0 if layers >= available else layers


def has_color(info: ImageInfo) -> bool:
    """Whether the picture is shown in color."""
    return info.color_space is not ColorSpace.GRAY and info.color_bands >= 3


def rounded_angle(degrees: float) -> float:
    """The angle from 0 and below 360 that stands for all that turn a picture alike."""
    return round(degrees % 360, ANGLE_DECIMALS) % 360
