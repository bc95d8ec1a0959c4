"""Whether the values that requests state for dimensions are those of their layers (06-042, annexes C and D)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TypeAlias

from iipserve.geo.crs import quoted
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import OwsError
from iipserve.http import Headers
from iipserve.protocols.wms import dimensions as known_dimensions
from iipserve.protocols.wms.faults import INVALID_DIMENSION, MISSING_DIMENSION
from iipserve.protocols.wms.query import Dimension

TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-?(?P<month>[0-9]{2})(?:-?(?P<day>[0-9]{2})(?:[T ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})"
    r"(?::?(?P<second>[0-9]{2}(?:\.[0-9]{1,9})?))?)?)?)?)?(?:Z|[+ -]00:?00)?",
    re.ASCII | re.IGNORECASE,
)
"""A time of UTC as ISO 8601 writes it, with or without separators, as far as it is known."""
NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:e[+-]?[0-9]{1,3})?", re.ASCII | re.IGNORECASE)
CURRENT = "current"
"""The newest time of a layer (annex D.3)."""
MAX_VALUES = 100
"""Of one dimension in a request."""

Value: TypeAlias = tuple[float, ...]
"""Year, month ... as far as they are known, or one number."""


def checked(layers: Iterable[Layer], stated: Iterable[Dimension]) -> Headers:
    """See that a map states a value of each dimension of its layers that has no default. Layers without any ignore it.

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
    for layer in layers:
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
    values = [part.strip() for part in text.split(",")]
    if len(values) > MAX_VALUES or not all(_has(dimension, value) for value in values):
        raise OwsError(
            INVALID_DIMENSION,
            f"{dimension.parameter.upper()} {quoted(text)} is not a value of layer {quoted(layer.identifier)}, which has "
            f"{dimension.extent}",
            dimension.parameter,
        )


def _has(dimension: known_dimensions.Dimension, text: str) -> bool:
    """Whether a value, or a range, of a request meets one of the extent."""
    if text.lower() == CURRENT and dimension.name == known_dimensions.TIME:
        return True
    first, last = _range(text)
    return any(
        text == entry or (bool(first) and bool(last) and _meets(first, last, *_range(entry)))
        for entry in dimension.values
    )


def _range(text: str) -> tuple[Value, Value]:
    """The first and last value of `first/last/step` or `first/last`; of one value, itself twice. Empty for no value."""
    parts = text.split("/")
    return _value(parts[0]), _value(parts[1] if len(parts) in (2, 3) else parts[0])


def _value(text: str) -> Value:
    text = text.strip()
    if match := TIME.fullmatch(text):
        return tuple(float(part) for part in match.groups() if part is not None)
    number = float(text) if NUMBER.fullmatch(text) else math.nan
    return (number,) if math.isfinite(number) else ()


def _meets(first: Value, last: Value, start: Value, end: Value) -> bool:
    """Whether two ranges have a value in common; values are compared as far as both are known."""
    return bool(start and end) and _is_before(first, end) and _is_before(start, last)


def _is_before(one: Value, other: Value) -> bool:
    """Whether a value is before another, or the same."""
    common = min(len(one), len(other))
    return one[:common] <= other[:common]
