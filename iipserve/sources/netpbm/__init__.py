"""PBM, PGM, PPM and PAM (netpbm), which libvips misreads in part, or cannot read, depending on its build."""

from __future__ import annotations

import re

from iipserve.sources import OpenFile, Source, SourceFormat, Support, closed_on_error
from iipserve.sources.netpbm.header import read_header
from iipserve.sources.netpbm.raster import strips_of
from iipserve.sources.rows import RowSource, check_single, plain_info

SIGNATURE = re.compile(rb"P[1-7][\s#]")


def _matches(head: bytes) -> bool:
    return SIGNATURE.match(head) is not None


def _open(file: OpenFile) -> Source:
    """The image of a file; of a file with several ones, the first.

    Raises:
        UnsupportedImage: the header is of no kind that netpbm defines.
        ImageNotFound: another image than the first is asked for.
    """
    with closed_on_error(file):
        check_single(file)
        header = read_header(file)
        info = plain_info(
            file,
            "netpbm",
            header.size,
            header.dtype,
            header.color_space,
            ((0.0, float(header.white)),) * header.bands,
            bands=header.bands,
            bits=header.bits,
            has_alpha=header.has_alpha,
        )
    return RowSource(file, info, lambda: strips_of(file, header))


FORMAT = SourceFormat(
    "netpbm", _matches, _open, support=lambda: [Support(kind, "") for kind in ("PBM", "PGM", "PPM", "PAM")]
)
