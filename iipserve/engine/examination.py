"""Measures one image: how its levels are stored, how long it takes to open it and to decode a tile of each level."""

from __future__ import annotations

import time

import numpy as np

from iipserve.diagnosis.values import OVERVIEW, Examination, ExaminedLevel
from iipserve.engine.admission import AdmissionControl, Cost
from iipserve.engine.files import ImageChanged
from iipserve.engine.library import Library
from iipserve.errors import DecodeError, Overloaded, TooLarge
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over
from iipserve.plan import image_ref
from iipserve.pyramid import level_above
from iipserve.sources import Source

ATTEMPTS = 3
PASSED = ("jpeg", "webp")
"""Output formats whose tiles files may hold."""


class Examiner:
    """Examines images of a library. Safe for many threads."""

    def __init__(self, library: Library, admission: AdmissionControl) -> None:
        """Take the parts; nothing is opened."""
        self._library = library
        self._admission = admission

    def examine(self, name: ImageName) -> Examination:
        """Open the file of an image anew, and decode one tile of each level.

        Raises:
            Overloaded: the file is being replaced, or the server is busy.
            IIPServeError: as `Library.info`.
        """
        hand_over()
        for _ in range(ATTEMPTS):
            try:
                return self._examine(name)
            except ImageChanged:
                continue
        raise Overloaded(f"{name.identifier!r} is being replaced; ask again")

    def _examine(self, name: ImageName) -> Examination:
        # what is known of the file would hide how long it takes to read it
        library = self._library.unopened()
        started = time.perf_counter()
        info = library.info(*name)
        opening = _since(started)
        source = library.source(image_ref(info))
        overview = level_above(info, info.size.fitted(Size(OVERVIEW, OVERVIEW)))
        whole = Region.of_size(info.levels[overview].size)
        pixels = source.decoded_pixels(overview, whole)
        levels = tuple(self._level(source, index) for index in range(len(info.levels)))
        return Examination(info, opening, levels, pixels, _passed(source))

    def _level(self, source: Source, level: int) -> ExaminedLevel:
        (column, row), region = _middle(source.info, level)
        pixels = source.decoded_pixels(level, region)
        try:
            storage = source.storage(level)
        except DecodeError as error:
            return ExaminedLevel(None, pixels, None, str(error))
        try:
            with self._admission.admit(_cost(source, level, region, pixels)):
                started = time.perf_counter()
                if source.reads_regions:
                    source.read_region(level, region, region.size)
                else:
                    source.read_tile(level, column, row)
                return ExaminedLevel(storage, pixels, _since(started))
        except (DecodeError, TooLarge) as error:
            return ExaminedLevel(storage, pixels, None, str(error))


def _middle(info: ImageInfo, level: int) -> tuple[tuple[int, int], Region]:
    """Column and row of the tile in the middle of a level, and its region."""
    grid = TileGrid(info.levels[level].size, info.levels[level].tile)
    column, row = grid.columns // 2, grid.rows // 2
    region = grid.region(column, row)
    assert region is not None, "half of the columns and rows is inside"
    return (column, row), region


def _cost(source: Source, level: int, region: Region, pixels: int) -> Cost:
    info = source.info
    pixel_bytes = info.bands * np.dtype(info.dtype).itemsize
    decoding = source.decoding_memory(level, region)
    memory = decoding + region.area * pixel_bytes
    return Cost(
        info.identifier, region.size, region.area, pixels, source.keeps_decoded, region.area, pixel_bytes, memory, decoding
    )  # fmt: skip


def _passed(source: Source) -> str:
    """The format in which the tile in the middle is sent as it is stored."""
    (column, row), _ = _middle(source.info, 0)
    try:
        return next(
            (name for name in PASSED if source.stored_tile(0, column, row, name, profile=True) is not None),
            "",
        )
    except DecodeError:
        return ""


def _since(started: float) -> float:
    """Milliseconds since a time of `perf_counter`."""
    return 1000 * (time.perf_counter() - started)
