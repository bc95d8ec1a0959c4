"""Samples of PBM, PGM, PPM and PAM: binary, bits, or numbers as text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.sources import OpenFile
from iipserve.sources.netpbm.header import PLAIN, Header
from iipserve.sources.rows import STRIP_BYTES, raster_rows

WHITE_SPACE = b" \t\n\v\f\r"
COMMENT = re.compile(rb"#[^\r\n]*")
NUMBERS = re.compile(rb"[\d\s]*")
MAX_DIGITS = 10


def strips_of(file: OpenFile, header: Header) -> Iterator[bytes | memoryview]:
    """The samples of an image in whole rows, of the header's type.

    Raises:
        DecodeError: the file ends too early, or a sample written as text is no number or higher than the highest.
    """
    stored = _plain_rows(file, header) if header.kind in PLAIN else _binary_rows(file, header)
    for samples in stored:
        yield np.ascontiguousarray(_scaled(np.minimum(samples, header.maximum), header)).data.cast("B")


def _scaled(samples: NDArray[Any], header: Header) -> NDArray[Any]:
    if header.kind in (1, 4):  # 1 is black
        samples = 1 - samples
    if not header.is_scaled or header.maximum == header.full_scale:
        return samples.astype(header.dtype, copy=False)
    scaled = (samples.astype(np.uint32) * header.full_scale + header.maximum // 2) // header.maximum
    return scaled.astype(header.dtype)


def _binary_rows(file: OpenFile, header: Header) -> Iterator[NDArray[Any]]:
    width = header.size.width * header.bands
    if header.kind == 4:
        for data in raster_rows(file, header.raster, -(-width // 8), header.size.height):
            packed = np.frombuffer(data, np.uint8).reshape(-1, -(-width // 8))
            yield np.unpackbits(packed, axis=1, count=width)
        return
    dtype = np.dtype(">u2" if header.maximum > 255 else "u1")
    for data in raster_rows(file, header.raster, width * dtype.itemsize, header.size.height):
        yield np.frombuffer(data, dtype)


def _plain_rows(file: OpenFile, header: Header) -> Iterator[NDArray[Any]]:
    """Samples written as text, in whole rows."""
    width = header.size.width * header.bands
    missing, rest = width * header.size.height, np.empty(0, np.uint32)
    for text in _texts(file, header.raster):
        numbers = _digits(text) if header.kind == 1 else _numbers(text)
        samples = np.concatenate([rest, numbers])[:missing]
        if samples.size and int(samples.max()) > header.maximum:
            raise DecodeError(f"a sample is {samples.max()}; the highest is said to be {header.maximum}")
        whole = len(samples) // width * width
        rest = samples[whole:]
        if whole:
            yield samples[:whole]
        missing -= whole
        if not missing:
            return
    raise DecodeError("the file ends too early")


def _texts(file: OpenFile, offset: int) -> Iterator[bytes]:
    """The text of the samples without comments, in pieces that end between numbers."""
    rest = b""
    while data := os.pread(file.descriptor, STRIP_BYTES, offset):
        offset += len(data)
        text = rest + data
        end = len(text) if len(data) < STRIP_BYTES else _last_end(text)
        rest = text[end:]
        if len(rest) > STRIP_BYTES:
            raise DecodeError("a comment between the samples is too long")
        yield COMMENT.sub(b"", text[:end])


def _last_end(text: bytes) -> int:
    """Offset after the last line end, or the last white space if there is no comment."""
    line_end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    if b"#" in text[line_end:]:
        return line_end
    return max(text.rfind(bytes([byte])) for byte in WHITE_SPACE) + 1


def _digits(text: bytes) -> NDArray[np.uint32]:
    """Bits, which need no space between them."""
    digits = np.frombuffer(text.translate(None, WHITE_SPACE), np.uint8)
    bits = digits - np.uint8(ord("0"))
    if bits.size and np.max(bits) > 1:
        raise DecodeError("the samples of a plain PBM are 0 and 1, but there are other characters")
    return bits.astype(np.uint32)


def _numbers(text: bytes) -> NDArray[np.uint32]:
    tokens = text.split()
    if not NUMBERS.fullmatch(text) or any(len(token) > MAX_DIGITS for token in tokens):
        raise DecodeError("the samples are not all numbers")
    return np.minimum(np.array(list(map(int, tokens)), np.int64), 1 << 31).astype(np.uint32)
