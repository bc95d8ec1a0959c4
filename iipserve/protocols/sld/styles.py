"""Styles of layers from what a document says: symbolizers as operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iipserve.geo.georeference import Band
from iipserve.geo.layer import LayerEntry, Style
from iipserve.image import ColorSpace
from iipserve.processing import Operation, pipeline
from iipserve.processing.channels import ChannelGamma, Normalize, Opacity
from iipserve.processing.color import Twist
from iipserve.processing.histogram import Equalize
from iipserve.processing.sample_format import stored_scale
from iipserve.processing.tone import Gamma, SampleRange
from iipserve.processing.value_colormap import AS_STORED, ValueColormap
from iipserve.protocols.feature_info.measuring import bands_of, palette_of
from iipserve.protocols.sld.colors import ColorTable
from iipserve.protocols.sld.document import UserStyle
from iipserve.protocols.sld.symbolizer import HISTOGRAM, NORMALIZE, Enhancement, Symbolizer
from iipserve.protocols.sld.xml import StyleRefused, quoted

CONVERTED = (ColorSpace.CIELAB, ColorSpace.CMYK)
"""Color spaces whose bands are converted before they are shown."""
MAX_LISTED = 20
"""Bands that a message lists."""


def style_of(style: UserStyle, entry: LayerEntry, scale: float | None) -> Style | None:
    """The style that a layer is shown with.

    Args:
        style: of the document.
        entry: the layer.
        scale: denominator of the map's scale, for pixels of 0.28 mm; None for a legend: the first rule that there is.

    Returns:
        None if no rule applies at this scale: nothing of the layer is shown.

    Raises:
        StyleRefused: two rules apply, or the layer does not have what the style shows.
    """
    applied = [rule.symbolizer for rule in style.rules if rule.applies(scale)]
    if not applied:
        return None
    if len(applied) > 1 and scale is not None:
        raise StyleRefused(f"{len(applied)} rules of the style apply at one scale; one RasterSymbolizer can")
    return Style(style.name or "default", style.title, style.abstract, operations_of(applied[0], entry))


def operations_of(symbolizer: Symbolizer, entry: LayerEntry) -> tuple[Operation, ...]:
    """What a symbolizer does to the samples of a layer, in canonical order.

    Raises:
        StyleRefused: the layer does not have what it shows.
    """
    chosen = _chosen(symbolizer, entry)
    if symbolizer.colors:
        operations = [*_selection(chosen, entry), *_colored(symbolizer.colors, chosen, entry)]
    else:
        operations = [*_selection(chosen, entry), *_enhanced(symbolizer, chosen, entry)]
    if symbolizer.opacity < 1:
        operations.append(Opacity(symbolizer.opacity))
    return pipeline.ordered(operations)


# -- channels --------------------------------------------------------------------------------------


def _chosen(symbolizer: Symbolizer, entry: LayerEntry) -> tuple[int, ...]:
    """Indices of the bands of the channels; empty for none."""
    if not symbolizer.channels:
        return ()
    if palette_of(entry.info, entry.geo) and len(symbolizer.channels) == 1:
        raise StyleRefused(
            f"layer {entry.layer.identifier!r} has a palette, whose classes are no channel; remove ChannelSelection"
        )
    bands = _bands(entry)
    return tuple(_index(each.source, bands, entry) for each in symbolizer.channels)


def _bands(entry: LayerEntry) -> Sequence[Band]:
    if palette_of(entry.info, entry.geo):
        return tuple(Band(f"band{number}") for number in (1, 2, 3))
    return bands_of(entry.info, entry.geo)


def _index(source: str, bands: Sequence[Band], entry: LayerEntry) -> int:
    """The band that a SourceChannelName means: by its number from 1, else by its name."""
    names = [each.name for each in bands]
    if source.isascii() and source.isdecimal() and 1 <= int(source[:9]) <= len(bands):
        return int(source) - 1
    if source in names:
        return names.index(source)
    raise StyleRefused(
        f"SourceChannelName {quoted(source)} is no band of layer {entry.layer.identifier!r}; it has "
        f"{', '.join(names[:MAX_LISTED])}, or 1 to {len(bands)}"
    )


def _selection(chosen: tuple[int, ...], entry: LayerEntry) -> Iterator[Operation]:
    """What shows these bands; nothing where the image shows them by itself."""
    count = entry.info.color_bands
    own = (0, 1, 2) if count >= 3 else (0,)
    if chosen and chosen != own:
        yield Twist(tuple(tuple(float(column == band) for column in range(band + 1)) for band in chosen))


# -- color maps ------------------------------------------------------------------------------------


def _colored(colors: ColorTable, chosen: tuple[int, ...], entry: LayerEntry) -> Iterator[Operation]:
    info = entry.info
    if info.color_space in CONVERTED or palette_of(info, entry.geo):
        raise StyleRefused(
            f"the samples of layer {entry.layer.identifier!r} are colors and no values; remove ColorMap"
        )
    band = _bands(entry)[chosen[0] if chosen else 0]
    yield AS_STORED
    yield ValueColormap(
        colors.between,
        colors.quantities,
        colors.colors,
        colors.labels,
        stored_scale(info) * band.scale,
        band.offset,
        colors.precedes,
    )


# -- contrast --------------------------------------------------------------------------------------


def _enhanced(symbolizer: Symbolizer, chosen: tuple[int, ...], entry: LayerEntry) -> Iterator[Operation]:
    """Channels are enhanced before the whole."""
    own, whole = [each.enhancement for each in symbolizer.channels], symbolizer.enhancement
    bands = chosen or tuple(range(min(3, entry.info.color_bands)))
    methods = {each.method for each in own} - {""}
    if len(own) == 1 and not whole.method:
        whole, own = Enhancement(own[0].method, own[0].gamma * whole.gamma, own[0].limits), []
    elif HISTOGRAM in methods:
        raise StyleRefused(
            "Histogram of one of several channels is not understood; state it once, outside of the channels"
        )
    elif methods and whole.method:
        raise StyleRefused("ContrastEnhancement of channels and of the whole is not understood; remove one")
    if (methods or whole.method) and entry.info.color_space in CONVERTED:
        raise StyleRefused(f"{whole.method or NORMALIZE} is not understood for CIELAB and CMYK; remove it")
    yield from _ranges(own, whole, bands, entry)
    yield from _gammas([each.gamma * whole.gamma for each in own] or [whole.gamma])
    if whole.method == HISTOGRAM:
        yield Equalize()


def _ranges(
    own: Sequence[Enhancement], whole: Enhancement, bands: Sequence[int], entry: LayerEntry
) -> Iterator[Operation]:
    if whole.method == NORMALIZE and whole.limits is None:
        yield Normalize(tuple(dict.fromkeys(bands)), together=True)
    elif whole.method == NORMALIZE:
        yield SampleRange(tuple(_range(band, whole, entry) for band in bands))
    stated = {band: each for band, each in zip(bands, own, strict=False) if each.method}
    limits = tuple(_range(band, each, entry) for band, each in stated.items() if each.limits)
    if limits:
        yield SampleRange(limits)
    measured = tuple(band for band, each in stated.items() if not each.limits)
    if measured:
        yield Normalize(measured)


def _range(band: int, each: Enhancement, entry: LayerEntry) -> tuple[int, float, float]:
    """A band and the samples that become black and white."""
    known = _bands(entry)[band]
    scale = stored_scale(entry.info) * known.scale
    low, high = each.limits or (0.0, 1.0)
    return band, (low - known.offset) / scale, (high - known.offset) / scale


def _gammas(gammas: Sequence[float]) -> Iterator[Operation]:
    if len(set(gammas)) > 1:
        yield ChannelGamma(tuple(1 / gamma for gamma in gammas))
    elif gammas[0] != 1:
        yield Gamma(1 / gammas[0])
