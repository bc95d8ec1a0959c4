"""IIP: a list of commands in a query string, folded from left to right into one query."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.formats import Formats
from iipserve.geometry import new_tuple
from iipserve.http import Routed
from iipserve.image import ImageName, Selector
from iipserve.protocols import Server
from iipserve.protocols.iip.arguments import UNIT, WHOLE, read_whole, split_commands
from iipserve.protocols.iip.errors import ErrorLine, IIPError
from iipserve.protocols.iip.modifiers import DEFAULT_VIEW, MODIFIERS, Modifier, ModifierState, View
from iipserve.protocols.iip.object_reply import ObjectRequest, is_server_object
from iipserve.protocols.iip.objects import object_kind
from iipserve.protocols.url_text import decoded, decoded_identifier

TILE_ADDRESS = re.compile(rf"{WHOLE.pattern}(?:,{WHOLE.pattern})?")
MAX_PLAIN_LENGTH = 9
"""Characters of `resolution,tile` that is read without the regular expression."""
FOUR_NUMBERS = re.compile(",".join([WHOLE.pattern] * 4))
PROFILE = re.compile(
    rf"([0-9]{{1,9}}):([0-9]{{1,9}}),([0-9]{{1,9}})(?:-([0-9]{{1,9}}),([0-9]{{1,9}}))?{UNIT}"
)
DEFAULT_FORMAT = "jpeg"
"""Of CVT with an unknown argument, as in iipsrv."""


# -- queries ---------------------------------------------------------------------------------------


class TileQuery(NamedTuple):
    """One tile: JTL, JTLS and the commands for other formats."""

    names: tuple[ImageName, ...]
    format: str
    resolution: int
    """0 is the smallest."""
    tile: int
    """Index, row by row from 0."""
    view: View


class TileRangeQuery(NamedTuple):
    """The rectangle spanned by two tiles: TIL."""

    names: tuple[ImageName, ...]
    resolution: int
    first: int
    last: int
    view: View


class ExportQuery(NamedTuple):
    """The image or a region of it: CVT."""

    names: tuple[ImageName, ...]
    format: str
    view: View


class SpectrumQuery(NamedTuple):
    """All samples at one point: SPECTRA."""

    names: tuple[ImageName, ...]
    resolution: int
    tile: int
    x: int
    """From the left of the tile."""
    y: int
    """From the top of the tile."""
    view: View


class ProfileQuery(NamedTuple):
    """Samples along a line: PFL."""

    names: tuple[ImageName, ...]
    resolution: int
    start: tuple[int, int]
    """x and y in pixels of the resolution."""
    end: tuple[int, int]
    """Exclusive, unless it is the start."""
    view: View


class ObjectsQuery(NamedTuple):
    """Information about the image and the server: OBJ."""

    names: tuple[ImageName, ...]
    """Empty if no image is named; the objects then need none."""
    objects: tuple[ObjectRequest, ...]
    """All known."""
    text: str
    """The whole request, for the error if no object has an answer."""


Query: TypeAlias = TileQuery | TileRangeQuery | ExportQuery | SpectrumQuery | ProfileQuery | ObjectsQuery
MakeQuery: TypeAlias = Callable[[ImageName, View], Query]
"""(image, modifiers) -> query."""


# -- reading ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """The commands read so far."""

    identifier: str | None = None
    modifiers: ModifierState | None = None
    """None until the first modifier: most requests have none."""
    objects: tuple[ObjectRequest, ...] = ()
    output: MakeQuery | None = None
    requested: tuple[str, str] = ("", "")
    """Name, in lower case, and argument of the command that `output` is of."""
    unknown: tuple[ErrorLine, ...] = ()
    """Parameters that are no commands: counters against caches and the like."""

    def view(self) -> View:
        """The modifiers, as one value."""
        return DEFAULT_VIEW if self.modifiers is None else self.modifiers.view()


Command: TypeAlias = Callable[[_Reading, str, str], None]
"""Takes the reading, the command's name and its argument."""


def parse(routed: Routed, server: Server) -> Query:
    """Read the commands of a query string, in any order; see `split_commands`.

    Names may be of either case; arguments are percent-decoded after splitting. Parameters that are no commands are
    ignored, as are objects next to a command that requests an image or samples.

    Raises:
        IIPError: an object is unknown, the image is missing or no output is requested.
        InvalidRequest: an argument is malformed, or two images or two outputs are requested.
    """
    reading, commands = _Reading(), known_commands(server.formats)
    for name, argument in split_commands(routed.target):
        commands.get(name.lower(), _unknown)(reading, name, argument)
    return _query(reading, routed.target)


def _query(reading: _Reading, text: str) -> Query:
    view, identifier = reading.view(), reading.identifier
    if reading.output is not None:
        if identifier is None:
            raise IIPError([*reading.unknown, ErrorLine("1 3", reading.requested[1])])
        return reading.output(new_tuple(ImageName, (identifier, view.selector)), view)
    if reading.objects:
        return _objects_query(reading, text)
    if identifier is None and reading.modifiers is not None and reading.modifiers.ranges:
        raise IIPError([ErrorLine("1 3", "MINMAX")])
    raise IIPError(reading.unknown or [ErrorLine("2 1", text)])


def _objects_query(reading: _Reading, text: str) -> ObjectsQuery:
    identifier = reading.identifier
    errors = [found for name, _ in reading.objects if (found := _object_error(name, identifier)) is not None]
    if errors:
        raise IIPError(errors)
    names = () if identifier is None else (ImageName(identifier, reading.view().selector),)
    return ObjectsQuery(names, reading.objects, text)


def _object_error(name: str, identifier: str | None) -> ErrorLine | None:
    """Why an object (lower case) cannot be described."""
    if is_server_object(name):
        return None
    if object_kind(name) is None:
        return ErrorLine("3 2", name)
    return ErrorLine("1 3", name) if identifier is None else None


def _unknown(reading: _Reading, name: str, argument: str) -> None:
    reading.unknown += (ErrorLine("2 2", name),)


def _image(reading: _Reading, name: str, argument: str) -> None:
    identifier = decoded_identifier(argument)
    if reading.identifier not in (None, identifier):
        raise InvalidRequest(f"{name} is given twice, for two images; a request takes one")
    reading.identifier = identifier


def _object(reading: _Reading, name: str, argument: str) -> None:
    # iipsrv: width and height are exchanged only if ROT precedes the object
    swaps_sides = reading.modifiers is not None and reading.modifiers.rotation.degrees in (90, 270)
    reading.objects += (ObjectRequest(decoded(argument).lower(), swaps_sides),)


def _modifier(modifier: Modifier) -> Command:
    """The command of a modifier."""

    def run(reading: _Reading, name: str, argument: str) -> None:
        if reading.modifiers is None:
            reading.modifiers = ModifierState()
        modifier(reading.modifiers, name, decoded(argument))

    return run


def _output(read: Callable[[str, str], MakeQuery]) -> Command:
    """A command that requests an image or samples; a request has one, which may be repeated."""

    def run(reading: _Reading, name: str, argument: str) -> None:
        requested = name.lower(), argument
        if reading.output is None:
            reading.output, reading.requested = read(name, decoded(argument)), requested
        elif requested != reading.requested:
            raise InvalidRequest(f"{name} requests a second output; a request has one")

    return run


# -- commands that request an output ---------------------------------------------------------------


def _read_tile(format: str, name: str, argument: str) -> MakeQuery:
    """`resolution,tile`; a single number means both (iipsrv)."""
    first, _, second = argument.partition(",")
    if first.isdigit() and second.isdigit() and len(argument) <= MAX_PLAIN_LENGTH and argument.isascii():
        resolution, tile = int(first), int(second)  # in a third of the time
    else:
        resolution, tile = _read_odd_tile(name, argument)
    return lambda image, view: new_tuple(TileQuery, ((image,), format, resolution, tile, view))


def _read_odd_tile(name: str, argument: str) -> tuple[int, int]:
    """Resolution and tile, with a sign, decimals, a unit; see `WHOLE`."""
    match = TILE_ADDRESS.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: resolution,tile is needed, as in 2,0")
    resolution = int(match[1])
    return resolution, resolution if match[2] is None else int(match[2])


def _read_tile_of_view(name: str, argument: str) -> MakeQuery:
    """`horizontal,resolution,tile,vertical`: a tile of one view of a sequence, with its angles."""
    match = FOUR_NUMBERS.fullmatch(argument)
    if match is None:
        raise InvalidRequest(
            f"{name}={argument!r}: horizontal,resolution,tile,vertical is needed, as in 30,2,0,90"
        )
    horizontal, resolution, tile, vertical = map(int, match.groups())
    if horizontal < 0 or vertical < 0:
        raise InvalidRequest(f"{name}={argument!r}: angles must be 0 or more")
    selector = Selector(horizontal, vertical)
    return lambda image, view: TileQuery((image._replace(selector=selector),), "jpeg", resolution, tile, view)


def _read_tile_range(name: str, argument: str) -> MakeQuery:
    """`resolution,first-last` or `resolution,tile`."""
    resolution, comma, tiles = argument.partition(",")
    first, dash, last = tiles.partition("-")
    if not comma:
        raise InvalidRequest(f"{name}={argument!r}: resolution,first-last is needed, as in 2,0-5")
    numbers = read_whole(name, resolution), read_whole(name, first), read_whole(name, last if dash else first)
    return lambda image, view: TileRangeQuery((image,), *numbers, view)


def _read_export(formats: Formats, name: str, argument: str) -> MakeQuery:
    """A format; an unknown one is JPEG (iipsrv)."""
    known = formats.by_export_word.get(argument.lower())
    format = known.name if known else DEFAULT_FORMAT
    return lambda image, view: ExportQuery((image,), format, view)


def _read_spectrum(name: str, argument: str) -> MakeQuery:
    """`resolution,tile,x,y`."""
    match = FOUR_NUMBERS.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: resolution,tile,x,y is needed, as in 2,0,100,50")
    resolution, tile, x, y = map(int, match.groups())
    return lambda image, view: SpectrumQuery((image,), resolution, tile, x, y, view)


def _read_profile(name: str, argument: str) -> MakeQuery:
    """`resolution:x,y` or `resolution:x1,y1-x2,y2`."""
    match = PROFILE.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: resolution:x1,y1-x2,y2 is needed, as in 2:0,50-100,50")
    resolution, start = int(match[1]), (int(match[2]), int(match[3]))
    end = start if match[4] is None else (int(match[4]), int(match[5]))
    return lambda image, view: ProfileQuery((image,), resolution, start, end, view)


COMMANDS: Mapping[str, Command] = {
    "fif": _image,
    "obj": _object,
    **{name: _modifier(modifier) for name, modifier in MODIFIERS.items()},
    "jtls": _output(_read_tile_of_view),
    "til": _output(_read_tile_range),
    "spectra": _output(_read_spectrum),
    "pfl": _output(_read_profile),
}
"""Those that do not depend on the formats, by name in lower case."""


@lru_cache(maxsize=8)
def known_commands(formats: Formats) -> Mapping[str, Command]:
    """Every command, by its name in lower case; any other is ignored, and error 2 2 if nothing else is requested.

    Built once: that takes 2 µs, as long as parsing a JTL request.
    """
    tiles = {
        name: _output(partial(_read_tile, format.name)) for name, format in formats.by_tile_command.items()
    }
    return {**tiles, **COMMANDS, "cvt": _output(partial(_read_export, formats))}


def output_commands(formats: Formats) -> Set[str]:
    """Names, in lower case, of the commands that request an image or samples."""
    return known_commands(formats).keys() - MODIFIERS.keys() - {"fif", "obj"}
