"""Maps made of arrays, and an exact reference for them: PROJ on the center of every pixel, and numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl, Cost
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.renderer import READERS
from iipserve.engine.statistics import StatisticsCache
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.geo.georeference import Band, GeoImage, Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.layer import Layer, Style
from iipserve.geometry import Size
from iipserve.image import ImageName
from iipserve.plan import RenderPlan, Resampling, Warp
from iipserve.processing import Operation, Pixels
from iipserve.protocols.maps import MapView, plan_map
from iipserve.sources import Source
from tests.engine.fakes import ArraySource
from tests.images import gradient
from tests.protocols.client import SERVER

pytest.importorskip("pyproj")
from tests.projections import transformer

M = 20037508.342789244
"""Half the width of the Web Mercator projection, in metres."""
Places = tuple[NDArray[np.float64], NDArray[np.float64]]


class OneSource:
    """A library of one image."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def source(self, image: object) -> Source:
        return self._source


def geo_image(georeference: Georeference, bands: int = 3, **fields: Any) -> GeoImage:
    return GeoImage(georeference, tuple(Band(f"band{index}") for index in range(bands)), **fields)


def plan_of_map(
    source: Source,
    georeference: Georeference,
    target: GridRef,
    resampling: Resampling | None = None,
    *,
    format: str = "png",
    operations: tuple[Operation, ...] = (),
    nodata: tuple[float, ...] | None = None,
    extent: Bounds | None = None,
    is_palette: bool = False,
    **options: Any,
) -> RenderPlan:
    layer = Layer("layer", ImageName(source.info.identifier), nodata=nodata, extent=extent)
    view = MapView(layer, Style("own", operations=operations), target, format, resampling, **options)
    geo = geo_image(georeference, source.info.color_bands, is_palette=is_palette)
    return plan_map(view, source.info, geo, SERVER)


def reader(source: Source, plan: RenderPlan) -> ViewReader:
    """What reads the view of a plan."""
    config = Config()
    decoder = TileDecoder(MemoryCache(0))
    statistics = StatisticsCache(config, AdmissionControl(config), decoder)
    services = RenderServices(OneSource(source), decoder, statistics, nearest=False)  # type: ignore[arg-type]
    return READERS[type(plan.view)](services, plan, plan.view)


def drawn(source: Source, georeference: Georeference, target: GridRef, *args: Any, **options: Any) -> Pixels:
    """The display pixels of a map."""
    return reader(source, plan_of_map(source, georeference, target, *args, **options)).read()


def cost_of(source: Source, plan: RenderPlan) -> Cost:
    return reader(source, plan).cost()


def warp_of(plan: RenderPlan) -> Warp:
    assert isinstance(plan.view, Warp)
    return plan.view


def places(georeference: Georeference, target: GridRef) -> Places:
    """Columns and rows of the full size at the centers of all pixels of a map; affine mappings by Cramer's rule."""
    across, down = np.meshgrid(np.arange(target.size.width) + 0.5, np.arange(target.size.height) + 0.5)
    a, b, c, d, e, f = target.affine
    xs, ys = a * across + b * down + c, d * across + e * down + f
    if georeference.crs != target.crs:
        transform = transformer(target.crs, georeference.crs).transform
        xs, ys = transform(xs, ys)
    assert isinstance(georeference.mapping, Affine)
    a, b, c, d, e, f = georeference.mapping
    with np.errstate(invalid="ignore"):
        columns = ((xs - c) * e - (ys - f) * b) / (a * e - b * d)
        rows = ((ys - f) * a - (xs - c) * d) / (a * e - b * d)
    return columns, rows


def wrapped(columns: NDArray[np.float64], turn: float | None) -> NDArray[np.float64]:
    """Columns of one turn around the globe."""
    with np.errstate(invalid="ignore"):
        return columns if turn is None else columns - turn * np.floor(columns / turn)


def assert_nearest(drawn: Pixels, picture: NDArray[Any], columns: NDArray[Any], rows: NDArray[Any]) -> int:
    """Each pixel of a map is that of the picture whose place it is; how many are inside.

    Places within a thousandth of a pixel of an edge may show either side.
    """
    height, width, bands = picture.shape
    with np.errstate(invalid="ignore"):
        sure = (np.abs(columns - np.rint(columns)) > 1e-3) & (np.abs(rows - np.rint(rows)) > 1e-3)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    shown = np.full(inside.shape, True) if drawn.shape[2] == bands else drawn[..., -1] == 255
    outside = ~(np.isfinite(columns) & np.isfinite(rows))
    np.testing.assert_array_equal(shown[sure | outside], inside[sure | outside])
    both = sure & inside
    expected = picture[rows[both].astype(int), columns[both].astype(int)]
    np.testing.assert_array_equal(drawn[both][:, :bands], expected)
    return int(both.sum())


def image_source(georeference: Georeference, levels: int = 1, **options: Any) -> ArraySource:
    """A picture that locates itself, of the size of a georeference; smaller levels drop pixels."""
    picture = gradient((georeference.size.width, georeference.size.height))
    return ArraySource([picture[:: 1 << index, :: 1 << index] for index in range(levels)], **options)


def with_info(source: ArraySource, **fields: Any) -> ArraySource:
    source.info = replace(source.info, **fields)
    return source


def box(georeference: Georeference, crs: str) -> Bounds:
    """Around the places of an image in another system, by PROJ."""
    columns, rows = np.meshgrid(
        np.linspace(0, georeference.size.width, 21), np.linspace(0, georeference.size.height, 21)
    )
    assert isinstance(georeference.mapping, Affine)
    xs, ys = georeference.mapping.apply(columns, rows)
    xs, ys = transformer(georeference.crs, crs).transform(xs, ys)
    return Bounds(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))


def quarters(target: GridRef) -> list[tuple[int, int, GridRef]]:
    """x and y of the four quarters of a map, and the maps of them alone."""
    width, height = target.size.width // 2, target.size.height // 2
    return [
        (x, y, GridRef(target.crs, target.affine.shifted(x, y), Size(width, height)))
        for y in (0, height)
        for x in (0, width)
    ]
