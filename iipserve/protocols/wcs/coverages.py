"""GetCoverage: from what a request says to the plan of a coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from iipserve.coverage_formats import CoverageFormat, Raster, by_name, find
from iipserve.errors import UnsupportedEncoding
from iipserve.geo.coverages import NamedFormat
from iipserve.geo.crs import IMAGE, CrsName, NoTransformation, quoted, spelled
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import ServiceMetadata
from iipserve.geo.ows.exceptions import INVALID_VALUE, NO_CODE, OwsError
from iipserve.plan import Answer, CoverageEncoding, CoveragePlan, Resampling
from iipserve.protocols import Images, Server, coverage_options
from iipserve.protocols.coverage_bands import OfferedBand
from iipserve.protocols.coverage_images import plan_images
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.coverages import CoverageView
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.map_values import MIN_STEP
from iipserve.protocols.wcs import geotiff, multipart, times
from iipserve.protocols.wcs.answers import enclosed
from iipserve.protocols.wcs.bands import selected
from iipserve.protocols.wcs.exceptions import Fault, fault, refused
from iipserve.protocols.wcs.grids_by_axes import axes_grid
from iipserve.protocols.wcs.grids_by_box import box_grid
from iipserve.protocols.wcs.grids_by_samples import samples_grid
from iipserve.protocols.wcs.interpolation import method_of
from iipserve.protocols.wcs.query import (
    AxesDomain,
    CoverageQuery,
    Domain,
    SampleDomain,
    family_of,
)

WITH_OPTIONS = ("geotiff", "cog")
"""Formats that have the parameters of the GeoTIFF extension."""
USUAL_FIELDS, USUAL_AXES = ("contents", "range"), ("bands", "band")
"""By which clients ask for the one field, and for its axis, whatever a document calls them."""


def plan_get_coverage(query: CoverageQuery, images: Images, server: Server) -> Answer:
    """The plan of a coverage: a file, or of 1.1 and where the request says so, a file after a document about it.

    Raises:
        OwsError: what is asked for does not exist, or is too large.
    """
    metadata = server.catalog().metadata
    entry = entry_of(query.layer, images, server)
    offered = offering(entry, metadata)
    _check(query, offered, metadata)
    target = target_of(query, offered.grid)
    check_size(target, coverage_options.max_size(metadata))
    shown = replace(offered, grid=target, bands=_bands(query, offered))
    format = _format(query, offered, metadata)
    view = CoverageView(
        query.layer,
        tuple(band.index for band in shown.bands),
        target,
        _resampling(query, offered, metadata),
        _encoding(query, format, offered, metadata),
        tuple(band.written for band in shown.bands),
        offered.coverage_id,
    )
    try:
        plan = plan_images(view, offered.entry, query.times, images, server)
    except NoTransformation as error:
        raise refused(Fault.OUTPUT_CRS, family_of(query.version), str(error), target.crs) from error
    _check_format(query, format.format, plan)
    return _answer(query, _with_items(query, plan, format, shown), format, shown)


def _with_items(query: CoverageQuery, plan: CoveragePlan, format: _Format, shown: Offering) -> CoveragePlan:
    """The plan with what the service file states as metadata of files of this format."""
    plain = NamedFormat(format.format.name, format.format.name)
    name, bands = query.format or shown.native_format, [band.index for band in shown.bands]
    items = coverage_options.layer_metadata(query.layer, name, format.named or plain, bands)
    return replace(plan, description=replace(plan.description, items=items)) if items else plan


def _check(query: CoverageQuery, offered: Offering, metadata: ServiceMetadata) -> None:
    """See that the coverage has the times, the fields and the systems that the request names. Raises `OwsError`."""
    times.check(query, offered)
    _check_systems(query, offered, metadata)
    _check_range(query, offered)


def _answer(query: CoverageQuery, plan: CoveragePlan, format: _Format, shown: Offering) -> Answer:
    """The plan with what surrounds it; `shown` has the grid and the bands of the result."""
    name = f"{shown.coverage_id}.{format.extension}"
    if query.is_multipart or query.soap:
        file = multipart.FilePart(name, format.media_type)
        return Answer(replace(plan, envelope=enclosed(query, shown, file, format.format.role)))
    return Answer(plan, (("Content-Disposition", multipart.disposition(name, "inline")),))


# -- the grid --------------------------------------------------------------------------------------


def target_of(query: CoverageQuery, native: GridRef) -> GridRef:
    """The grid of the result.

    Raises:
        OwsError: there is none, or it is outside of the coverage.
    """
    try:
        target = _target(query.domain, native)
    except NoTransformation as error:
        raise refused(Fault.SUBSETTING_CRS, family_of(query.version), str(error), "crs") from error
    except OwsError as error:
        written = {name.key: spelled(name) for _, name in _systems(query.domain)}
        error.locator = written.get(error.locator, error.locator)
        raise
    numbers = (target.affine.a, target.affine.b, target.affine.d, target.affine.e)
    if not all(map(math.isfinite, target.affine)) or max(map(abs, numbers)) < MIN_STEP:
        raise OwsError(INVALID_VALUE, "the box is too small or too large for a coverage", "bbox")
    return target


def _target(domain: Domain, native: GridRef) -> GridRef:
    if isinstance(domain, AxesDomain):
        return axes_grid(native, domain)
    if isinstance(domain, SampleDomain):
        return samples_grid(native, domain)
    return box_grid(native, domain)


def check_size(target: GridRef, most: int) -> None:
    """See that a result is not larger than the service lets it be.

    Raises:
        OwsError: NoApplicableCode: it is, with the limit.
    """
    width, height = target.size
    if max(width, height) > most:
        raise OwsError(
            NO_CODE,
            f"the coverage would have {width} x {height} pixels; {most} across and down are the limit: ask for a part of "
            "it, or for fewer pixels",
        )


def _check_systems(query: CoverageQuery, offered: Offering, metadata: ServiceMetadata) -> None:
    """See that the coverage is offered in the systems of the request."""
    family = family_of(query.version)
    for kind, name in _systems(query.domain):
        if name.key != IMAGE and not coverage_options.accepts(name.key, offered.entry, metadata):
            known = ", ".join(offered.crs)
            raise refused(
                kind,
                family,
                f"coverage {quoted(offered.coverage_id)} is not offered in {quoted(name.key)}; it is in {known}",
                spelled(name),
            )


def _systems(domain: Domain) -> list[tuple[Fault, CrsName]]:
    if isinstance(domain, AxesDomain):
        named = (domain.subsetting_crs, domain.output_crs)
    elif isinstance(domain, SampleDomain):
        named = (domain.crs, domain.base_crs)
    else:
        named = (domain.crs, domain.response_crs)
    kinds = (Fault.SUBSETTING_CRS, Fault.OUTPUT_CRS)
    return [(kind, name) for kind, name in zip(kinds, named, strict=True) if name is not None]


# -- samples ---------------------------------------------------------------------------------------


def _check_range(query: CoverageQuery, offered: Offering) -> None:
    """See that the coverage has the fields and axes of the range that the request names.

    Raises:
        OwsError: it does not.
    """
    layer, family = query.layer, family_of(query.version)
    own = coverage_options.field_identifier(layer)
    fields = {own, coverage_options.field_name(layer), offered.coverage_id, query.coverage_id, *USUAL_FIELDS}
    axes = {coverage_options.band_axis(layer), *USUAL_AXES}
    for kind, names, known in (("field", query.fields, fields), ("axis", query.range_axes, axes)):
        for name in names:
            if name.lower() not in {each.lower() for each in known}:
                one = own if kind == "field" else coverage_options.band_axis(layer)
                raise refused(Fault.FIELD, family, f"there is no {kind} {quoted(name)}; {one} is", name)


def _bands(query: CoverageQuery, offered: Offering) -> tuple[OfferedBand, ...]:
    """The bands of the result. Raises `OwsError`."""
    names = [band.name for band in offered.bands]
    written = [band.written for band in offered.bands]
    chosen = selected(query.bands, names, family_of(query.version), written)
    return tuple(offered.bands[index] for index in chosen)


def _resampling(query: CoverageQuery, offered: Offering, metadata: ServiceMetadata) -> Resampling:
    family = family_of(query.version)
    method = method_of(query.interpolation, family)
    if method is None:
        return Resampling(offered.interpolations[0])
    if method.value not in offered.interpolations and method is not Resampling.NEAREST:
        known = ", ".join(offered.interpolations)
        raise refused(
            Fault.INTERPOLATION,
            family,
            f"interpolation {quoted(query.interpolation)} is not offered; {known} are",
            query.interpolation,
        )
    return method


# -- the file --------------------------------------------------------------------------------------


class _Format(NamedTuple):
    """A format, or one with settings of the service file."""

    format: CoverageFormat
    named: NamedFormat | None = None

    @property
    def media_type(self) -> str:
        """Of the file."""
        return (self.named and self.named.media_type) or self.format.media_type

    @property
    def extension(self) -> str:
        """Of its name."""
        return (self.named and self.named.extension) or self.format.extension


def _format(query: CoverageQuery, offered: Offering, metadata: ServiceMetadata) -> _Format:
    """The format of the file: of GML in several parts the native one, since the first part is GML.

    Raises:
        OwsError: it is unknown, or not offered.
    """
    is_first = query.is_multipart or bool(query.soap)
    if not query.format or (is_first and _is_gml(query.format)):
        found = _named(offered.native_format, offered, metadata)
    else:
        found = _named(query.format, offered, metadata)
    if is_first and found.format.name == "gml":
        text = "samples inline have no file to come after; leave MEDIATYPE out"
        raise refused(Fault.FORMAT, family_of(query.version), text, "mediatype")
    return found


def _is_gml(text: str) -> bool:
    """Whether a format is GML; the plus sign of its type may have become a space."""
    return text.partition(";")[0].strip().lower().replace(" ", "+") in ("gml", "application/gml+xml")


def _named(text: str, offered: Offering, metadata: ServiceMetadata) -> _Format:
    wanted = text.strip().lower()
    by_name_or_type: Mapping[str, NamedFormat] = {
        key.lower(): each
        for each in coverage_options.named_formats(metadata)
        if each.name in offered.formats
        for key in (each.media_type, each.name)
        if key
    }
    if named := by_name_or_type.get(wanted):
        return _Format(by_name(named.format), coverage_options.layer_settings(offered.layer, text, named))
    known = ", ".join(offered.formats)
    try:
        format = find(text)
    except UnsupportedEncoding:
        format = None
    if format is None or format.name not in offered.formats:
        raise OwsError(
            INVALID_VALUE, f"coverages are not written as {quoted(text)}, but as {known}", "format"
        )
    plain = NamedFormat(format.name, format.name)
    own = coverage_options.layer_settings(offered.layer, text, plain)
    return _Format(format, None if own == plain else own)


def _encoding(
    query: CoverageQuery, format: _Format, offered: Offering, metadata: ServiceMetadata
) -> CoverageEncoding:
    named = format.named
    plain = CoverageEncoding(format.format.name)
    if named is not None:
        plain = CoverageEncoding(
            named.format, named.compression, named.predictor, named.interleave, named.tile, named.quality
        )
    if not query.encoding or plain.format not in WITH_OPTIONS:
        return plain
    return geotiff.encoding_of(dict(query.encoding), plain, offered.dtype)


def _check_format(query: CoverageQuery, format: CoverageFormat, plan: CoveragePlan) -> None:
    """See that a format can hold the coverage.

    Raises:
        OwsError: it cannot; CompressionNotSupported: only not with that compression.
    """
    reason = format.refusal(Raster(plan.description, plan.grid, plan.encoding))
    if reason is None:
        return
    compression = dict(query.encoding).get("compression", "")
    plain = Raster(plan.description, plan.grid, CoverageEncoding(plan.encoding.format))
    if compression and format.refusal(plain) is None:
        raise fault(geotiff.COMPRESSION_NOT_SUPPORTED, reason, compression)
    raise refused(Fault.FORMAT, family_of(query.version), reason, "format")
