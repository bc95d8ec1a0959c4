"""A source that holds arrays, and counts what is asked of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.engine.scaling import scale
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level
from iipserve.plan import Crop, Encoding, ImageRef, RenderPlan, image_ref
from iipserve.processing import Operation, Pixels
from iipserve.pyramid import Placement
from iipserve.sources import OpenFile, Source, SourceFormat
from tests.images import Picture

VERSION = ImageVersion(1_700_000_000_000_000_000, 1000)


class ArraySource(Source):
    """Levels given as arrays, cut into tiles."""

    keeps_decoded: bool = False

    def __init__(
        self,
        levels: Sequence[NDArray[Any]],
        tile: tuple[int, int] = (64, 64),
        *,
        identifier: str = "fake",
        version: ImageVersion = VERSION,
        icc: bytes | None = None,
        bits: int | None = None,
        ranges: tuple[tuple[float, float], ...] = (),
        alpha: bool | None = None,
    ) -> None:
        self.levels = levels
        self.reads: list[tuple[int, int, int]] = []
        self.stored: dict[tuple[int, int, int], bytes] = {}
        bands = levels[0].shape[2]
        self.info = ImageInfo(
            identifier=identifier,
            format="fake",
            version=version,
            levels=tuple(Level(Size(array.shape[1], array.shape[0]), Size(*tile)) for array in levels),
            tile=Size(*tile),
            bands=bands,
            dtype=levels[0].dtype.name,
            bits=bits or levels[0].itemsize * 8,
            color_space=ColorSpace.GRAY if bands < 3 else ColorSpace.SRGB,
            has_alpha=bands in (2, 4) if alpha is None else alpha,
            band_ranges=ranges,
            icc=icc,
        )

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        self.reads.append((level, column, row))
        geometry = self.info.levels[level]
        region = TileGrid(geometry.size, geometry.tile).region(column, row)
        assert region is not None
        array = self.levels[level]
        return np.ascontiguousarray(array[region.y : region.bottom, region.x : region.right])

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        return self.stored.get((level, column, row)) if format == "jpeg" else None


class RegionSource(ArraySource):
    """One that cuts and scales by itself; notes which regions it is asked for."""

    reads_regions = True

    def __init__(self, levels: Sequence[Picture], tile: tuple[int, int] = (64, 64)) -> None:
        super().__init__(levels, tile)
        self.regions: list[Region] = []

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        self.regions.append(region)
        return scale(self.levels[level][region.y : region.bottom, region.x : region.right], size)


class CachingSource(ArraySource):
    """One whose decoded tiles are worth keeping."""

    keeps_decoded = True


class PartSource(CachingSource):
    """One that decodes parts of tiles by themselves; notes them."""

    reads_parts = True

    def __init__(self, levels: Sequence[Picture], tile: tuple[int, int] = (64, 64)) -> None:
        super().__init__(levels, tile)
        self.parts: list[Region] = []

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        self.parts.append(part)
        return self.levels[level][part.y : part.bottom, part.x : part.right].copy()


def plan_of(
    source: Source,
    placement: Placement,
    *,
    format: str = "png",
    operations: tuple[Operation, ...] = (),
    profile: bool = False,
    metadata: bool = False,
    stored: bool = True,
) -> RenderPlan:
    """A plan for a placement, PNG unless said."""
    image: ImageRef = image_ref(source.info)
    encoding = Encoding(format, 1, profile=profile, metadata=metadata, stored=stored)
    return RenderPlan(Crop(image, *placement), encoding, operations)


def marked_format(name: str, mark: bytes, *, fallback: bool = False) -> SourceFormat:
    """A format of files that begin with `mark` and hold one gray pixel."""

    def open_marked(file: OpenFile) -> Source:
        os.close(file.descriptor)
        pixel = np.array([[[file.head[-1]]]], np.uint8)
        return ArraySource([pixel], identifier=file.identifier, version=file.version)

    return SourceFormat(name, lambda head: head.startswith(mark), open_marked, fallback)


MARKED_FORMATS = {"marked": marked_format("marked", b"MARK")}


def marked_library(folder: Path, **settings: object) -> Library:
    """The library of a folder of files that begin with `MARK`."""
    return Library(Config(filesystem_prefix=f"{folder}/", **settings), MARKED_FORMATS)  # type: ignore[arg-type]
