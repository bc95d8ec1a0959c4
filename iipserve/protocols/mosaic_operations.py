"""Which operations of a style are applied to each image of a mosaic, and which to what the images make together.

The mean of heights is colored, and not the mean of colors made: rules that combine images do so before the operations that
follow the range of samples. Samples between black and white are then combined with 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from iipserve.geo.georeference import GeoImage
from iipserve.plan import MosaicPart, MosaicRule
from iipserve.processing import Operation, Stage
from iipserve.processing.icc import ToSRGB
from iipserve.processing.terrain import Terrain, TerrainFunction
from iipserve.processing.tone import SampleRange
from iipserve.processing.value_colormap import Between, ValueColormap

BEYOND = 1 / 16
"""Part of the range of a color map by value that is kept on either side of it."""


def rule_for(rule: MosaicRule, operations: Sequence[Operation], images: Iterable[GeoImage]) -> MosaicRule:
    """The rule, unless images or style are of classes or of directions around a circle, which have no mean and no order: the
    uppermost is shown of them."""
    by_class = any(isinstance(each, ValueColormap) and each.between is Between.NOTHING for each in operations)
    is_of_classes = by_class or any(image.is_palette for image in images)
    is_of_directions = any(
        isinstance(each, Terrain) and each.function is TerrainFunction.ASPECT for each in operations
    )
    return MosaicRule.FIRST if is_of_classes or is_of_directions else rule


def divided(
    parts: Sequence[MosaicPart], style: Sequence[Operation], rule: MosaicRule
) -> tuple[tuple[MosaicPart, ...], tuple[Operation, ...]]:
    """The images with the operations of each, and those of all together.

    Args:
        parts: with all operations.
        style: of the layer.
        rule: how images are combined.
    """
    joint = tuple(
        each for each in style if _is_last(each) or (rule is not MosaicRule.FIRST and _follows(each, style))
    )
    own = tuple(
        replace(part, operations=tuple(each for each in part.operations if each not in joint))
        for part in parts
    )
    by_value = next((each for each in joint if isinstance(each, ValueColormap)), None)
    if by_value is None:
        return own, joint
    shown, colored = _between_ends(by_value)
    return (
        tuple(replace(part, operations=_with_range(part.operations, shown)) for part in own),
        tuple(colored if each is by_value else each for each in joint),
    )


def _is_last(operation: Operation) -> bool:
    """Whether an operation is applied to colors, whichever image they are of."""
    return operation.stage is Stage.DISPLAY and not isinstance(operation, ToSRGB)


def _follows(operation: Operation, style: Sequence[Operation]) -> bool:
    """Whether an operation follows the range of samples and is not measured; none does where one needs the pixels around a pixel."""
    is_later = operation.stage is Stage.NORMALIZED and not operation.is_measured
    return is_later and not any(each.apron for each in style)


def _between_ends(colormap: ValueColormap) -> tuple[SampleRange, ValueColormap]:
    """The range of samples that a color map by value tells apart, and the map of what is black and white then."""
    scale, offset = colormap.scale or 1.0, colormap.offset
    ends = sorted((colormap.quantities[index] - offset) / scale for index in (0, -1))
    margin = (ends[1] - ends[0] or 1.0) * BEYOND
    low, high = ends[0] - margin, ends[1] + margin
    colored = replace(colormap, scale=(high - low) * scale, offset=low * scale + offset)
    return SampleRange(((None, low, high),)), colored


def _with_range(operations: Sequence[Operation], shown: SampleRange) -> tuple[Operation, ...]:
    """The operations with another range, in their order: only missing data comes before it."""
    others = [each for each in operations if each.stage is not Stage.RANGE]
    before = [each for each in others if each.stage is Stage.MISSING]
    return (*before, shown, *(each for each in others if each.stage is not Stage.MISSING))
