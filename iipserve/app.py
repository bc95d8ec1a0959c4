"""The application: the only module that knows protocols and engine, and wires them."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeAlias
from weakref import ref

from iipserve import __version__, address_cache, http, registry
from iipserve.address_cache import AddressCache, AddressKey, CachedAnswer, ReadyDocument
from iipserve.cache import TieredCache
from iipserve.cache.memcached import MemcachedCache
from iipserve.cache.memory import MemoryCache
from iipserve.config import MEGABYTE, Config
from iipserve.engine.files import ImageChanged
from iipserve.engine.library import Library
from iipserve.engine.output_policy import OutputPolicy
from iipserve.engine.renderer import Renderer
from iipserve.errors import (
    INTERNAL_ERROR,
    BodyTooLarge,
    DecodeError,
    IIPServeError,
    ImageUnavailable,
    MethodNotAllowed,
    Overloaded,
    PreconditionFailed,
    UnknownProtocol,
    UnsupportedBody,
)
from iipserve.formats import Formats
from iipserve.http import READING_METHODS, Headers, Request, Response, Routed
from iipserve.http.conditions import evaluated, has_condition
from iipserve.image import ImageInfo
from iipserve.lru import LRU
from iipserve.plan import (
    Bundle,
    Content,
    Document,
    ImageRef,
    Pieces,
    Redirect,
    RenderPlan,
    SamplePlan,
    StatisticsPlan,
)
from iipserve.protocols import BodyRule, Images, Modification, Protocol, Query, Server, plain_error
from iipserve.router import Destination, Router
from iipserve.viewer import RESERVED, Viewer

log = logging.getLogger(__name__)

MAX_DAMAGE_REPORTS = 1000
"""Addresses of damaged parts that have a line in the log and get no other."""
ATTEMPTS = 3
"""How often a request is planned anew because its file was just replaced."""
BARE_ADDRESS = re.compile(r"/|(?:/.*)?/(?:iip[^/]*|[^/]*\.fcgi)/?", re.IGNORECASE)
"""Paths at which the server itself is expected: the root, a FastCGI program, `/iip`."""
PRODUCT = Document(f"iipserve {__version__}, an image server\n".encode(), "text/plain; charset=utf-8")
"""The answer at `BARE_ADDRESS` without a query."""
Modified: TypeAlias = int | None
"""Time of the last change of what an answer is made of, in seconds since 1970; None where no image is involved."""


Versioned: TypeAlias = Sequence[ImageInfo] | Sequence[ImageRef]
"""The images that an answer is made of."""


class Application:
    """Answers requests. Safe for many threads."""

    def __init__(
        self,
        server: Server,
        protocols: Mapping[str, Protocol],
        library: Library,
        renderer: Renderer,
        output_policy: OutputPolicy,
        cache: TieredCache,
    ) -> None:
        config = server.config
        self._server = server
        self._output_policy = output_policy
        self._library = library
        self._renderer = renderer
        self._cache = cache
        self._router = Router(config, protocols, RESERVED)
        self._read_modifiers = next(filter(None, (each.read_modifiers for each in protocols.values())), None)
        self._viewer = Viewer(library, config)
        # without remembered headers no plan could be proved to be of the same file
        self._answers = AddressCache(address_cache.CAPACITY if config.max_metadata_cache_size else 0)
        self._damaged: LRU[str, bool] = LRU(MAX_DAMAGE_REPORTS)
        cors = http.cors_headers(config.cors)
        self._error_headers: Headers = (
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *cors,
        )
        self._headers: Headers = (("Cache-Control", config.cache_control), *cors)
        self._cors = cors
        self._answer_by_content: Mapping[type, Callable[[Request, Any, Headers, Versioned], Response]] = {
            RenderPlan: self._rendered,
            SamplePlan: self._samples,
            StatisticsPlan: self._statistics,
            ReadyDocument: self._ready,
            Redirect: self._redirect,
            Bundle: self._bundle,
        }

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request; every error becomes a response here."""
        destination = response = None
        # only what is fetched by its address alone can be remembered by it
        address = request.address_key() if request.method in ("GET", "HEAD") else None
        try:
            if address is not None:
                response = self._answer_from_cache(request, address)
            if response is None:
                destination = self._router.route(request)
                response = self._answer_anew(request, destination, address, over_http=over_http)
        except IIPServeError as error:
            if isinstance(error, DecodeError):
                self._report_damage(request, error)
            response = self._error_response(error, destination or self._destination(request))
        except Exception:
            log.exception("%s %s?%s failed", request.method, request.path, request.query)
            fault = IIPServeError(INTERNAL_ERROR)
            response = self._error_response(fault, destination or self._destination(request))
        return response._replace(body=b"") if request.method == "HEAD" else response

    def max_body_length(self, request: Request) -> int:
        """How many bytes of the request's body its protocol reads; 0 where it reads none."""
        destination = self._destination(request)
        if destination is None:
            return 0
        rule = _body_rule(destination.protocol, request)
        return rule.max_length if rule and _is_readable(rule, request) else 0

    def clear(self) -> None:
        """Drop what this process remembers of images, and release their files."""
        self._cache.clear()
        self._library.clear()
        self._answers.clear()

    def _report_damage(self, request: Request, error: DecodeError) -> None:
        """Log a damaged part of a file, once for each address: clients ask for it again and again."""
        address = request.printable_address
        if not self._damaged.get(address):
            self._damaged.set(address, True)
            log.warning("%s: %s", address, http.printable(str(error)))

    def _destination(self, request: Request) -> Destination | None:
        """Where the request leads, also if it is to be refused."""
        try:
            return self._router.route(request)
        except IIPServeError:
            return None

    def _answer_anew(
        self,
        request: Request,
        destination: Destination | None,
        address: AddressKey | None,
        *,
        over_http: bool,
    ) -> Response:
        if request.method == "OPTIONS":
            return self._preflight(destination)
        if destination is None:
            return self._viewer_response(request, over_http=over_http)
        return self._answer(*destination, address)

    def _preflight(self, destination: Destination | None) -> Response:
        methods = READING_METHODS if destination is None else destination.protocol.methods
        headers = (
            ("Allow", ", ".join(methods)),
            ("Content-Length", "0"),
            *self._cors,
            *http.preflight_headers(self._server.config.cors, methods),
        )
        return Response(HTTPStatus.NO_CONTENT, headers)

    def _viewer_response(self, request: Request, *, over_http: bool) -> Response:
        """What belongs to no protocol: the viewer, where it is on, and a line about this server."""
        if request.method not in READING_METHODS:
            raise MethodNotAllowed(request.method, READING_METHODS)
        if over_http or self._server.config.viewer:
            response = self._viewer.handle(request)
            if response is not None:
                return response
        if BARE_ADDRESS.fullmatch(request.path) and not request.query:
            return self._ready(request, self._ready_document(PRODUCT, (), ()))
        raise UnknownProtocol(
            f"nothing is served at {request.path!r}; {self._router.entrances} lead to images"
        )

    def _answer(self, protocol: Protocol, routed: Routed, address: AddressKey | None) -> Response:
        request = routed.request
        if request.method not in protocol.methods:
            raise MethodNotAllowed(request.method, protocol.methods)
        if request.method not in READING_METHODS:
            _check_body(protocol, request)
        query: Query = protocol.parse(routed, self._server)
        modification, selected = None, query.names
        if routed.modifiers and self._read_modifiers:
            modification = self._read_modifiers(routed.modifiers, self._server)
            selected = tuple(map(modification.select, selected))
        for _ in range(ATTEMPTS):
            found = [self._library.unproved_info(*name) for name in selected]
            images = Images(zip(query.names, found, strict=True))
            try:
                answer = protocol.plan(query, images, self._server)
                content = self._completed(answer.content, answer.headers, modification, images)
                self._check_unrendered(content, found)
                response = self._answer_by_content[type(content)](request, content, answer.headers, found)
            except ImageChanged:
                continue
            except IIPServeError:
                if self._is_current(found):
                    raise
                continue
            if address is not None and isinstance(content, (RenderPlan, ReadyDocument, Redirect)):
                proof = tuple(zip(selected, map(ref, found), strict=True))
                self._answers.set(request, address, CachedAnswer(proof, content, answer.headers))
            return response
        raise Overloaded(f"{query.names[0].identifier!r} is being replaced; ask again")

    def _completed(
        self, content: Content, headers: Headers, modification: Modification | None, images: Images
    ) -> Content | ReadyDocument:
        """The content with the modifiers next to the protocol's parameter, and what the settings add."""
        if isinstance(content, Document):
            return self._ready_document(content, headers, tuple(images.values()))
        if isinstance(content, RenderPlan):
            if modification is None and self._output_policy.adds_nothing:
                return content
            if modification is not None:
                info = images.of(content.view.image.identifier, content.view.image.selector)
                content = modification.apply(content, info, self._server)
            return self._finished(content, images)
        if isinstance(content, Bundle) and not self._output_policy.adds_nothing:
            return replace(content, plans=tuple(self._finished(plan, images) for plan in content.plans))
        return content

    def _finished(self, plan: RenderPlan, images: Images) -> RenderPlan:
        if self._output_policy.adds_nothing:
            return plan
        return self._output_policy.apply(
            plan, images.of(plan.view.image.identifier, plan.view.image.selector)
        )

    def _answer_from_cache(self, request: Request, address: AddressKey) -> Response | None:
        """The answer as planned for the same address before; None unless all its images are the same now."""
        cached = self._answers.get(request, address)
        if cached is None:
            return None
        found = []
        for name, planned_for in cached.images:
            info = self._library.unproved_info(*name)
            if info is not planned_for():
                return None
            found.append(info)
        try:
            self._check_unrendered(cached.content, found)
            return self._answer_by_content[type(cached.content)](
                request, cached.content, cached.headers, found
            )
        except ImageChanged:
            return None

    def _check_unrendered(self, content: object, images: Sequence[ImageInfo]) -> None:
        """Check the images that a query names, unless rendering will check all of them.

        Raises:
            ImageChanged: one has been replaced or written.
        """
        if not isinstance(content, RenderPlan) or len(content.images) != len(images):
            self._check(images)

    def _check(self, images: Iterable[ImageInfo]) -> None:
        """Check that images are unchanged.

        Raises:
            ImageChanged: one is not.
        """
        for image in images:
            self._library.check(image)

    def _is_current(self, images: Iterable[ImageInfo]) -> bool:
        try:
            self._check(images)
        except ImageChanged:
            return False
        return True

    # -- answers by content --------------------------------------------------------------------------

    def _rendered(
        self, request: Request, plan: RenderPlan, headers: Headers, images: Versioned = ()
    ) -> Response:
        modified = _modified(plan.images)
        if has_condition(request) and (status := evaluated(request, plan.digest, modified)):
            self._renderer.check(plan)
            return self._conditional(status, plan.digest, modified, headers)
        rendition = self._renderer.render(plan)
        return self._ok(rendition.body, rendition.media_type, rendition.etag, modified, headers)

    def _samples(self, request: Request, plan: SamplePlan, headers: Headers, images: Versioned) -> Response:
        self._output_policy.check_samples()
        document = plan.describe(self._renderer.samples(plan))
        return self._ready(request, self._ready_document(document, headers, images))

    def _statistics(
        self, request: Request, plan: StatisticsPlan, headers: Headers, images: Versioned
    ) -> Response:
        document = plan.describe(self._renderer.statistics(plan.image))
        return self._ready(request, self._ready_document(document, headers, images))

    def _ready_document(self, document: Document, headers: Headers, images: Versioned) -> ReadyDocument:
        # the same text may be sent as one of several types: each is a representation with a tag of its own
        etag, modified = _digest(document.media_type.encode() + document.body), _modified(images)
        if document.vary:
            headers = (*headers, ("Vary", document.vary))
        response = self._ok(document.body, document.media_type, etag, modified, headers)
        return ReadyDocument(response, etag, modified, headers)

    def _ready(
        self, request: Request, document: ReadyDocument, headers: Headers = (), images: Versioned = ()
    ) -> Response:
        if has_condition(request) and (status := evaluated(request, document.etag, document.modified)):
            return self._conditional(status, document.etag, document.modified, document.headers)
        return document.response

    def _redirect(
        self, request: Request, redirect: Redirect, headers: Headers, images: Versioned
    ) -> Response:
        own = (("Location", redirect.location), ("Content-Length", "0"))
        return Response(HTTPStatus.SEE_OTHER, (*own, *headers, *self._headers))

    def _bundle(self, request: Request, bundle: Bundle, headers: Headers, images: Versioned) -> Response:
        body = b"".join(
            bundle.frame(index, self._whole_body(plan)) for index, plan in enumerate(bundle.plans)
        )
        etag, modified = _digest(body), _modified(images)
        if has_condition(request) and (status := evaluated(request, etag, modified)):
            return self._conditional(status, etag, modified, headers)
        return self._ok(body, bundle.media_type, etag, modified, headers)

    def _whole_body(self, plan: RenderPlan) -> bytes:
        body = self._renderer.render(plan).body
        return body if isinstance(body, bytes) else b"".join(body)

    # -- responses -----------------------------------------------------------------------------------

    def _ok(
        self, body: bytes | Pieces, media_type: str, etag: str, modified: Modified, headers: Headers
    ) -> Response:
        own: Headers = (
            ("Content-Type", media_type),
            ("Content-Length", str(len(body))),
            ("ETag", f'"{etag}"'),
        )
        if modified is not None:
            own = (*own, ("Last-Modified", http.http_date(modified)))
        return Response(HTTPStatus.OK, (*own, *headers, *self._headers), body)

    def _conditional(self, status: HTTPStatus, etag: str, modified: Modified, headers: Headers) -> Response:
        """The answer to a client that does not want the body, or not this version of it.

        Raises:
            PreconditionFailed: another version is wanted.
        """
        if status is HTTPStatus.PRECONDITION_FAILED:
            raise PreconditionFailed(
                f"the conditions of the request do not hold; the entity tag is now {etag!r}"
            )
        own: Headers = (("ETag", f'"{etag}"'),)
        if modified is not None:
            own = (*own, ("Last-Modified", http.http_date(modified)))
        return Response(HTTPStatus.NOT_MODIFIED, (*own, *headers, *self._headers))

    def _error_response(self, error: IIPServeError, destination: Destination | None) -> Response:
        if destination is None:
            status, document = plain_error(error)
        else:
            status, document = destination.protocol.error(error, destination.routed)
        headers: Headers = (
            ("Content-Type", document.media_type),
            ("Content-Length", str(len(document.body))),
            *self._error_headers,
        )
        if isinstance(error, (Overloaded, ImageUnavailable)):
            headers = (*headers, ("Retry-After", "5"))
        elif isinstance(error, MethodNotAllowed):
            headers = (*headers, ("Allow", ", ".join(error.allowed)))
        return Response(status, headers, document.body)


def _body_rule(protocol: Protocol, request: Request) -> BodyRule | None:
    """The protocol's rule for bodies, if it reads one with this method."""
    reads = request.method in protocol.methods and request.method not in READING_METHODS
    return protocol.body if reads else None


def _is_readable(rule: BodyRule, request: Request) -> bool:
    return not rule.media_types or request.media_type in rule.media_types


def _check_body(protocol: Protocol, request: Request) -> None:
    """See that a body is what the protocol reads.

    Raises:
        UnsupportedBody: it is of another media type.
        BodyTooLarge: it is longer than the limit.
    """
    rule = _body_rule(protocol, request)
    if rule is None:
        return
    if not _is_readable(rule, request):
        known = ", ".join(sorted(rule.media_types))
        raise UnsupportedBody(f"a body of type {request.media_type!r} is not read here; {known} are")
    if request.body is not None and request.body.length > rule.max_length:
        raise BodyTooLarge(f"the request's body is longer than {rule.max_length} bytes")


def _modified(images: Versioned) -> Modified:
    """When the newest of the images was changed; None if that is not known of all."""
    if len(images) == 1:
        return images[0].version.changed_at
    times = [image.version.changed_at for image in images]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def build(config: Config) -> Application:
    """Put the parts together: the only place that constructs caches, library and renderer.

    Raises:
        ConfigError: a setting names something that does not exist, or a protocol cannot use it.
    """
    memory = MemoryCache(int(config.max_image_cache_size * MEGABYTE))
    memcached = None
    if config.memcached_servers:
        memcached = MemcachedCache(
            config.memcached_servers, config.memcached_timeout, namespace=config.filesystem_prefix
        )
    cache = TieredCache(memory, memcached)
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    encoders = registry.discover("iipserve.codecs", "ENCODER")
    renderer = Renderer(config, library, encoders, cache, memory)
    protocols = registry.discover("iipserve.protocols", "PROTOCOL")
    for protocol in protocols.values():
        if protocol.check is not None:
            protocol.check(config)
    formats = Formats(encoder.format for encoder in encoders.values())
    server = Server(config, formats, renderer.renderable)
    return Application(server, protocols, library, renderer, OutputPolicy(config), cache)
