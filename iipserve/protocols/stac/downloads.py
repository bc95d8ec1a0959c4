"""Files of images as they are, for clients that may fetch them."""

from __future__ import annotations

from dataclasses import dataclass

from iipserve.collections.access import Access
from iipserve.collections.values import Item
from iipserve.errors import NotFound
from iipserve.plan import StoreAnswer, StoredFile
from iipserve.protocols.stac.finding import find_item
from iipserve.protocols.stac.item_assets import IMAGE, media_type


@dataclass(frozen=True, slots=True)
class OpenAsset:
    """GET of an asset."""

    collection: str
    id: str
    asset: str

    def __call__(self, access: Access) -> Item:
        """The item whose file is sent. Raises `NotFound`."""
        item = find_item(access.store, self.collection, self.id)
        if self.asset.removesuffix(".json") != IMAGE or not item.href:
            raise NotFound(f"the item {self.id!r} has no asset {self.asset!r} here")
        return item


def sent_file(item: Item) -> StoreAnswer:
    """The file of an item, which clients save under its name."""
    name = item.href.rpartition("/")[2]
    return StoreAnswer(StoredFile(item.href, name, media_type(item)))
