"""Mosaics: the images of a collection on the grid of a map, as all map services plan them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from iipserve.errors import IMAGE_FAULTS, InvalidRequest, UnsupportedImage
from iipserve.geo.georeference import GeoImage
from iipserve.geo.image_boxes import region_on
from iipserve.geo.image_index import IndexedImage
from iipserve.geo.layer import Style
from iipserve.http import Headers
from iipserve.http.warnings import listed, warning
from iipserve.image import ImageInfo
from iipserve.plan import Crop, ImageRef, Mosaic, MosaicPart, MosaicRule, RenderPlan, image_ref
from iipserve.plan.faults import report
from iipserve.processing import Stage, pipeline
from iipserve.processing.compositing import WHITE
from iipserve.processing.missing import is_opaque
from iipserve.processing.statistics import known_ranges
from iipserve.protocols import Images, Server
from iipserve.protocols.encodings import plain_encoding
from iipserve.protocols.maps import MapView, place_image, plan_blank, plan_map, shown_background
from iipserve.protocols.mosaic_operations import divided, rule_for

MAX_MOSAIC_IMAGES = 50
"""Images of which a mosaic is made; of more an overview is shown, or some are left out."""


class Member(NamedTuple):
    """An image of a collection, as it takes part in mosaics."""

    identifier: str
    """Of the item, for people."""
    info: ImageInfo
    geo: GeoImage


@dataclass(frozen=True, slots=True)
class Members:
    """The images of a collection for one mosaic."""

    present: tuple[Member, ...]
    """The first is the uppermost."""
    missing: tuple[str, ...] = ()
    """Identifiers of those that cannot be opened: each leaves its hole."""
    is_cut: bool = False
    """There are more than `MAX_MOSAIC_IMAGES`, of which some are left out."""

    @property
    def headers(self) -> Headers:
        """What clients are to know of an answer that lacks images; it is not kept then without asking again."""
        headers: list[tuple[str, str]] = []
        if self.missing:
            total = len(self.present) + len(self.missing)
            text = f"{len(self.missing)} of {total} images cannot be read: {listed(self.missing)}"
            headers += [warning(text), ("Cache-Control", "no-cache")]
        if self.is_cut:
            headers.append(warning(f"{MAX_MOSAIC_IMAGES} images are shown, further ones are left out"))
        return tuple(headers)


def open_members(
    indexed: Iterable[IndexedImage], server: Server, images: Images, *, is_cut: bool = False
) -> Members:
    """The images of a mosaic, with those that cannot be opened; headers of the answer say which.

    Args:
        indexed: the first is the uppermost; at most `MAX_MOSAIC_IMAGES`.
        server: says where images are located.
        images: of the request, which looks them up. What lacks images is not remembered.
        is_cut: there are more.

    Raises:
        ImageChanged, Overloaded, NotInstalled: whichever image it is.
    """
    present, missing = [], []
    for each in indexed:
        identifier = each.identifier or each.name.identifier
        try:
            info = images[each.name]
            geo = server.geo_image(info)
            if geo is None:
                raise UnsupportedImage("it does not say where it is located")
        except (*IMAGE_FAULTS, InvalidRequest) as error:
            report(identifier, str(error))
            missing.append(identifier)
        else:
            present.append(Member(identifier, info, geo))
    members = Members(tuple(present), tuple(missing), is_cut)
    if members.headers:
        images.add_headers(*members.headers)
    if missing:
        images.is_lasting = False
    return members


def plan_mosaic(
    view: MapView,
    members: Sequence[Member],
    server: Server,
    rule: MosaicRule = MosaicRule.FIRST,
    reference: ImageInfo | None = None,
    *,
    is_part: bool = False,
) -> RenderPlan:
    """The plan for a map of the images of a collection.

    Of one image that is shown alone it is that of `plan_map`, and so it is of one that hides all others. Images that do not
    meet the map are left out. Each is displayed as a layer of it would be, in its own type, system and bands: gray becomes
    color where others have color, and opacity, masks and missing data are holes, which images below fill. What the style
    does last, to colors (opacity), is done to what the images make together (`mosaic_operations.divided`).

    Args:
        view: the map. The extent of its layer does not count.
        members: the first is the uppermost.
        server: settings and formats.
        rule: what is shown where several images have data.
        reference: of an image of the collection: images that declare no range of samples display the range that is measured in
            this one, on all maps; without one each displays its own.
        is_part: other layers are on the same map, which a damaged image does not prevent: then images that others hide are
            part of the plan, too.
    """
    view = replace(view, layer=replace(view.layer, extent=None))
    rule = rule_for(rule, view.style.operations, (member.geo for member in members))
    chosen: list[tuple[Member, MosaicPart]] = []
    for member in members:
        part = _part(view, member, server)
        if part is not None:
            chosen.append((member, part))
            if rule is MosaicRule.FIRST and not is_part and _hides_all(view, member, part):
                break
    size = view.target.size
    if not chosen:
        return plan_blank(size, view.format, server, transparent=view.transparent, background=view.background)
    common = _measured_in(reference, view)
    if len(chosen) == 1 and not is_part and _has_own_range(chosen[0][0].info, common, view.style):
        ((member, _),) = chosen
        return plan_map(view, member.info, member.geo, server)
    parts, joint = divided([part for _, part in chosen], view.style.operations, rule)
    ground = shown_background(view.format, server, view.background, transparent=view.transparent)
    operations = pipeline.ordered((*joint, *ground))
    return RenderPlan(Mosaic(parts, size, rule, common), plain_encoding(view.format, server), operations)


def _part(view: MapView, member: Member, server: Server) -> MosaicPart | None:
    """One image, with all operations of its map; None if it does not meet the map."""
    if region_on(member.geo.georeference, view.target) is None:
        return None
    alone = replace(view, transparent=True, background=WHITE)
    placed = place_image(alone, member.info, member.geo, server)
    return None if placed is None else MosaicPart(placed.view, placed.operations, placed.x, placed.y)


def _measured_in(reference: ImageInfo | None, view: MapView) -> ImageRef | None:
    """The image whose range is displayed; None where it declares one, or the style does."""
    if reference is None:
        return None
    if not view.style.is_measured:
        by_style = any(each.stage is Stage.RANGE for each in view.style.operations)
        if by_style or known_ranges(reference):
            return None
    return image_ref(reference)


def _has_own_range(info: ImageInfo, common: ImageRef | None, style: Style) -> bool:
    """Whether an image alone displays the range that it has in the collection."""
    is_known = bool(known_ranges(info)) and not style.is_measured
    return common is None or is_known or image_ref(info) == common


def _hides_all(view: MapView, member: Member, part: MosaicPart) -> bool:
    """Whether nothing below an image shows, as far as that is known before it is opened."""
    covers = isinstance(part.view, Crop) and part.view.size == view.target.size
    return covers and member.geo.mask is None and is_opaque(member.info, part.operations)
