"""What was measured of an image, and what follows from it."""

from __future__ import annotations

import enum
from typing import NamedTuple

from iipserve.image import ImageInfo, LevelStorage


class ExaminedLevel(NamedTuple):
    """One level: how it is stored, and how long one tile in its middle took to decode."""

    storage: LevelStorage | None
    """None if that cannot be read."""
    decoded_pixels: int
    """Pixels that are decoded for that tile."""
    milliseconds: float | None
    """None if it could not be decoded."""
    failure: str = ""
    """Why not."""


class Examination(NamedTuple):
    """What was measured of an image."""

    info: ImageInfo
    opening: float
    """Milliseconds that opening the file and reading its structure took."""
    levels: tuple[ExaminedLevel, ...]
    """As `ImageInfo.levels`."""
    overview_pixels: int
    """Pixels that are decoded for a picture of the whole image with a longer side of `OVERVIEW` pixels."""
    passes_as: str = ""
    """Output format in which tiles of the full size are sent as they are stored; empty if they are decoded."""


OVERVIEW = 512
"""Longer side of a picture of the whole image, as galleries show it, in pixels."""


class Severity(enum.Enum):
    """What a finding means for visitors."""

    BROKEN = "broken"
    """Something cannot be shown."""
    SLOW = "slow"
    """They wait longer than necessary."""
    NOTE = "note"
    """It costs little, or cannot be helped."""
    GOOD = "good"
    """It makes the image fast."""


class Finding(NamedTuple):
    """One thing about an image."""

    severity: Severity
    subject: str
    """A word or two: `pyramid`."""
    text: str
    """What is so, as a sentence without a full stop."""
    advice: str = ""
    """What would be better; empty if there is nothing to do."""
    converts: bool = False
    """A converted copy of the file mends it."""
