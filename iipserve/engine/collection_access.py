"""What actions on the store of collections may use, in a worker."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from typing import BinaryIO

from iipserve.collections.access import Jobs
from iipserve.collections.store import Store
from iipserve.collections.values import Item
from iipserve.config import Config
from iipserve.engine import item_uploads
from iipserve.engine.collection_store import CollectionStore
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.engine.item_roots import ItemRoots
from iipserve.engine.library import Library
from iipserve.errors import NotFound
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.georeference import GeoImage
from iipserve.image import ImageInfo, ImageName

READING_SHARE = 1 / 3
"""Part of REQUEST_TIMEOUT in which the files of a request are read: the last one may be large."""
UPLOADS = "uploads"
"""Name of the one root of files that were uploaded."""


class StoreAccess:
    """Implements `collections.access.Access`. Safe for many threads."""

    def __init__(
        self,
        config: Config,
        store: CollectionStore,
        library: Library,
        geo_image: Callable[[ImageInfo], GeoImage | None],
        jobs: Jobs,
    ) -> None:
        """Open nothing.

        Args:
            config: the settings.
            store: of collections.
            library: of images.
            geo_image: where an image is located.
            jobs: does what takes longer than a request.
        """
        self._config = config
        self._store = store
        self._library = library
        self._geo_image = geo_image
        self._jobs = jobs

    @property
    def store(self) -> Store:
        """See `Access`."""
        store = self._store.current()
        if store is None:
            raise NotFound("this service has no collections")
        return store

    @property
    def settings(self) -> CollectionSettings | None:
        """See `Access`."""
        return self._store.settings

    @property
    def jobs(self) -> Jobs:
        """See `Access`."""
        return self._jobs

    def names_many(self, href: str) -> bool:
        """See `Access`."""
        path = self._roots().place(href)
        return os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path))

    @property
    def patience(self) -> float:
        """See `Access`."""
        return self._config.request_timeout * READING_SHARE

    def read_item(self, collection: str, href: str, id: str = "") -> Item:
        """See `Access`."""
        return self._item(collection, href, id, self._roots())

    def receive(self, collection: str, id: str, content: BinaryIO) -> Item:
        """See `Access`."""
        settings = self.settings
        folder = settings.upload_folder if settings else ""
        roots = ItemRoots(self._config, {UPLOADS: folder} if settings and settings.roots else {})
        return item_uploads.receive(
            folder, collection, id, content, lambda path: self._item(collection, path, id, roots)
        )

    def _roots(self) -> ItemRoots:
        """Of files that may become items."""
        settings = self.settings
        return ItemRoots(self._config, dict(settings.roots) if settings else {})

    def _item(self, collection: str, href: str, id: str, roots: ItemRoots) -> Item:
        name = ImageName(roots.identifier(href))
        return read_item(name, self._library, self._geo_image, ItemOptions(collection=collection, id=id))
