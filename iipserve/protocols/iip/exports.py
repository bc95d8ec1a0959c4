"""IIP's exports (CVT): the image or a region of it, scaled to a size."""

from __future__ import annotations

import math

from iipserve.config import Config
from iipserve.geometry import Region, Size, round_half_up
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Crop, RenderPlan, image_ref
from iipserve.protocols import Server
from iipserve.protocols.encodings import export_encoding
from iipserve.protocols.iip.commands import ExportQuery
from iipserve.protocols.iip.modification import apply_modifiers
from iipserve.protocols.iip.modifiers import View
from iipserve.protocols.tiles import quality_layers
from iipserve.protocols.url_text import inline_disposition
from iipserve.pyramid import place_region


def plan_export(query: ExportQuery, info: ImageInfo, server: Server) -> Answer:
    """The plan for an export, with the file name under which clients save it.

    Raises:
        InvalidRequest: a modifier does not fit the image.
    """
    view, config = query.view, server.config
    size = export_size(view, info.size, config)
    placement = place_region(info, export_region(view, info.size), size)
    image = image_ref(info, quality_layers(info, config))
    encoding = export_encoding(query.format, info, server)
    plan = apply_modifiers(RenderPlan(Crop(image, *placement), encoding), view, info, server)
    suffix = f"_{size.width}x{size.height}.{server.formats.by_name[query.format].extension}"
    return Answer(plan, (("Content-Disposition", inline_disposition(query.names[0].identifier, suffix)),))


def export_region(view: View, full: Size) -> Region:
    """The pixels of the full image selected by RGN; at least 1 x 1."""
    region = view.region
    x = min(round_half_up(region.x * full.width), full.width - 1)
    y = min(round_half_up(region.y * full.height), full.height - 1)
    width = min(max(1, round_half_up(region.width * full.width)), full.width - x)
    height = min(max(1, round_half_up(region.height * full.height)), full.height - y)
    return Region(x, y, width, height)


def export_size(view: View, full: Size, config: Config) -> Size:
    """The size of an export: WID and HEI, then MAX_CVT, then ALLOW_UPSCALING, each keeping the aspect ratio.

    Without WID and HEI it is that of the full image, even for a region, which is then enlarged (iipsrv).
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
