"""IIP: the plan for what a list of commands asks for."""

from __future__ import annotations

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.http import Routed
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Crop, Document, RenderPlan, image_ref
from iipserve.processing import colormap
from iipserve.protocols import ErrorAnswer, Images, Server, plain_error
from iipserve.protocols.encodings import export_encoding
from iipserve.protocols.iip.commands import (
    ExportQuery,
    ObjectsQuery,
    ProfileQuery,
    Query,
    SpectrumQuery,
    TileQuery,
)
from iipserve.protocols.iip.errors import IIPError
from iipserve.protocols.iip.modifiers import apply_modifiers
from iipserve.protocols.iip.object_reply import objects_answer
from iipserve.protocols.iip.objects import NETFPX
from iipserve.protocols.iip.samples import plan_profile, plan_spectrum
from iipserve.protocols.iip.tiles import plan_query_tile, plan_tile_range
from iipserve.protocols.iip.view import export_region, export_size
from iipserve.protocols.tiles import quality_layers
from iipserve.protocols.url_text import inline_disposition
from iipserve.pyramid import place_region


def plan(query: Query, images: Images, server: Server) -> Answer:
    """What the query asks for.

    Raises:
        TileNotFound: resolution or tile lies outside the pyramid.
        InvalidRequest: a modifier does not fit the image, a point lies outside it.
        IIPError: no object had anything to tell.
        TooLarge: TIL asks for too many tiles, PFL or SPECTRA for too many samples.
    """
    config = server.config
    if isinstance(query, ObjectsQuery):
        return objects_answer(query.objects, query.text, images.only() if images else None, server)
    info = images.only()
    if isinstance(query, TileQuery):
        return Answer(plan_query_tile(query, info, server))
    if isinstance(query, ExportQuery):
        return _plan_export(query, info, server)
    if isinstance(query, SpectrumQuery):
        return Answer(plan_spectrum(query, info, config))
    if isinstance(query, ProfileQuery):
        return Answer(plan_profile(query, info, config))
    return Answer(plan_tile_range(query, info, server))


def _plan_export(query: ExportQuery, info: ImageInfo, server: Server) -> Answer:
    view, config = query.view, server.config
    size = export_size(view, info.size, config)
    placement = place_region(info, export_region(view, info.size), size)
    image = image_ref(info, quality_layers(info, config))
    encoding = export_encoding(query.format, info, server)
    plan = apply_modifiers(RenderPlan(Crop(image, *placement), encoding), view, info, server)
    suffix = f"_{size.width}x{size.height}.{server.formats.by_name[query.format].extension}"
    return Answer(plan, (("Content-Disposition", inline_disposition(query.names[0].identifier, suffix)),))


def error(error: IIPServeError, routed: Routed | None = None) -> ErrorAnswer:
    """The error in IIP's syntax where it has a number for it, else as plain text."""
    if isinstance(error, IIPError):
        return ErrorAnswer(error.status, Document(error.body, NETFPX))
    return plain_error(error)


def check(config: Config) -> None:
    """See that the administrator's color maps can be read.

    Raises:
        ConfigError: one cannot.
    """
    colormap.names(config.colormaps)
