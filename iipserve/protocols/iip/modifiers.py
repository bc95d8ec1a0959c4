"""IIP's modifiers: commands that determine how an answer looks, of IIP itself or of another protocol.

They stand before or after the command that requests an output, in any order; their operations are applied in the
canonical order (`processing.pipeline.ORDER`). Of several modifiers of the same name the last one counts, except MINMAX,
which may be given for each band, CTW, which adds rows, and CNT=eq, which combines with another CNT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.formats import Quality
from iipserve.image import FIRST, Selector
from iipserve.processing import Operation, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.protocols.iip.arguments import (
    Fractions,
    Rotation,
    read_band_range,
    read_colormap,
    read_depth,
    read_fractions,
    read_kernel,
    read_length,
    read_light,
    read_matrix,
    read_quality,
    read_real,
    read_rotation,
    read_selector,
    read_whole,
    split_commands,
)
from iipserve.protocols.url_text import decoded

MAX_ROWS = 3
"""Rows of a CTW matrix that are used: the bands of the output."""
WHOLE_IMAGE = Fractions(0.0, 0.0, 1.0, 1.0)


class View(NamedTuple):
    """The modifiers of a request, as one value."""

    width: int = 0
    """WID: in pixels; 0 if not given."""
    height: int = 0
    """HEI: in pixels; 0 if not given."""
    region: Fractions = WHOLE_IMAGE
    """RGN."""
    quality: Quality | None = None
    """QLT."""
    bits: int = 0
    """BPC: 8 or 16 per sample; 0 if not given."""
    layers: int = 0
    """LYR: JPEG 2000 quality layers; 0 if not given."""
    selector: Selector = FIRST
    """SDS."""
    rotation: Rotation = Rotation()
    """ROT."""
    colormap: str = ""
    """CMP: in lower case; empty if none."""
    operations: tuple[Operation, ...] = ()
    """All others, in canonical order; each has an effect on some image."""


DEFAULT_VIEW = View()


@dataclass(slots=True)
class ModifierState:
    """The modifiers read so far."""

    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of `View`."""
    operations: dict[str, Operation | None] = field(default_factory=dict)
    """By modifier; None if the last value has no effect."""
    ranges: dict[int | None, tuple[float, float]] = field(default_factory=dict)
    """MINMAX by band; None is all, and precedes the others."""
    rows: list[tuple[float, ...]] = field(default_factory=list)
    """CTW."""

    @property
    def rotation(self) -> Rotation:
        """ROT."""
        rotation: Rotation = self.fields.get("rotation", DEFAULT_VIEW.rotation)
        return rotation

    def view(self) -> View:
        """All modifiers as one value."""
        operations = [found for found in self.operations.values() if found is not None]
        if self.ranges:
            bands = sorted(self.ranges.items(), key=lambda item: -1 if item[0] is None else item[0])
            operations.append(SampleRange(tuple((band, low, high) for band, (low, high) in bands)))
        if self.rows:
            operations.append(Twist(tuple(self.rows[:MAX_ROWS])))
        return View(operations=pipeline.ordered(operations), **self.fields)


Modifier: TypeAlias = Callable[[ModifierState, str, str], None]
"""Takes the state, the command's name as written, and its decoded argument."""


def _field(field_name: str, read: Callable[[str, str], Any]) -> Modifier:
    """A modifier that sets a field of `View`."""

    def run(state: ModifierState, name: str, argument: str) -> None:
        state.fields[field_name] = read(name, argument)

    return run


def _contrast(state: ModifierState, name: str, argument: str) -> None:
    word = argument.lower()
    if word in ("eq", "equalization"):
        state.operations["equalization"] = Equalize()
        return
    if word in ("st", "stretch"):
        word = "-1"
    factor = read_real(name, word, "a factor, as in 1.5, or eq or stretch is needed")
    special: dict[float, Operation | None] = {1: None, -1: Stretch()}
    state.operations["contrast"] = special.get(factor, Contrast(factor))


def _gamma(state: ModifierState, name: str, argument: str) -> None:
    word = "-1" if argument.lower() in ("log", "logarithm") else argument
    needed = "an exponent, 0 or more, as in 0.5, or log is needed"
    exponent = read_real(name, word, needed)
    if exponent < 0 and exponent != -1:
        raise InvalidRequest(f"{name}={argument!r}: {needed}")
    special: dict[float, Operation | None] = {1: None, -1: Logarithm()}
    state.operations["gamma"] = special.get(exponent, Gamma(exponent))


def _inversion(state: ModifierState, name: str, argument: str) -> None:
    state.operations["inversion"] = Invert()


def _range(state: ModifierState, name: str, argument: str) -> None:
    band, low, high = read_band_range(name, argument)
    if band is None:
        state.ranges = {None: (low, high)}
    elif band >= 0:  # others are ignored (iipsrv)
        state.ranges[band] = (low, high)


def _hillshade(state: ModifierState, name: str, argument: str) -> None:
    state.operations["light"] = Hillshade(*read_light(name, argument))


def _twist(state: ModifierState, name: str, argument: str) -> None:
    state.rows.extend(read_matrix(name, argument))


def _convolution(state: ModifierState, name: str, argument: str) -> None:
    state.operations["convolution"] = Convolve(read_kernel(name, argument))


def _color(state: ModifierState, name: str, argument: str) -> None:
    operation = COLORS.get(argument.lower())
    if operation is not None:  # others are ignored (iipsrv)
        state.operations["color"] = operation


def _nothing(state: ModifierState, name: str, argument: str) -> None:
    """Accepted for compatibility with old clients (iipsrv)."""


COLORS: Mapping[str, Operation] = {"grey": Grayscale(), "gray": Grayscale(), "binary": Bitonal()}

MODIFIERS: Mapping[str, Modifier] = {
    "wid": _field("width", read_length),
    "hei": _field("height", read_length),
    "rgn": _field("region", read_fractions),
    "qlt": _field("quality", read_quality),
    "bpc": _field("bits", read_depth),
    "lyr": _field("layers", read_whole),
    "sds": _field("selector", read_selector),
    "rot": _field("rotation", read_rotation),
    "cmp": _field("colormap", read_colormap),
    "cnt": _contrast,
    "gam": _gamma,
    "inv": _inversion,
    "minmax": _range,
    "shd": _hillshade,
    "ctw": _twist,
    "cnv": _convolution,
    "col": _color,
    "icc": _nothing,
}
"""Every modifier, by its name in lower case."""


def read(text: str) -> View:
    """Read the modifiers next to the parameter of another protocol.

    Args:
        text: `NAME=value`, joined by `&`, as in IIP's own requests; whatever is no modifier is ignored.

    Raises:
        InvalidRequest: an argument is malformed.
    """
    state = ModifierState()
    for name, argument in split_commands(text):
        modifier = MODIFIERS.get(name.lower())
        if modifier is not None:
            modifier(state, name, decoded(argument))
    return state.view()
