"""The application: the only module that knows protocols and engine, and wires them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from threading import get_ident
from weakref import ref

from iipserve import __version__, address_cache, damage, exchange, plan_words, registry
from iipserve.address_cache import AddressCache, AddressKey, CachedAnswer
from iipserve.cache import TieredCache
from iipserve.cache.memcached import MemcachedCache
from iipserve.cache.memory import MemoryCache
from iipserve.catalog_documents import CatalogDocuments
from iipserve.collection_answers import CollectionAnswers
from iipserve.collection_jobs.runner import JobRunner
from iipserve.config import MEGABYTE, Config
from iipserve.contents import ContentResponder, Respond
from iipserve.engine.catalog import LiveCatalog
from iipserve.engine.class_levels import ClassLevels
from iipserve.engine.collection_access import StoreAccess
from iipserve.engine.collection_store import CollectionStore
from iipserve.engine.files import ImageChanged
from iipserve.engine.folder_listing import FolderListing
from iipserve.engine.folder_tree import FolderTree
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.item_files import ItemFiles
from iipserve.engine.library import Library
from iipserve.engine.output_policy import OutputPolicy
from iipserve.engine.renderer import Renderer
from iipserve.engine.trial import Trial
from iipserve.errors import (
    IMAGE_FAULTS,
    INTERNAL_ERROR,
    IIPServeError,
    MethodNotAllowed,
    Overloaded,
    UnknownProtocol,
)
from iipserve.formats import Formats
from iipserve.geometry import new_tuple
from iipserve.http import READING_METHODS, Headers, Request, Response, Routed
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over
from iipserve.plan import (
    Bundle,
    CatalogPlan,
    Content,
    CoveragePlan,
    Document,
    LaterPlans,
    Redirect,
    RenderPlan,
    StorePlan,
)
from iipserve.protocols import Images, Modification, Protocol, Query, Server, plain_error
from iipserve.purges import Purges
from iipserve.responses import ReadyDocument, ResponseBuilder
from iipserve.router import Destination, Router
from iipserve.viewer import RESERVED, Viewer

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a request is planned anew because its file was just replaced."""
MAX_UNREADABLE = 4
"""Images of a collection that are left out of one map, one after the other, as they turn out to be damaged."""
REFUSED_BODY = 1
"""Bytes read of the body of a request that is refused, whose answer says why."""
BARE_ADDRESS = re.compile(r"/|(?:/.*)?/(?:iip[^/]*|[^/]*\.fcgi)/?", re.IGNORECASE)
"""Paths at which the server itself is expected: the root, a FastCGI program, `/iip`."""
PRODUCT = Document(f"iipserve {__version__}, an image server\n".encode(), "text/plain; charset=utf-8")
"""The answer at `BARE_ADDRESS` without a query."""


VIEWER = "viewer"
"""What belongs to no protocol, in place of the name of one."""
REMEMBERED = (RenderPlan, CoveragePlan, ReadyDocument, Redirect, CatalogPlan)
"""Contents of answers that are remembered by address."""


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
        catalog: LiveCatalog,
        georeferences: Georeferences,
        access: StoreAccess,
    ) -> None:
        config = server.config
        self._server = server
        self._output_policy = output_policy
        self._library = library
        self._cache = cache
        self._renderer = renderer
        self._responses = ResponseBuilder(config)
        self._catalog = catalog
        self._georeferences = georeferences
        self._documents = CatalogDocuments(catalog.listed, self._responses)
        catalog.on_change = self._documents.renew
        self.trial = Trial(config, renderer)
        self._contents = ContentResponder(renderer, output_policy, self._responses)
        self._respond_by_type: Mapping[type, Respond] = {
            **self._contents.by_type,
            CatalogPlan: self._documents.respond,
            StorePlan: CollectionAnswers(
                access, ItemFiles(config), self._responses, output_policy.check_samples
            ).respond,
        }
        self._router = Router(config, protocols, RESERVED)
        self._read_modifiers = next(filter(None, (each.read_modifiers for each in protocols.values())), None)
        tree = FolderTree(config, library.looks_like_image)
        self._viewer = Viewer(library, tree, config, examine=renderer.examine, formats=server.formats)
        # without remembered headers no plan could be proved to be of the same file
        self._answers = AddressCache(address_cache.CAPACITY if config.max_metadata_cache_size else 0)

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request; every error becomes a response here."""
        destination = response = None
        # only what is fetched by its address alone can be remembered by it
        address = request.address_key() if request.method in ("GET", "HEAD") else None
        try:
            if address is not None:
                response = self._answer_from_cache(request, address)
            if response is None:
                exchange.begin_work()
                destination = self._router.route(request)
                response = self._answer_anew(request, destination, address, over_http=over_http)
        except IIPServeError as error:
            exchange.failed(type(error).__name__)
            response = self._error_response(request, destination, error)
        except Exception:
            log.exception("%s %s?%s failed", request.method, request.path, request.query)
            exchange.failed(exchange.INTERNAL)
            response = self._error_response(request, destination, IIPServeError(INTERNAL_ERROR))
        return response._replace(body=b"") if request.method == "HEAD" else response

    def max_body_length(self, request: Request) -> int:
        """How many bytes of the request's body its protocol reads; 0 where it reads none."""
        destination = self._destination(request)
        if destination is None:
            return 0
        try:
            rule = destination.protocol.body_rule(destination.routed, self._server)
        except IIPServeError:
            return REFUSED_BODY
        return rule.max_length if rule and rule.accepts(request) else 0

    def clear(self) -> None:
        """Drop what this process remembers of images, and release their files."""
        self._cache.clear()
        self._renderer.clear()
        self._georeferences.clear()
        self._library.clear()
        self._answers.clear()
        self._documents.clear()
        self._catalog.clear()

    def purge(self, purges: Purges) -> None:
        """Take images for changed since they were last purged, and free what is kept of them."""
        self._library.purge(purges)
        self._cache.discard(self._library.is_purged)
        self._renderer.clear()

    def reload(self) -> None:
        """Take over the service file as it is now, unless it has mistakes, and drop what is remembered."""
        self._catalog.reload()
        self.clear()

    def _destination(self, request: Request) -> Destination | None:
        """Where the request leads, also if it is to be refused."""
        try:
            return self._router.route(request)
        except IIPServeError:
            return None

    def _error_response(
        self, request: Request, destination: Destination | None, error: IIPServeError
    ) -> Response:
        """An error in the form of the protocol that the request leads to."""
        destination = destination or self._destination(request)
        if destination is None:
            return self._responses.error(error, plain_error(error))
        answer = destination.protocol.error(error, destination.routed, self._server)
        return self._responses.error(error, self._contents.rendered_error(error, answer))

    def _answer_anew(
        self,
        request: Request,
        destination: Destination | None,
        address: AddressKey | None,
        *,
        over_http: bool,
    ) -> Response:
        if request.method == "OPTIONS":
            methods = READING_METHODS if destination is None else destination.protocol.methods
            return self._responses.preflight(methods)
        if destination is None:
            return self._viewer_response(request, over_http=over_http)
        return self._answer(*destination, address)

    def _viewer_response(self, request: Request, *, over_http: bool) -> Response:
        """What belongs to no protocol: the viewer, where it is on, and a line about this server."""
        exchange.asks(VIEWER)
        if request.method not in READING_METHODS:
            raise MethodNotAllowed(request.method, READING_METHODS)
        if over_http or self._server.config.viewer:
            response = self._viewer.handle(request)
            if response is not None:
                return response
        if BARE_ADDRESS.fullmatch(request.path) and not request.query:
            return self._responses.ready(request, self._responses.ready_document(PRODUCT, (), ()))
        raise UnknownProtocol(
            f"nothing is served at {request.path!r}; {self._router.entrances} lead to images"
        )

    def _answer(self, protocol: Protocol, routed: Routed, address: AddressKey | None) -> Response:
        request = routed.request
        exchange.asks(protocol.name)
        protocol.check_request(routed, self._server)
        query: Query = protocol.parse(routed, self._server)
        modification, selected = None, query.names
        if routed.modifiers and self._read_modifiers:
            modification = self._read_modifiers(routed.modifiers, self._server)
            selected = tuple(map(modification.select, selected))
        exchange.asks(protocol.name, selected)
        unreadable: dict[ImageName, IIPServeError] = {}
        for _ in range(ATTEMPTS + MAX_UNREADABLE):
            content: object = None
            found, images = [], Images()
            images.look_up, images.unreadable = self._look_up, unreadable
            for index, name in enumerate(selected):
                info = images[query.names[index]] = self._library.unproved_info(name[0], name[1])
                found.append(info)
            try:
                answer = protocol.plan(query, images, self._server)
                names, headers = selected, answer.headers
                if images.is_extended:
                    names, found = (*selected, *tuple(images)[len(found) :]), list(images.values())
                    headers = (*headers, *images.headers)
                content = self._completed(answer.content, headers, modification, images)
                exchange.planned(content, names)
                self._check_unrendered(content, found)
                response = self._respond_by_type[type(content)](request, content, headers, found)
            except ImageChanged:
                # what was found may be out of date, which whoever noticed the change need not know; this forgets it
                self._is_current(images.values())
                continue
            except IIPServeError as error:
                if self._is_current(images.values()):
                    damage.report_shown(getattr(content, "images", ()), error)
                    damaged = _leaves_hole(error, content, images)
                    if damaged is None or len(unreadable) == MAX_UNREADABLE:
                        raise
                    unreadable[damaged] = error
                continue
            if address is not None and images.is_lasting and isinstance(content, REMEMBERED):
                proof = zip(names, map(ref, found))  # noqa: B905
                cached = new_tuple(
                    CachedAnswer, (tuple(proof), content, headers, images.collections, protocol.name)
                )
                self._answers.set(request, address, cached)
            return response
        replaced = next((repr(name.identifier) for name in query.names), "an image of the collection")
        raise Overloaded(f"{replaced} is being replaced; ask again")

    def _look_up(self, name: ImageName) -> ImageInfo:
        hand_over()  # there may be many
        return self._library.unproved_info(name[0], name[1])

    def _completed(
        self, content: Content, headers: Headers, modification: Modification | None, images: Images
    ) -> Content | ReadyDocument:
        """The content with the modifiers next to the protocol's parameter, and what the settings add."""
        if isinstance(content, RenderPlan):
            if modification is not None:
                content = modification.apply(content, images.shown_by(content), self._server)
            return content if self._output_policy.adds_nothing else self._finished(content, images)
        if isinstance(content, Document):
            return self._responses.ready_document(content, headers, tuple(images.values()))
        if isinstance(content, Bundle) and not self._output_policy.adds_nothing:
            plans = content.plans
            finished = LaterPlans(len(plans), lambda index: self._finished(plans[index], images))
            return replace(content, plans=finished)
        return content

    def _finished(self, plan: RenderPlan, images: Images) -> RenderPlan:
        return self._output_policy.apply(plan, images.shown_by(plan))

    def _answer_from_cache(self, request: Request, address: AddressKey) -> Response | None:
        """The answer as planned for the same address before; None unless all its images are the same now."""
        cached = self._answers.get(request, address)
        if cached is None or (cached.collections and not self._catalog.is_current(cached.collections)):
            return None
        if (noted := exchange.running.get(get_ident())) is not None:
            noted.known = cached
        found = []
        try:
            for name, planned_for in cached.images:
                info = self._library.unproved_info(name[0], name[1])
                if info is not planned_for():
                    return None
                found.append(info)
        except IMAGE_FAULTS:
            if cached.collections:
                return None  # which has a hole there by now
            raise
        try:
            self._check_unrendered(cached.content, found)
            return self._respond_by_type[type(cached.content)](request, cached.content, cached.headers, found)
        except ImageChanged:
            return None
        except IMAGE_FAULTS:
            if cached.collections:
                return None
            raise

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
        """Whether all images are unchanged; what is known of others is forgotten."""
        is_current = True
        for image in images:
            try:
                self._library.check(image)
            except ImageChanged:
                is_current = False
        return is_current


def _leaves_hole(error: IIPServeError, content: object, images: Images) -> ImageName | None:
    """The image that could not be read, where it is the only one of a collection that a map shows: what is below it is
    shown instead."""
    if not (isinstance(error, IMAGE_FAULTS) and isinstance(content, RenderPlan) and images.collections):
        return None
    shown = set(images.shown_by(content))
    return next((name for name, info in images.items() if shown == {info}), None)


def build(config: Config) -> Application:
    """Put the parts together: the only place that constructs caches, library and renderer.

    Raises:
        ConfigError: a setting names something that does not exist, or a protocol cannot use it.
    """
    exchange.describe_by(plan_words.words)
    memory = MemoryCache(int(config.max_image_cache_size * MEGABYTE))
    memcached = None
    if config.memcached_servers:
        memcached = MemcachedCache(
            config.memcached_servers, config.memcached_timeout, namespace=config.filesystem_prefix
        )
    cache = TieredCache(memory, memcached)
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    encoders = registry.discover("iipserve.codecs", "ENCODER")
    map_tiles = MemoryCache(int(config.max_map_tiles_size * MEGABYTE))
    renderer = Renderer(config, library, encoders, cache, memory, map_tiles)
    protocols = registry.discover("iipserve.protocols", "PROTOCOL")
    for protocol in protocols.values():
        if protocol.check is not None:
            protocol.check(config)
    formats = Formats(encoder.format for encoder in encoders.values())
    georeferences = Georeferences(config)
    server = Server(
        config, formats, renderer.renderable, class_levels=ClassLevels(library), geo_image=georeferences
    )
    catalog = LiveCatalog(config, library, georeferences)
    store = CollectionStore(config, catalog.collection_settings)
    store.begin()
    catalog.store = store.current
    server = replace(server, catalog=catalog.current, listed=catalog.listed, store=store.current)
    server = replace(server, side_car=library.files.side_car, folder=FolderListing(config, library))
    jobs = JobRunner(config, store, library, georeferences)
    access = StoreAccess(config, store, library, georeferences, jobs)
    jobs.begin(access)
    return Application(
        server, protocols, library, renderer, OutputPolicy(config), cache, catalog, georeferences, access
    )
