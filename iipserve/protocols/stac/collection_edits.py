"""What clients say of collections: objects of STAC, with members of this server for style and order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from iipserve.collections.identifiers import checked
from iipserve.collections.times import parse_interval
from iipserve.collections.values import ORDERS, RULES, Collection, TimePolicy
from iipserve.errors import ConfigError, InvalidRequest
from iipserve.geo.service.keys import OPERATION_KEYS, STYLE
from iipserve.geo.service.styles import style
from iipserve.protocols.stac.bodies import Json
from iipserve.protocols.stac.references import foreign_assets, foreign_links, kept_members

DERIVED_MEMBERS = frozenset((
    "type", "stac_version", "id", "title", "description", "keywords", "license", "extent", "links", "assets", "item_assets",
    "created", "updated", "conformsTo", "iipserve:count",
))  # fmt: skip
"""Members of STAC collections that are fields of `Collection`, or follow from its items."""
OWN = "iipserve:"
"""Begins the names of members of this server: style, rule, order, times."""
MATCHES = ("exact", "nearest", "before")
MAX_TEXT, MAX_KEYWORDS = 10_000, 1000


def collection_edit(
    value: Json, *, id: str = "", root: str = "", colormaps: str = "", current: Collection | None = None
) -> Collection:
    """The collection that an object describes.

    Args:
        value: a collection of STAC.
        id: that it must have, of the address; empty: it states one.
        root: address of this server, below which no link is foreign.
        colormaps: folder of color maps (COLORMAPS).
        current: the collection that is replaced.

    Raises:
        InvalidRequest: it describes none, or contradicts the address.
    """
    if value.get("type", "Collection") != "Collection":
        raise InvalidRequest(f"the type of a collection is {value['type']!r:.80}; 'Collection' is needed")
    stated = value.get("id") if value.get("id") is not None or not id else id
    if id and stated != id:
        raise InvalidRequest(f"the collection has the id {stated!r:.300}; it is {id!r} by its address")
    name = id or checked(stated, "the collection")
    kept = kept_members(value, DERIVED_MEMBERS)
    members = {key: part for key, part in kept.items() if not key.startswith(OWN)}
    if links := foreign_links(value.get("links", []), root):
        members["links"] = links
    if assets := foreign_assets(_typed(value, "assets", dict, {}), root):
        members["assets"] = assets
    return replace(
        current or Collection(name=name),
        title=_text(value, "title"),
        description=_text(value, "description"),
        license=_text(value, "license"),
        keywords=_keywords(value),
        style=_style(_typed(value, f"{OWN}style", dict, {}), colormaps),
        rule=_choice(value, f"{OWN}rule", RULES),
        order=_choice(value, f"{OWN}order", ORDERS),
        times=_times(_typed(value, f"{OWN}times", dict, {})),
        members=members,
    )


def editable(collection: Collection) -> Json:
    """What of a collection clients can change, as `collection_edit` reads it: what a patch is applied to."""
    times = collection.times
    return {
        **collection.members,
        "type": "Collection",
        "id": collection.name,
        "title": collection.title,
        "description": collection.description,
        "license": collection.license,
        "keywords": list(collection.keywords),
        **own_members(collection),
        "iipserve:times": {"match": times.match, "tolerance": times.tolerance, "default": times.default},
    }


def own_members(collection: Collection) -> Json:
    """Members of this server: style, rule and order."""
    return {
        f"{OWN}style": dict(collection.style),
        f"{OWN}rule": collection.rule,
        f"{OWN}order": collection.order,
    }


def _typed(value: Json, name: str, kind: type, default: Any) -> Any:
    found = value.get(name)
    if found is None:
        return default
    if not isinstance(found, kind):
        raise InvalidRequest(f"{name} of a collection is {found!r:.80}, of another type than it has to be")
    return found


def _text(value: Json, name: str) -> str:
    text: str = _typed(value, name, str, "")
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"{name} of a collection has more than {MAX_TEXT} characters")
    return text


def _keywords(value: Json) -> tuple[str, ...]:
    keywords = _typed(value, "keywords", list, [])
    if len(keywords) > MAX_KEYWORDS or not all(isinstance(word, str) for word in keywords):
        raise InvalidRequest(f"keywords of a collection are not at most {MAX_KEYWORDS} texts")
    return tuple(keywords)


def _choice(value: Json, name: str, choices: tuple[str, ...]) -> str:
    text: str = _typed(value, name, str, choices[0])
    if text not in choices:
        raise InvalidRequest(f"{name} is {text!r:.80}; {', '.join(choices)} are known")
    return text


def _style(value: Json, colormaps: str) -> Json:
    """The operations of a style, which the service file has as keys of `[[style]]`."""
    read = {}
    for key, stated in value.items():
        if key not in OPERATION_KEYS:
            raise InvalidRequest(f"{OWN}style has {key!r:.80}; {', '.join(OPERATION_KEYS)} are known")
        reader = STYLE[key].reader
        try:
            read[key] = reader.read(stated)
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"{key} of {OWN}style must be {str(error) or reader.accepts}") from None
    try:
        style({"name": "default", **read}, colormaps)
    except ConfigError as error:
        raise InvalidRequest(f"{OWN}style: {error}") from error
    return value


def _times(value: Json) -> TimePolicy:
    if unknown := value.keys() - {"match", "tolerance", "default"}:
        raise InvalidRequest(f"{OWN}times has {min(unknown)!r:.80}; match, tolerance and default are known")
    usual = TimePolicy()
    match, default, tolerance = (
        value.get("match", usual.match),
        value.get("default", usual.default),
        value.get("tolerance"),
    )
    if match not in MATCHES:
        raise InvalidRequest(f"match of {OWN}times is {match!r:.80}; {', '.join(MATCHES)} are known")
    if tolerance is not None and (
        not isinstance(tolerance, int | float) or isinstance(tolerance, bool) or tolerance < 0
    ):
        raise InvalidRequest(f"tolerance of {OWN}times is {tolerance!r:.80}; a number of seconds is needed")
    if not isinstance(default, str):
        raise InvalidRequest(f"default of {OWN}times is no text")
    if default not in ("newest", "all"):
        parse_interval(default)
    return TimePolicy(match, tolerance, default)
