"""Images that clients upload, where the service file names a folder for them."""

from __future__ import annotations

from dataclasses import dataclass

from iipserve.collections.access import Access
from iipserve.collections.edits import with_edits
from iipserve.collections.values import CREATED, Item
from iipserve.errors import NotFound
from iipserve.http import Body
from iipserve.http.conditions import Conditions
from iipserve.protocols.stac.changes import Edited, state_of
from iipserve.protocols.stac.finding import find_collection

MAX_UPLOAD_LENGTH = 8 << 30
"""Bytes of an uploaded file."""


@dataclass(frozen=True, slots=True)
class UploadImage:
    """PUT of the image of an item, which is new or gets another file."""

    collection: str
    id: str
    body: Body
    conditions: Conditions

    def __call__(self, access: Access) -> Edited:
        """Keep the file, and add its item or replace it.

        Raises:
            Forbidden: the service has no folder for uploads.
            NotFound: there is no such collection.
            PreconditionFailed: the item is in another state.
            UnsupportedImage, DecodeError: the file is no image.
        """
        name = find_collection(access.store, self.collection).name
        current = self._current(access, name)
        self.conditions.check(None if current is None else state_of(current))
        item = access.receive(name, self.id, self.body.file)
        item = with_edits(item, current)
        (result,) = access.store.add_items(name, [item], upsert=True)
        return Edited(access.store.item(name, item.id), is_new=result.status == CREATED)

    def _current(self, access: Access, collection: str) -> Item | None:
        try:
            return access.store.item(collection, self.id)
        except NotFound:
            return None
