"""Addresses of the tiles of an image, as viewers ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo
from iipserve.protocols.tiles import square_tile

PROTOCOLS = ("deepzoom", "iiif")


def addresses(info: ImageInfo, protocol: str, largest: int) -> Iterator[str]:
    """Paths of all tiles of the levels whose longer side is at most `largest` pixels, the smallest level first.

    Levels smaller than the largest one that fits into a tile are left out: viewers begin with that. Tiles of all protocols
    are the same to the server; caches in front of it know them by their addresses.

    Args:
        info: of the image.
        protocol: one of `PROTOCOLS`.
        largest: in pixels; 0 for all levels.
    """
    tile = info.tile if protocol == "iiif" else square_tile(info)
    sizes = info.power_of_two_sizes
    first = next((index for index, size in enumerate(sizes) if size.fits_in(tile)), len(sizes) - 1)
    for index in range(first, -1, -1):
        size = sizes[index]
        if largest and max(size) > largest and index < first:
            return
        grid = TileGrid(size, tile)
        for row in range(grid.rows):
            for column in range(grid.columns):
                if protocol == "iiif":
                    yield _iiif(info, index, tile, column, row)
                else:
                    zoom = len(sizes) - 1 - index
                    yield f"/deepzoom/{_name(info, '/')}_files/{zoom}/{column}_{row}.jpg"


def _name(info: ImageInfo, safe: str) -> str:
    return quote(info.identifier.encode("utf-8", "surrogateescape"), safe=safe)


def _iiif(info: ImageInfo, index: int, tile: Size, column: int, row: int) -> str:
    """A tile of IIIF Image API 3 as OpenSeadragon asks for it (section 5, "Image tiles", of its implementation notes)."""
    factor = 1 << index
    x, y = column * tile.width * factor, row * tile.height * factor
    width = min(tile.width * factor, info.size.width - x)
    height = min(tile.height * factor, info.size.height - y)
    shown = Size(width, height).ceil_scaled(factor)
    is_whole = Region(x, y, width, height) == Region.of_size(info.size)
    region = "full" if is_whole else f"{x},{y},{width},{height}"
    size = "max" if is_whole and not index else f"{shown.width},{shown.height}"
    return f"/iiif/{_name(info, '')}/{region}/{size}/0/default.jpg"
