"""Layers, their styles, and what a service says of itself: what the service file describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from typing import Protocol as Interface

from iipserve.geo.class_names import ClassName
from iipserve.geo.extents import geographic_bounds
from iipserve.geo.georeference import GeoImage, in_pixel_space
from iipserve.geo.grid import Bounds
from iipserve.geo.image_index import ImageIndex, IndexedImage
from iipserve.geo.places import Place, Places, place_in
from iipserve.image import ImageInfo, ImageName
from iipserve.processing import Operation


@dataclass(frozen=True, slots=True)
class Style:
    """How the samples of a layer are displayed."""

    name: str
    title: str = ""
    abstract: str = ""
    operations: tuple[Operation, ...] = ()
    """In canonical order; none displays the image as IIIF does."""

    @property
    def is_measured(self) -> bool:
        """It displays a range of samples that follows from statistics, and that all images of a collection share."""
        return any(each.is_measured for each in self.operations)


NO = ("0", "false", "no", "off")
"""Values of items of metadata that switch something off."""
DEFAULT_STYLE = Style("default", "Default style")


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask about a service (OWS Common 06-121r3, table 7). Empty texts are left out of documents."""

    person: str = ""
    organization: str = ""
    position: str = ""
    phone: str = ""
    facsimile: str = ""
    address: str = ""
    city: str = ""
    state_or_province: str = ""
    post_code: str = ""
    country: str = ""
    email: str = ""
    online_resource: str = ""


@dataclass(frozen=True, slots=True)
class ServiceMetadata:
    """What a service says of itself."""

    title: str = "iipserve"
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    fees: str = ""
    access_constraints: str = ""
    provider: str = ""
    provider_site: str = ""
    contact: Contact = Contact()
    languages: tuple[str, ...] = ()
    options: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Of single services, by `service.key`: `wmts.tile_outside`. The service file defines which there are."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the map services."""

    identifier: str
    """Unique; the path of an image without its extension, or as the service file names it."""
    name: ImageName
    """The image shown."""
    title: str = ""
    """Empty: the identifier."""
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    styles: tuple[Style, ...] = (DEFAULT_STYLE,)
    """The first is the default."""
    crs: tuple[str, ...] = ()
    """Keys of the coordinate reference systems in which it is offered besides its own; none: those of the service."""
    extent: Bounds | None = None
    """In the image's own coordinate reference system; None: the whole image."""
    nodata: tuple[float, ...] | None = None
    """Replaces what the file declares; none: the file's."""
    resampling: str = "nearest"
    """How maps are made of its pixels: a value of `plan.Resampling`."""
    is_public: bool = True
    """It is listed, and answered for."""
    metadata: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Further items of the service file, by lower-case key without prefix."""
    class_names: tuple[ClassName, ...] = ()
    """Of the classes of a palette; none: those of the image."""
    images: tuple[IndexedImage, ...] = ()
    """As a coverage it is all of these, the first the lowest, with the samples and pixels of the image `name`, which is one of
    them; none: it is that image alone."""
    images_crs: str = ""
    """Key of the coordinate reference system of their footprints; empty where the index does not say."""
    index: ImageIndex | None = None
    """Of a collection, which finds the images that are shown: as many as a request needs. `name` is the first of them."""
    services: frozenset[str] | None = None
    """The only ones that offer it, out of `collection_settings.SERVICES`; None: all."""

    @property
    def names(self) -> tuple[ImageName, ...]:
        """The image that a request for the layer needs; none of a collection, whose images planning looks up."""
        return (self.name,) if self.index is None else ()

    def is_in(self, service: str) -> bool:
        """Whether a service offers it: one of `collection_settings.SERVICES`."""
        return self.services is None or service in self.services

    @property
    def displayed_title(self) -> str:
        """The title, or the identifier."""
        return self.title or self.identifier

    @property
    def is_queryable(self) -> bool:
        """Its samples are given at places (GetFeatureInfo); not if the item `queryable` of its metadata says no."""
        return self.metadata.get("queryable", "").strip().lower() not in NO

    @property
    def has_tiles(self) -> bool:
        """WMTS and XYZ offer it; not if the item `tiles` of its metadata says no."""
        return self.metadata.get("tiles", "").strip().lower() not in NO

    def style(self, name: str) -> Style | None:
        """The style of that name; the default one for an empty name or `default`; None where there is none."""
        if name in ("", "default"):
            named = [style for style in self.styles if style.name == name]
            return (named or list(self.styles))[0]
        return next((style for style in self.styles if style.name == name), None)


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer, with what documents say of its image."""

    layer: Layer
    info: ImageInfo
    geo: GeoImage
    places: Places | None = None
    """Of the whole image by its georeference, where they have been computed before."""

    def place_in(self, key: str) -> Place | None:
        """Where the layer is in a system, as `places.place_in` gives it. Raises the same."""
        known = self.places.of(key) if self.places and self.layer.extent is None else None
        return known.place if known else place_in(self.geo.georeference, self.layer.extent, key)

    def geographic_bounds(self) -> Bounds | None:
        """The box of the layer, as `extents.geographic_bounds` gives it. Raises the same."""
        if self.places and self.layer.extent is None:
            return self.places.degrees
        return geographic_bounds(self.geo.georeference, self.layer.extent)

    def in_pixel_space(self) -> LayerEntry:
        """The layer as a plain picture: offered by its pixels."""
        georeference = in_pixel_space(self.info).georeference
        return replace(self, geo=replace(self.geo, georeference=georeference), places=None)


class Catalog(Interface):
    """The layers of the server, as protocols see them: an immutable state of it."""

    def __hash__(self) -> int:
        """By identity: what follows from a catalog is kept with it."""

    @property
    def metadata(self) -> ServiceMetadata:
        """Of the service."""

    @property
    def version(self) -> str:
        """Changes with every change of what `entries` gives: an `updateSequence`."""

    def find(self, identifier: str) -> Layer | None:
        """The public layer of that identifier, or whose image has it; None where there is none.

        Of layers that are made from the image folder, also one that `entries` does not list yet.
        """

    def entries(self) -> Iterator[LayerEntry]:
        """All public layers, in the order in which documents list them."""


class EmptyCatalog:
    """The catalog of a server without map services."""

    metadata = ServiceMetadata()
    version = ""

    def find(self, identifier: str) -> Layer | None:
        """None."""
        return None

    def entries(self) -> Iterator[LayerEntry]:
        """None."""
        nothing: Iterable[LayerEntry] = ()
        return iter(nothing)
