"""What the descriptions of an image promise, read from their text as a client does: addresses, and what has to come."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

Fetch = Callable[[str], bytes]
"""Path -> body of an answer of status 200."""
SizeTest = Callable[[int, int], bool]


class Promise(NamedTuple):
    """An address, and what the size of its picture has to be."""

    address: str
    is_kept: SizeTest
    kept_by: str
    """For the message."""


def exactly(address: str, width: int, height: int) -> Promise:
    return Promise(address, lambda w, h: (w, h) == (width, height), f"{width} x {height}")


def ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)


def ends(count: int) -> list[int]:
    """The first, a middle and the last index."""
    return sorted({0, count // 2, count - 1})


# -- IIIF ------------------------------------------------------------------------------------------


class Limits(NamedTuple):
    """As stated in info.json."""

    width: float
    height: float
    area: float

    def allow(self, width: int, height: int) -> bool:
        return width <= self.width and height <= self.height and width * height <= self.area


def limits_of(document: dict[str, Any]) -> Limits:
    """Image API 3.0 section 5.2; in version 2 in the second member of `profile`."""
    profile = document.get("profile")
    stated = profile[1] if isinstance(profile, list) else document
    width = stated.get("maxWidth", math.inf)
    return Limits(width, stated.get("maxHeight", width), stated.get("maxArea", math.inf))


def reduced(address: str, width: int, height: int, limits: Limits) -> Promise:
    """`max`: as it is, or as large as the limits allow, of nearly the same shape."""
    if limits.allow(width, height):
        return exactly(address, width, height)
    return Promise(address, lambda w, h: _is_largest(w, h, limits), f"the largest within {limits}")


def _is_largest(width: int, height: int, limits: Limits) -> bool:
    """Whether a pixel more, and on the longer side as many as keep the shape, would be too much."""
    more = width + ceil_div(width, height), height + ceil_div(height, width)
    return limits.allow(width, height) and not limits.allow(*more)


def rotated(address: str, degrees: int, width: int, height: int) -> Promise:
    """Image API 3.0 section 4.3; rounding is free."""
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    across, down = width * cosine + height * sine, height * cosine + width * sine
    return Promise(
        address, lambda w, h: abs(w - across) <= 1 and abs(h - down) <= 1, f"{across:.1f} x {down:.1f}, about"
    )


def of_iiif(name: str, version: int, fetch: Fetch) -> Iterator[Promise]:
    """All that info.json of one version promises: sizes, tiles, formats, qualities, rotations."""
    base = f"/iiif/{version}/{name}"
    document = json.loads(fetch(f"{base}/info.json"))
    width, height, limits = document["width"], document["height"], limits_of(document)
    quality = "native" if version == 1 else "default"
    for size in document.get("sizes", ()):
        assert limits.allow(size["width"], size["height"]), f"{size} is beyond {limits}"
        spellings = [f"{size['width']},{size['height']}"] + [f"{size['width']},"] * (version == 2)
        for text in spellings:
            yield exactly(f"{base}/full/{text}/0/{quality}.jpg", size["width"], size["height"])
    yield from _tiles(base, version, document, limits)
    largest = "full" if version == 1 else "max"
    for format in _formats(document, version):
        yield reduced(f"{base}/full/{largest}/0/{quality}.{format}", width, height, limits)
        side = min(width, height)
        if version > 1:
            yield reduced(f"{base}/square/max/0/{quality}.{format}", side, side, limits)
            yield reduced(
                f"{base}/full/max/!90/{quality}.{format}",
                height,
                width,
                Limits(limits.height, limits.width, limits.area),
            )
        if "rotationArbitrary" in _features(document, version) and limits.allow(width, height):
            yield rotated(f"{base}/full/max/45/{quality}.{format}", 45, width, height)
            yield rotated(f"{base}/full/max/!30/{quality}.{format}", 30, width, height)
    for listed in _qualities(document, version):
        yield reduced(f"{base}/full/{largest}/0/{listed}.png", width, height, limits)
    if version == 3 and "sizeUpscaling" in document["extraFeatures"]:
        assert min(limits) < math.inf, "^ needs a limit (section 4.2)"
        assert {"maxWidth", "maxArea"} & document.keys()
        is_largest = lambda w, h: _is_largest(w, h, limits)  # noqa: E731
        yield Promise(f"{base}/full/^max/0/default.jpg", is_largest, f"the largest within {limits}")
        if "rotationArbitrary" in document["extraFeatures"]:
            yield Promise(f"{base}/full/^max/45/default.avif", lambda w, h: True, "any")


def _features(document: dict[str, Any], version: int) -> list[str]:
    if version == 1:
        return []
    features: list[str] = document["extraFeatures"] if version == 3 else document["profile"][1]["supports"]
    return features


def _formats(document: dict[str, Any], version: int) -> list[str]:
    if version == 3:
        return ["jpg", "png", *document["extraFormats"]]
    formats: list[str] = document["formats"] if version == 1 else document["profile"][1]["formats"]
    return formats


def _qualities(document: dict[str, Any], version: int) -> list[str]:
    if version == 3:
        return ["default", *document["extraQualities"]]
    qualities: list[str] = document["qualities"] if version == 1 else document["profile"][1]["qualities"]
    return qualities


def _tiles(base: str, version: int, document: dict[str, Any], limits: Limits) -> Iterator[Promise]:
    """Tiles as the implementation notes of the Image API compute them."""
    if version == 1:
        tile = {
            "width": document["tile_width"], "height": document["tile_height"], "scaleFactors": document["scale_factors"],
        }  # fmt: skip
    else:
        (tile,) = document["tiles"]
    width, height = document["width"], document["height"]
    assert limits.allow(tile["width"], tile["height"]), f"{tile} is beyond {limits}"
    for factor in tile["scaleFactors"]:
        across, down = tile["width"] * factor, tile["height"] * factor
        for column in ends(ceil_div(width, across)):
            for row in ends(ceil_div(height, down)):
                x, y = column * across, row * down
                w, h = min(across, width - x), min(down, height - y)
                size = ceil_div(w, factor), ceil_div(h, factor)
                text = f"{size[0]},{size[1]}" if version == 3 else f"{size[0]},"
                quality = "native" if version == 1 else "default"
                yield exactly(f"{base}/{x},{y},{w},{h}/{text}/0/{quality}.jpg", *size)


# -- DeepZoom and Zoomify --------------------------------------------------------------------------


def of_deepzoom(name: str, fetch: Fetch) -> Iterator[Promise]:
    """All levels of the descriptor."""
    root = ElementTree.fromstring(fetch(f"/deepzoom/{name}.dzi"))
    size = root[0].attrib
    width, height, tile = int(size["Width"]), int(size["Height"]), int(root.attrib["TileSize"])
    last = math.ceil(math.log2(max(width, height)))
    for level in range(last + 1):
        across, down = ceil_div(width, 2 ** (last - level)), ceil_div(height, 2 ** (last - level))
        for column in ends(ceil_div(across, tile)):
            for row in ends(ceil_div(down, tile)):
                part = min(tile, across - column * tile), min(tile, down - row * tile)
                yield exactly(f"/deepzoom/{name}_files/{level}/{column}_{row}.{root.attrib['Format']}", *part)


def of_zoomify(name: str, fetch: Fetch, *, rounds_up: bool) -> Iterator[Promise]:
    """All tiers, halved as the setting says; tiles at their edges may be a pixel longer than by rounding down."""
    stated = ElementTree.fromstring(fetch(f"/zoomify/{name}/ImageProperties.xml")).attrib
    width, height, tile = int(stated["WIDTH"]), int(stated["HEIGHT"]), int(stated["TILESIZE"])
    tiers = [(width, height)]
    while max(tiers[-1]) > tile:
        tiers.append(tuple(max(1, ceil_div(side, 2) if rounds_up else side // 2) for side in tiers[-1]))  # type: ignore[arg-type]
    tiers.reverse()
    count = sum(ceil_div(w, tile) * ceil_div(h, tile) for w, h in tiers)
    assert count == int(stated["NUMTILES"])
    for tier, (across, down) in enumerate(tiers):
        for column in ends(ceil_div(across, tile)):
            for row in ends(ceil_div(down, tile)):
                w, h = min(tile, across - column * tile), min(tile, down - row * tile)
                yield _nearly(
                    f"/zoomify/{name}/TileGroup0/{tier}-{column}-{row}.jpg", w, h, 0 if rounds_up else 1
                )


def _nearly(address: str, width: int, height: int, more: int) -> Promise:
    return Promise(
        address,
        lambda w, h: 0 <= w - width <= more and 0 <= h - height <= more,
        f"{width} x {height}, +{more}",
    )
