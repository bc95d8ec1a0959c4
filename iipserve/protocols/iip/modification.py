"""What IIP's modifiers do to a plan, of IIP or of another protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from weakref import ref

from iipserve.config import Config
from iipserve.errors import InvalidRequest
from iipserve.image import FIRST, ImageInfo, ImageName
from iipserve.plan import Blank, Composite, Encoding, ImageRef, Mosaic, RenderPlan, image_ref
from iipserve.processing import Operation, colormap, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.filters import Hillshade
from iipserve.processing.tone import Contrast, Gamma, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import Server
from iipserve.protocols.encodings import adjusted
from iipserve.protocols.iip.arguments import split_commands
from iipserve.protocols.iip.commands import output_commands
from iipserve.protocols.iip.modifiers import DEFAULT_VIEW, MAX_ROWS, View, read
from iipserve.protocols.tiles import has_color, quality_layers

MAX_KEPT = 256
"""Modifiers applied to an image that are remembered."""


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The modifiers next to the parameter of another protocol."""

    view: View

    def select(self, name: ImageName) -> ImageName:
        """The image of a stack or sequence that the other protocol names, else the one of SDS."""
        return name if name.selector != FIRST else ImageName(name.identifier, self.view.selector)

    def apply(self, plan: RenderPlan, shown: Sequence[ImageInfo], server: Server) -> RenderPlan:
        """The plan with the modifiers applied; see `apply_modifiers`.

        Raises:
            InvalidRequest: the plan shows several images, which may be of different kinds, or as `apply_modifiers`.
        """
        if self.view == DEFAULT_VIEW:
            return plan
        if len(shown) != 1:
            raise InvalidRequest(f"the request shows {len(shown)} images; IIP's modifiers change only one")
        return apply_modifiers(plan, self.view, shown[0], server)


def read_modifiers(text: str, server: Server) -> Modifiers:
    """The modifiers in what precedes and follows another protocol's parameter; see `read`.

    Raises:
        InvalidRequest: an argument is malformed, or a command requests a second output.
    """
    outputs = output_commands(server.formats)
    for name, _ in split_commands(text):
        if name.lower() in outputs:
            raise InvalidRequest(f"{name} requests a second output next to that of another protocol")
    return Modifiers(read(text))


def apply_modifiers(plan: RenderPlan, view: View, info: ImageInfo, server: Server) -> RenderPlan:
    """The plan with the modifiers applied, except WID, HEI, RGN and SDS, which are the caller's.

    Operations that the plan has already (mirroring and rotation, gray) replace those of the modifiers.

    Args:
        plan: for the image, without modifiers.
        view: the modifiers.
        info: the image.
        server: settings and formats.

    Raises:
        InvalidRequest: they do not fit the image, or rotate a tile by other than multiples of 90 degrees.
        UnsupportedEncoding: the format does not hold 16 bits.
    """
    if view is DEFAULT_VIEW:
        return plan
    if isinstance(plan.view, (Composite, Mosaic, Blank)):
        raise InvalidRequest("the request shows maps over each other; IIP's modifiers change only one image")
    operations, encoding = _changed(plan.operations, plan.encoding, view, ref(info), server)
    shown = plan.view
    image = _layered(shown.image, view, info, server.config)
    if image is shown.image:
        if encoding == plan.encoding and operations == plan.operations:
            return plan
        return RenderPlan(shown, encoding, operations)
    return RenderPlan(shown.of_image(image), encoding, operations)


@lru_cache(maxsize=MAX_KEPT)
def _changed(
    own: tuple[Operation, ...], encoding: Encoding, view: View, image: ref[ImageInfo], server: Server
) -> tuple[tuple[Operation, ...], Encoding]:
    """Operations and encoding of a plan with the modifiers applied: a viewer sends the same with every tile.

    Args:
        own: the plan's operations.
        encoding: the plan's.
        view: the modifiers.
        image: which the caller holds, and this does not.
        server: settings and formats.

    Raises:
        InvalidRequest, UnsupportedEncoding: as `apply_modifiers`.
    """
    info = image()
    assert info is not None, "held by the caller"
    operations = _merged(_effective_operations(view, info, server.config), own)
    if not encoding.metadata:
        _check_quarters(operations)
    profile = all(operation.keeps_profile for operation in operations)
    return operations, adjusted(encoding, server, asked=view.quality, bits=view.bits, profile=profile)


def _layered(image: ImageRef, view: View, info: ImageInfo, config: Config) -> ImageRef:
    if view.layers and info.quality_layers > 1:
        return image_ref(info, quality_layers(info, config, view.layers))
    return image


def _effective_operations(view: View, info: ImageInfo, config: Config) -> tuple[Operation, ...]:
    """The operations that have an effect on this image.

    Raises:
        InvalidRequest: the image does not support one of them, or a color map is unknown.
    """
    operations = list(view.operations)
    if view.colormap:
        operations.append(_colormap(view.colormap, config))
    if view.rotation.mirrored:
        operations.append(Mirror())
    if view.rotation.degrees:
        operations.append(Rotate(view.rotation.degrees))
    fitted = (_fitted(operation, operations, info) for operation in operations)
    return tuple(operation for operation in fitted if operation is not None)


def _colormap(name: str, config: Config) -> Operation:
    found = colormap.named(name, config.colormaps)
    if found is None:
        known = ", ".join(colormap.names(config.colormaps))
        raise InvalidRequest(f"CMP={name!r}: unknown color map; available: {known}; none removes it")
    return found


def _fitted(operation: Operation, operations: Sequence[Operation], info: ImageInfo) -> Operation | None:
    """The operation for this image; None if it has no effect."""
    if isinstance(operation, SampleRange):
        ranges = tuple(found for found in operation.ranges if found[0] is None or found[0] < info.color_bands)
        return SampleRange(ranges) if ranges else None
    if isinstance(operation, Hillshade) and info.color_bands != 3:
        raise InvalidRequest(
            f"SHD needs three bands, which hold normal vectors; this image has {info.color_bands}"
        )
    if isinstance(operation, Grayscale) and not _yields_color(info, operations):
        return None
    if isinstance(operation, Bitonal) and info.bits == 1 and not _yields_color(info, operations):
        return None
    return operation


def _yields_color(info: ImageInfo, operations: Sequence[Operation]) -> bool:
    """Whether the result of the operations is in color, gray and binary disregarded."""
    yields = has_color(info)
    for operation in pipeline.ordered(operations):
        if isinstance(operation, Hillshade):
            yields = False
        elif isinstance(operation, Twist):
            yields = len(operation.matrix) >= MAX_ROWS
        elif isinstance(operation, colormap.Colormap):
            yields = True
    return yields


EXCLUSIVE_GROUPS: tuple[frozenset[type[Operation]], ...] = (
    frozenset((Gamma, Logarithm)),
    frozenset((Contrast, Stretch)),
    frozenset((Grayscale, Bitonal)),
    frozenset((Mirror, Rotate)),
)
"""In each group, the operations of another protocol replace those of the modifiers."""


def _merged(modifiers: tuple[Operation, ...], own: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The operations of the modifiers and of the protocol in canonical order; those of the protocol prevail."""
    if not modifiers:
        return own
    if own:
        types = {type(operation) for operation in own}
        replaced = types.union(*(group for group in EXCLUSIVE_GROUPS if group & types))
        modifiers = tuple(operation for operation in modifiers if type(operation) not in replaced)
    return pipeline.ordered((*modifiers, *own))


def _check_quarters(operations: Sequence[Operation]) -> None:
    for operation in operations:
        if isinstance(operation, Rotate) and operation.degrees % 90:
            raise InvalidRequest(
                f"ROT={operation.degrees:g}: tiles are rotated by 90, 180 or 270 degrees; exports (CVT, and IIIF "
                "regions that are not tiles) by any angle"
            )
