"""Overviews of collections: all of their images as one, with large pixels, in a tiled TIFF with smaller levels.

Samples are in the type and units of the images, so that styles mean the same on them. Each image is read at the level
whose pixels are just smaller than the overview's.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.cache.memory import MemoryCache
from iipserve.coverage_formats import gdal
from iipserve.engine.coverage_reader import CoverageReader, coverage_reader
from iipserve.engine.coverage_resampling import LEAST_WEIGHT
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.files import ImageChanged
from iipserve.engine.library import Library
from iipserve.engine.overview_source import OverviewSource, level_georeference, opaque
from iipserve.errors import Conflict, IIPServeError, InvalidRequest
from iipserve.geo.georeference import GeoImage, Georeference
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.image_scale import scale_of
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo
from iipserve.plan import (
    CoverageBand,
    CoverageDescription,
    CoverageEncoding,
    CoveragePlan,
    Resampling,
    Warp,
    image_ref,
)
from iipserve.pyramid import level_scale

log = logging.getLogger(__name__)

BLOCK = 1024
"""Sides of the parts that are made one after the other, in pixels."""
TILE = 256
MAX_PIXELS = 1 << 32
"""Of an overview."""
SAMPLE_TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32")
"""Types that sources decode to."""
AVERAGED = 1.001
"""Pixels of a level per pixel of the overview from which on they are averaged."""
KEPT_BYTES = 64 << 20
"""Of decoded tiles of formats that are expensive to decode."""
SMALLEST = 256
"""Pixels of the longer side of the smallest level."""


class Member(NamedTuple):
    """An image of a collection."""

    identifier: str
    boxes: tuple[Bounds, ...]
    """Around it, in the system of the overview."""


class OverviewShape(NamedTuple):
    """What an overview is."""

    grid: GridRef
    bands: int
    """Without opacity."""
    dtype: str
    nodata: float | None
    """The sample of pixels without data; None: a mask says which have none."""


def overview_grid(crs_key: str, boxes: Iterable[Bounds], pixel: float) -> GridRef:
    """The grid around boxes, whose corners are multiples of the pixel's side from the origin of the system.

    Raises:
        InvalidRequest: it has too many pixels, or there is no box.
    """
    sides = list(zip(*boxes, strict=True))
    if not sides:
        raise InvalidRequest("the collection has no image with a place in this system")
    left, bottom = (math.floor(min(each) / pixel) for each in sides[:2])
    right, top = (math.ceil(max(each) / pixel) for each in sides[2:])
    size = Size(max(1, right - left), max(1, top - bottom))
    if size.area > MAX_PIXELS:
        raise InvalidRequest(
            f"an overview of {size.width} x {size.height} pixels is too large; take larger pixels"
        )
    bounds = Bounds(left * pixel, (top - size.height) * pixel, (left + size.width) * pixel, top * pixel)
    return GridRef.of_bounds(crs_key, bounds, size)


class OverviewBuilder:
    """Makes the file of one overview."""

    def __init__(
        self,
        shape: OverviewShape,
        members: Sequence[Member],
        library: Library,
        geo_image: Callable[[ImageInfo], GeoImage | None],
    ) -> None:
        """Read nothing yet.

        Args:
            shape: of the overview.
            members: the images, the uppermost first.
            library: of the images.
            geo_image: where an image is located.
        """
        self.shape = shape
        self._members = members
        self._library = library
        self._geo_image = geo_image
        self._decoder = TileDecoder(MemoryCache(KEPT_BYTES))
        self._began_ns = time.time_ns()
        self.failures: dict[str, str] = {}
        """Why images are left out, by identifier."""

    @property
    def blocks(self) -> int:
        """How many steps `write` takes."""
        return len(list(_blocks(self.shape.grid.size)))

    def write(self, path: str) -> Iterator[None]:
        """Write the file, one step after the other; it is there once it is complete, with the time at which it was begun.

        Args:
            path: of the file. An existing one is replaced.

        Raises:
            OSError: it cannot be written.
            Conflict: it is being written already.
        """
        folder, name = os.path.split(path)
        with _alone(os.path.join(folder, f".{name}.lock")):
            yield from self._complete(os.path.join(folder, f".{name}.part"), path)

    def _complete(self, part: str, path: str) -> Iterator[None]:
        try:
            with gdal.settings(GDAL_TIFF_INTERNAL_MASK=True):
                yield from self._write(part)
                _build_levels(part, self.shape.grid.size)
            # images that change meanwhile are newer than the file
            os.utime(part, ns=(self._began_ns, self._began_ns))
            os.replace(part, path)
        finally:
            with suppress(FileNotFoundError):
                os.remove(part)

    def _write(self, path: str) -> Iterator[None]:
        import rasterio
        from rasterio.windows import Window

        with rasterio.open(path, "w", **_profile(self.shape)) as file:
            for block in _blocks(self.shape.grid.size):
                samples = self._block(block)
                if samples is not None:
                    window = Window(*block)
                    valid = samples[..., -1] != 0
                    colors = samples[..., :-1]
                    if self.shape.nodata is not None:
                        colors = np.where(
                            valid[..., None], colors, np.array(self.shape.nodata).astype(colors.dtype)
                        )
                    file.write(np.moveaxis(colors, 2, 0), window=window)
                    if self.shape.nodata is None:
                        file.write_mask(valid, window=window)
                yield

    def _block(self, block: Region) -> NDArray[Any] | None:
        """The samples of a part, with opacity; None where no image has any."""
        affine = self.shape.grid.affine.shifted(block.x, block.y)
        grid = GridRef(self.shape.grid.crs, affine, block.size)
        result: NDArray[Any] | None = None
        for member in self._members:
            if not any(_meet(grid.bounds, box) for box in member.boxes):
                continue
            samples = self._samples(member.identifier, grid)
            if samples is None:
                continue
            if result is None:
                result = samples
            else:
                empty = result[..., -1] == 0
                result[empty] = samples[empty]
            if result[..., -1].all():
                break
        return result

    def _samples(self, identifier: str, grid: GridRef) -> NDArray[Any] | None:
        """The samples of one image, with opacity; None if it cannot be read."""
        try:
            reader = self._reader(identifier, grid)
            if reader is None:
                return None
            samples: NDArray[Any] = np.concatenate(list(reader.strips(lambda: None)))
        except (IIPServeError, ImageChanged, OSError) as error:
            self.failures.setdefault(identifier, str(error) or "it is being replaced")
            return None
        # means of floats that are 0 may be off by rounding
        opacity = samples[..., -1]
        opacity[opacity < LEAST_WEIGHT * opaque(self.shape.dtype)] = 0
        return samples

    def _reader(self, identifier: str, grid: GridRef) -> CoverageReader | None:
        """What reads an image on a grid; None if it has no place there."""
        info = self._library.info(identifier, literal=True)
        geo = self._geo_image(info)
        scale = None if geo is None else scale_of(geo.georeference, grid)
        if geo is None or scale is None:
            return None
        level, georeference = _level(info, geo.georeference, scale)
        step = min(side * full for side, full in zip(scale, level_scale(info, level), strict=True))
        resampling = Resampling.AVERAGE if step >= AVERAGED and not geo.is_palette else Resampling.NEAREST
        source = self._library.source(image_ref(info, 0, geo.mask))
        image = image_ref(info, 0, geo.mask)._replace(identifier=f"{identifier}\n{level}")
        plan = self._plan(Warp(image, 0, georeference, grid, resampling), grid, resampling)
        leveled = OverviewSource(source, level, self.shape.bands, self.shape.dtype)
        return coverage_reader(plan, leveled, self._decoder)

    def _plan(self, view: Warp, grid: GridRef, resampling: Resampling) -> CoveragePlan:
        bands = self.shape.bands
        described = tuple(CoverageBand(f"band{index + 1}") for index in range(bands + 1))
        description = CoverageDescription(self.shape.dtype, described, opacity=bands)
        return CoveragePlan(
            view, tuple(range(bands + 1)), grid, resampling, CoverageEncoding("geotiff"), description
        )


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Hold a lock, which ends with the process at the latest. Raises `Conflict` if another one holds it."""
    while True:
        with open(path, "wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("the overview is being built already") from None
            if not _is_there(file, path):
                continue  # its last holder has removed it meanwhile
            try:
                yield
            finally:
                os.remove(path)
            return


def _is_there(file: IO[bytes], path: str) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _level(
    info: ImageInfo, georeference: Georeference, scale: tuple[float, float]
) -> tuple[int, Georeference]:
    """The smallest level whose pixels are not larger than the overview's, and where it is."""
    for index in range(len(info.levels) - 1, 0, -1):
        place = level_georeference(georeference, info.levels[index].size)
        if (
            place is not None
            and min(a * b for a, b in zip(scale, level_scale(info, index), strict=True)) >= 1
        ):
            return index, place
    return 0, georeference


def _blocks(size: Size) -> Iterator[Region]:
    for top in range(0, size.height, BLOCK):
        for left in range(0, size.width, BLOCK):
            yield Region(left, top, min(BLOCK, size.width - left), min(BLOCK, size.height - top))


def _meet(one: Bounds, other: Bounds) -> bool:
    return (
        one.min_x < other.max_x
        and other.min_x < one.max_x
        and one.min_y < other.max_y
        and other.min_y < one.max_y
    )


def _profile(shape: OverviewShape) -> dict[str, Any]:
    """How rasterio writes the file."""
    from rasterio import Affine

    size, is_rgb = shape.grid.size, shape.bands == 3 and shape.dtype in ("uint8", "uint16")
    return {
        "driver": "GTiff", "width": size.width, "height": size.height, "count": shape.bands, "dtype": shape.dtype,
        "crs": gdal.gdal_crs(shape.grid.crs), "transform": Affine(*shape.grid.affine), "nodata": shape.nodata,
        "tiled": True, "blockxsize": TILE, "blockysize": TILE, "interleave": "pixel", "sparse_ok": True,
        "compress": "deflate", "predictor": 3 if shape.dtype.startswith("float") else 2, "bigtiff": "if_safer",
        "photometric": "rgb" if is_rgb else "minisblack",
    }  # fmt: skip


def _build_levels(path: str, size: Size) -> None:
    """Add smaller levels to a file."""
    import rasterio
    from rasterio.enums import Resampling as Method

    factors = [1 << power for power in range(1, 20) if max(size) >> (power - 1) > SMALLEST]
    if factors:
        with rasterio.open(path, "r+") as file:
            file.build_overviews(factors, Method.average)
