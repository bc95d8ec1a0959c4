"""Styles of the service file as operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from iipserve.errors import ConfigError
from iipserve.geo.layer import DEFAULT_STYLE, Style
from iipserve.geo.service.keys import OPERATION_KEYS
from iipserve.processing import Operation, colormap, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch

OPERATIONS: Mapping[str, Callable[[Any], Operation]] = {
    "range": SampleRange,
    "stretch": lambda _: Stretch(),
    "hillshade": lambda angles: Hillshade(*angles),
    "bands": lambda bands: Twist(selection(bands)),
    "twist": Twist,
    "gamma": Gamma,
    "logarithm": lambda _: Logarithm(),
    "invert": lambda _: Invert(),
    "convolve": Convolve,
    "contrast": Contrast,
    "grayscale": lambda _: Grayscale(),
    "binary": lambda _: Bitonal(),
    "equalize": lambda _: Equalize(),
}
"""Operations by key, from the value that the key's reader gives; `colormap` needs the settings."""
EXCLUSIVE = (("range", "stretch"), ("bands", "twist"), ("gamma", "logarithm"), ("grayscale", "binary"))
"""Keys of which a style has one at most."""


def selection(bands: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    """The matrix that shows bands, numbered from 1; two of them as the first one."""
    return tuple(tuple(float(column == band) for column in range(1, band + 1)) for band in bands)


def style(values: Mapping[str, Any], colormaps: str) -> Style:
    """The style that a checked table describes.

    Args:
        values: of the table.
        colormaps: the folder of further color maps (COLORMAPS).

    Raises:
        ConfigError: operations exclude each other, or there is no such color map.
    """
    for group in EXCLUSIVE:
        if len(given := [key for key in group if _is_set(values, key)]) > 1:
            raise ConfigError(f"{' and '.join(given)} exclude each other; remove one of them")
    operations = [make(values[key]) for key, make in OPERATIONS.items() if _is_set(values, key)]
    if name := values.get("colormap"):
        found = colormap.named(name, colormaps)
        if found is None:
            known = ", ".join(colormap.names(colormaps))
            raise ConfigError(f"colormap is {name!r}; known are {known}")
        operations.append(found)
    return Style(
        values["name"], values.get("title", ""), values.get("abstract", ""), pipeline.ordered(operations)
    )


def _is_set(values: Mapping[str, Any], key: str) -> bool:
    return key in values and values[key] is not False


def styles_of(layer: Mapping[str, Any], known: Mapping[str, Style], colormaps: str) -> tuple[Style, ...]:
    """The styles of a layer: those that it names, or the one that its own operations make.

    `default` is the image as IIIF shows it, unless a style has that name.

    Args:
        layer: the checked table.
        known: the styles of the file.
        colormaps: as of `style`.

    Raises:
        ConfigError: there is no style of a name, one is named twice, or as of `style`.
    """
    names, operations = layer.get("styles", ()), {key: layer[key] for key in OPERATION_KEYS if key in layer}
    if operations and names:
        raise ConfigError(
            f"styles and {next(iter(operations))} exclude each other; put the operations into a style"
        )
    if operations:
        made = style({"name": DEFAULT_STYLE.name, "title": DEFAULT_STYLE.title, **operations}, colormaps)
        return (_titled(made, layer),)
    known = {DEFAULT_STYLE.name: DEFAULT_STYLE, **known}
    for name in names:
        if name not in known:
            raise ConfigError(f"layer.styles names {name!r}; known are {', '.join(known)}")
        if names.count(name) > 1:
            raise ConfigError(f"layer.styles names {name!r} twice")
    found = tuple(known[name] for name in names) or (DEFAULT_STYLE,)
    return tuple(_titled(each, layer) for each in found)


def _titled(style: Style, layer: Mapping[str, Any]) -> Style:
    """The style with the title that the metadata of a layer has for it, as map files say it."""
    title = layer.get("metadata", {}).get(f"style_{style.name.lower()}_title")
    return replace(style, title=title) if title else style
