"""The contract between protocols and engine: what to render, as one immutable value."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve import __version__
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import Catalog
from iipserve.geometry import Region, Size, new_tuple
from iipserve.image import FIRST, ImageInfo, ImageVersion, Selector, cached_repr, quick_repr
from iipserve.processing import Operation, Pixels
from iipserve.processing.statistics import Statistics


@cached_repr
class ImageRef(NamedTuple):
    """One version of one image, as decoded for one request."""

    identifier: str
    version: ImageVersion
    quality_layers: int = 0
    """JPEG 2000 quality layers to decode; 0 means all."""
    selector: Selector = FIRST
    """Which image of a stack or sequence."""


@cached_repr
class Encoding(NamedTuple):
    """How pixels become bytes."""

    format: str
    """Name of the encoder, e.g. `jpeg`."""
    quality: int
    """On the encoder's own scale: JPEG 1-100, PNG 0-9, WebP and AVIF -1 (lossless) to 100, TIFF by `scheme`."""
    scheme: str = ""
    """Compression within the format: TIFF `none` `lzw` `deflate` `jpeg` `webp` `zstd`; AVIF codec name."""
    profile: bool = False
    """Embed the ICC profile."""
    metadata: bool = False
    """Embed XMP, Exif, text and physical resolution (exports only: a tile embeds at most its profile)."""
    stored: bool = True
    """The file's own compressed tile may be sent; False if the client asked for a quality."""
    bits: int = 8
    """Per sample of the rendered image: 8, or 16 if the format supports it."""


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


@quick_repr
@dataclass(frozen=True, slots=True)
class StyledView:
    """One map of several that lie over each other."""

    view: Crop | Warp
    operations: tuple[Operation, ...] = ()
    """Of this map alone, in canonical order."""
    opacity: float = 1.0
    """0 (clear) to 1: multiplies that of its pixels."""

    def of_image(self, image: ImageRef) -> StyledView:
        """The same of another version of the image."""
        return replace(self, view=self.view.of_image(image))


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
        return tuple(dict.fromkeys(part.view.image for part in self.parts))


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


View: TypeAlias = Crop | Warp | Legend | Composite | Blank


@quick_repr
@dataclass(frozen=True, slots=True)
class RenderPlan:
    """One rendered image, described by everything that changes a byte of it: work order, cache key, ETag.

    Hash and digest cover every field by construction; all parts are frozen values whose `repr` is complete and
    the same in every process.
    """

    view: View
    """What is shown of which image, at which size."""
    encoding: Encoding
    operations: tuple[Operation, ...] = ()
    """In canonical order (`processing.pipeline.ordered`), without operations that have no effect."""
    images: tuple[ImageRef, ...] = field(init=False, repr=False, compare=False)
    """All images that are shown."""
    _hash: int = field(init=False, repr=False, compare=False, default=0)
    """Computed on first use: a plan is looked up several times while it is answered, or changed before."""
    _digest: str = field(init=False, repr=False, compare=False, default="")
    """Computed on first use."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", self.view.images)

    def __hash__(self) -> int:
        if not self._hash:
            kind: Any = type(self)
            object.__setattr__(self, "_hash", hash(_key_of(kind)(self)))
        return self._hash

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that identify this plan and this version of the server."""
        if not self._digest:
            text = repr((__version__, self))
            object.__setattr__(self, "_digest", hashlib.blake2b(text.encode(), digest_size=16).hexdigest())
        return self._digest


@cache
def _key_of(kind: type[Any]) -> Callable[[Any], Any]:
    """Getter of all fields by which values of a dataclass are compared."""
    return attrgetter(*(field.name for field in fields(kind) if field.compare))


@dataclass(frozen=True, slots=True)
class Document:
    """Text without pixels: info.json, .dzi, replies to OBJ."""

    body: bytes
    media_type: str
    vary: str = ""
    """Value of the Vary header: names of the request headers that the text depends on."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """The answer has another address (303)."""

    location: str
    """Absolute URI."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Several renditions in one body (IIP's TIL)."""

    plans: tuple[RenderPlan, ...]
    media_type: str
    frame: Callable[[int, bytes], bytes]
    """(index in `plans`, a rendition's bytes) -> these bytes, framed."""


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Samples as stored in the file, at points of one level, reported as text (IIP's SPECTRA and PFL)."""

    image: ImageRef
    selectors: tuple[Selector, ...]
    """The images of the stack or sequence to sample; at least one."""
    level: int
    """Index into `ImageInfo.levels`."""
    points: tuple[tuple[int, int], ...]
    """x and y in pixels of the level, all inside it."""
    describe: Callable[[Sequence[Pixels]], Document]
    """(an array of shape (1, points, bands) for each selector) -> the answer."""


@dataclass(frozen=True, slots=True)
class StatisticsPlan:
    """An answer that needs statistics of the image, which are measured once."""

    image: ImageRef
    describe: Callable[[Statistics], Document]


@dataclass(frozen=True, slots=True)
class CatalogPlan:
    """A document about all layers: capabilities. It is remembered by address until the catalog changes."""

    describe: Callable[[Catalog], Document]
    """May raise errors that are reported to the client."""
    vary: str = ""
    """Names of the request headers that `describe` depends on, as of `Document`; the same as in its document."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of samples as the file has them."""

    samples: Pixels
    """Shape (height, width, bands), without opacity."""
    valid: NDArray[np.bool_]
    """Shape (height, width): False where the file declares missing data, NaN, masked or clear pixels."""


class WindowRef(NamedTuple):
    """Which samples a `ValuePlan` needs: a rectangle of one level of one image."""

    image: ImageRef
    level: int
    """Index into `ImageInfo.levels`."""
    region: Region
    """In pixels of the level, inside it."""
    size: Size
    """Samples of the result, at most as many as the region has in either direction: of column i the sample is that of
    the pixel `floor((i + 0.5) * region.width / size.width)` of the region, and of rows likewise."""
    nodata: tuple[float, ...] | None = None
    """The sample of each color band that stands for missing data, or one for all; None: what the image declares."""


@dataclass(frozen=True, slots=True)
class ValuePlan:
    """Samples as stored in files, in windows of their levels, reported as text (GetFeatureInfo)."""

    windows: tuple[WindowRef, ...]
    describe: Callable[[Sequence[Window]], Document]
    """The windows -> the answer."""


class Rendition(NamedTuple):
    """A finished file in memory."""

    body: bytes
    media_type: str
    etag: str
    """The plan's digest, without quotes."""


class Pieces(Protocol):
    """A finished file that is not in memory: its length, and its bytes as often as they are requested."""

    def __len__(self) -> int:
        """Number of bytes."""

    def __iter__(self) -> Iterator[bytes]:
        """All bytes, in pieces."""


@dataclass(frozen=True, slots=True)
class LargeRendition:
    """A rendition too large for memory, which no cache keeps."""

    body: Pieces
    media_type: str
    etag: str
    """The plan's digest, without quotes."""


class RenderableArea(NamedTuple):
    """How large images can be made of one, in every format and within the limits of the settings."""

    upright: int
    """Pixels of the largest result, also if it is mirrored or turned by multiples of 90 degrees."""
    rotated: int
    """Pixels of the largest result of a rotation by any other angle, with the corners that it leaves empty."""


Content: TypeAlias = (
    RenderPlan | SamplePlan | StatisticsPlan | ValuePlan | CatalogPlan | Document | Redirect | Bundle
)


class Answer(NamedTuple):
    """A protocol's answer, with headers that only the protocol knows."""

    content: Content
    headers: tuple[tuple[str, str], ...] = ()


def image_ref(info: ImageInfo, quality_layers: int = 0) -> ImageRef:
    """The reference to the image that `info` describes."""
    return new_tuple(ImageRef, (info.identifier, info.version, quality_layers, info.selector))
