"""The contract between protocols and engine: what to render, as one immutable value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.layer import Catalog
from iipserve.geometry import Region, Size
from iipserve.image import Selector, cached_repr, quick_repr
from iipserve.plan.coverages import CoverageBand as CoverageBand
from iipserve.plan.coverages import CoverageDescription as CoverageDescription
from iipserve.plan.coverages import CoverageEncoding as CoverageEncoding
from iipserve.plan.coverages import CoveragePlan as CoveragePlan
from iipserve.plan.coverages import Envelope as Envelope
from iipserve.plan.coverages import MetadataItem as MetadataItem
from iipserve.plan.digests import digest_of
from iipserve.plan.stores import Permission as Permission
from iipserve.plan.stores import StoreAnswer as StoreAnswer
from iipserve.plan.stores import StoredFile as StoredFile
from iipserve.plan.stores import StorePlan as StorePlan
from iipserve.plan.stores import Stream as Stream
from iipserve.plan.views import Blank as Blank
from iipserve.plan.views import Composite as Composite
from iipserve.plan.views import Crop as Crop
from iipserve.plan.views import ImageRef as ImageRef
from iipserve.plan.views import Legend as Legend
from iipserve.plan.views import Mosaic as Mosaic
from iipserve.plan.views import MosaicPart as MosaicPart
from iipserve.plan.views import MosaicRule as MosaicRule
from iipserve.plan.views import Resampling as Resampling
from iipserve.plan.views import StyledView as StyledView
from iipserve.plan.views import View as View
from iipserve.plan.views import Warp as Warp
from iipserve.plan.views import image_ref as image_ref
from iipserve.processing import Operation, Pixels
from iipserve.processing.statistics import Statistics


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
            object.__setattr__(self, "_digest", digest_of(self))
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
    is_dated: bool = True
    """The images that it is about are all that it is made of: it is as old as the newest of them."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """The answer has another address (303)."""

    location: str
    """Absolute URI."""


@dataclass(frozen=True, slots=True, eq=False)
class LaterPlans(Sequence[RenderPlan]):
    """Plans that are made when they are asked for, since hundreds take milliseconds, and nobody is served meanwhile."""

    length: int
    make: Callable[[int], RenderPlan]
    """Index -> plan."""

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[RenderPlan]:
        return map(
            self.make, range(self.length)
        )  # that of `Sequence` takes an IndexError of `make` for the end

    @overload
    def __getitem__(self, index: int) -> RenderPlan: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RenderPlan]: ...
    def __getitem__(self, index: int | slice) -> RenderPlan | Sequence[RenderPlan]:
        places = range(self.length)[index]
        return self.make(places) if isinstance(places, int) else tuple(map(self.make, places))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Several renditions in one body (IIP's TIL)."""

    plans: Sequence[RenderPlan]
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
    counts_samples: bool = False
    """It tells how many samples have which value, so that it is refused where samples are."""


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
    faults: tuple[str, ...] = ()
    """Identifiers of images that are missing in it, as they cannot be read; no cache keeps it then."""


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
    faults: tuple[str, ...] = ()
    """As of a `Rendition`."""


class RenderableArea(NamedTuple):
    """How large images can be made of one, in every format and within the limits of the settings."""

    upright: int
    """Pixels of the largest result, also if it is mirrored or turned by multiples of 90 degrees."""
    rotated: int
    """Pixels of the largest result of a rotation by any other angle, with the corners that it leaves empty."""


Content: TypeAlias = (
    RenderPlan
    | SamplePlan
    | StatisticsPlan
    | ValuePlan
    | CoveragePlan
    | CatalogPlan
    | StorePlan
    | Document
    | Redirect
    | Bundle
)


class Answer(NamedTuple):
    """A protocol's answer, with headers that only the protocol knows."""

    content: Content
    headers: tuple[tuple[str, str], ...] = ()
