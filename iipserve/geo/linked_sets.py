"""In which tile matrix sets a layer is offered, and which of their tiles show it: for documents and tiles alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote

from iipserve.geo import crs
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.limit_tables import TabledLink, linked_at_once
from iipserve.geo.matrixset import (
    STANDARD_PIXEL,
    LinkedSet,
    TileMatrix,
    TileMatrixSet,
    linked,
    metres_per_unit,
    offered_count,
    scale_denominator,
)
from iipserve.geo.matrixset_files import STANDARD_NAMES, standard_sets
from iipserve.geo.places import Place
from iipserve.geometry import Size, ceil_div
from iipserve.lru import LRU

MATRIX_SETS = "wmts.matrix_sets"
"""Option of the service: identifiers of the sets of this package that are offered, `STANDARD_NAMES` by default."""
FURTHER_MATRIX_SETS = "wmts.further_matrix_sets"
"""Option of the service: sets read from files (`matrixset_files.read_set`)."""
OVERZOOM = "wmts.overzoom"
"""Option of the service: number of matrices that are finer than needed, 0 by default."""

SAFE = "/!$'()*,;=:@~"
"""Characters of identifiers, besides letters and digits, that may be anywhere in an address (RFC 3986)."""
USUAL_TILE = 256
NATIVE_TILES = (256, 512)
"""Sides of square tiles of a file that are tiles of its native set too."""
SQUARE_TOLERANCE = 1e-6
"""Relative difference between width and height of square pixels."""
MAX_LINKED = 1024
"""Places and sets whose limits are remembered."""
MAX_SIZES = 4096
"""Sizes of images of which it is remembered whether all tiles of their own set show them."""
NEAR = float(1 << 30)
"""Pixels from x and y 0 up to which coordinates are exact to far less than a pixel."""


def shared_sets(metadata: ServiceMetadata) -> tuple[TileMatrixSet, ...]:
    """The sets that are not of one image, in the order of documents.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    standard = standard_sets()
    names = metadata.options.get(MATRIX_SETS, STANDARD_NAMES)
    return (
        *(standard[name] for name in names if name in standard),
        *metadata.options.get(FURTHER_MATRIX_SETS, ()),
    )


def shared_systems(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Keys of the coordinate reference systems of these sets. Raises `NotInstalled`."""
    return tuple(dict.fromkeys(each.crs for each in shared_sets(metadata)))


def sets_of(entry: LayerEntry, metadata: ServiceMetadata) -> tuple[LinkedSet, ...]:
    """All sets in which a layer is offered, its own last. Raises `NotInstalled`."""
    return tuple(_sets(entry, metadata))


def find_set(entry: LayerEntry, metadata: ServiceMetadata, identifier: str) -> LinkedSet | None:
    """The set of that identifier or alias; None where the layer is not offered in one. Raises `NotInstalled`.

    The image's own set is found as `native`, `NAME:native` and `native_NAME`.
    """
    if identifier in native_names(entry):
        return native_link(entry)
    found = next((one for one in shared_sets(metadata) if one.answers_to(identifier)), None)
    return link(entry, found, metadata.options.get(OVERZOOM, 0)) if found else None


def _sets(entry: LayerEntry, metadata: ServiceMetadata) -> Iterator[LinkedSet]:
    overzoom = metadata.options.get(OVERZOOM, 0)
    for matrix_set in shared_sets(metadata):
        if found := link(entry, matrix_set, overzoom):
            yield found
    if native := native_link(entry):
        yield native


def link(entry: LayerEntry, matrix_set: TileMatrixSet, overzoom: int = 0) -> LinkedSet | None:
    """A set with the tiles that show a layer; None where none does, or the layer is not offered in its system."""
    place = _place(entry, matrix_set)
    return _linked(place, matrix_set, overzoom) if place else None


def _place(entry: LayerEntry, matrix_set: TileMatrixSet) -> Place | None:
    allowed, georeference = entry.layer.crs, entry.geo.georeference
    if allowed and matrix_set.crs not in (*allowed, georeference.crs):
        return None
    if crs.IMAGE in (georeference.crs, matrix_set.crs):
        return None
    return entry.place_in(matrix_set.crs)


@lru_cache(maxsize=MAX_LINKED)
def _linked(place: Place, matrix_set: TileMatrixSet, overzoom: int) -> LinkedSet | None:
    whole = _whole(place, matrix_set)
    if whole is None:
        return linked(matrix_set, *place, crs.turn(matrix_set.crs), overzoom)
    return whole._replace(limits=whole.limits[: offered_count(matrix_set, place.resolution, overzoom)])


_wholes: LRU[tuple[Place, TileMatrixSet], tuple[LinkedSet | None]] = LRU(MAX_LINKED)


def _whole(place: Place, matrix_set: TileMatrixSet) -> LinkedSet | None:
    """The set with the limits of all its matrices; None where some have none."""
    known = _wholes.get((place, matrix_set))
    if known is None:
        known = (linked(matrix_set, *place, crs.turn(matrix_set.crs), len(matrix_set.matrices)),)
        _wholes.set((place, matrix_set), known)
    return known[0]


def links_at_once(
    entries: Sequence[LayerEntry], sets: Iterable[TileMatrixSet], overzoom: int = 0
) -> list[list[TabledLink]]:
    """The links of several layers to sets that are not of one image, as `link` gives them, with all matrices.

    Args:
        entries: the layers.
        sets: in which they may be offered.
        overzoom: see `matrixset.linked`.

    Raises:
        UnknownCrs, NotInstalled: as `LayerEntry.place_in`.
    """
    links: list[list[TabledLink]] = [[] for _ in entries]
    for matrix_set in sets:
        places = [_place(entry, matrix_set) for entry in entries]
        there = [place for place in places if place is not None]
        found = linked_at_once(matrix_set, there, crs.turn(matrix_set.crs), overzoom)
        for place, of_layer in zip(places, links, strict=True):
            if place is not None and (tabled := next(found)) is not None:
                of_layer.append(tabled)
    return links


def with_all_matrices(entry: LayerEntry, linked: LinkedSet) -> LinkedSet:
    """The set of a layer with the limits of all its matrices, those finer than `link` offers too.

    A document lists the matrices that its finest layer needs, and GDAL opens every layer by the finest one listed.
    """
    if len(linked.limits) == len(linked.set.matrices):
        return linked
    place = entry.place_in(linked.set.crs)
    return (place and _whole(place, linked.set)) or linked


# -- sets of single images -------------------------------------------------------------------------


def native_name(entry: LayerEntry) -> str:
    """The identifier of the image's own set in documents.

    It is percent-encoded, because GDAL and OpenLayers put it into addresses as it is.
    """
    return f"{quote(entry.layer.identifier, safe=SAFE)}:native"


def native_names(entry: LayerEntry) -> tuple[str, ...]:
    """Identifiers under which the image's own set is found; the first is in documents."""
    names = dict.fromkeys((entry.layer.identifier, entry.layer.name.identifier))
    return (
        native_name(entry),
        *(f"{name}:native" for name in names),
        *(f"native_{name}" for name in names),
        "native",
    )


def native_owner(identifier: str) -> str | None:
    """The identifier of the layer of whose own set this is one of the names; None where it is none."""
    if identifier.endswith(":native"):
        return identifier.removesuffix(":native") or None
    return identifier.removeprefix("native_") if identifier.startswith("native_") else None


class NativeSet(NamedTuple):
    """What the image's own set follows from: from one pixel of the map for each of the image down to a single tile."""

    identifier: str
    title: str
    crs: str
    """Key of the coordinate reference system."""
    urn: str
    uri: str
    swaps_axes: bool
    affine: Affine
    """North-up, with square pixels."""
    size: Size
    """Of the image."""
    tile: Size
    unit: float
    """Metres per unit of the system."""

    @property
    def bounds(self) -> Bounds:
        """The box of the image."""
        right, bottom = self.affine.apply(*self.size)
        return Bounds(self.affine.c, bottom, right, self.affine.f)

    @property
    def shows_all_tiles(self) -> bool:
        """Whether all tiles surely show the image; if not, the limits of `native_link` say which do."""
        offset = max(abs(self.affine.c), abs(self.affine.f))
        return offset < NEAR * self.affine.a and _fills_tiles(self.size, self.tile)


@lru_cache(maxsize=MAX_SIZES)
def _fills_tiles(size: Size, tile: Size) -> bool:
    """Whether no last column or row of tiles has a single column or row of pixels, whose centers may be outside."""
    if max(size) >= NEAR:
        return False
    levels = (size.ceil_scaled(1 << index) for index in range(_finest(size, tile) + 1))
    return all(
        length == 1 or length % side != 1
        for level in levels
        for length, side in zip(level, tile, strict=True)
    )


def native_set(entry: LayerEntry) -> NativeSet | None:
    """The image's own set.

    None where a set cannot describe its grid: it is not north-up, its pixels are not square, or its system has no code.
    """
    georeference = entry.geo.georeference
    affine, key = georeference.mapping, georeference.crs
    if not isinstance(affine, Affine) or not _has_square_pixels(affine):
        return None
    urn, uri = crs.urn(key), crs.uri(key)
    if urn is None or uri is None:
        return None
    title = f"Pixels of {entry.layer.displayed_title}"
    tile, unit = native_tile(entry.info.tile), metres_per_unit(key)
    swapped = crs.swaps_axes(key)
    return NativeSet(native_name(entry), title, key, urn, uri, swapped, affine, georeference.size, tile, unit)


def native_link(entry: LayerEntry) -> LinkedSet | None:
    """The image's own set, with its limits; None as of `native_set`."""
    native = native_set(entry)
    return None if native is None else _native(native)


def native_tile(tile: Size) -> Size:
    """The tiles of the native set of an image with this tile: its own, so that stored tiles are served, or usual ones."""
    if tile.width == tile.height and tile.width in NATIVE_TILES:
        return tile
    return Size(USUAL_TILE, USUAL_TILE)


@lru_cache(maxsize=MAX_LINKED)
def _native(native: NativeSet) -> LinkedSet | None:
    matrices = tuple(native_matrices(native.affine, native.size, native.tile, native.unit))
    found = TileMatrixSet(*native[:6], matrices)
    return linked(found, native.bounds, native.affine.a)


def _has_square_pixels(affine: Affine) -> bool:
    return affine.is_north_up and abs(affine.a / -affine.e - 1) < SQUARE_TOLERANCE


def native_matrices(affine: Affine, size: Size, tile: Size, unit: float) -> Iterator[TileMatrix]:
    """The full size divided by powers of two and rounded up, as in deep zoom, from one that fits in a tile on."""
    finest = _finest(size, tile)
    for index in range(finest + 1):
        factor = 1 << (finest - index)
        level = size.ceil_scaled(factor)
        yield TileMatrix(
            str(index),
            scale_denominator(affine.a * factor, unit),
            affine.scaled(factor, factor),
            tile,
            ceil_div(level.width, tile.width),
            ceil_div(level.height, tile.height),
        )


def _finest(size: Size, tile: Size) -> int:
    """Index of the finest matrix."""
    return (ceil_div(max(size), tile.width) - 1).bit_length()


# -- sets of the Chinese map platform --------------------------------------------------------------

CHINA_LEVELS = 20
CHINA_SCREEN_PIXEL = 0.0254 / 96
"""Side of a pixel in metres, by which the national map service computes its scale denominators."""


@lru_cache(maxsize=2)
def china_sets(scale: Literal["ogc", "dpi96"] = "ogc") -> tuple[TileMatrixSet, TileMatrixSet]:
    """The sets `c` (CGCS2000, longitude and latitude) and `w` (Web Mercator) of levels 1 to 20 (CH/Z 9011-2011).

    They have the grids of WorldCRS84Quad and WebMercatorQuad: level 1 of `c` is matrix 0 of the former, level 1 of `w`
    is matrix 1 of the latter.

    Args:
        scale: scale denominators of pixels of 0.28 mm, or of 1/96 inch, as the national map service writes them.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    pixel = {"ogc": STANDARD_PIXEL, "dpi96": CHINA_SCREEN_PIXEL}[scale]
    standard = standard_sets()
    return (
        _china_set(
            "c", "CGCS2000, longitude and latitude", "EPSG:4490", standard["WorldCRS84Quad"], 0, pixel
        ),
        _china_set("w", "Web Mercator", "EPSG:3857", standard["WebMercatorQuad"], 1, pixel),
    )


def _china_set(
    identifier: str, title: str, key: str, grid: TileMatrixSet, first: int, pixel: float
) -> TileMatrixSet:
    unit = metres_per_unit(key)
    matrices = (
        matrix._replace(
            identifier=str(level), scale_denominator=scale_denominator(matrix.cell_size, unit, pixel)
        )
        for level, matrix in enumerate(grid.matrices[first : first + CHINA_LEVELS], start=1)
    )
    return TileMatrixSet(
        identifier,
        title,
        key,
        crs.urn(key) or "",
        crs.uri(key) or "",
        crs.swaps_axes(key),
        tuple(matrices),
        aliases=(f"tdt_{identifier}",),
    )
