"""References of STAC objects: to files of this server, to resources of it, and to addresses elsewhere."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from iipserve.collections.values import Item
from iipserve.errors import InvalidRequest
from iipserve.protocols.stac.bodies import Json
from iipserve.protocols.stac.earlier_bands import with_bands

SCHEMES = frozenset(("http", "https", "s3", "gs", "ftp", "ftps", "az", "abfs"))
"""Of addresses that assets and links may have; they are never read here."""
OWN_ASSETS = ("image", "thumbnail", "iiif")
"""Keys of assets that this server adds."""
IMAGE_KEYS = ("image", "data", "visual")
"""Keys of assets that are the image of an item, whatever their roles."""
OTHER_ROLES = frozenset(("thumbnail", "overview", "metadata", "data-mask", "graphic"))
OWN_RELATIONS = frozenset((
    "self", "root", "parent", "collection", "items", "item", "child", "alternate", "next", "prev", "first",
    "http://www.opengis.net/def/rel/ogc/1.0/queryables",
))  # fmt: skip
"""Links that this server adds."""
MAX_HREF = 2048
"""Characters."""


class LocalFile(NamedTuple):
    """The file of an image on this server."""

    href: str
    """As the client wrote it."""

    def names(self, item: Item) -> bool:
        """Whether it is the file that an item has."""
        return self.href == item.href


def local_file(assets: Json, root: str) -> LocalFile | None:
    """The asset that is the image of an item, if it is a file of this server.

    Args:
        assets: of the item.
        root: address of this server.
    """
    local = {
        key: asset
        for key, asset in assets.items()
        if isinstance(asset, dict) and _is_local(asset.get("href"), root)
    }
    for key in IMAGE_KEYS:
        if key in local:
            return LocalFile(local[key]["href"])
    with_role = [asset for asset in local.values() if "data" in _roles(asset)]
    others = [asset for asset in local.values() if not OTHER_ROLES.intersection(_roles(asset))]
    for candidates in (with_role, others):
        if candidates:
            return LocalFile(candidates[0]["href"])
    return None


def foreign_assets(assets: Json, root: str) -> Json:
    """Assets that are addresses elsewhere, to keep, with bands as STAC 1.1 has them.

    Raises:
        InvalidRequest: one is no asset, or its address is none that a client can safely follow.
    """
    found: Json = {}
    for key, asset in assets.items():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            raise InvalidRequest(f"the asset {key!r:.80} has no href")
        if _is_of_server(asset["href"], root) or _is_local(asset["href"], root):
            continue
        _check_address(asset["href"], f"the asset {key!r:.80}")
        found[key] = with_bands(asset)
    return found


def foreign_links(links: Any, root: str) -> list[Json]:
    """Links to addresses elsewhere, to keep. Raises `InvalidRequest` as `foreign_assets`."""
    if not isinstance(links, list):
        raise InvalidRequest("links is no array")
    found = []
    for link in links:
        if not isinstance(link, dict) or not isinstance(href := link.get("href"), str):
            raise InvalidRequest("a link has no href")
        if not isinstance(relation := link.get("rel"), str):
            raise InvalidRequest("a link has no rel")
        if relation in OWN_RELATIONS or _is_of_server(href, root) or ":" not in href:
            continue
        _check_address(href, f"the link {relation!r:.80}")
        found.append(link)
    return found


def _roles(asset: Mapping[str, Any]) -> Sequence[str]:
    roles = asset.get("roles", ())
    return [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else ()


def _is_of_server(href: str, root: str) -> bool:
    return bool(root) and href.startswith(root)


def _is_local(href: Any, root: str) -> bool:
    """Whether a reference is one to a file: a path, or a `file` URL, or a path below a named root."""
    if not isinstance(href, str) or _is_of_server(href, root):
        return False
    scheme, colon, _ = href.partition(":")
    return (
        not colon
        or scheme.lower() == "file"
        or not _is_scheme(scheme)
        or ("://" not in href and scheme.lower() not in (*SCHEMES, "javascript", "data", "vbscript", "blob"))
    )


def _is_scheme(text: str) -> bool:
    return text[:1].isalpha() and all(c.isalnum() or c in "+-." for c in text)


def _check_address(href: str, of: str) -> None:
    scheme, colon, rest = href.partition("://")
    if (
        not colon
        or scheme.lower() not in SCHEMES
        or not rest
        or len(href) > MAX_HREF
        or not href.isprintable()
    ):
        known = ", ".join(sorted(SCHEMES))
        raise InvalidRequest(
            f"{of} has the address {href!r:.200}; one that begins with {known} and :// is needed"
        )


KINDS: Mapping[str, tuple[type, str]] = MappingProxyType(
    {
        "stac_extensions": (list, "an array"),
        "providers": (list, "an array"),
        "summaries": (dict, "an object"),
        "title": (str, "a text"),
        "description": (str, "a text"),
    }
)
"""What members of objects of STAC are that documents add to, or pages show."""


def kept_members(value: Json, derived: Container[str]) -> Json:
    """Members of an object of STAC that are kept as they are: all but those derived from fields, and those that are null.

    Raises:
        InvalidRequest: one is not what STAC says it is.
    """
    found = {name: part for name, part in value.items() if name not in derived and part is not None}
    for name, (kind, needed) in KINDS.items():
        if not isinstance(found.get(name, kind()), kind):
            raise InvalidRequest(f"{name} is {found[name]!r:.80}; {needed} is needed")
    extensions = found.get("stac_extensions", [])
    if not all(isinstance(address, str) for address in extensions):
        raise InvalidRequest("stac_extensions has something other than addresses")
    return found
