"""The addresses that documents state: where a client reaches a service by parameters and by paths."""

from __future__ import annotations

import re
from typing import NamedTuple

from iipserve.config import Config
from iipserve.http import Routed
from iipserve.http.public_address import ascii_address, public_root

COMMON_PATHS = frozenset({"", "/ows"})
"""Paths next to which the services have their own paths."""
IIIF_SEGMENT = re.compile(r"/iiif(?:/[123])?/$", re.IGNORECASE)
IIIF_PARAMETER = re.compile(r"(?<=[?&])iiif=[^&]*$", re.IGNORECASE)


class Endpoint(NamedTuple):
    """Where a client reaches a service: absolute addresses in ASCII."""

    kvp: str
    """Before parameters: ends in `?` or `&`."""
    rest: str
    """Before paths of resources: ends in a slash; empty where no such path is known to lead here."""


def endpoint(routed: Routed, config: Config, segment: str, public_address: str = "") -> Endpoint:
    """The addresses of a service, as seen by the client.

    Args:
        routed: a request of the service.
        config: BASE_URL, which is the address of IIIF and gives its host and prefix; TRUST_FORWARDED.
        segment: the path of the service: `wmts`.
        public_address: the address of the server that the service file states: `https://maps.example.org/img/`, or
            with parameters, `https://maps.example.org/img?map=a`; empty for none.

    Raises:
        InvalidRequest: the Host header, or a forwarded one that is trusted, is malformed.
    """
    stated = public_address or _without_iiif(config.base_url)
    if "?" in stated:
        return Endpoint(_before_parameters(stated), "")
    if stated:
        base = f"{stated.rstrip('/')}/{segment}"
        return Endpoint(f"{base}?", f"{base}/")
    root = public_root(routed.request.environ, trusted=config.trust_forwarded)
    if routed.by_path and routed.mount.strip("/") != "ows":
        path = routed.mount.rstrip("/")
        return Endpoint(f"{root}{ascii_address(path)}?", f"{root}{ascii_address(path)}/")
    path = routed.request.path.rstrip("/")
    rest = f"{root}/{segment}/" if path in COMMON_PATHS or path == f"/{segment}" else ""
    return Endpoint(f"{root}{ascii_address(path or '/')}?", rest)


def _before_parameters(address: str) -> str:
    return address if address.endswith(("?", "&")) else f"{address}&"


def _without_iiif(base: str) -> str:
    """BASE_URL without the segment or the parameter that leads to IIIF."""
    return IIIF_PARAMETER.sub("", base) if "?" in base else IIIF_SEGMENT.sub("/", base)
