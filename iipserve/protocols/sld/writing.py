"""Styles of layers as StyledLayerDescriptor 1.0.0 (OGC 02-070) or 1.1.0 (05-078r4), which `document.read` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.layer import LayerEntry, Style
from iipserve.geo.ows.xml import NOTHING, Xml, document, element, joined, optional
from iipserve.processing import Operation
from iipserve.processing.color import Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.histogram import Equalize
from iipserve.processing.sample_format import stored_scale
from iipserve.processing.tone import Contrast, Curve, Gamma, Invert, Logarithm, SampleRange
from iipserve.protocols.feature_info.measuring import bands_of, palette_of
from iipserve.protocols.sld.styles import CONVERTED
from iipserve.protocols.sld.symbolizer import MAX_GAMMA

SLD, SE = "http://www.opengis.net/sld", "http://www.opengis.net/se"
STEPS = 256
"""Colors of a ramp: as many as a table of a color map has."""
CURVES: tuple[type[Operation], ...] = (Gamma, Logarithm, Invert, Contrast, Colormap)
"""What can be said by the colors of a ramp."""


class Dialect(NamedTuple):
    """What the versions write differently."""

    version: str
    prefix: str
    """Of elements that 1.1.0 has in another namespace: Symbology Encoding (05-077r4)."""

    @property
    def is_old(self) -> bool:
        """It is 1.0.0."""
        return not self.prefix

    def element(self, name: str, *content: str) -> Xml:
        """An element of styles."""
        return element(self.prefix + name, *content)


SLD_1_0, SLD_1_1 = Dialect("1.0.0", ""), Dialect("1.1.0", "se:")


def written(layers: Iterable[LayerEntry], dialect: Dialect) -> bytes:
    """The document of all styles of layers; a style that cannot be expressed is named only."""
    namespaces = {"xmlns": SLD} if dialect.is_old else {"xmlns": SLD, "xmlns:se": SE}
    named = joined(_layer(each, dialect) for each in layers)
    attributes = {"version": dialect.version} | namespaces
    return document(element("StyledLayerDescriptor", named, attributes=attributes))


def _layer(entry: LayerEntry, dialect: Dialect) -> Xml:
    name = dialect.element("Name", entry.layer.identifier)
    styles = joined(_style(each, entry, dialect) for each in entry.layer.styles)
    return element("NamedLayer", name, styles)


def _style(style: Style, entry: LayerEntry, dialect: Dialect) -> Xml:
    name, symbolizer = dialect.element("Name", style.name), _symbolizer(style, entry, dialect)
    texts = joined(
        optional(dialect.prefix + key, text)
        for key, text in (("Title", style.title), ("Abstract", style.abstract))
    )
    described = texts if dialect.is_old or not texts else dialect.element("Description", texts)
    if symbolizer is None:
        return element("NamedStyle", name, NOTHING if dialect.is_old else described)
    rule = dialect.element("Rule", dialect.element("RasterSymbolizer", symbolizer))
    kind = "FeatureTypeStyle" if dialect.is_old else "CoverageStyle"
    default = element("IsDefault", "1") if style == entry.layer.styles[0] else NOTHING
    return element("UserStyle", name, described, default, dialect.element(kind, rule))


# -- symbolizers -----------------------------------------------------------------------------------


def _symbolizer(style: Style, entry: LayerEntry, dialect: Dialect) -> Xml | None:
    """The content of a RasterSymbolizer; None where the operations cannot be expressed."""
    bands, others = _shown(style.operations)
    if bands is None:
        return None
    channels = _channels(bands, dialect)
    ranges = [each for each in others if isinstance(each, SampleRange)]
    curves = [each for each in others if not isinstance(each, SampleRange)]
    if not ranges:
        contrast = _contrast(curves, dialect)
        return None if contrast is None else joined((channels, contrast))
    ramp = _ramp(ranges[0], curves, bands, entry)
    return None if ramp is None else joined((channels, _color_map(ramp, dialect)))


def _shown(operations: Sequence[Operation]) -> tuple[tuple[int, ...] | None, list[Operation]]:
    """The bands of a selection, none without one, and the other operations; None if colors are mixed."""
    others = [each for each in operations if not isinstance(each, Twist)]
    for twist in operations:
        if isinstance(twist, Twist):
            rows = [[band for band, factor in enumerate(row) if factor] for row in twist.matrix]
            is_selection = all(
                len(found) == 1 and row[found[0]] == 1 for found, row in zip(rows, twist.matrix, strict=True)
            )
            known = is_selection and len(rows) in (1, 3)
            return (tuple(found[0] for found in rows) if known else None), others
    return (), others


def _channels(bands: tuple[int, ...], dialect: Dialect) -> Xml:
    if not bands:
        return NOTHING
    names = ("Gray",) if len(bands) == 1 else ("Red", "Green", "Blue")
    channels = (
        dialect.element(f"{name}Channel", dialect.element("SourceChannelName", str(band + 1)))
        for name, band in zip(names, bands, strict=True)
    )
    return dialect.element("ChannelSelection", joined(channels))


def _contrast(operations: Sequence[Operation], dialect: Dialect) -> Xml | None:
    """ContrastEnhancement; nothing without operations, None if it cannot express them."""
    parts = {type(each): each for each in operations}
    if not parts.keys() <= {Gamma, Equalize} or len(parts) < len(operations):
        return None
    content = [dialect.element("Histogram")] if Equalize in parts else []
    gamma = parts.get(Gamma)
    if isinstance(gamma, Gamma):
        if not 1 / MAX_GAMMA <= gamma.exponent <= MAX_GAMMA:
            return None
        content.append(dialect.element("GammaValue", repr(1 / gamma.exponent)))
    return dialect.element("ContrastEnhancement", joined(content)) if content else NOTHING


# -- ramps -----------------------------------------------------------------------------------------


def _ramp(
    displayed: SampleRange, curves: Sequence[Operation], bands: tuple[int, ...], entry: LayerEntry
) -> list[tuple[float, str]] | None:
    """Value and color of each step of the range of one band; None where not all that is shown follows from it."""
    info = entry.info
    shown = bands or tuple(range(info.color_bands))
    if len(shown) != 1 or palette_of(info, entry.geo) or info.color_space in CONVERTED:
        return None
    limits = [(low, high) for band, low, high in displayed.ranges if band in (None, shown[0])]
    if not limits or not limits[-1][0] < limits[-1][1] or not all(type(each) in CURVES for each in curves):
        return None
    low, high = limits[-1]
    band = bands_of(info, entry.geo)[shown[0]]
    values = np.linspace(low, high, STEPS) * (stored_scale(info) * band.scale) + band.offset
    if not (np.isfinite(values).all() and (np.diff(values) > 0).all()):
        return None
    colors = _colors(curves)
    return [(float(values[index]), f"#{colors[index].tobytes().hex()}") for index in _needed(colors)]


def _colors(curves: Sequence[Operation]) -> NDArray[np.uint8]:
    """Red, green and blue of each step from black to white: (STEPS, 3)."""
    pixels: NDArray[Any] = np.linspace(0, 1, STEPS, dtype=np.float32).reshape(1, STEPS, 1)
    for each in curves:
        assert isinstance(each, (Curve, Colormap))
        pixels = each(pixels)
    levels = np.clip(np.broadcast_to(pixels, (1, STEPS, 3)), 0, 1) * 255 + 0.5
    return levels[0].astype(np.uint8)


def _needed(colors: NDArray[np.uint8]) -> Iterator[int]:
    """Indices of the steps between which a straight ramp is at most one level off."""
    start = 0
    yield start
    while start < len(colors) - 1:
        end = start + 1
        while end + 1 < len(colors) and _is_straight(colors[start : end + 2].astype(np.float64)):
            end += 1
        yield end
        start = end


def _is_straight(colors: NDArray[np.float64]) -> bool:
    return bool((np.abs(np.linspace(colors[0], colors[-1], len(colors)) - colors) <= 1).all())


def _color_map(ramp: Sequence[tuple[float, str]], dialect: Dialect) -> Xml:
    if dialect.is_old:
        entries = (
            element("ColorMapEntry", attributes={"color": color, "quantity": repr(value)})
            for value, color in ramp
        )
        return element("ColorMap", joined(entries))
    points = (
        dialect.element(
            "InterpolationPoint", dialect.element("Data", repr(value)), dialect.element("Value", color)
        )
        for value, color in ramp
    )
    attributes = {"fallbackValue": "#000000", "mode": "linear", "method": "color"}
    lookup = dialect.element("LookupValue", "Rasterdata")
    return dialect.element(
        "ColorMap", element("se:Interpolate", lookup, joined(points), attributes=attributes)
    )
