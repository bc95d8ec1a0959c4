"""A catalog of layers without files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any

from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.image import ImageName

STRANGE = "\u5f71\u50cf 2024:a/b&c"
"""An identifier of what has to be encoded in addresses and in XML."""


def layer(identifier: str, **fields: Any) -> Layer:
    """A layer of the image of the same name."""
    return Layer(identifier, ImageName(f"{identifier}.tif"), **fields)


class FakeCatalog:
    """A fixed catalog."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        entries: Sequence[LayerEntry] = (),
        version: str = "7",
        **options: Any,
    ) -> None:
        """Hold `layers`; `options` are those of WMTS."""
        named = {f"wmts.{name}": value for name, value in options.items()}
        self.metadata = ServiceMetadata("Maps", options=MappingProxyType(named))
        self.version = version
        self.layers = layers
        self._entries = entries

    def find(self, identifier: str) -> Layer | None:
        """By identifier, or by that of the image."""
        for each in self.layers:
            if identifier in (each.identifier, each.name.identifier):
                return each
        return None

    def entries(self) -> Iterator[LayerEntry]:
        """As given."""
        return iter(self._entries)
