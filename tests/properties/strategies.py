"""Valid requests out of each protocol's grammar, with what they have to be answered with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from tests.properties.answers import Expected
from tests.properties.images import Subject

MAX_SIDE = 500
"""MAX_CVT of `subjects.settings`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    address: str
    """Path and query, as on the wire."""
    expected: Expected | None = None
    """None where a refusal is as good."""


# -- IIP: modifiers --------------------------------------------------------------------------------


def _numbers(low: float, high: float) -> st.SearchStrategy[str]:
    return st.floats(low, high).map(lambda value: f"{value:.4g}")


def _whole(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def _joined(part: st.SearchStrategy[str], separator: str, *counts: int) -> st.SearchStrategy[str]:
    of_counts = [st.lists(part, min_size=count, max_size=count) for count in counts]
    return st.one_of(of_counts).map(separator.join)


KERNELS = ("sobel", "prewitt", "scharr", "laplace", "gaussian", "sharpen", "emboss", "Gaussian")
MAPS = (
    "hot",
    "COLD",
    "jet",
    "Red",
    "green",
    "blue",
    "viridis",
    "magma",
    "inferno",
    "plasma",
    "cividis",
    "turbo",
)
QUARTERS = ("0", "90", "180", "270", "!0", "!90", "!180", "!270", "450", "-90")
DEEP = ("image/png", "image/tiff")
"""Formats with room for 16 bits."""
MODIFIERS: dict[str, st.SearchStrategy[str]] = {
    "CNT": st.one_of(st.sampled_from(("eq", "equalization", "st", "stretch", "-1")), _numbers(0, 5)),
    "GAM": st.one_of(st.sampled_from(("log", "logarithm", "-1")), _numbers(0.01, 8)),
    "MINMAX": st.tuples(st.sampled_from(("0", "1", "-")), _whole(0, 90), _whole(100, 300)).map(
        lambda parts: f"{parts[0]}:{parts[1]},{parts[2]}"
    ),
    "INV": st.sampled_from(("1", "inv")),
    "CMP": st.sampled_from(MAPS),
    "CTW": st.one_of(
        _joined(_joined(_numbers(-2, 2), ",", 1, 2, 3, 4), ";", 1, 3).map(lambda rows: f"[{rows}]"),
        _joined(_numbers(-2, 2), ",", 3).map(lambda row: f"{row};{row};{row}"),
    ),
    "COL": st.sampled_from(("grey", "gray", "binary", "GRAY")),
    "CNV": st.one_of(st.sampled_from(KERNELS), _joined(_whole(-9, 9), ",", 1, 9, 25).map(lambda kernel: f"[{kernel}]")),
    "LYR": _whole(0, 12),
    "QLT": _whole(1, 100),
    "ICC": st.just("1"),
}  # fmt: skip


def modifiers(subject: Subject, media_type: str) -> st.SearchStrategy[list[str]]:
    """Some commands that say how a picture of a type is to be, each with an argument within its range."""
    arguments = MODIFIERS | {"BPC": st.sampled_from(("8", "16") if media_type in DEEP else ("8",))}
    if subject.is_color and subject.bands == 3:
        arguments["SHD"] = _joined(_whole(0, 360), ",", 2)
    if subject.views:
        arguments["SDS"] = st.sampled_from(subject.views)
    commands = [argument.map(f"{name}={{}}".format) for name, argument in arguments.items()]
    return st.lists(st.one_of(commands), max_size=5, unique_by=lambda command: command[:3])


def _chain(subject: Subject, modified: Sequence[str], output: str) -> str:
    return "&".join((f"/iip?FIF={subject.identifier}", *modified, output))


# -- IIP: outputs ----------------------------------------------------------------------------------

TILE_COMMANDS = {
    "JTL": "image/jpeg",
    "PTL": "image/png",
    "WTL": "image/webp",
    "TTL": "image/tiff",
    "ATL": "image/avif",
    "XTL": "image/jxl",
}
EXPORTS = {
    "jpeg": "image/jpeg",
    "JPG": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "jxl": "image/jxl",
    "gif": "image/gif",
    "jp2": "image/jp2",
    "pdf": "application/pdf",
}


def _grid(size: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows."""
    return math.ceil(size[0] / tile[0]), math.ceil(size[1] / tile[1])


def _tile_size(size: tuple[int, int], tile: tuple[int, int], column: int, row: int) -> tuple[int, int]:
    return min(tile[0], size[0] - column * tile[0]), min(tile[1], size[1] - row * tile[1])


@st.composite
def iip_tiles(draw: st.DrawFn, subject: Subject) -> Asked:
    """A tile that exists, with any modifiers and a quarter turn."""
    command = draw(st.sampled_from(tuple(TILE_COMMANDS)))
    resolution = draw(st.integers(0, len(subject.sizes) - 1))
    size = subject.sizes[resolution]
    columns, rows = _grid(size, subject.tile)
    index = draw(st.integers(0, columns * rows - 1))
    turn = draw(st.one_of(st.none(), st.sampled_from(QUARTERS)))
    shown = _tile_size(size, subject.tile, index % columns, index // columns)
    opposite = columns * rows - 1 - index
    turned = _tile_size(size, subject.tile, opposite % columns, opposite // columns)
    degrees = int((turn or "0").removeprefix("!")) % 360
    sizes = (turned, shown) if degrees == 180 else (shown[::-1] if degrees % 180 else shown,)
    steps = draw(modifiers(subject, TILE_COMMANDS[command])) + ([f"ROT={turn}"] if turn else [])
    query = _chain(subject, draw(st.permutations(steps)), f"{command}={resolution},{index}")
    return Asked(query, Expected(TILE_COMMANDS[command], sizes))


@st.composite
def iip_exports(draw: st.DrawFn, subject: Subject) -> Asked:
    """A region or the whole image, in some size, with any modifiers and any turn."""
    width, height = (
        draw(st.one_of(st.none(), st.integers(1, 400))),
        draw(st.one_of(st.none(), st.integers(1, 400))),
    )
    region = draw(st.one_of(st.none(), st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(5, 40)] * 2)))
    turn = draw(st.one_of(st.none(), st.sampled_from(QUARTERS), st.sampled_from(("45", "!30.5", "1"))))
    format = draw(st.sampled_from(tuple(EXPORTS)))
    steps = draw(modifiers(subject, EXPORTS[format]))
    steps += [f"WID={width}"] if width else []
    steps += [f"HEI={height}"] if height else []
    steps += [f"ROT={turn}"] if turn else []
    steps += ["RGN=" + ",".join(str(part / 100) for part in region)] if region else []
    sizes = _export_sizes(subject.size, region, width, height)
    degrees = float((turn or "0").removeprefix("!")) % 360
    if degrees % 90:
        sizes = ()
    elif degrees % 180:
        sizes = tuple(size[::-1] for size in sizes)
    query = _chain(subject, draw(st.permutations(steps)), f"CVT={format}")
    return Asked(query, Expected(EXPORTS[format], sizes))


def _export_sizes(
    full: tuple[int, int], region: tuple[int, int, int, int] | None, width: int | None, height: int | None
) -> tuple[tuple[int, int], ...]:
    """What WID and HEI come to by their rules; a derived side may be rounded either way.

    The wanted side stays, the other follows the region's shape; both are a box; neither is the full size.
    """
    share = region or (0, 0, 100, 100)
    shape = (
        max(Fraction(1), Fraction(full[0] * share[2], 100)),
        max(Fraction(1), Fraction(full[1] * share[3], 100)),
    )
    if not width and not height:
        wanted = Fraction(full[0]), Fraction(full[1])
    else:
        scales = [
            Fraction(side) / length for side, length in zip((width, height), shape, strict=True) if side
        ]
        wanted = shape[0] * min(scales), shape[1] * min(scales)
    shrink = min(Fraction(1), MAX_SIDE / max(wanted))
    sides = [sorted({max(1, math.floor(side * shrink)), max(1, math.ceil(side * shrink))}) for side in wanted]
    return tuple((across, down) for across in sides[0] for down in sides[1])


@st.composite
def iip_numbers(draw: st.DrawFn, subject: Subject) -> Asked:
    """Samples along a line, at a point, or several tiles in one answer."""
    resolution = draw(st.integers(0, len(subject.sizes) - 1))
    width, height = subject.sizes[resolution]
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    inside = min(x, subject.tile[0] - 1), min(y, subject.tile[1] - 1)
    to_x, to_y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    columns, rows = _grid((width, height), subject.tile)
    output, media_type = draw(
        st.sampled_from((
            (f"PFL={resolution}:{x},{y}-{to_x},{to_y}", "application/json"),
            (f"PFL={resolution}:{x},{y}", "application/json"),
            (f"SPECTRA={resolution},0,{inside[0]},{inside[1]}", "application/xml"),
            (f"TIL={resolution},0-{columns * rows - 1}", "application/vnd.netfpx"),
            ("OBJ=Max-size", "application/vnd.netfpx"),
            ("OBJ=Basic-Info&OBJ=Min-Max-sample-values", "application/vnd.netfpx"),
            ("OBJ=histogram", "application/json"),
            ("OBJ=statistics", "application/json"),
            ("OBJ=metadata", "application/json"),
        ))
    )  # fmt: skip
    return Asked(_chain(subject, (), output), Expected(media_type))


# -- the other protocols ---------------------------------------------------------------------------

EXTENSIONS = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "tif": "image/tiff"}


def _halved(size: tuple[int, int], zooms: int) -> tuple[int, int]:
    return math.ceil(size[0] / 2**zooms), math.ceil(size[1] / 2**zooms)


@st.composite
def deepzoom_tiles(draw: st.DrawFn, subject: Subject) -> Asked:
    """A tile that exists, by its path or in a query string behind modifiers."""
    last = (max(subject.size) - 1).bit_length()
    zoom = draw(st.integers(0, last))
    size, tile = _halved(subject.size, last - zoom), (subject.square_tile,) * 2
    columns, rows = _grid(size, tile)
    column, row = draw(st.integers(0, columns - 1)), draw(st.integers(0, rows - 1))
    extension = draw(st.sampled_from(tuple(EXTENSIONS)))
    target = f"{subject.identifier}_files/{zoom}/{column}_{row}.{extension}"
    expected = Expected(EXTENSIONS[extension], (_tile_size(size, tile, column, row),))
    return Asked(draw(_addressed(subject, "deepzoom", "DeepZoom", target)), expected)


@st.composite
def zoomify_tiles(draw: st.DrawFn, subject: Subject) -> Asked:
    """A tile that exists; tiers are counted as in halving with rounding down until one tile is enough."""
    tile = (subject.square_tile,) * 2
    tiers, (width, height) = 0, subject.size
    while width > tile[0] or height > tile[1]:
        width, height, tiers = width // 2, height // 2, tiers + 1
    tier = draw(st.integers(0, tiers))
    size = _halved(subject.size, tiers - tier)
    columns, rows = _grid(size, tile)
    column, row = draw(st.integers(0, columns - 1)), draw(st.integers(0, rows - 1))
    target = f"{subject.identifier}/TileGroup0/{tier}-{column}-{row}.jpg"
    expected = Expected("image/jpeg", (_tile_size(size, tile, column, row),))
    return Asked(draw(_addressed(subject, "zoomify", "Zoomify", target)), expected)


@st.composite
def _addressed(draw: st.DrawFn, subject: Subject, path: str, parameter: str, target: str) -> str:
    if draw(st.booleans()):
        return f"/{path}/{target}"
    media_type = EXTENSIONS[target.rpartition(".")[2]]
    return "/iip?" + "&".join((*draw(modifiers(subject, media_type)), f"{parameter}={target}"))


@st.composite
def iiif_images(draw: st.DrawFn, subject: Subject) -> Asked:
    """An image of a region inside the picture, in a size that no rule of version 2 or 3 forbids."""
    full = subject.size
    x, y = draw(st.integers(0, full[0] - 1)), draw(st.integers(0, full[1] - 1))
    width, height = draw(st.integers(1, full[0] - x)), draw(st.integers(1, full[1] - y))
    region, size = draw(
        st.sampled_from(
            (("full", full), ("square", (min(full),) * 2), (f"{x},{y},{width},{height}", (width, height)))
        )
    )
    wanted, sizes = draw(_iiif_sizes(size))
    rotation = draw(st.sampled_from(("0", "90", "180", "270", "!0", "!90", "22.5", "!359.9")))
    if rotation[-2:] in ("90", "70"):
        sizes = tuple(pair[::-1] for pair in sizes)
    if "." in rotation:
        sizes = ()
    qualities = ("default", "gray", "bitonal", "negative", "stretch", "equalization", "log")
    quality = draw(st.sampled_from((*qualities, *(("color",) if subject.is_color else ()))))
    extension = draw(st.sampled_from(tuple(EXTENSIONS)))
    version = draw(st.sampled_from(("iiif", "iiif/2", "iiif/3")))
    address = f"/{version}/{subject.identifier}/{region}/{wanted}/{rotation}/{quality}.{extension}"
    return Asked(address, Expected(EXTENSIONS[extension], sizes))


@st.composite
def _iiif_sizes(draw: st.DrawFn, size: tuple[int, int]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A size parameter for a region of `size`, and the sizes it may come to."""
    width, height = draw(st.integers(1, size[0])), draw(st.integers(1, size[1]))
    form = draw(st.sampled_from(("max", "w,h", "w,")))
    if form == "max":
        return form, (size,)
    if form == "w,h":
        return f"{width},{height}", ((width, height),)
    derived = Fraction(size[1] * width, size[0])
    sides = {max(1, math.floor(derived)), max(1, math.ceil(derived))}
    return f"{width},", tuple((width, side) for side in sides)


DOCUMENTS = {
    "/deepzoom/{}.dzi": "application/xml",
    "/zoomify/{}/ImageProperties.xml": "application/xml",
    "/iiif/3/{}/info.json": "application/ld+json",
    "/iiif/2/{}/info.json": "application/json",
}


def documents(subject: Subject) -> st.SearchStrategy[Asked]:
    """A description of the image."""
    return st.sampled_from([
        Asked(form.format(subject.identifier), Expected(media_type)) for form, media_type in DOCUMENTS.items()
    ])  # fmt: skip


# -- all of them -----------------------------------------------------------------

KINDS: Sequence[Callable[[Subject], st.SearchStrategy[Asked]]] = (
    iip_tiles, iip_exports, iip_numbers, deepzoom_tiles, zoomify_tiles, iiif_images, documents,
)  # fmt: skip


def valid_requests(
    subjects: Sequence[Subject], kinds: Sequence[Callable[[Subject], st.SearchStrategy[Asked]]] = KINDS
) -> st.SearchStrategy[Asked]:
    """Requests that have to be answered."""
    return st.sampled_from(subjects).flatmap(lambda subject: st.one_of([kind(subject) for kind in kinds]))
