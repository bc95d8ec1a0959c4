"""The address under which clients reach the server, by what the web server and proxies state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import quote

from iipserve.config import Config
from iipserve.errors import InvalidRequest

FORWARDING_HEADERS = (
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Path",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-IIIF-ID",
)
"""Request headers that replace parts of the address where TRUST_FORWARDED is on; the last one, all of IIIF's."""
MAX_HEADER_LENGTH = 1024
"""Characters of one of them."""
HOST = re.compile(r"(?:(?:[A-Za-z0-9._~\-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""A host with an optional port, percent-encoded where it is not ASCII (RFC 3986 section 3.2)."""
FORWARDED_PAIR = re.compile(
    r"""(?:^|[;,])[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))"""
)
"""A parameter of Forwarded: a token, and a token or a quoted string (RFC 7239 section 4)."""
ADDRESS_CHARACTERS = re.compile(r"[!$-;=?-\[\]_a-z~]*")
"""What an address may contain after its host (RFC 3986), and brackets, as browsers send them."""


@cache
def variable(header: str) -> str:
    """The CGI variable of a request header (RFC 3875 section 4.1.18)."""
    return "HTTP_" + header.upper().replace("-", "_")


def headers_read(config: Config) -> tuple[str, ...]:
    """Names of the request headers that a public address may depend on, besides Host; for Vary."""
    if not config.trust_forwarded:
        return ()
    return FORWARDING_HEADERS[-1:] if config.base_url else FORWARDING_HEADERS


def ascii_address(text: str) -> str:
    """The text of an address in ASCII: octets that may not occur in one are percent-encoded.

    Args:
        text: one character for each octet (PEP 3333); escapes in it stay.
    """
    if ADDRESS_CHARACTERS.fullmatch(text):
        return text
    return quote(text.encode("latin-1", "replace"), safe="/%~!$&'()*+,;=:@?[]")


_VARIABLES = tuple(map(variable, FORWARDING_HEADERS[:-1]))


def public_root(environ: Mapping[str, str], *, trusted: bool) -> str:
    """Scheme, host and prefix, as the client sees them.

    Args:
        environ: the CGI variables.
        trusted: read the forwarding headers too; X-Forwarded-Proto and -Host go before Forwarded.

    Raises:
        InvalidRequest: one of them is malformed.
    """
    https = environ.get("HTTPS", "").lower() not in ("", "off", "0")
    scheme = "https" if https else environ.get("wsgi.url_scheme", "http")
    host = environ.get("HTTP_HOST") or _own_host(environ, scheme)
    prefix = ""
    if trusted and any(map(environ.__contains__, _VARIABLES)):
        scheme, host, prefix = _forwarded(environ, scheme, host)
    if not HOST.fullmatch(host):
        raise InvalidRequest(f"the host {host!r} is not a host name with an optional port")
    return f"{scheme}://{host}{prefix}"


def _own_host(environ: Mapping[str, str], scheme: str) -> str:
    """Name and port of the server itself, for a request without a Host header (RFC 9112 section 3.3)."""
    name, port = environ.get("SERVER_NAME") or "localhost", environ.get("SERVER_PORT", "")
    default = "443" if scheme == "https" else "80"
    return f"{name}:{port}" if port not in ("", default) else name


def _forwarded(environ: Mapping[str, str], scheme: str, host: str) -> tuple[str, str, str]:
    """Scheme, host and prefix by the forwarding headers, else as given."""
    standard = forwarded_parameters(_stated(environ, "Forwarded"))
    proto = _first(_stated(environ, "X-Forwarded-Proto")) or standard.get("proto", "")
    scheme = proto.lower() if proto.lower() in ("http", "https") else scheme
    host = _first(_stated(environ, "X-Forwarded-Host")) or standard.get("host") or host
    port = _first(_stated(environ, "X-Forwarded-Port"))
    default = "443" if scheme == "https" else "80"
    if port.isdigit() and port != default and ":" not in host.rpartition("]")[2]:
        host = f"{host}:{port}"
    prefix = _first(_stated(environ, "X-Forwarded-Prefix") or _stated(environ, "X-Forwarded-Path")).strip("/")
    return scheme, host, ascii_address(f"/{prefix}" if prefix else "")


def _stated(environ: Mapping[str, str], header: str) -> str:
    value = environ.get(variable(header), "")
    if len(value) > MAX_HEADER_LENGTH:
        raise InvalidRequest(f"{header} has more than {MAX_HEADER_LENGTH} characters")
    return value


def forwarded_parameters(header: str) -> dict[str, str]:
    """The parameters of a Forwarded header by name in lower case (RFC 7239 section 4).

    Of one that several proxies state, the first, which is the outermost proxy's. Malformed parts are ignored.
    """
    found: dict[str, str] = {}
    for name, quoted, token in FORWARDED_PAIR.findall(header):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else token)
    return found


def _first(value: str) -> str:
    """The first entry of a comma-separated header: what the outermost proxy saw."""
    return value.partition(",")[0].strip()
