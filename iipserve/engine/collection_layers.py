"""Collections as layers: one for each that has an image on the ground, of the version that the store has at present."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from iipserve.collections.store import Store
from iipserve.collections.values import Collection, Item, ItemSearch, SortKey
from iipserve.config import Config
from iipserve.engine.collection_index import CollectionIndex
from iipserve.engine.library import Library
from iipserve.engine.mosaic_headers import Header, mosaic_header
from iipserve.errors import ConfigError, IIPServeError, NotFound
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.georeference import GeoImage, in_pixel_space
from iipserve.geo.image_index import Span
from iipserve.geo.layer import DEFAULT_STYLE, Layer, LayerEntry, Style
from iipserve.geo.service.keys import STYLE
from iipserve.geo.service.styles import style
from iipserve.geo.time_extents import extent_text, span_text
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over
from iipserve.lru import LRU

log = logging.getLogger(__name__)

LATEST = datetime.max.replace(tzinfo=UTC)
MAX_KEPT = 1024
"""Collections whose layers are kept."""
MAX_READ = 256
"""Images of a collection of which its extent is taken exactly."""
MAX_TRIED = 8
"""Images of a collection of which one has to be readable, for it to be a layer."""


class _Known(NamedTuple):
    """A version of a collection."""

    version: int
    entry: LayerEntry | None
    """None where it has no image on the ground."""


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
        """The layer of a collection, as the store has it now; None where there is none. Raises `StoreUnavailable`."""
        store = self._store()
        version = store.version(name) if store is not None else 0
        if store is None or not version:
            return None
        entry = self._entry(store, name, version)
        return None if entry is None else entry.layer

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
        if known is None or known.version != version:
            hand_over()
            known = self._read(store, name, collection)
            self._known.set(name, known)
        return known.entry

    def _read(self, store: Store, name: str, collection: Collection | None) -> _Known:
        """What documents tell of a collection. Its version is read first: what changes meanwhile counts as later."""
        try:
            collection = collection or store.collection(name)
            search = ItemSearch(collections=(name,), sort=(SortKey("gsd"),), limit=MAX_READ)
            items = store.search(search).items
            times = tuple(Span(*each) for each in store.times(name))
        except NotFound:
            return _Known(0, None)
        header = self._header(collection, items)
        entry = None if header is None else self._made(collection, header, items, times)
        return _Known(collection.version, entry)

    def _header(self, collection: Collection, items: tuple[Item, ...]) -> Header | None:
        """What stands for the mosaic, by the first of its images that can be read."""
        located = [item for item in items if item.crs and item.is_ok]
        for item in located[:MAX_TRIED]:
            try:
                info = self._library.info(item.href)
                geo = self._geo_image(info) or in_pixel_space(info)
            except IIPServeError as error:
                log.warning("image %r of collection %r cannot be read: %s", item.id, collection.name, error)
                continue
            return mosaic_header(collection, items, info, geo)
        return None

    def _made(
        self, collection: Collection, header: Header, items: tuple[Item, ...], times: tuple[Span, ...]
    ) -> LayerEntry:
        index = CollectionIndex(
            name=collection.name,
            version=collection.version,
            collection=collection,
            header=header,
            store=self._store,
            overview=self._overview(collection.name),
        )
        first = next(item for item in items if item.crs and item.is_ok)
        layer = Layer(
            collection.name,
            ImageName(first.href),
            title=collection.title,
            abstract=collection.description,
            keywords=collection.keywords,
            styles=(self._style(collection),),
            metadata=MappingProxyType(_metadata(index, times)),
            index=index,
            services=frozenset(self._settings.services),
        )
        return LayerEntry(layer, header.info, header.geo)

    def _overview(self, name: str) -> ImageName | None:
        """The image that the overview of a collection is, whether it has been built or not."""
        path, prefix = self._settings.overview_path(name), self._config.filesystem_prefix
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


def _metadata(index: CollectionIndex, times: Sequence[Span]) -> dict[str, str]:
    """The dimension `time`, as `protocols.map_dimensions` reads it."""
    if not times:
        return {}
    default = index.time_rule.default
    newest = max(times, key=lambda span: span.end or LATEST)
    if default == "newest":
        default = span_text(newest)
    elif default == "all":
        default = span_text(Span(times[0].start, newest.end))
    items = {"timeextent": extent_text(times), "timedefault": default}
    return items if index.time_rule.match == "exact" else items | {"timenearest": "1"}
