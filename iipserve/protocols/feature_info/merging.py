"""What a rule makes of the values of several images at a place: the mean, the least or the greatest, as coverages have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from iipserve.plan import MosaicRule
from iipserve.processing.missing import missing_samples
from iipserve.processing.sample_merging import sample_merging
from iipserve.protocols.feature_info.measuring import BandValue, Measured, Number, number_of, physical


class Part(NamedTuple):
    """An image."""

    measured: Measured
    missing: tuple[Number | None, ...]
    """Of each of the bands that are reported, the sample that stands for missing data."""


def merged(parts: Sequence[Part], rule: MosaicRule, dtype: str) -> Measured:
    """The values of a place.

    Statistics are of all pixels that the images have in the area.

    Args:
        parts: the uppermost first, at least one. All report the same bands.
        rule: not `first`.
        dtype: of the samples of all images.
    """
    first = parts[0].measured
    bands = [_band([_BandPart(part.measured.bands[index], part.missing[index]) for part in parts], rule, dtype)
             for index in range(len(first.bands))]  # fmt: skip
    return first._replace(
        bands=tuple(bands),
        level=max(part.measured.level for part in parts),
        is_exact=all(part.measured.is_exact for part in parts),
    )


class _BandPart(NamedTuple):
    """A band of an image."""

    value: BandValue
    missing: Number | None


def _band(parts: Sequence[_BandPart], rule: MosaicRule, dtype: str) -> BandValue:
    band, known = parts[0].value.band, [part.value for part in parts if part.value.pixels]
    raw = _raw(parts, rule, np.dtype(dtype))
    pixels = sum(value.pixels for value in known)
    means = [value.pixels * value.mean for value in known if value.mean is not None]
    return BandValue(
        band,
        raw,
        None if raw is None else physical(band, raw, float(raw)),
        pixels,
        min((value.minimum for value in known if value.minimum is not None), default=None),
        max((value.maximum for value in known if value.maximum is not None), default=None),
        sum(means) / pixels if means else None,
    )


def _raw(parts: Sequence[_BandPart], rule: MosaicRule, dtype: np.dtype[np.generic]) -> Number | None:
    """The sample under the point; None where no image has one."""
    merging, is_known = sample_merging(rule.value, (1,), dtype), False
    for part in parts:
        if part.value.raw is not None:
            sample = np.array([part.value.raw]).astype(dtype)
            valid = ~missing_samples(sample, part.missing)
            merging.add(sample, valid)
            is_known |= bool(valid[0])
    return number_of(merging.result(np.zeros(1, dtype))[0]) if is_known else None
