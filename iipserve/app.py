"""The application: the only module that knows protocols and engine, and wires them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple
from weakref import ref

from iipserve import http, registry
from iipserve.cache import TieredCache
from iipserve.cache.memcached import MemcachedCache
from iipserve.cache.memory import MemoryCache
from iipserve.config import MEGABYTE, Config
from iipserve.engine.library import ImageChanged, Library
from iipserve.engine.lru import Bounded
from iipserve.engine.output_policy import Finishing
from iipserve.engine.renderer import Renderer
from iipserve.errors import (
    INTERNAL_ERROR,
    IIPServeError,
    MethodNotAllowed,
    Overloaded,
    UnknownProtocol,
)
from iipserve.http import Headers, Request, Response
from iipserve.image import ImageInfo
from iipserve.plan import (
    Answer,
    Bundle,
    Document,
    Pieces,
    Redirect,
    RenderPlan,
    SamplePlan,
    StatisticsPlan,
)
from iipserve.protocols import Protocol, Query, plain_error
from iipserve.protocols.iip import modifiers
from iipserve.protocols.iip.view import View
from iipserve.router import Router
from iipserve.viewer import Viewer

log = logging.getLogger(__name__)

KNOWN_PLANS = 4096
"""Requests whose plans are remembered: viewers ask for the same tiles again and again."""
KNOWN_ADDRESS_LENGTH = 512
"""Of longer addresses, all that they are made of counted, the plan is not remembered."""
ATTEMPTS = 3
"""How often a request is planned anew because its file was just replaced."""


class KnownPlan(NamedTuple):
    """What was planned for an address. A `RenderPlan` depends on nothing else of the request."""

    protocol: Protocol
    info: ref[ImageInfo]
    """Not held: how many headers are kept is the library's business."""
    plan: RenderPlan
    headers: Headers


class Application:
    """Answers requests. Safe for many threads."""

    def __init__(
        self,
        config: Config,
        protocols: Mapping[str, Protocol],
        library: Library,
        renderer: Renderer,
        finishing: Finishing,
        cache: TieredCache,
    ) -> None:
        self._config = config
        self._finishing = finishing
        self._library = library
        self._renderer = renderer
        self._cache = cache
        self._router = Router(config, protocols)
        self._viewer = Viewer(library, config)
        # without remembered headers no plan could be proved to be of the same file
        remembers = config.max_metadata_cache_size != 0
        self._known: Bounded[tuple[str | None, ...], KnownPlan] = Bounded(KNOWN_PLANS if remembers else 0)
        cors = http.cors_headers(config.cors)
        self._error_headers: Headers = (
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *cors,
        )
        self._headers: Headers = (("Cache-Control", config.cache_control), *cors)
        self._preflight: Headers = (
            ("Allow", http.ALLOWED_METHODS),
            ("Content-Length", "0"),
            *cors,
            *http.preflight_headers(config.cors),
        )

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request; every error becomes a response here."""
        protocol = response = None
        try:
            if request.method not in ("GET", "HEAD"):
                return self._other_method(request)
            known = self._known.get(request.address_key())
            if known is not None:
                protocol = known.protocol
                response = self._answer_again(request, known)
            if response is None:
                protocol, routed = self._router.route(request)
                if protocol is None:
                    response = self._page(request, over_http=over_http)
                else:
                    response = self._answer(protocol, routed)
        except IIPServeError as error:
            response = self._refusal(error, protocol)
        except Exception:
            log.exception("%s %s?%s failed", request.method, request.path, request.query)
            response = self._refusal(IIPServeError(INTERNAL_ERROR), protocol)
        return replace(response, body=b"") if request.method == "HEAD" else response

    def clear(self) -> None:
        """Drop what this process remembers of images."""
        self._cache.clear()
        self._library.clear()
        self._known.clear()

    def close(self) -> None:
        """Let go of all files; to be called once, after the last request."""
        self.clear()

    def _other_method(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, self._preflight)
        refusal = self._refusal(
            MethodNotAllowed(f"{request.method} is not answered; {http.ALLOWED_METHODS} are"), None
        )
        return replace(refusal, headers=(*refusal.headers, ("Allow", http.ALLOWED_METHODS)))

    def _page(self, request: Request, *, over_http: bool) -> Response:
        """What is no protocol's: the viewer, where it is on."""
        if over_http or self._config.viewer:
            response = self._viewer.handle(request)
            if response is not None:
                return response
        raise UnknownProtocol(
            f"nothing is served at {request.path!r}; /iip?FIF=, /iiif/, /deepzoom/ and /zoomify/ lead to images"
        )

    def _answer(self, protocol: Protocol, request: Request) -> Response:
        query: Query = protocol.parse(request)
        view = modifiers.read(request.modifiers) if request.modifiers else None
        selector = query.selector if view is None else modifiers.selector(view, query.selector)
        for _ in range(ATTEMPTS):
            info = None if query.identifier is None else self._library.info(query.identifier, selector)
            answer = protocol.plan(query, info, self._config)
            if info is not None:
                answer = self._completed(answer, view, info)
            try:
                response = self._respond(request, answer, info)
            except ImageChanged:
                continue
            if info is not None and isinstance(answer.content, RenderPlan):
                self._remember(request, KnownPlan(protocol, ref(info), answer.content, answer.headers))
            return response
        raise Overloaded(f"{query.identifier!r} is being replaced; ask again")

    def _completed(self, answer: Answer, view: View | None, info: ImageInfo) -> Answer:
        """The answer with what stands before the protocol's part of the query, and what the settings add."""
        content = answer.content
        if isinstance(content, RenderPlan):
            if view is not None:
                content = modifiers.apply_modifiers(content, view, info, self._config)
            content = self._finishing.complete(content, info)
        elif isinstance(content, Bundle):
            plans = tuple(self._finishing.complete(plan, info) for plan in content.plans)
            content = replace(content, plans=plans)
        return answer if content is answer.content else answer._replace(content=content)

    def _remember(self, request: Request, known: KnownPlan) -> None:
        key = request.address_key()
        if sum(len(part) for part in key if part) <= KNOWN_ADDRESS_LENGTH:
            self._known.set(key, known)

    def _answer_again(self, request: Request, known: KnownPlan) -> Response | None:
        """The answer by the plan made for the same address before, unless the image is another one now."""
        plan = known.plan
        if self._library.info(plan.view.image.identifier, plan.view.image.selector) is not known.info():
            return None
        try:
            return self._rendered(request, plan, known.headers)
        except ImageChanged:
            return None

    def _respond(self, request: Request, answer: Answer, info: ImageInfo | None) -> Response:
        content = answer.content
        if isinstance(content, RenderPlan):
            return self._rendered(request, content, answer.headers)
        modified = None if info is None else info.version.mtime_ns // 1_000_000_000
        if isinstance(content, SamplePlan):
            content = self._renderer.samples(content)
        elif isinstance(content, StatisticsPlan):
            content = content.describe(self._renderer.statistics(content.image))
        if isinstance(content, Document):
            return self._document(request, content, answer.headers, modified)
        if isinstance(content, Redirect):
            headers = (("Location", content.location), ("Content-Length", "0"))
            return Response(HTTPStatus.SEE_OTHER, (*headers, *answer.headers, *self._headers))
        body = self._bundled(content)
        return self._ok(body, content.media_type, _digest(body), modified, answer.headers)

    def _rendered(self, request: Request, plan: RenderPlan, headers: Headers) -> Response:
        modified = plan.view.image.version.mtime_ns // 1_000_000_000
        if http.has_condition(request) and http.not_modified(request, plan.digest, modified):
            return self._unchanged(plan.digest, modified, headers)
        rendition = self._renderer.render(plan)
        return self._ok(rendition.body, rendition.media_type, rendition.etag, modified, headers)

    def _document(
        self, request: Request, document: Document, headers: Headers, modified: int | None
    ) -> Response:
        etag = _digest(document.body)
        if document.vary:
            headers = (*headers, ("Vary", document.vary))
        if http.has_condition(request) and http.not_modified(request, etag, modified):
            return self._unchanged(etag, modified, headers)
        return self._ok(document.body, document.media_type, etag, modified, headers)

    def _bundled(self, bundle: Bundle) -> bytes:
        return b"".join(
            bundle.frame(position, self._whole_body(plan)) for position, plan in enumerate(bundle.plans)
        )

    def _whole_body(self, plan: RenderPlan) -> bytes:
        body = self._renderer.render(plan).body
        return body if isinstance(body, bytes) else b"".join(body)

    def _ok(
        self, body: bytes | Pieces, media_type: str, etag: str, modified: int | None, headers: Headers
    ) -> Response:
        own: Headers = (
            ("Content-Type", media_type),
            ("Content-Length", str(len(body))),
            ("ETag", f'"{etag}"'),
        )
        if modified is not None:
            own = (*own, ("Last-Modified", http.http_date(modified)))
        return Response(HTTPStatus.OK, (*own, *headers, *self._headers), body)

    def _unchanged(self, etag: str, modified: int | None, headers: Headers) -> Response:
        own: Headers = (("ETag", f'"{etag}"'),)
        if modified is not None:
            own = (*own, ("Last-Modified", http.http_date(modified)))
        return Response(HTTPStatus.NOT_MODIFIED, (*own, *headers, *self._headers))

    def _refusal(self, error: IIPServeError, protocol: Protocol | None) -> Response:
        document = (protocol.error if protocol else plain_error)(error)
        headers: Headers = (
            ("Content-Type", document.media_type),
            ("Content-Length", str(len(document.body))),
            *self._error_headers,
        )
        if isinstance(error, Overloaded):
            headers = (*headers, ("Retry-After", "5"))
        return Response(error.status, headers, document.body)


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
    return Application(config, protocols, library, renderer, Finishing(config), cache)
