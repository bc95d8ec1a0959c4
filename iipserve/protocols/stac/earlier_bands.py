"""Bands of STAC 1.0 as those of 1.1: one list of an asset in place of those of two extensions.

Source: STAC 1.1.0, best-practices.md, "Band migration"; extensions eo 2.0.0 and raster 2.0.0, changelogs.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from iipserve.protocols.stac.bodies import Json

COMMON = frozenset(("name", "description", "nodata", "data_type", "statistics", "unit"))
"""Fields of bands that are common metadata since 1.1; others keep the prefix of their extension."""
EARLIER: Mapping[str, str] = MappingProxyType({"eo:bands": "eo:", "raster:bands": "raster:"})
"""Members of assets, and the prefix of the fields of their bands."""


def with_bands(asset: Json) -> Json:
    """An asset with its bands as STAC 1.1 has them; those that it has so already stay. Lists that are none stay, too."""
    lists = {name: asset[name] for name in EARLIER if _is_list(asset.get(name))}
    if not lists:
        return asset
    found: list[dict[str, Any]] = [{} for _ in range(max(map(len, lists.values())))]
    for name, bands in lists.items():
        for band, stated in zip(found, bands, strict=False):
            band.update({_renamed(field, EARLIER[name]): value for field, value in stated.items()})
    others = {name: member for name, member in asset.items() if name not in lists}
    return {**others, "bands": others.get("bands") or found}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(band, dict) for band in value)


def _renamed(field: str, prefix: str) -> str:
    return field if field in COMMON or ":" in field else f"{prefix}{field}"
