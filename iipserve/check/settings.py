"""The settings in force, where each comes from, and which wins where several say something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from iipserve.config import Config, Setting, settings, spelling

OTHER_ORIGINS = {"filesystem_prefix": "the current folder, for --http"}
"""Of values from the command line that no option states, by field of `Config`."""


def setting_lines(
    config: Config, environ: Mapping[str, str], overrides: Mapping[str, Any], mistakes: Mapping[str, str]
) -> list[str]:
    """A line for each setting, with its value and where that comes from.

    Args:
        config: the settings in force.
        environ: environment with the settings.
        overrides: values from the command line, by field of `Config`.
        mistakes: by field of `Config`.
    """
    lines = []
    for name, known in settings().items():
        variable = spelling(known, environ)
        if name in mistakes and name not in overrides and variable is not None:
            lines.append(f"{known.variable} = {environ[variable]!r} (mistake)")
        else:
            value = known.parse.show(getattr(config, name)) or "''"
            lines.append(f"{known.variable} = {value} ({_origin(name, known, variable, overrides)})")
    return lines


def _origin(name: str, known: Setting, variable: str | None, overrides: Mapping[str, Any]) -> str:
    if name in overrides:
        return OTHER_ORIGINS.get(name, f"--{name}")
    if variable is None:
        return "default"
    return "environment" if variable == known.variable else f"environment, as {variable}"


def precedence(config: Config, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> list[str]:
    """A line for each setting that another one replaces, and the order of what determines IIIF ids."""
    return [
        _ids(config),
        *_given_twice(environ, overrides),
        *_replaced(config, environ),
        *_without_effect(config, environ),
    ]


def _ids(config: Config) -> str:
    """What the ids in info.json are made of, most important first."""
    sources = ["X-IIIF-ID"] if config.trust_forwarded else []
    if config.base_url:
        return f"IIIF ids: {', '.join([*sources, 'BASE_URL'])}"
    sources += ["X-Forwarded-Proto, -Host, -Port and -Prefix", "Forwarded"] if config.trust_forwarded else []
    return f"IIIF ids: {', '.join([*sources, 'the request and its Host'])}"


def _given_twice(environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Iterator[str]:
    for name, known in settings().items():
        given = [f"--{name}"] if name in overrides and name not in OTHER_ORIGINS else []
        given += [variable for variable in (known.variable, *known.others) if variable in environ]
        for other in given[1:]:
            yield f"{given[0]} wins over {other}={environ[other]}"


def _replaced(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    if not config.embed_icc:
        yield "EMBED_ICC=0 wins over MAX_ICC: no ICC profile is embedded"
    elif config.icc_to_srgb:
        yield "ICC_TO_SRGB=1 wins over MAX_ICC where an image is converted: no ICC profile is embedded"
    if config.has_watermark and not config.watermark_samples:
        yield "WATERMARK is set: PFL, SPECTRA, histograms and coverages are refused (WATERMARK_SAMPLES=1 answers them)"


def _without_effect(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """Settings that were made and that another one makes pointless."""
    reasons = {
        "MEMCACHED_TIMEOUT": not config.memcached_servers and "MEMCACHED_SERVERS is empty",
        "MEMCACHED_PASS": not config.memcached_servers and "MEMCACHED_SERVERS is empty",
        "PDF_DPI": "pdf" not in config.extra_formats and "EXTRA_FORMATS does not name pdf",
        "SVG_DPI": "svg" not in config.extra_formats and "EXTRA_FORMATS does not name svg",
        "LOGFILE": not config.verbosity and "VERBOSITY is 0",
        "TIFF_QUALITY": config.tiff_compression < 2 and f"TIFF_COMPRESSION is {config.tiff_compression}",
        "WATERMARK": not config.has_watermark and "WATERMARK_PROBABILITY or WATERMARK_OPACITY is 0",
    }
    marks = ("WATERMARK_PROBABILITY", "WATERMARK_OPACITY", "WATERMARK_BLEND", "WATERMARK_SAMPLES")
    reasons |= dict.fromkeys(marks, not config.watermark and "WATERMARK is empty")
    for variable, reason in reasons.items():
        if reason and environ.get(variable):
            yield f"{variable} has no effect: {reason}"
