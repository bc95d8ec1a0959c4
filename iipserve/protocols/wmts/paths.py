"""RESTful addresses of WMTS (07-057r7, section 10): tiles, feature info and legends, with and without a style.

```
LAYER/STYLE/SET/MATRIX/ROW/COLUMN.png       LAYER/SET/MATRIX/ROW/COLUMN.png
LAYER/STYLE/SET/MATRIX/ROW/COLUMN/J/I.html  LAYER/SET/MATRIX/ROW/COLUMN/J/I.html
LAYER/STYLE/legend.png
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from iipserve.geo.layer import Catalog, Layer
from iipserve.geo.ows.exceptions import INVALID_VALUE, NoSuchResource
from iipserve.geo.ows.kvp import integer
from iipserve.protocols.feature_info.formats import EXTENSIONS
from iipserve.protocols.map_tiles import tile_layer
from iipserve.protocols.url_text import decoded
from iipserve.protocols.wmts.china import LAYER_ALIAS
from iipserve.protocols.wmts.china import service as service_of
from iipserve.protocols.wmts.faults import COLUMN, LAYER, OUT_OF_RANGE, ROW
from iipserve.protocols.wmts.query import FeatureInfoQuery, LegendQuery, PixelOfTile, TileAddress, TileQuery

CAPABILITIES = "1.0.0/WMTSCapabilities.xml"
"""Of the document, below the address of the service."""
CAPABILITIES_PATH = re.compile(r"(?:1\.0\.0/)?WMTSCapabilities\.xml", re.IGNORECASE)
LEGEND = "legend"
"""The last part of the path of a legend, before its extension."""
OWN_SET = ":native"
"""Follows the identifier of a layer in the name of its own set."""
MAX_SPAN = 64
"""Parts of a path that the name of a set has at most."""


def is_capabilities(target: str) -> bool:
    """Whether a path is that of the capabilities document."""
    return CAPABILITIES_PATH.fullmatch(target) is not None


def parse(target: str, catalog: Catalog, *, is_china: bool) -> TileQuery | FeatureInfoQuery | LegendQuery:
    """Read a path.

    It is read from the right, so that the identifier of a layer may contain slashes that are not encoded.

    Raises:
        OwsError: 404 for a path of no such form, or of a layer that does not exist; 400 for a number that is none.
        InvalidRequest: it is not UTF-8.
    """
    service = service_of(is_china=is_china)
    body, _, extension = target.rpartition(".")
    parts = [decoded(part) for part in body.split("/")]
    if parts[-1].lower() == LEGEND:
        return _legend(parts[:-1], extension, catalog, service)
    if extension.lower() in EXTENSIONS:
        layer, rest = _split(parts, 5, catalog, service)
        pixel = PixelOfTile(_tile(rest[:-2], INVALID_VALUE), integer(rest[-1], "I"), integer(rest[-2], "J"))
        info_format = EXTENSIONS[extension.lower()]
        return FeatureInfoQuery(layer.names, layer, pixel, info_format, None, is_china, True)
    layer, rest = _split(parts, 3, catalog, service)
    return TileQuery(layer.names, layer, _tile(rest, OUT_OF_RANGE), extension, is_china, True)


def _legend(parts: list[str], extension: str, catalog: Catalog, service: str) -> LegendQuery:
    """The legend of `LAYER/STYLE`, or of `LAYER` for the default style."""
    for identifier, style in (("/".join(parts[:-1]), parts[-1] if parts else ""), ("/".join(parts), "")):
        layer = tile_layer(identifier, catalog, service) if identifier else None
        if layer is not None:
            return LegendQuery(layer.names, layer, style, extension)
    raise NoSuchResource(INVALID_VALUE, f"there is no layer {'/'.join(parts[:-1])!r}", LAYER)


def _tile(rest: list[str], code: str) -> TileAddress:
    style, matrix_set, matrix, row, column = rest
    return TileAddress(style, matrix_set, matrix, integer(row, ROW, code), integer(column, COLUMN, code))


def _split(parts: list[str], tail: int, catalog: Catalog, service: str) -> tuple[Layer, list[str]]:
    """The layer, and what follows it: style, matrix set, matrix and further parts.

    Args:
        parts: of the path.
        tail: number of parts after the matrix set.
        catalog: the layers.
        service: that offers them.

    Raises:
        NoSuchResource: no reading of the path has a layer that exists.
    """
    candidates = list(_readings(parts, tail))
    if not candidates:
        raise NoSuchResource(
            INVALID_VALUE,
            "the path is not LAYER/STYLE/TILEMATRIXSET/TILEMATRIX/TILEROW/TILECOL.FORMAT, "
            f"LAYER/TILEMATRIXSET/TILEMATRIX/TILEROW/TILECOL.FORMAT or {CAPABILITIES}",
        )
    for identifier, style, rest in candidates:
        layer = tile_layer(identifier, catalog, service)
        if layer is not None and (not style or layer.style(style) is not None):
            return layer, [style, *rest]
    for identifier, style, rest in candidates:
        if (layer := tile_layer(identifier, catalog, service)) is not None:
            return layer, [style, *rest]
    names = " or ".join(dict.fromkeys(repr(identifier) for identifier, _, _ in candidates))
    raise NoSuchResource(INVALID_VALUE, f"there is no layer {names}", LAYER)


def _readings(parts: list[str], tail: int) -> Iterator[tuple[str, str, list[str]]]:
    """(layer, style, the rest) with and without a style; a style may be empty.

    The name of a set may contain slashes only if it is that of the layer's own set.
    """
    for span in range(1, min(len(parts) - tail, MAX_SPAN)):
        matrix_set, rest = "/".join(parts[-tail - span : -tail]), parts[-tail:]
        own = matrix_set.removesuffix(OWN_SET).removeprefix(LAYER_ALIAS)
        if span > 1 and own == matrix_set:
            continue
        for style in (1, 0):
            end = len(parts) - tail - span - style
            identifier = "/".join(parts[:end])
            if end > 0 and all(parts[:end]) and (span == 1 or identifier in (own, unquote(own))):
                yield identifier, parts[end] if style else "", [matrix_set, *rest]
