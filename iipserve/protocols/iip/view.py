"""What IIP's modifiers say about an answer, and the size and region that follow from them."""

from __future__ import annotations

import math
from typing import NamedTuple

from iipserve.config import Config
from iipserve.formats import Quality
from iipserve.geometry import Region, Size, round_half_up
from iipserve.image import FIRST, Selector
from iipserve.processing import Operation
from iipserve.protocols.iip.arguments import Fractions, Rotation

WHOLE_IMAGE = Fractions(0.0, 0.0, 1.0, 1.0)


class View(NamedTuple):
    """Everything modifiers have said."""

    width: int = 0
    """WID: pixels, 0 is no wish."""
    height: int = 0
    """HEI: pixels, 0 is no wish."""
    region: Fractions = WHOLE_IMAGE
    """RGN."""
    quality: Quality | None = None
    """QLT."""
    bits: int = 0
    """BPC: 8 or 16 per sample, 0 is no wish."""
    layers: int = 0
    """LYR: JPEG 2000 quality layers, 0 is no wish."""
    selector: Selector = FIRST
    """SDS."""
    rotation: Rotation = Rotation()
    """ROT."""
    colormap: str = ""
    """CMP, in lower case; empty is none."""
    operations: tuple[Operation, ...] = ()
    """All other steps, in canonical order; each has an effect on some image."""


DEFAULT_VIEW = View()


def export_region(view: View, full: Size) -> Region:
    """The pixels of the full image that RGN names; at least 1 x 1."""
    region = view.region
    x = min(round_half_up(region.x * full.width), full.width - 1)
    y = min(round_half_up(region.y * full.height), full.height - 1)
    width = min(max(1, round_half_up(region.width * full.width)), full.width - x)
    height = min(max(1, round_half_up(region.height * full.height)), full.height - y)
    return Region(x, y, width, height)


def export_size(view: View, full: Size, config: Config) -> Size:
    """The size of an export: WID and HEI, then MAX_CVT, then ALLOW_UPSCALING, each keeping the shape.

    Without WID and HEI it is the full image's, also of a region, which is then enlarged (iipsrv).
    """
    shape = max(1.0, view.region.width * full.width), max(1.0, view.region.height * full.height)
    wanted = shape
    if view.width or view.height:
        wanted = _shape_in_box(shape, view.width or math.inf, view.height or math.inf)
    elif config.allow_upscaling:
        wanted = float(full.width), float(full.height)
    if config.max_size is not None:
        wanted = _shrunk_into(wanted, (config.max_size, config.max_size))
    if not config.allow_upscaling:
        wanted = _shrunk_into(wanted, shape)
    return Size(max(1, round_half_up(wanted[0])), max(1, round_half_up(wanted[1])))


def _shape_in_box(shape: tuple[float, float], width: float, height: float) -> tuple[float, float]:
    """The largest size of this shape in the box; the side that fills it is exact."""
    ratio = shape[0] / shape[1]
    if width / ratio <= height:
        return width, width / ratio
    return height * ratio, height


def _shrunk_into(size: tuple[float, float], box: tuple[float, float]) -> tuple[float, float]:
    """The size itself if it fits in the box, else the largest of its shape that does."""
    if size[0] <= box[0] and size[1] <= box[1]:
        return size
    return _shape_in_box(size, *box)
