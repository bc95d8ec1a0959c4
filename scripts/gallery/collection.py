"""Makes the collection of scripts/demo through the REST interface of the server: the scenes of `seasons`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from scripts.gallery.seasons import WRITERS

COLLECTION: Mapping[str, Any] = {
    "type": "Collection",
    "id": "island-seasons",
    "title": "Island in four seasons",
    "description": "An invented island in winter, spring, summer and autumn, two scenes of each",
    "license": "CC0-1.0",
    "iipserve:times": {"match": "before", "default": "all"},
}


def make(address: str) -> None:
    """Create the collection and add all scenes.

    Args:
        address: of the server, with a slash at its end.

    Raises:
        OSError: the server refuses it, or does not answer.
    """
    _post(f"{address}stac/collections", COLLECTION)
    _post(f"{address}stac/collections/{COLLECTION['id']}/items", [*WRITERS])


def _post(address: str, value: Any) -> None:
    request = urllib.request.Request(
        address, json.dumps(value).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        answer.read()
