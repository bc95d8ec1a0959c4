"""The layers, styles and coordinate reference systems that requests name."""

from __future__ import annotations

from collections.abc import Sequence

from iipserve.geo import auto_crs, crs
from iipserve.geo.crs import AxisRule, quoted
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer, Style
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.map_values import box, invalid, required
from iipserve.protocols.mapml.projections import system_of
from iipserve.protocols.wms.faults import INVALID_CRS, STYLE_NOT_DEFINED, unknown_layer
from iipserve.protocols.wms.query import V1_1, MapCrs
from iipserve.protocols.wms.tree import members

# -- layers ----------------------------------------------------------------------------------------


def groups_of(
    parameters: Parameters, server: Server, *names: str, operation: str = ""
) -> tuple[tuple[Layer, ...], ...]:
    """The layers of each entry of a list: one, or those of a group.

    Args:
        parameters: of the request.
        server: its catalog.
        names: of the parameter: `LAYERS`; the first that has a value counts.
        operation: only layers for which it is answered count; empty: all.

    Raises:
        OwsError: the parameter is missing; LayerNotDefined; it names too many.
    """
    text = required(parameters, *names)
    if server.catalog().find(text) is not None:
        return (_members(text, server, operation),)
    limit = options.max_layers(server.catalog().metadata)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > limit:
        raise invalid(f"{names[0].upper()} names {len(parts)} layers; a map has {limit} at most", names[0])
    groups = tuple(_members(part, server, operation) for part in parts)
    if (count := sum(map(len, groups))) > limit:
        raise invalid(f"{names[0].upper()} stands for {count} layers; a map has {limit} at most", names[0])
    return groups


def _members(name: str, server: Server, operation: str) -> tuple[Layer, ...]:
    metadata = server.catalog().metadata
    found = members(name, server) if name else ()
    if operation:
        found = tuple(each for each in found if operation in options.layer_operations(each, metadata))
    if not found:
        raise unknown_layer(name)
    return found


def layers_of(parameters: Parameters, server: Server, *names: str, operation: str = "") -> tuple[Layer, ...]:
    """The layers that a list names, those of groups one by one. Arguments and errors as of `groups_of`."""
    return tuple(
        layer for group in groups_of(parameters, server, *names, operation=operation) for layer in group
    )


# -- styles ----------------------------------------------------------------------------------------


def styles_of(text: str, groups: Sequence[tuple[Layer, ...]]) -> tuple[Style, ...]:
    """The style of each layer.

    Args:
        text: a list of as many names as there are entries of layers, of which each may be empty for the default style;
            or empty.
        groups: the layers of each entry.

    Raises:
        OwsError: StyleNotDefined.
    """
    names = [name.strip() for name in text.split(",")] if len(groups) > 1 else [text.strip()]
    if len(names) != len(groups):
        if any(name not in ("", "default") for name in names):
            raise OwsError(
                STYLE_NOT_DEFINED,
                f"STYLES names {len(names)} styles for {len(groups)} layers; write one for each, or none at all",
                "styles",
            )
        names = [""] * len(groups)
    return tuple(style_of(layer, name) for group, name in zip(groups, names, strict=True) for layer in group)


def style_of(layer: Layer, name: str) -> Style:
    """The style of that name; empty is the default.

    Raises:
        OwsError: StyleNotDefined.
    """
    style = layer.style(name)
    if style is None:
        known = ", ".join(each.name for each in layer.styles)
        raise OwsError(
            STYLE_NOT_DEFINED,
            f"layer {quoted(layer.identifier)} has no style {quoted(name)}; it has {known}",
            "styles",
        )
    return style


# -- coordinates -----------------------------------------------------------------------------------


def crs_of(parameters: Parameters, version: str) -> MapCrs:
    """The coordinate reference system of a map: CRS, which is SRS in 1.1.1; either is read in both.

    Raises:
        OwsError: the parameter is missing; InvalidCRS.
    """
    text = required(parameters, *(("srs", "crs") if version == V1_1 else ("crs", "srs")))
    try:
        return MapCrs(text, auto_crs.parse(text) if auto_crs.is_auto(text) else crs.parse(system_of(text)))
    except crs.UnknownCrs as error:
        raise OwsError(INVALID_CRS, str(error), "crs") from error


def bounds_of(parameters: Parameters, system: MapCrs, version: str) -> Bounds:
    """BBOX, x before y: in 1.1.1 it is so in requests, in 1.3.0 they have the order of the authority (06-042, 6.7.4).

    Raises:
        OwsError: it is missing, no box, or has no area.
    """
    rule = AxisRule.WMS_1_1 if version == V1_1 else AxisRule.WMS_1_3
    found = box(required(parameters, "bbox"), swapped=crs.axis_order(system.name, rule))
    if system.name.form is crs.Form.ROWS_DOWN:
        return Bounds(found.min_x, -found.max_y, found.max_x, -found.min_y)
    return found
