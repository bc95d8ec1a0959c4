"""Documents about all layers, kept until a layer changes, and sent with gzip to clients that accept it.

Those that have been asked for are made anew by the thread that notices a change, so that clients do not wait for them.
"""

from __future__ import annotations

import gzip
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from iipserve.cache.memory import MemoryCache
from iipserve.errors import IIPServeError
from iipserve.exchange import begin_work
from iipserve.geo.layer import Catalog
from iipserve.http import Headers, Request, Response
from iipserve.leader import hand_over
from iipserve.lru import LRU
from iipserve.plan import CatalogPlan, Document
from iipserve.responses import REVALIDATED, ReadyDocument, ResponseBuilder, Versioned

log = logging.getLogger(__name__)

CAPACITY = 32 << 20
"""Bytes of documents kept."""
MIN_COMPRESSED = 1024
"""Bytes of the shortest document that is compressed."""
MAX_PLAIN = 1 << 20
"""Bytes of the longest document that is kept uncompressed too."""
COMPRESSION_LEVEL = 3
"""Of gzip: 58 MB about 6,000 layers become 0.81 MB in 0.06 s; level 6 takes 0.14 s for 0.65 MB."""
MAX_RENEWED = 4
"""Documents that are made anew when layers change."""
SUFFIX = "-gzip"
"""Of the entity tag of the compressed form, which is another representation (RFC 9110 section 8.8.3.3)."""
REFUSED = re.compile(r"\s*;\s*q\s*=\s*0(?:\.0*)?\s*")
"""The weight of a coding that is not acceptable (RFC 9110 section 12.4.2)."""


class _Kept(NamedTuple):
    """A document in the forms in which it is sent."""

    catalog: Catalog
    """Of which it is."""
    media_type: str
    plain: ReadyDocument | None
    """None for a long one, which is made of the compressed form."""
    compressed: ReadyDocument | None
    """None for a short one."""


class CatalogDocuments:
    """Answers plans of documents about all layers. Safe for many threads."""

    def __init__(self, listed: Callable[[], Catalog], responses: ResponseBuilder) -> None:
        """Keep no document yet.

        Args:
            listed: the layers at present; the same object until one changes.
            responses: builds the responses.
        """
        self._listed = listed
        self._responses = responses
        self._kept = MemoryCache(CAPACITY)
        self._asked: LRU[CatalogPlan, Headers] = LRU(MAX_RENEWED)
        """Plans since the last renewal, and the headers of their responses."""
        self._making = threading.Lock()

    def respond(self, request: Request, plan: CatalogPlan, headers: Headers, _: Versioned) -> Response:
        """The response to a plan. Raises what `CatalogPlan.describe` raises."""
        self._asked.set(plan, headers)
        catalog = self._listed()
        kept: _Kept | None = self._kept.get(plan)
        if kept is None or kept.catalog is not catalog:
            kept = self._made(plan, headers, catalog)
        wants_gzip = accepts_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", ""))
        document = (wants_gzip and kept.compressed) or kept.plain or self._decompressed(kept)
        return self._responses.ready(request, document)

    def renew(self, catalog: Catalog) -> None:
        """Make the documents of another catalog that have been asked for since the last time."""
        for plan, headers in self._asked.take():
            try:
                self._made(plan, headers, catalog)
            except IIPServeError:
                log.debug("a document is not made anew, as it refuses the catalog")

    def clear(self) -> None:
        """Keep no document."""
        self._kept.clear()

    def _made(self, plan: CatalogPlan, headers: Headers, catalog: Catalog) -> _Kept:
        hand_over()
        begin_work()
        with self._making:
            kept: _Kept | None = self._kept.get(plan)
            if kept is not None and kept.catalog is catalog:
                return kept
            kept, size = self._forms(plan.describe(catalog), headers, catalog)
            self._kept.set(plan, kept, size)
            return kept

    def _forms(self, document: Document, headers: Headers, catalog: Catalog) -> tuple[_Kept, int]:
        """A document in its forms, and how many bytes they have together."""
        vary = ", ".join(filter(None, (document.vary, "Accept-Encoding")))
        # layers come and go at any time
        plain = self._responses.ready_document(replace(document, vary=vary), (*headers, REVALIDATED), ())
        if len(document.body) < MIN_COMPRESSED:
            return _Kept(catalog, document.media_type, plain, None), len(document.body)
        packed = gzip.compress(document.body, COMPRESSION_LEVEL, mtime=0)
        compressed = self._ready(
            packed, document.media_type, plain.etag + SUFFIX, (*plain.headers, ("Content-Encoding", "gzip"))
        )
        if len(document.body) > MAX_PLAIN:
            return _Kept(catalog, document.media_type, None, compressed), len(packed)
        return _Kept(catalog, document.media_type, plain, compressed), len(document.body) + len(packed)

    def _ready(self, body: bytes, media_type: str, etag: str, headers: Headers) -> ReadyDocument:
        return ReadyDocument(self._responses.ok(body, media_type, etag, None, headers), etag, None, headers)

    def _decompressed(self, kept: _Kept) -> ReadyDocument:
        """The plain form of a document that is kept only compressed."""
        assert kept.compressed is not None
        assert isinstance(kept.compressed.response.body, bytes)
        hand_over()
        body = gzip.decompress(kept.compressed.response.body)
        headers = tuple(header for header in kept.compressed.headers if header[0] != "Content-Encoding")
        return self._ready(body, kept.media_type, kept.compressed.etag.removesuffix(SUFFIX), headers)


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header names gzip (RFC 9110 section 12.5.3), or any coding, and does not refuse it."""
    any_coding = False
    for entry in header.lower().split(","):
        name, separator, weight = entry.partition(";")
        accepted = not REFUSED.fullmatch(separator + weight)
        if name.strip() in ("gzip", "x-gzip"):
            return accepted
        if name.strip() == "*":
            any_coding = accepted
    return any_coding
