"""Coverages: the samples of an image on a grid, as all coverage services plan them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from iipserve.coverage_formats import by_name
from iipserve.geo.georeference import Band, GeoImage, Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.image_scale import scale_of
from iipserve.geo.layer import Layer
from iipserve.geometry import Region
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import (
    CoverageBand,
    CoverageDescription,
    CoverageEncoding,
    CoveragePlan,
    Crop,
    Envelope,
    Resampling,
    Warp,
    image_ref,
)
from iipserve.protocols import Server
from iipserve.protocols.maps import MAX_STEP, SAME, shown_part, wraps

ALIGNED = 1e-3
"""Pixels of the image by which the corners of a coverage may be off those of its pixels, to count as theirs."""
FARTHEST = 2.0**31
"""Pixels from the image's first one beyond which there are no places."""
INTERPOLATIONS = (Resampling.BILINEAR, Resampling.CUBIC)


@dataclass(frozen=True, slots=True)
class CoverageView:
    """What a request for a coverage asks for, whatever service it reached."""

    layer: Layer
    bands: tuple[int, ...]
    """Indices into `coverage_bands`, in the order of the result; repeats are allowed. At least one."""
    target: GridRef
    """Where the samples of the result are; has its size. Its system is the image's own, or one that coordinates can be
    transformed to from there."""
    resampling: Resampling
    encoding: CoverageEncoding
    names: tuple[str, ...] = ()
    """Of the bands of the result, in its order; empty: those of the file."""
    identifier: str = ""
    """An NCName, for files that tell what coverage they are."""
    envelope: Envelope | None = None
    """What surrounds the file in a multipart answer."""


def plan_coverage(view: CoverageView, info: ImageInfo, geo: GeoImage, server: Server) -> CoveragePlan:
    """The plan for the samples of one image on a grid.

    They come from the full size only. Where the target has the image's own system and its corners are corners of pixels,
    the view is a `Crop`: at the full size these are the samples of that window; scaled by nearest neighbor, the sample
    in column i is that of column `floor((i + 0.5) * width / size)` of the window, and rows likewise. Otherwise the view is
    a `Warp`, where nearest is the pixel that contains the place of the center of a sample.

    Nearest always takes single samples. Interpolation is averaging where a sample is two pixels of the image or more.
    Indices of palettes are never averaged: nearest, or the most frequent of them. Outside of the image and of the
    layer's extent, samples are those of missing data, or 0.

    The size of the result is not limited here: protocols have limits of their own, and their errors for them.

    Args:
        view: the coverage.
        info: of the image of the layer.
        geo: where it is located.
        server: settings.

    Raises:
        NoTransformation: coordinates of the target cannot be transformed to the image's system.
    """
    source = geo.georeference
    shown = shown_part(view.layer, source)
    window = _window(source, view.target, shown)
    resampling = _resampling(view, info, geo, window)
    # a mask next to the file says which samples weigh in means, and hides none
    image = image_ref(info, mask=None if resampling is Resampling.NEAREST else geo.mask)
    description = describe(view.layer, view.bands, info, geo, view.names)
    if by_name(view.encoding.format).is_named:
        description = replace(description, identifier=view.identifier)
    return CoveragePlan(
        view=Warp(image, 0, source, view.target, resampling, shown)
        if window is None
        else Crop(image, 0, window, view.target.size),
        bands=view.bands,
        grid=view.target,
        resampling=resampling,
        encoding=view.encoding,
        description=description,
        envelope=view.envelope,
    )


# -- samples ---------------------------------------------------------------------------------------


def coverage_bands(info: ImageInfo, geo: GeoImage) -> tuple[Band, ...]:
    """The bands of an image as its file has them: one of a palette, and opacity where it is one of them."""
    samples = info.samples
    opacity = samples.opacity if info.has_alpha else None
    named = iter(() if _is_palette(info, geo) else geo.bands)
    return tuple(
        Band("opacity") if index == opacity else next(named, Band(f"band{index + 1}"))
        for index in range(samples.bands)
    )


def missing_samples(layer: Layer, info: ImageInfo) -> tuple[float | int | None, ...]:
    """Of each band of `coverage_bands`, the sample that stands for missing data: by the layer, else by the file.

    Opacity has none, and what the type of the samples cannot hold is none.
    """
    opacity = info.samples.opacity if info.has_alpha else None
    known = list(color_nodata(layer, info))
    if opacity is not None:
        known.insert(opacity, None)
    return tuple(known)


def color_nodata(layer: Layer, info: ImageInfo) -> tuple[float | int | None, ...]:
    """As `missing_samples`, of bands without opacity."""
    samples = info.samples
    colors = samples.bands - (info.has_alpha and samples.opacity is not None)
    declared: tuple[float | int | None, ...] = (samples.nodata,) * colors
    if layer.nodata is not None:
        declared = layer.nodata * colors if len(layer.nodata) == 1 else layer.nodata
    if len(declared) != colors:
        declared = (None,) * colors
    return tuple(None if one is None else _sample(one, samples.dtype) for one in declared)


def describe(
    layer: Layer, bands: tuple[int, ...], info: ImageInfo, geo: GeoImage, names: tuple[str, ...] = ()
) -> CoverageDescription:
    """What files tell of some bands of an image.

    Args:
        layer: its `nodata` replaces the file's.
        bands: indices into `coverage_bands`, in the order of the result.
        info: of the image.
        geo: what is known of it.
        names: of the bands of the result; empty: those of the file.
    """
    every, missing, samples = coverage_bands(info, geo), missing_samples(layer, info), info.samples
    opacity = samples.opacity if info.has_alpha else None
    is_palette = _is_palette(info, geo)
    is_rgb = info.color_space is ColorSpace.SRGB and samples.bands >= 3 and bands[:3] == (0, 1, 2)
    return CoverageDescription(
        dtype=samples.dtype,
        bands=tuple(
            CoverageBand(name or every[band].name, *every[band][1:], nodata=missing[band])
            for band, name in zip(bands, names or [""] * len(bands), strict=True)
        ),
        palette=geo.palette if is_palette and bands == (0,) else b"",
        bits=samples.bits,
        is_rgb=is_rgb,
        opacity=bands.index(opacity) if opacity is not None and opacity in bands else None,
    )


def _is_palette(info: ImageInfo, geo: GeoImage) -> bool:
    """Whether the samples are indices of a palette, and given as such."""
    return geo.is_palette and info.samples.bands < info.bands


def _sample(value: float | int, dtype: str) -> float | int | None:
    """The value as a sample of a type; None if the type cannot hold it."""
    if dtype.startswith("float"):
        return value
    if isinstance(value, float) and not value.is_integer():
        return None
    limits = np.iinfo(dtype)
    return int(value) if limits.min <= value <= limits.max else None


# -- places ----------------------------------------------------------------------------------------


def _resampling(view: CoverageView, info: ImageInfo, geo: GeoImage, window: Region | None) -> Resampling:
    """How samples are made: as is asked, unless that has no meaning."""
    size = view.target.size
    if view.resampling is Resampling.NEAREST or (window is not None and window.size == size):
        return Resampling.NEAREST
    if _is_palette(info, geo):
        reduces = view.resampling in (Resampling.AVERAGE, Resampling.MODE)
        return Resampling.MODE if reduces else Resampling.NEAREST
    if view.resampling not in INTERPOLATIONS:
        return view.resampling
    if window is None:
        steps = scale_of(geo.georeference, view.target) or (1.0, 1.0)
    else:
        steps = window.width / size.width, window.height / size.height
    averages = math.sqrt(steps[0] * steps[1]) >= MAX_STEP * (1 - SAME)
    return Resampling.AVERAGE if averages else view.resampling


def _window(source: Georeference, target: GridRef, shown: Region | None) -> Region | None:
    """The pixels that a target covers, which may be outside of the image; None if it covers parts of pixels, if some pixels
    of the image are not shown, or if the target goes around the globe to its other end."""
    if target.crs != source.crs or not isinstance(source.mapping, Affine):
        return None
    (width, height), to_pixels = target.size, source.mapping.inverse()
    corners = {
        (column, row): to_pixels.apply(*target.affine.apply(float(column), float(row)))
        for column in (0, width)
        for row in (0, height)
    }
    if not all(abs(place) < FARTHEST for corner in corners.values() for place in corner):
        return None
    (x, y), (right, bottom) = (tuple(map(round, corners[at])) for at in ((0, 0), (width, height)))
    if right <= x or bottom <= y:
        return None
    for (column, row), place in corners.items():
        if abs(place[0] - (right if column else x)) > ALIGNED:
            return None
        if abs(place[1] - (bottom if row else y)) > ALIGNED:
            return None
    region = Region(x, y, right - x, bottom - y)
    if wraps(region, source, source.size):
        return None
    return region if shown is None or _shows(shown, region, source) else None


def _shows(shown: Region, region: Region, source: Georeference) -> bool:
    """Whether a part of the image shows all that a region has of it."""
    inside = region.clipped(source.size)
    return inside is None or (
        shown.x <= inside.x
        and shown.y <= inside.y
        and inside.right <= shown.right
        and inside.bottom <= shown.bottom
    )
