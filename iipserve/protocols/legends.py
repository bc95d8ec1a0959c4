"""Legends of layers: a scale of colors where one band is displayed, a small picture where several are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from iipserve.geo.georeference import Band
from iipserve.geo.layer import LayerEntry, Style
from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import Crop, Document, Legend, RenderPlan, StatisticsPlan, image_ref
from iipserve.processing import Context, pipeline
from iipserve.processing.class_legend import color_map_of, entries, usual_size
from iipserve.processing.color import Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Hillshade
from iipserve.processing.legend import ramp, value_text
from iipserve.processing.sample_format import sample_format, stored_scale
from iipserve.processing.statistics import Statistics, known_ranges, measured_ranges
from iipserve.processing.value_colormap import OPAQUE, Between, ValueColormap
from iipserve.protocols import Server
from iipserve.protocols.encodings import tile_encoding
from iipserve.protocols.feature_info.measuring import bands_of, palette_of
from iipserve.pyramid import place_region

SCALE = Size(128, 148)
"""Of a scale of colors, in pixels, unless a client asks for another."""
SAMPLE = Size(64, 64)
"""Into which a small picture fits."""
ENTRIES = 11
"""Colors in a description of a scale."""


def shows_scale(info: ImageInfo, style: Style) -> bool:
    """Whether each color of the style stands for one value of one band."""
    operations = style.operations
    if color_map_of(operations) or pipeline.terrain(operations):
        return True
    if any(isinstance(each, (Hillshade, Twist)) or each.apron for each in operations):
        return False
    is_mapped = any(isinstance(each, Colormap) for each in operations)
    return info.color_space is ColorSpace.GRAY or (is_mapped and info.color_space is ColorSpace.SRGB)


def legend_colors(entry: LayerEntry, style: Style) -> ValueColormap | None:
    """The colors of a style that are of single values or classes: of its color map, or of the named classes of a palette
    that it shows as they are; None without any."""
    if colors := color_map_of(style.operations):
        return colors
    palette = b"" if style.operations else palette_of(entry.info, entry.geo)
    names = {each.value: each.name for each in entry.layer.class_names or entry.geo.class_names}
    known = sorted(value for value in names if 3 * value < len(palette))
    if not known:
        return None
    red, green, blue = (palette[band::3] for band in range(3))
    return ValueColormap(
        Between.NOTHING,
        tuple(map(float, known)),
        tuple((red[value], green[value], blue[value], OPAQUE) for value in known),
        tuple(names[value] for value in known),
    )


def legend_size(entry: LayerEntry, style: Style) -> Size:
    """The size of a legend unless a client asks for another, as documents state it."""
    info = entry.info
    if colors := legend_colors(entry, style):
        return usual_size(colors)
    if shows_scale(info, style):
        return SCALE
    return info.size if info.size.fits_in(SAMPLE) else info.size.fitted(SAMPLE)


def plan_legend(
    entry: LayerEntry, style: Style, format: str, server: Server, size: Size | None = None
) -> RenderPlan:
    """The picture of a legend.

    Args:
        entry: the layer.
        style: one of its styles.
        format: name of the output format.
        server: settings and formats.
        size: in pixels; None for the usual one.
    """
    info, image = entry.info, image_ref(entry.info)
    encoding = tile_encoding(format, info, server, profile=False)
    size = size or legend_size(entry, style)
    if not style.operations and (colors := legend_colors(entry, style)):
        return RenderPlan(Legend(image, size), encoding, (colors,))
    if not shows_scale(info, style):
        crop = Crop(image, *place_region(info, Region.of_size(info.size), size))
        return RenderPlan(crop, encoding, style.operations)
    band = _band(entry, style)
    return RenderPlan(Legend(image, size, band.scale, band.offset, band.unit), encoding, style.operations)


def _band(entry: LayerEntry, style: Style) -> Band:
    """The band that is displayed: the first, or what the style makes of it."""
    if terrain := pipeline.terrain(style.operations):
        return Band(terrain.function.value, terrain.function.unit)
    return bands_of(entry.info, entry.geo)[0]


def plan_legend_document(entry: LayerEntry, style: Style) -> StatisticsPlan | Document:
    """The values and colors of a legend as JSON, in the form of GeoServer's GetLegendGraphic."""
    if colors := legend_colors(entry, style):
        return _document(entry, style, _classes(colors), KINDS[colors.between])
    if not shows_scale(entry.info, style):
        return _document(entry, style, [])
    return StatisticsPlan(image_ref(entry.info), Description(entry, style))


@dataclass(frozen=True, slots=True)
class Description:
    """Writes the JSON of a scale of colors."""

    entry: LayerEntry
    style: Style

    def __call__(self, statistics: Statistics) -> Document:
        """The document, with the range of an image as it was measured."""
        info, band = self.entry.info, _band(self.entry, self.style)
        if terrain := pipeline.terrain(self.style.operations):
            info = terrain.described(info)
        ranges = known_ranges(info) or measured_ranges(statistics.bands, info)
        context = Context(info, lambda: statistics, "")
        known = ramp(sample_format(info, ranges), pipeline.bound(self.style.operations, context), ENTRIES)
        rows = []
        for sample, (red, green, blue) in zip(known.samples.tolist(), known.colors.tolist(), strict=True):
            value = sample * stored_scale(info) * band.scale + band.offset
            label = f"{value_text(value)} {band.unit}".rstrip()
            color = f"#{red:02X}{green:02X}{blue:02X}"
            rows.append({"label": label, "quantity": repr(value), "color": color, "opacity": "1"})
        return _document(self.entry, self.style, rows)


KINDS = {Between.RAMP: "ramp", Between.STEPS: "intervals", Between.NOTHING: "values"}
"""Types of color maps as GeoServer names them."""


def _classes(colors: ValueColormap) -> list[dict[str, str]]:
    return [
        {
            "label": each.label,
            "quantity": repr(each.quantity),
            "color": "#{:02X}{:02X}{:02X}".format(*each.color),
            "opacity": value_text(each.color[3] / OPAQUE),
        }
        for each in entries(colors)
    ]


def _document(entry: LayerEntry, style: Style, entries: list[dict[str, str]], kind: str = "ramp") -> Document:
    raster = {"colormap": {"entries": entries, "type": kind}, "opacity": "1"}
    rules: list[dict[str, Any]] = [{"symbolizers": [{"Raster": raster}]}] if entries else []
    layer = entry.layer
    legend = {
        "layerName": layer.identifier,
        "title": layer.displayed_title,
        "style": style.name,
        "rules": rules,
    }
    text = json.dumps({"Legend": [legend]}, ensure_ascii=False)
    return Document(text.encode("utf-8", "replace"), "application/json")
