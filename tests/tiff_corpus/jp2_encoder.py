"""Encodes JPEG 2000 codestreams of every kind by OpenJPEG: what the functions of glymur and imagecodecs do not offer.

Also an independent decoder of reduced resolutions: the low bands of the reversible wavelet, tile by tile, in numpy.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.sources.jpeg2000.openjpeg_library import lib

Samples = NDArray[np.int64]
SOP, EPH = b"\xff\x91\0\4", b"\xff\x92"


@dataclass(frozen=True)
class Part:
    """One component."""

    bits: int = 8
    signed: bool = False
    dx: int = 1
    dy: int = 1


@dataclass(frozen=True)
class Grid:
    """The reference grid: the image's area and how it is cut into tiles."""

    left: int
    top: int
    right: int
    bottom: int
    tile: tuple[int, int] | None = None
    """Width and height; None for one tile."""
    tile_origin: tuple[int, int] = (0, 0)

    def columns(self, part: Part) -> tuple[int, int]:
        """First and end of a component's columns (15444-1 B-12)."""
        return -(-self.left // part.dx), -(-self.right // part.dx)

    def rows(self, part: Part) -> tuple[int, int]:
        """First and end of a component's rows."""
        return -(-self.top // part.dy), -(-self.bottom // part.dy)

    def cuts(self, part: Part) -> tuple[list[int], list[int]]:
        """Where tiles begin and end, in columns and in rows of a component."""
        (width, height), (x, y) = self.tile or (self.right, self.bottom), self.tile_origin
        across = [self.left, *range(x + width, self.right, width), self.right]
        down = [self.top, *range(y + height, self.bottom, height), self.bottom]
        return [-(-cut // part.dx) for cut in across], [-(-cut // part.dy) for cut in down]


def random_planes(grid: Grid, parts: Sequence[Part], seed: int = 1) -> list[Samples]:
    """Noise over gradients, which uses the whole range of each component."""
    rng = np.random.default_rng(seed)
    planes = []
    for part in parts:
        (left, right), (top, bottom) = grid.columns(part), grid.rows(part)
        maximum = (1 << part.bits) - 1
        ramp = np.add.outer(np.linspace(0, 0.7, bottom - top), np.linspace(0, 0.3, right - left))
        noise = rng.random(ramp.shape) ** 8
        samples = np.rint((ramp * 0.8 + noise * 0.44).clip(0, 1) * maximum).astype(np.int64)
        planes.append(samples - (1 << part.bits - 1) if part.signed else samples)
    return planes


def encode(grid: Grid, parts: Sequence[Part], planes: Sequence[Samples], **options: Any) -> bytes:
    """A codestream, lossless unless the options say otherwise.

    Args:
        grid: area and tiles.
        parts: the components.
        planes: the samples of each.
        options: fields of OpenJPEG's `opj_cparameters_t`; besides, `rates` (of layers), `precincts` ((width, height),
            highest resolution first), `changes` (of the progression order: fields of `opj_poc_t`), `plt` and `tlm`.
    """
    extra = {name: options.pop(name) for name in ("plt", "tlm") if name in options}
    parameters = _parameters(grid, options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.j2k"
        _write(path, parameters, _image(grid, parts, planes), extra)
        return path.read_bytes()


def _parameters(grid: Grid, options: dict[str, Any]) -> Any:
    parameters = lib.set_default_encoder_parameters()
    parameters.image_offset_x0, parameters.image_offset_y0 = grid.left, grid.top
    parameters.cp_tx0, parameters.cp_ty0 = grid.tile_origin
    if grid.tile:
        parameters.tile_size_on = 1
        parameters.cp_tdx, parameters.cp_tdy = grid.tile
    sides = grid.right - grid.left, grid.bottom - grid.top, *(grid.tile or ())
    parameters.numresolution = min(6, min(sides).bit_length())  # OpenJPEG writes no more
    parameters.cp_disto_alloc = 1
    rates = options.pop("rates", [0])
    parameters.tcp_numlayers = len(rates)
    for layer, rate in enumerate(rates):
        parameters.tcp_rates[layer] = rate
    precincts = options.pop("precincts", [])
    parameters.res_spec = len(precincts)
    for number, (width, height) in enumerate(precincts):
        parameters.prcw_init[number], parameters.prch_init[number] = width, height
    parameters.csty = options.pop("csty", 0) | bool(precincts)
    changes = options.pop("changes", [])
    parameters.numpocs = len(changes)
    for number, change in enumerate(changes):
        for name, value in change.items():
            setattr(parameters.poc[number], name, value)
    for name, value in options.items():
        assert hasattr(parameters, name), name
        setattr(parameters, name, value)
    return parameters


def _image(grid: Grid, parts: Sequence[Part], planes: Sequence[Samples]) -> Any:
    width, height = grid.right - grid.left, grid.bottom - grid.top
    if grid.tile and (grid.tile[0] < width or grid.tile[1] < height):
        # OpenJPEG's encoder takes rows to be as long as the area divided by the step, where one sample less may be inside
        planes = [
            np.pad(plane, ((0, -(-height // part.dy) - plane.shape[0]), (0, -(-width // part.dx) - plane.shape[1])))
            for part, plane in zip(parts, planes, strict=True)
        ]  # fmt: skip
    declared = (lib.ImageComptParmType * len(parts))()
    for parameters, part, plane in zip(declared, parts, planes, strict=True):
        parameters.dx, parameters.dy, parameters.prec, parameters.sgnd = (
            part.dx,
            part.dy,
            part.bits,
            part.signed,
        )
        parameters.bpp, (parameters.h, parameters.w) = part.bits, plane.shape
    image = lib.image_create(declared, lib.CLRSPC_GRAY if len(parts) < 3 else lib.CLRSPC_SRGB)
    content = image.contents
    content.x0, content.y0, content.x1, content.y1 = grid.left, grid.top, grid.right, grid.bottom
    for number, plane in enumerate(planes):
        samples = np.ascontiguousarray(plane, np.int32)
        ctypes.memmove(content.comps[number].data, samples.ctypes.data, samples.nbytes)
    return image


def _write(path: Path, parameters: Any, image: Any, extra: dict[str, bool]) -> None:
    codec = lib.create_compress(lib.CODEC_J2K)
    lib.set_error_handler(codec, lib._ERROR_CALLBACK)
    lib.setup_encoder(codec, parameters, image)
    if extra:
        lib.encoder_set_extra_options(codec, **extra)
    stream = lib.stream_create_default_file_stream(str(path), False)
    lib.start_compress(codec, image, stream)
    lib.encode(codec, stream)
    lib.end_compress(codec, stream)
    lib.stream_destroy(stream)
    lib.destroy_codec(codec)
    lib.image_destroy(image)


def decoded(path: Path, grid: Grid, halvings: int) -> list[Samples]:
    """All components in one piece by OpenJPEG."""
    stream = lib.stream_create_default_file_stream(str(path), True)
    codec = lib.create_decompress(lib.CODEC_J2K)
    parameters = lib.set_default_decoder_parameters()
    parameters.cp_reduce = halvings
    lib.setup_decoder(codec, parameters)
    image = lib.read_header(stream, codec)
    lib.set_decode_area(codec, image, grid.left, grid.top, grid.right, grid.bottom)
    lib.decode(codec, stream, image)
    parts = [image.contents.comps[number] for number in range(image.contents.numcomps)]
    planes = [np.ctypeslib.as_array(part.data, (part.h, part.w)).astype(np.int64) for part in parts]
    lib.stream_destroy(stream)
    lib.destroy_codec(codec)
    lib.image_destroy(image)
    return planes


# -- reduced resolutions ---------------------------------------------------------------------------


def low_band(samples: Samples, start: int) -> Samples:
    """The low band of the reversible 5/3 transform along the first axis (15444-1 F.4.8).

    Args:
        samples: at least one row.
        start: place of the first row; even places make the low band.
    """
    count = len(samples)
    if count == 1:  # F.4.6: an odd place goes to the high band alone
        return samples if start % 2 == 0 else samples[:0]
    places = np.arange(start - 2, start + count + 2)
    inside = np.abs((places - start + count - 1) % (2 * (count - 1)) - (count - 1))  # mirrored at both ends
    value = samples[inside]
    low = np.arange(start + start % 2, start + count, 2) - (start - 2)
    before = value[low - 1] - (value[low - 2] + value[low]) // 2
    behind = value[low + 1] - (value[low] + value[low + 2]) // 2
    result: Samples = value[low] + (before + behind + 2) // 4
    return result


def reduced(grid: Grid, part: Part, plane: Samples, halvings: int) -> Samples:
    """One component without its `halvings` highest resolutions, of each tile by itself."""
    columns, rows = grid.cuts(part)
    bands = [
        np.hstack([
            _reduced_tile(plane[top - rows[0] : bottom - rows[0], left - columns[0] : right - columns[0]], left, top, halvings)
            for left, right in itertools.pairwise(columns)
        ])
        for top, bottom in itertools.pairwise(rows)
    ]  # fmt: skip
    return np.vstack(bands)


def _reduced_tile(samples: Samples, left: int, top: int, halvings: int) -> Samples:
    for _ in range(halvings):
        if samples.shape[0]:
            samples = low_band(samples, top)
        if samples.shape[1]:
            samples = low_band(samples.T, left).T
        left, top = -(-left // 2), -(-top // 2)
    return samples


def reduced_colors(grid: Grid, part: Part, planes: Sequence[Samples], halvings: int) -> list[Samples]:
    """Three components that were transformed together (15444-1 G.2), reduced."""
    shift = 0 if part.signed else 1 << part.bits - 1
    red, green, blue = (plane - shift for plane in planes)
    luma, blueness, redness = (
        reduced(grid, part, plane, halvings)
        for plane in ((red + 2 * green + blue) // 4, blue - green, red - green)
    )
    green = luma - (blueness + redness) // 4
    return [plane + shift for plane in (redness + green, green, blueness + green)]


# -- packed packet headers -------------------------------------------------------------------------


def pack_headers(stream: bytes, *, main: bool, restart: bool = False) -> bytes:
    """Move the packet headers to the main header (PPM) or those of the tile-parts (PPT, 15444-1 A.7.4 and A.7.5).

    Args:
        stream: with SOP and EPH markers, and without others in tile-parts.
        main: whether they go to the main header.
        restart: PPT segments are counted from 0 in each tile-part, not through the tile.
    """
    first = stream.index(b"\xff\x90\0\x0a")
    packed, parts = b"", b""
    used: dict[int, int] = {}
    for tile, part, total, data in _tile_parts(stream, first):
        headers, bodies = _split(data)
        packed += struct.pack(">I", len(headers)) + headers
        number = 0 if restart else used.get(tile, 0)
        segments = b"" if main else b"".join(_segments(0xFF61, headers, number))
        used[tile] = number + -(-len(headers) // SEGMENT)
        length = 14 + len(segments) + len(bodies)
        parts += (
            struct.pack(">HHHIBB", 0xFF90, 10, tile, length, part, total) + segments + b"\xff\x93" + bodies
        )
    return stream[:first] + (b"".join(_segments(0xFF60, packed, 0)) if main else b"") + parts + b"\xff\xd9"


SEGMENT = 1000
"""Bytes of headers in one marker segment: few, so that there are several."""


def _segments(marker: int, data: bytes, first: int) -> Iterator[bytes]:
    for number, start in enumerate(range(0, len(data), SEGMENT), first):
        part = data[start : start + SEGMENT]
        yield struct.pack(">HHB", marker, 3 + len(part), number) + part


def _tile_parts(stream: bytes, position: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Tile, TPsot, TNsot and packets."""
    while stream[position : position + 2] == b"\xff\x90":
        tile, length, part, total = struct.unpack_from(">HIBB", stream, position + 4)
        assert stream[position + 12 : position + 14] == b"\xff\x93"
        yield tile, part, total, stream[position + 14 : position + length]
        position += length


def _split(packets: bytes) -> tuple[bytes, bytes]:
    """Packet headers with EPH, and the rest with SOP."""
    headers, bodies = b"", b""
    for packet in packets.split(SOP)[1:]:
        header, body = packet[2:].split(EPH, 1)
        headers += header + EPH
        bodies += SOP + packet[:2] + body
    return headers, bodies


def with_tile_of(stream: bytes, other: bytes, tile: int, padding: int = 0) -> bytes:
    """Replace the data of one tile by those of another stream, whose coding style it takes along in its own header.

    Args:
        stream: of one part for each tile.
        other: of the same image.
        tile: its number.
        padding: bytes of comments that are put in front.
    """
    first, other_first = (data.index(b"\xff\x90\0\x0a") for data in (stream, other))
    styles = [_segment(other, marker) for marker in (b"\xff\x52", b"\xff\x5c")]
    comments = (
        b"\xff\x64" + struct.pack(">HH", 4 + min(size, 9000), 0) + bytes(min(size, 9000))
        for size in range(padding, 0, -9000)
    )
    replacement = next(data for number, _, _, data in _tile_parts(other, other_first) if number == tile)
    result = stream[:first]
    for number, part, total, data in _tile_parts(stream, first):
        head, body = (b"".join([*comments, *styles]), replacement) if number == tile else (b"", data)
        length = 14 + len(head) + len(body)
        result += struct.pack(">HHHIBB", 0xFF90, 10, number, length, part, total) + head + b"\xff\x93" + body
    return result + b"\xff\xd9"


def without_first_tiles(stream: bytes) -> bytes:
    """Leave out the first column and the first row of tiles, so that the image begins where they end."""
    right, bottom, _, _, width, height, *_ = struct.unpack_from(">8I", stream, 8)
    columns, first = -(-right // width), stream.index(b"\xff\x90\0\x0a")
    area = struct.pack(">8I", right, bottom, width, height, width, height, width, height)
    result, index = stream[:8] + area + stream[40:first], 0
    for number, part, total, data in _tile_parts(stream, first):
        if number >= columns and number % columns:
            result += (
                struct.pack(">HHHIBB", 0xFF90, 10, index, 14 + len(data), part, total) + b"\xff\x93" + data
            )
            index += part + 1 == total
    return result + b"\xff\xd9"


def _segment(stream: bytes, marker: bytes) -> bytes:
    start = stream.index(marker)
    return stream[start : start + 2 + int.from_bytes(stream[start + 2 : start + 4], "big")]
