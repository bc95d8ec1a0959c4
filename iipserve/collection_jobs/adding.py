"""Adding images to collections, in batches each of which is written at once: an interrupted command goes on where it was."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, TypeAlias

from iipserve.collection_jobs.context import Context
from iipserve.collections.edits import with_edits
from iipserve.collections.store import Store
from iipserve.collections.values import CREATED, REFUSED, REPLACED, Item, ItemResult, ItemSearch
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.errors import IIPServeError
from iipserve.image import ImageName

BATCH = 100
"""Images that are read before they are written at once."""
ATTEMPTS = 3
"""How often items are written that others change meanwhile."""


class Failure(NamedTuple):
    """An image that was not added."""

    identifier: str
    reason: str


ReadAll: TypeAlias = Callable[[Sequence[str]], Iterable["Item | Failure"]]
"""Reads images, by identifiers, in their order."""


class Outcome(NamedTuple):
    """What became of images."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    failures: tuple[Failure, ...] = ()

    @property
    def total(self) -> int:
        """Of all images."""
        return self.added + self.updated + self.unchanged + len(self.failures)

    def plus(self, other: Outcome) -> Outcome:
        """Of both."""
        return Outcome(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.failures + other.failures,
        )

    def text(self, failed: int) -> str:
        """In words, with so many failures, which need not be listed."""
        return f"{self.added} added, {self.updated} updated, {self.unchanged} unchanged, {failed} failed"

    def __str__(self) -> str:
        return self.text(len(self.failures))


def written(store: Store, collection: str, items: Sequence[Item]) -> Outcome:
    """What became of items that were added at once, or replaced those of the same ids."""
    return _outcome(items, store.add_items(collection, items, upsert=True)) if items else Outcome()


def _outcome(items: Iterable[Item], results: Sequence[ItemResult]) -> Outcome:
    """What became of items, by their results in any order."""
    hrefs = {item.id: item.href for item in items}
    counts = Counter(each.status for each in results)
    failures = tuple(Failure(hrefs[each.id], each.error) for each in results if each.status == REFUSED)
    return Outcome(counts[CREATED], counts[REPLACED], 0, failures)


def _has_owner(identifier: str, id: str, owner: str) -> Failure:
    return Failure(
        identifier, f"the id {id!r} is that of {owner!r}; whole paths as ids (--paths) are different"
    )


class Adder:
    """Adds images to one collection."""

    def __init__(
        self,
        context: Context,
        collection: str,
        options: ItemOptions,
        *,
        whole_paths: bool = False,
        jobs: int = 0,
        batch: int = 0,
    ) -> None:
        """Read nothing yet.

        Args:
            context: the store and the images.
            collection: its name.
            options: of all images.
            whole_paths: ids of items are paths with colons for slashes; else names of files.
            jobs: images read at once; 0: one per core.
            batch: images that are read before they are written at once; 0: `BATCH`.
        """
        self._context = context
        self._collection = collection
        self._options = replace(options, collection=collection)
        self._whole_paths = whole_paths
        self._jobs = jobs or len(os.sched_getaffinity(0))
        self._batch = batch or BATCH

    def add(self, identifiers: Iterable[str]) -> Iterator[Outcome]:
        """Add images, or read those again that have changed; images that are known and unchanged are left alone.

        Args:
            identifiers: of the images.

        Yields:
            What became of the images of each batch, which is stored then.
        """
        if self._jobs == 1:  # without a pool: the end of the process waits for its threads
            yield from self._batches(identifiers, lambda batch: map(self._read, batch))
            return
        with ThreadPoolExecutor(self._jobs) as pool:
            yield from self._batches(identifiers, lambda batch: pool.map(self._read, batch))

    def _batches(self, identifiers: Iterable[str], read_all: ReadAll) -> Iterator[Outcome]:
        rest = iter(identifiers)
        while batch := list(islice(rest, self._batch)):
            yield self._add(batch, read_all)

    def _add(self, identifiers: Sequence[str], read_all: ReadAll) -> Outcome:
        known = self._known(tuple(map(self._item_id, identifiers)))
        owners = {item.id: item.href for item in known.values()}
        failures, changed, unchanged = [], [], 0
        for identifier in identifiers:
            item_id = self._item_id(identifier)
            owner = owners.setdefault(item_id, identifier)
            if owner != identifier:
                failures.append(_has_owner(identifier, item_id, owner))
            elif item_id in known and self._is_unchanged(known[item_id]):
                unchanged += 1
            else:
                changed.append(identifier)
        items: list[Item] = []
        for read in read_all(changed):
            if isinstance(read, Failure):
                failures.append(read)
            else:
                items.append(read)
        return Outcome(unchanged=unchanged, failures=tuple(failures)).plus(self._write(items, known))

    def _write(self, items: list[Item], known: Mapping[str, Item]) -> Outcome:
        """Write items with what people say of them, also while their files were read."""
        total = Outcome()
        for attempt in range(ATTEMPTS):
            if attempt:
                known = self._known(tuple(item.id for item in items))
                others = [item for item in items if item.id in known and known[item.id].href != item.href]
                items = [item for item in items if item not in others]
                failures = (_has_owner(item.href, item.id, known[item.id].href) for item in others)
                total = total.plus(Outcome(failures=tuple(failures)))
            edited = [with_edits(item, known.get(item.id)) for item in items]
            expected = {id: item.revision for id, item in known.items()}
            results = (
                self._context.store.add_items(self._collection, edited, True, expected) if edited else []
            )
            is_last = attempt == ATTEMPTS - 1
            outdated = {each.id for each in results if each.is_outdated and not is_last}
            total = total.plus(_outcome(items, [each for each in results if each.id not in outdated]))
            items = [item for item in items if item.id in outdated]
        return total

    def _known(self, ids: tuple[str, ...]) -> dict[str, Item]:
        search = ItemSearch(collections=(self._collection,), ids=ids, limit=len(ids))
        return {item.id: item for item in self._context.store.search(search).items}

    def _is_unchanged(self, item: Item) -> bool:
        try:
            status = os.stat(self._context.roots.path(item.href))
        except OSError:
            return False
        return item.is_ok and (status.st_size, status.st_mtime_ns) == (item.size, item.mtime_ns)

    def _read(self, identifier: str) -> Item | Failure:
        options = replace(self._options, id=self._item_id(identifier))
        try:
            return read_item(ImageName(identifier), self._context.library, self._context.geo_image, options)
        except IIPServeError as error:
            return Failure(identifier, str(error))
        except Exception as error:  # one file shall not end the reading of thousands
            return Failure(identifier, f"{type(error).__name__}: {error}")

    def _item_id(self, identifier: str) -> str:
        return identifier.replace("/", ":") if self._whole_paths else identifier.rpartition("/")[2]
