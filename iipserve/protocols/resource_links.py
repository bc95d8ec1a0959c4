"""Addresses of resources, and links to them in JSON: for the services whose documents are resources with links."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

Json: TypeAlias = dict[str, Any]

JSON = "application/json"
HTML = "text/html"


class Addresses(NamedTuple):
    """Makes absolute addresses of resources."""

    root: str
    """Address of the landing page, with a slash at its end."""

    def of(self, *segments: str, query: str = "") -> str:
        """The address of a resource: each segment is encoded, slashes in it too."""
        path = "/".join(quote(segment, safe="") for segment in segments)
        return f"{self.root}{path}?{query}" if query else self.root + path


def link(href: str, rel: str, media_type: str = JSON, title: str = "", *, templated: bool = False) -> Json:
    """A link (RFC 8288, as JSON: 19-072, section 7.5)."""
    found: Json = {"href": href, "rel": rel, "type": media_type}
    if title:
        found["title"] = title
    if templated:
        found["templated"] = True
    return found
