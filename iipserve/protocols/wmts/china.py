"""WMTS with the tile matrix sets of the Chinese public map platform (CH/Z 9011, GB/T 35634), in the forms of its clients.

The service is at `/wmts-china`; at `/NAME_c/wmts` and `/NAME_w/wmts`, as the national platform has one service for each
layer and projection; and at `/DataServer?T=NAME_w&x=1&y=2&l=3`.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from iipserve.geo.collection_settings import WMTS, WMTS_CHINA
from iipserve.geo.layer import Catalog, Layer, ServiceMetadata
from iipserve.geo.ows.kvp import Parameters
from iipserve.http import Routed
from iipserve.protocols.map_tiles import tile_layer
from iipserve.protocols.url_text import decoded
from iipserve.protocols.wmts import options
from iipserve.protocols.wmts.faults import (
    LAYER,
    MATRIX_SET,
    OUT_OF_RANGE,
    NoKey,
    unknown_layer,
)
from iipserve.protocols.wmts.query import TileAddress, TileQuery

SEGMENT = "wmts-china"
SHORTCUT = "DataServer"
ANY_FORMAT = "tiles"
"""The format of tiles as clients of the national platform name it: whichever is usual."""
PLATFORM_PATH = re.compile(r"/(?P<layer>.+)_(?P<set>[cw])/wmts/?")
SHORTCUT_VALUE = re.compile(r"(?P<layer>.+)_(?P<set>[cw])", re.DOTALL)
ALIASES = {"tdt_c": "c", "tdt_w": "w"}
LAYER_ALIAS = "ChinaPublicServices_"
"""Precedes the identifier of a layer in a name of its geographic set."""


class Form(NamedTuple):
    """What the path of a request says."""

    layer: str = ""
    """Empty where the path names none."""
    matrix_set: str = ""
    is_shortcut: bool = False

    def completed(self, parameters: Parameters, catalog: Catalog) -> Parameters:
        """The parameters with what follows from the path and from the platform's conventions."""
        values = dict(parameters.values)
        asked = values.get(LAYER, "")
        if tile_layer(asked, catalog, WMTS_CHINA) is None:
            layer = (tile_layer(self.layer, catalog, WMTS_CHINA) if self.layer else None) or (
                _only(catalog) if asked else None
            )
            if layer is not None:
                values[LAYER] = layer.identifier
        if self.matrix_set and not values.get(MATRIX_SET.lower()):
            values[MATRIX_SET.lower()] = self.matrix_set
        return Parameters(values)


def form_of(routed: Routed) -> Form | None:
    """What the path of a request says; None for the usual service."""
    path = routed.request.path
    segment = path.strip("/").partition("/")[0]
    if segment == SHORTCUT:
        return Form(is_shortcut=True)
    if segment == SEGMENT:
        return Form()
    if match := PLATFORM_PATH.fullmatch(path):
        return Form(decoded(match["layer"]), match["set"])
    return None


def check_key(parameters: Parameters, metadata: ServiceMetadata) -> None:
    """See that the request has an access key, where some are configured. Raises `NoKey`."""
    keys = options.china_keys(metadata)
    if keys and parameters.get("tk") not in keys:
        raise NoKey


def shortcut(parameters: Parameters, catalog: Catalog) -> TileQuery:
    """The tile of a short address: `T=img_w&x=1&y=2&l=3`. Raises `OwsError`."""
    match = SHORTCUT_VALUE.fullmatch(parameters.required("T"))
    layer = (tile_layer(match["layer"], catalog, WMTS_CHINA) or _only(catalog)) if match else None
    if match is None or layer is None:
        raise unknown_layer(parameters.get("T"), is_restful=False)
    row, column = parameters.integer("y", OUT_OF_RANGE), parameters.integer("x", OUT_OF_RANGE)
    address = TileAddress("", match["set"], parameters.required("l"), row, column)
    return TileQuery(layer.names, layer, address, ANY_FORMAT, is_china=True)


def set_identifier(text: str) -> str:
    """`c` or `w` for any name of these sets; other names as they are."""
    return "c" if text.startswith(LAYER_ALIAS) else ALIASES.get(text, text)


def service(*, is_china: bool) -> str:
    """Which service a request is of, out of `collection_settings.SERVICES`."""
    return WMTS_CHINA if is_china else WMTS


def _only(catalog: Catalog) -> Layer | None:
    """The layer of a service that has only one."""
    layers = list(
        islice(
            (entry for entry in catalog.entries() if entry.layer.has_tiles and entry.layer.is_in(WMTS_CHINA)),
            2,
        )
    )
    return layers[0].layer if len(layers) == 1 else None
