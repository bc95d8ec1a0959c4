"""From the colors of an ICC profile to sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.bit_depth import convert_depth
from iipserve.processing.icc import to_srgb
from iipserve.processing.layout import first_bands, with_opacity


@dataclass(frozen=True, slots=True)
class ToSRGB(Operation):
    """Colors converted from the image's embedded profile to sRGB; opacity is kept.

    Pixels stay as they are where there is no profile, a broken one, or one of another number of color bands.
    Conversion has 8 bits; of finished pixels of 16 bits the upper 8 are converted, and spread over 16.
    """

    stage: ClassVar[Stage] = Stage.DISPLAY
    keeps_profile: ClassVar[bool] = False
    needs_profile: ClassVar[bool] = True

    profile: bytes | None = None
    """The profile; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        bands = pixels.shape[2]
        colors = bands - (bands in (2, 4))
        transform = to_srgb(self.profile, colors) if self.profile else None
        if transform is None:
            return pixels
        bits = 8 * pixels.itemsize
        color = transform(convert_depth(first_bands(pixels, colors), bits, 8))
        color = convert_depth(color, 8, bits)
        return color if colors == bands else with_opacity(color, pixels[..., -1])

    def bound(self, context: Context) -> Operation:
        return self if self.profile is not None else ToSRGB(context.info.icc or b"")
