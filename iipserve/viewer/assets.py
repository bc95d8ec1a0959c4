"""Static files: read and compressed once per version, validated by entity tags."""

from __future__ import annotations

import gzip
import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from iipserve import http
from iipserve.http import Headers, Request, Response
from iipserve.http.conditions import evaluated

POLICY: Headers = (
    (
        # OpenSeadragon decodes tiles in a worker created from a blob; everything else is a file of this server
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
    ("Vary", "Accept-Encoding"),
)
"""Headers of every response: only content of this server is run or fetched; cached copies are revalidated."""

INLINE_HANDLER = re.compile(rb"""\son[a-z]+=(["'])(.+?)\1""")
"""A script in an attribute of an element that a script writes."""
GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")


@dataclass(frozen=True, slots=True, eq=False)
class Asset:
    """A response body, plain and compressed."""

    body: bytes
    compressed: bytes
    """The body as gzip."""
    media_type: str
    etag: str
    """Of the plain body, without quotes; that of the compressed one ends in `-gzip`."""
    modified: int | None = None
    """Time of the last modification, in seconds since 1970."""
    policy: Headers = POLICY

    @classmethod
    def of(cls, body: bytes, media_type: str, modified: int | None = None) -> Asset:
        """An asset of these bytes."""
        digest = hashlib.blake2b(body, digest_size=12).hexdigest()
        return cls(body, gzip.compress(body, mtime=0), media_type, digest, modified)

    def answer(self, request: Request) -> Response:
        """The asset, compressed if the client accepts gzip, or 304 if the client's copy is current."""
        compressed = GZIP.search(request.header("Accept-Encoding") or "") is not None
        body, etag = (self.compressed, self.etag + "-gzip") if compressed else (self.body, self.etag)
        headers: Headers = (("ETag", f'"{etag}"'), *self.policy)
        if self.modified is not None:
            headers = (*headers, ("Last-Modified", http.http_date(self.modified)))
        if (status := evaluated(request, etag, self.modified)) is not None:
            return Response(status, (*headers, ("Content-Length", "0")) if status >= 400 else headers)
        if compressed:
            headers = (*headers, ("Content-Encoding", "gzip"))
        own = (("Content-Type", self.media_type), ("Content-Length", str(len(body))))
        return Response(HTTPStatus.OK, (*own, *headers), body)


def inline_policy(viewer: Asset | None) -> Headers:
    """Headers of a page whose viewer writes styles, and elements with scripts in their attributes, into it.

    Args:
        viewer: the script of the viewer, whose own attributes are the only ones that are run; None if it is not installed.
    """
    handlers = sorted({text for _, text in INLINE_HANDLER.findall(viewer.body)}) if viewer else []
    digests = [b64encode(hashlib.sha256(handler).digest()).decode() for handler in handlers]
    own = ["'unsafe-hashes'", *(f"'sha256-{digest}'" for digest in digests)] if digests else []
    scripts = " ".join(("script-src 'self'", *own))
    return tuple(
        (
            name,
            value.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
                "script-src 'self'", scripts
            ),
        )
        for name, value in POLICY
    )


def read(path: Path, media_type: str) -> Asset | None:
    """The current version of a file, or None if it does not exist."""
    try:
        return _read_version(path, media_type, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=64)
def _read_version(path: Path, media_type: str, mtime_ns: int) -> Asset:
    return Asset.of(path.read_bytes(), media_type, mtime_ns // 1_000_000_000)
