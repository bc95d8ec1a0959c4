"""What work on collections uses: the store, the images, what the service file says."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from iipserve.collections.store import Store
from iipserve.config import Config
from iipserve.engine.item_roots import ItemRoots
from iipserve.engine.library import Library
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.georeference import GeoImage
from iipserve.image import ImageInfo


class Context(NamedTuple):
    """What work on collections uses."""

    store: Store
    settings: CollectionSettings | None
    """Of the service file; None where it has no collections."""
    library: Library
    geo_image: Callable[[ImageInfo], GeoImage | None]
    """Where an image is located."""
    roots: ItemRoots
    """Of files that may become items."""
    images: ItemRoots
    """Of all images."""


def context_of(
    config: Config,
    store: Store,
    settings: CollectionSettings | None,
    library: Library,
    geo_image: Callable[[ImageInfo], GeoImage | None],
) -> Context:
    """What work on the collections of a store uses.

    Args:
        config: the settings.
        store: of the collections.
        settings: of the service file.
        library: of the images.
        geo_image: where an image is located.

    Raises:
        ConfigError: a named root is not below FILESYSTEM_PREFIX.
    """
    roots = ItemRoots(config, dict(settings.roots) if settings else {})
    return Context(store, settings, library, geo_image, roots, ItemRoots(config))
