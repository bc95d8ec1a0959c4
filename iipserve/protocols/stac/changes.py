"""Changes of collections and items (STAC API, Transaction extension 1.0.0; Collection Transaction extension)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, NamedTuple

from iipserve.collections.access import Access
from iipserve.collections.jobs import ADD, IMPORT, Job
from iipserve.collections.values import CREATED, REFUSED, Collection, Item, ItemResult
from iipserve.errors import Conflict, IIPServeError, InvalidRequest, NotFound, PreconditionFailed
from iipserve.http import Body
from iipserve.http.conditions import Conditions
from iipserve.protocols.stac.bodies import Json, merged
from iipserve.protocols.stac.collection_edits import collection_edit, editable
from iipserve.protocols.stac.finding import find_collection, find_item
from iipserve.protocols.stac.item_edits import ItemEdit, item_edit
from iipserve.protocols.stac.item_forms import editable_item

ATTEMPTS = 5
"""How often a change without conditions is made anew because another one came between."""


class Edited(NamedTuple):
    """A collection or an item, as it is stored now."""

    value: Collection | Item
    is_new: bool


class Added(NamedTuple):
    """What became of items that were added at once."""

    collection: str
    results: tuple[ItemResult, ...]

    @property
    def refused(self) -> tuple[ItemResult, ...]:
        """Those that were not added."""
        return tuple(result for result in self.results if result.status == REFUSED)


class Refused(NamedTuple):
    """An item of several that cannot be read."""

    id: str
    """As far as it is known."""
    error: str


# -- collections -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateCollection:
    """POST of a collection."""

    collection: Collection

    def __call__(self, access: Access) -> Edited:
        """Create it. Raises `Conflict`."""
        return Edited(access.store.create(self.collection), is_new=True)


@dataclass(frozen=True, slots=True)
class ReplaceCollection:
    """PUT of a collection, or PATCH."""

    name: str
    body: Json
    is_patch: bool
    conditions: Conditions
    root: str
    colormaps: str

    def __call__(self, access: Access) -> Edited:
        """Replace what is said of it. Raises `NotFound`, `PreconditionFailed`, `InvalidRequest`."""

        def change(current: Collection) -> Collection:
            body = merged(editable(current), self.body) if self.is_patch else self.body
            edited = collection_edit(
                body, id=current.name, root=self.root, colormaps=self.colormaps, current=current
            )
            return access.store.replace(edited, current.version)

        return Edited(
            _changed(lambda: find_collection(access.store, self.name), change, self.conditions), is_new=False
        )


@dataclass(frozen=True, slots=True)
class DeleteCollection:
    """DELETE of a collection."""

    name: str
    conditions: Conditions

    def __call__(self, access: Access) -> None:
        """Delete it and its items, not their files. Raises `NotFound`, `PreconditionFailed`."""

        def change(current: Collection) -> None:
            access.store.delete(current.name, current.version if self.conditions.match else None)

        _changed(lambda: find_collection(access.store, self.name), change, self.conditions)


# -- items -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddItem:
    """POST of one item."""

    collection: str
    edit: ItemEdit
    upsert: bool

    def __call__(self, access: Access) -> Edited | Job:
        """Add it, or the images of a folder or a pattern. Raises `Conflict`, `NotFound`, and what reading its file raises."""
        name = find_collection(access.store, self.collection).name
        if self.edit.file is not None and access.names_many(self.edit.file.href):
            return access.jobs.start(_many([self.edit], name))
        item = self.edit.item(name, access)
        (result,) = access.store.add_items(name, [item], upsert=self.upsert)
        if result.status == REFUSED:
            raise (Conflict if result.conflicts else InvalidRequest)(result.error)
        return Edited(access.store.item(name, item.id), is_new=result.status == CREATED)


@dataclass(frozen=True, slots=True)
class AddItems:
    """POST of a FeatureCollection, or of a list."""

    collection: str
    edits: tuple[ItemEdit | Refused, ...]
    upsert: bool
    later: AddLater | None = None
    """What adds them after the answer; None: however long it takes, that is waited for."""

    def __call__(self, access: Access) -> Added | Job:
        """Add them in one transaction, or, if reading takes longer than a request may, after the answer.

        Raises `NotFound` for the collection.
        """
        name = find_collection(access.store, self.collection).name
        if self.later is not None and any(_names_many(edit, access) for edit in self.edits):
            return access.jobs.start(_many(self.edits, name))
        end = monotonic() + access.patience
        read: list[Item | Refused] = []
        for edit in self.edits:
            if self.later is not None and monotonic() > end:
                return self.later(access)
            read.append(_read(edit, name, access))
        items = [item for item in read if isinstance(item, Item)]
        stored = iter(access.store.add_items(name, items, upsert=self.upsert) if items else ())
        results = [
            next(stored) if isinstance(item, Item) else ItemResult(item.id, REFUSED, item.error)
            for item in read
        ]
        return Added(name, tuple(results))


def _read(edit: ItemEdit | Refused, collection: str, access: Access) -> Item | Refused:
    if isinstance(edit, Refused):
        return edit
    try:
        return edit.item(collection, access)
    except IIPServeError as error:
        return Refused(edit.id or (edit.file.href.rpartition("/")[2] if edit.file else ""), str(error))


def _names_many(edit: ItemEdit | Refused, access: Access) -> bool:
    """Whether an item is said to have a folder or a pattern for its file."""
    try:
        return isinstance(edit, ItemEdit) and edit.file is not None and access.names_many(edit.file.href)
    except IIPServeError:
        return False  # which reading it says again


def _many(edits: Iterable[ItemEdit | Refused], collection: str) -> Job:
    """The job that adds the images of references, of which some name many.

    Raises:
        InvalidRequest: something else is said of an image.
    """
    hrefs = []
    for edit in edits:
        if isinstance(edit, Refused) or edit.file is None or edit != ItemEdit("", edit.file):
            raise InvalidRequest(
                "folders and patterns are added alone, or with other references of which nothing else is said"
            )
        hrefs.append(edit.file.href)
    return Job(id="", collection=collection, kind=ADD, parameters={"hrefs": hrefs})


@dataclass(frozen=True, slots=True)
class AddLater:
    """POST of so many items that they are added after the answer."""

    collection: str
    upsert: bool
    root: str
    """Address of this server, below which nothing is foreign."""
    body: Body

    def __call__(self, access: Access) -> Job:
        """Have it done. Raises `NotFound`, `Overloaded`."""
        name = find_collection(access.store, self.collection).name
        parameters = {"upsert": self.upsert, "root": self.root}
        return access.jobs.start(Job(id="", collection=name, kind=ADD, parameters=parameters), self.body.file)


@dataclass(frozen=True, slots=True)
class ImportLater:
    """POST of a file of items, as one is sent: these replace those of the same ids."""

    collection: str
    body: Body
    media_type: str
    """One of `site.EXPORTS`."""

    def __call__(self, access: Access) -> Job:
        """Have it done. Raises `NotFound`, `Overloaded`."""
        name = find_collection(access.store, self.collection).name
        job = Job(id="", collection=name, kind=IMPORT, parameters={"media_type": self.media_type})
        return access.jobs.start(job, self.body.file)


def several_of(value: Any) -> list[Any] | None:
    """The items of a body that has several; None where it is one. Raises `InvalidRequest`."""
    if isinstance(value, dict) and value.get("type") == "FeatureCollection":
        value = value.get("features")
        if not isinstance(value, list):
            raise InvalidRequest("a FeatureCollection has no array of features")
    return value if isinstance(value, list) else None


def edits_of(several: Iterable[Any], collection: str, root: str) -> tuple[ItemEdit | Refused, ...]:
    """What the items of a body say."""
    return tuple(_edit(value, collection, root) for value in several)


def _edit(value: Any, collection: str, root: str) -> ItemEdit | Refused:
    try:
        return item_edit(value, collection=collection, root=root)
    except IIPServeError as error:
        stated = value.get("id") if isinstance(value, dict) else value
        return Refused(stated if isinstance(stated, str) else "", str(error))


@dataclass(frozen=True, slots=True)
class ReplaceItem:
    """PUT of an item, or PATCH."""

    collection: str
    id: str
    body: Json
    is_patch: bool
    conditions: Conditions
    root: str

    def __call__(self, access: Access) -> Edited:
        """Replace it. Raises `NotFound`, `PreconditionFailed`, `InvalidRequest`, and what reading its file raises."""

        def change(current: Item) -> Item:
            body = merged(editable_item(current), self.body) if self.is_patch else self.body
            edit = item_edit(body, collection=current.collection, id=current.id, root=self.root)
            item = replace(edit.item(current.collection, access, current), id=current.id)
            return access.store.replace_item(item, current.revision)

        return Edited(
            _changed(lambda: find_item(access.store, self.collection, self.id), change, self.conditions),
            is_new=False,
        )


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """DELETE of an item."""

    collection: str
    id: str
    conditions: Conditions

    def __call__(self, access: Access) -> None:
        """Delete it, not its file; one that is not there is deleted already.

        Raises:
            NotFound: there is no such collection.
            PreconditionFailed: it is in another state.
        """

        def change(current: Item) -> None:
            expected = current.revision if self.conditions.match else None
            access.store.delete_item(current.collection, current.id, expected)

        try:
            _changed(lambda: find_item(access.store, self.collection, self.id), change, self.conditions)
        except NotFound:
            find_collection(access.store, self.collection)
            self.conditions.check(None)


# -- all -------------------------------------------------------------------------------------------


def _changed(
    find: Callable[[], Collection | Item], change: Callable[[Any], Any], conditions: Conditions
) -> Any:
    """What a change of the present state gives; made anew if the state changes meanwhile, unless conditions forbid that."""
    for attempt in range(ATTEMPTS):
        current = find()
        conditions.check(state_of(current))
        try:
            return change(current)
        except PreconditionFailed:
            if conditions.match is not None or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError


def state_of(value: Collection | Item) -> str:
    """What entity tags of all representations begin with."""
    return str(value.version if isinstance(value, Collection) else value.revision)
