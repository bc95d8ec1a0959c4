"""Items of the metadata of layers: texts that administrators write, as far as documents can have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from iipserve.geo.layer import Layer, Style
from iipserve.geometry import Size

ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*:[^\s<>\"]+", re.IGNORECASE)
MAX_DIGITS = 9


class StatedLegend(NamedTuple):
    """The legend of a style that is to be had elsewhere."""

    address: str
    format: str
    """A media type."""
    size: Size


def address(items: Mapping[str, str], key: str) -> str:
    """The address that an item states; empty where it is none."""
    text = items.get(key, "").strip()
    return text if ADDRESS.fullmatch(text) else ""


def is_count(text: str) -> bool:
    """Whether a text is a positive integer."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) > 0


def stated_legend(layer: Layer, style: Style) -> StatedLegend | None:
    """The legend that `style_NAME_legendurl_href`, `_width`, `_height` and `_format` state, as MapServer calls them.

    None unless address, width and height are stated.
    """
    items, start = layer.metadata, f"style_{style.name.lower()}_legendurl"
    width, height = (items.get(f"{start}_{side}", "").strip() for side in ("width", "height"))
    place = address(items, f"{start}_href")
    if not (place and is_count(width) and is_count(height)):
        return None
    return StatedLegend(place, items.get(f"{start}_format") or "image/png", Size(int(width), int(height)))
