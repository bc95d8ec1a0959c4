"""Dimensions of layers in documents and requests of WMTS (07-057r7, tables 12 and 22).

All values of a layer are shown by one image: requests are checked, and answered with that.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from iipserve.geo.crs import quoted
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import INVALID_VALUE, MISSING_VALUE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.ows.xml import Xml, element, escaped, joined, optional, several
from iipserve.protocols.map_dimensions import TIME, Dimension, dimensions_of

DEFAULT = "default"
"""The keyword for the default value."""


def dimension_texts(dimensions: Iterable[Dimension]) -> Xml:
    """The elements `Dimension` of a layer."""
    return joined(
        element(
            "Dimension",
            element("ows:Identifier", each.name),
            optional("ows:UOM", each.units),
            optional("UnitSymbol", each.symbol),
            optional("Default", each.default),
            element("Current", "true" if each.name == TIME else "false"),
            several("Value", each.values),
        )
        for each in dimensions
    )


def template_parameters(dimensions: Iterable[Dimension]) -> str:
    """What follows the path in templates of addresses: a variable for each dimension."""
    names = [each.name for each in dimensions]
    parameters = "&".join(f"{quote(name, safe='')}={{{name}}}" for name in names)
    return escaped(f"?{parameters}") if names else ""


def check(parameters: Parameters, layer: Layer) -> None:
    """See that a request states values that its layer has; the default counts where it states none.

    Raises:
        OwsError: MissingParameterValue, InvalidParameterValue.
    """
    for dimension in dimensions_of(layer):
        value = parameters.get(dimension.name).strip()
        if value and value.lower() != DEFAULT:
            _check_value(value, dimension, layer)
        elif not dimension.default:
            raise OwsError(
                MISSING_VALUE,
                f"layer {quoted(layer.identifier)} needs a value of {dimension.name}, out of {dimension.extent}",
                dimension.name,
            )


def _check_value(value: str, dimension: Dimension, layer: Layer) -> None:
    if not dimension.has(value):
        raise OwsError(
            INVALID_VALUE,
            f"{dimension.name} {quoted(value)} is not a value of layer {quoted(layer.identifier)}, which has "
            f"{dimension.extent}",
            dimension.name,
        )
