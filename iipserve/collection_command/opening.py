"""What commands on collections work with: the settings, the store, the images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from iipserve import registry
from iipserve.collection_jobs.adding import Outcome
from iipserve.collection_jobs.context import Context, context_of
from iipserve.collection_jobs.finding import matching
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

    context: Context
    url: str
    """Of the store."""
    out: TextIO
    err: TextIO

    @property
    def store(self) -> Store:
        """Of the collections."""
        return self.context.store

    def report(self, outcome: Outcome) -> int:
        """Say what became of images: the exit status."""
        self.out.write(f"{outcome}\n")
        self.out.flush()
        for failure in outcome.failures:
            self.err.write(f"{failure.identifier}: {failure.reason}\n")
        return 1 if outcome.failures else 0


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
    store = open_store(url)
    try:
        yield Opened(context_of(config, store, settings, library, Georeferences(config)), url, out, err)
    finally:
        store.close()


def place_of(argument: str, roots: ItemRoots) -> str:
    """The path that an argument means: relative to the current folder, else to that of images.

    Raises:
        InvalidRequest, Forbidden: as `ItemRoots.place`.
    """
    here = os.path.abspath(argument)
    is_here = os.path.exists(here) or (glob.has_magic(argument) and any(matching(here)))
    return here if is_here or os.path.isabs(argument) else roots.place(argument)
