"""Files of STAC items: NDJSON, and GeoParquet by the package arro3."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from iipserve.collection_jobs.adding import BATCH, Failure, Outcome, written
from iipserve.collection_jobs.context import Context
from iipserve.collections.identifiers import checked
from iipserve.collections.values import Item
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.errors import IIPServeError
from iipserve.image import ImageName
from iipserve.protocols.stac.geoparquet import parquet, read_parquet, require
from iipserve.protocols.stac.item_exchange import (
    from_stac,
    href_of,
    is_complete,
    line_of,
    read_lines,
    to_stac,
    with_statements,
)

PARQUET = (".parquet", ".geoparquet")
"""Endings of names of GeoParquet files."""


def write_items(items: Iterable[Item], path: str) -> int:
    """Write items into a file, which is there once it is complete: how many.

    Raises:
        NotInstalled: GeoParquet needs packages that are not.
    """
    part, counted = f"{path}.part", _Counted(items)
    is_parquet = path.lower().endswith(PARQUET)
    if is_parquet:
        require()
    chunks = parquet(map(to_stac, counted)) if is_parquet else map(line_of, counted)
    try:
        with open(part, "wb") as file:
            file.writelines(chunks)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)
    return counted.count


class _Counted:
    """Items, and how many there were."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self.count += 1
            yield item


def read_documents(path: str) -> Iterator[Mapping[str, Any]]:
    """The STAC items of a file: NDJSON, GeoParquet, or a collection of features in JSON.

    Raises:
        InvalidRequest: a line is no item.
        NotInstalled: GeoParquet needs packages that are not.
    """
    with open(path, "rb") as file:
        yield from (read_parquet if path.lower().endswith(PARQUET) else read_lines)(file)


class Importer:
    """Adds STAC items to a collection."""

    def __init__(self, context: Context, collection: str, options: ItemOptions) -> None:
        """Read nothing yet.

        Args:
            context: the store and the images.
            collection: its name.
            options: how images are read of which an item does not say all.
        """
        self._context = context
        self._collection = collection
        self._options = options

    def add(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[Outcome]:
        """Add items of STAC, in place of those with the same ids.

        Yields:
            What became of the items of each batch, which is stored then.
        """
        rest = iter(documents)
        while batch := list(islice(rest, BATCH)):
            read = [self._item(document) for document in batch]
            failures = tuple(each for each in read if isinstance(each, Failure))
            items = [each for each in read if isinstance(each, Item)]
            yield Outcome(failures=failures).plus(written(self._context.store, self._collection, items))

    def _item(self, document: Mapping[str, Any]) -> Item | Failure:
        name = document.get("id") if isinstance(document, Mapping) else None
        try:
            checked(name)
            identifier = self._context.roots.identifier(href_of(document))
            if is_complete(document) and self._is_unchanged(document, identifier):
                return from_stac(document, self._collection)
            return self._read(document, identifier)
        except IIPServeError as error:
            return Failure(str(name), str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return Failure(str(name), f"it is no item of STAC 1.1: {type(error).__name__} {error}")

    def _is_unchanged(self, document: Mapping[str, Any], identifier: str) -> bool:
        item = from_stac(document, self._collection)
        try:
            status = os.stat(self._context.roots.path(identifier))
        except OSError:
            return item.href == identifier and not item.is_ok
        return item.href == identifier and (status.st_size, status.st_mtime_ns) == (item.size, item.mtime_ns)

    def _read(self, document: Mapping[str, Any], identifier: str) -> Item:
        options = replace(self._options, collection=self._collection, id=document["id"])
        item = read_item(ImageName(identifier), self._context.library, self._context.geo_image, options)
        return with_statements(item, document)
