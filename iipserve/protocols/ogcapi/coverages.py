"""OGC API - Coverages (19-087): the samples of layers."""

from __future__ import annotations

from dataclasses import replace

from iipserve import coverage_formats
from iipserve.coverage_formats import Raster
from iipserve.errors import Forbidden, InvalidRequest, TooLarge, UnsupportedEncoding
from iipserve.geo import crs
from iipserve.geo.collection_settings import REST
from iipserve.geo.coverages import NamedFormat
from iipserve.geo.crs import CrsName, Form
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geometry import Size
from iipserve.plan import Answer, CoverageEncoding, CoveragePlan, Resampling
from iipserve.protocols import Images, Server, coverage_options
from iipserve.protocols.coverage_images import plan_images
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.coverage_times import agrees
from iipserve.protocols.coverages import CoverageView
from iipserve.protocols.map_tiles import NotThere, entry_of
from iipserve.protocols.ogcapi.addresses import place_headers
from iipserve.protocols.ogcapi.coverage_grid import target_of
from iipserve.protocols.ogcapi.coverage_queries import CoverageQuery, asked_time, select


def is_offered(metadata: ServiceMetadata, layer: Layer | None = None) -> bool:
    """Whether coverages are answered, of one layer or at all: where those of WCS are."""
    if layer is None:
        return "GetCoverage" in coverage_options.operations(metadata)
    return "GetCoverage" in coverage_options.layer_operations(layer, metadata, REST)


def formats(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Names of the formats of coverages; none where these are not answered."""
    return coverage_options.formats(metadata) if is_offered(metadata) else ()


def offered(entry: LayerEntry, metadata: ServiceMetadata) -> Offering:
    """The layer as a coverage.

    Raises:
        Forbidden: the service file does not let coverages of it be answered.
    """
    if not is_offered(metadata, entry.layer):
        raise Forbidden(f"coverages of layer {entry.layer.identifier!r} are switched off by the service file")
    return offering(entry, metadata)


def plan_coverage_of(query: CoverageQuery, images: Images, server: Server) -> Answer:
    """The plan of a coverage: that of WCS for the same samples.

    Raises:
        Forbidden: the service file does not let coverages be answered.
        NotThere: the subset is outside of the coverage.
        InvalidRequest: there is no such field or axis, or the layer is not offered in the system.
        UnsupportedEncoding: the format is not offered, or cannot hold the samples.
        TooLarge: the result has more samples than the service allows.
    """
    metadata = server.catalog().metadata
    shown = offered(entry_of(query.layer, images, server), metadata)
    _check_system(query, shown, metadata)
    _check_time(query, shown)
    target = target_of(query, shown.grid)
    _check_size(target.size, metadata)
    chosen = [shown.bands[index] for index in select(query, tuple(band.name for band in shown.bands))]
    format = _settings(query.format, shown, metadata)
    view = CoverageView(
        query.layer,
        tuple(band.index for band in chosen),
        target,
        Resampling(shown.interpolations[0]),
        _encoding(format),
        tuple(band.written for band in chosen),
        shown.coverage_id,
    )
    plan = plan_images(view, shown.entry, query.times, images, server)
    plan = _with_items(plan, query, format, shown, view.bands)
    raster = Raster(plan.description, plan.grid, plan.encoding)
    reason = coverage_formats.by_name(format.format).refusal(raster)
    if reason is not None:
        raise UnsupportedEncoding(reason)
    vary = (("Vary", "Accept"),) if query.is_negotiated else ()
    return Answer(plan, (*place_headers(query.crs or native_name(shown), target.bounds), *vary))


def native_name(shown: Offering) -> CrsName:
    """The system of a coverage."""
    return CrsName(shown.grid.crs, Form.URI)


def _check_system(query: CoverageQuery, shown: Offering, metadata: ServiceMetadata) -> None:
    """See that the layer is offered in the systems of the request."""
    names = [query.crs] if query.crs else []
    if query.subset.is_spatial:
        names.append(query.subset.crs)
    for name in names:
        if name.key == crs.WGS84 and not shown.is_plain:
            continue
        if not coverage_options.accepts(name.key, shown.entry, metadata):
            raise crs.NoTransformation(
                f"layer {crs.quoted(query.layer.identifier)} is not offered in {crs.label(name.key)}; "
                f"it is in {', '.join(shown.crs)}"
            )


def _check_size(size: Size, metadata: ServiceMetadata) -> None:
    limit = coverage_options.max_size(metadata)
    if max(size) > limit:
        raise TooLarge(
            f"the coverage has {size.width} x {size.height} samples; {limit} x {limit} are the most: "
            "ask for a subset, or scale it"
        )


def _check_time(query: CoverageQuery, shown: Offering) -> None:
    """See that a coverage of certain times has the one that is asked for; others have every time."""
    if query.datetime and query.subset.time:
        raise InvalidRequest("datetime and time of subset exclude each other; state one of them")
    for wanted in query.times:
        if shown.times and not any(agrees(position, wanted) for position in shown.times):
            known, text = ", ".join(shown.times[:5]), asked_time(query.datetime, query.subset)
            raise NotThere(f"the layer has no time {crs.quoted(text)}; it has {known}")


# -- formats ---------------------------------------------------------------------------------------


def _settings(text: str, shown: Offering, metadata: ServiceMetadata) -> NamedFormat:
    """The format that the client names, as the service file and the layer set it.

    Raises:
        UnsupportedEncoding: the coverage is not offered in it.
    """
    wanted = (text or shown.native_format).strip()
    for each in coverage_options.named_formats(metadata):
        if each.name in shown.formats and wanted.lower() in (each.name.lower(), each.media_type.lower()):
            return coverage_options.layer_settings(shown.layer, wanted, each)
    name = coverage_formats.find(wanted).name
    if name not in shown.formats:
        raise UnsupportedEncoding(f"format {crs.quoted(text)} is not offered; {', '.join(shown.formats)} are")
    return coverage_options.layer_settings(shown.layer, wanted, NamedFormat(name, name))


def _encoding(format: NamedFormat) -> CoverageEncoding:
    return CoverageEncoding(
        format.format, format.compression, format.predictor, format.interleave, format.tile, format.quality
    )


def _with_items(
    plan: CoveragePlan, query: CoverageQuery, format: NamedFormat, shown: Offering, bands: tuple[int, ...]
) -> CoveragePlan:
    """The plan with what the service file states as metadata of files of this format."""
    name = query.format or shown.native_format
    items = coverage_options.layer_metadata(query.layer, name, format, bands)
    return replace(plan, description=replace(plan.description, items=items)) if items else plan


def media_types(layer: Layer, metadata: ServiceMetadata) -> dict[str, str]:
    """Names of the formats of a layer by media type, that of requests that name none first."""
    known = {name: each.media_type for name, each in coverage_formats.formats().items()}
    named = {
        each.name: each.media_type or known[each.format] for each in coverage_options.named_formats(metadata)
    }
    first = coverage_options.layer_native_format(layer, metadata)
    found: dict[str, str] = {}
    for name in (first, *coverage_options.layer_formats(layer, metadata)):
        if media_type := named.get(name) or known.get(name):
            found.setdefault(media_type, name)
    return found
