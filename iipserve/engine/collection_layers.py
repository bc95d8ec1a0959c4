"""Collections as layers: one for each that has an image on the ground, of the version that the store has at present."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple

from iipserve.collections.store import Store
from iipserve.collections.values import Collection, Item, ItemSearch, SortKey, Summary
from iipserve.config import Config
from iipserve.engine.collection_index import CollectionIndex, KnownTimes
from iipserve.engine.item_headers import stated_header
from iipserve.engine.library import Library
from iipserve.engine.mosaic_headers import Header, mosaic_header
from iipserve.engine.time_items import TimeItems
from iipserve.errors import ConfigError, IIPServeError, NotFound
from iipserve.geo import item_names
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.georeference import GeoImage, in_pixel_space
from iipserve.geo.image_index import ALL, Span
from iipserve.geo.layer import DEFAULT_STYLE, Layer, LayerEntry, Style
from iipserve.geo.service.keys import STYLE
from iipserve.geo.service.styles import style
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over
from iipserve.lru import LRU

log = logging.getLogger(__name__)

MAX_KEPT = 1024
"""Collections whose layers are kept."""
MAX_READ = 256
"""Images of a collection of which its extent is taken exactly; of larger collections, from what the store keeps of all."""
MAX_TRIED = 8
"""Images of a collection of which one is to be readable; else what the store tells of the first describes the layer."""
RETRY = 10.0
"""Seconds after which they are tried again, if none can be read."""


class _Known(NamedTuple):
    """A version of a collection."""

    version: int
    entry: LayerEntry | None
    """None where it has no image on the ground."""
    until: float = math.inf
    """By `monotonic`: when its images are tried again, as none could be read."""

    def is_of(self, version: int) -> bool:
        """Whether it counts for this version at present."""
        return self.version == version and monotonic() < self.until


class CollectionLayers:
    """The collections of a store, as layers. Safe for many threads."""

    def __init__(
        self,
        config: Config,
        settings: CollectionSettings,
        store: Callable[[], Store | None],
        library: Library,
        geo_image: Callable[[ImageInfo], GeoImage | None],
    ) -> None:
        """Read nothing.

        Args:
            config: the settings.
            settings: what the service file says of collections.
            store: opens the store on its first call.
            library: of the images.
            geo_image: where an image is located.
        """
        self._config = config
        self._settings = settings
        self._store = store
        self._library = library
        self._geo_image = geo_image
        self._known: LRU[str, _Known] = LRU(MAX_KEPT)

    def find(self, name: str) -> Layer | None:
        """The layer of a collection, or of one image of it, as the store has it now; None where there is none. Raises
        `StoreUnavailable`."""
        store = self._store()
        if store is None:
            return None
        version = store.version(name)
        if not version:
            return self._find_item(store, name)
        entry = self._entry(store, name, version)
        return None if entry is None else entry.layer

    def _find_item(self, store: Store, name: str) -> Layer | None:
        names = item_names.split(name)
        version = store.version(names[0]) if names else 0
        if names is None or not version:
            return None
        known = self._known.get(name)
        if known is None or not known.is_of(version):
            hand_over()
            known = self._read_item(store, *names)
            self._known.set(name, known)
        return None if known.entry is None else known.entry.layer

    def _read_item(self, store: Store, name: str, identifier: str) -> _Known:
        """What documents tell of one image of a collection."""
        try:
            collection = store.collection(name)
            item = store.item(name, identifier)
        except NotFound:
            return _Known(store.version(name), None)
        known = self._read_entry(replace(collection, title=item.id, summary=Summary(count=1)), (item,))
        entry = known.entry
        if entry is None or not isinstance(entry.layer.index, CollectionIndex):
            return known
        span = Span(item.earliest, item.latest)
        index = replace(
            entry.layer.index,
            only=item.id,
            known_times=KnownTimes((span,) if item.earliest and item.latest else ()),
        ).selected(ALL)
        full = item_names.item_name(name, item.id)
        metadata = {"wcs_name": item_names.encoded(full), **TimeItems(index)}
        layer = replace(entry.layer, identifier=full, index=index, metadata=MappingProxyType(metadata))
        return known._replace(entry=replace(entry, layer=layer))

    def state(self) -> int:
        """Grows with each change of any collection; 0 without a store. Raises `StoreUnavailable`."""
        store = self._store()
        return 0 if store is None else store.store_version()

    def are_of(self, versions: Mapping[str, int]) -> bool:
        """Whether collections have these versions at present. Raises `StoreUnavailable`."""
        store = self._store()
        return store is not None and all(store.version(name) == version for name, version in versions.items())

    def entries(self) -> tuple[LayerEntry, ...]:
        """All layers, by the names of their collections. Raises `StoreUnavailable`."""
        store = self._store()
        if store is None:
            return ()
        hand_over()
        found = (self._entry(store, each.name, each.version, each) for each in store.collections())
        return tuple(entry for entry in found if entry is not None)

    def _entry(
        self, store: Store, name: str, version: int, collection: Collection | None = None
    ) -> LayerEntry | None:
        known = self._known.get(name)
        if known is None or not known.is_of(version):
            hand_over()
            known = self._read(store, name, collection)
            self._known.set(name, known)
        return known.entry

    def _read(self, store: Store, name: str, collection: Collection | None) -> _Known:
        """What documents tell of a collection. Its version is read first: what changes meanwhile counts as later."""
        try:
            collection = collection or store.collection(name)
            limit = MAX_READ if collection.summary.count <= MAX_READ else MAX_TRIED
            search = ItemSearch(collections=(name,), sort=(SortKey("gsd"),), limit=limit)
            items = store.search(search).items
        except NotFound:
            return _Known(0, None)
        return self._read_entry(collection, items)

    def _read_entry(self, collection: Collection, items: tuple[Item, ...]) -> _Known:
        """The layer, by the first image that can be read, else by what the store tells of one."""
        located = [item for item in items if item.crs and item.is_ok]
        for item in located[:MAX_TRIED]:
            try:
                info = self._library.info(item.href)
                geo = self._geo_image(info) or in_pixel_space(info)
            except IIPServeError as error:
                log.warning("image %r of collection %r cannot be read: %s", item.id, collection.name, error)
                continue
            return _Known(collection.version, self._described(collection, items, item, info, geo))
        for item in located:
            if stated := stated_header(item):
                entry = self._described(collection, items, item, *stated)
                return _Known(collection.version, entry, monotonic() + RETRY)
        return _Known(collection.version, None)

    def _described(
        self,
        collection: Collection,
        items: tuple[Item, ...],
        first: Item,
        info: ImageInfo,
        geo: GeoImage,
    ) -> LayerEntry | None:
        """The layer; None where no item is on the ground."""
        header = mosaic_header(collection, items, info, geo)
        return None if header is None else self._made(collection, header, first)

    def _made(self, collection: Collection, header: Header, first: Item) -> LayerEntry:
        index = CollectionIndex(
            name=collection.name,
            version=collection.version,
            collection=collection,
            header=header,
            store=self._store,
            overview=self._overview(collection.name),
        )
        layer = Layer(
            collection.name,
            ImageName(first.href),
            title=collection.title,
            abstract=collection.description,
            keywords=collection.keywords,
            styles=(self._style(collection),),
            metadata=MappingProxyType(TimeItems(index)),
            index=index,
            services=frozenset(self._settings.services),
        )
        return LayerEntry(layer, header.info, header.geo)

    def _overview(self, name: str) -> ImageName | None:
        """The image that the overview of a collection is, whether it has been built or not."""
        path, prefix = self._settings.overview_path(name), self._config.image_prefix
        return ImageName(path.removeprefix(prefix)) if path and path.startswith(prefix) else None

    def _style(self, collection: Collection) -> Style:
        """The style of a collection; the default one where its keys are no style."""
        if not collection.style:
            return DEFAULT_STYLE
        try:
            values = {key: STYLE[key].reader.read(value) for key, value in collection.style.items()}
            return style({**values, "name": values.get("name", DEFAULT_STYLE.name)}, self._config.colormaps)
        except (KeyError, ValueError, OverflowError, ConfigError) as error:
            log.warning("the style of collection %r is not used: %s", collection.name, error)
            return DEFAULT_STYLE
