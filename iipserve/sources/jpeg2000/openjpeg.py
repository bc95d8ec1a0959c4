"""OpenJPEG through glymur's ctypes calls: bytes of a codestream in, planes of samples out.

glymur's own message handlers are not used, because all threads share their queue.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.sources.jpeg2000.openjpeg_library import LIBRARY, lib

STREAM_BUFFER = 65536
"""Bytes; the default of 1 MB is read at the start of every decoding, which costs more than it saves."""
MAX_MESSAGES = 8

_Read = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_Skip = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_Seek = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p)
_Message = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)
_END_OF_STREAM = ctypes.c_size_t(-1).value


class Readable(Protocol):
    """Bytes at positions."""

    @property
    def length(self) -> int:
        """Number of bytes."""

    def read_into(self, buffer: memoryview, position: int) -> int:
        """Fill `buffer` from `position` on; the number of bytes read, 0 at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The samples of one component."""

    samples: NDArray[np.int32]
    """Shape (height, width), within the range of `bits`; a view, valid inside `decoded`."""
    bits: int
    signed: bool


def library_version() -> str:
    """The version of libopenjp2 in use."""
    return lib.version()


@contextmanager
def decoded(
    codestream: Readable, *, reduce: int, layers: int, area: tuple[int, int, int, int], threads: int
) -> Iterator[list[Plane]]:
    """The planes of one area of a codestream, valid inside the `with`.

    Args:
        codestream: a whole codestream, from SOC on.
        reduce: number of times the resolution is halved.
        layers: number of quality layers to decode; 0 for all.
        area: (left, top, right, bottom) on the full-size reference grid. Without it, OpenJPEG rounds the size of
            reduced components in a wrong way where they begin at odd positions.
        threads: number of threads besides the calling one.

    Raises:
        DecodeError: OpenJPEG cannot decode the area completely.
    """
    _messages.lines.clear()
    with ExitStack() as stack:
        feed = _Feed(codestream)
        stack.callback(lib.stream_destroy, feed.stream)
        codec = lib.create_decompress(lib.CODEC_J2K)
        stack.callback(lib.destroy_codec, codec)
        with _explained(feed):
            _set_up(codec, reduce, layers, threads)
            image = lib.read_header(feed.stream, codec)
            stack.callback(lib.image_destroy, image)
            lib.set_decode_area(codec, image, *area)
            lib.decode(codec, feed.stream, image)
        yield _planes(image.contents)


@contextmanager
def _explained(feed: _Feed) -> Iterator[None]:
    """Errors of OpenJPEG as a `DecodeError`; that of reading the codestream comes first."""
    try:
        yield
    except lib.OpenJPEGLibraryError as error:
        if feed.failure is not None:
            raise feed.failure from error
        reason = "; ".join(_messages.lines) or "the data cannot be decoded"
        raise DecodeError(f"OpenJPEG: {reason}") from error


def _set_up(codec: int, reduce: int, layers: int, threads: int) -> None:
    lib.set_error_handler(codec, _collector)
    parameters = lib.set_default_decoder_parameters()
    parameters.cp_reduce, parameters.cp_layer = reduce, layers
    lib.setup_decoder(codec, parameters)
    if threads and lib.has_thread_support():
        lib.codec_set_threads(codec, threads)


def _planes(image: Any) -> list[Plane]:
    return [_plane(image.comps[index]) for index in range(image.numcomps)]


def _plane(component: Any) -> Plane:
    if not component.data:
        raise DecodeError("OpenJPEG: a component holds no samples")
    samples = np.ctypeslib.as_array(component.data, (component.h, component.w))
    return Plane(samples, component.prec, bool(component.sgnd))


# -- messages --------------------------------------------------------------------------------------


class _Messages(threading.local):
    """OpenJPEG's messages during the decoding that this thread runs."""

    def __init__(self) -> None:
        self.lines: list[str] = []


_messages = _Messages()


def _collect(message: bytes, _: int) -> None:
    if len(_messages.lines) < MAX_MESSAGES:
        _messages.lines.append(message.decode("utf-8", "replace").strip())


_collector = _Message(_collect)


# -- streams ---------------------------------------------------------------------------------------


class _Feed:
    """An OpenJPEG stream that reads from a `Readable`; keeps the callbacks alive."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._position = 0
        self.failure: OSError | None = None
        """Why the source could not be read."""
        self._callbacks = _Read(self._read), _Skip(self._skip), _Seek(self._seek)
        self.stream = LIBRARY.opj_stream_create(STREAM_BUFFER, 1)
        LIBRARY.opj_stream_set_read_function(self.stream, self._callbacks[0])
        LIBRARY.opj_stream_set_skip_function(self.stream, self._callbacks[1])
        LIBRARY.opj_stream_set_seek_function(self.stream, self._callbacks[2])
        LIBRARY.opj_stream_set_user_data_length(self.stream, source.length)

    def _read(self, address: int, count: int, _: int) -> int:
        buffer = memoryview((ctypes.c_char * count).from_address(address)).cast("B")
        try:
            done = self._source.read_into(buffer, self._position)
        except OSError as error:  # must not pass through C; OpenJPEG reports an early end as an error
            self.failure = error
            return _END_OF_STREAM
        self._position += done
        return done or _END_OF_STREAM

    def _skip(self, count: int, _: int) -> int:
        step = min(count, self._source.length - self._position)
        self._position += step
        return step if step else -1

    def _seek(self, position: int, _: int) -> int:
        if not 0 <= position <= self._source.length:
            return 0
        self._position = position
        return 1


# -- the library -----------------------------------------------------------------------------------


def _declare_streams(library: ctypes.CDLL) -> None:
    """Declare the functions that glymur does not wrap."""
    library.opj_stream_create.restype = ctypes.c_void_p
    library.opj_stream_create.argtypes = [ctypes.c_size_t, ctypes.c_int32]
    for name, callback in (("read", _Read), ("skip", _Skip), ("seek", _Seek)):
        function = getattr(library, f"opj_stream_set_{name}_function")
        function.restype, function.argtypes = None, [ctypes.c_void_p, callback]
    library.opj_stream_set_user_data_length.restype = None
    library.opj_stream_set_user_data_length.argtypes = [ctypes.c_void_p, ctypes.c_uint64]


_declare_streams(LIBRARY)


def usable_threads(maximum: int) -> int:
    """Number of threads worth starting for one large block: of the cores this process may use, up to `maximum`."""
    cores = len(os.sched_getaffinity(0))
    return 0 if cores == 1 else min(maximum, cores)
