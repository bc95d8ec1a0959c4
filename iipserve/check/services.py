"""What the map services offer: which services, how many layers, and what is wrong with the service file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from iipserve.config import Config
from iipserve.engine.catalog_scan import MAX_LISTED, images_below
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import LayerFinder
from iipserve.engine.library import Library
from iipserve.errors import ConfigError, IIPServeError
from iipserve.geo import missing_packages
from iipserve.geo.layer import Layer
from iipserve.geo.service import Services, load
from iipserve.protocols.coverage_offerings import coverage_id, owners_of
from iipserve.sources import SourceFormat


def service_lines(config: Config, formats: Mapping[str, SourceFormat], mistakes: list[str]) -> list[str]:
    """Lines of the report; what keeps the server from working is added to `mistakes`."""
    if missing := missing_packages():
        if config.services:
            mistakes.append(f"SERVICES is {config.services!r}; it needs {', '.join(missing)}")
        return [f"not available: {', '.join(missing)} missing; pip install 'iipserve[geo]' installs them"]
    try:
        services = load(config)
    except ConfigError as error:
        mistakes += str(error).splitlines()
        return [f"{config.services} has mistakes"]
    return [*_described(services), *_layers(config, services, formats), *services.notes]


def _described(services: Services) -> Iterator[str]:
    metadata = services.metadata
    yield f"title: {metadata.title}"
    if metadata.options["wmts.enabled"]:
        operations = ", ".join(("GetCapabilities", *metadata.options["wmts.operations"]))
        yield f"wmts: {operations}; formats {', '.join(metadata.options['wmts.formats'])}"
        sets = [*metadata.options["wmts.matrix_sets"]]
        sets += [found.identifier for found in metadata.options["wmts.further_matrix_sets"]]
        yield f"tile matrix sets: {', '.join([*sets, 'each image has its own'])}"
    else:
        yield "wmts: off"
    for name in ("wms", "wcs"):
        if metadata.options[f"{name}.enabled"]:
            operations = ", ".join(("GetCapabilities", *metadata.options[f"{name}.operations"]))
            formats = [*metadata.options[f"{name}.formats"]]
            if name == "wcs":
                formats += [each.name for each in metadata.options["wcs.named_formats"]]
            yield f"{name}: {operations}; formats {', '.join(formats)}"
        else:
            yield f"{name}: off"


def _without_identifier(layers: Iterable[Layer]) -> Iterator[str]:
    """Layers that documents do not list as coverages, because another one has their identifier."""
    owners = owners_of(layers)
    for layer in layers:
        name = coverage_id(layer)
        if owners[name] != layer:
            yield (
                f"layer {layer.identifier!r}: documents do not list it as a coverage, since layer "
                f"{owners[name].identifier!r} has its identifier {name!r}"
            )


def _layers(config: Config, services: Services, formats: Mapping[str, SourceFormat]) -> Iterator[str]:
    folder = ImageFolder(config)
    try:
        library = Library(config, formats)
    except ConfigError:
        return  # reported elsewhere
    if not services.has_layers:
        paths = (target.path for target in images_below(folder) if target.name is not None)
        count = len(list(islice(filter(library.is_image, paths), MAX_LISTED)))
        yield f"layers: {count}, every image below FILESYSTEM_PREFIX"
        return
    public = [layer for layer in services.layers if layer.is_public]
    yield f"layers: {len(services.layers)} of the service file, {len(public)} of them public"
    yield from _without_identifier(public)
    finder = LayerFinder(folder, library.is_image)
    for layer in public:
        try:
            found = finder.find(layer.name.identifier)
        except IIPServeError as error:
            yield f"layer {layer.identifier!r}: {error}"
            continue
        if found is None:
            yield f"layer {layer.identifier!r}: there is no image {layer.name.identifier!r}, or several"
