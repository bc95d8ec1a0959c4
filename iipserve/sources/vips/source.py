"""Files opened by libvips: JPEG, PNG, WebP, HEIF, AVIF, GIF, JPEG XL, and TIFF that no other source reads.

There is one level, of full size; smaller sizes are made from it. Formats that can only be decoded from top to bottom
are decoded once, when pixels are first asked for.
"""

from __future__ import annotations

import os
import re
import weakref
from contextlib import suppress
from typing import Any

from iipserve import libvips
from iipserve.containers import png
from iipserve.containers.ifd import Reader, read_chain
from iipserve.containers.tags import COMPRESSION, PHOTOMETRIC, SELF_CODED, Compression, Photometric
from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, Level, LevelStorage, StackLayer
from iipserve.libvips import pyvips
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, closed_on_error
from iipserve.sources.oriented import reoriented
from iipserve.sources.spooled import (
    TILE,
    RandomAccessImage,
    SpooledSource,
    StoredImage,
    check_size,
    orientation_of,
    spool_image,
)
from iipserve.sources.tiff_pixel_format import read_bands, read_type
from iipserve.sources.vips.corrections import correction_of, name_of, read_of
from iipserve.sources.vips.file_reader import FileReader
from iipserve.sources.vips.memory import unpacking_memory
from iipserve.sources.vips.metadata import read_metadata, read_orientation
from iipserve.sources.vips.samples import Samples, integer, read_samples

MAX_LAYERS = 10_000
MAX_TEXTS = 1 << 24
"""Bytes of the compressed texts of a PNG file, all of which libvips unpacks when it opens one."""
PARTIAL = 1
"""VIPS_FOREIGN_PARTIAL: the loader decodes any region by itself."""
DIRECT_LOADERS = frozenset({"tiffload"})
"""Loaders for which PARTIAL is true; JPEG XL's sets it too, but decodes everything."""

SIGNATURES = (
    (rb"\xff\xd8\xff", "jpegload"),
    (rb"\x89PNG\r\n\x1a\n", "pngload"),
    (rb"RIFF....WEBP", "webpload"),
    (rb"GIF8[79]a", "gifload"),
    (rb"II[*+]\0|MM\0[*+]", "tiffload"),
    (rb"....ftyp(?:....)*(?:avi[fs]|mif1|msf1|hei[cxms]|hev[cxms])", "heifload"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "jxlload"),
)
"""First bytes of a file, and the loader, which is called by name so that no other is tried."""
OPTIONS: dict[str, dict[str, str]] = {
    # at lower levels than "warning" libvips 8.18 gives black tiles for data it cannot decode
    "tiffload": {"fail_on": "warning"},
}
STRICT = {"fail_on": "error"}
"""Options of other loaders: truncated files fail where they end; harmless oddities of JPEGs do not."""


def loader_of(head: bytes) -> str | None:
    """The libvips operation that reads files beginning with these bytes, or None."""
    return next((loader for pattern, loader in SIGNATURES if re.match(pattern, head, re.DOTALL)), None)


class VipsSource(SpooledSource):
    """One opened file. Safe for many threads."""

    def __init__(self, file: OpenFile) -> None:
        """Take the file's descriptor over.

        Raises:
            UnsupportedImage: libvips cannot read the file, or the image is of a kind that is not supported.
            ImageNotFound: the file has no such layer.
            OSError: the file cannot be read at present.
        """
        self._loader = loader_of(file.head) or ""
        self._file = FileReader(file.descriptor)
        self._page: dict[str, int] = {}
        with closed_on_error(file):
            try:
                self._open(file)
            except pyvips.Error as error:
                self._file.check()
                name = name_of(self._loader, file)
                raise UnsupportedImage(f"{name} cannot be read: {libvips.reason(error)}") from error
        weakref.finalize(self, os.close, file.descriptor)

    def _open(self, file: OpenFile) -> None:
        _check_loader(self._loader)
        self._file.check_size(self._loader)
        if self._loader == "pngload" and png.unpacks_to_more(read_of(file), MAX_TEXTS):
            raise UnsupportedImage(f"the PNG file has more than {MAX_TEXTS} bytes of compressed texts")
        image, flags = self._load(access="random", flags=True)
        layers = _count_layers(image, self._loader)
        if file.layer:
            self._page = {"page": _page_of(image, file.layer, layers)}
            image, flags = self._load(access="random", flags=True)
        self._correction = correction_of(
            self._loader, file, image, self._page.get("page"), lambda: self._load(access="sequential")
        )
        if self._correction.adds_opacity:
            image = image.bandjoin(libvips.OPAQUE[image.format])
        has_alpha = _tiff_alpha(file) if self._loader == "tiffload" else None
        self._samples = read_samples(image, file.head, has_alpha=has_alpha)
        check_size(Size(image.width, image.height), self._samples.bands, self._samples.dtype)
        # images of HEIF and JPEG XL are upright already, and have none or 1
        orientation = orientation_of(read_orientation(image))
        super().__init__(orientation, unpacking_memory(self._loader, image, file.head, read_of(file)))
        if self._loader in DIRECT_LOADERS and flags["flags"] & PARTIAL:
            self._images[1] = RandomAccessImage(self._samples.of(image), self._samples.has_alpha)
        self.info = reoriented(_image_info(file, image, self._samples, layers), orientation)

    def _load(self, **options: Any) -> Any:
        options = OPTIONS.get(self._loader, STRICT) | self._page | options
        return self._file.load(self._loader, **options)

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """As `SpooledSource.read_region`.

        Raises:
            OSError: the file cannot be read at present.
        """
        try:
            return super().read_region(level, region, size)
        except DecodeError:
            self._file.check()
            raise

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`."""
        return super().storage(level)._replace(compression=self._loader.removesuffix("load"))

    def _decode(self, shrink: int) -> StoredImage:
        if shrink > 1 and self._loader != "jpegload":
            return self._reduced(shrink)
        # JPEG shrinks with a third of the work, to exact means of blocks
        options = {"shrink": shrink} if shrink > 1 else {}
        image = self._samples.of(self._correction.apply(self._load(access="sequential", **options)))
        spooled = spool_image(image, has_alpha=self._samples.has_alpha)
        self._file.check()
        return spooled


# -- opening ---------------------------------------------------------------------------------------


def _check_loader(loader: str) -> None:
    if not libvips.knows(loader):
        kind = loader.removesuffix("load").upper() or "these"
        raise UnsupportedImage(f"the installed libvips {libvips.library_version()} cannot read {kind} files")


def _tiff_alpha(file: OpenFile) -> bool | None:
    """Whether the last band of a TIFF image is opacity; libvips assumes it of any band beyond the colors.

    Raises:
        UnsupportedImage: libvips would read YCbCr as RGB.
    """
    with suppress(DecodeError):
        first = next(read_chain(Reader.of(file.read_at, file.head, file.version.length)))
        is_ycc = first.integer(PHOTOMETRIC, -1) == Photometric.YCBCR
        if is_ycc and first.integer(COMPRESSION, Compression.NONE) not in SELF_CODED:
            raise UnsupportedImage("TIFF of YCbCr colors in tiles or strips that are too large")
        with suppress(UnsupportedImage):
            bands = read_bands(first, read_type(first))
            return bands.has_alpha and bands.alpha_index == bands.stored - 1
    return None


def _count_layers(image: pyvips.Image, loader: str) -> int:
    """Number of images in the file: frames of an animation, images of HEIF.

    The pages of a TIFF file may be smaller copies and masks, which libvips does not distinguish: 1.
    """
    return 1 if loader == "tiffload" else min(integer(image, "n-pages", 1), MAX_LAYERS)


def _page_of(image: pyvips.Image, layer: int, layers: int) -> int:
    """libvips' page of a layer; HEIF's primary image is layer 0.

    Raises:
        ImageNotFound: there is no such layer.
    """
    if not 0 <= layer < layers:
        raise ImageNotFound(f"there is no image {layer}; the file has 0 to {layers - 1}")
    primary = integer(image, "heif-primary", 0)
    return layer - 1 if layer <= primary else layer


def _image_info(file: OpenFile, image: pyvips.Image, samples: Samples, layers: int) -> ImageInfo:
    """The `ImageInfo` of the image as it is stored."""
    metadata = read_metadata(image, file.descriptor)
    return ImageInfo(
        identifier=file.identifier,
        format="vips",
        version=file.version,
        levels=(Level(Size(image.width, image.height), TILE),),
        tile=TILE,
        bands=samples.bands,
        dtype=samples.dtype,
        bits=samples.bits,
        color_space=samples.color_space,
        has_alpha=samples.has_alpha,
        band_ranges=samples.ranges,
        icc=metadata.icc,
        xmp=metadata.xmp,
        exif=metadata.exif,
        resolution=metadata.resolution,
        text=metadata.text,
        stack=tuple(StackLayer(f"layer{index}") for index in range(layers)) if layers > 1 else (),
    )
