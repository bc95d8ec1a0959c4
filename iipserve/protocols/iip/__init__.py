"""IIP, the Internet Imaging Protocol: a list of commands in a query string."""

from __future__ import annotations

from iipserve.config import Config
from iipserve.geometry import new_tuple
from iipserve.plan import Answer
from iipserve.processing import colormap
from iipserve.protocols import AnyQueryRoute, Images, PathRoute, Protocol, QueryRoute, Server
from iipserve.protocols.iip.commands import (
    ExportQuery,
    ObjectsQuery,
    ProfileQuery,
    Query,
    SpectrumQuery,
    TileQuery,
    parse,
)
from iipserve.protocols.iip.errors import error_answer
from iipserve.protocols.iip.exports import plan_export
from iipserve.protocols.iip.modification import read_modifiers
from iipserve.protocols.iip.object_reply import objects_answer
from iipserve.protocols.iip.samples import plan_profile, plan_spectrum
from iipserve.protocols.iip.tiles import plan_query_tile, plan_tile_range


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The answer to a query.

    Raises:
        TileNotFound: the resolution or tile does not exist.
        InvalidRequest: a modifier does not fit the image, or a point is outside it.
        IIPError: no object has an answer.
        TooLarge: TIL requests too many tiles, PFL or SPECTRA too many samples.
    """
    config = server.config
    if isinstance(query, ObjectsQuery):
        return objects_answer(query.objects, query.text, images.only() if images else None, server)
    info = images.only()
    if isinstance(query, TileQuery):
        return new_tuple(Answer, (plan_query_tile(query, info, server), ()))
    if isinstance(query, ExportQuery):
        return plan_export(query, info, server)
    if isinstance(query, SpectrumQuery):
        return Answer(plan_spectrum(query, info, config))
    if isinstance(query, ProfileQuery):
        return Answer(plan_profile(query, info, config))
    return Answer(plan_tile_range(query, info, server))


def check(config: Config) -> None:
    """Check that the color maps of COLORMAPS can be read.

    Raises:
        ConfigError: one cannot.
    """
    colormap.names(config.colormaps)


PROTOCOL = Protocol(
    "iip",
    (PathRoute("iip"), QueryRoute("fif", whole=True, weak=True), AnyQueryRoute()),
    parse,
    plan,
    error_answer,
    check,
    mapped_prefix="FIF=",
    read_modifiers=read_modifiers,
)
