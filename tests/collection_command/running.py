"""Runs commands on collections, in this process."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("shapely")

from iipserve.collection_command import main
from iipserve.collections.store import Store, open_store


class Done(NamedTuple):
    """What a command gave."""

    status: int
    out: str
    err: str


class Folder:
    """A folder of images, and a store next to it."""

    def __init__(self, path: Path) -> None:
        self.images = path / "images"
        self.images.mkdir()
        self.url = str(path / "store.sqlite")

    def run(self, *arguments: str, store: str | None = None, **environ: str) -> Done:
        """Run a command with the store of this folder, or with another one; empty: that of the service file."""
        out, err = io.StringIO(), io.StringIO()
        url = self.url if store is None else store
        given = [*(["--store", url] if url else []), *arguments]
        settings = {"FILESYSTEM_PREFIX": f"{self.images}/", **environ}
        return Done(main(given, settings, out, err), out.getvalue(), err.getvalue())

    def ran(self, *arguments: str) -> str:
        """What a command writes that must succeed."""
        done = self.run(*arguments)
        assert done.status == 0, done
        return done.out

    def store(self) -> Store:
        """The store, opened by the test."""
        return open_store(self.url)

    def ids(self, collection: str = "demo") -> list[str]:
        """Of all items."""
        store = self.store()
        try:
            return [item.id for item in store.items(collection)]
        finally:
            store.close()
