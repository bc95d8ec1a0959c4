"""Which images of collections requests of OGC API ask for: by `datetime`, `subset` and `filter`."""

from __future__ import annotations

from iipserve.geo.layer import Layer
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols.collection_selection import selected
from iipserve.protocols.collection_times import NoSuchTime
from iipserve.protocols.map_tiles import NotThere
from iipserve.protocols.ogcapi.subset import read_subset
from iipserve.protocols.ogcapi.times import names_of, read_dimensions, stated_time


def selected_layers(layers: tuple[Layer, ...], parameters: Parameters, time: str) -> tuple[Layer, ...]:
    """The layers of a map that have the time that is stated; of collections, the images that are asked for.

    Raises:
        NotThere: none is left.
        OwsError: a filter or an order is malformed.
    """
    found, missing = [], None
    for layer in layers:
        try:
            found.append(selected(layer, parameters, time))
        except NoSuchTime as error:
            missing = error
    if missing is not None and not found:
        raise NotThere(str(missing)) from missing
    return tuple(found)


def selected_layer(layer: Layer, parameters: Parameters) -> Layer:
    """The layer of a tile. Raises as `selected_layers`."""
    if layer.index is None:
        return layer
    subset = read_subset(parameters, names_of((layer,)))
    (found,) = selected_layers((layer,), parameters, stated_time(read_dimensions(parameters, subset)))
    return found
