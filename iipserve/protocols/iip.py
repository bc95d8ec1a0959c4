"""IIP: a list of commands in a query string, folded from left to right into one plan or answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from iipserve.config import Config
from iipserve.errors import IIPServeError, InvalidRequest, TileNotFound, TooLarge
from iipserve.geometry import Region, Size, TileGrid, ceil_div
from iipserve.http import Request
from iipserve.image import ImageInfo
from iipserve.plan import Answer, Bundle, Document, RenderPlan, image_ref
from iipserve.protocols import Protocol, plain_error
from iipserve.protocols.encodings import asked_encoding, export_encoding, extension_of, tile_encoding
from iipserve.protocols.iip_objects import (
    NETFPX,
    Fault,
    IIPFault,
    object_kind,
    objects_answer,
    server_object,
)
from iipserve.protocols.iip_view import (
    DEFAULT_VIEW,
    View,
    export_region,
    export_size,
    read_fractions,
    read_length,
    read_quality,
    read_whole,
)
from iipserve.protocols.tiles import plan_tile, quality_layers
from iipserve.protocols.wire_text import decoded, decoded_identifier, inline_disposition
from iipserve.pyramid import place_region

MOST_TILES = 1024
"""Tiles that one TIL may ask for."""
TILE_ADDRESS = re.compile(r"([+-]?[0-9]{1,9})(?:,([+-]?[0-9]{1,9}))?")
EXPORT_FORMATS: Mapping[str, str] = {
    "jpg": "jpeg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
    "tiff": "tiff",
}
"""CVT's argument in lower case -> name of the format; any other is JPEG, as in iipsrv."""


# -- queries ---------------------------------------------------------------------------------------


class TileQuery(NamedTuple):
    """One tile: JTL and its kin."""

    identifier: str
    format: str
    resolution: int
    """0 is the smallest."""
    tile: int
    """Counted row by row from 0."""
    view: View


class TileRangeQuery(NamedTuple):
    """The rectangle of tiles between two: TIL."""

    identifier: str
    resolution: int
    first: int
    last: int
    view: View


class ExportQuery(NamedTuple):
    """The image or a region of it: CVT."""

    identifier: str
    format: str
    view: View


class ObjectsQuery(NamedTuple):
    """Facts about the image and the server: OBJ."""

    identifier: str | None
    names: tuple[str, ...]
    """In lower case, all known."""
    text: str
    """The whole request, for the error when there is nothing to tell."""


Query: TypeAlias = TileQuery | TileRangeQuery | ExportQuery | ObjectsQuery


# -- parsing ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What the commands so far have said."""

    identifier: str | None = None
    view: dict[str, Any] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    output: Callable[[str, View], Query] | None = None
    faults: list[Fault] = field(default_factory=list)


Command: TypeAlias = Callable[[_Reading, str, str], None]
"""Takes the reading, the command's name and its argument."""


def parse(request: Request) -> Query:
    """Read the commands of a query string.

    Names may be of either case; a command without `=` has its own name as argument, one with an empty
    argument is passed over; arguments are percent-decoded after splitting.

    Raises:
        IIPFault: a command or object is unknown, the image is missing or nothing is asked for.
        InvalidRequest: an argument is malformed, or two answers are asked for.
    """
    reading = _Reading()
    for token in request.target.split("&"):
        name, equals, argument = token.partition("=")
        if not equals:
            argument = name
        if argument:
            COMMANDS.get(name.lower(), _unknown)(reading, name, argument)
    return _query(reading, request.target)


def _query(reading: _Reading, text: str) -> Query:
    if reading.faults:
        raise IIPFault(reading.faults)
    if reading.objects:
        return ObjectsQuery(reading.identifier, tuple(reading.objects), text)
    if reading.output is None or reading.identifier is None:
        raise IIPFault([Fault("2 1", text)])
    view = DEFAULT_VIEW._replace(**reading.view) if reading.view else DEFAULT_VIEW
    return reading.output(reading.identifier, view)


def _unknown(reading: _Reading, name: str, argument: str) -> None:
    reading.faults.append(Fault("2 2", name))


def _image(reading: _Reading, name: str, argument: str) -> None:
    _refuse_after_output(reading, name)
    if reading.identifier is not None:
        raise InvalidRequest("FIF is given twice; one request is about one image")
    reading.identifier = decoded_identifier(argument.replace("+", " "))


def _object(reading: _Reading, name: str, argument: str) -> None:
    _refuse_after_output(reading, name)
    asked = decoded(argument).lower()
    if server_object(asked) is None:
        if object_kind(asked) is None:
            reading.faults.append(Fault("3 2", asked))
        elif reading.identifier is None:
            reading.faults.append(Fault("1 3", asked))
    reading.objects.append(asked)


def _modifier(field_name: str, read: Callable[[str, str], Any]) -> Command:
    """A command that says how the answer is to be; the last of its name counts."""

    def run(reading: _Reading, name: str, argument: str) -> None:
        _refuse_after_output(reading, name)
        reading.view[field_name] = read(name, decoded(argument))

    return run


def _output(read: Callable[[str, str], Callable[[str, View], Query]]) -> Command:
    """A command that asks for an image; there is one in a request."""

    def run(reading: _Reading, name: str, argument: str) -> None:
        if reading.output is not None or reading.objects:
            raise InvalidRequest(f"{name} asks for a second answer; a request gets one")
        if reading.identifier is None:
            reading.faults.append(Fault("1 3", argument))
        reading.output = read(name, decoded(argument))

    return run


def _refuse_after_output(reading: _Reading, name: str) -> None:
    if reading.output is not None:
        raise InvalidRequest(f"{name} comes after the command that asks for the image; it has to come before")


def _read_tile(format: str, name: str, argument: str) -> Callable[[str, View], Query]:
    """`resolution,tile`; a single number stands for both (iipsrv)."""
    match = TILE_ADDRESS.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: resolution,tile is needed, as in 2,0")
    resolution = int(match[1])
    tile = resolution if match[2] is None else int(match[2])
    return lambda identifier, view: TileQuery(identifier, format, resolution, tile, view)


def _read_tile_range(name: str, argument: str) -> Callable[[str, View], Query]:
    """`resolution,first-last` or `resolution,tile`."""
    resolution, comma, tiles = argument.partition(",")
    first, dash, last = tiles.partition("-")
    if not comma:
        raise InvalidRequest(f"{name}={argument!r}: resolution,first-last is needed, as in 2,0-5")
    numbers = read_whole(name, resolution), read_whole(name, first), read_whole(name, last if dash else first)
    return lambda identifier, view: TileRangeQuery(identifier, *numbers, view)


def _read_export(name: str, argument: str) -> Callable[[str, View], Query]:
    """A format; an unknown one is JPEG (iipsrv)."""
    format = EXPORT_FORMATS.get(argument.lower(), "jpeg")
    return lambda identifier, view: ExportQuery(identifier, format, view)


COMMANDS: Mapping[str, Command] = {
    "fif": _image,
    "obj": _object,
    "wid": _modifier("width", read_length),
    "hei": _modifier("height", read_length),
    "rgn": _modifier("region", read_fractions),
    "qlt": _modifier("quality", read_quality),
    "lyr": _modifier("layers", read_whole),
    "jtl": _output(partial(_read_tile, "jpeg")),
    "ptl": _output(partial(_read_tile, "png")),
    "wtl": _output(partial(_read_tile, "webp")),
    "atl": _output(partial(_read_tile, "avif")),
    "ttl": _output(partial(_read_tile, "tiff")),
    "til": _output(_read_tile_range),
    "cvt": _output(_read_export),
}
"""Every command, by its name in lower case; any other is answered with IIP's error 2 2."""


# -- planning --------------------------------------------------------------------------------------


def plan(query: Query, info: ImageInfo | None, config: Config) -> Answer:
    """What the query asks for.

    Raises:
        TileNotFound: resolution or tile lies outside the pyramid.
        IIPFault: no object had anything to tell.
        TooLarge: TIL asks for too many tiles.
    """
    if isinstance(query, ObjectsQuery):
        return objects_answer(query.names, query.text, info, config)
    assert info is not None, "every other query names an image"
    if isinstance(query, TileQuery):
        return Answer(_plan_tile(query, info, config))
    if isinstance(query, ExportQuery):
        return _plan_export(query, info, config)
    return Answer(_plan_tile_range(query, info, config))


def _plan_tile(query: TileQuery, info: ImageInfo, config: Config) -> RenderPlan:
    view = query.view
    grid_size = _shown_size(info, query.resolution)
    region = _tile_region(info, grid_size, query.tile)
    if view.quality is None:
        encoding = tile_encoding(query.format, info, config)
    else:
        encoding = asked_encoding(query.format, info, config, view.quality)
    return plan_tile(info, config, grid_size, region, encoding, layers=view.layers)


def _shown_size(info: ImageInfo, resolution: int) -> Size:
    sizes = info.shown_sizes
    if not 0 <= resolution < len(sizes):
        raise TileNotFound(f"resolution {resolution} does not exist; the image has 0 to {len(sizes) - 1}")
    return sizes[len(sizes) - 1 - resolution]


def _tile_region(info: ImageInfo, grid_size: Size, tile: int) -> Region:
    row, column = divmod(tile, ceil_div(grid_size.width, info.tile.width))
    region = TileGrid(grid_size, info.tile).region(column, row)
    if region is None:
        count = TileGrid(grid_size, info.tile).count
        raise TileNotFound(f"tile {tile} does not exist; this resolution has 0 to {count - 1}")
    return region


def _plan_tile_range(query: TileRangeQuery, info: ImageInfo, config: Config) -> Bundle:
    """The rectangle spanned by two tiles: columns outside, rows inside (iipsrv)."""
    grid_size = _shown_size(info, query.resolution)
    columns = ceil_div(grid_size.width, info.tile.width)
    for tile in (query.first, query.last):
        _tile_region(info, grid_size, tile)  # both exist
    (row, column), (other_row, other_column) = divmod(query.first, columns), divmod(query.last, columns)
    across = range(min(column, other_column), max(column, other_column) + 1)
    down = range(min(row, other_row), max(row, other_row) + 1)
    if len(across) * len(down) > MOST_TILES:
        raise TooLarge(
            f"TIL asks for {len(across) * len(down)} tiles; {MOST_TILES} in one request are served"
        )
    tiles = tuple(row * columns + column for column in across for row in down)
    plans = tuple(
        _plan_tile(TileQuery(query.identifier, "jpeg", query.resolution, tile, query.view), info, config)
        for tile in tiles
    )
    return Bundle(plans, NETFPX, _TileFrame(query.resolution, tiles))


@dataclass(frozen=True, slots=True)
class _TileFrame:
    """What stands around each tile of a TIL answer."""

    resolution: int
    tiles: tuple[int, ...]

    def __call__(self, position: int, body: bytes) -> bytes:
        """The tile with its address, length, compression type 2 (JPEG) and subtype before it."""
        address = f"Tile,{self.resolution},{self.tiles[position]},0/{len(body) + 8}:".encode()
        return b"".join((address, b"\x02\0\0\0\0\x11\0\0", body, b"\r\n"))


def _plan_export(query: ExportQuery, info: ImageInfo, config: Config) -> Answer:
    view = query.view
    size = export_size(view, info.size, config)
    placement = place_region(info, export_region(view, info.size), size)
    encoding = export_encoding(query.format, info, config, asked=view.quality)
    layers = quality_layers(info, config, view.layers)
    suffix = f"_{size.width}x{size.height}.{extension_of(query.format)}"
    return Answer(
        RenderPlan(image_ref(info, layers), placement.level, placement.region, placement.size, encoding),
        (("Content-Disposition", inline_disposition(query.identifier, suffix)),),
    )


def error(error: IIPServeError) -> Document:
    """The error in IIP's syntax where it has a number for it, else as plain text."""
    if isinstance(error, IIPFault):
        return Document(error.body, NETFPX)
    return plain_error(error)


PROTOCOL = Protocol("iip", "fif", parse, plan, error)
