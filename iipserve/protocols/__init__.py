"""Protocols: request text in, a plan out. One module or package per protocol, ending in `PROTOCOL`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from typing import Protocol as Interface

from iipserve.collections.store import Store
from iipserve.config import Config
from iipserve.errors import BodyTooLarge, IIPServeError, MethodNotAllowed, UnsupportedBody
from iipserve.formats import Formats
from iipserve.geo.georeference import GeoImage
from iipserve.geo.image_index import ImageIndex
from iipserve.geo.layer import Catalog, EmptyCatalog
from iipserve.http import READING_METHODS, Headers, Request, Routed
from iipserve.image import FolderContents, ImageInfo, ImageName
from iipserve.plan import Answer, Document, ImageRef, RenderableArea, RenderPlan

# -- routes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PathRoute:
    """Addresses below `/SEGMENT/`, whatever query string follows; the target is the rest of the path."""

    segment: str
    """The first segment of the path: `iiif`."""
    bare: bool = False
    """`/SEGMENT` and `/SEGMENT/` are the protocol's too, unless a parameter of the query names another one."""
    weak: bool = False
    """Several services share the bare path: a weak `QueryRoute` goes before it, and after the others."""


@dataclass(frozen=True, slots=True)
class QueryRoute:
    """Query strings with a parameter, at any path; of several that lead somewhere, the first counts."""

    name: str
    """Of the parameter, compared in lower case: `iiif`, `service`."""
    value: str | None = None
    """Compared in lower case; None takes any."""
    whole: bool = False
    """The target is the whole query string, as it always is with a `value`, not what follows the name. The other
    parameters are otherwise read as IIP's modifiers."""
    weak: bool = False
    """It counts only where no other route does: `REQUEST=GetMap` without `SERVICE`."""


@dataclass(frozen=True, slots=True)
class AnyQueryRoute:
    """Every query string that no other route takes; one protocol has it."""


@dataclass(frozen=True, slots=True)
class BodyRoute:
    """Bodies of a media type at a path that several services share, of requests that no parameter leads elsewhere."""

    media_type: str
    """In lower case, without parameters."""


Route: TypeAlias = PathRoute | QueryRoute | AnyQueryRoute | BodyRoute

# -- queries ---------------------------------------------------------------------------------------


class Query(Interface):
    """What a request says, parsed: syntax only."""

    @property
    def names(self) -> tuple[ImageName, ...]:
        """The images that `plan` needs; none where the answer needs none."""


class Images(dict[ImageName, ImageInfo]):
    """The images that a query names, by the names it uses, and those that planning looks up: `images[name]` is any image.

    Collections that an answer depends on, and what it owes to them, are noted here too.
    """

    look_up: Callable[[ImageName], ImageInfo] | None = None
    """Finds an image that the query does not name. Raises what opening it raises."""
    unreadable: Mapping[ImageName, IIPServeError] = MappingProxyType({})
    """What is wrong with images that have turned out to be damaged, as looking them up raises it."""
    collections: Mapping[str, int] = MappingProxyType({})
    """Versions of the collections that the answer is made of: it counts for these only."""
    headers: Headers = ()
    """That the answer has besides its own."""
    is_extended: bool = False
    """Planning has added images, headers or collections."""
    is_lasting: bool = True
    """The same request has the same answer as long as images and collections are the same."""

    def __missing__(self, name: ImageName) -> ImageInfo:
        if self.look_up is None:
            raise KeyError(name)
        if name in self.unreadable:
            raise self.unreadable[name]
        info = self[name] = self.look_up(name)
        self.is_extended = True
        return info

    def depend_on(self, index: ImageIndex) -> None:
        """Note that the answer is made of a collection, and what clients are to know of the images that are meant."""
        selection = index.selection
        self.is_extended = True
        self.collections = {**self.collections, index.name: index.version}
        if not selection.is_lasting:
            self.is_lasting = False
        # a client that keeps an answer has to ask whether the collection is the same
        found = [("Cache-Control", "no-cache")]
        if selection.note:
            found.append(("Warning", selection.note))
        if selection.effective:
            found.append(("OGCAPI-datetime", selection.effective))
        self.add_headers(*found)

    def add_headers(self, *headers: tuple[str, str]) -> None:
        """Add headers of the answer, each once."""
        self.is_extended = True
        self.headers = tuple(dict.fromkeys((*self.headers, *headers)))

    def only(self) -> ImageInfo:
        """The image of a query that names one."""
        (info,) = self.values()
        return info

    def of(self, image: ImageRef) -> ImageInfo:
        """The image that a plan refers to. Raises `KeyError`."""
        for info in self.values():
            if (info.identifier, info.selector) == (image.identifier, image.selector):
                return info
        raise KeyError(image.identifier)

    def shown_by(self, plan: RenderPlan) -> tuple[ImageInfo, ...]:
        """All images of a plan's view, in its order. Raises `KeyError`."""
        return tuple(map(self.of, plan.images))


def _unlimited(_: ImageInfo) -> RenderableArea:
    return RenderableArea(sys.maxsize, sys.maxsize)


def _all_levels(info: ImageInfo) -> int:
    return len(info.levels)


def _without_georeference(_: ImageInfo) -> GeoImage | None:
    return None


def _without_store() -> Store | None:
    return None


def _without_side_car(_: str) -> bytes | None:
    return None


def _empty_folder(_: str) -> FolderContents:
    return FolderContents((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Server:
    """What `parse` and `plan` may know of the server. Compared by identity, as a key of what follows from it."""

    config: Config
    formats: Formats
    renderable: Callable[[ImageInfo], RenderableArea] = _unlimited
    """How large images can be made of one."""
    catalog: Callable[[], Catalog] = EmptyCatalog
    """The layers of the map services at present: to find one, since they may not have been listed yet."""
    listed: Callable[[], Catalog] = EmptyCatalog
    """The same to list them: waits some seconds for the first list."""
    class_levels: Callable[[ImageInfo], int] = _all_levels
    """Of an image with a palette: how many levels, from the full size on, show nothing but classes of that. Reads the image
    once per version. Raises `ImageChanged` and what reading a file raises."""
    geo_image: Callable[[ImageInfo], GeoImage | None] = _without_georeference
    """Where an image is located; None where its file does not say. Reads the file once per version. Raises `ImageChanged`
    and what reading a file raises."""
    store: Callable[[], Store | None] = _without_store
    """The store of collections, opened on first use; None where the service has none. Raises `StoreUnavailable`,
    `NotInstalled`."""
    side_car: Callable[[str], bytes | None] = _without_side_car
    """A small file next to an image, by a name that is given as an identifier; None where there is none."""
    folder: Callable[[str], FolderContents] = _empty_folder
    """What is in a folder, by its path below the prefix. Raises `ImageNotFound`, and `InvalidRequest` for a path that could
    lead out of the prefix."""


class Modification(Interface):
    """IIP's modifiers next to another protocol's parameter."""

    def select(self, name: ImageName) -> ImageName:
        """The image that is meant by a name of the other protocol."""

    def apply(self, plan: RenderPlan, shown: Sequence[ImageInfo], server: Server) -> RenderPlan:
        """The plan, which shows these images, with the modifiers' operations. Raises `InvalidRequest`."""


# -- errors ----------------------------------------------------------------------------------------


class ErrorAnswer(NamedTuple):
    """An error as its protocol reports it."""

    status: HTTPStatus
    content: Document | RenderPlan
    """Text, or the plan of a picture of the error, which no cache keeps: its view is a `Blank` with a message."""
    headers: Headers = ()
    """Those that only the protocol knows."""

    @property
    def document(self) -> Document:
        """The content, which is text."""
        assert isinstance(self.content, Document)
        return self.content


def plain_error(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """The error as one line of plain text, with its own status."""
    return ErrorAnswer(error.status, Document(f"{error}\n".encode(), "text/plain; charset=utf-8"))


# -- protocols -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BodyRule:
    """Which bodies a protocol reads, with methods other than GET and HEAD."""

    media_types: frozenset[str]
    """In lower case, without parameters; empty takes any."""
    max_length: int
    """In bytes; a longer body is answered 413 before it is read."""

    def accepts(self, request: Request) -> bool:
        """Whether the request's body is of one of the media types."""
        return not self.media_types or request.media_type in self.media_types

    def check(self, request: Request) -> None:
        """See that the request's body is what the protocol reads.

        Raises:
            UnsupportedBody: it is of another media type.
            BodyTooLarge: it is longer than the limit.
        """
        if not self.accepts(request):
            known = ", ".join(sorted(self.media_types))
            raise UnsupportedBody(f"a body of type {request.media_type!r} is not read here; {known} are")
        if request.body is not None and request.body.length > self.max_length:
            raise BodyTooLarge(f"the request's body is longer than {self.max_length} bytes")


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol as two pure functions, and how requests reach it."""

    name: str
    """Also its name in URI_MAP: `iiif`."""
    routes: tuple[Route, ...]
    parse: Callable[[Routed, Server], Any]
    """-> `Query`. Raises `InvalidRequest`."""
    plan: Callable[[Any, Images, Server], Answer]
    """`Query`, the images it names, the server -> `Answer`."""
    error: Callable[[IIPServeError, Routed | None, Server | None], ErrorAnswer] = plain_error
    """An error in the protocol's own form; None where the request was refused before it was routed, and where no settings
    are known."""
    check: Callable[[Config], object] | None = None
    """Called once at start. Raises `ConfigError` for settings that this protocol cannot use."""
    methods: tuple[str, ...] = READING_METHODS
    """Answered; the others are answered 405. OPTIONS is answered by the application."""
    body: BodyRule | Callable[[Routed, Server], BodyRule | None] | None = None
    """Which bodies are read, perhaps by address and client: called before a body is read, and raises what such a request
    is answered with. None: bodies are drained and ignored."""
    mapped_prefix: str = ""
    """Precedes what follows a prefix of URI_MAP, to make it a target of the protocol: `FIF=`."""
    read_modifiers: Callable[[str, Server], Modification] | None = None
    """Reads what precedes and follows the parameter of a `QueryRoute` of another protocol; one protocol has it.
    Raises `InvalidRequest`."""

    def check_request(self, routed: Routed, server: Server) -> None:
        """See that the protocol answers the method of a request, and reads its body.

        Raises:
            MethodNotAllowed: it does not.
            UnsupportedBody, BodyTooLarge: as `BodyRule.check`, and what `body` raises.
        """
        request = routed.request
        if request.method not in self.methods:
            raise MethodNotAllowed(request.method, self.methods)
        if request.method not in READING_METHODS and (rule := self.body_rule(routed, server)):
            rule.check(request)

    def body_rule(self, routed: Routed, server: Server) -> BodyRule | None:
        """Which bodies are read with a request; None where they are ignored. Raises what `body` raises."""
        method = routed.request.method
        if method not in self.methods or method in READING_METHODS:
            return None
        return self.body(routed, server) if callable(self.body) else self.body
