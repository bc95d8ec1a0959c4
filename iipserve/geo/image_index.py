"""Layers of many images that a store finds: which of them a request asks for, and which a map needs."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from typing import Protocol as Interface

from iipserve.geo.georeference import GeoImage
from iipserve.geo.grid import Bounds
from iipserve.image import ImageInfo, ImageName

COARSEST = "coarsest"
"""The order of images with the largest pixels: of those of a map that are too many."""
ORDERS = ("newest", "finest", "number", "center")
"""Which image is uppermost; `number` is the order in which they were added, `center` has those whose centers are nearest to that
of the map first."""


class IndexedImage(NamedTuple):
    """One image of a layer that has several: a row of a tile index, or an item of a collection."""

    name: ImageName
    bounds: Bounds
    """Its footprint: of a tile index in the coordinate reference system of the layer; of a collection in degrees (CRS84), where
    `min_x` is above `max_x` across the antimeridian."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Names in lower case, and values, in the order of the index."""
    identifier: str = ""
    """Of the item of a collection."""
    time: str = ""
    """Of an item: an instant of RFC 3339 in UTC, or two with a slash between them."""

    def attribute(self, name: str) -> str:
        """The value of an attribute; empty where there is none."""
        return next((value for key, value in self.attributes if key == name.lower()), "")


class Span(NamedTuple):
    """From an instant to another one, both included, in UTC; None is open."""

    start: datetime | None
    end: datetime | None

    def meets(self, other: Span) -> bool:
        """Whether both have an instant in common."""
        return not (
            (self.start and other.end and other.end < self.start)
            or (self.end and other.start and other.start > self.end)
        )


class Selection(NamedTuple):
    """Which images of a collection a request asks for."""

    spans: tuple[Span, ...] = ()
    """Those whose time meets one of these; none: whatever their time."""
    filter: str = ""
    """CQL2 that they have to meet; empty for none."""
    filter_lang: str = "cql2-text"
    """`cql2-text` or `cql2-json`."""
    order: str = ""
    """One of `ORDERS`, or `COARSEST`; empty: that of the collection."""
    ids: tuple[str, ...] = ()
    """The only items; none: all."""
    effective: str = ""
    """The time of the images that are meant, where the request or the collection says which: an instant, or two with a slash
    between them (RFC 3339)."""
    note: str = ""
    """What counts instead of what the request states: a header `Warning` (06-042, C.4)."""
    is_lasting: bool = True
    """The same request means the same images as long as the collection is the same."""


ALL = Selection()


class TimeRule(NamedTuple):
    """Which images a request of a time gets, if none is of exactly that time."""

    match: str = "exact"
    """`exact`, `nearest`, or `before`: the last one that is not later."""
    tolerance: float | None = None
    """Seconds to the nearest at most; None: any."""
    default: str = "all"
    """Of requests without a time: `all`, `newest`, or an instant or interval of ISO 8601."""


class ImageIndex(Interface):
    """A collection that is a layer: one version of it, and which of its images are meant. Compared by these."""

    @property
    def name(self) -> str:
        """Of the collection."""

    @property
    def version(self) -> int:
        """Of the collection; another one after each change."""

    @property
    def selection(self) -> Selection:
        """Which of its images are meant."""

    @property
    def info(self) -> ImageInfo:
        """Stands for the whole mosaic: its size at the finest pixel size, samples and bands of its first image."""

    @property
    def geo(self) -> GeoImage:
        """Where the mosaic is: in the system of its images if all have one, else in EPSG:4326."""

    @property
    def order(self) -> str:
        """Which image is uppermost: one of `ORDERS`."""

    @property
    def rule(self) -> str:
        """How pixels of several images become one: `first`, `mean`, `min` or `max`."""

    @property
    def time_rule(self) -> TimeRule:
        """What requests of a time get."""

    @property
    def overview(self) -> ImageName | None:
        """The image that may show all images of the collection with large pixels; None if it can have none. The file need not
        be there."""

    def selected(self, selection: Selection) -> ImageIndex:
        """The same with other images meant.

        Raises:
            InvalidRequest: the filter is malformed; the message says where.
        """

    def times(self) -> tuple[Span, ...]:
        """The times of all its images, each once, in order; an instant is a span that ends where it starts. Raises
        `StoreUnavailable`."""

    def changed(self) -> datetime | None:
        """When one of its images was added or changed last, in UTC; None without images. Raises `StoreUnavailable`."""

    def matching(self, box: Bounds, pixel_size: float, limit: int) -> tuple[IndexedImage, ...]:
        """The images that are meant and show something of a map, the uppermost first.

        Args:
            box: of the map in degrees (CRS84); `min_x` is above `max_x` across the antimeridian.
            pixel_size: of the map, in metres.
            limit: of images.

        Raises:
            StoreUnavailable: the store does not answer.
        """
