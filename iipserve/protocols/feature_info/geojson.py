"""Feature info as GeoJSON (RFC 7946)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from iipserve.plan import Document
from iipserve.protocols.feature_info.measuring import BandValue, Measured, Number
from iipserve.protocols.feature_info.planning import LayerAnswer


def write_json(answers: Sequence[LayerAnswer]) -> Document:
    """A FeatureCollection with one Feature, a point, for each layer that has something there."""
    features = [_feature(each, each.measured) for each in answers if each.measured]
    text = json.dumps(
        {"type": "FeatureCollection", "features": features}, ensure_ascii=False, allow_nan=False
    )
    return Document(text.encode("utf-8", "replace"), "application/json")


def _feature(answer: LayerAnswer, found: Measured) -> dict[str, Any]:
    spot = found.spot
    geometry = None
    if spot.longitude is not None:
        geometry = {"type": "Point", "coordinates": [spot.longitude, spot.latitude]}
    area = {
        "column": spot.area.x,
        "row": spot.area.y,
        "width": spot.area.width,
        "height": spot.area.height,
        "level": found.level,
        "exact": found.is_exact,
    }
    properties: dict[str, Any] = {
        "layer": answer.layer.identifier,
        "title": answer.layer.displayed_title,
        "crs": answer.crs_name,
        "x": spot.x,
        "y": spot.y,
        "column": spot.column,
        "row": spot.row,
        "nodata": not found.has_data,
        "area": area,
        "bands": [_band(each) for each in found.bands],
    }
    if answer.layer.index is not None:
        properties["images"] = list(answer.images)
    return {
        "type": "Feature",
        "id": answer.layer.identifier,
        "geometry": geometry,
        "properties": properties,
    }


def _band(found: BandValue) -> dict[str, Any]:
    return {
        "name": found.band.name,
        "unit": found.band.unit,
        "value": _finite(found.value),
        "raw": _finite(found.raw),
        "minimum": _finite(found.minimum),
        "maximum": _finite(found.maximum),
        "mean": _finite(found.mean),
        "pixels": found.pixels,
    }


def _finite(number: Number | None) -> Number | None:
    """The number; None for one that JSON has no text for."""
    return number if number is not None and math.isfinite(number) else None
