"""Collections and items by the identifiers of addresses, to which clients may add `.json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from iipserve.collections.store import Store
from iipserve.collections.values import Collection, Item
from iipserve.errors import NotFound

SUFFIX = ".json"
"""What clients may add to the address of any resource."""

Found = TypeVar("Found")


def find_collection(store: Store, name: str) -> Collection:
    """The collection of that name, else of the name without the suffix. Raises `NotFound`."""
    return _found(store.collection, name)


def find_item(store: Store, collection: str, id: str) -> Item:
    """The item of that id, else of the id without the suffix. Raises `NotFound`."""
    return _found(lambda text: store.item(collection, text), id)


def _found(find: Callable[[str], Found], text: str) -> Found:
    try:
        return find(text)
    except NotFound:
        if not text.endswith(SUFFIX) or text == SUFFIX:
            raise
        return find(text.removesuffix(SUFFIX))
