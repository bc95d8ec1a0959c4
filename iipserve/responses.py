"""Responses as values: whole ones, those to conditional requests, errors, preflights; with the headers of the settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

from iipserve import http
from iipserve.config import Config
from iipserve.errors import (
    IIPServeError,
    ImageUnavailable,
    MethodNotAllowed,
    Overloaded,
    PreconditionFailed,
    RangeNotSatisfiable,
    SearchTooLong,
    StoreUnavailable,
    Unauthorized,
)
from iipserve.geometry import new_tuple
from iipserve.http import Headers, Request, Response
from iipserve.http.conditions import evaluated, has_condition
from iipserve.image import ImageInfo
from iipserve.plan import Document, ImageRef, Pieces, Redirect
from iipserve.protocols import ErrorAnswer

OK = HTTPStatus.OK
"""Looking it up in the enumeration takes 0.2 us."""
REVALIDATED = ("Cache-Control", "no-cache")
"""Clients ask whether what they keep is still current."""
RETRY_SECONDS = "5"
"""Retry-After of errors that pass."""
CHALLENGE = 'Bearer realm="iipserve"'
"""WWW-Authenticate of requests without a token that is known (RFC 6750 section 3)."""
Modified: TypeAlias = int | None
"""Time of the last change of what an answer is made of, in seconds since 1970; None where no image is involved, or
where it is not known."""
Versioned: TypeAlias = Sequence[ImageInfo] | Sequence[ImageRef]
"""The images that an answer is made of."""


class ReadyDocument(NamedTuple):
    """A document with all of its response; only the conditions of a request are left to evaluate."""

    response: Response
    etag: str
    """Without quotes."""
    modified: Modified
    headers: Headers
    """Those that a 304 has too."""


class ResponseBuilder:
    """Builds responses with the headers that the settings add to all of them."""

    def __init__(self, config: Config) -> None:
        cors = http.cors_headers(config.cors)
        self._cors_origin = config.cors
        self._cors = cors
        self._headers: Headers = (("Cache-Control", config.cache_control), *cors)
        self._error_headers: Headers = (
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *cors,
        )

    def ok(
        self, body: bytes | Pieces, media_type: str, etag: str, modified: Modified, headers: Headers = ()
    ) -> Response:
        """200 with a whole body."""
        completed = self._completed(headers) if headers else self._headers
        if modified is not None:
            completed = (("Last-Modified", http.http_date(modified)), *completed)
        own = ("Content-Type", media_type), ("Content-Length", str(len(body))), ("ETag", f'"{etag}"')
        return new_tuple(Response, (OK, (*own, *completed), body))

    def conditional(self, status: HTTPStatus, etag: str, modified: Modified, headers: Headers) -> Response:
        """The answer to a client that does not want the body, or not this version of it.

        Args:
            status: what `evaluated` gave.
            etag, modified: of the version there is.
            headers: those that only the protocol knows.

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
        return Response(HTTPStatus.NOT_MODIFIED, (*own, *self._completed(headers)))

    def _completed(self, headers: Headers) -> Headers:
        """Headers of an answer with those of the settings; its own Cache-Control replaces theirs."""
        for name, _ in headers:
            if name == "Cache-Control":
                return (*headers, *self._cors)
        return (*headers, *self._headers)

    def ready_document(self, document: Document, headers: Headers, images: Versioned) -> ReadyDocument:
        """A document with its response.

        Args:
            document: the text.
            headers: those that only the protocol knows.
            images: those that the text is about.
        """
        # the same text may be sent as one of several types: each is a representation with a tag of its own
        etag, modified = digest(document.media_type.encode() + document.body), None
        if document.is_dated:
            modified = last_modified(images)
        if document.vary:
            headers = (*headers, ("Vary", document.vary))
        response = self.ok(document.body, document.media_type, etag, modified, headers)
        return ReadyDocument(response, etag, modified, headers)

    def ready(self, request: Request, document: ReadyDocument) -> Response:
        """The response of a document, or that to the conditions of the request.

        Raises:
            PreconditionFailed: another version is wanted.
        """
        if has_condition(request) and (status := evaluated(request, document.etag, document.modified)):
            return self.conditional(status, document.etag, document.modified, document.headers)
        return document.response

    def without_body(self, status: HTTPStatus, headers: Headers) -> Response:
        """An answer of which status and headers say all."""
        return Response(status, self._completed(headers))

    def streamed(self, chunks: Iterable[bytes], media_type: str, headers: Headers) -> Response:
        """200 with a body that is made while it is sent."""
        return Response(OK, (("Content-Type", media_type), *self._completed(headers)), chunks)

    def redirect(self, redirect: Redirect, headers: Headers) -> Response:
        """303 to another address."""
        own = (("Location", redirect.location), ("Content-Length", "0"))
        return Response(HTTPStatus.SEE_OTHER, (*own, *headers, *self._headers))

    def preflight(self, methods: Iterable[str]) -> Response:
        """The answer to OPTIONS, where these methods are answered."""
        headers = (
            ("Allow", ", ".join(methods)),
            ("Content-Length", "0"),
            *self._cors,
            *http.preflight_headers(self._cors_origin, methods),
        )
        return Response(HTTPStatus.NO_CONTENT, headers)

    def error(self, error: IIPServeError, answer: ErrorAnswer) -> Response:
        """An error in its protocol's form, as text or a picture that has been rendered."""
        status, document = answer.status, answer.document
        headers: Headers = (
            ("Content-Type", document.media_type),
            ("Content-Length", str(len(document.body))),
            *answer.headers,
            *self._error_headers,
        )
        passes = isinstance(error, (Overloaded, ImageUnavailable, StoreUnavailable))
        if passes and not isinstance(error, SearchTooLong):
            headers = (*headers, ("Retry-After", RETRY_SECONDS))
        elif isinstance(error, MethodNotAllowed):
            headers = (*headers, ("Allow", ", ".join(error.allowed)))
        elif isinstance(error, Unauthorized):
            headers = (*headers, ("WWW-Authenticate", CHALLENGE))
        elif isinstance(error, RangeNotSatisfiable):
            headers = (*headers, ("Content-Range", f"bytes */{error.length}"))
        return Response(status, headers, document.body)


def last_modified(images: Versioned) -> Modified:
    """When the newest of the images was changed; None if that is not known of all."""
    if len(images) == 1:
        return images[0].version.changed_at
    times = [image.version.changed_at for image in images]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def digest(body: bytes) -> str:
    """The entity tag of a body, without quotes."""
    return new_digest(body).hexdigest()


def new_digest(body: bytes = b"") -> hashlib.blake2b:
    """The digest of a body that begins so, to be updated with the rest."""
    return hashlib.blake2b(body, digest_size=16)
