"""RasterSymbolizer (SLD 1.0.0 section 11.5, SE 1.1.0 section 11.5): what it asks for, as values."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.protocols.sld.colors import ColorTable, color_table, opacity_of
from iipserve.protocols.sld.xml import Element, StyleRefused, quoted

MAX_GAMMA = 100.0
NORMALIZE = "Normalize"
HISTOGRAM = "Histogram"
KNOWN = (
    "Name",
    "Description",
    "Geometry",
    "Opacity",
    "ChannelSelection",
    "OverlapBehavior",
    "ColorMap",
    "ContrastEnhancement",
)
OVERLAPS = frozenset({"LATEST_ON_TOP", "EARLIEST_ON_TOP", "AVERAGE", "RANDOM"})
"""None of them matters where a layer is one image."""
STRETCH = "StretchToMinimumMaximum"


class Enhancement(NamedTuple):
    """Contrast of a channel or of all."""

    method: str = ""
    """`Normalize`, `Histogram`, or none."""
    gamma: float = 1.0
    """Above 1 brightens."""
    limits: tuple[float, float] | None = None
    """Normalize: the values that become black and white; None: the lowest and the highest one."""


NO_ENHANCEMENT = Enhancement()


class Channel(NamedTuple):
    """One of a picture: which band it shows, and how."""

    source: str
    """Number of the band from 1, or its name."""
    enhancement: Enhancement = NO_ENHANCEMENT


class Symbolizer(NamedTuple):
    """How a raster is shown."""

    opacity: float = 1.0
    channels: tuple[Channel, ...] = ()
    """One for gray, three for red, green and blue, none for what the image shows by itself."""
    enhancement: Enhancement = NO_ENHANCEMENT
    """Of all channels together."""
    colors: ColorTable | None = None


def symbolizer(element: Element) -> Symbolizer:
    """What a `RasterSymbolizer` asks for.

    Raises:
        StyleRefused: it is not understood.
    """
    parts = element.by_name(KNOWN)
    if "Geometry" in parts:
        list(parts["Geometry"].children(("PropertyName",)))
    if "OverlapBehavior" in parts:
        _check_overlap(parts["OverlapBehavior"])
    channels = _channels(parts["ChannelSelection"]) if "ChannelSelection" in parts else ()
    enhancement = _enhancement(parts.get("ContrastEnhancement"))
    colors = color_table(parts["ColorMap"]) if "ColorMap" in parts else None
    if colors:
        if len(channels) > 1:
            raise StyleRefused("ColorMap with three channels is not understood; select a GrayChannel")
        if any(each != NO_ENHANCEMENT for each in (enhancement, *(one.enhancement for one in channels))):
            raise StyleRefused("ContrastEnhancement with ColorMap is not understood; remove one of them")
    opacity = opacity_of(parts["Opacity"].text(), "Opacity") if "Opacity" in parts else 1.0
    return Symbolizer(opacity, channels, enhancement, colors)


def _check_overlap(element: Element) -> None:
    named = [child.name for child in element.children(OVERLAPS)] or [element.text()]
    if len(named) != 1 or named[0] not in OVERLAPS:
        raise StyleRefused(f"OverlapBehavior {quoted(','.join(named))} is not understood; remove it")


def _channels(element: Element) -> tuple[Channel, ...]:
    parts = element.by_name(("GrayChannel", "RedChannel", "GreenChannel", "BlueChannel"))
    names = ["GrayChannel"] if "GrayChannel" in parts else ["RedChannel", "GreenChannel", "BlueChannel"]
    if parts.keys() != set(names):
        raise StyleRefused(
            f"ChannelSelection has {', '.join(parts) or 'no channels'}; it needs GrayChannel alone, or RedChannel, "
            "GreenChannel and BlueChannel"
        )
    return tuple(_channel(parts[name]) for name in names)


def _channel(element: Element) -> Channel:
    parts = element.by_name(("SourceChannelName", "ContrastEnhancement"))
    if "SourceChannelName" not in parts:
        raise StyleRefused(f"{element.name} has no SourceChannelName; add one with the number of a band")
    return Channel(parts["SourceChannelName"].text(), _enhancement(parts.get("ContrastEnhancement")))


def _enhancement(element: Element | None) -> Enhancement:
    if element is None:
        return NO_ENHANCEMENT
    parts = element.by_name((NORMALIZE, HISTOGRAM, "GammaValue"))
    if NORMALIZE in parts and HISTOGRAM in parts:
        raise StyleRefused("ContrastEnhancement has Normalize and Histogram; remove one of them")
    gamma = parts["GammaValue"].number() if "GammaValue" in parts else 1.0
    if not 1 / MAX_GAMMA <= gamma <= MAX_GAMMA:
        raise StyleRefused(f"GammaValue {gamma!r} is not from {1 / MAX_GAMMA} to {MAX_GAMMA:g}")
    if HISTOGRAM in parts:
        list(parts[HISTOGRAM].children(()))
        return Enhancement(HISTOGRAM, gamma)
    if NORMALIZE in parts:
        return Enhancement(NORMALIZE, gamma, _limits(parts[NORMALIZE]))
    return Enhancement("", gamma)


def _limits(element: Element) -> tuple[float, float] | None:
    """Values that become black and white, as GeoServer's options state them, which QGIS writes."""
    options: dict[str, Element] = {}
    for child in element.children(("VendorOption",)):
        options[child.attribute("name")] = child
    if not options:
        return None
    algorithm = options.pop("algorithm", None)
    if algorithm is not None and algorithm.text() != STRETCH:
        raise StyleRefused(f"Normalize by {quoted(algorithm.text())} is not understood; {STRETCH} is")
    if options.keys() != {"minValue", "maxValue"}:
        names = ", ".join(map(quoted, options)) or "no limits"
        raise StyleRefused(f"Normalize has {names}; it needs the options minValue and maxValue")
    low, high = (options[name].number() for name in ("minValue", "maxValue"))
    if not low < high:
        raise StyleRefused(f"Normalize's minValue {low!r} is not less than maxValue {high!r}")
    return low, high
