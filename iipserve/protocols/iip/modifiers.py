"""IIP's modifiers: commands that say how an answer is to be, of IIP itself or of another protocol.

They stand before the command that asks for something, in any order; the operations they become are carried
out in the canonical order all the same (`processing.pipeline.ORDER`). Of several of one name the last counts,
but for MINMAX, which may be given for each band, CTW, which adds rows, and CNT=eq, which goes with other CNT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from iipserve.config import Config
from iipserve.errors import InvalidRequest, UnsupportedCommand
from iipserve.image import FIRST, ImageInfo, ImageName
from iipserve.plan import ImageRef, RenderPlan, image_ref
from iipserve.processing import Operation, colormap, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import Server
from iipserve.protocols.encodings import adjusted
from iipserve.protocols.iip.arguments import (
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
)
from iipserve.protocols.iip.view import DEFAULT_VIEW, View
from iipserve.protocols.tiles import has_color, quality_layers
from iipserve.protocols.url_text import decoded

MAX_ROWS = 3
"""Rows of a matrix that are shown: bands of a picture."""


# -- reading ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class ModifierState:
    """What the modifiers so far have said."""

    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of `View`."""
    operations: dict[str, Operation | None] = field(default_factory=dict)
    """By what they change; None where the last word was that nothing is to change."""
    ranges: dict[int | None, tuple[float, float]] = field(default_factory=dict)
    """MINMAX by band; None is all, and stands before the others."""
    rows: list[tuple[float, ...]] = field(default_factory=list)
    """CTW."""

    @property
    def rotation(self) -> Rotation:
        """ROT."""
        rotation: Rotation = self.fields.get("rotation", DEFAULT_VIEW.rotation)
        return rotation

    def view(self) -> View:
        """All of it as one value."""
        operations = [found for found in self.operations.values() if found is not None]
        if self.ranges:
            bands = sorted(self.ranges.items(), key=lambda item: -1 if item[0] is None else item[0])
            operations.append(SampleRange(tuple((band, low, high) for band, (low, high) in bands)))
        if self.rows:
            operations.append(Twist(tuple(self.rows[:MAX_ROWS])))
        return DEFAULT_VIEW._replace(operations=pipeline.ordered(operations), **self.fields)


Modifier: TypeAlias = Callable[[ModifierState, str, str], None]
"""Takes the state, the command's name as written, and its argument, decoded."""


def _field(field_name: str, read: Callable[[str, str], Any]) -> Modifier:
    """A modifier that is a field of `View`."""

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
    steps: dict[float, Operation | None] = {1: None, -1: Stretch()}
    state.operations["contrast"] = steps.get(factor, Contrast(factor))


def _gamma(state: ModifierState, name: str, argument: str) -> None:
    word = "-1" if argument.lower() in ("log", "logarithm") else argument
    needed = "an exponent, 0 or more, as in 0.5, or log is needed"
    exponent = read_real(name, word, needed)
    if exponent < 0 and exponent != -1:
        raise InvalidRequest(f"{name}={argument!r}: {needed}")
    steps: dict[float, Operation | None] = {1: None, -1: Logarithm()}
    state.operations["gamma"] = steps.get(exponent, Gamma(exponent))


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
    step = COLORS.get(argument.lower())
    if step is not None:  # others are ignored (iipsrv)
        state.operations["color"] = step


def _nothing(state: ModifierState, name: str, argument: str) -> None:
    """Understood for the sake of old clients (iipsrv)."""


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
    """What the modifiers before another protocol's part of a query say.

    Args:
        text: `NAME=value`, joined by `&`, as in IIP's own requests.

    Raises:
        UnsupportedCommand: one of them is no modifier.
        InvalidRequest: an argument is malformed.
    """
    state = ModifierState()
    for token in text.split("&"):
        name, equals, argument = token.partition("=")
        if not equals:
            argument = name
        if not argument:
            continue
        modifier = MODIFIERS.get(name.lower())
        if modifier is None:
            known = " ".join(name.upper() for name in MODIFIERS)
            raise UnsupportedCommand(
                f"{name!r} cannot precede the parameter of another protocol; {known} can"
            )
        modifier(state, name, decoded(argument))
    return state.view()


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The modifiers that precede the parameter of another protocol."""

    view: View

    def select(self, name: ImageName) -> ImageName:
        """The image of a stack or sequence that the other protocol names, else the one of SDS."""
        return name if name.selector != FIRST else ImageName(name.identifier, self.view.selector)

    def apply(self, plan: RenderPlan, info: ImageInfo, server: Server) -> RenderPlan:
        """The plan as the modifiers want it; see `apply_modifiers`."""
        return apply_modifiers(plan, self.view, info, server)


def read_modifiers(text: str) -> Modifiers:
    """The modifiers in what precedes another protocol's parameter; see `read`."""
    return Modifiers(read(text))


# -- planning --------------------------------------------------------------------------------------


def apply_modifiers(plan: RenderPlan, view: View, info: ImageInfo, server: Server) -> RenderPlan:
    """The plan as the modifiers want it; WID, HEI and RGN are the caller's, and SDS was, to find the image.

    What the plan does already, mirroring and rotating, or making gray, is left as it is.

    Args:
        plan: for the image, without them.
        view: what the modifiers say.
        info: the image.
        server: settings and formats.

    Raises:
        InvalidRequest: they do not fit the image, or a tile is to be turned by other than quarters.
        UnsupportedEncoding: the format has no room for 16 bits.
    """
    if view is DEFAULT_VIEW:
        return plan
    operations = _merged(_steps(view, info, server.config), plan.operations)
    if not plan.encoding.metadata:
        _check_quarters(operations)
    profile = all(operation.keeps_profile for operation in operations)
    encoding = adjusted(plan.encoding, server, asked=view.quality, bits=view.bits, profile=profile)
    image = _layered(plan.view.image, view, info, server.config)
    if image is plan.view.image and encoding is plan.encoding and operations == plan.operations:
        return plan
    return RenderPlan(replace(plan.view, image=image), encoding, operations)


def _layered(image: ImageRef, view: View, info: ImageInfo, config: Config) -> ImageRef:
    if view.layers and info.quality_layers > 1:
        return image_ref(info, quality_layers(info, config, view.layers))
    return image


def _steps(view: View, info: ImageInfo, config: Config) -> tuple[Operation, ...]:
    """The operations that have an effect on this image.

    Raises:
        InvalidRequest: one is not possible with it, or there is no color map of that name.
    """
    steps = list(view.operations)
    if view.colormap:
        steps.append(_colormap(view.colormap, config))
    if view.rotation.mirrored:
        steps.append(Mirror())
    if view.rotation.degrees:
        steps.append(Rotate(view.rotation.degrees))
    fitted = (_fitted(step, steps, info) for step in steps)
    return tuple(step for step in fitted if step is not None)


def _colormap(name: str, config: Config) -> Operation:
    found = colormap.named(name, config.colormaps)
    if found is None:
        known = ", ".join(colormap.names(config.colormaps))
        raise InvalidRequest(
            f"CMP={name!r}: there is no such color map; {known} are there, and none takes it away"
        )
    return found


def _fitted(step: Operation, steps: Sequence[Operation], info: ImageInfo) -> Operation | None:
    """The step as it is for this image; None where it has no effect."""
    if isinstance(step, SampleRange):
        ranges = tuple(found for found in step.ranges if found[0] is None or found[0] < info.color_bands)
        return SampleRange(ranges) if ranges else None
    if isinstance(step, Hillshade) and info.color_bands != 3:
        raise InvalidRequest(
            f"SHD needs three bands, which hold the directions of a surface; this image has {info.color_bands}"
        )
    if isinstance(step, Grayscale) and not _shows_color(info, steps):
        return None
    if isinstance(step, Bitonal) and info.bits == 1 and not _shows_color(info, steps):
        return None
    return step


def _shows_color(info: ImageInfo, steps: Sequence[Operation]) -> bool:
    """Whether there is color left, or made, by the steps."""
    shows = has_color(info)
    for step in pipeline.ordered(steps):
        if isinstance(step, Hillshade):
            shows = False
        elif isinstance(step, Twist):
            shows = len(step.matrix) >= MAX_ROWS
        elif isinstance(step, colormap.Colormap):
            shows = True
    return shows


EXCLUSIVE_GROUPS: tuple[frozenset[type[Operation]], ...] = (
    frozenset((Gamma, Logarithm)),
    frozenset((Contrast, Stretch)),
    frozenset((Grayscale, Bitonal)),
    frozenset((Mirror, Rotate)),
)
"""Operations of which a protocol's own take the place of the modifiers'."""


def _merged(steps: tuple[Operation, ...], own: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The steps of both in canonical order, without those that the protocol's own take the place of."""
    if not steps:
        return own
    if own:
        types = {type(operation) for operation in own}
        taken = types.union(*(kind for kind in EXCLUSIVE_GROUPS if kind & types))
        steps = tuple(step for step in steps if type(step) not in taken)
    return pipeline.ordered((*steps, *own))


def _check_quarters(operations: Sequence[Operation]) -> None:
    for operation in operations:
        if isinstance(operation, Rotate) and operation.degrees % 90:
            raise InvalidRequest(
                f"ROT={operation.degrees:g}: tiles are turned by 90, 180 or 270 degrees; CVT, and IIIF without "
                "tiles, turn by any angle"
            )
