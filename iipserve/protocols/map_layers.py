"""Maps of layers over each other, of which each shows one image or the mosaic of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iipserve.geo.georeference import GeoImage
from iipserve.image import ImageInfo
from iipserve.plan import Composite, Crop, Mosaic, MosaicRule, RenderPlan, StyledView, Warp
from iipserve.processing.compositing import WHITE
from iipserve.protocols import Server
from iipserve.protocols.encodings import plain_encoding
from iipserve.protocols.maps import MapView, plan_blank, plan_map, shown_background
from iipserve.protocols.mosaics import Member, plan_mosaic


@dataclass(frozen=True, slots=True)
class ShownLayer:
    """One of the layers that a map shows."""

    view: MapView
    """All layers of a map have the same target, format, transparency and background."""
    info: ImageInfo
    """Of the image of the layer."""
    geo: GeoImage
    """Where it is located."""
    opacity: float = 1.0
    """0 (clear) to 1 (as its pixels are)."""
    members: tuple[Member, ...] | None = None
    """The images of a collection, which are shown in place of the one image, the first uppermost; None: of an image."""
    rule: MosaicRule = MosaicRule.FIRST
    """What is shown where several of them have data."""
    reference: ImageInfo | None = None
    """Of a collection: as of `plan_mosaic`."""


def plan_maps(layers: Sequence[ShownLayer], server: Server) -> RenderPlan:
    """The plan for a map of layers over each other, the first lowest; of one layer that of `plan_layer`.

    Args:
        layers: at least one.
        server: settings and formats.

    Raises:
        NoTransformation: as `plan_map`.
    """
    view = layers[0].view
    if len(layers) == 1 and layers[0].opacity >= 1:
        return plan_layer(layers[0], server)
    styled = (_styled(layer, server) for layer in layers if layer.opacity > 0)
    parts = tuple(part for part in styled if part is not None)
    size, transparent = view.target.size, view.transparent
    if not parts:
        return plan_blank(size, view.format, server, transparent=transparent, background=view.background)
    operations = shown_background(view.format, server, view.background, transparent=transparent)
    return RenderPlan(Composite(parts, size), plain_encoding(view.format, server), operations)


def plan_layer(layer: ShownLayer, server: Server, *, is_part: bool = False) -> RenderPlan:
    """The plan for a map of one layer, without its opacity: that of its image, or of the mosaic of its images.

    Args:
        layer: the layer.
        server: settings and formats.
        is_part: as of `plan_mosaic`.

    Raises:
        NoTransformation: as `plan_map`.
    """
    if layer.members is None:
        return plan_map(layer.view, layer.info, layer.geo, server)
    return plan_mosaic(layer.view, layer.members, server, layer.rule, layer.reference, is_part=is_part)


def _styled(layer: ShownLayer, server: Server) -> StyledView | None:
    """A layer as it is alone, with clear pixels; None if it is clear everywhere."""
    alone = replace(layer, view=replace(layer.view, transparent=True, background=WHITE))
    plan = plan_layer(alone, server, is_part=True)
    if not isinstance(plan.view, (Crop, Warp, Mosaic)):
        return None
    return StyledView(plan.view, plan.operations, min(layer.opacity, 1.0))
