"""What the server must do with any file of an image: a suite that the tests of each source package inherit."""

from __future__ import annotations

import io
import json
import shutil
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pypdfium2
import pytest
import tifffile
from PIL import Image
from pillow_jxl import JpegXLImagePlugin  # noqa: F401  # makes Pillow read JPEG XL

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.errors import IIPServeError
from iipserve.geometry import Size, ceil_div
from iipserve.http import Request
from iipserve.image import ImageInfo, Selector
from iipserve.plan import ImageRef
from iipserve.processing import Pixels
from iipserve.registry import discover
from iipserve.sources import Source
from tests.contracts.source import tiles_of

FORMATS = discover("iipserve.sources", "FORMAT")
EXTRA_FORMATS = tuple(name for name, format in FORMATS.items() if format.optional)
CUTS = (0.15, 0.4, 0.6, 0.8, 0.95)
"""Parts of a file's length after which it is cut off."""
TIFF = (b"II", b"MM")
"""The first bytes of a TIFF file: its byte order."""
OFFSETS = ("StripOffsets", "TileOffsets", "JPEGInterchangeFormat")


class Answer(NamedTuple):
    """What a request is answered with."""

    status: int
    body: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image that the body holds."""
        if self.body.startswith(b"%PDF"):
            (image,) = pypdfium2.PdfDocument(self.body)[0].get_objects()
            assert isinstance(image, pypdfium2.PdfImage)
            return image.get_px_size()
        with Image.open(io.BytesIO(self.body)) as image:
            return image.size


def get(application: Application, address: str) -> Answer:
    """The answer to a GET request."""
    response = application.handle(Request.from_environ({"REQUEST_URI": address, "HTTP_HOST": "images"}))
    return Answer(
        response.status, response.body if isinstance(response.body, bytes) else b"".join(response.body)
    )


class Served(NamedTuple):
    """An image, and a server that shows it."""

    application: Application
    identifier: str
    """As in an address."""

    def get(self, request: str) -> Answer:
        """Answer an IIIF request, with or without an image of a stack: `/info.json`, `;2/info.json`."""
        return get(self.application, f"/iiif/3/{self.identifier}{request}")

    def layers(self) -> int:
        """How many images of the file the server lists."""
        listed = get(self.application, f"/iip?FIF={self.identifier}&OBJ=stack")
        return len(json.loads(listed.body)) if listed.status == 200 else 1

    def check_listed(self) -> None:
        """Check that exactly the images that are listed can be opened."""
        count = self.layers()
        for layer in range(count):
            answer = self.get(f";{layer}/0,0,1,1/max/0/default.png")
            assert answer.status == 200, (layer, answer)
        for layer in (count, count + 1, 100_000):
            assert self.get(f";{layer}/info.json").status == 404, layer
            assert self.get(f";{layer}/0,0,1,1/max/0/default.png").status == 404, layer

    def check_promised(self) -> None:
        """Check that whatever info.json promises is answered, in exactly the size that it promises."""
        described = self.get("/info.json")
        assert described.status == 200, described
        for request, size in promised(json.loads(described.body)):
            answer = self.get(request)
            assert answer.status == 200, (request, answer)
            assert answer.size == size, request


def settings(folder: Path, **others: Any) -> Config:
    """For the images below a folder, every one of a stack included, in every format that can be switched on."""
    extra = {"extra_formats": EXTRA_FORMATS} | others
    return Config(filesystem_prefix=f"{folder}/", iiif_delimiter=";", max_layers=-1, **extra)


# -- what is read from a file --------------------------------------------------------------------------


class Reading(NamedTuple):
    """Everything that is read from a file, and what determines how it is shown."""

    kind: tuple[Any, ...]
    levels: dict[Size, list[Pixels | None]]
    """Tiles of each level, None for those that cannot be read."""
    stored: dict[tuple[Size, int], bytes]
    """Tiles that are sent as they are stored, by level and number."""


def kind_of(info: ImageInfo) -> tuple[Any, ...]:
    """What determines how samples are shown."""
    return info.size, info.dtype, info.bits, info.bands, info.color_space, info.has_alpha, info.band_ranges


def read_all(source: Source, tiles: int | None = None) -> Reading:
    """Read every tile of every level, or so many of them, full size first."""
    levels: dict[Size, list[Pixels | None]] = {level.size: [] for level in source.info.levels}
    stored = {}
    for number, column, row in tiles_of(source)[:tiles]:
        read = levels[source.info.levels[number].size]
        with suppress(IIPServeError):
            data = source.stored_tile(number, column, row, "jpeg", profile=False)
            if data is not None:
                stored[source.info.levels[number].size, len(read)] = data
        try:
            read.append(source.read_tile(number, column, row))
        except IIPServeError:
            read.append(None)
    return Reading(kind_of(source.info), levels, stored)


def library_of(path: Path) -> Library:
    """What the server opens a file with."""
    return Library(settings(path.parent), FORMATS)


def read_layer(library: Library, path: Path, layer: int, tiles: int | None = None) -> Reading | None:
    """Read one image of a file as the server opens it; None if it is refused."""
    try:
        info = library.info(path.name, Selector(layer))
        return read_all(library.source(ImageRef(path.name, info.version, selector=Selector(layer))), tiles)
    except IIPServeError:
        return None


def first_of(path: Path, tiles: int) -> Reading | None:
    """Read some tiles of the image that is shown by default; None if it is refused."""
    return read_layer(library_of(path), path, 0, tiles)


def layers_of(path: Path) -> list[Reading | None]:
    """Read each image of a file."""
    library = library_of(path)
    try:
        count = max(1, len(library.info(path.name).stack))
    except IIPServeError:
        return [None]
    return [read_layer(library, path, layer) for layer in range(count)]


def check_same(damaged: Reading, whole: Reading) -> None:
    """Check that whatever is read from a damaged file equals what the whole one shows there."""
    assert damaged.kind == whole.kind
    assert damaged.levels.keys() <= whole.levels.keys()
    for size, tiles in damaged.levels.items():
        for number, (tile, full) in enumerate(zip(tiles, whole.levels[size], strict=False)):
            if tile is not None:
                assert full is not None
                assert tile.shape == full.shape
                assert np.array_equal(tile, full, equal_nan=tile.dtype.kind == "f"), (size, number)
    assert damaged.stored.items() <= whole.stored.items()


class Place(NamedTuple):
    """Where a TIFF file holds an offset."""

    position: int
    kind: str
    """As in `struct`."""

    def write(self, path: Path, value: int) -> None:
        """Replace the offset by another, or by the largest one that fits."""
        with path.open("r+b") as file:
            file.seek(self.position)
            file.write(struct.pack(self.kind, min(value, 256 ** struct.calcsize(self.kind) - 1)))


def offsets_of_pixels(path: Path) -> Iterator[Place]:
    """The last offset of pixels in each directory of a TIFF file."""
    with tifffile.TiffFile(path) as file:
        for page in file.pages:
            for tag in filter(None, map(page.tags.get, OFFSETS)):
                length = tag.valuebytecount // tag.count
                kind = {2: "H", 4: "I", 8: "Q"}[length]
                yield Place(tag.valueoffset + (tag.count - 1) * length, file.byteorder + kind)


def offsets_of_fields(path: Path) -> Iterator[Place]:
    """Where the first directory of a TIFF file says that a field's values are."""
    with tifffile.TiffFile(path) as file:
        for tag in file.pages.first.tags:
            if tag.valuebytecount > file.tiff.offsetsize:
                position = tag.offset + file.tiff.tagsize - file.tiff.offsetsize
                yield Place(position, file.byteorder + {4: "I", 8: "Q"}[file.tiff.offsetsize])


# -- the contract --------------------------------------------------------------------------------------


class FileContract:
    """Inherit and give `path`, of a file that the server reads."""

    @pytest.fixture
    def path(self) -> Path:
        """The file, in a folder of its own."""
        raise TypeError("a contract needs a file")

    @pytest.fixture
    def served(self, path: Path) -> Iterator[Served]:
        application = build(settings(path.parent))
        yield Served(application, path.name)
        application.clear()

    def test_what_is_listed_can_be_opened(self, served: Served) -> None:
        served.check_listed()

    def test_information_promises_nothing_that_fails(self, served: Served) -> None:
        served.check_promised()

    def test_shows_nothing_unread(self, path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        check_cuts(path, tmp_path_factory.mktemp("cut"))

    def test_offsets_of_pixels_that_lead_nowhere(
        self, path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        if path.read_bytes()[:2] not in TIFF:
            return
        whole = layers_of(path)
        damaged = tmp_path_factory.mktemp("offsets") / path.name
        for value in (0, path.stat().st_size + 1000):
            shutil.copy(path, damaged)
            for place in offsets_of_pixels(path):
                place.write(damaged, value)
            check_layers(damaged, whole)
            assert any(lacks_a_tile(reading) for reading in layers_of(damaged))

    def test_fields_that_lie_nowhere(self, path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        if path.read_bytes()[:2] not in TIFF:
            return
        whole = first_of(path, tiles=1)
        damaged = tmp_path_factory.mktemp("fields") / path.name
        for place in offsets_of_fields(path):
            shutil.copy(path, damaged)
            place.write(damaged, path.stat().st_size + 1000)
            reading = first_of(damaged, tiles=1)
            if reading is not None:
                assert whole is not None
                check_same(reading, whole)


def lacks_a_tile(reading: Reading | None) -> bool:
    """Whether a file or one of its tiles is refused."""
    return reading is None or any(tile is None for tiles in reading.levels.values() for tile in tiles)


def check_layers(damaged: Path, whole: list[Reading | None]) -> None:
    """Check each image of a damaged file; it may have fewer than the whole one."""
    layers = layers_of(damaged)
    assert len(layers) <= len(whole)
    for reading, full in zip(layers, whole, strict=False):
        if reading is not None:
            assert full is not None
            check_same(reading, full)


def check_cuts(path: Path, folder: Path) -> None:
    """Check that a file that is cut off is refused, or shows what the whole one shows.

    Args:
        path: of the file.
        folder: another one, for its parts.
    """
    whole = layers_of(path)
    data = path.read_bytes()
    for length in (*(int(len(data) * part) for part in CUTS), len(data) - 1):
        (folder / path.name).write_bytes(data[:length])
        check_layers(folder / path.name, whole)


def promised(document: dict[str, Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Requests that an info.json of Image API 3.0 promises an answer to, with the size of the answer."""
    width, height = document["width"], document["height"]
    for size in document["sizes"]:
        asked = size["width"], size["height"]
        yield f"/full/{asked[0]},{asked[1]}/0/default.png", asked
    for tiles in document["tiles"]:
        for factor in tiles["scaleFactors"]:
            yield tile_request(width, height, (tiles["width"], tiles.get("height", tiles["width"])), factor)
    small = max(1, width // 10), max(1, height // 10)
    for format in ("jpg", "png", *document.get("extraFormats", ())):
        yield f"/full/{small[0]},{small[1]}/0/default.{format}", small
    for quality in document.get("extraQualities", ()):
        yield f"/full/{small[0]},{small[1]}/0/{quality}.png", small


def tile_request(width: int, height: int, tile: tuple[int, int], factor: int) -> tuple[str, tuple[int, int]]:
    """Request for the last tile at a scale factor, as Image API 3.0 section 5.4 has clients make it."""
    side = tile[0] * factor, tile[1] * factor
    x, y = (width - 1) // side[0] * side[0], (height - 1) // side[1] * side[1]
    region = min(side[0], width - x), min(side[1], height - y)
    size = ceil_div(region[0], factor), ceil_div(region[1], factor)
    return f"/{x},{y},{region[0]},{region[1]}/{size[0]},{size[1]}/0/default.jpg", size
