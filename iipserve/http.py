"""HTTP as values: requests, responses, dates, entity tags, conditions, cross-origin headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import BinaryIO, NamedTuple, TypeAlias
from urllib.parse import quote

from iipserve.config import Config
from iipserve.errors import InvalidRequest

Headers: TypeAlias = tuple[tuple[str, str], ...]

READING_METHODS = ("GET", "HEAD", "OPTIONS")
"""Answered by every protocol."""
ADDRESS_VARIABLES = (
    "HTTP_HOST",
    "SERVER_NAME",
    "HTTPS",
    "wsgi.url_scheme",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PATH",
    "HTTP_X_IIIF_ID",
)
"""What the public address of a request is made of, besides its path and query."""
MAX_PREFIX_LENGTH = 1024
HOST = re.compile(r"(?:(?:[A-Za-z0-9._~\-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""A host with an optional port, percent-encoded where it is not ASCII (RFC 3986 section 3.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The body of a request, for a protocol that reads bodies."""

    file: BinaryIO
    """Positioned at 0; the transport closes it once the response is sent.

    Holds less than `length` bytes only if `length` exceeds `Application.max_body_length`.
    """
    length: int
    """In bytes; above the limit, what was declared or received until the transport stopped reading."""

    def read(self) -> bytes:
        """All of it, from the start."""
        self.file.seek(0)
        return self.file.read()


class Request(NamedTuple):
    """One request, as the web server passed it on. Text is as on the wire: still percent-encoded."""

    method: str
    path: str
    """From the first slash up to the question mark."""
    query: str
    """After the question mark, without it."""
    environ: Mapping[str, str]
    """The CGI variables (RFC 3875): `HTTP_*`, `HTTPS`, `SERVER_NAME` ..."""
    body: Body | None = None
    """None if there is none, or if `Application.max_body_length` is 0 for this request."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Request:
        """Read the CGI variables; a missing REQUEST_METHOD is GET, a missing REQUEST_URI is put together."""
        address = environ.get("REQUEST_URI") or _put_together(environ)
        path, _, query = address.partition("?")
        if not query:
            query = environ.get("QUERY_STRING", "")
        return cls(environ.get("REQUEST_METHOD") or "GET", path, query, environ)

    def header(self, name: str) -> str | None:
        """A request header by its name, or None."""
        return self.environ.get("HTTP_" + name.upper().replace("-", "_"))

    @property
    def media_type(self) -> str:
        """Content-Type in lower case without its parameters; empty where it is missing."""
        return self.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()

    @property
    def printable_address(self) -> str:
        """Path and query, for the log."""
        return printable(f"{self.path}?{self.query}" if self.query else self.path)

    def address_key(self) -> tuple[str | None, ...]:
        """Equal for requests to one public address."""
        return (self.path, self.query, *map(self.environ.get, ADDRESS_VARIABLES))


class Routed(NamedTuple):
    """A request on its way to a protocol, and the part of its address that the protocol reads."""

    request: Request
    mount: str
    """What precedes `target` in the address, as the client wrote it: `/iiif/`, `/iipsrv.fcgi?IIIF=`."""
    target: str
    """What the protocol is to read, as the client wrote it."""
    by_path: bool = False
    """It came by a path of the protocol (`/iiif/`, or a prefix of URI_MAP), not by the query string."""
    modifiers: str = ""
    """The other parameters of a query string with the protocol's own: IIP's modifiers among them."""

    def public_url(self, target: str, config: Config) -> str:
        """The absolute address under which the client reaches `target` in this protocol.

        Raises:
            InvalidRequest: the Host header, or a forwarded one that is trusted, is malformed.
        """
        if config.base_url:
            return config.base_url + target
        environ, trusted = self.request.environ, config.trust_forwarded
        prefix = _forwarded_prefix(environ) if trusted else ""
        return f"{_origin(environ, trusted=trusted)}{prefix}{self.mount}{target}"


def _origin(environ: Mapping[str, str], *, trusted: bool) -> str:
    """Scheme and host, as the client sees them."""
    https = environ.get("HTTPS", "").lower() not in ("", "off", "0")
    scheme = "https" if https else environ.get("wsgi.url_scheme", "http")
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or "localhost"
    if trusted:
        forwarded = _first(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
        scheme = forwarded if forwarded in ("http", "https") else scheme
        host = _first(environ.get("HTTP_X_FORWARDED_HOST", "")) or host
        port = _first(environ.get("HTTP_X_FORWARDED_PORT", ""))
        default = "443" if scheme == "https" else "80"
        if port.isdigit() and port != default and ":" not in host.rpartition("]")[2]:
            host = f"{host}:{port}"
    if not HOST.fullmatch(host):
        raise InvalidRequest(f"Host {host!r} is not a host name with an optional port")
    return f"{scheme}://{host}"


def _forwarded_prefix(environ: Mapping[str, str]) -> str:
    prefix = environ.get("HTTP_X_FORWARDED_PREFIX") or environ.get("HTTP_X_FORWARDED_PATH") or ""
    if len(prefix) > MAX_PREFIX_LENGTH:
        raise InvalidRequest(f"X-Forwarded-Prefix has more than {MAX_PREFIX_LENGTH} characters")
    return quote(_first(prefix).rstrip("/"), safe="/%~!$&'()*+,;=:@")


def _put_together(environ: Mapping[str, str]) -> str:
    """The request target from SCRIPT_NAME and PATH_INFO, which come decoded (RFC 3875 section 4.1.5)."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return quote(path, safe="/%~!$&'()*+,;=:@", encoding="latin-1") or "/"


def _first(value: str) -> str:
    """The first entry of a comma-separated header: what the outermost proxy saw."""
    return value.partition(",")[0].strip()


class Response(NamedTuple):
    """One finished answer."""

    status: HTTPStatus
    headers: Headers
    body: bytes | Iterable[bytes] = b""
    """Whole, or in pieces when `Content-Length` is among the headers or unknown."""


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """Seconds since 1970 as an HTTP date (RFC 9110 section 5.6.7)."""
    return formatdate(seconds, usegmt=True)


def not_modified(request: Request, etag: str | None, modified: int | None) -> bool:
    """Whether the client's copy is still good (RFC 9110 section 13.2.2).

    Args:
        request: carries `If-None-Match` or `If-Modified-Since`; the former wins.
        etag: the current entity tag without quotes.
        modified: time of the last change, in seconds since 1970.
    """
    tags = request.environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        return etag is not None and (tags.strip() == "*" or etag in _opaque_tags(tags))
    since = request.environ.get("HTTP_IF_MODIFIED_SINCE")
    return since is not None and modified is not None and modified <= _seconds(since)


def has_condition(request: Request) -> bool:
    """Whether the client asks for the body only if it changed."""
    return "HTTP_IF_NONE_MATCH" in request.environ or "HTTP_IF_MODIFIED_SINCE" in request.environ


def _opaque_tags(header: str) -> list[str]:
    """The tags of If-None-Match without quotes and weakness marks (weak comparison, RFC 9110 8.8.3.2)."""
    return re.findall(r'"([^"]*)"', header)


def _seconds(date: str) -> int:
    """An HTTP date as seconds since 1970; -1 for anything unreadable, so that it never matches."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return -1


def cors_headers(origin: str) -> Headers:
    """The headers of every answer to a cross-origin request; none when `origin` is empty."""
    if not origin:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", "Link, ETag, Content-Length"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("Timing-Allow-Origin", origin),
    )


def preflight_headers(origin: str, methods: Iterable[str] = READING_METHODS) -> Headers:
    """The further headers of an answer to OPTIONS; none when `origin` is empty."""
    if not origin:
        return ()
    return (
        ("Access-Control-Allow-Methods", ", ".join(methods)),
        (
            "Access-Control-Allow-Headers",
            "Accept, Authorization, Content-Type, Range, If-None-Match, If-Modified-Since, X-Requested-With",
        ),
        ("Access-Control-Max-Age", "86400"),
    )


# -- content negotiation ---------------------------------------------------------------------------

MAX_ACCEPT_LENGTH = 4096
"""Characters of an Accept header that are read."""
ACCEPT_ENTRY = re.compile(r'(?:[^,"]|"[^"]*")+')
"""One media range; commas inside quotes do not separate."""
MEDIA_PARAMETER = re.compile(r';\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^\s;,"]*))')
QUALITY_VALUE = re.compile(r"[01](\.[0-9]{0,3})?")


class _MediaRange(NamedTuple):
    """A media range of an Accept header, or an offered media type."""

    media_type: str
    """In lower case; may end in or be `*`."""
    profile: str
    weight: float


def negotiated(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offered media type that the client prefers (RFC 9110 section 12.5.1); None if it accepts none.

    Args:
        accept: the Accept header; without one the first offer is taken.
        offers: in the server's order of preference; `profile` is the one parameter that is compared.
    """
    if not accept:
        return offers[0]
    ranges = [_media_range(entry) for entry in ACCEPT_ENTRY.findall(accept[:MAX_ACCEPT_LENGTH])]
    weights = {offer: _weight(_media_range(offer), ranges) for offer in offers}
    best = max(offers, key=weights.__getitem__)
    return best if weights[best][0] > 0 else None


def _media_range(entry: str) -> _MediaRange:
    parameters = {name.lower(): quoted or bare for name, quoted, bare in MEDIA_PARAMETER.findall(entry)}
    weight = parameters.get("q", "1")
    return _MediaRange(
        entry.partition(";")[0].strip().lower(),
        parameters.get("profile", ""),
        float(weight) if QUALITY_VALUE.fullmatch(weight) else 1.0,
    )


def _weight(offer: _MediaRange, ranges: Sequence[_MediaRange]) -> tuple[float, int]:
    """Weight and precedence of the most specific range that covers an offer; explicit types win over `*`."""
    precedence = {"*/*": 1, f"{offer.media_type.partition('/')[0]}/*": 2, offer.media_type: 3}
    best = (0, 0.0)
    for media_type, profile, weight in ranges:
        if media_type in precedence and profile in ("", offer.profile):
            best = max(best, (precedence[media_type] + bool(profile), weight))
    return best[1], best[0]


def printable(text: str) -> str:
    """Text from a client on one line of ASCII, at most 500 characters."""
    return text[:500].encode("ascii", "backslashreplace").decode().translate(_CONTROL)


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
