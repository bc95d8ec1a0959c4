"""memcached: renditions shared by all workers, also on several machines.

A key identifies one plan, image version included, of one installation; so no entry is ever stale.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterable

from iipserve.cache import RenditionCache
from iipserve.cache.memcached_server import MAX_VALUE
from iipserve.cache.memcached_servers import FIRST_RETRY, PATIENCE, Servers
from iipserve.config import MemcachedAddress
from iipserve.plan import CoveragePlan, RenderPlan, Rendition

MAX_RELATIVE_SECONDS = 30 * 24 * 3600
"""memcached takes a larger expiry time for seconds since 1970."""
MAX_EXPIRY_TIME = 2**31 - 1
"""Latest time, in seconds since 1970, that memcached can read."""
HEADER = struct.Struct(">4s16sHI")
"""Of a value: mark, digest of the plan, length of the media type, length of the body."""
MARK = b"IIP\1"
"""The last byte numbers the layouts of the header."""


class MemcachedCache(RenditionCache):
    """Renditions in one or several memcached servers. Safe for many threads, and before a fork."""

    def __init__(
        self,
        servers: Iterable[MemcachedAddress],
        timeout_seconds: int,
        *,
        namespace: str = "",
        patience: float = PATIENCE,
        first_retry: float = FIRST_RETRY,
    ) -> None:
        """Connect on first use.

        Args:
            servers: address of each; every key is kept by one of them.
            timeout_seconds: how long a rendition is kept; 0 means no expiry.
            namespace: distinguishes installations that share servers, e.g. FILESYSTEM_PREFIX.
            patience: maximum seconds to wait for a server before it counts as failed.
            first_retry: seconds until a failed server is first tried again.
        """
        self._servers = Servers(servers, patience, first_retry)
        self._timeout = timeout_seconds
        installation = hashlib.blake2b(namespace.encode("utf-8", "surrogateescape"), digest_size=6)
        self._prefix = f"iipserve:{installation.hexdigest()}:"

    def key(self, plan: RenderPlan | CoveragePlan) -> str:
        """The key of a plan's rendition, the same for every worker of one installation."""
        return self._prefix + plan.digest

    def get(self, plan: RenderPlan | CoveragePlan) -> Rendition | None:
        """The rendition of exactly this plan, or None."""
        value = self._servers.get(self.key(plan))
        return unpack(value, plan.digest) if value else None

    def set(self, plan: RenderPlan | CoveragePlan, rendition: Rendition) -> None:
        """Send a rendition without waiting for an answer; one larger than `MAX_VALUE` is not sent."""
        value = pack(rendition, plan.digest)
        if len(value) > MAX_VALUE:
            return
        self._servers.set(self.key(plan), value, expiry_time(self._timeout, time.time()))

    def clear(self) -> None:
        """Do nothing: other processes still use what the servers hold."""


def expiry_time(seconds: int, now: float) -> int:
    """A time to live in memcached's protocol: above 30 days as a date; 0 means no expiry."""
    if seconds <= MAX_RELATIVE_SECONDS:
        return seconds
    moment = int(now) + seconds
    return moment if moment <= MAX_EXPIRY_TIME else 0


def pack(rendition: Rendition, digest: str) -> bytes:
    """The value for a rendition of the plan with this digest."""
    media_type = rendition.media_type.encode()
    header = HEADER.pack(MARK, bytes.fromhex(digest), len(media_type), len(rendition.body))
    return b"".join((header, media_type, rendition.body))


def unpack(value: bytes, digest: str) -> Rendition | None:
    """The rendition that `pack` stored for this digest; None for any other value."""
    if len(value) < HEADER.size:
        return None
    mark, digest_bytes, media_length, body_length = HEADER.unpack_from(value)
    start = HEADER.size + media_length
    if mark != MARK or digest_bytes.hex() != digest or len(value) != start + body_length:
        return None
    try:
        media_type = value[HEADER.size : start].decode("ascii")
    except UnicodeDecodeError:
        return None
    return Rendition(value[start:], media_type, digest)
