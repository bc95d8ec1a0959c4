"""What was answered at an address before: images and coverages by their plan, documents and redirects ready to be sent.

An answer depends on its address, on the request headers that its Vary header names (RFC 9110 section 12.5.5), and on
the state of its images, which is checked whenever the answer is used again.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from weakref import ref

from iipserve.cache.memory import MemoryCache
from iipserve.http import Headers, Request
from iipserve.http.public_address import FORWARDING_HEADERS, variable
from iipserve.image import ImageInfo, ImageName
from iipserve.plan import CatalogPlan, CoveragePlan, Redirect, RenderPlan
from iipserve.responses import ReadyDocument

CAPACITY = 8 << 20
"""Bytes of everything remembered: 4096 plans, for viewers ask for the same tiles again and again."""
MAX_KEY_LENGTH = 512
"""Characters of an address, all its parts counted, and of an Accept header; answers of longer ones are not remembered."""
MAX_DOCUMENT_LENGTH = 1 << 16
"""Bytes of a document; longer ones (XMP, histograms) would displace hundreds of others."""
PLAN_SIZE = 1024
"""Bytes of a plan with the headers of its answer, besides what a cache counts for each entry (measured)."""

NOTHING: Set[str] = frozenset()

AddressKey: TypeAlias = tuple[str | None, ...]
"""See `Request.address_key`."""
COMPARED_HEADERS = frozenset((*FORWARDING_HEADERS, "Accept"))
ACCEPT = variable("Accept")
BY_ACCEPT = object()
"""Kept for an address whose answers depend on the Accept header: they are kept with its value added to the key."""


class CachedAnswer(NamedTuple):
    """What was planned for an address."""

    images: tuple[tuple[ImageName, ref[ImageInfo]], ...]
    """All that the query names. Not held: how many headers are kept is the library's business."""
    content: RenderPlan | CoveragePlan | ReadyDocument | Redirect | CatalogPlan
    headers: Headers
    """Those that only the protocol knows."""
    collections: Mapping[str, int] = MappingProxyType({})
    """Versions of the collections that it is made of."""
    protocol: str = ""
    """Name of the one that planned it."""


class AddressCache:
    """The most recent answers, by address. Safe for many threads; a hit takes no lock."""

    def __init__(self, capacity: int) -> None:
        """Keep at most so many bytes; 0 keeps nothing."""
        self._cache = MemoryCache(capacity)

    @property
    def bytes(self) -> int:
        """Bytes in use."""
        return self._cache.bytes

    def get(self, request: Request, address: AddressKey) -> CachedAnswer | None:
        """What was planned for an equal request; whether its images are the same now is not checked."""
        found = self._cache.get(address)
        if found is BY_ACCEPT:
            found = self._cache.get((*address, request.environ.get(ACCEPT)))
        cached: CachedAnswer | None = found
        return cached

    def set(self, request: Request, address: AddressKey, answer: CachedAnswer) -> None:
        """Remember an answer, unless it is too long, or depends on headers that are not compared."""
        size, vary = _size_and_vary(answer)
        if size is None or not vary <= COMPARED_HEADERS:
            return
        key: AddressKey = (*address, request.environ.get(ACCEPT)) if "Accept" in vary else address
        length = 0
        for part in key:
            if part:
                length += len(part)
        if length > MAX_KEY_LENGTH:
            return
        if key is not address:
            self._cache.set(address, BY_ACCEPT, 0)
        self._cache.set(key, answer, size)

    def clear(self) -> None:
        """Forget everything."""
        self._cache.clear()


def _size_and_vary(answer: CachedAnswer) -> tuple[int | None, Set[str]]:
    """Bytes of an answer, None for one that is too long; and the names in its Vary headers."""
    content, headers = answer.content, answer.headers
    if isinstance(content, RenderPlan) and not headers:
        return PLAN_SIZE, NOTHING
    size: int | None = PLAN_SIZE
    if isinstance(content, ReadyDocument):
        body, headers = content.response.body, content.headers
        size = len(body) + PLAN_SIZE if isinstance(body, bytes) and len(body) <= MAX_DOCUMENT_LENGTH else None
    if isinstance(content, CoveragePlan) and content.envelope is not None:
        size = len(content.envelope.head) + len(content.envelope.tail) + PLAN_SIZE
    if isinstance(content, CatalogPlan) and content.vary:
        headers = (*headers, ("Vary", content.vary))
    names = NOTHING
    for name, value in headers:
        if name == "Vary":
            names = names | _listed(value)
    return size, names


@lru_cache(maxsize=16)
def _listed(vary: str) -> Set[str]:
    """The names in a Vary header; a server sends few different ones."""
    return frozenset(vary.split(", "))
