"""What commands on collections work with: the settings, the store, the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from iipserve import registry
from iipserve.collections.store import Store, open_store
from iipserve.config import Config
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.item_roots import ItemRoots
from iipserve.engine.library import Library
from iipserve.errors import ConfigError
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.service import load


class Opened(NamedTuple):
    """What a command works with."""

    store: Store
    url: str
    """Of the store."""
    settings: CollectionSettings | None
    """Of the service file; None where it has no collections."""
    library: Library
    geo_image: Georeferences
    roots: ItemRoots
    """Of files that may become items."""
    images: ItemRoots
    """Of all images."""
    out: TextIO
    err: TextIO


@contextmanager
def opened(config: Config, url: str, out: TextIO, err: TextIO) -> Iterator[Opened]:
    """Everything, for the block.

    Args:
        config: the settings.
        url: of the store; empty: that of the service file.
        out: for what is asked for.
        err: for progress and failures.

    Raises:
        ConfigError: the service file has mistakes, or there is no store.
        NotInstalled, StoreUnavailable: as `open_store`.
    """
    settings = CollectionSettings.of(load(config).metadata.options)
    url = url or (settings.store if settings else "")
    if not url:
        raise ConfigError(
            "there is no store of collections: name one by --store, or in the section [collections] of the service "
            "file (SERVICES)"
        )
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    roots = ItemRoots(config, dict(settings.roots) if settings else {})
    store = open_store(url)
    try:
        yield Opened(store, url, settings, library, Georeferences(config), roots, ItemRoots(config), out, err)
    finally:
        store.close()
