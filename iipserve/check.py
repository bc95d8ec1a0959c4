"""`--check`: reports settings, libraries, formats and protocols, and everything that keeps the server from working."""

from __future__ import annotations

import dataclasses
import importlib
import os
import platform
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TextIO

import numpy as np

from iipserve import __version__
from iipserve.codecs import NO_METADATA, Encoder
from iipserve.config import Config, Setting, from_environ, settings, spelling
from iipserve.engine.output_policy import OutputPolicy
from iipserve.errors import ConfigError
from iipserve.plan import Encoding
from iipserve.registry import discover
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
MEMCACHED_SECONDS = 1.0
"""Timeout for the answer of a memcached server."""


def check(environ: Mapping[str, str], overrides: Mapping[str, Any], out: TextIO, err: TextIO) -> int:
    """Write the report to `out` and one line per mistake to `err`. The exit code is 1 if there is a mistake, else 0.

    Args:
        environ: environment with the settings.
        overrides: values from the command line, by field of `Config`.
        out: stream for the report.
        err: stream for the mistakes.
    """
    out.write(f"iipserve {__version__}, Python {platform.python_version()}\n")
    mistakes: list[str] = []
    config = _settings(environ, overrides, out, mistakes)
    _section(out, "Libraries", library_versions())
    read = _discovered("iipserve.sources", "FORMAT", mistakes)
    written = _discovered("iipserve.codecs", "ENCODER", mistakes)
    protocols = _discovered("iipserve.protocols", "PROTOCOL", mistakes)
    extra = config.extra_formats if config else ()
    _section(out, "Formats", [*read_lines(read, extra), *written_lines(written)])
    _section(out, "Protocols", [_joined(protocols)])
    if config is not None:
        _section(out, "memcached", _memcached(config, mistakes))
        mistakes += unknown_protocols(config, protocols)
        mistakes += unknown_formats(config, read)
        mistakes += unusable_settings(config, protocols)
        mistakes += unusable_watermark(config)
        mistakes += unusable_paths(config)
    for mistake in mistakes:
        err.write(f"{mistake}\n")
    return 1 if mistakes else 0


def _settings(
    environ: Mapping[str, str], overrides: Mapping[str, Any], out: TextIO, mistakes: list[str]
) -> Config | None:
    """Report the value and origin of each setting; None if one of them is invalid."""
    try:
        config = dataclasses.replace(from_environ(environ), **overrides)
    except ConfigError as error:
        mistakes += str(error).splitlines()
        return None
    lines = [
        _setting_line(name, known, getattr(config, name), environ, overrides)
        for name, known in settings().items()
    ]
    _section(out, "Settings", lines)
    return config


def _setting_line(
    name: str, known: Setting, value: Any, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> str:
    variable = spelling(known, environ)
    if name in overrides:
        origin = f"--{name}"
    elif variable is None:
        origin = "default"
    else:
        origin = "environment" if variable == known.variable else f"environment, as {variable}"
    return f"{known.variable} = {_shown(value)} ({origin})"


def _shown(value: Any) -> str:
    """A value as it is written in the environment."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(pair if isinstance(pair, str) else _shown_pair(*pair) for pair in value) or "''"
    return f"{value:g}" if isinstance(value, float) else str(value) or "''"


def _shown_pair(first: str, second: str | int) -> str:
    return f"{first}:{second}" if isinstance(second, int) else f"{first}=>{second}"


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


def _discovered(package: str, constant: str, mistakes: list[str]) -> Mapping[str, Any]:
    try:
        return discover(package, constant)
    except Exception as error:
        mistakes.append(f"{package} cannot be loaded: {error}")
        return {}


def _memcached(config: Config, mistakes: list[str]) -> list[str]:
    if not config.memcached_servers:
        return ["not used"]
    lines = []
    for host, port in config.memcached_servers:
        answer = memcached_version(host, port)
        if answer is None:
            mistakes.append(f"MEMCACHED_SERVERS contains {host}:{port}, which does not answer")
        lines.append(f"{host}:{port} {'does not answer' if answer is None else f'answers, version {answer}'}")
    return lines


def memcached_version(host: str, port: int) -> str | None:
    """The version that a memcached server reports, or None if it does not answer in time."""
    with suppress(OSError), socket.create_connection((host, port), MEMCACHED_SECONDS) as connection:
        connection.settimeout(MEMCACHED_SECONDS)
        connection.sendall(b"version\r\n")
        word, _, answer = connection.recv(256).decode("ascii", "replace").partition(" ")
        if word == "VERSION":
            return answer.strip()
    return None


def unknown_protocols(config: Config, known: Iterable[str]) -> list[str]:
    """A line for each mapping of URI_MAP to an unknown protocol."""
    protocols = sorted(known)
    return [
        f"URI_MAP contains the unknown protocol {name!r}; known are {_joined(protocols)}"
        for _, name in config.uri_map
        if name not in protocols
    ]


def unknown_formats(config: Config, formats: Mapping[str, SourceFormat]) -> list[str]:
    """A line for each name in EXTRA_FORMATS that no format has that may be switched on."""
    optional = sorted(name for name, kind in formats.items() if kind.optional)
    return [
        f"EXTRA_FORMATS contains the unknown format {name!r}; known are {_joined(optional)}"
        for name in config.extra_formats
        if name not in optional
    ]


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
    return [_written_line(name, encoder) for name, encoder in sorted(encoders.items())]


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


def unusable_settings(config: Config, protocols: Mapping[str, Any]) -> list[str]:
    """A line for each protocol that rejects its settings."""
    mistakes = []
    for protocol in protocols.values():
        try:
            if protocol.check is not None:
                protocol.check(config)
        except ConfigError as error:
            mistakes.append(str(error))
    return mistakes


def unusable_watermark(config: Config) -> list[str]:
    """A line if the watermark cannot be read."""
    try:
        OutputPolicy(config)
    except ConfigError as error:
        return [str(error)]
    return []


def unusable_paths(config: Config) -> list[str]:
    """A line for each folder or file in the settings that cannot be used."""
    mistakes = []
    prefix = config.filesystem_prefix
    folder = prefix if os.path.isdir(prefix) else os.path.dirname(prefix) or "/"
    if not os.path.isdir(folder):
        mistakes.append(f"FILESYSTEM_PREFIX is {prefix!r}; the folder {folder!r} does not exist")
    elif not os.access(folder, os.R_OK | os.X_OK):
        mistakes.append(f"FILESYSTEM_PREFIX is {prefix!r}; this user cannot read the folder {folder!r}")
    if config.verbosity and not _writable(config.logfile):
        mistakes.append(f"LOGFILE is {config.logfile!r}; this user cannot write it")
    return mistakes


def _writable(logfile: str) -> bool:
    if logfile in ("", "-", "syslog"):
        return True
    if os.path.exists(logfile):
        return not os.path.isdir(logfile) and os.access(logfile, os.W_OK)
    return os.access(os.path.dirname(logfile) or ".", os.W_OK | os.X_OK)


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _section(out: TextIO, title: str, lines: Iterable[str]) -> None:
    out.write(f"\n{title}\n")
    out.writelines(f"  {line}\n" for line in lines)
