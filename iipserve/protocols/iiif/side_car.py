"""What a file next to an image adds to its manifest: `scan.tif.manifest.json`.

It is an object of JSON with properties of a manifest (Presentation API 3.0 section 3). They replace those that follow from
the image, except that entries of `metadata` are put before the image's own and replace those of the same label, and
entries of `items` are merged with the canvases, in their order. Texts may be given without a language: `"label": "Map"`.
Identifiers of canvases may be given as `canvas/1`, as ranges need them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from iipserve.errors import DecodeError

FIXED = frozenset({"@context", "id", "type"})
"""Properties of manifests that stay as they are."""
FIXED_OF_CANVASES = frozenset({"id", "type", "width", "height", "items"})
TEXTS = ("label", "summary")
"""Properties whose values have languages (section 4)."""
OWN_CANVAS = re.compile("canvas/[1-9][0-9]{0,8}(?:#.*)?")
MAX_DEPTH = 40
"""Levels of arrays and objects: ranges in ranges."""

Members = dict[str, Any]


def merged(members: Members, stated: bytes, name: str) -> Members:
    """A manifest with what its side-car adds.

    Args:
        members: of the manifest, with its `id` and `items`.
        stated: the side-car, UTF-8.
        name: of the side-car, for the message.

    Raises:
        DecodeError: it is not an object of JSON, or has one of its properties in another form.
    """
    try:
        own = json.loads(stated.decode("utf-8-sig"))
        if not isinstance(own, dict):
            raise TypeError("an object is needed")
        return _merged(members, _absolute(own, members["id"]))
    except (ValueError, TypeError, RecursionError) as error:
        raise DecodeError(f"{name!r} cannot be added to the manifest: {error}") from error


def _merged(members: Members, own: Members) -> Members:
    result = {**members, **{name: value for name, value in own.items() if name not in FIXED}}
    for name in TEXTS:
        if name in own:
            result[name] = _with_language(own[name])
    if "metadata" in own:
        result["metadata"] = _metadata(own["metadata"], members.get("metadata", []))
    result["items"] = _canvases(own.get("items", []), members["items"])
    return result


def _with_language(value: Any) -> Any:
    """A text as a language map."""
    return {"none": [value]} if isinstance(value, str) else value


def _metadata(own: Any, others: list[Members]) -> list[Members]:
    if not (isinstance(own, list) and all(isinstance(each, dict) for each in own)):
        raise TypeError("metadata is a list of objects with label and value")
    stated = [{name: _with_language(value) for name, value in entry.items()} for entry in own]
    labels = {text for entry in stated for text in _texts(entry.get("label"))}
    return [*stated, *(entry for entry in others if labels.isdisjoint(_texts(entry["label"])))]


def _texts(value: Any) -> list[str]:
    """The texts of a language map, in any language."""
    values = value.values() if isinstance(value, dict) else ()
    return [text for texts in values if isinstance(texts, list) for text in texts if isinstance(text, str)]


def _canvases(own: Any, canvases: list[Members]) -> list[Members]:
    if not (isinstance(own, list) and all(isinstance(each, dict) for each in own)):
        raise TypeError("items is a list of objects, one for each page")
    if len(own) > len(canvases):
        raise TypeError(f"items has {len(own)} entries, but the image has {len(canvases)} pages")
    added = [
        {
            name: _with_language(value) if name in TEXTS else value
            for name, value in entry.items()
            if name not in FIXED_OF_CANVASES
        }
        for entry in own
    ]
    return [{**canvas, **addition} for canvas, addition in zip(canvases, added, strict=False)] + canvases[
        len(added) :
    ]


def _absolute(value: Any, address: str, depth: int = 0) -> Any:
    """JSON with `canvas/1` as an identifier below the address of the manifest."""
    if depth > MAX_DEPTH:
        raise TypeError(f"it has more than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return [_absolute(each, address, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _absolute(each, address, depth + 1) for name, each in value.items()}
    identifier = found.get("id")
    if isinstance(identifier, str) and OWN_CANVAS.fullmatch(identifier):
        found["id"] = f"{address}/{identifier}"
    return found
