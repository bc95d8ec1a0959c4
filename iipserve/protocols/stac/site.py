"""Where the resources of the STAC API are, and the links between them: one builder for all addresses."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from iipserve.http import Routed
from iipserve.http.public_address import ascii_address, public_root
from iipserve.protocols import Server
from iipserve.protocols.map_tiles import service_root
from iipserve.protocols.resource_forms import Form
from iipserve.protocols.resource_links import HTML, JSON, Addresses, Json, link
from iipserve.protocols.stac.permitted import settings

SEGMENT = "stac"
"""Path of the service."""
ALIASES = ("collections", "search")
"""Resources that are reached at the root of the server too."""
GEOJSON = "application/geo+json"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
NDJSON, GEOJSON_SEQUENCE = "application/x-ndjson", "application/geo+json-seq"
PARQUET = "application/vnd.apache.parquet"
EXPORTS = (NDJSON, GEOJSON_SEQUENCE, PARQUET)
"""Files of any number of items: JSON lines, those of RFC 8142, and GeoParquet."""
FORMS = {"json": JSON, "html": HTML, "ndjson": NDJSON, "geojsonseq": GEOJSON_SEQUENCE, "parquet": PARQUET}
"""Media types by the values of `f`; `json` stands for whichever JSON a resource is."""


class Site(NamedTuple):
    """The addresses of a service as its client sees them, and in what form a resource is asked for."""

    addresses: Addresses
    """Of the resources of the STAC API."""
    server_root: str
    """Absolute address of the server, with a slash at its end."""
    form: Form
    services: tuple[str, ...] = ()
    """That show collections as layers: out of `collection_settings.SERVICES`."""

    @property
    def is_html(self) -> bool:
        """The resource is sent as a page for people."""
        return self.form.media_type == HTML

    @property
    def root_links(self) -> list[Json]:
        """The link of every resource to the landing page."""
        return [link(self.addresses.root, "root", JSON, "The landing page")]

    def own_links(self, *segments: str, media_type: str = JSON) -> list[Json]:
        """The links of a resource to itself, to its page for people, and to the landing page."""
        href = self.addresses.of(*segments)
        page = link(f"{href}?f=html", "alternate", HTML, "This document as HTML")
        return [link(href, "self", media_type, "This document"), page, *self.root_links]

    def collection(self, name: str, *more: str) -> str:
        """The address of a collection, or of what is below it."""
        return self.addresses.of("collections", name, *more)

    def iiif(self, identifier: str, *more: str) -> str:
        """An address of an image in IIIF's form.

        Args:
            identifier: of the image.
            more: what follows it: `info.json`, or region, size, rotation and quality.
        """
        parts = (quote(identifier, safe=""), *(quote(each, safe="!,:.") for each in more))
        return f"{self.server_root}iiif/{'/'.join(parts)}"


def path_of(routed: Routed) -> str:
    """The path of the resource below the landing page, as the client wrote it, without slashes at its ends."""
    segment = _alias(routed)
    path = f"{segment}/{routed.target}" if segment else routed.target
    return path.strip("/")


def site_of(routed: Routed, server: Server, form: Form) -> Site:
    """The addresses of the service for the client of a request.

    Raises:
        NotThere: the service has no collections.
        Forbidden: it does not publish them by this service.
        InvalidRequest: the Host header, or a forwarded one that is trusted, is malformed.
    """
    if segment := _alias(routed):
        routed = routed._replace(mount=f"{routed.mount.removesuffix(f'{segment}/')}{SEGMENT}/")
    root = service_root(routed, server, SEGMENT)
    if root.endswith(f"/{SEGMENT}/"):
        above = root.removesuffix(f"{SEGMENT}/")
    else:
        above = public_root(routed.request.environ, trusted=server.config.trust_forwarded) + "/"
    return Site(Addresses(root), above, form, settings(server).services)


def continued(routed: Routed, token: str) -> str:
    """The query of a request with another token, in ASCII."""
    kept = (part for part in routed.request.query.split("&") if part and _name(part) != "token")
    return ascii_address("&".join((*kept, f"token={quote(token, safe='')}")))


def _name(part: str) -> str:
    return part.partition("=")[0].lower()


def _alias(routed: Routed) -> str:
    """The first segment of the path where the service is reached without its own."""
    last = routed.mount.strip("/").rpartition("/")[2]
    return last if last in ALIASES else ""
