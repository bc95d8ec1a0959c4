"""Whether a request comes from a program or a person on this host, past all proxies.

The address of the connection alone does not say so: behind a web server, it is that of the web server for all clients.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

from iipserve.http import Request

OVER_HTTP = "wsgi.url_scheme"
"""A variable of requests that came over HTTP. Over FastCGI there is always a web server between, which says what it is
configured to say."""
LOOPBACK_HOST = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{0,5})?", re.IGNORECASE)
PROXY_VARIABLE = re.compile(
    r"HTTP_(?:FORWARDED|VIA|X_(?!REQUESTED_WITH$).*|CLIENT_IP|TRUE_CLIENT_IP|"
    r"CF_.*|CDN_LOOP|FASTLY.*|PROXY.*)"
)
"""Variables of headers that proxies add."""
SAME_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site of requests that no other site makes a browser send (Fetch Metadata, section 2.4)."""


def is_local(request: Request) -> bool:
    """Whether the client is on this host, and asks for itself.

    It is if the connection came over HTTP from a loopback address to a loopback name, by a version of HTTP that clients of
    today use and proxies do not by default, without headers of proxies, and not for a page of another site.
    """
    environ = request.environ
    return (
        OVER_HTTP in environ
        and _is_loopback(environ.get("REMOTE_ADDR", ""))
        and LOOPBACK_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
        and environ.get("SERVER_PROTOCOL") not in ("HTTP/0.9", "HTTP/1.0")
        and not any(map(PROXY_VARIABLE.fullmatch, environ))
        and _is_of_same_site(environ)
    )


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _is_of_same_site(environ: Mapping[str, str]) -> bool:
    """Whether no page of another site makes a browser send the request."""
    origin = environ.get("HTTP_ORIGIN")
    own = f"{environ.get(OVER_HTTP)}://{environ.get('HTTP_HOST', '')}"
    return (origin is None or origin.lower() == own.lower()) and environ.get(
        "HTTP_SEC_FETCH_SITE", "none"
    ) in SAME_SITE
