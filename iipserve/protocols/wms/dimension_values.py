"""Whether the values that requests state for dimensions are those of their layers (06-042, annexes C and D)."""

from __future__ import annotations

from collections.abc import Iterable

from iipserve.geo.crs import quoted
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import OwsError
from iipserve.http import Headers
from iipserve.protocols import map_dimensions as known_dimensions
from iipserve.protocols.wms.faults import INVALID_DIMENSION, MISSING_DIMENSION
from iipserve.protocols.wms.query import Dimension


def checked(layers: Iterable[Layer], stated: Iterable[Dimension]) -> Headers:
    """See that a map states a value of each dimension of its layers that has no default. Layers without any ignore it.

    Times of collections are read by `collection_selection`.

    Args:
        layers: of the map.
        stated: by the request.

    Returns:
        A header for each default that counts (06-042, C.4.2).

    Raises:
        OwsError: MissingDimensionValue, InvalidDimensionValue.
    """
    asked = {each.name: each.value for each in stated}
    headers: dict[tuple[str, str], None] = {}
    own = (layer for layer in layers if layer.index is None)
    for layer in own:
        for dimension in known_dimensions.dimensions_of(layer):
            value = asked.get(dimension.name, "")
            if not value or value.strip().lower() == "default":
                headers[("Warning", _default_of(dimension, layer))] = None
            else:
                _check(value, dimension, layer)
    return tuple(headers)


def _default_of(dimension: known_dimensions.Dimension, layer: Layer) -> str:
    """The text about the default of a dimension."""
    if not dimension.default:
        raise OwsError(
            MISSING_DIMENSION,
            f"layer {quoted(layer.identifier)} needs a value of {dimension.parameter.upper()}, out of {dimension.extent}",
            dimension.parameter,
        )
    text = f"99 Default value used: {dimension.parameter}={dimension.default} {dimension.units}".rstrip()
    return "".join(each if " " <= each <= "~" else "?" for each in text)


def _check(text: str, dimension: known_dimensions.Dimension, layer: Layer) -> None:
    """See that all values of a list are those of a dimension."""
    if not dimension.has(text):
        raise OwsError(
            INVALID_DIMENSION,
            f"{dimension.parameter.upper()} {quoted(text)} is not a value of layer {quoted(layer.identifier)}, which has "
            f"{dimension.extent}",
            dimension.parameter,
        )
