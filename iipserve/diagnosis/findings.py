"""From what was measured of an image to findings: pure rules, the gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from iipserve.diagnosis.values import OVERVIEW, Examination, Finding, Severity
from iipserve.geometry import Size

MAX_OVERVIEW_PIXELS = 4_000_000
"""Decoded for one picture of the whole image; a photograph of 24 megapixels takes about a quarter of a second."""
MAX_STEP = 4.5
"""Of the sides of two levels that follow each other; tiles between them decode up to 20 times their pixels."""
MAX_TILE_AREA = 1024 * 1024
"""Pixels; a view of any size decodes whole tiles."""
MIN_TILE_SIDE = 128
"""Pixels; smaller tiles make many requests and compress badly."""
MIN_TILED_AREA = 1024 * 1024
"""Pixels from which on an image gains from tiles."""
MAX_MILLISECONDS = 50.0
"""For decoding one tile: several of them make a view."""
MAX_OPENING = 100.0
"""Milliseconds."""
MAX_PROFILE = 32 * 1024
"""Bytes of a profile, which is embedded in every tile where EMBED_ICC is on."""
UNCOMPRESSED_BYTES = 256 * 1024
"""Length of an uncompressed tile whose transfer from a slow disk takes longer than decoding a compressed one."""

Rule = Callable[[Examination], Iterator[Finding]]


def findings(examination: Examination) -> tuple[Finding, ...]:
    """All findings about an image, the gravest first."""
    order = list(Severity)
    found = [each for rule in RULES for each in rule(examination)]
    return tuple(sorted(found, key=lambda each: order.index(each.severity)))


def _damage(examination: Examination) -> Iterator[Finding]:
    for index, level in enumerate(examination.levels):
        if level.failure:
            text = f"level {index} cannot be shown: {level.failure}"
            yield Finding(Severity.BROKEN, "damage", text, "replace the file by an undamaged copy")


def _pyramid(examination: Examination) -> Iterator[Finding]:
    sizes = [level.size for level in examination.info.levels]
    if examination.overview_pixels > MAX_OVERVIEW_PIXELS:
        pixels = f"{examination.overview_pixels / 1e6:.0f} million pixels"
        text = f"a picture of the whole image with a longer side of {OVERVIEW} pixels decodes {pixels}"
        has = (
            "the file has one size only" if len(sizes) == 1 else f"its smallest level is {_shown(sizes[-1])}"
        )
        yield Finding(
            Severity.SLOW, "pyramid", f"{has}, so {text}", "store smaller levels, down to a single tile", True
        )
    for index, (large, small) in enumerate(pairwise(sizes)):
        if (step := max(large.width / small.width, large.height / small.height)) > MAX_STEP:
            text = f"level {index + 1} is {step:.1f} times smaller than the one before it"
            yield Finding(Severity.SLOW, "pyramid", text, "halve the sides from level to level", True)


def _tiles(examination: Examination) -> Iterator[Finding]:
    storage, size = examination.levels[0].storage, examination.info.size
    if storage is None or size.area < MIN_TILED_AREA:
        return
    unit = storage.unit
    if not storage.is_tiled:
        whole = storage.units == 1
        kind = "as a whole" if whole else f"in strips of {unit.height} rows"
        text = f"the full size is stored {kind}, and is unpacked into a temporary file when it is first shown"
        yield Finding(Severity.SLOW, "tiles", text, "store it in tiles of 256 x 256 pixels", True)
    elif unit.area > MAX_TILE_AREA:
        text = f"its tiles have {_shown(unit)} pixels, all of which are decoded to show a part of one"
        yield Finding(Severity.SLOW, "tiles", text, "store it in tiles of 256 to 512 pixels", True)
    elif min(unit) < MIN_TILE_SIDE:
        text = f"its tiles have {_shown(unit)} pixels only, so that a view is made of very many"
        yield Finding(Severity.SLOW, "tiles", text, "store it in tiles of 256 to 512 pixels", True)


def _planes(examination: Examination) -> Iterator[Finding]:
    storage = examination.levels[0].storage
    if storage is not None and storage.planes > 1:
        text = f"its bands are stored apart: a tile is read in {storage.planes} pieces"
        yield Finding(
            Severity.SLOW, "bands", text, "interleave the bands, if pictures of all of them are shown", True
        )


def _compression(examination: Examination) -> Iterator[Finding]:
    storage = examination.levels[0].storage
    if storage is None or not storage.is_tiled or storage.compression != "none":
        return
    if (storage.mean_bytes or 0) > UNCOMPRESSED_BYTES:
        text = f"its tiles are not compressed: {storage.mean_bytes or 0:,.0f} bytes are read for each"
        yield Finding(Severity.NOTE, "compression", text, "compress it, if its storage is slow", True)


def _time(examination: Examination) -> Iterator[Finding]:
    if examination.opening > MAX_OPENING:
        text = f"opening the file took {examination.opening:.0f} ms"
        yield Finding(
            Severity.SLOW, "opening", text, "look at the storage, and at the number of images in the file"
        )
    for index, level in enumerate(examination.levels):
        if level.milliseconds is not None and level.milliseconds > MAX_MILLISECONDS:
            name = level.storage.compression if level.storage else examination.info.format
            text = f"one tile of level {index} took {level.milliseconds:.0f} ms to decode ({name})"
            yield Finding(
                Severity.SLOW,
                "decoding",
                text,
                "store tiles of 256 x 256 pixels as JPEG, WebP or deflate",
                True,
            )
            return


def _samples(examination: Examination) -> Iterator[Finding]:
    info = examination.info
    if not info.band_ranges:
        text = (
            f"nothing says which samples of {info.bits}-bit {_kind(info.dtype)} are black and white: all of them are read "
            "for that once, after each start and change"
        )
        yield Finding(Severity.NOTE, "samples", text, "declare SMinSampleValue and SMaxSampleValue")


def _profile(examination: Examination) -> Iterator[Finding]:
    profile = examination.info.icc
    if profile is not None and len(profile) > MAX_PROFILE:
        text = f"its color profile has {len(profile):,} bytes, which are sent with every tile"
        yield Finding(Severity.NOTE, "profile", text, "convert colors to sRGB, or set MAX_ICC or EMBED_ICC=0")


def _passed(examination: Examination) -> Iterator[Finding]:
    if examination.passes_as:
        text = f"its tiles are sent as they are stored, without decoding, where {examination.passes_as} is asked for"
        yield Finding(Severity.GOOD, "tiles", text)


RULES: tuple[Rule, ...] = (
    _damage, _pyramid, _tiles, _planes, _compression, _time, _samples, _profile, _passed
)  # fmt: skip


def _shown(size: Size) -> str:
    return f"{size.width} x {size.height}"


def _kind(dtype: str) -> str:
    return {"f": "floating point", "i": "signed integers"}.get(dtype[0], "integers")
