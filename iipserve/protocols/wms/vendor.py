"""Parameters beyond the standard, by which a request changes the styles of its layers.

`BANDS=4,3,2`, `RANGE=0,4000`, `GAMMA=0.5`, `COLORMAP=viridis` ...: named like the keys of a style in the service file,
and with the same values, written with commas. `RESAMPLING=bilinear` is GeoServer's `INTERPOLATIONS` too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.crs import quoted
from iipserve.geo.layer import Style
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.service import styles
from iipserve.geo.service.keys import STYLE
from iipserve.plan import Resampling
from iipserve.processing import Operation, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.tone import Gamma, Logarithm, SampleRange, Stretch
from iipserve.protocols.map_values import SWITCHES, invalid, number

MAX_NUMBERS = 200
"""Of a list."""
RESAMPLINGS = {
    **{each.value: each for each in Resampling},
    "nearest neighbor": Resampling.NEAREST,
    "bicubic": Resampling.CUBIC,
}
"""By their names in lower case, those of GeoServer too."""
REPLACED: tuple[tuple[type[Operation], ...], ...] = (
    (SampleRange, Stretch), (Gamma, Logarithm), (Grayscale, Bitonal), (Twist,),
)  # fmt: skip
"""Operations that exclude each other: a parameter for one replaces the other in a style."""


def operations_of(parameters: Parameters, config: Config) -> tuple[Operation, ...]:
    """The operations that a request states, in canonical order.

    Raises:
        OwsError: a value is none that the key of a style may have.
    """
    values: dict[str, Any] = {}
    for key, read in READERS.items():
        if text := parameters.get(key).strip():
            try:
                values[key] = STYLE[key].reader.read(read(text, key))
            except ValueError as error:
                reason = str(error) or f"it takes {STYLE[key].reader.accepts}, without brackets"
                raise invalid(f"{key.upper()} {quoted(text)} is not usable; {reason}", key) from error
    if not values:
        return ()
    try:
        return styles.style({"name": "", **values}, config.colormaps).operations
    except ConfigError as error:
        raise invalid(f"parameters for styles: {error}", next(iter(values))) from error


def applied(style: Style, operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations of a style with those of a request in place of its own."""
    stated = tuple(operations)
    if not stated:
        return style.operations
    kinds = {type(each) for each in stated}
    gone = {kind for group in REPLACED if kinds & set(group) for kind in group}
    kept = (each for each in style.operations if type(each) not in gone)
    return pipeline.ordered((*kept, *stated))


def resampling_of(parameters: Parameters) -> Resampling | None:
    """How pixels of a map are made; None where the request does not say.

    Raises:
        OwsError: it is unknown.
    """
    text = parameters.get("resampling") or parameters.get("interpolations")
    names = {part.strip().lower() for part in text.split(",") if part.strip()}
    if not names:
        return None
    found = RESAMPLINGS.get(next(iter(names))) if len(names) == 1 else None
    if found is None:
        known = ", ".join(each.value for each in Resampling)
        raise invalid(f"RESAMPLING {quoted(text)} is unknown; {known} are known", "resampling")
    return found


# -- values as the service file would have them ------------------------------------------------------


def _numbers(text: str, key: str) -> list[float | int]:
    parts = text.split(",")
    if len(parts) > MAX_NUMBERS:
        raise ValueError(f"it takes {MAX_NUMBERS} numbers at most")
    found = [number(part, key) for part in parts]
    return [int(value) if value.is_integer() and abs(value) < 1e15 else value for value in found]


def _number(text: str, key: str) -> float | int:
    values = _numbers(text, key)
    if len(values) != 1:
        raise ValueError
    return values[0]


def _ranges(text: str, key: str) -> list[Any]:
    """Two numbers for all bands, or two for each."""
    values = _numbers(text, key)
    if len(values) <= 2:
        return list(values)
    return [values[start : start + 2] for start in range(0, len(values), 2)]


def _switch(text: str, key: str) -> bool:
    if text.lower() not in SWITCHES:
        raise ValueError("it takes TRUE or FALSE")
    return SWITCHES[text.lower()]


def _text(text: str, key: str) -> str:
    return text


READERS: dict[str, Callable[[str, str], Any]] = {
    "range": _ranges,
    "stretch": _switch,
    "bands": _numbers,
    "gamma": _number,
    "logarithm": _switch,
    "invert": _switch,
    "colormap": _text,
    "contrast": _number,
    "grayscale": _switch,
    "equalize": _switch,
}
"""How the text of a parameter becomes a value of the key of a style."""
