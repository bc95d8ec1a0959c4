"""Links of layers and services to their metadata, as items of map files state them: `metadatalink_href`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*:[^\s<>\"]+", re.IGNORECASE)


class MetadataLink(NamedTuple):
    """A link to a document."""

    address: str
    format: str
    """A media type; empty where it is not stated."""
    type: str
    """Of the metadata: `TC211`; empty where it is not stated."""


def is_address(text: str) -> bool:
    """Whether a text is an address with a scheme."""
    return ADDRESS.fullmatch(text) is not None


def links_of(item: Callable[[str], str], key: str) -> Iterator[MetadataLink]:
    """The one link of a kind, or those that `KEY_list` names (MapServer 6.4).

    Args:
        item: the text of an item, empty where there is none.
        key: beginning of the items: `metadatalink`.
    """
    names = item(f"{key}_list").split()
    for start in [f"{key}_{name.lower()}" for name in names] or [key]:
        address = item(f"{start}_href").strip()
        if is_address(address):
            yield MetadataLink(address, item(f"{start}_format").strip(), item(f"{start}_type").strip())
