"""What this installation reads and writes, with the versions of the libraries."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from iipserve.codecs import NO_METADATA, Encoder
from iipserve.plan import Encoding
from iipserve.sources import SourceFormat, Support

DISTRIBUTIONS = (
    "numpy",
    "pyvips",
    "tifffile",
    "imagecodecs",
    "glymur",
    "pymemcache",
    "gunicorn",
    "flup6",
    "isal",
    "pillow",
)


def library_versions() -> list[str]:
    """A line with name and version of each library, or that it is missing."""
    lines = []
    for name in DISTRIBUTIONS:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} is not installed")
    lines += [
        _native("libvips", "iipserve.libvips", lambda libvips: libvips.library_version()),
        _native(
            "OpenJPEG", "iipserve.sources.jpeg2000.openjpeg", lambda openjpeg: openjpeg.library_version()
        ),
        _native("libturbojpeg", "iipserve.codecs.jpeg_transform", lambda crop: _presence(crop.turbojpeg())),
    ]
    return lines


def _presence(library: object | None) -> str:
    if library is None:
        return "is not installed: edge tiles of JPEG pyramids are reencoded (Debian package: libturbojpeg0)"
    return "is installed"


def _native(name: str, module: str, ask: Callable[[Any], str]) -> str:
    """A line with the version of the C library behind a module."""
    try:
        return f"{name} {ask(importlib.import_module(module))}"
    except Exception as error:
        # packages raise all kinds of errors if their library is missing
        return f"{name} cannot be used ({type(error).__name__})"


def read_lines(formats: Mapping[str, SourceFormat], extra: Collection[str]) -> list[str]:
    """A line for each kind of file: what reads it, or why it is not read.

    Args:
        formats: by name.
        extra: names of those that are switched on.
    """
    return sorted(
        _read_line(kind, each)
        for kind in formats.values()
        for each in _support_of(kind)
        if not kind.optional or kind.name in extra
    ) + sorted(
        f"not read: {kind.name.upper()} (EXTRA_FORMATS={kind.name} reads it)"
        for kind in formats.values()
        if kind.optional and kind.name not in extra
    )


def _support_of(kind: SourceFormat) -> Iterable[Support]:
    try:
        return list(kind.support()) if kind.support else [Support(kind.name.upper(), "")]
    except Exception as error:
        # packages raise all kinds of errors if their library is missing
        return [Support(kind.name.upper(), "", f"cannot be used: {type(error).__name__}")]


def _read_line(kind: SourceFormat, support: Support) -> str:
    if support.failure:
        return f"not read: {support.kind} ({support.failure})"
    return f"read: {support.kind}" + (f" ({support.library})" if support.library else "")


def written_lines(encoders: Mapping[str, Encoder]) -> list[str]:
    """A line for each output format, with what encodes it, or why it cannot."""
    return [
        _written_line(name, encoder) for name, encoder in sorted(encoders.items()) if encoder.format.extension
    ]


def _written_line(name: str, encoder: Encoder) -> str:
    library = f" ({encoder.library()})" if encoder.library else ""
    try:
        encoder.encode(
            np.zeros((8, 8, 3), np.uint8),
            Encoding(name, max(1, encoder.format.quality_range[0])),
            NO_METADATA,
        )
    except Exception as error:
        return f"not written: {name}{library} ({type(error).__name__}: {error})"
    return f"written: {name}{library}"
