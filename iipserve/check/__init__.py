"""`--check`: reports settings, libraries, formats, protocols and limits, and what keeps the server from working."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from iipserve import __version__
from iipserve.cache.memcached_server import connect
from iipserve.check.coverages import coverage_lines
from iipserve.check.formats import library_versions, read_lines, written_lines
from iipserve.check.hazards import hazards
from iipserve.check.limits import limits
from iipserve.check.services import service_lines
from iipserve.check.settings import precedence, setting_lines
from iipserve.codecs import Encoder
from iipserve.codecs.avif import has_codec
from iipserve.config import Config, MemcachedAddress, load
from iipserve.config.system_ids import group_number
from iipserve.engine.library import unknown_formats
from iipserve.engine.output_policy import OutputPolicy
from iipserve.errors import ConfigError
from iipserve.registry import discover

MEMCACHED_SECONDS = 1.0
"""Timeout for the answer of a memcached server."""
SAMPLE_ADDRESS = "/run/iipserve/iipserve.sock"
"""Of the unit file."""


def check(
    environ: Mapping[str, str],
    overrides: Mapping[str, Any],
    out: TextIO,
    err: TextIO,
    *,
    fastcgi: str = SAMPLE_ADDRESS,
) -> int:
    """Write the report to `out` and one line per mistake to `err`. The exit code is 1 if there is a mistake, else 0.

    A setting with a mistake has its default in what is checked after it.

    Args:
        environ: environment with the settings.
        overrides: values from the command line, by field of `Config`.
        out: stream for the report.
        err: stream for the mistakes.
        fastcgi: where the server listens for FastCGI, as `--bind` has it.
    """
    out.write(f"iipserve {__version__}, Python {platform.python_version()}\n")
    loaded = load(environ)
    config = dataclasses.replace(loaded.config, **overrides)
    mistakes = [line for name, line in loaded.mistakes.items() if name not in overrides]
    _section(out, "Settings", setting_lines(config, environ, overrides, loaded.mistakes))
    _section(out, "Precedence", precedence(config, environ, overrides))
    _section(out, "Libraries", library_versions())
    read = _discovered("iipserve.sources", "FORMAT", mistakes)
    written = _discovered("iipserve.codecs", "ENCODER", mistakes)
    protocols = _discovered("iipserve.protocols", "PROTOCOL", mistakes)
    coverages = _discovered("iipserve.coverage_formats", "COVERAGE_FORMAT", mistakes)
    files = [*read_lines(read, config.extra_formats), *written_lines(written), *coverage_lines(coverages)]
    _section(out, "Formats", files)
    _section(out, "Protocols", [_joined(protocols)])
    _section(out, "Map services", service_lines(config, read, mistakes))
    absent: list[str] = []
    _section(out, "memcached", _memcached(config, absent))
    _section(out, "Limits", limits(config))
    warnings = [*loaded.warnings, *missing_codecs(config, written), *absent, *hazards(config, fastcgi)]
    _section(out, "Warnings", warnings or ["none"])
    mistakes += unknown_protocols(config, protocols)
    mistakes += unknown_formats(config.extra_formats, read)
    mistakes += unusable_settings(config, protocols)
    mistakes += unusable_watermark(config)
    mistakes += unusable_paths(config)
    mistakes += unusable_group(config)
    for mistake in mistakes:
        err.write(f"{mistake}\n")
    return 1 if mistakes else 0


def _discovered(package: str, constant: str, mistakes: list[str]) -> Mapping[str, Any]:
    try:
        return discover(package, constant)
    except Exception as error:
        mistakes.append(f"{package} cannot be loaded: {error}")
        return {}


def _memcached(config: Config, absent: list[str]) -> list[str]:
    if not config.memcached_servers:
        return ["not used"]
    lines = []
    for address in config.memcached_servers:
        answer = memcached_version(address)
        if answer is None:
            absent.append(
                f"MEMCACHED_SERVERS contains {address}, which does not answer: what it would keep is made anew each time"
            )
        lines.append(f"{address} {'does not answer' if answer is None else f'answers, version {answer}'}")
    return lines


def memcached_version(address: MemcachedAddress) -> str | None:
    """The version that a memcached server reports, or None if it does not answer in time."""
    with suppress(OSError), connect(address, MEMCACHED_SECONDS) as connection:
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


def missing_codecs(config: Config, encoders: Mapping[str, Encoder]) -> list[str]:
    """A line if the library that writes AVIF lacks the encoder of AVIF_CODEC."""
    avif = encoders.get("avif")
    if avif is None:
        return []
    scheme = avif.format.configured_quality(config).scheme
    if has_codec(scheme):
        return []
    library = avif.library() if avif.library else "the library"
    return [f"AVIF_CODEC is {config.avif_codec}; {library} has no encoder {scheme}, and another one is used"]


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
    folder = prefix or "/"
    if not os.path.isdir(folder):
        mistakes.append(f"FILESYSTEM_PREFIX is {prefix!r}, which is no folder at present")
    elif not os.access(folder, os.R_OK | os.X_OK):
        mistakes.append(f"FILESYSTEM_PREFIX is {prefix!r}; this user cannot read that folder")
    if config.verbosity and not _writable(config.logfile):
        mistakes.append(f"LOGFILE is {config.logfile!r}; this user cannot write it")
    return mistakes


def unusable_group(config: Config) -> list[str]:
    """A line if there is no group of the name that sockets are to have."""
    try:
        if config.socket_group:
            group_number(config.socket_group)
    except ValueError as error:
        return [f"SOCKET_GROUP is {config.socket_group!r}; {error}"]
    return []


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
