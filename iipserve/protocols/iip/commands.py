"""IIP: a list of commands in a query string, folded from left to right into one query."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.formats import Formats
from iipserve.http import Routed
from iipserve.image import ImageName, Selector
from iipserve.protocols import Server
from iipserve.protocols.iip.arguments import read_whole
from iipserve.protocols.iip.errors import ErrorLine, IIPError
from iipserve.protocols.iip.modifiers import MODIFIERS, Modifier, ModifierState
from iipserve.protocols.iip.object_reply import ObjectRequest, is_server_object
from iipserve.protocols.iip.objects import object_kind
from iipserve.protocols.iip.view import DEFAULT_VIEW, View
from iipserve.protocols.url_text import decoded, decoded_identifier

TILE_ADDRESS = re.compile(r"([+-]?[0-9]{1,9})(?:,([+-]?[0-9]{1,9}))?")
FOUR_NUMBERS = re.compile(",".join([r"([+-]?[0-9]{1,9})"] * 4))
PROFILE = re.compile(r"([0-9]{1,9}):([0-9]{1,9}),([0-9]{1,9})(?:-([0-9]{1,9}),([0-9]{1,9}))?")
DEFAULT_FORMAT = "jpeg"
"""For CVT with an unknown argument, as in iipsrv."""


# -- queries ---------------------------------------------------------------------------------------


class TileQuery(NamedTuple):
    """One tile: JTL and its kin."""

    names: tuple[ImageName, ...]
    format: str
    resolution: int
    """0 is the smallest."""
    tile: int
    """Counted row by row from 0."""
    view: View


class TileRangeQuery(NamedTuple):
    """The rectangle of tiles between two: TIL."""

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
    """The first point that does not belong to it, unless it is the start."""
    view: View


class ObjectsQuery(NamedTuple):
    """Facts about the image and the server: OBJ."""

    names: tuple[ImageName, ...]
    """Empty if no image is named; the objects then need none."""
    objects: tuple[ObjectRequest, ...]
    """All known."""
    text: str
    """The whole request, for the error if no object has an answer."""


Query: TypeAlias = TileQuery | TileRangeQuery | ExportQuery | SpectrumQuery | ProfileQuery | ObjectsQuery
MakeQuery: TypeAlias = Callable[[ImageName, View], Query]
"""(the image, what the modifiers say) -> the query."""


# -- reading ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What the commands so far have said."""

    identifier: str | None = None
    modifiers: ModifierState | None = None
    """None as long as there is no modifier: most requests have none."""
    objects: list[ObjectRequest] = field(default_factory=list)
    output: MakeQuery | None = None
    errors: list[ErrorLine] = field(default_factory=list)

    def view(self) -> View:
        """What the modifiers say."""
        return DEFAULT_VIEW if self.modifiers is None else self.modifiers.view()


Command: TypeAlias = Callable[[_Reading, str, str], None]
"""Takes the reading, the command's name and its argument."""


def parse(routed: Routed, server: Server) -> Query:
    """Read the commands of a query string.

    Names may be of either case; a command without `=` has its own name as argument, one with an empty
    argument is passed over; arguments are percent-decoded after splitting.

    Raises:
        IIPError: a command or object is unknown, the image is missing or nothing is asked for.
        InvalidRequest: an argument is malformed, or two answers are asked for.
    """
    reading, commands = _Reading(), known_commands(server.formats)
    for token in routed.target.split("&"):
        name, equals, argument = token.partition("=")
        if not equals:
            argument = name
        if argument:
            commands.get(name.lower(), _unknown)(reading, name, argument)
    return _query(reading, routed.target)


def _query(reading: _Reading, text: str) -> Query:
    if reading.errors:
        raise IIPError(reading.errors)
    view, identifier = reading.view(), reading.identifier
    if reading.objects:
        names = () if identifier is None else (ImageName(identifier, view.selector),)
        return ObjectsQuery(names, tuple(reading.objects), text)
    if identifier is None and reading.modifiers is not None and reading.modifiers.ranges:
        raise IIPError([ErrorLine("1 3", "MINMAX")])
    if reading.output is None or identifier is None:
        raise IIPError([ErrorLine("2 1", text)])
    return reading.output(ImageName(identifier, view.selector), view)


def _unknown(reading: _Reading, name: str, argument: str) -> None:
    reading.errors.append(ErrorLine("2 2", name))


def _image(reading: _Reading, name: str, argument: str) -> None:
    _refuse_after_output(reading, name)
    if reading.identifier is not None:
        raise InvalidRequest("FIF is given twice; one request is about one image")
    reading.identifier = decoded_identifier(argument.replace("+", " "))


def _object(reading: _Reading, name: str, argument: str) -> None:
    _refuse_after_output(reading, name)
    asked = decoded(argument).lower()
    if not is_server_object(asked):
        if object_kind(asked) is None:
            reading.errors.append(ErrorLine("3 2", asked))
        elif reading.identifier is None:
            reading.errors.append(ErrorLine("1 3", asked))
    # iipsrv: width and height change places only where ROT came before
    upright = reading.modifiers is None or reading.modifiers.rotation.degrees not in (90, 270)
    reading.objects.append(ObjectRequest(asked, swaps_sides=not upright))


def _modifier(modifier: Modifier) -> Command:
    """A command that says how the answer is to be."""

    def run(reading: _Reading, name: str, argument: str) -> None:
        _refuse_after_output(reading, name)
        if reading.modifiers is None:
            reading.modifiers = ModifierState()
        modifier(reading.modifiers, name, decoded(argument))

    return run


def _output(read: Callable[[str, str], MakeQuery]) -> Command:
    """A command that asks for an image or for samples; there is one in a request."""

    def run(reading: _Reading, name: str, argument: str) -> None:
        if reading.output is not None or reading.objects:
            raise InvalidRequest(f"{name} asks for a second answer; a request gets one")
        if reading.identifier is None:
            reading.errors.append(ErrorLine("1 3", argument))
        reading.output = read(name, decoded(argument))

    return run


def _refuse_after_output(reading: _Reading, name: str) -> None:
    if reading.output is not None:
        raise InvalidRequest(f"{name} comes after the command that asks for the image; it has to come before")


# -- commands that ask for something ---------------------------------------------------------------


def _read_tile(format: str, name: str, argument: str) -> MakeQuery:
    """`resolution,tile`; a single number stands for both (iipsrv)."""
    match = TILE_ADDRESS.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: resolution,tile is needed, as in 2,0")
    resolution = int(match[1])
    tile = resolution if match[2] is None else int(match[2])
    return lambda image, view: TileQuery((image,), format, resolution, tile, view)


def _read_tile_of_view(name: str, argument: str) -> MakeQuery:
    """`horizontal,resolution,tile,vertical`: a tile of one view of a sequence, with its angles."""
    match = FOUR_NUMBERS.fullmatch(argument)
    if match is None:
        raise InvalidRequest(
            f"{name}={argument!r}: horizontal,resolution,tile,vertical is needed, as in 30,2,0,90"
        )
    horizontal, resolution, tile, vertical = map(int, match.groups())
    if horizontal < 0 or vertical < 0:
        raise InvalidRequest(f"{name}={argument!r}: angles are 0 or more")
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
    """Every command, by its name in lower case; any other is answered with IIP's error 2 2."""
    tiles = {
        name: _output(partial(_read_tile, format.name)) for name, format in formats.by_tile_command.items()
    }
    return {**tiles, **COMMANDS, "cvt": _output(partial(_read_export, formats))}
