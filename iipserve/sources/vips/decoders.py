"""Whether the installed libvips decodes what it opens, determined by decoding small files."""

from __future__ import annotations

import base64
from functools import cache

from iipserve import libvips
from iipserve.libvips import pyvips

HEVC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERAAAEA"
    "AQAAAAABoAABAAAAAAAAACIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmND"
    "AQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAA"
    "AAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC"
    "////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAKm1kYXQAAAAeKAGvBBISTOD4BE5j/ulUVQEgrOi0dKHIlxCTu2rA"
)
"""HEIF of 16 x 16 pixels."""
LIMITED_GRAY = base64.b64decode(
    "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOltZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAAAAABAAAA"
    "Hmlsb2MAAAAARAAAAQABAAAAAQAAAQ0AAAAWAAAAKGlpbmYAAAAAAAEAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGhpcHJwAAAASWlwY28AAAAUaXNw"
    "ZQAAAAAAAAAQAAAAEAAAAA5waXhpAAAAAAEIAAAADGF2MUOBABwAAAAAE2NvbHJuY2x4AAEADQAGAAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAHm1kYXQS"
    "AAoIGAz/2GAhoMQyCBAAAB4Ys1Yq"
)
"""AVIF of 16 x 16 black pixels, which are stored as 16."""
HEIF_SAMPLES = {b"av01": LIMITED_GRAY, b"hvc1": HEVC, b"hev1": HEVC}
CODEC_NAMES = {
    b"av01": "AV1", b"hvc1": "HEVC", b"hev1": "HEVC", b"avc1": "AVC", b"vvc1": "VVC", b"evc1": "EVC",
    b"jpeg": "JPEG", b"j2k1": "JPEG 2000", b"unci": "uncompressed",
}  # fmt: skip
"""By type of item (ISO/IEC 23008-12 and 23001-17)."""


@cache
def heif_failure(kind: bytes) -> str | None:
    """Why HEIF items of a type cannot be decoded; empty if they can, None without a sample to try."""
    sample = HEIF_SAMPLES.get(kind)
    return None if sample is None else _failure(sample)


def _failure(sample: bytes) -> str:
    try:
        pyvips.Image.heifload_buffer(sample).avg()
    except pyvips.Error as error:
        return libvips.reason(error)
    return ""


@cache
def keeps_limited_gray() -> bool:
    """Whether gray images of limited range come from the loader as they are stored (libheif 1.15 to 1.20)."""
    return bool(pyvips.Image.heifload_buffer(LIMITED_GRAY).min() > 0)


def first_failure(image: pyvips.Image) -> str:
    """Why the first line of an opened image cannot be decoded; empty if it can."""
    try:
        pyvips.Region.new(image).fetch(0, 0, image.width, 1)
    except pyvips.Error as error:
        return libvips.reason(error)
    return ""
