"""What actions of `plan.StorePlan` may use: the store, and what is known of files of images."""

from __future__ import annotations

from typing import BinaryIO
from typing import Protocol as Interface

from iipserve.collections.jobs import Job
from iipserve.collections.store import Store
from iipserve.collections.values import Item
from iipserve.geo.collection_settings import CollectionSettings


class Jobs(Interface):
    """Does what takes longer than a request."""

    def start(self, job: Job, content: BinaryIO | None = None) -> Job:
        """Have a job done in the background; gives it as it is stored.

        Args:
            job: its collection, kind and parameters.
            content: a part of it that only this request has: the job cannot be done again by another worker.

        Raises:
            NotFound: there is no such collection.
            InvalidRequest, Forbidden: it can be known at once that it cannot be done.
            Overloaded: too many jobs are waiting.
        """

    def look(self) -> None:
        """See that unfinished jobs of workers that have ended are done: somebody is waiting for them."""


class Access(Interface):
    """The store and the files of images."""

    @property
    def store(self) -> Store:
        """The store, open.

        Raises:
            NotFound: the service has none.
            StoreUnavailable: it cannot be opened at present.
            NotInstalled: it needs a package that is not installed.
        """

    @property
    def settings(self) -> CollectionSettings | None:
        """Of the service file at present; None where it has no collections."""

    @property
    def jobs(self) -> Jobs:
        """What does jobs in the background."""

    def names_many(self, href: str) -> bool:
        """Whether a reference names a folder, or has the form of a pattern and is no file.

        Raises:
            InvalidRequest, Forbidden: as `read_item`.
        """

    @property
    def patience(self) -> float:
        """Seconds that one request may take to read files; a worker that takes much longer for one is replaced."""

    def read_item(self, collection: str, href: str, id: str = "") -> Item:
        """What the file of an image says of it, as an item that no collection has yet.

        Args:
            collection: for which it is.
            href: a reference to the file.
            id: of the item; empty: the name of the file.

        Raises:
            InvalidRequest, Forbidden: the reference is none, or leads out of the folders of images.
            ImageNotFound, UnsupportedImage, DecodeError: there is no such image, or it is none.
            ImageUnavailable, Overloaded: it cannot be read at present.
        """

    def receive(self, collection: str, id: str, content: BinaryIO) -> Item:
        """Keep an uploaded file, in place of one that was uploaded before; its item, which no collection has yet.

        Raises:
            Forbidden: the service has no folder for uploads.
            InvalidRequest: no file can have the name.
            UnsupportedImage, DecodeError: it is no image.
            StoreUnavailable: it cannot be kept at present.
        """
