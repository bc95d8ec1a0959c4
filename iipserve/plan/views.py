"""What is shown: views of images, and of nothing."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import GridRef
from iipserve.geometry import Region, Size, new_tuple
from iipserve.image import FIRST, ImageInfo, ImageVersion, MaskRef, Selector, cached_repr, quick_repr
from iipserve.processing import Operation


@cached_repr
class ImageRef(NamedTuple):
    """One version of one image, as decoded for one request."""

    identifier: str
    version: ImageVersion
    quality_layers: int = 0
    """JPEG 2000 quality layers to decode; 0 means all."""
    selector: Selector = FIRST
    """Which image of a stack or sequence."""
    mask: MaskRef | None = None
    """What makes some of its pixels clear, besides the file itself."""


class Crop(NamedTuple):
    """A rectangle of one level, scaled."""

    image: ImageRef
    level: int
    """Index into `ImageInfo.levels`."""
    region: Region
    """In pixels of the level. May extend one pixel past the level's right and bottom edges, where an
    advertised grid rounds up and the file rounded down: the last column and row are then repeated."""
    size: Size
    """Pixels after scaling the region, before any rotation."""

    def __repr__(self) -> str:
        # a fifth of the time of a named tuple's own
        image, level, (x, y, width, height), (scaled_width, scaled_height) = self
        return (
            f"Crop({image!r}, level={level}, region=({x}, {y}, {width}, {height}), "
            f"size=({scaled_width}, {scaled_height}))"
        )

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """All images that are shown."""
        return (self.image,)

    def of_image(self, image: ImageRef) -> Crop:
        """The same of another version, or other quality layers, of the image."""
        return self._replace(image=image)


class Resampling(enum.Enum):
    """How a pixel of a map is made from those of the image."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    CUBIC = "cubic"
    AVERAGE = "average"
    MODE = "mode"

    def __repr__(self) -> str:
        return self.value


@quick_repr
@dataclass(frozen=True, slots=True)
class Warp:
    """A level, resampled to another grid: a map. Pixels without data are clear."""

    image: ImageRef
    level: int
    """Index into `ImageInfo.levels`."""
    source: Georeference
    """Of the full size; a level covers the same ground."""
    target: GridRef
    """Has the size of the result."""
    resampling: Resampling
    shown: Region | None = None
    """The part of the image that is shown, in pixels of the full size; None: all of it."""

    @property
    def size(self) -> Size:
        """Pixels of the result."""
        return self.target.size

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """All images that are shown."""
        return (self.image,)

    def of_image(self, image: ImageRef) -> Warp:
        """The same of another version, or other quality layers, of the image."""
        return replace(self, image=image)


@quick_repr
@dataclass(frozen=True, slots=True)
class Legend:
    """The colors that the plan's operations give to the range of samples that an image displays, with their values."""

    image: ImageRef
    size: Size
    """Pixels of the result."""
    scale: float = 1.0
    """Values are `sample * scale + offset`."""
    offset: float = 0.0
    unit: str = ""
    """Of the values."""

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The image whose samples are displayed."""
        return (self.image,)

    def of_image(self, image: ImageRef) -> Legend:
        """The same of another version, or other quality layers, of the image."""
        return replace(self, image=image)


class MosaicRule(enum.Enum):
    """What a pixel of a mosaic shows where several images have data."""

    FIRST = "first"
    """The uppermost of them; those below show through where it is partly clear."""
    MEAN = "mean"
    """The mean of each band, weighted by opacity."""
    MIN = "min"
    """The least value of each band."""
    MAX = "max"
    """The greatest value of each band."""

    def __repr__(self) -> str:
        return self.value


@quick_repr
@dataclass(frozen=True, slots=True)
class MosaicPart:
    """One image of a mosaic."""

    view: Crop | Warp
    """A `Warp` has the grid of the whole result; a `Crop` is unscaled, and may be smaller."""
    operations: tuple[Operation, ...] = ()
    """Of this image alone, in canonical order."""
    x: int = 0
    """Where in the result the first pixel of the view is."""
    y: int = 0


@quick_repr
@dataclass(frozen=True, slots=True)
class Mosaic:
    """Images of a collection as one picture. One that cannot be read leaves its hole.

    The operations of its plan are applied to what the images make together.
    """

    parts: tuple[MosaicPart, ...]
    """The first is the uppermost. At least one."""
    size: Size
    """Pixels of the result."""
    rule: MosaicRule = MosaicRule.FIRST
    range_of: ImageRef | None = None
    """The image whose measured range of samples those display that declare none, or all if the style measures one; None: each its
    own."""

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """All images that are shown or measured, each once."""
        shown = dict.fromkeys(part.view.image for part in self.parts)
        return tuple(shown if self.range_of is None else shown | {self.range_of: None})


@quick_repr
@dataclass(frozen=True, slots=True)
class StyledView:
    """One map of several over each other."""

    view: Crop | Warp | Mosaic
    operations: tuple[Operation, ...] = ()
    """Of this map alone, in canonical order."""
    opacity: float = 1.0
    """0 (clear) to 1: multiplies that of its pixels."""


@quick_repr
@dataclass(frozen=True, slots=True)
class Composite:
    """Maps over each other. The operations of its plan are applied to the picture they make."""

    parts: tuple[StyledView, ...]
    """The first is the lowest; all have the size of the result. At least one."""
    size: Size
    """Pixels of the result."""

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """All images that are shown, each once."""
        return tuple(dict.fromkeys(image for part in self.parts for image in part.view.images))


@quick_repr
@dataclass(frozen=True, slots=True)
class Blank:
    """A clear picture of no image, with a text where there is one to show."""

    size: Size
    """Pixels of the result."""
    message: str = ""
    """Of an error, to be read by people. No cache keeps a picture with one."""

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """None."""
        return ()


View: TypeAlias = Crop | Warp | Legend | Composite | Mosaic | Blank


def image_ref(info: ImageInfo, quality_layers: int = 0, mask: MaskRef | None = None) -> ImageRef:
    """The reference to the image that `info` describes."""
    return new_tuple(ImageRef, (info.identifier, info.version, quality_layers, info.selector, mask))
