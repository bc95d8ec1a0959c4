"""Layers in groups: folders of images, and GROUP or `wms_layer_group` of map files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from iipserve.geo.layer import Catalog, Layer, LayerEntry, ServiceMetadata
from iipserve.protocols import Server
from iipserve.protocols import map_options as options

MAX_DEPTH = 16
"""Groups in one another; layers further down belong to the last of them."""
COMMA, ESCAPED_COMMA = ",", "%2C"
"""A comma in a name, and how documents and requests write it: commas stand between the names of a list."""


class Step(NamedTuple):
    """A group on the way to a layer."""

    name: str
    """By which all its layers are asked for."""
    title: str
    abstract: str = ""


class Group(NamedTuple):
    """A group of layers."""

    step: Step
    children: list[Group | LayerEntry]
    """In the order of documents."""

    def entries(self) -> Iterator[LayerEntry]:
        """All layers in it and in its groups, in the order of documents."""
        for child in self.children:
            if isinstance(child, Group):
                yield from child.entries()
            else:
                yield child


def name_of(layer: Layer) -> str:
    """The name by which documents list a layer, and by which it is asked for."""
    return written(layer.identifier)


def written(name: str) -> str:
    """A name as an entry of a list."""
    return name.replace(COMMA, ESCAPED_COMMA)


def steps(layer: Layer) -> tuple[Step, ...]:
    """The groups in one another in which a layer is, from the outermost.

    `wms_layer_group` is a path of groups, as in `/maps/relief`, which are called by their own names alone, as MapServer
    does; GROUP is one group; else folders are groups, which are called by their paths.
    """
    found = layer.metadata
    if path := found.get("layer_group", "").strip("/"):
        return tuple(Step(written(name), name) for name in path.split("/") if name)[:MAX_DEPTH]
    if group := found.get("group", ""):
        title = found.get("group_title") or group
        return (Step(written(group), title, found.get("group_abstract", "")),)
    names = layer.identifier.split("/")[:-1][:MAX_DEPTH]
    return tuple(Step(written("/".join(names[: end + 1])), name) for end, name in enumerate(names) if name)


def tree(entries: Iterable[LayerEntry], metadata: ServiceMetadata) -> Group:
    """Layers in their groups; the outermost group is the layer that all others are in.

    Args:
        entries: in the order of documents; a group is where its first layer is.
        metadata: of the service.
    """
    root = options.root_layer(metadata)
    top = Group(Step(written(root.name), root.title, root.abstract), [])
    groups: dict[tuple[str, ...], Group] = {(): top}
    for entry in entries:
        path: tuple[str, ...] = ()
        group = top
        for step in steps(entry.layer):
            path = (*path, step.name)
            if path not in groups:
                groups[path] = Group(step, [])
                group.children.append(groups[path])
            group = groups[path]
        group.children.append(entry)
    return top


def listed(catalog: Catalog) -> Iterator[LayerEntry]:
    """The layers that documents list, as they are offered. Raises `NotInstalled`."""
    metadata = catalog.metadata
    plain = options.lists_plain_images(metadata)
    for entry in catalog.entries():
        if options.CAPABILITIES in options.layer_operations(entry.layer, metadata):
            shown = options.offered(entry, metadata)
            if plain or options.is_on_ground(shown):
                yield shown


def members(name: str, server: Server) -> tuple[Layer, ...]:
    """The layers that a name in a request stands for: one, or those of a group in the order of documents; none if unknown.

    A layer goes before a group of the same name.
    """
    for identifier in dict.fromkeys((name, name.replace(ESCAPED_COMMA, COMMA))):
        if (layer := server.catalog().find(identifier)) is not None:
            return (layer,)
    return _groups(server.listed()).get(name, ())


def members_in(name: str, catalog: Catalog) -> tuple[Layer, ...]:
    """The same of a catalog that has been listed."""
    layer = catalog.find(name) or catalog.find(name.replace(ESCAPED_COMMA, COMMA))
    return (layer,) if layer is not None else _groups(catalog).get(name, ())


@lru_cache(maxsize=2)
def _groups(catalog: Catalog) -> Mapping[str, tuple[Layer, ...]]:
    """The layers of each group by its name."""
    root = written(options.root_layer(catalog.metadata).name)
    found: dict[str, list[Layer]] = {}
    for entry in listed(catalog):
        for name in dict.fromkeys((root, *(step.name for step in steps(entry.layer)))):
            found.setdefault(name, []).append(entry.layer)
    found.pop("", None)
    return {name: tuple(layers) for name, layers in found.items()}
