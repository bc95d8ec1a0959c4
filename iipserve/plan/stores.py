"""What is asked of the store of collections, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias


class Permission(Enum):
    """What a client must be allowed to do."""

    READ = "read"
    """Anyone may."""
    DOWNLOAD = "download"
    """Files of images, as they are: `downloadable` of the service file."""
    EDIT = "edit"
    """Collections and items: `editable` of the service file, and a token, or a client of this host."""


class StoredFile(NamedTuple):
    """An answer that is the file of an image as it is, whole or in part."""

    href: str
    """Of an item: the identifier of an image, or a path below a named root."""
    name: str
    """Under which clients save it."""
    media_type: str


class Stream(NamedTuple):
    """A body that is made while it is sent: of a length that is not known before."""

    chunks: Iterable[bytes]


class StoreAnswer(NamedTuple):
    """An answer that is made of what the store has."""

    body: bytes | StoredFile | Stream = b""
    media_type: str = ""
    """Of a body in bytes; empty where there is none."""
    state: str = ""
    """Of the resource, the same in all its representations: the entity tag begins with it, and `If-Match` of a change names
    it (`http.conditions.Conditions`). Empty: the tag is of the body alone."""
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    """Further ones: Location, Link, Vary, Cache-Control."""


Form: TypeAlias = Callable[[Any], StoreAnswer]
"""(what the action gives) -> the answer. Raises errors that are reported to the client."""


@dataclass(frozen=True, slots=True)
class StorePlan:
    """An action on the store of collections, and the form of its result."""

    action: Callable[[Any], Any]
    """Called with a `collections.access.Access`. Raises errors that are reported to the client."""
    form: Form
    permission: Permission = Permission.READ
