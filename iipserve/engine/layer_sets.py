"""The layers of the server as snapshots: those of the image folder, or those of the service file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from iipserve.engine.catalog_scan import Scanned, Target, images_below, images_of
from iipserve.engine.collection_layers import CollectionLayers
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import LayerFinder, NamedImage, layer_names
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.service import Services
from iipserve.image import ImageName
from iipserve.lru import LRU

MAX_FOUND = 4096
"""Layers whose images have been looked up."""


class LayerSet(ABC):
    """Which layers there are, and how they are found. Safe for many threads."""

    @abstractmethod
    def targets(self) -> Iterator[Target]:
        """The images to read for documents, at present."""

    @abstractmethod
    def systems(self, name: ImageName) -> tuple[str, ...]:
        """Keys of the systems that layers of an image state, of one of the last `targets`."""

    @abstractmethod
    def find(self, name: str) -> Layer | None:
        """The public layer of that name, or whose image has it; reads one folder at most."""

    @abstractmethod
    def entries(self, scanned: Scanned) -> Iterator[LayerEntry]:
        """The layers to list, of what has been read."""


class FolderLayers(LayerSet):
    """Every image is a layer."""

    def __init__(self, folder: ImageFolder, finder: LayerFinder) -> None:
        """Read nothing."""
        self._folder = folder
        self._finder = finder

    def targets(self) -> Iterator[Target]:
        """See `LayerSet`."""
        return images_below(self._folder)

    def systems(self, name: ImageName) -> tuple[str, ...]:
        """See `LayerSet`."""
        return ()

    def find(self, name: str) -> Layer | None:
        """See `LayerSet`."""
        found = self._finder.find(name)
        return None if found is None else Layer(found.layer, ImageName(found.identifier))

    def entries(self, scanned: Scanned) -> Iterator[LayerEntry]:
        """See `LayerSet`."""
        names = layer_names([image.name.identifier for image in scanned.images])
        for image in sorted(scanned.images, key=lambda image: image.name):
            layer = Layer(names[image.name.identifier], image.name)
            yield LayerEntry(layer, image.info, image.geo, image.places)


class _Found(NamedTuple):
    image: NamedImage
    layer: Layer


class FileLayers(LayerSet):
    """The layers of a service file."""

    def __init__(self, services: Services, folder: ImageFolder, finder: LayerFinder) -> None:
        """Read nothing."""
        self._layers = tuple(layer for layer in services.layers if layer.is_public)
        by_image = {layer.name.identifier: layer for layer in reversed(self._layers)}
        self._by_name: Mapping[str, Layer] = {
            **by_image,
            **{layer.identifier: layer for layer in self._layers},
        }
        self._folder = folder
        self._finder = finder
        self._found: LRU[str, _Found] = LRU(MAX_FOUND)
        self._systems: Mapping[ImageName, tuple[str, ...]] = {}

    def targets(self) -> Iterator[Target]:
        """See `LayerSet`."""
        systems: dict[ImageName, tuple[str, ...]] = {}
        for stated in self._layers:
            if stated.crs and (layer := self._with_image(stated)) is not None:
                systems[layer.name] = (*systems.get(layer.name, ()), *layer.crs)
        self._systems = systems
        return images_of(self._layers, self._folder, self._finder)

    def systems(self, name: ImageName) -> tuple[str, ...]:
        """See `LayerSet`."""
        return self._systems.get(name, ())

    def find(self, name: str) -> Layer | None:
        """See `LayerSet`."""
        layer = self._by_name.get(name)
        return None if layer is None else self._with_image(layer)

    def entries(self, scanned: Scanned) -> Iterator[LayerEntry]:
        """See `LayerSet`."""
        images = {image.name: image for image in scanned.images}
        for stated in self._layers:
            layer = self._with_image(stated)
            image = None if layer is None else images.get(layer.name)
            if layer is not None and image is not None:
                yield LayerEntry(layer, image.info, image.geo, image.places)

    def _with_image(self, layer: Layer) -> Layer | None:
        """The layer with the whole identifier of its image; None where there is no such image."""
        image = self._finder.find(layer.name.identifier)
        if image is None:
            return None
        known = self._found.get(layer.identifier)
        if known is None or known.image is not image:
            name = layer.name._replace(identifier=image.identifier)
            known = _Found(image, replace(layer, name=name))
            self._found.set(layer.identifier, known)
        return known.layer


def layer_set(services: Services, folder: ImageFolder, finder: LayerFinder) -> LayerSet:
    """The layers of the service file if it lists any, else those of the folder."""
    return FileLayers(services, folder, finder) if services.has_layers else FolderLayers(folder, finder)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The layers at one time. Implements `geo.layer.Catalog`; compared by identity."""

    metadata: ServiceMetadata
    version: str
    listed: tuple[LayerEntry, ...]
    by_name: Mapping[str, Layer]
    """Those listed, by identifier of the layer and of its image."""
    layers: LayerSet
    collections: CollectionLayers | None = None
    """Found by the version that their store has at present, and listed as of `state`; None for none."""
    state: int = 0
    """Version of the store of the collections that are listed; 0: none are."""

    @classmethod
    def of(
        cls,
        services: Services,
        layers: LayerSet,
        scanned: Scanned,
        collections: CollectionLayers | None = None,
    ) -> Snapshot:
        """The layers as they are, and those to list of what has been read; no collection is listed yet."""
        entries = tuple(layers.entries(scanned))
        by_name = {entry.layer.name.identifier: entry.layer for entry in reversed(entries)}
        by_name |= {entry.layer.identifier: entry.layer for entry in entries}
        return cls(services.metadata, scanned.version, entries, by_name, layers, collections)

    def with_collections(self) -> Snapshot:
        """The same with the collections that there are at present, after all other layers. Raises `StoreUnavailable`.

        A collection that has the name of another layer is left out.
        """
        assert self.collections is not None
        state = self.collections.state()
        entries = self.collections.entries()
        shown = tuple(each for each in entries if self._image_layer(each.layer.identifier) is None)
        version = f"{self.version}.{state:012}" if self.version else ""
        return replace(self, version=version, listed=(*self.listed, *shown), state=state)

    def find(self, identifier: str) -> Layer | None:
        """See `geo.layer.Catalog`."""
        layer = self._image_layer(identifier)
        if layer is None and self.collections is not None:
            layer = self.collections.find(identifier)
        return layer

    def _image_layer(self, identifier: str) -> Layer | None:
        layer = self.by_name.get(identifier)
        return self.layers.find(identifier) if layer is None else layer

    def entries(self) -> Iterator[LayerEntry]:
        """See `geo.layer.Catalog`."""
        return iter(self.listed)
