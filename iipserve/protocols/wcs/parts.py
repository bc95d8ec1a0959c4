"""What documents of all versions write of coverages and of the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from iipserve import coverage_formats
from iipserve.geo.layer import Layer, ServiceMetadata
from iipserve.geo.ows.xml import NOTHING, Xml, comment, element, joined
from iipserve.protocols import coverage_options as options
from iipserve.protocols.coverage_bands import NilValue
from iipserve.protocols.coverage_offerings import Offering
from iipserve.protocols.metadata_links import MetadataLink, links_of

"""What a code of a unit cannot have (`swe:UomSymbol`)."""
ROOT_2_0: Mapping[str, str] = {
    "xmlns:wcs": "http://www.opengis.net/wcs/2.0",
    "xmlns:ows": "http://www.opengis.net/ows/2.0",
    "xmlns:gml": "http://www.opengis.net/gml/3.2",
    "xmlns:gmlcov": "http://www.opengis.net/gmlcov/1.0",
    "xmlns:swe": "http://www.opengis.net/swe/2.0",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.opengis.net/wcs/2.0 http://schemas.opengis.net/wcs/2.0/wcsAll.xsd",
}
"""Attributes of root elements of 2.0."""

MAX_FIGURES = 40
"""Significant figures that the schema allows."""
NO_LAYERS = "WARNING: No WCS layers are enabled. Check wcs/ows_enable_request settings."


class Interpolation(NamedTuple):
    """Names of a method of resampling; empty where a version has none."""

    v1_0: str
    """OGC 03-065r6, table 12."""
    v1_1: str
    """OGC 07-067r5, annex B."""
    v2_0: str
    """A URI (OGC 12-049)."""


URI = "http://www.opengis.net/def/interpolation/OGC/1/"
INTERPOLATIONS: Mapping[str, Interpolation] = MappingProxyType({
    "nearest": Interpolation("nearest neighbor", "nearest", f"{URI}nearest-neighbor"),
    "bilinear": Interpolation("bilinear", "linear", f"{URI}linear"),
    "cubic": Interpolation("bicubic", "cubic", f"{URI}cubic"),
    "average": Interpolation("", "", f"{URI}average"),
    "mode": Interpolation("", "", f"{URI}mode"),
})  # fmt: skip
"""By value of `plan.Resampling`."""


def media_types(names: Iterable[str], metadata: ServiceMetadata) -> tuple[str, ...]:
    """Media types of formats, each once, in their order."""
    named = {each.name: each for each in options.named_formats(metadata)}
    found = (
        (named[name].media_type or coverage_formats.by_name(named[name].format).media_type)
        if name in named
        else coverage_formats.by_name(name).media_type
        for name in names
    )
    return tuple(dict.fromkeys(found))


def format_label(name: str, metadata: ServiceMetadata) -> str:
    """The name of a format as documents of 1.0.0 write it."""
    if any(name == each.name for each in options.named_formats(metadata)):
        return name
    return coverage_formats.by_name(name).title


def metadata_links(layer: Layer) -> tuple[MetadataLink, ...]:
    """Those of a layer."""
    return tuple(links_of(partial(options.item, layer), "metadatalink"))


def service_links(metadata: ServiceMetadata) -> tuple[MetadataLink, ...]:
    """Those of the service."""
    return tuple(links_of(partial(options.service_item, metadata), "metadatalink"))


def ows_metadata(links: Iterable[MetadataLink]) -> Xml:
    """`ows:Metadata` for each link."""
    return joined(
        element(
            "ows:Metadata",
            attributes={"xlink:type": "simple", "xlink:href": link.address}
            | ({"xlink:title": link.type} if link.type else {}),
        )
        for link in links
    )


def warning(keyword: str, metadata: ServiceMetadata, *, is_missing: bool) -> Xml:
    """A comment about an item that the service file leaves out, as MapServer writes it; nothing if documents have none."""
    if not (is_missing and options.warns(metadata)):
        return NOTHING
    return comment(
        f'WARNING: Mandatory metadata "wcs_{keyword}" or "ows_{keyword}" was missing in this context.'
    )


def layer_warning(keyword: str, shown: Offering, metadata: ServiceMetadata) -> Xml:
    """The same of a layer."""
    return warning(keyword, metadata, is_missing=not options.item(shown.layer, keyword))


def service_warning(metadata: ServiceMetadata) -> Xml:
    """The same of the title of the service."""
    return warning("label", metadata, is_missing=not options.service_item(metadata, "label"))


def null_values(shown: Offering) -> tuple[NilValue, ...]:
    """Samples that stand for missing data in any band: `rangeset_nullvalue` of the service file, else those of all bands."""
    if stated := options.item(shown.layer, "rangeset_nullvalue"):
        return (NilValue(stated, ""),)
    return tuple(dict.fromkeys(nil for band in shown.bands for nil in band.nil_values))


def time_positions(shown: Offering) -> tuple[str, ...]:
    """The times of a coverage, from the first to the last."""
    return tuple(sorted(shown.times))
