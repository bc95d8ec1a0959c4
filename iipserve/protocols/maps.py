"""Maps: an image shown on the grid of a map, as all map services plan it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.georeference import GeoImage, Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.ground_steps import ground_steps
from iipserve.geo.image_scale import scale_of
from iipserve.geo.layer import Layer, Style
from iipserve.geometry import Region, Size, common_region
from iipserve.image import ImageInfo, Level
from iipserve.plan import (
    Blank,
    Crop,
    ImageRef,
    RenderPlan,
    Resampling,
    Warp,
    image_ref,
)
from iipserve.processing import Operation, pipeline
from iipserve.processing.compositing import WHITE
from iipserve.processing.layout import has_alpha
from iipserve.processing.missing import may_miss, representable
from iipserve.processing.terrain import Terrain
from iipserve.processing.transparency import Background, Transparency
from iipserve.protocols import Server
from iipserve.protocols.encodings import plain_encoding, tile_encoding
from iipserve.protocols.tiles import quality_layers
from iipserve.pyramid import level_scale

ALIGNED = 1e-6
"""Pixels of a level by which the edges of a map may be off those of its pixels, to count as aligned."""
SAME = 1e-6
"""Part of a pixel by which steps may differ, to count as equal."""
MAX_STEP = 2.0
"""Pixels of a level per pixel of a map up to which pixels in between are left out; more are averaged."""
MAX_STRETCHED_STEP = 4.0
"""The same of the longer side, where columns and rows differ."""


MAX_CLASS_STEP = 16.0
"""Pixels per pixel of a map up to which classes are counted in larger levels, where smaller ones show others: 16 million for
a tile."""


@dataclass(frozen=True, slots=True)
class MapView:
    """What a map request asks for, whatever service it reached."""

    layer: Layer
    style: Style
    target: GridRef
    """Its coordinate reference system is the image's own, or one that coordinates can be transformed to from there."""
    format: str
    """Name of the output format: `jpeg`."""
    resampling: Resampling | None = None
    """None: that of the layer, which is by default the nearest pixel: samples of the file are shown as they are."""
    transparent: bool = True
    """Pixels without data are clear where the format has opacity."""
    background: tuple[int, int, int] = WHITE
    """Shown where they are not clear: red, green, blue of 8 bits."""


def plan_map(view: MapView, info: ImageInfo, geo: GeoImage, server: Server) -> RenderPlan:
    """The plan for a map of one image.

    A map whose pixels are those of a stored level is the plan that other protocols make for the same pixels, so that
    caches and stored tiles are shared. Outside of the image, a map is clear or shows the background.

    Args:
        view: the map.
        info: of the image of the layer.
        geo: where it is located.
        server: settings and formats.

    Raises:
        NoTransformation: coordinates of the map cannot be transformed to the image's system.
    """
    image, operations = _image(info, geo, server), _operations(view, info, geo, server)
    profile = all(operation.keeps_profile for operation in operations)
    encoding = tile_encoding(view.format, info, server, profile=profile)
    shown = shown_part(view.layer, geo.georeference)
    levels = _Levels(info, geo, server)
    crop = _aligned(view.target, image, levels, shown)
    return RenderPlan(crop or _warped(view, image, levels, shown), encoding, operations)


class PlacedImage(NamedTuple):
    """What a map shows of an image."""

    view: Crop | Warp
    """A `Warp` has the grid of the map; a `Crop` is unscaled, and may be smaller."""
    operations: tuple[Operation, ...]
    x: int = 0
    """Where on the map the first pixel of the view is."""
    y: int = 0


def place_image(view: MapView, info: ImageInfo, geo: GeoImage, server: Server) -> PlacedImage | None:
    """What `plan_map` shows of an image, as part of a larger picture; None if nothing.

    It is cut to the map where its pixels are those of the map.

    Raises:
        NoTransformation: as `plan_map`.
    """
    image, operations = _image(info, geo, server), _operations(view, info, geo, server)
    shown, levels = shown_part(view.layer, geo.georeference), _Levels(info, geo, server)
    found = _aligned_level(view.target, levels, shown)
    if found is None or wraps(found.region, geo.georeference, info.levels[found.level].size):
        return PlacedImage(_warped(view, image, levels, shown), operations)
    inside = common_region(found.region, found.part)
    if inside is None:
        return None
    crop = Crop(image, found.level, inside, inside.size)
    return PlacedImage(crop, operations, inside.x - found.region.x, inside.y - found.region.y)


def plan_blank(
    size: Size,
    format: str,
    server: Server,
    *,
    message: str = "",
    transparent: bool = True,
    background: tuple[int, int, int] = WHITE,
) -> RenderPlan:
    """The plan for a picture that shows nothing, or the text of an error.

    Args:
        size: in pixels.
        format: name of the output format.
        server: settings and formats.
        message: the text, if any.
        transparent: clear where the format has opacity.
        background: what is shown where it is not.
    """
    operations = shown_background(format, server, background, transparent=transparent)
    return RenderPlan(Blank(size, message), plain_encoding(format, server), operations)


def _image(info: ImageInfo, geo: GeoImage, server: Server) -> ImageRef:
    """The image as maps show it."""
    layers = quality_layers(info, server.config) if info.quality_layers > 1 else 0
    return image_ref(info, layers, geo.mask)


# -- operations ------------------------------------------------------------------------------------


def _operations(view: MapView, info: ImageInfo, geo: GeoImage, server: Server) -> tuple[Operation, ...]:
    """The style, and what becomes of pixels without data."""
    own: list[Operation] = []
    terrain = pipeline.terrain(view.style.operations)
    if terrain is not None:
        own.append(_located(terrain, info, geo))
    nodata = _nodata(view.layer, info)
    if nodata or info.dtype.startswith("float"):
        own.append(Transparency(None if nodata == info.nodata else nodata))
    elif may_miss(info) or terrain is not None:
        own.append(Transparency(()))
    own.extend(shown_background(view.format, server, view.background, transparent=view.transparent))
    return pipeline.ordered((*view.style.operations, *own)) if own else view.style.operations


def _located(terrain: Terrain, info: ImageInfo, geo: GeoImage) -> Terrain:
    """A function of heights, with where the pixels of the image are."""
    if terrain.band >= info.color_bands:
        raise InvalidRequest(f"there is no band {terrain.band}; the image has {info.color_bands}, from 0")
    return replace(terrain, ground=ground_steps(geo.georeference))


def shown_background(
    format: str, server: Server, color: tuple[int, int, int], *, transparent: bool
) -> tuple[Operation, ...]:
    """What is shown through clear pixels; nothing where they stay clear, or where encoders show white."""
    keeps_opacity = any(has_alpha(bands) for bands in server.formats.by_name[format].bands)
    if (keeps_opacity and not transparent) or (not keeps_opacity and color != WHITE):
        return (Background(*color),)
    return ()


def _nodata(layer: Layer, info: ImageInfo) -> tuple[float, ...]:
    """The sample of each color band that stands for missing data: of the layer, else of the image."""
    return info.nodata if layer.nodata is None else representable(layer.nodata, info)


# -- a part of the image ---------------------------------------------------------------------------


def shown_part(layer: Layer, source: Georeference) -> Region | None:
    """The pixels of the full size whose centers are in the extent of the layer; None if all are, or it is no window.

    At least one pixel, so that a wrong extent shows next to nothing and not everything.
    """
    extent, mapping = layer.extent, source.mapping
    if extent is None or not isinstance(mapping, Affine) or not mapping.is_rectilinear:
        return None
    inverse, size = mapping.inverse(), source.size
    xs, ys = zip(
        inverse.apply(extent.min_x, extent.min_y), inverse.apply(extent.max_x, extent.max_y), strict=True
    )
    left, right = (min(max(_rounded(x), 0), size.width) for x in sorted(xs))
    top, bottom = (min(max(_rounded(y), 0), size.height) for y in sorted(ys))
    x, y = min(left, size.width - 1), min(top, size.height - 1)
    part = Region(x, y, max(1, right - x), max(1, bottom - y))
    return None if part.size == size else part


# -- a window of a level ---------------------------------------------------------------------------


class _Levels(NamedTuple):
    """The levels of an image of which maps can be made."""

    info: ImageInfo
    geo: GeoImage
    server: Server

    def count_for(self, level: int) -> int:
        """How many levels are usable, from the full size on, where one is wanted: those that show its classes only, of images
        with a palette, which no other level than the full size need do."""
        is_classified = self.geo.is_palette and level > 0
        return self.server.class_levels(self.info) if is_classified else len(self.info.levels)


class _AlignedLevel(NamedTuple):
    """A level whose pixels are those of a map."""

    level: int
    region: Region
    """The map, in pixels of the level; may extend past its edges."""
    part: Region
    """What is shown of the level."""


def _aligned(target: GridRef, image: ImageRef, levels: _Levels, shown: Region | None) -> Crop | None:
    """The window of a stored level whose pixels are those of the map, all shown; None where there is none."""
    found = _aligned_level(target, levels, shown)
    if found is None or common_region(found.region, found.part) != found.region:
        return None
    return Crop(image, found.level, found.region, target.size)


def _aligned_level(target: GridRef, levels: _Levels, shown: Region | None) -> _AlignedLevel | None:
    """The level whose pixels are those of the map; None where there is none."""
    info, source = levels.info, levels.geo.georeference
    if target.crs != source.crs or not isinstance(source.mapping, Affine):
        return None
    for index, level in enumerate(info.levels):
        across, down = level_scale(info, index)
        region = _window(source.mapping.scaled(1 / across, 1 / down), target)
        if region is not None:
            part = Region.of_size(level.size) if shown is None else _inside(shown, across, down)
            return _AlignedLevel(index, region, part) if index < levels.count_for(index) else None
    return None


def wraps(region: Region, source: Georeference, size: Size) -> bool:
    """Whether a part of a region that is outside of an image is in it after a turn around the globe.

    Args:
        region: in pixels of a level.
        source: of the image.
        size: of the level.
    """
    mapping, turn = source.mapping, crs.turn(source.crs)
    if turn is None or not isinstance(mapping, Affine) or not mapping.a or region.clipped(size) == region:
        return False
    pixels = abs(turn / mapping.a) * size.width / source.size.width
    return any(region.right + shift > 0 and region.x + shift < size.width for shift in (-pixels, pixels))


def _window(level: Affine, target: GridRef) -> Region | None:
    """The pixels of a level that those of a map are; None if they are others."""
    (width, height), inverse = target.size, level.inverse()
    left, top = _corner(inverse, target.affine, 0, 0)
    x, y = _rounded(left), _rounded(top)
    for column, row in ((0, 0), (width, 0), (0, height)):
        place = _corner(inverse, target.affine, column, row)
        if not (abs(place[0] - x - column) <= ALIGNED and abs(place[1] - y - row) <= ALIGNED):
            return None
    return Region(x, y, width, height)


def _corner(inverse: Affine, affine: Affine, column: float, row: float) -> tuple[float, float]:
    return inverse.apply(*affine.apply(float(column), float(row)))


def _rounded(place: float) -> int:
    """The nearest integer; 0 of what is none, which is then not aligned."""
    return round(place) if abs(place) < 1e15 else 0


def _inside(shown: Region, across: float, down: float) -> Region:
    """The pixels of a level that are all shown."""
    x, y = math.ceil(shown.x * across), math.ceil(shown.y * down)
    return Region(x, y, math.floor(shown.right * across) - x, math.floor(shown.bottom * down) - y)


# -- a warped level --------------------------------------------------------------------------------


def _warped(view: MapView, image: ImageRef, levels: _Levels, shown: Region | None) -> Warp:
    """The level to resample, and how."""
    geo = levels.geo
    source = geo.georeference
    level, steps = _usable_level(levels, scale_of(source, view.target))
    resampling = view.resampling or Resampling(view.layer.resampling)
    averages = _mean(steps) >= MAX_STEP * (1 + SAME) or max(steps) > MAX_STRETCHED_STEP
    if geo.is_palette:
        reduces = averages or resampling in (Resampling.AVERAGE, Resampling.MODE)
        resampling = Resampling.MODE if reduces else Resampling.NEAREST
    elif averages and resampling is not Resampling.MODE:
        resampling = Resampling.AVERAGE
    return Warp(image, level, source, view.target, resampling, shown)


def _usable_level(levels: _Levels, scale: tuple[float, float] | None) -> tuple[int, tuple[float, float]]:
    """The level to resample, and its pixels per pixel of the map: the best one, unless it shows classes of its own, and
    the others are not too large for the map.

    Args:
        levels: of the image.
        scale: as of `_level`.
    """
    best = _level(levels.info.levels, levels.info, scale)
    count = levels.count_for(best[0])
    if best[0] < count:
        return best
    usable = _level(levels.info.levels[:count], levels.info, scale)
    return usable if _mean(usable[1]) <= MAX_CLASS_STEP else best


def _level(
    levels: Sequence[Level], info: ImageInfo, scale: tuple[float, float] | None
) -> tuple[int, tuple[float, float]]:
    """The smallest level of which no pixel is larger than one of the map, and its pixels per pixel of the map.

    Args:
        levels: among which to choose.
        info: of the image.
        scale: pixels of the full size per pixel of the map, across and down; None if no part of the image is shown.
    """
    if scale is None:
        return len(levels) - 1, (1.0, 1.0)
    chosen, steps = 0, scale
    for index in range(1, len(levels)):
        across, down = level_scale(info, index)
        reduced = scale[0] * across, scale[1] * down
        if _mean(reduced) < 1 - SAME:
            break
        chosen, steps = index, reduced
    return chosen, steps


def _mean(steps: tuple[float, float]) -> float:
    """The geometric mean: the step of pixels whose area is the same."""
    return float((steps[0] * steps[1]) ** 0.5)
