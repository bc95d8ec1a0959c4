"""Where images are located: read from their files, or the files next to them, once per version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

from iipserve.config import Config
from iipserve.containers.ifd import VARIANTS, Directory, Reader, read_chain
from iipserve.containers.palette import read_palette
from iipserve.containers.tags import (
    BITS_PER_SAMPLE,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    ORIENTATION,
    PHOTOMETRIC,
    Photometric,
)
from iipserve.engine.files import KnownFile
from iipserve.engine.geojp2 import read_geojp2
from iipserve.engine.geotiff import read_geotiff
from iipserve.engine.image_files import ImageFiles, OpenedFile
from iipserve.errors import DecodeError
from iipserve.geo import require
from iipserve.geo.georeference import Band, ControlPoint, ControlPoints, GeoImage, Georeference, Mapping
from iipserve.geo.grid import Affine
from iipserve.geo.placement import Placement
from iipserve.geo.side_cars import (
    AUXILIARY,
    read_auxiliary,
    read_system_file,
    read_world_file,
    system_file_names,
    world_file_names,
)
from iipserve.geometry import Size
from iipserve.image import ImageInfo, ImageVersion, Selector
from iipserve.leader import hand_over
from iipserve.lru import LRU
from iipserve.sources.oriented import ORIENTATIONS, Orientation

T = TypeVar("T")

MAX_IMAGES = 20_000
"""Images whose georeference is remembered, some 500 bytes each."""
SIDE_CAR_SECONDS = 10.0
"""How long it is believed that an image has no files next to it that say where it is."""
MAX_PALETTE_BITS = 8
"""Of the indices of palettes that are remembered."""
HEAD_LENGTH = 12
JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"

Key: TypeAlias = tuple[str, Selector, ImageVersion]


class Known(NamedTuple):
    """What was read of one version of an image."""

    image: GeoImage | None
    side_cars: tuple[KnownFile, ...]
    """The files next to the image that were used."""
    read_at: float
    """On the monotonic clock, in seconds."""
    is_complete: bool
    """Files next to the image do not matter, as it says all itself."""

    def is_current(self) -> bool:
        """Whether files next to the image are unchanged; whether there are any by now is looked up from time to time."""
        if self.side_cars:
            return all(file.is_current() for file in self.side_cars)
        return self.is_complete or time.monotonic() - self.read_at < SIDE_CAR_SECONDS


class Stored(NamedTuple):
    """What is read of an image's own file."""

    placement: Placement = Placement()
    orientation: int = 1
    """The field of TIFF."""
    size: Size | None = None
    """Of the image that is placed, as stored; None where the file holds no other."""
    is_palette: bool = False
    palette: bytes = b""
    """As of `GeoImage`."""


class Georeferences:
    """Reads where images are located, and remembers it. Safe for many threads."""

    def __init__(self, config: Config) -> None:
        """Nothing is read yet."""
        self._files = ImageFiles(config)
        self._known: LRU[Key, Known] = LRU(MAX_IMAGES)

    def __call__(self, info: ImageInfo) -> GeoImage | None:
        """What map services need to know of an image; None where it does not say where it is.

        An image of a stack is where the first one does, if it is of the same size.

        Raises:
            ImageChanged: the file has been replaced or written.
            ImageNotFound, ImageUnavailable: it cannot be read.
            NotInstalled: the extra `geo` is not.
        """
        key = (info.identifier, info.selector, info.version)
        known = self._known.get(key)
        if known is None or not known.is_current():
            require()
            known = self._read(info)
            self._known.set(key, known)
        return known.image

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def _read(self, info: ImageInfo) -> Known:
        hand_over()
        now = time.monotonic()
        with self._files.opened(info) as file:
            stored = _read_file(file)
        placement = stored.placement
        is_complete = placement.crs is not None and placement.mapping is not None and not stored.is_palette
        side_cars: list[KnownFile] = []
        if not is_complete and info.angles is None:
            placement = placement.or_else(self._beside(file.path, placement, side_cars))
        image = _geo_image(info, stored._replace(placement=placement))
        # a mask hides pixels of images on the ground that have no opacity of their own
        if image is not None and not info.has_alpha and (mask := self._files.mask(file.path)):
            image = replace(image, mask=mask.ref)
            side_cars.append(mask.file)
        return Known(image, tuple(side_cars), now, is_complete)

    def _beside(self, path: str, own: Placement, used: list[KnownFile]) -> Placement:
        """What files next to an image say; those that were read are added to `used`."""
        auxiliary = self._first([f"{path}{AUXILIARY}"], read_auxiliary, used) or Placement()
        said = own.or_else(auxiliary)
        mapping: Mapping | None = said.mapping or self._first(world_file_names(path), read_world_file, used)
        if mapping is None or said.crs is not None:
            return auxiliary._replace(mapping=mapping)
        return auxiliary._replace(
            mapping=mapping, crs=self._first(system_file_names(path), read_system_file, used)
        )

    def _first(
        self, paths: Iterable[str], read: Callable[[bytes], T | None], used: list[KnownFile]
    ) -> T | None:
        """What the first file that exists says."""
        for path in paths:
            if companion := self._files.companion(path):
                used.append(companion.file)
                return read(companion.content)
        return None


def _read_file(file: OpenedFile) -> Stored:
    """What an image's own file says; nothing of formats that do not say where they are."""
    head = file.read_at(HEAD_LENGTH, 0)
    if head == JP2_SIGNATURE:
        return Stored(read_geojp2(file.read_at, file.length))
    if head[:4] not in VARIANTS:
        return Stored()
    try:
        directory = next(read_chain(Reader.of(file.read_at, head, file.length)))
    except DecodeError:
        return Stored()
    is_palette = directory.integer(PHOTOMETRIC, 0) == Photometric.PALETTE
    return Stored(
        read_geotiff(directory),
        directory.integer(ORIENTATION, 1),
        Size(directory.integer(IMAGE_WIDTH, 0), directory.integer(IMAGE_LENGTH, 0)),
        is_palette,
        _palette(directory) if is_palette else b"",
    )


def _palette(directory: Directory) -> bytes:
    bits = directory.integer(BITS_PER_SAMPLE, 1)
    with suppress(DecodeError):
        return read_palette(directory, bits).tobytes() if 0 < bits <= MAX_PALETTE_BITS else b""
    return b""


def _geo_image(info: ImageInfo, stored: Stored) -> GeoImage | None:
    key, mapping = stored.placement.crs, stored.placement.mapping
    if key is None or mapping is None:
        return None
    turned = ORIENTATIONS.get(stored.orientation)
    if stored.size is not None and stored.size != (turned.size(info.size) if turned else info.size):
        return None
    upright = _upright(mapping, turned, info.size) if turned else mapping
    if upright is None:
        return None
    georeference = Georeference(key, upright, info.size)
    classes = stored.placement.class_names if stored.is_palette else ()
    return GeoImage(georeference, _bands(info, stored), stored.is_palette, stored.palette, classes)


def _bands(info: ImageInfo, stored: Stored) -> tuple[Band, ...]:
    """One for each band without opacity; samples of a palette are shown as colors, which have no unit."""
    bands = () if stored.is_palette else stored.placement.bands[: info.color_bands]
    return (*bands, *(Band(f"band{index + 1}") for index in range(len(bands), info.color_bands)))


def _upright(mapping: Mapping, turned: Orientation, size: Size) -> Mapping | None:
    """A mapping of stored pixels, for those of the image made upright, of `size`; None for rational polynomials."""
    stored = turned.size(size)
    across = (-1.0, float(stored.width)) if turned.columns else (1.0, 0.0)
    down = (-1.0, float(stored.height)) if turned.rows else (1.0, 0.0)
    to_stored = (
        Affine(0.0, across[0], across[1], down[0], 0.0, down[1])
        if turned.transposed
        else Affine(across[0], 0.0, across[1], 0.0, down[0], down[1])
    )
    if isinstance(mapping, Affine):
        return mapping.after(to_stored)
    if not isinstance(mapping, ControlPoints):
        return None
    to_upright = to_stored.inverse()
    return mapping._replace(
        points=tuple(
            ControlPoint(*to_upright.apply(point.column, point.row), point.x, point.y)
            for point in mapping.points
        )
    )
