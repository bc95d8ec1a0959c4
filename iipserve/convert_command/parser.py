"""Arguments of `iipserve convert`."""

from __future__ import annotations

import argparse
import os

from iipserve.convert_command.values import COMPRESSIONS, JPEG2000_ENDINGS, TIFF_ENDINGS, Options
from iipserve.errors import InvalidRequest

DESCRIPTION = """\
Makes an image file that is fast to show: a TIFF pyramid of tiles by libvips, or JPEG 2000 where the name ends in .jp2.
Pages, color profile, XMP, Exif, texts, physical size and the place on the ground are kept. The result is read again and
compared with its source before it gets its name. Of a folder, all images are converted, by all cores; those that are done
and unchanged are left alone, so that an interrupted command goes on where it was."""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog="iipserve convert", description=DESCRIPTION, allow_abbrev=False)
    made.add_argument("source", metavar="IN", help="a file, or a folder")
    made.add_argument(
        "target", metavar="OUT", help="a file that ends in .tif, .tiff or .jp2; of a folder, another folder"
    )
    made.add_argument(
        "--compression", choices=COMPRESSIONS, default="auto",
        help="of tiles of TIFF: by default JPEG for what is JPEG, WebP or HEIF already, else deflate, which loses nothing",
    )  # fmt: skip
    made.add_argument(
        "--quality", type=_number(1, 100), default=85, metavar="N",
        help="of JPEG, WebP and JPEG 2000 (85); JPEG 2000 of 100 loses nothing",
    )  # fmt: skip
    made.add_argument(
        "--tile",
        type=int,
        choices=(128, 256, 512, 1024),
        default=256,
        help="side of tiles of TIFF in pixels (256)",
    )
    made.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    made.add_argument(
        "--ending",
        choices=(*TIFF_ENDINGS, *JPEG2000_ENDINGS),
        default=".tif",
        help="of the results of a folder (.tif)",
    )
    made.add_argument(
        "--jobs",
        type=_number(1, 999),
        default=0,
        metavar="N",
        help="images of a folder converted at once (one per core)",
    )
    made.add_argument(
        "--scheduler", default="", metavar="ADDRESS",
        help="convert the images of a folder on the Dask cluster of this scheduler, tcp://HOST:8786, whose machines have all "
        "files at the same paths (extra `cluster`)",
    )  # fmt: skip
    return made


def options_of(arguments: argparse.Namespace) -> Options:
    """How images are converted."""
    return Options(arguments.compression, arguments.quality, arguments.tile)


def ending_of(path: str) -> str:
    """The ending of a file that can be written.

    Raises:
        InvalidRequest: it is another one.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in (*TIFF_ENDINGS, *JPEG2000_ENDINGS):
        raise InvalidRequest(f"OUT ends in {ending!r}; .tif, .tiff and .jp2 are written")
    return ending


class _number:  # noqa: N801 (a type of arguments)
    """A whole number in a range."""

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        self._high = high

    def __call__(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or not self._low <= int(text) <= self._high:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {self._low} to {self._high}"
            )
        return int(text)
