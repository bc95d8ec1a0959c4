"""Layers as coverages: what WCS and OGC API - Coverages say of a layer, and by which names it is asked for.

The identifier of a coverage is an NCName, since it is an attribute of type ID in documents of GML: that of a layer with
`_` for each character that such a name cannot have (`maps/relief` is `maps_relief`). Of two layers with one identifier of
a coverage, that whose own name it is has it, else the first in the order of documents; the other one is found by its
own name only, and documents do not list it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.layer import Catalog, Layer, LayerEntry, ServiceMetadata
from iipserve.geo.ows.xml import nc_name
from iipserve.image import quick_repr
from iipserve.protocols import Server, coverage_options
from iipserve.protocols.coverage_bands import OfferedBand, bands_of, sample_type
from iipserve.protocols.coverage_images import times_of
from iipserve.protocols.coverage_options import item, split
from iipserve.protocols.native_grids import NoGrid, native_grid


@quick_repr
@dataclass(frozen=True, slots=True)
class Offering:
    """A layer as a coverage."""

    coverage_id: str
    """An NCName."""
    entry: LayerEntry
    """As it is offered: in pixel space where its image has a place in no system that has a name."""
    title: str
    """Of the layer, by default its name."""
    description: str
    keywords: tuple[str, ...]
    grid: GridRef
    """North-up; in the first of `crs`. Of a plain picture, y runs from minus the height to 0."""
    bands: tuple[OfferedBand, ...]
    """At least one."""
    dtype: str
    """numpy name of the type of samples: `int16`."""
    formats: tuple[str, ...]
    """Names of formats, in the order of documents: `geotiff`, or as the service file calls one."""
    native_format: str
    """One of `formats`: that of requests that name none."""
    crs: tuple[str, ...]
    """Keys of the systems in which documents list it, that of `grid` first."""
    interpolations: tuple[str, ...]
    """Values of `plan.Resampling`, the default first."""
    degrees: Bounds | None
    """Its box in degrees of WGS 84 by `LayerEntry.geographic_bounds`; None if it is not on Earth."""
    times: tuple[str, ...] = ()
    """Time positions (ISO 8601), in the order of the service file."""

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self.entry.layer

    @property
    def is_plain(self) -> bool:
        """It is not on the ground: its coordinates are pixels."""
        return not coverage_options.is_on_ground(self.entry)


def offering(entry: LayerEntry, metadata: ServiceMetadata) -> Offering:
    """What is said of a layer.

    Args:
        entry: as the catalog has it.
        metadata: of the service.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    shown = coverage_options.offered(entry, metadata)
    try:
        return _made(shown, metadata)
    except NoGrid:
        return _made(shown.in_pixel_space(), metadata)


def _made(shown: LayerEntry, metadata: ServiceMetadata) -> Offering:
    layer = shown.layer
    systems = coverage_options.crs_of(shown, metadata)
    formats = coverage_options.layer_formats(layer, metadata)
    resolution = _pair(item(layer, "resolution"))
    default = layer.resampling
    methods = coverage_options.interpolations(metadata)
    size = resolution or _pair(item(layer, "size"))
    grid = native_grid(shown, systems[0], size, by_resolution=resolution is not None)
    return Offering(
        coverage_id(layer),
        shown,
        item(layer, "label") or item(layer, "title") or layer.displayed_title,
        item(layer, "description") or item(layer, "abstract") or layer.abstract,
        split(item(layer, "keywordlist")) or split(item(layer, "keywords")) or layer.keywords,
        grid,
        bands_of(shown),
        sample_type(shown),
        formats,
        coverage_options.layer_native_format(layer, metadata),
        systems,
        tuple(dict.fromkeys((default, *methods))) if default in methods else methods,
        _degrees(shown, grid),
        times_of(layer),
    )


def _degrees(shown: LayerEntry, grid: GridRef) -> Bounds | None:
    """The box of a layer; of several images, that around their grid."""
    if not shown.layer.images or grid.crs == crs.IMAGE:
        return shown.geographic_bounds()
    return transform_bounds(grid.crs, crs.WGS84, grid.bounds)


def _pair(text: str) -> tuple[float, float] | None:
    """Two numbers above 0; None of other texts."""
    try:
        across, down = map(float, split(text))
    except ValueError:
        return None
    return (across, down) if 0 < across < 1e15 and 0 < down < 1e15 else None


# -- names -----------------------------------------------------------------------------------------


def coverage_id(layer: Layer) -> str:
    """The identifier of a layer as a coverage."""
    return nc_name(item(layer, "name") or layer.identifier)


def listed(catalog: Catalog) -> Iterator[LayerEntry]:
    """The layers that documents list as coverages. Raises `NotInstalled`."""
    return iter(_listed(catalog))


@lru_cache(maxsize=2)
def _listed(catalog: Catalog) -> tuple[LayerEntry, ...]:
    metadata, table = catalog.metadata, _table(catalog)
    plain = coverage_options.lists_plain_images(metadata)
    return tuple(
        entry
        for entry in catalog.entries()
        if coverage_options.CAPABILITIES in coverage_options.layer_operations(entry.layer, metadata)
        and table.get(coverage_id(entry.layer)) == entry.layer
        and (plain or coverage_options.is_on_ground(coverage_options.offered(entry, metadata)))
    )


@lru_cache(maxsize=2)
def _table(catalog: Catalog) -> Mapping[str, Layer]:
    """The layer of each identifier of a coverage."""
    return owners_of(entry.layer for entry in catalog.entries())


def owners_of(layers: Iterable[Layer]) -> Mapping[str, Layer]:
    """The layer of each identifier of a coverage: that whose own name it is, else the first."""
    found: dict[str, Layer] = {}
    for layer in layers:
        name = coverage_id(layer)
        if name not in found or (layer.identifier == name != found[name].identifier):
            found[name] = layer
    return found


def find_layer(name: str, server: Server) -> Layer | None:
    """The layer of a coverage; None where there is none.

    Args:
        name: its identifier as a coverage, or the name of a layer.
        server: whose catalog has it. The layers are listed only if none has this name.
    """
    layer = server.catalog().find(name)
    if layer is not None and (coverage_id(layer) == name or nc_name(name) != name):
        return layer
    return _table(server.listed()).get(name) or layer
