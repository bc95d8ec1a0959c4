"""HTTP as values: requests, responses, dates, cross-origin headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import BinaryIO, NamedTuple, TypeAlias
from urllib.parse import quote

from iipserve.config import Config
from iipserve.http.public_address import FORWARDING_HEADERS, ascii_address, public_root, variable

Headers: TypeAlias = tuple[tuple[str, str], ...]

FORM = "application/x-www-form-urlencoded"
"""Media type of a form."""
READING_METHODS = ("GET", "HEAD", "OPTIONS")
"""Answered by every protocol."""
ADDRESS_VARIABLES = (
    "HTTP_HOST",
    "SERVER_NAME",
    "SERVER_PORT",
    "HTTPS",
    "wsgi.url_scheme",
    *map(variable, FORWARDING_HEADERS),
)
"""What the public address of a request is made of, besides its path and query."""
_HOST, _SERVER, _PORT, _HTTPS, _SCHEME, *_forwarded = ADDRESS_VARIABLES
(
    _FORWARDED_1, _FORWARDED_2, _FORWARDED_3, _FORWARDED_4, _FORWARDED_5, _FORWARDED_6, _FORWARDED_7,
) = _forwarded  # fmt: skip


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
        return self.environ.get(variable(name))

    @property
    def media_type(self) -> str:
        """Content-Type in lower case without its parameters; empty where it is missing."""
        return self.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()

    @property
    def form(self) -> str:
        """Parameters of a form that was posted, still percent-encoded; empty without one."""
        if self.body is None or self.media_type != FORM:
            return ""
        return self.body.read().decode("latin-1")

    @property
    def printable_address(self) -> str:
        """Path and query, for the log."""
        return printable(f"{self.path}?{self.query}" if self.query else self.path)

    def address_key(self) -> tuple[str | None, ...]:
        """Equal for requests to one public address."""
        get = self.environ.get
        # written out, which takes half the time of a loop
        return (
            self.path, self.query, get(_HOST), get(_SERVER), get(_PORT), get(_HTTPS), get(_SCHEME),
            get(_FORWARDED_1), get(_FORWARDED_2), get(_FORWARDED_3), get(_FORWARDED_4), get(_FORWARDED_5),
            get(_FORWARDED_6), get(_FORWARDED_7),
        )  # fmt: skip


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
        """The absolute address under which the client reaches `target` in this protocol, in ASCII.

        It depends on the request headers of `public_address.headers_read`, and on Host.

        Raises:
            InvalidRequest: the Host header, or a forwarded one that is trusted, is malformed.
        """
        if config.base_url:
            return config.base_url + ascii_address(target)
        environ, trusted = self.request.environ, config.trust_forwarded
        return f"{public_root(environ, trusted=trusted)}{ascii_address(self.mount + target)}"


def _put_together(environ: Mapping[str, str]) -> str:
    """The request target from SCRIPT_NAME and PATH_INFO, which come decoded (RFC 3875 section 4.1.5)."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return quote(path, safe="/%~!$&'()*+,;=:@", encoding="latin-1") or "/"


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


def cors_headers(origin: str) -> Headers:
    """The headers of every answer to a cross-origin request; none when `origin` is empty."""
    if not origin:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        (
            "Access-Control-Expose-Headers",
            "Link, ETag, Content-Length, Content-Crs, Content-Bbox, OGCAPI-datetime",
        ),
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
            "Accept, Authorization, Content-Type, Range, If-Match, If-None-Match, If-Modified-Since, "
            "If-Unmodified-Since, X-Requested-With",
        ),
        ("Access-Control-Max-Age", "86400"),
    )


def printable(text: str) -> str:
    """Text from a client on one line of ASCII, at most 500 characters."""
    return text[:500].encode("ascii", "backslashreplace").decode().translate(_CONTROL)


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
