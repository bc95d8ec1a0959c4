"""Samples at points, each tile read once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.files import ImageChanged
from iipserve.engine.level_reader import LevelReader
from iipserve.engine.library import Library
from iipserve.errors import RegionOutOfBounds
from iipserve.geometry import Region
from iipserve.image import Level, Selector
from iipserve.plan import ImageRef, SamplePlan
from iipserve.processing import Pixels
from iipserve.sources import Source


class Sampler:
    """Reads the samples of plans. Safe for many threads."""

    def __init__(self, library: Library, admission: AdmissionControl, decoder: TileDecoder) -> None:
        """Share the renderer's admission control and decoder."""
        self._library = library
        self._admission = admission
        self._decoder = decoder

    def samples(self, plan: SamplePlan) -> list[Pixels]:
        """The samples at the points: an array of shape (1, points, bands) for each selector.

        Raises:
            ImageChanged: the file has been replaced since the plan was made.
            RegionOutOfBounds: a selected image is smaller than the plan's and lacks a point.
            TooLarge, Overloaded: see `AdmissionControl`.
            DecodeError: the file is damaged at a point.
        """
        self._library.source(plan.image)  # raises if it has been replaced
        return [self._samples(plan, self._image(plan, selector)) for selector in plan.selectors]

    def _image(self, plan: SamplePlan, selector: Selector) -> ImageRef:
        """The image of a selector: in a stack, of the same version of the file.

        Raises:
            ImageChanged: the stack has been replaced.
        """
        info = self._library.info(plan.image.identifier, selector)
        if info.stack and info.version != plan.image.version:
            raise ImageChanged
        return plan.image._replace(version=info.version, selector=info.selector)

    def _samples(self, plan: SamplePlan, image: ImageRef) -> Pixels:
        source = self._library.source(image)
        level = _level(source, plan)
        read = LevelReader(source, plan.level, self._decoder.reader(source, image))
        points = np.array(plan.points, np.intp).reshape(-1, 2)
        samples = np.empty((1, len(points), source.info.bands), source.info.dtype)
        for (column, row), indices in _by_tile(points, level).items():
            region = Region(
                column * level.tile.width, row * level.tile.height, level.tile.width, level.tile.height
            )
            with self._admission.admit(read.cost(region, region.size)):
                pixels = read.read_tile(plan.level, column, row)
            across, down = (points[indices] - (region.x, region.y)).T
            samples[0, indices] = pixels[down, across]
        return samples


def _level(source: Source, plan: SamplePlan) -> Level:
    """The level of the plan.

    Raises:
        RegionOutOfBounds: a point is outside the level.
    """
    levels = source.info.levels
    if plan.level < len(levels):
        size = levels[plan.level].size
        if all(0 <= x < size.width and 0 <= y < size.height for x, y in plan.points):
            return levels[plan.level]
    raise RegionOutOfBounds(
        f"image {tuple(source.info.selector)} of {plan.image.identifier!r} is smaller and has no such pixel"
    )


def _by_tile(points: np.ndarray, level: Level) -> dict[tuple[int, int], list[int]]:
    """Indices of points, by column and row of the tile that contains them."""
    tiles: dict[tuple[int, int], list[int]] = defaultdict(list)
    columns, rows = points[:, 0] // level.tile.width, points[:, 1] // level.tile.height
    for index, tile in enumerate(zip(columns.tolist(), rows.tolist(), strict=True)):
        tiles[tile].append(index)
    return tiles
